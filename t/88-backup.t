#!/usr/bin/perl
# `dropmill backup` and `dropmill restore`: a backup made under load, with deletions in the midst of it, becomes
# another state that agrees with itself and goes on; a backup that is damaged, hostile or too new, a state that
# holds something or runs, a full disk, a signal: nothing half is left, and what was there is untouched.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Fcntl qw(:flock);
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP qw(decode_json encode_json);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use Dropmill::Load qw(body clients_start clients_wait jobs_all wait_settled);
use Dropmill::Process qw(alive wait_until);
use Dropmill::Processor;
use Dropmill::Stack;

my $build = Dropmill::Stack::build();
my $dir = tempdir('dm-backup-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
delete $ENV{$_} for grep { /^DROPMILL_/ } keys %ENV;

sub slurp {
	my ($path) = @_;
	open my $in, '<:raw', $path or return undef;
	local $/ = undef;
	return scalar <$in> // '';
}

sub spew {
	my ($path, $text, $mode) = @_;
	open my $out, '>:raw', $path or die "$path: $!";
	print $out $text;
	close $out or die "$path: $!";
	chmod $mode, $path if defined $mode;
	return $path;
}

# A program that runs; what it says goes to files.
sub begin {
	my (@argv) = @_;
	my $pid = fork // die $!;
	if (!$pid) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$dir/out.$$" or die $!;
		open STDERR, '>', "$dir/errors.$$" or die $!;
		exec { $argv[0] } @argv or POSIX::_exit(127);
	}
	return $pid;
}

# How it ended (an exit code, or -SIGNAL), what it wrote, and where it complained.
sub end {
	my ($pid) = @_;
	waitpid $pid, 0;
	my $code = $? & 127 ? -($? & 127) : $? >> 8;
	my @said = map { slurp("$dir/$_.$pid") } qw(out errors);
	unlink "$dir/out.$pid", "$dir/errors.$pid";
	return ($code, @said);
}

sub run { return end(begin(@_)) }

sub files { my ($top) = @_; return sort grep { length } split /\n/, qx(cd '$top' && find . -mindepth 1 ! -type d) }

# Begin it, let it go on until something is there, and hold it then. Looked at often: it is over soon.
sub hold {
	my ($there, @argv) = @_;
	my $pid = begin(@argv);
	my $end = time + 60;
	sleep 0.001 while !$there->() && alive($pid) && time < $end;
	kill STOP => $pid;
	return $pid;
}

# An empty state, configured as the backup says.
my $states = 0;
sub new_state {
	my ($backup) = @_;
	my $state = "$dir/state" . ++$states;
	mkdir $state or die $!;
	chmod 0755, $state;
	copy("$backup/dropmill.conf", "$state/dropmill.conf") or die $!;
	return $state;
}

sub restore { my ($state, $backup, @more) = @_; return run("$build/dropmill", '-c', "$state/dropmill.conf", 'restore', $backup, @more) }

# Nothing but the configuration is there (and directories without files).
sub is_untouched {
	my ($state, $name) = @_;
	is_deeply([grep { !m{^\./(?:run\.lock|log/|run/)} } files($state)], ['./dropmill.conf'], $name);
	return;
}

