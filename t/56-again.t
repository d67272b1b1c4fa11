#!/usr/bin/perl
# A runner that serves one job after the other: that nothing of the one reaches the next, and which jobs it
# is not given.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP qw(decode_json);
use Test::More;
use Dropmill::Process qw(alive children groups_of identity wait_until);
use Dropmill::Processor;

# Those that wait for another job, as identities.
sub idle {
	my ($p, $pid) = @_;
	return grep { defined } map { identity($_) } grep { ($p->_read("/proc/$_/comm") // '') eq "dropmill-idle\n" } children($pid);
}

# The one that waits after a job.
sub waiting {
	my ($p, $pid) = @_;
	my @idle;
	wait_until(5, sub { @idle = idle($p, $pid); @idle && !$p->runners($pid) });
	return "@idle";
}

sub processor {
	my $p = Dropmill::Processor->new(@_, config => { workers => 1 });
	$p->type('says', <<'SH');
text=$(cat "$1")
ls /job/in /job/out >"$2/seen-$text.txt"
echo "10% step of $text"
echo "error of $text" >&2
sleep 0.4
echo "result of $text"
SH
	$p->type('quiet', 'exit 3');
	$p->type('twice', 'exit 0', attempts => 2);
	$p->type('later', "[ -e /job/out/../../usr ] && exit 75\n", attempts => 2);
	$p->type('knows', 'sleep 0.2; echo "${#DROPMILL_PARAM_PW}"', 'param.pw' => 'secret');
	$p->write("$p->{top}/$_.txt", "$_\n", 0644) for qw(one two);
	return $p;
}

sub serves_again {
	my ($name, @user) = @_;
	my $p = processor(@user);
	my $pid = $p->start(env => { DROPMILL_DEBUG => 1 });
	my $first = $p->finished($p->submit('says', "$p->{top}/one.txt"));
	is($first->{result}, 'result of one', 'a job') or diag $first->{error};
	my $runner = waiting($p, $pid);
	ok($runner, 'its runner waits') or diag grep { !m{debug: sql} } split m{^}m, $p->log;
	my ($number) = $runner =~ /^(\d+)/;

	my $second = $p->finished($p->submit('says', "$p->{top}/two.txt"));
	is($second->{status}, 'completed', 'another') or diag $second->{error};
	is(waiting($p, $pid), $runner, 'is served by the same');
	is($second->{result}, 'result of two', 'its result');
	is($p->job_log($second), "10% step of two\nerror of two\nresult of two\n", 'its log');
	is($p->job_log($first), "10% step of one\nerror of one\nresult of one\n", 'and not that of the first');
	is($p->output($second, 'seen-two.txt'), "/job/in:\ntwo.txt\n\n/job/out:\nseen-two.txt\n", 'it sees its own files alone');
	is($second->{attempt}, 1, 'in one attempt');

	my $third = $p->finished($p->submit('quiet', "$p->{top}/one.txt"));
	is(waiting($p, $pid), $runner, 'a third, which fails');
	is($third->{status}, 'failed', 'is told so');
	is_deeply([ @$third{qw(result current_step progress)} ], [ undef, undef, 0 ], 'nothing is left of what others said')
		or diag explain $third;
	unlike($third->{error}, qr/error of/, $third->{error});
	is($p->job_log($third), '', 'an empty log');
	is(scalar(() = $p->log =~ /a runner serves again pid=$number /g), 2, 'twice it served again') or diag grep { !m{debug: sql} } split m{^}m, $p->log;

	my %status = ($p->_read("/proc/$number/status") // '') =~ /^(\w+):\s*(.*)$/mg;
	unlike($status{Uid}, qr/\b0\b/, 'it waits without the rights of root');
	is($status{CapEff}, '0' x 16, 'and without others');
	my %open = map { readlink($_) // '' => 1 } glob "/proc/$number/fd/*";
	ok(!(grep { m{^/(?!dev/null|sys/fs/cgroup/)} && !m{/processor\.log$} } keys %open), 'it holds no file of a job') or diag explain \%open;
	# A runner that was not started by root sees the mounts of its processor.
	unlike($p->_read("/proc/$number/mountinfo"), qr{ /sys}, 'it sees few mounts of the host') if !@user;
	ok(!-e "/proc/$number/root/tmp/job", 'and no file of the last job') if !@user;
	spawners($p, $pid, $number);
	$p->finished($p->submit('quiet'));
	($number) = waiting($p, $pid) =~ /^(\d+)/;
	kill_and_end($p, $pid, $number);
	return;
}

# The process that makes the commands of a runner.
sub spawner {
	my ($p, $runner) = @_;
	return grep { ($p->_read("/proc/$_/comm") // '') =~ /^dropmill-spawn/ } children($runner);
}

sub spawners {
	my ($p, $pid, $runner) = @_;
	my @first = spawner($p, $runner);
	is(scalar @first, 1, 'it keeps one process');
	my %status = ($p->_read("/proc/$first[0]/status") // '') =~ /^(\w+):\s*(.*)$/mg;
	unlike($status{Uid}, qr/\b0\b/, 'which is not root either');
	is_deeply([ grep { !m{^(?:/dev/null|socket:|.*/processor\.log)} } map { readlink // () } glob "/proc/$first[0]/fd/*" ],
		[], 'and holds nothing');
	kill 'KILL', $first[0];
	my $job = $p->finished($p->submit('says', "$p->{top}/one.txt"));
	is("$job->{status} $job->{attempt}", 'completed 1', 'a job whose spawner was killed before it came');
	is((waiting($p, $pid) =~ /^(\d+)/)[0], $runner, 'has the same runner');
	my @second = spawner($p, $runner);
	is(scalar @second, 1, 'with another spawner');
	isnt("@second", "@first", 'a new one');
	# One that dies when it has been asked: nobody knows how far it came.
	kill 'STOP', $second[0];
	my $id = $p->submit('twice', "$p->{top}/one.txt");
	ok(wait_until(5, sub { $p->runners($pid) }), 'a job whose spawner does not answer');
	sleep 0.2;
	kill 'KILL', $second[0];
	$job = $p->finished($id);
	is("$job->{status} $job->{attempt}", 'completed 2', 'runs again when that has died');
	ok(wait_until(5, sub { !alive($runner) }), 'and so has its runner');
	return;
}

sub kill_and_end {
	my ($p, $pid, $number) = @_;
	kill 'KILL', $number;
	my $job = $p->finished($p->submit('says', "$p->{top}/one.txt"));
	is($job->{status}, 'completed', 'one that is killed while it waits is replaced');
	is($job->{attempt}, 1, 'at the cost of no job');
	my $runner = waiting($p, $pid);
	ok(wait_until(15, sub { !alive($runner) }), 'one that nobody needs goes');
	is_deeply([ groups_of($pid) ], [], 'and its control group');
	$p->finished($p->submit('quiet'));
	$runner = waiting($p, $pid);
	is($p->kill_it(TERM => $pid), 0, 'the processor ends');
	ok(!alive($runner), 'and with it the one that waits');
	is_deeply([ groups_of($pid) ], [], 'and its group');
	$pid = $p->start;
	$p->finished($p->submit('quiet'));
	$runner = waiting($p, $pid);
	ok($runner, 'another waits');
	ok(scalar(groups_of($pid)) || $p->log !~ /limits=cgroup/, 'in a group of its own');
	$p->kill_it(KILL => $pid);
	ok(wait_until(5, sub { !alive($runner) }), 'it does not outlive a processor that is killed');
	my $next = $p->start;
	SKIP: {
		skip 'with version 2 they go with the unit', 1 if $p->log =~ /limits=cgroup v2/;
		ok(wait_until(5, sub { !groups_of($pid) }), 'whose groups the next clears away');
	}
	$p->kill_it(TERM => $next);
	return;
}

sub one_of_its_own {
	my ($name, @user) = @_;
	my $p = processor(@user);
	my $pid = $p->start(env => { DROPMILL_DEBUG => 1 });
	$p->finished($p->submit('quiet'));
	my $runner = waiting($p, $pid);
	my ($code, $out) = $p->dropmill('--json', 'submit', '--type', 'knows', '--param', 'pw=correct-horse', "$p->{top}/one.txt");
	my $id = decode_json($out)->{jobs}[0]{id};
	is($p->finished($id)->{result}, '13', 'a job with a secret');
	ok(wait_until(5, sub { !$p->runners($pid) }), 'its runner goes');
	ok(!(grep { $_ ne $runner } idle($p, $pid)), 'and waits for no other job');
	unlike($p->log, qr/serves again .* job=$id$/m, 'nor was it one that waited');
	$id = $p->submit('later');
	is($p->finished($id)->{attempt}, 2, 'a job that is tried again');
	is(scalar(() = $p->log =~ /serves again .* job=$id$/mg), 1, 'has a runner of its own the second time') or diag grep { !m{debug: sql} } split m{^}m, $p->log;
	$p->kill_it(TERM => $pid);
	return;
}

# Jobs of one runner share its group.
sub memory {
	my ($name, @user) = @_;
	my $p = Dropmill::Processor->new(@user, config => { workers => 1 });
	$p->type('quiet', 'exit 3');
	$p->type('other', 'exit 0', memory => '65M');
	$p->type('holds', q{perl -e '$x = "x" x (48 << 20); $x .= "y"'}, memory => '256M');
	$p->type('holds-nothing', 'exit 0', memory => '256M');
	$p->type('survives', q{perl -e '$x = "x" x (1 << 30)'; exit 0}, memory => '64M');
	$p->type('after', 'exit 1', memory => '64M');
	my $pid = $p->start(env => { DROPMILL_DEBUG => 1 });
	my $cgroup = $p->log =~ /limits=cgroup/;
	my $served = sub { scalar(() = $p->log =~ /serves again/g) };

	my $holds = $p->finished($p->submit('holds'));
	my $nothing = $p->finished($p->submit('holds-nothing'));
	is($served->(), 1, 'two jobs of one limit: one runner');
	cmp_ok($holds->{peak_bytes}, '>', 48 << 20, 'what the first used is told');
	cmp_ok($nothing->{peak_bytes}, '<', 32 << 20, 'and not as used by the second');
	$p->finished($p->submit('other'));
	is($served->(), 1, 'another limit: another runner');
	SKIP: {
		skip 'no control group here', 3 if !$cgroup;
		my $survives = $p->finished($p->submit('survives'));
		# With version 2 all of it goes together.
		is($survives->{status}, $p->log =~ /limits=cgroup v2/ ? 'failed' : 'completed',
			'a command may survive that the kernel kills a part of it');
		my $after = $p->finished($p->submit('after'));
		is($after->{error}, 'the command ended with exit code 1', 'the next of its kind is not blamed for that');
		is($served->(), 1, 'for it has a runner of its own');
	}
	$p->kill_it(TERM => $pid);
	return;
}

Dropmill::Processor->by_root_and_others(\&memory);
Dropmill::Processor->by_root_and_others(\&serves_again);
Dropmill::Processor->by_root_and_others(\&one_of_its_own);
done_testing;
