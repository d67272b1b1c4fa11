#!/usr/bin/perl
# The output limit and by how much it can be passed: a single file by nothing, many files by what is written
# between two looks, files without a name like any other; and no room is taken faster than it is written.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Dropmill::Processor;

# Writes files of 64 KiB until it is stopped, and says when and how much it had written. %s: what it does with a
# file that is full.
my $writer = <<'END';
exec perl -MTime::HiRes=time -e '$| = 1; chdir $ARGV[0] or die; my $block = "x" x 65536; my $n = 0;
	while (++$n < 20000) { open my $f, ">", $n or die; %s syswrite $f, $block; push @keep, $f if %d;
		printf "%%.3f %%d\n", time, $n * 65536; }' "$2"
END

sub check {
	my ($who, @option) = @_;
	my $p = Dropmill::Processor->new(@option, config => { workers => 1 });
	my %limits = (output_max => '4M', timeout => '30s');
	$p->type('one', 'exec perl -e \'$SIG{XFSZ} = "IGNORE"; open my $f, ">", "$ARGV[0]/f" or die; 1 while syswrite $f, "x" x 300000; '
		. 'printf "%s: %d bytes\n", $!, -s $f\' "$2"' . "\n", %limits);
	$p->type('many', sprintf($writer, '', 0), %limits);
	$p->type('nameless', sprintf($writer, 'unlink $n;', 1), %limits);
	$p->type('reserve', qq{cd "\$2" && fallocate -l 1M reserved 2>&1\nfallocate -p -l 4096 reserved && echo holes are fine\n}, %limits);
	$p->start;
	my %id = map { $_ => $p->submit($_) } qw(one many nameless reserve);

	my $job = $p->finished($id{one});
	is($job->{status}, 'completed', 'a command that heeds the refusal completes') or diag explain $job;
	is($job->{result}, 'File too large: 4194304 bytes', 'a single file does not pass the limit by a byte');

	for my $type (qw(many nameless)) {
		$job = $p->finished($id{$type}, 60);
		is($job->{error}, 'stopped: wrote more than 4 MB', "$type: stopped");
		my @said = map { [split] } grep { /^[\d.]+ \d+$/ } split /\n/, $p->job_log($job);
		my ($passed) = grep { $_->[1] > 4 << 20 } @said;
		cmp_ok($said[-1][0] - $passed->[0], '<', 3, 'soon after it passed the limit');
		note sprintf '%s: passed by %.1f MiB in %.3f s', $type, ($said[-1][1] - (4 << 20)) / 1048576,
			$said[-1][0] - $passed->[0];
	}
	$job = $p->finished($id{reserve});
	like($p->job_log($job), qr/fallocate failed: Operation not supported/, 'room is not to be had without writing');
	is($job->{result}, 'holes are fine', 'making holes is');
}

Dropmill::Processor->by_root_and_others(\&check);
done_testing;