# ---- under load ----------------------------------------------------------------------------------------
my $backup = "$dir/backup";
subtest 'under load' => sub {
	my $stack = Dropmill::Stack->start(config => { sandbox => 'auto', disk_low => '0', workers => 3, auth => 'none' });
	my $state = $stack->state;
	spew("$state/scripts/mill", "#!/bin/sh\nsleep 0.1\ncp \"\$1\" \"\$2/copy.txt\"\necho milled\n", 0755);
	spew("$state/jobs.d/mill.conf", "[job mill]\ntitle = Mill\naccept = text/plain\ndefault = yes\n"
		. "command = mill {input} {output}\nattempts = 1\n");
	kill HUP => $stack->part('processor');
	ok(wait_until(10, sub { ($stack->cli('types'))[1] =~ /^mill /m }), 'a type of its own') or return;

	# The first in the walk takes a while, so that there is time to delete others.
	my ($big) = $stack->upload('big.bin' => "\0" x 80_000_000);
	my $running = clients_start($stack, clients => 3, uploads => 160, retry => 1, size => 20000);
	my $stopped_at = sub { my ($counts) = ($stack->json('/jobs/table?limit=1') // {})->{counts}; $counts && $counts->{completed} >= 30 };
	ok(wait_until(60, $stopped_at), 'jobs finish');
	my %before = map { $_->{uuid} => $_ } grep { $_->{status} eq 'completed' } jobs_all($stack);

	my (@deleted, @removed);
	my $pid = hold(sub { -d "$backup.partial/store" }, "$build/dropmill", '-c', "$state/dropmill.conf", 'backup', $backup, '--json');
	ok(!-d $backup, 'in the midst of a backup') or diag "$backup is complete";
	my @mine = sort { $b->{id} <=> $a->{id} } grep { $_->{name} =~ /^load/ } values %before;
	for (1 .. 6) {
		my $job = shift @mine;
		my ($code) = $stack->cli('job', $_ % 2 ? 'rm' : 'remove', $job->{id});
		is($code, 0, 'jobs are ' . ($_ % 2 ? 'deleted' : 'removed'));
		push @{ $_ % 2 ? \@deleted : \@removed }, $job->{uuid};
	}
	kill CONT => $pid;
	my ($code, $out, $errors) = end($pid);
	is($code, 0, 'the backup is made') or diag $out, $errors;
	my $made = decode_json($out);
	cmp_ok($made->{deleted_meanwhile}, '>=', 6, 'it has seen that files went');
	is_deeply($made->{wrong}, [], 'which is nothing wrong');
	ok(!-e "$backup.partial", 'nothing else lies there');
	my $lines = clients_wait($running);
	ok(wait_settled($stack, 90), 'the stack goes on meanwhile');
	($code, $out) = $stack->cli('check');
	is($code, 0, 'and is right') or diag $out;
	like(($stack->cli('audit', '--action', 'state.backup'))[1], qr/\Q$backup\E/, 'the audit log knows');
	is_deeply([$stack->stop], [], 'no process is left');

	is((stat $backup)[2] & 07777, 0700, 'it is for its owner alone');
	is(qx(find $backup -type f -perm /077), '', 'as is each file');
	is_deeply([grep { !/^\.\/(?:dropmill\.db|dropmill\.conf|manifest\.json|SHA256SUMS|store\/|jobs\.d\/mill\.conf|scripts\/mill)/ } files($backup)], [], 'it has what belongs');
	is(system("cd $backup && sha256sum --quiet -c SHA256SUMS"), 0, 'sha256sum agrees');
	is(scalar(() = slurp("$backup/SHA256SUMS") =~ /\n/g), $made->{files}, 'with every file');

	# ---- elsewhere
	my $there = new_state($backup);
	($code, $out, $errors) = restore($there, $backup, '--json');
	is($code, 0, 'restored') or diag $out, $errors;
	is_deeply(decode_json($out)->{wrong}, [], 'database and store agree');
	is(slurp("$there/jobs.d/mill.conf"), slurp("$state/jobs.d/mill.conf"), 'job types came along');
	ok(-x "$there/scripts/mill", 'and scripts');
	my $sql = Dropmill::Sql->new("$there/dropmill.db");
	is($sql->ask('SELECT COUNT(*) FROM jobs WHERE lease_token IS NOT NULL'), 0, 'no lease holds');
	is($sql->ask("SELECT COUNT(*) FROM jobs WHERE status = 'processing'"), 0, 'nothing is said to run');
	is($sql->ask('SELECT COUNT(*) FROM workers WHERE ended_at IS NULL'), 0, 'no processor is known');
	is($sql->ask("SELECT COUNT(*) FROM job_statuses WHERE actor = 'backup' AND status = 'pending'")
		? 'some' : 'none', 'some', 'what ran is pending');
	my %waits = map { split /\|/ } split /\n/, $sql->ask("SELECT j.uuid, (SELECT COUNT(*) FROM job_statuses s WHERE s.job_id = j.id AND s.status = 'processing') FROM jobs j WHERE j.status = 'pending'");
	cmp_ok(scalar keys %waits, '>', 0, 'jobs wait');
	my %owned = map { $_ => 1 } split /\n/, $sql->ask('SELECT uuid FROM files');
	is_deeply([grep { !$owned{$_} } map { m{([^/]+)\z} } grep { !m{/log/} } files("$there/store")], [], 'no file is there that nobody knows');
	undef $sql;

	my $second = Dropmill::Stack->start(state => $there, log => "$dir/second.log",
		config => { sandbox => 'auto', disk_low => '0', workers => 3, auth => 'none' });
	$second->{dir} = $dir;
	ok(wait_settled($second, 120), 'it starts, and all jobs end') or diag $second->log;
	my %jobs = map { $_->{uuid} => $_ } jobs_all($second);
	my %deleted = map { $_ => 1 } @deleted;
	is_deeply([grep { !$jobs{$_} && !$deleted{$_} } keys %before], [], 'what was there before is there');
	is_deeply([grep { $jobs{$_} } @deleted], [], 'but for what was deleted meanwhile');
	is_deeply([map { $jobs{$_}{status} } @removed], [('removed') x @removed], 'and what was removed');
	is_deeply([map { "$_->{status} $_->{name} " . ($_->{error} // '') } grep { $_->{status} !~ /^(?:completed|removed)$/ } values %jobs], [], 'every other job completes');
	my ($inputs, $outputs) = (0, 0);
	my @done = grep { $_->{status} eq 'completed' && $_->{name} =~ /^load/ } values %jobs;
	for my $job (@done) {
		my ($n) = $job->{name} =~ /(\d+)/;
		my $sent = body($n, 20000);
		$inputs++ if $second->get("/jobs/$job->{uuid}/files/in/load-$n.txt")->{content} eq $sent;
		$outputs++ if $second->get("/jobs/$job->{uuid}/files/out/copy.txt")->{content} eq $sent;
	}
	cmp_ok(scalar @done, '>=', 20, 'many');
	is($inputs, @done, 'with its input');
	is($outputs, @done, 'and its result');
	is_deeply([grep { $second->sql("SELECT COUNT(*) FROM job_statuses s JOIN jobs j ON j.id = s.job_id WHERE j.uuid = '$_' AND s.status = 'processing'") != $waits{$_} + 1 } keys %waits],
		[], 'what waited ran once');
	is($second->sql("SELECT COUNT(*) FROM jobs WHERE retry_count > 0"), 0, 'which counts as no retry');
	like($second->get("/jobs/$done[0]{uuid}/log")->{content}, qr/milled/, 'logs came along');
	($code, $out) = $second->cli('check');
	is($code, 0, 'all agrees in the end') or diag $out;

	# ---- not onto what runs
	($code, undef, $errors) = restore($there, $backup);
	is($code, 1, 'nothing is restored onto a stack that runs');
	like($errors, qr/make run runs on this state/, 'and it says why');
	rename "$there/dropmill.db", "$there/moved.db" or die $!;
	($code, undef, $errors) = restore($there, $backup);
	is($code, 1, 'with its database moved away neither');
	unlink "$there/run.lock";
	like((restore($there, $backup))[2], qr/a processor runs on this state/, 'without the lock of make run neither');
	rename "$there/moved.db", "$there/dropmill.db" or die $!;
	is_deeply([$second->stop], [], 'no process is left');
};
BAIL_OUT('there is no backup to go on with') if !-d $backup;

# ---- what is not restored --------------------------------------------------------------------------------
# A smaller one, with a key, for everything below.
my $p = Dropmill::Processor->new(config => { sandbox => 'auto', disk_low => '0' });
$p->type('mill', "cp \"\$1\" \"\$2/copy.txt\"\n");
my $processor = $p->start;
my @ids = map { spew("$p->{top}/in.txt", "text $_\n" x 1000, 0644); $p->submit('mill', "$p->{top}/in.txt") } 1 .. 5;
$p->finished($_) for @ids;
$p->kill_it('TERM', $processor);
spew("$p->{dir}/secret.key", 'k' x 32, 0640);
symlink '/etc/hostname', "$p->{dir}/scripts/host" or die $!;
my $small = "$dir/small";
my @backup = ("$build/dropmill", '-c', "$p->{dir}/dropmill.conf", 'backup');
{
	my ($code, $out, $errors) = run(@backup, "$small/");
	is($code, 0, 'a small backup') or diag $errors;
	like($out, qr{^left out, no plain file: scripts/host\n\Q$small\E: \d+ files, \d+ kB\n\z}, 'it says what was made');
	is(slurp("$small/secret.key"), 'k' x 32, 'with the key');
}

# A copy of it, to be spoilt.
my $copies = 0;
sub spoilt { my ($to) = ("$dir/spoilt" . ++$copies); system('cp', '-a', $small, $to) == 0 or die; return $to }

# Make the list anew of what is there, with lines of our own, and the manifest to go with it.
sub sign {
	my ($b, $lines, %set) = @_;
	my $m = decode_json(slurp("$b/manifest.json"));
	my $sums = slurp("$b/SHA256SUMS");
	$sums =~ s{^\w+  (\S+)$}{my $t = slurp("$b/$1"); defined $t ? sha256_hex($t) . "  $1" : $&}gme if $set{anew};
	delete $set{anew};
	$sums .= $lines // '';
	spew("$b/SHA256SUMS", $sums);
	$m->{files} = () = $sums =~ /\n/g;
	$m->{bytes} = 0;
	$m->{bytes} += -s "$b/$_" // 0 for $sums =~ /^\w+  (.*)$/gm;
	spew("$b/manifest.json", encode_json({ %$m, sha256sums => sha256_hex($sums), %set }));
	return;
}

sub refused {
	my ($b, $code, $pattern, $name) = @_;
	my $state = new_state($small);
	my ($got, $out, $errors) = restore($state, $b);
	is($got, $code, "$name: $code") or diag $out, $errors;
	like($errors, $pattern, 'it says what it is');
	is_untouched($state, 'and nothing has changed');
	return;
}

subtest 'a damaged backup' => sub {
	my ($stored) = grep { m{^\./store/..?/} } files($small);
	$stored =~ s{^\./}{};
	my $b = spoilt();
	substr(my $text = slurp("$b/$stored"), 3, 1) = 'X';
	spew("$b/$stored", $text);
	refused($b, 65, qr/damaged: \Q$stored\E$/m, 'a file that differs');
	$b = spoilt();
	truncate "$b/dropmill.db", (-s "$b/dropmill.db") / 2;
	refused($b, 65, qr/damaged: dropmill\.db$/m, 'half a database');
	$b = spoilt();
	unlink "$b/$stored";
	refused($b, 65, qr/missing: \Q$stored\E$/m, 'a missing file');
	$b = spoilt();
	spew("$b/SHA256SUMS", slurp("$b/SHA256SUMS") =~ s/^[^\n]*\n//r);
	refused($b, 65, qr/damaged: SHA256SUMS$/m, 'a list without its first line');
	for my $name (qw(SHA256SUMS manifest.json)) {
		$b = spoilt();
		truncate "$b/$name", 100;
		refused($b, 65, qr/damaged: \Q$name\E$/m, "half of $name");
		unlink "$b/$name";
		refused($b, 65, qr/\Q$name\E/, "no $name");
	}
	$b = spoilt();
	spew("$b/dropmill.db", 'not a database' x 1000);
	sign($b, '', anew => 1);
	refused($b, 69, qr/not a database/, 'a database that is none');
	refused("$dir/nowhere", 71, qr/cannot open/, 'no directory');
};

subtest 'hostile names' => sub {
	my $digest = sha256_hex("x\n");
	my $uuid = '0193aaaa-aaaa-7aaa-8aaa-aaaaaaaaaaab';
	for my $name ('../evil', '/tmp/evil', 'store/../../evil', 'jobs.d/../../evil', 'jobs.d/../evil', 'jobs.d//evil', 'jobs.d/.', 'jobs.d/..',
		'jobs.d/', 'evil', 'store/evil', 'store/ab/evil', "store/aa/$uuid", "store/AB/\U$uuid\E", "store/ab/$uuid/x", "store/log/ab/$uuid", "store/log/ab/$uuid-g",
		"store/log/../ab/$uuid-1", 'run.lock', 'dropmill.db-wal', "jobs.d/a\x01b", 'jobs.d/a\\b', 'scripts/x/../../../evil')
	{
		my $b = spoilt();
		spew("$dir/evil", "x\n");
		sign($b, "$digest  $name\n");
		refused($b, 65, qr/refused: a name that no backup holds/, $name);
		remove_tree($b);
	}
	my $b = spoilt();
	my ($stored) = map { s{^\./}{}r } grep { m{^\./store/..?/} } files($b);
	rename "$b/$stored", "$dir/elsewhere" or die $!;
	symlink "$dir/elsewhere", "$b/$stored" or die $!;
	refused($b, 65, qr/refused: no plain file: \Q$stored\E/, 'a symbolic link');
	unlink "$b/$stored";
	POSIX::mkfifo("$b/$stored", 0600);
	refused($b, 65, qr/refused: no plain file: \Q$stored\E/, 'a fifo');
	$b = spoilt();
	rename "$b/scripts", "$dir/scripts" or die $!;
	symlink "$dir/scripts", "$b/scripts" or die $!;
	refused($b, 65, qr{scripts/}, 'a directory by a symbolic link');
};

subtest 'other programs' => sub {
	my $b = spoilt();
	sign($b, '', schema => 9999);
	refused($b, 65, qr/schema 9999, this program knows \d+: run a newer dropmill/, 'a newer schema');
	sign($b, '', format => 2);
	refused($b, 65, qr/format 2, this program knows 1/, 'another format');

	# One as the program of some versions ago has left it.
	my @schema = sort glob Dropmill::Stack::top() . '/core/schema/*.sqlite.sql';
	pop @schema;
	unlink "$b/dropmill.db";
	my $made = join '', map { my ($n, $name) = m{/(\d+)-(\w+)}; slurp($_) . "INSERT INTO schema_migrations VALUES ($n, '$name', 0);\n" } @schema;
	spew("$dir/old.sql", "CREATE TABLE schema_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT;\n$made");
	is(system("sqlite3 -bail $b/dropmill.db <$dir/old.sql"), 0, 'an older database');
	sign($b, '', anew => 1, format => 1, schema => scalar @schema);
	my $state = new_state($small);
	my ($code, $out, $errors) = restore($state, $b);
	is($code, 0, 'is restored') or diag $errors;
	is(Dropmill::Sql->new("$state/dropmill.db")->ask('SELECT MAX(number) FROM schema_migrations'), @schema + 1, 'and brought up to date');
	is(scalar(grep { m{^\./store/} } files($state)), 0, 'without files that it does not know');
};

subtest 'a state that holds something' => sub {
	my $state = new_state($small);
	my ($code, $out, $errors) = restore($state, $small);
	is($code, 0, 'restored') or diag $errors;
	is(slurp("$state/secret.key"), 'k' x 32, 'with its key');
	is((stat "$state/secret.key")[2] & 0777, 0640, 'for owner and group');
	like($out, qr/database and store agree/, 'and checked');
	my %digest = map { ($_ => sha256_hex(slurp("$state/$_"))) } grep { !/-(?:wal|shm)$/ } files($state);
	($code, undef, $errors) = restore($state, $small);
	is($code, 1, 'but once');
	like($errors, qr/there is a database "\Q$state\E\/dropmill\.db": move the old state away first/, 'it says what to do');
	is_deeply({ map { ($_ => sha256_hex(slurp("$state/$_"))) } grep { !/-(?:wal|shm)$/ } files($state) }, \%digest, 'nothing has changed');
	unlink glob "$state/dropmill.db*";
	like((restore($state, $small))[2], qr/there is a key/, 'a key alone');
	unlink "$state/secret.key";
	($code, undef, $errors) = restore($state, $small);
	is($code, 1, 'files alone');
	like($errors, qr/there are files in the store/, 'too');
	remove_tree("$state/store");
	spew("$state/jobs.d/mill.conf", "# mine\n");
	($code, $out, $errors) = restore($state, $small, '--json');
	is($code, 0, "the site's own files are no hindrance") or diag $errors;
	is_deeply(decode_json($out)->{kept}, ['jobs.d/mill.conf'], 'one that differs is named');
	is(slurp("$state/jobs.d/mill.conf"), "# mine\n", 'and stays');
};

# ---- where it goes ---------------------------------------------------------------------------------------
subtest 'a place for it' => sub {
	my ($code, $out, $errors) = run(@backup, $small);
	is($code, 1, 'not over another');
	like($errors, qr/"\Q$small\E" is there already/, 'it says so');
	mkdir "$dir/empty" or die $!;
	is((run(@backup, "$dir/empty"))[0], 0, 'an empty directory will do');
	ok(-s "$dir/empty/manifest.json", 'it is in there');
	for my $at ('store/backup', 'jobs.d/backup', 'spool/x') {
		is((run(@backup, "$p->{dir}/$at"))[0], 65, "not in $at");
	}
	is((run(@backup, "$dir/no/where"))[0], 71, 'not where nothing is');
	mkdir "$dir/foreign.partial" or die $!;
	spew("$dir/foreign.partial/thesis.txt", 'important');
	($code, undef, $errors) = run(@backup, "$dir/foreign");
	is($code, 1, 'what is no backup is not taken over');
	is(slurp("$dir/foreign.partial/thesis.txt"), 'important', 'nor touched');
	mkdir "$dir/busy.partial" or die $!;
	open my $lock, '<', "$dir/busy.partial" or die $!;
	flock $lock, LOCK_EX or die $!;
	is((run(@backup, "$dir/busy"))[0], 75, 'two at once: 75');
	close $lock;
	symlink "$dir/elsewhere.d", "$dir/linked.partial" or die $!;
	mkdir "$dir/elsewhere.d" or die $!;
	is((run(@backup, "$dir/linked"))[0], 71, 'not through a symbolic link');
	is((run(@backup))[0], 64, 'no name: 64');
	is((run("$build/dropmill", '-c', new_state($small) . '/dropmill.conf', 'backup', "$dir/none"))[0], 69, 'no database: 69');
	ok(!-e "$dir/none" && !-e "$dir/none.partial", 'and nothing is left');
};

# ---- signals -----------------------------------------------------------------------------------------------
subtest 'interrupted' => sub {
	# Large enough for it to be met in the midst.
	spew("$p->{top}/large.bin", "\1" x 150_000_000, 0644);
	$p->submit('mill', "$p->{top}/large.bin") for 1 .. 2;
	for my $signal (qw(INT TERM KILL)) {
		my $to = "$dir/cut-$signal";
		my $pid = hold(sub { -d "$to.partial/store" }, @backup, $to);
		ok(!-e $to, "$signal: while it is made");
		kill $signal => $pid;
		kill CONT => $pid;
		is((end($pid))[0], { INT => -2, TERM => -15, KILL => -9 }->{$signal}, 'it ends by the signal');
		ok(!-e $to, 'and there is no backup');
		ok(!-e "$to.partial" == ($signal ne 'KILL'), $signal eq 'KILL' ? 'but what there was of it' : 'nor a part of one');
		my ($code, $out, $errors) = run(@backup, $to);
		is($code, 0, 'the next one is made') or diag $errors;
		is(system("cd $to && sha256sum --quiet -c SHA256SUMS"), 0, 'and whole');
		ok(!-e "$to.partial", 'nothing else is left');
	}
	for my $signal (qw(INT KILL)) {
		my $state = new_state($small);
		my $pid = hold(sub { -e "$state/dropmill.db.restoring" && grep { !m{/log\z} } glob "$state/store/*" },
			"$build/dropmill", '-c', "$state/dropmill.conf", 'restore', "$dir/cut-INT");
		ok(!-e "$state/dropmill.db", "$signal: while it is restored");
		kill $signal => $pid;
		kill CONT => $pid;
		is((end($pid))[0], $signal eq 'INT' ? -2 : -9, 'it ends by the signal');
		ok(!-e "$state/dropmill.db", 'and there is no database');
		is_deeply([grep { m{/(?:store|secret)|restoring} } files($state)], [], 'nor anything else') if $signal eq 'INT';
		unlink "$state/jobs.d/mill.conf";
		my ($code, $out, $errors);
		if ($signal eq 'KILL') {
			rename "$state/secret.key", "$state/its.key";
			spew("$state/secret.key", 'o' x 32, 0640);
			($code, undef, $errors) = restore($state, "$dir/cut-INT");
			is($code, 1, "somebody's key is no part of what was cut off");
			like($errors, qr/there is another key/, 'it says so');
			is(slurp("$state/secret.key"), 'o' x 32, 'and stays');
			is_deeply([grep { m{^\./store|restoring} } files($state)], [], 'with nothing beside it');
			unlink "$state/secret.key";
		}
		($code, $out, $errors) = restore($state, "$dir/cut-INT");
		is($code, 0, 'the next one is done') or diag $errors;
		is_deeply([grep { /restoring/ } files($state)], [], 'and clears up');
	}
};

# ---- what is wrong in the store ----------------------------------------------------------------------------
subtest 'a damaged store' => sub {
	my @stored = split /\n/, $p->sql('SELECT uuid FROM files WHERE output = 0 AND sha256 IS NOT NULL ORDER BY id');
	my $path = sub { "$p->{dir}/store/" . substr($_[0], -2) . "/$_[0]" };
	rename $path->($stored[0]), "$dir/kept.0" or die $!;
	copy($path->($stored[1]), "$dir/kept.1");
	substr(my $text = slurp("$dir/kept.1"), 5, 1) = 'X';
	spew($path->($stored[1]), $text);
	my ($code, $out, $errors) = run(@backup, "$dir/ill");
	is($code, 1, 'it is made, and says 1');
	is($errors, "dropmill: file $stored[1] is damaged in the store\ndropmill: file $stored[0] is missing in the store\n", 'with what is wrong');
	($code, $out) = restore(new_state($small), "$dir/ill");
	is($code, 1, 'so does the restore');
	is($out =~ /^wrong: (.*)$/m ? $1 : $out, "file $stored[0] is missing in the store", 'as the check finds');
	rename "$dir/kept.$_", $path->($stored[$_]) or die $! for 0, 1;
	is((run(@backup, "$dir/well"))[0], 0, 'with the files back all is well');
};

# ---- a terminal ----------------------------------------------------------------------------------------------
SKIP: {
	skip 'script is not installed', 2 if system('command -v script >/dev/null') != 0;
	my $shown = qx(stty rows 24 columns 100 2>/dev/null; script -qec 'stty rows 24 columns 100; @backup $dir/shown' /dev/null </dev/null);
	like($shown, qr/\r(?:database|files) +\[[#.]{20}\] +\d+% \d+.*B of \d+.*B/, 'a bar on a terminal');
	unlike((run(@backup, "$dir/quiet"))[1], qr/[\r\[]/, 'none elsewhere');
}

# ---- whose it is ------------------------------------------------------------------------------------------------
subtest 'by root' => sub {
	plan skip_all => 'only root can act as somebody else' if $> != 0;
	my $uid = getpwnam 'nobody';
	my $q = Dropmill::Processor->new(user => 'nobody', config => { sandbox => 'auto', disk_low => '0' });
	$q->type('mill', "cp \"\$1\" \"\$2/copy.txt\"\n");
	my $pid = $q->start;
	is($q->finished($q->submit('mill'))->{status}, 'completed', "somebody's job");
	$q->kill_it('TERM', $pid);
	unlink glob "$q->{dir}/dropmill.db-{shm,wal}";
	system('chown', '-R', 'nobody', $q->{dir}) == 0 or die;
	mkdir "$dir/mine" or die $!;
	chmod 0700, "$dir/mine";
	my ($code, $out, $errors) = run("$q->{build}/dropmill", '-c', "$q->{dir}/dropmill.conf", 'backup', "$dir/mine/b");
	is($code, 0, 'a backup where only root may be') or diag $errors;
	is(qx(find $dir/mine ! -user root), '', "is root's");
	is(qx(find $q->{dir} ! -user nobody), '', "and the state is still somebody's");
	mkdir "$dir/theirs" or die $!;
	copy("$dir/mine/b/dropmill.conf", "$dir/theirs/dropmill.conf") or die $!;
	system('chown', '-R', 'nobody', "$dir/theirs") == 0 or die;
	($code, $out, $errors) = run("$q->{build}/dropmill", '-c', "$dir/theirs/dropmill.conf", 'restore', "$dir/mine/b");
	is($code, 0, 'restored for somebody') or diag $errors;
	is(qx(find $dir/theirs ! -user nobody), '', 'to whom all of it belongs');
	cmp_ok(scalar(grep { m{^\./store/} } files("$dir/theirs")), '>=', 2, 'files too');
};

# ---- full disks ----------------------------------------------------------------------------------------------------
subtest 'no room' => sub {
	plan skip_all => 'a full disk needs root, to mount a small one' if $> != 0;
	my $mount = "$dir/mount";
	mkdir $mount or die $!;
	my $within = sub {
		my ($options, @argv) = @_;
		return run('unshare', '-m', 'sh', '-c', "mount -t tmpfs -o $options none $mount && cp $small/dropmill.conf $mount/ && { \"\$@\"; code=\$?; }; "
			. "(cd $mount && find . ! -type d) >$dir/left; exit \$code", 'sh', @argv);
	};
	for my $options ('size=600k', 'size=20m', 'size=20m,nr_inodes=12') {
		my ($code, $out, $errors) = $within->($options, @backup, "$mount/b");
		is($code, 73, "$options: 73") or diag $errors;
		like($errors, qr/^dropmill: .*(?:No space left|full)/m, 'it says so');
		is(slurp("$dir/left"), "./dropmill.conf\n", 'and leaves nothing');
	}
	my ($code, $out, $errors) = $within->('size=200k', "$build/dropmill", '-c', "$mount/dropmill.conf", 'restore', $small);
	is($code, 73, 'no room for what is to be restored') or diag $errors;
	like($errors, qr/not enough room on the disk/, 'is seen before');
	is(slurp("$dir/left"), "./dropmill.conf\n", 'and nothing has changed');
	($code, $out, $errors) = $within->('size=20m,nr_inodes=25', "$build/dropmill", '-c', "$mount/dropmill.conf", 'restore', $small);
	is($code, 73, 'no inode in the midst of it') or diag $errors;
	is_deeply([grep { !m{^\./(?:jobs\.d|scripts)/} } split /\n/, slurp("$dir/left")], ['./dropmill.conf'], 'and it is all taken back');
};

done_testing;
