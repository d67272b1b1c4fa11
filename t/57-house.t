#!/usr/bin/perl
# What a processor does besides jobs: what it tells its service manager, what it sweeps, how it deals with
# a runner that hangs, with a type that this host cannot run, and with wrong settings.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::UNIX;
use Socket qw(SOCK_DGRAM);
use Test::More;
use Time::HiRes qw(sleep time);
use Dropmill::Cgi;
use Dropmill::Process qw(alive descendants wait_until with_text);
use Dropmill::Processor;

my $build = $ENV{BUILD} // "$FindBin::Bin/../build";
my $sanitized = `nm -D $build/dropmill-processor 2>/dev/null` =~ /__asan_init/;

subtest 'a service manager is told' => sub {
	my $p = Dropmill::Processor->new;
	$p->type('one', "exit 0\n");
	my $path = "$p->{top}/notify";
	my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path) or die "$path: $!";
	chmod 0777, $path;
	$socket->blocking(0);
	my @told;
	my $told = sub {
		my ($want) = @_;
		my $text;
		push @told, split /\n/, $text while defined $socket->recv($text, 4096) && length $text;
		return scalar grep { $_ eq $want } @told;
	};
	my $pid = $p->start(env => { NOTIFY_SOCKET => $path, WATCHDOG_USEC => 3000000 });
	ok(wait_until(5, sub { $told->('READY=1') }), 'READY=1');
	is($p->sql('SELECT count(*) FROM job_types t, workers w WHERE t.created_at > w.started_at'), 0,
		'a processor that can be seen has published its types');
	cmp_ok($p->sql('SELECT count(*) FROM job_types'), '>', 0, 'of which there are some');
	ok(wait_until(5, sub { $told->('WATCHDOG=1') > 1 }), 'WATCHDOG=1, again and again');
	# Somebody holds the database: a turn cannot end, so nobody is told that all is well.
	open my $lock, '>>', "$p->{dir}/dropmill.db-cur.lock" or die $!;
	flock $lock, 2 or die $!;
	kill 'HUP', $pid; # publishing needs to write
	sleep 1;
	$told->('');
	my $before = $told->('WATCHDOG=1');
	sleep 2.5;
	is($told->('WATCHDOG=1'), $before, 'no WATCHDOG=1 while a turn hangs at the database');
	close $lock;
	ok(wait_until(5, sub { $told->('WATCHDOG=1') > $before }), 'WATCHDOG=1 when it goes on');
	$p->kill_it(TERM => $pid);
	ok($told->('STOPPING=1'), 'STOPPING=1');
};

SKIP: {
	skip 'a read-only /proc/sys needs root', 1 if $> != 0;
	subtest 'as in a container, where /proc/sys is read-only' => sub {
		# The kernel lets a sandbox mount /proc only where a whole one can be seen, as it can under systemd-nspawn.
		my $whole = File::Temp::tempdir('dm-proc-XXXXXX', TMPDIR => 1, CLEANUP => 1);
		my $p = Dropmill::Processor->new(wrap => [ qw(unshare -m sh -c),
			"mount -t proc proc $whole && mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys"
			. ' && exec "$0" "$@"' ]);
		$p->type('nest', "unshare -U true 2>/dev/null && echo nested >\"\$2/x\" || echo alone >\"\$2/x\"\n");
		$p->start;
		my $job = $p->finished($p->submit('nest'));
		is($job->{status}, 'completed', 'a job runs') or diag $p->log;
		is($p->output($job, 'x'), "alone\n", 'and cannot make user namespaces');
	};
}

SKIP: {
	skip 'mounts need root', 1 if $> != 0;
	subtest 'a mount below /etc' => sub {
		my $top = File::Temp::tempdir('dm-mount-XXXXXX', TMPDIR => 1, CLEANUP => 1);
		open my $out, '>', "$top/hosts" or die $!;
		print $out "192.0.2.1 one.example\n";
		close $out;
		chmod 0644, "$top/hosts";
		# As in a container; t/56-again.t looks at what a runner does not see.
		my $p = Dropmill::Processor->new(wrap => [ qw(unshare -m sh -c), "mount --bind $top/hosts /etc/hosts"
			. ' && exec "$0" "$@"' ]);
		$p->type('reads', 'cat /etc/hosts >"$2/x"', network => 'yes');
		$p->start;
		my $job = $p->finished($p->submit('reads'));
		is($job->{status}, 'completed', 'a job runs') or diag $job->{error}, $p->log;
		is($p->output($job, 'x'), "192.0.2.1 one.example\n", 'it sees what is mounted below /etc');
	};
}

