#!/usr/bin/perl
# Processors and runners that die, freeze, leave in order or come back: every job is run again where it
# must be, ends exactly once, and nothing of the dead is left.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);
use Dropmill::Process qw(alive descendants wait_until with_text);
use Dropmill::Processor;

my @user = $> == 0 ? (undef, 'nobody') : (undef);

sub processor {
	my ($user, %option) = @_;
	my $p = Dropmill::Processor->new(defined $user ? (user => $user) : (), %option);
	$p->type('quick', "echo done\n", attempts => 3);
	$p->type('long', "echo '1% running'\nsetsid sleep 4444 &\nsleep 4444\n", attempts => 3);
	# Runs until the file `go` appears in the directory it may read.
	$p->type('waits', "echo '1% running'\nuntil [ -e $p->{dir}/scripts/go ]; do sleep 0.05; done\necho went\n",
		attempts => 3);
	return $p;
}

# Exactly one ending in the history of a job.
sub ends_once {
	my ($p, $job, $name) = @_;
	my @final = grep { $_->{status} =~ /^(?:completed|failed|cancelled)$/ } @{ $job->{history} };
	is(scalar @final, 1, "$name: exactly one ending") or diag explain $job->{history};
}

# A process that holds the lock of an attempt as bubblewrap's init does when bubblewrap itself was killed
# before it told it to go on: a copy of the runner's descriptor, and nobody who tells it to die.
sub orphan {
	my ($p, $runner, $id) = @_;
	my $lock = "$p->{dir}/work/" . $p->job($id)->{uuid} . '-' . $p->job($id)->{attempt} . '/lock';
	my ($fd) = map { m{/(\d+)$} } grep { (readlink // '') eq $lock } glob "/proc/$runner/fd/*";
	my $pidfd = syscall 434, $runner + 0, 0; # pidfd_open
	my $copy = syscall 438, $pidfd, $fd + 0, 0; # pidfd_getfd
	die "no lock of $runner at $lock: $!" if $copy < 0;
	my $pid = fork // die $!;
	if (!$pid) {
		sleep 600;
		require POSIX;
		POSIX::_exit(0);
	}
	require POSIX;
	POSIX::close($_) for $copy, $pidfd;
	return $pid;
}

sub outlived {
	my $p = processor();
	my $pid = $p->start;
	my $id = $p->submit('waits');
	ok($p->step($id, qr/running/), 'a job runs');
	my ($runner) = $p->runners($pid);
	my $orphan = orphan($p, $runner, $id);
	kill 'KILL', $runner;
	ok(wait_until(10, sub { $p->job($id)->{attempt} == 2 }), 'what outlives a runner does not hold up its job') or diag $p->log;
	ok(wait_until(5, sub { waitpid($orphan, 1) == $orphan }), 'and is killed');
	like($p->log, qr/killed what outlived its runner processes=1 /, 'the log says so');

	ok($p->step($id, qr/running/), 'it runs again');
	$orphan = orphan($p, $p->runners($pid), $id);
	$p->kill_it(KILL => $pid);
	my $begin = time;
	$pid = $p->start;
	ok(wait_until(20, sub { $p->job($id)->{attempt} == 3 }), 'nor what outlives a processor');
	cmp_ok(time - $begin, '<', 40, 'long before the lease ends');
	ok(wait_until(5, sub { waitpid($orphan, 1) == $orphan }), 'it is killed too');
	$p->write("$p->{dir}/scripts/go", '');
	is($p->finished($id)->{status}, 'completed', 'the job completes');
	ok(wait_until(20, sub { !$p->leftovers }), 'no work directory is left');
}

sub killed_runner {
	my ($user) = @_;
	my $p = processor($user);
	my $pid = $p->start;
	my $id = $p->submit('waits');
	ok($p->step($id, qr/running/), 'a job runs');
	my ($runner) = $p->runners($pid);
	my @all = descendants($runner);
	kill 'KILL', $runner;
	ok(wait_until(10, sub { $p->job($id)->{attempt} == 2 }), 'its runner is killed: a second attempt');
	ok(wait_until(5, sub { !grep { alive($_) } @all }), 'nothing of the first is left');
	$p->write("$p->{dir}/scripts/go", '');
	my $job = $p->finished($id);
	is($job->{status}, 'completed', 'completed');
	is($job->{result}, 'went', 'with its result');
	is($job->{retry_count}, 1, 'one retry');
	ends_once($p, $job, 'killed runner');

	unlink "$p->{dir}/scripts/go";
	$id = $p->submit('waits');
	for my $n (1 .. 3) {
		ok($p->step($id, qr/running/) && wait_until(10, sub { $p->job($id)->{attempt} == $n && $p->runners($pid) }),
			"attempt $n");
		kill 'KILL', $p->runners($pid);
		wait_until(10, sub { my $j = $p->job($id); $j->{attempt} > $n || $j->{status} ne 'processing' });
	}
	$job = $p->finished($id);
	is($job->{status}, 'failed', 'a job that takes its runner down three times is quarantined');
	like($job->{error}, qr/quarantined/, $job->{error});
	ok(wait_until(10, sub { !$p->leftovers }), 'no work directory is left');
	is($p->kill_it(TERM => $pid), 0, 'and the processor is well');
}

sub killed_processor {
	my ($user) = @_;
	my $p = processor($user, config => { workers => 4 });
	$p->type('once', "echo '1% running'\nsleep 4444\n", attempts => 3, retry_on => 'tempfail');
	my $pid = $p->start;
	my @id = map { $p->submit('waits') } 1 .. 2;
	my @once = map { $p->submit('once') } 1 .. 2;
	ok($p->step($_, qr/running/), "job $_ runs") for @id, @once;
	$p->dropmill('job', 'pause', $once[1]);
	my @all = descendants($pid);
	cmp_ok(scalar @all, '>=', 6, 'runners, sandboxes, commands');
	$p->kill_it(KILL => $pid);
	ok(wait_until(5, sub { !grep { alive($_) } @all }), 'killed: all of them are gone');
	is($p->job($id[0])->{status}, 'processing', 'the database does not know yet');
	$p->write("$p->{dir}/scripts/go", '');
	my $start = time;
	$pid = $p->start;
	for my $id (@id) {
		my $job = $p->finished($id);
		is($job->{status}, 'completed', 'completed after the restart');
		is($job->{attempt}, 2, 'at the second attempt');
		ends_once($p, $job, 'killed processor');
	}
	cmp_ok(time - $start, '<', 15, 'within 15 s');
	for my $id (@once) {
		my $job = $p->finished($id);
		is($job->{status}, 'failed', 'one whose type does not retry what was lost is not run again');
		is($job->{attempt}, 1, 'not once');
		is($job->{error}, 'its processor died or stopped answering', 'and says why');
		ends_once($p, $job, 'retry_on = tempfail');
	}
	ok(wait_until(10, sub { !$p->leftovers }), 'work directories of the dead are removed')
		or diag join ' ', $p->leftovers, $p->log;
	is($p->sql('SELECT count(*) FROM jobs WHERE lease_token IS NOT NULL'), 0, 'no lease is left');
	$p->kill_it(TERM => $pid);
	is($p->sql('SELECT count(*) FROM workers WHERE ended_at IS NULL'), 0, 'no processor is left');
	is($p->sql('PRAGMA integrity_check'), 'ok', 'the database is well');
}

# In a container whose first process waits for nobody: what dies stays there as a zombie.
sub unreaped {
	my ($user) = @_;
	require POSIX;
	syscall 157, 36, 1, 0, 0, 0; # prctl(PR_SET_CHILD_SUBREAPER): orphans come to us
	killed_processor($user);
	syscall 157, 36, 0, 0, 0, 0;
	my $zombies = 0;
	$zombies++ while waitpid(-1, POSIX::WNOHANG()) > 0;
	cmp_ok($zombies, '>=', 2, 'and nobody had waited for the dead');
}

sub handed_back {
	my ($user) = @_;
	my $p = processor($user, config => { stop_grace => '300ms' });
	my $pid = $p->start;
	my $id = $p->submit('long');
	ok($p->step($id, qr/running/), 'a job runs');
	my @all = descendants($pid);
	my $start = time;
	is($p->kill_it(TERM => $pid), 0, 'SIGTERM: a clean end');
	cmp_ok(time - $start, '>', 0.25, 'after the grace');
	ok(!(grep { alive($_) } @all), 'no process is left');
	my $job = $p->job($id);
	is($job->{status}, 'pending', 'the job is pending again');
	is($job->{retry_count}, 0, 'which counts nothing');
	ok(wait_until(10, sub { !$p->leftovers }), 'no work directory is left');

	$pid = $p->start;
	ok($p->step($id, qr/running/), 'the next processor runs it');
	my $new = $p->submit('quick');
	is($p->finished($new)->{status}, 'completed', 'and others');
	kill 'INT', $pid;
	$start = time;
	sleep 0.05;
	is($p->kill_it(INT => $pid), 0, 'SIGINT twice: a clean end');
	is($p->job($id)->{status}, 'pending', 'the job is pending again');
}

sub frozen_processor {
	my ($user) = @_;
	my $p = processor($user, config => { lease => '2s', heartbeat => '500ms', workers => 1 });
	my $first = $p->start;
	my $id = $p->submit('waits');
	ok($p->step($id, qr/running/), 'a job runs');
	my ($runner) = $p->runners($first);
	my $second = $p->start;
	kill 'STOP', $first, $runner;
	ok(wait_until(15, sub { $p->job($id)->{attempt} == 2 }), 'its processor freezes: another takes it');
	$p->write("$p->{dir}/scripts/go", '');
	my $job = $p->finished($id);
	is($job->{status}, 'completed', 'and completes it');
	kill 'CONT', $first, $runner;
	ok(wait_until(10, sub { !$p->runners($first) }), 'the first wakes and gives up its attempt');
	my $again = $p->job($id);
	is_deeply([ @$again{qw(status attempt result updated_at)} ], [ @$job{qw(status attempt result updated_at)} ],
		'which changes nothing');
	ends_once($p, $again, 'frozen processor');
	is_deeply([ sort map { $_->{filename} } @{ $again->{outputs} } ], [], 'no stray output');
	my @id = map { $p->submit('quick') } 1 .. 6;
	is($p->finished($_)->{status}, 'completed', 'both go on') for @id;
	is($p->kill_it(TERM => $_), 0, 'a clean end') for $first, $second;
	ok(wait_until(10, sub { !$p->leftovers }), 'no work directory is left');
}

sub reload {
	my ($user) = @_;
	my $p = processor($user);
	my $pid = $p->start;
	my $id = $p->submit('waits');
	ok($p->step($id, qr/running/), 'a job runs');
	$p->type('fresh', "echo fresh\n");
	$p->write("$p->{dir}/jobs.d/quick.conf", "[job quick]\ntitle = Quick\ncolour = red\n");
	kill 'HUP', $pid;
	ok(wait_until(10, sub { ($p->dropmill('types', 'list'))[1] =~ /fresh/ }), 'SIGHUP: a new type');
	is($p->finished($p->submit('fresh'))->{result}, 'fresh', 'it runs');
	like($p->log, qr/quick\.conf:\d+: .*colour/, 'a broken file is named with its line');
	is($p->finished($p->submit('quick'))->{status}, 'completed', 'and the old definition stays');
	is($p->job($id)->{status}, 'processing', 'the running job runs on');
	$p->write("$p->{dir}/scripts/go", '');
	is($p->finished($id)->{attempt}, 1, 'and ends');
}

for my $user (@user) {
	my $name = $user // ($> == 0 ? 'root' : 'ourselves');
	subtest "a killed runner ($name)" => sub { killed_runner($user) };
	subtest "a killed processor ($name)" => sub { killed_processor($user) };
	subtest "a processor that is stopped ($name)" => sub { handed_back($user) };
	subtest "the dead whom nobody waits for ($name)" => sub { unreaped($user) };
	subtest "a processor that freezes ($name)" => sub { frozen_processor($user) };
}
SKIP: {
	skip 'a copy of the descriptor of a runner needs root', 1 if $> != 0;
	subtest 'what outlives a runner or a processor' => \&outlived;
}
subtest 'job types are read again' => sub { reload(undef) };

# A host that allows no sandbox: inside a user namespace that allows no further ones.
subtest 'a host without sandboxes' => sub {
	my @wrap = ('bwrap', '--dev-bind', '/', '/', '--unshare-user', '--disable-userns',
		'--die-with-parent', '--');
	for my $mode (qw(require auto off)) {
		my $p = processor($> == 0 ? 'nobody' : undef, config => { sandbox => $mode }, wrap => \@wrap);
		$p->type('quick', "cat \"\$1\" >\"\$2/out.txt\" && pwd && exit 0\n");
		my $id = eval { $p->start; 1 } ? 0 : diag $@;
		$id = $p->submit('quick');
		if ($mode eq 'require') {
			sleep 2;
			is($p->job($id)->{status}, 'pending', 'sandbox = require: nothing is claimed');
			like($p->log, qr/error: nothing is claimed: sandbox: /, 'and the log says why');
		} else {
			my $job = $p->finished($id);
			is($job->{status}, 'completed', "sandbox = $mode: it runs all the same") or diag explain $job;
			is($p->output($job, 'out.txt'), "some input\n", 'with its input and output');
			like($p->log, $mode eq 'auto' ? qr/error: .* WITHOUT a sandbox/ : qr/warning: sandbox = off/, 'with a warning');
		}
	}
};

# Without a sandbox, as root: still as run_user.
subtest 'no sandbox, root' => sub {
	plan skip_all => 'not root' if $> != 0;
	my $p = processor(undef, config => { sandbox => 'off' });
	# Without a sandbox the command is run where it lies, which run_user must be able to reach.
	$p->type('who', '', command => '/bin/sh -c "id -un; cp \\"$1\\" \\"$2/copy\\"; test ! -r /etc/shadow" - {input} {output}');
	$p->start;
	my $job = $p->finished($p->submit('who'));
	is($job->{status}, 'completed', 'it runs') or diag explain($job), $p->log;
	is($job->{result}, 'nobody', 'as run_user');
	is($p->output($job, 'copy'), "some input\n", 'with its input and output');
};

done_testing;
