#!/usr/bin/perl
# Inputs are what was uploaded: the first attempt records the digest, every later one compares before the
# command runs; and what a job moved between memory and disk is recorded.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha256_hex);
use Test::More;
use Dropmill::Process qw(wait_until);
use Dropmill::Processor;

my $p = Dropmill::Processor->new(config => { backoff => '2s' });
$p->type('fine', "cat \"\$1\"; dd if=/dev/zero of=\"\$2/x\" bs=1M count=3 conv=fsync 2>/dev/null\n");
$p->type('again', "echo \"attempt \$DROPMILL_ATTEMPT\"; exit 75\n", attempts => 3, retry_on => 'any tempfail');
my $pid = $p->start;

sub stored {
	my ($id) = @_;
	my $uuid = $p->sql("SELECT uuid FROM files WHERE job_id = $id AND output = 0");
	return "$p->{dir}/store/" . substr($uuid, -2) . "/$uuid";
}

my $id = $p->submit('fine');
my $job = $p->finished($id);
is($job->{status}, 'completed', 'a job') or diag $p->log, explain $job;
is($job->{inputs}[0]{sha256}, sha256_hex("some input\n"), 'the digest of its input is recorded');
ok(defined $job->{io_read_bytes}, 'bytes read are recorded');
my ($type) = (qx(stat -f -c %T $p->{dir}))[0] =~ /(\S+)/;
cmp_ok($job->{io_write_bytes}, '>=', $type eq 'tmpfs' ? 0 : 3 << 20, 'and bytes written');

# Changed between two attempts: same size, other bytes.
$id = $p->submit('again');
ok(wait_until(20, sub { $job = $p->job($id); $job->{retry_count} == 1 }), 'a job that waits for its second attempt');
is($job->{inputs}[0]{sha256}, sha256_hex("some input\n"), 'its input has a digest by now');
open my $out, '+<', stored($id) or die $!;
print $out 'S';
close $out or die $!;
$job = $p->finished($id);
is($job->{status}, 'failed', 'its input is changed: it fails');
like($job->{error}, qr/^input "input\.txt" is not the file any more that was uploaded/, "in words: $job->{error}");
is($job->{retry_count}, 1, 'and is not tried again, whatever the type says');
unlike($p->job_log($job), qr/attempt 2/, 'its command did not run');

# Gone.
$id = $p->submit('again');
ok(wait_until(20, sub { $p->job($id)->{retry_count} == 1 }), 'another');
unlink stored($id) or die $!;
$job = $p->finished($id);
is($job->{status}, 'failed', 'its input is gone: it fails');
like($job->{error}, qr/^input "input\.txt" is not in the store any more/, "in words: $job->{error}");
is($job->{retry_count}, 1, 'and is not tried again');
is($p->finished($p->submit('fine'))->{status}, 'completed', 'others go on');
is($p->kill_it(TERM => $pid), 0, 'a clean end');
done_testing;