subtest 'what nobody came for is swept' => sub {
	my $p = Dropmill::Processor->new(config => { sweep_age => '2s' });
	$p->type('good', "echo x >\"\$2/x\"\necho a line\n");
	my $uuid = '01900000-0000-7000-8000-0000000000';
	my $pid = $p->start;
	my $job = $p->finished($p->submit('good'));
	mkdir "$p->{dir}/$_" for map { ("store/$_", "store/log/$_") } qw(aa bb);
	my @orphans = map { "$p->{dir}/$_" }
		'spool/0000000001', "store/aa/${uuid}aa", "store/log/bb/${uuid}bb-1", "store/log/bb/${uuid}bb-f";
	my $other = "$p->{dir}/store/aa/README";
	$p->write($_, 'x') for @orphans, $other;
	sleep 1;
	is(scalar(grep { -e } @orphans), 4, 'what is young stays');
	ok(wait_until(20, sub { !grep { -e } @orphans }), 'what is old and belongs to nobody goes') or diag grep { -e } @orphans;
	ok(-e $other, 'what is none of ours stays');
	is($p->output($job, 'x'), "x\n", 'what has a row stays');
	is($p->job_log($job), "a line\n", 'so does its log');
	# a directory that an attempt of no living processor left, full of traps
	my $dead = "$p->{dir}/work/${uuid}cc-1";
	system("mkdir -p $dead/out/locked && touch $dead/out/locked/f && ln -s / $dead/out/root && chmod 0 $dead/out/locked"
		. " && echo 'worker 99' >$dead/lock") == 0 or die;
	ok(wait_until(15, sub { !-e $dead }), 'a work directory of the dead goes');
	ok(-d '/usr', 'and nothing it pointed to');
};

subtest 'a runner that hangs' => sub {
	my $p = Dropmill::Processor->new;
	$p->type('long', "echo '1% running'\nsleep 5555\n", attempts => 2);
	my $pid = $p->start;
	my $id = $p->submit('long');
	ok($p->step($id, qr/running/), 'a job runs');
	my ($runner) = $p->runners($pid);
	my @all = descendants($runner);
	kill 'STOP', $runner;
	$p->dropmill('job', 'cancel', $id);
	my $start = time;
	ok(wait_until(5, sub { !grep { alive($_) } @all, $runner }), 'a stopped runner is killed when its job is cancelled');
	cmp_ok(time - $start, '<', $sanitized ? 6 : 3, 'within 3 s');
	is($p->job($id)->{status}, 'cancelled', 'cancelled');
	ok(wait_until(5, sub { $p->sql("SELECT count(*) FROM jobs WHERE lease_token IS NOT NULL") == 0 }), 'no lease is left');
	ok(wait_until(5, sub { !$p->leftovers }), 'no work directory');
	is($p->kill_it(TERM => $pid), 0, 'a clean end');
};

subtest 'a type this host cannot run' => sub {
	my $p = Dropmill::Processor->new;
	$p->type('lost', "exit 0\n", read => "$p->{top}/optional");
	$p->type('good', "echo fine\n");
	my $pid = $p->start;
	my $id = $p->submit('lost');
	ok(wait_until(10, sub { $p->log =~ /no job of this type is claimed for a minute/ }), 'it is suspended') or diag $p->log;
	my $job = $p->job($id);
	is($job->{status}, 'pending', 'its job waits');
	is($job->{retry_count}, 0, 'which counts nothing');
	is($p->finished($p->submit('good'))->{result}, 'fine', 'others run');
	ok(wait_until(10, sub { !$p->leftovers }), 'no work directory is left');
};

# A host where bubblewrap does not work, for root and for an ordinary user.
sub broken {
	my ($sandbox, $user) = @_;
	my $p = Dropmill::Processor->new(user => $user, config => { sandbox => $sandbox });
	my @user = @{ $p->{as} };
	$p->{as} = [];
	$p->{wrap} = [ 'unshare', '-m', 'sh', '-c', 'mount --bind /bin/false /usr/bin/bwrap && exec "$@"', 'sh', @user ];
	$p->type('good', '', command => '/usr/bin/echo fine');
	return ($p, \@user);
}

