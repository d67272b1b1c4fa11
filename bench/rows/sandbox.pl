# What a job in the sandbox costs; beside bubblewrap alone with the same arguments.
use strict;
use warnings;
use File::Copy qw(copy);
use lib 't/lib';
use Dropmill::Processor;
our (%row, $build, $rounds, $seconds);

# A processor with a type whose command is `stamp`, and that program where everybody may read it.
sub stamping {
	my ($workers) = @_;
	my $p = Dropmill::Processor->new(config => { workers => $workers });
	chmod 0755, $p->{top};
	copy("$build/bench/stamp", "$p->{dir}/scripts/stamp") or die "stamp: $!";
	chmod 0755, "$p->{dir}/scripts/stamp";
	mkdir "$p->{top}/bare";
	copy("$build/bench/stamp", "$p->{top}/bare/stamp") or die "stamp: $!";
	chmod 0755, "$p->{top}/bare/stamp";
	$p->type('stamp', '', command => 'stamp');
	return $p;
}

sub figure {
	my @command = @_;
	my $n = `$build/bench/sandbox @command`;
	die "sandbox @command: failed\n" if $?;
	return $n eq '' ? 0 : $n + 0; # fill says nothing
}

# Jobs per second with a queue that never runs dry, on all cores.
$row{sandboxed} = sub {
	chomp(my $cores = `nproc`);
	my $p = stamping($cores);
	my $conf = "$p->{dir}/dropmill.conf";
	my $pid = $p->start;
	$p->kill_it(TERM => $pid);
	figure('fill', $conf, 'stamp', 500 * $seconds * ($rounds + 2));
	my $ms = $seconds * 1000;
	my %r = in_turn(
		[ ours => sub {
			my $processor = $p->start;
			select undef, undef, undef, 0.3;
			my $n = figure('rate', $conf, $ms);
			$p->kill_it(TERM => $processor);
			return $n;
		} ],
		[ bare => sub { figure('bare', "$p->{top}/bare/stamp", $cores, $ms) } ]);
	report('sandboxed jobs, all cores', $r{ours}, 'bubblewrap alone, all cores', $r{bare}, 0.8);
};

# From the commit of a job to its command's first instruction, nothing else running.
$row{start} = sub {
	my $p = stamping(1);
	my $conf = "$p->{dir}/dropmill.conf";
	my $pid = $p->start;
	my %r = in_turn(
		[ ours => sub { figure('first', $conf, 'stamp', 20 * $seconds) } ],
		[ bare => sub { figure('bare-first', "$p->{top}/bare/stamp", 20 * $seconds) } ]);
	$p->kill_it(TERM => $pid);
	report('commit to first instruction', $r{ours}, 'bubblewrap alone', $r{bare}, 1.5, less => 1, unit => 'ms');
};

1;