SKIP: {
	skip 'breaking the sandbox takes root', 1 if $> != 0;
	for my $user (undef, 'nobody') {
		subtest 'no sandbox, by ' . ($user // 'root') => sub {
			my ($p, $as) = broken('require', $user);
			my $pid = $p->start;
			like($p->log, qr/nothing is claimed: sandbox: /, 'require: it says that it claims nothing');
			$p->{as} = $as;
			my $id = $p->submit('good');
			sleep 2;
			my $job = $p->job($id);
			is($job->{status}, 'pending', 'and claims nothing');
			is($p->sql("SELECT attempt FROM jobs WHERE id = $id"), 0, 'not once');
			my $web = Dropmill::Cgi->on($p);
			my $bar = sub { $web->request(GET => '/', accept => 'text/html')->{content} =~ m{<aside class="warning"[^>]*>(.*?)</aside>} ? $1 : '' };
			like($bar->(), qr/^No job is begun on \S+: commands cannot be put into the sandbox \(/, 'operators see it on every page');
			like(($p->dropmill('doctor'))[1], qr/^fail +processor +No job is begun on \S+: /m, 'and the doctor says so');
			if (!defined $user) {
				my $tag = $web->request(GET => '/jobs/table', hx_request => 'true')->{headers}{'hx-ptag'};
				is(system('nsenter', '-t', $pid, '-m', 'umount', '/usr/bin/bwrap'), 0, 'mended');
				is($p->finished($id)->{result}, 'fine', 'the job runs by itself');
				is($bar->(), '', 'and the warning is gone');
				unlike(($p->dropmill('doctor'))[1], qr/No job is begun/, 'from the doctor too');
				isnt($web->request(GET => '/jobs/table', hx_request => 'true', hx_ptag => $tag)->{status}, 304, 'pages are told');
			}
			$p->kill_it(TERM => $pid);
			($p, $as) = broken('auto', $user);
			$pid = $p->start;
			like($p->log, qr/commands run WITHOUT a sandbox/, 'auto: it warns');
			$p->{as} = $as;
			is($p->finished($p->submit('good'))->{result}, 'fine', 'and runs jobs');
			like($p->sql('SELECT about FROM workers'), qr/"warning":"No sandbox on \S+: commands run with all rights/,
				'and tells the operators');
			like(Dropmill::Cgi->on($p)->request(GET => '/jobs/' . $p->sql('SELECT MAX(id) FROM jobs'), accept => 'text/html')->{content},
				qr/<aside class="warning"[^>]*>No sandbox on /, 'on every page');
			like(($p->dropmill('doctor'))[1], qr/^warn +processor +No sandbox on \S+: /m, 'and by the doctor');
			$p->kill_it(TERM => $pid);
		};
	}
}

# What holds at the start may not hold for ever: the first job that cannot be run is the last that is claimed.
SKIP: {
	skip 'breaking the sandbox takes root', 1 if $> != 0;
	subtest 'a sandbox that breaks while jobs are there' => sub {
		my $p = Dropmill::Processor->new(config => { sandbox => 'require', workers => 1 });
		local $p->{wrap} = [ 'unshare', '-m', '--' ];
		$p->type($_, '', command => '/usr/bin/echo fine') for qw(one two);
		my $pid = $p->start;
		my @inside = ('nsenter', '-t', $pid, '-m');
		is(system(@inside, 'mount', '--bind', '/bin/false', '/usr/bin/bwrap'), 0, 'broken');
		my $first = $p->submit('one');
		ok(wait_until(20, sub { $p->log =~ /nothing is claimed: sandbox: / }), 'a job fails, the sandbox is tried, nothing is claimed') or diag $p->log;
		my $second = $p->submit('two');
		sleep 2;
		is($p->job($second)->{status}, 'pending', 'not a job of another type');
		is(scalar(() = $p->log =~ /this host could not run a job/g), 1, 'one was tried') or diag $p->log;
		is($p->job($first)->{retry_count}, 0, 'which it does not pay for');
		like(($p->dropmill('doctor'))[1], qr/^fail +processor +No job is begun on /m, 'operators are told');
		is(system(@inside, 'umount', '/usr/bin/bwrap'), 0, 'mended');
		is($p->finished($_)->{result}, 'fine', 'and it runs') for $first, $second;
		is($p->kill_it(TERM => $pid), 0, 'a clean end');
	};
}

subtest 'settings' => sub {
	my $p = Dropmill::Processor->new;
	my $program = ($ENV{BUILD} // "$FindBin::Bin/../build") . '/dropmill-processor';
	my $out = qx($program -n -c $p->{dir}/dropmill.conf 2>&1);
	is($?, 0, '-n: fine');
	like($out, qr/^workers = 4$/m, 'it prints the settings');
	ok(!-e "$p->{dir}/work", 'and makes nothing');
	$p->write("$p->{dir}/dropmill.conf", "workers = many\n");
	$out = qx($program -n -c $p->{dir}/dropmill.conf 2>&1);
	is($? >> 8, 78, 'a bad value ends it');
	like($out, qr/dropmill\.conf:1: /, 'with file and line');
	qx($program --nonsense 2>&1);
	is($? >> 8, 64, 'so does an unknown option');
	if ($> == 0) {
		$p->write("$p->{dir}/dropmill.conf", "run_user = root\n");
		$out = qx($program -n -c $p->{dir}/dropmill.conf 2>&1);
		is($? >> 8, 78, 'commands never run as root');
	}
};

done_testing;
