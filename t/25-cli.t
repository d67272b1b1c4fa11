#!/usr/bin/perl
# The program `dropmill` on a state of its own, without services: verbs, their answers as text and
# JSON, exit codes, and whose files it makes. What a processor would do is done by the test, in SQL.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IPC::Open3 qw(open3);
use JSON::PP qw(decode_json encode_json);
use Symbol qw(gensym);
use Test::More;
use Time::HiRes qw(sleep time);

my $top = dirname(dirname(abs_path($0)));
my $build = abs_path($ENV{BUILD} // "$top/build");
my $dir = tempdir('dm-cli-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
delete $ENV{$_} for grep { /^DROPMILL_/ } keys %ENV;

sub spew {
	my ($path, $text) = @_;
	open my $out, '>:raw', $path or die "$path: $!";
	print $out $text;
	close $out or die "$path: $!";
	return $path;
}

# Runs a program; exit code, output, errors.
sub run {
	my (@argv) = @_;
	my $err = gensym;
	my $pid = open3(my $in, my $out, $err, @argv);
	close $in;
	local $/ = undef;
	my ($text, $errors) = (scalar <$out>, scalar <$err>);
	waitpid $pid, 0;
	return ($? & 127 ? "signal $?" : $? >> 8, $text, $errors);
}

sub dropmill { return run("$build/dropmill", @_) }

sub sql {
	my ($text) = @_;
	my ($code, $out, $err) = run('sqlite3', '-cmd', '.timeout 10000', "$dir/state/dropmill.db", $text);
	die "sqlite3: $err" if $code;
	chomp $out;
	return $out;
}

# ---- configuration ------------------------------------------------------------------------------------
mkdir "$dir/state";
my @settings = ("jobs_dir=$top/conf/jobs.d", "tools_dir=$build", 'scripts_dir=scripts',
	map { "$_=$_" } qw(store spool work));
my ($code, $out, $err) = dropmill('config', 'sample', 'database=dropmill.db', 'log_dir=log', 'run_dir=run',
	'disk_low=0', @settings);
is($code, 0, 'config sample');
spew("$dir/state/dropmill.conf", $out);
my @c = ('-c', "$dir/state/dropmill.conf");

($code, $out) = dropmill(@c, 'config', 'get', 'store');
is($out, "$dir/state/store\n", 'paths are relative to the file');
($code, $out) = dropmill('config', 'print', '--json', @c);
is(decode_json($out)->{lease}, '45s', 'settings in force as JSON');
{
	local $ENV{DROPMILL_CONFIG} = "$dir/state/dropmill.conf";
	local $ENV{DROPMILL_LEASE} = '90s';
	($code, $out) = dropmill('config', 'get', 'lease');
	is($out, "90s\n", 'the environment overrides');
	local $ENV{DROPMILL_AUTH} = 'magic';
	($code, $out, $err) = dropmill('job', 'list');
	is($code, 78, 'a bad value in the environment is 78');
	like($err, qr/^dropmill: DROPMILL_AUTH: bad value "magic" for auth \(allowed: password, proxy, none\)$/, 'and is named');
}
spew("$dir/bad.conf", "\nworkerz = 3\n");
($code, $out, $err) = dropmill('-c', "$dir/bad.conf", 'migrate');
is($code, 78, 'an unknown key is 78');
like($err, qr{bad\.conf:2: unknown key "workerz"}, 'with file and line');
($code, $out, $err) = dropmill('-c', "$dir/none.conf", 'migrate');
is($code, 78, 'a missing file is 78');

# ---- usage --------------------------------------------------------------------------------------------
for (['nonsense'], [], ['job'], ['job', 'list', '--nope'], ['job', 'list', 'x'], ['submit'],
	['job', 'show'], ['job', 'burn', '1'], ['-x'], ['-c'], ['types', 'explain', 'demo'], ['config', 'sample', 'x'],
	['job', 'list', '--status', 'nope'], ['job', 'list', '--limit', '0'], ['migrate', 'now'],
	['submit', '--priority', '101', 'x'], ['submit', '--at', 'soon', 'x'], ['submit', '--at', '+400d', 'x'])
{
	($code, $out, $err) = dropmill(@c[0 .. 1], @$_) if !@$_ || $_->[0] ne '-c';
	($code, $out, $err) = dropmill(@$_) if @$_ && $_->[0] eq '-c';
	is($code, 64, "64: @$_");
	isnt($err, '', "and it says something: @$_");
}
($code, $out) = dropmill('--help');
is($code, 0, '--help');
like($out, qr/^  submit /m, 'lists the verbs');
($code, $out) = dropmill('submit', '--help');
like($out, qr/^usage: dropmill submit/, 'help of a verb');
($code, $out) = dropmill('--version');
like($out, qr/^dropmill \d+\.\d+/, '--version');

# ---- database -----------------------------------------------------------------------------------------
($code, $out, $err) = dropmill(@c, 'job', 'list');
is($code, 69, 'no database yet: 69');
($code, $out) = dropmill(@c, 'migrate', '--json');
is($code, 0, 'migrate');
cmp_ok(decode_json($out)->{applied}, '>', 0, 'applies migrations');
($code, $out) = dropmill('--json', @c, 'migrate');
is(decode_json($out)->{applied}, 0, 'once');

# ---- job types ----------------------------------------------------------------------------------------
($code, $out) = dropmill(@c, 'types', 'check');
is($code, 0, 'the shipped types are right');
like($out, qr/^ok +inspect /m, 'each has its line');
spew("$dir/x.conf", "[job x]\ntitle = X\naccept = *\ncommand = no-such-program {input}\n");
($code, $out) = dropmill(@c, 'types', 'check', "$dir/x.conf");
is($code, 0, 'a missing program is no error');
like($out, qr/^warn +x .*program is missing: no-such-program/, 'but it is said');
spew("$dir/y.conf", "[job y]\ntitel = Y\n");
($code, $out) = dropmill(@c, 'types', 'check', '--json', "$dir/x.conf", "$dir/y.conf");
is($code, 65, 'an error is 65');
is_deeply(decode_json($out)->{errors}, ["$dir/y.conf:2: unknown key \"titel\" in [job y]"], 'with its place');

($code, $out) = dropmill(@c, 'types', 'explain', 'inspect', '/tmp/a file.txt');
like($out, qr{^command +\Q$build\E/dropmill-inspect '/job/in/a file.txt' /job/out$}m, 'the exact argv');
like($out, qr{^environment +DROPMILL_INPUT='?/job/in/a file.txt'?$}m, 'the whole environment');
like($out, qr{^mount +/job/in/a file\.txt +read-only, /tmp/a file\.txt$}m, 'where the input lies');
like($out, qr{^mount +/job/out +writable, \S+/out$}m, 'and the outputs');
like($out, qr{^mount +/usr +read-only$}m, 'what of the host is to be seen');
like($out, qr{^mount +/tmp +writable, memory, at most 128M$}m, 'how much memory files may take');
like($out, qr{^refused +mount .* ptrace }m, 'system calls');
like($out, qr{^limit +at most 1024 open files of a process$}m, 'limits');
like($out, qr{^limit +at most 512 processes of the job$}m, 'of processes too');
like($out, qr{^sandbox +/usr/bin/bwrap .* --cap-drop ALL .* -- \Q$build\E/dropmill-inspect '/job/in/a file.txt' /job/out$}m,
	'and the whole command line');
my @shown = grep { $_ ne $build } $out =~ m{^mount +(/\S+)}gm;
is_deeply([grep { !m{^/(?:bin|dev|etc|job|lib\w*|proc|sbin|tmp|usr)(?:/|$)} || /shadow/ } @shown], [], 'nothing else of the host');
{
	local $ENV{DROPMILL_SANDBOX} = 'off';
	my ($code, $off) = dropmill(@c, 'types', 'explain', 'inspect', '/tmp/a file.txt');
	like($off, qr/^network +yes, the host's\nsandbox +none: sandbox = off$/m, 'without a sandbox it says so');
}
{
	my $long = spew("$dir/long.json", ' ' x 2_000_000);
	my $said = qx($build/dropmill-processor --explain <$long 2>&1);
	is($? >> 8, 65, 'a run that is too long');
	like($said, qr/a run of more than 1048576 bytes/, 'is refused');
}
spew("$dir/state/opt.conf", "[job opt]\ntitle = O\naccept = *\ncommand = cat {name}\n");
{
	local $ENV{DROPMILL_JOBS_DIR} = "$dir/state";
	($code, $out, $err) = dropmill(@c, 'types', 'explain', 'opt', '--', '-rf');
	is($code, 65, 'a name that would pass as an option is refused');
	like($err, qr/"-rf" would pass as an option of cat/, 'and it says why');
}
unlink "$dir/state/opt.conf";

mkdir "$dir/own";
spew("$dir/own/par.conf", <<'END');
[job par]
title = P
accept = *
inputs = many
command = cat {size} {title} --gray={gray} {style} -- {inputs}
param.size = choice 200 400 default 400 flag -resize
param.title = text pattern "[A-Za-z ]+"
param.gray = boolean
param.style = file
param.pw = secret required
END
{
	local $ENV{DROPMILL_JOBS_DIR} = "$dir/own";
	local $ENV{DROPMILL_PARAM_PW} = 'hunter2';
	my @explain = (@c, 'types', 'explain', 'par');
	($code, $out) = dropmill(@explain, 'a', '/x/b c', '--param', 'pw', '--param', 'style=/tmp/s.css', '--param', 'title=A b');
	is($code, 0, 'explain with parameters');
	like($out, qr{^command +\S+/cat -resize 400 'A b' --gray=no /job/in/s.css -- /job/in/a '/job/in/b c'$}m, 'in the argv');
	like($out, qr/^environment +DROPMILL_PARAM_TITLE=A b$/m, 'in the environment');
	like($out, qr/^environment +DROPMILL_PARAM_PW=(?:\xe2\x80\xa2){3}$/m, 'a secret is not said');
	($code, $out) = dropmill(@explain, 'a', '--param', 'pw', '--param', 'gray=on', '--json');
	is_deeply(decode_json($out)->{argv}[3], '--gray=yes', 'as JSON');
	($code, $out, $err) = dropmill(@explain, 'a');
	is($code, 65, 'a required one is missing');
	like($err, qr/params\.pw: pw is required/, 'it says which');
	for my $bad (['size=300', 'params.size: size must be one of: 200, 400'], ['colour=red', 'params.colour: there is no parameter'],
		['title=-rf', 'params.title: title does not have the form'])
	{
		($code, $out, $err) = dropmill(@explain, 'a', '--param', 'pw', '--param', $bad->[0]);
		is($code, 65, "65: $bad->[0]");
		like($err, qr/\Q$bad->[1]/, 'and why');
	}
	($code, $out, $err) = dropmill(@explain, 'a', '--param', 'title');
	is($code, 64, 'neither a value nor one in the environment');
	($code, $out) = dropmill(@c, 'types', 'check');
	is($code, 0, 'check takes it');
	spew("$dir/own/bad.conf", "[job bad]\ntitle = B\naccept = *\ncommand = cat\nparam.x = chioce a b\n");
	($code, $out) = dropmill(@c, 'types', 'check');
	is($code, 65, 'and refuses a slip');
	like($out, qr{^fail +\S+/bad.conf:5: param.x: unknown kind "chioce"}m, 'with file and line');
	unlink "$dir/own/bad.conf";
}

($code, $out, $err) = dropmill(@c, 'submit', spew("$dir/early.txt", 'x'));
is($code, 75, 'nothing is published yet: try again');
for my $type (qw(inspect csv-profile)) {
	($code, $out) = dropmill(@c, '--json', 'types', 'explain', $type, 'x');
	sql(sprintf "INSERT INTO job_types VALUES ('%s', 1, 1, 1, '%s', 0)", $type, $out =~ s/'/''/gr);
}
($code, $out) = dropmill(@c, 'types', 'list', '--json');
is_deeply([map { "$_->{name} $_->{version} $_->{available}" } @{ decode_json($out)->{types} }],
	['csv-profile 1 1', 'inspect 1 1'], 'types that are published');

# ---- submit -------------------------------------------------------------------------------------------
my $csv = spew("$dir/a b.csv", "x,y\n1,2\n");
my $text = spew("$dir/notes.txt", "some text\n");
my $empty = spew("$dir/empty", '');
($code, $out) = dropmill(@c, 'submit', $csv, $text);
is($code, 0, 'submit');
is($out, "1 csv-profile a b.csv\n2 inspect notes.txt\n", 'each file becomes a job of the right type');
($code, $out, $err) = dropmill(@c, 'submit', $text, $empty);
is($code, 65, 'an empty file is refused');
like($err, qr/file is empty: "empty"/, 'by name');
($code, $out, $err) = dropmill(@c, 'submit', $text, "$dir/nothing");
is($code, 66, 'a file that is not there');
($code, $out, $err) = dropmill(@c, 'submit', $dir);
is($code, 66, 'a directory');
($code, $out, $err) = dropmill(@c, 'submit', '--type', 'nope', $text);
is($code, 65, 'no such type');
($code, $out, $err) = dropmill(@c, 'submit', '--type', 'csv-profile', spew("$dir/x.png", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"));
is($code, 65, 'a type that does not take the file');
is(sql('SELECT COUNT(*) FROM jobs'), 2, 'what is refused makes no job');
is(scalar(my @left = glob "$dir/state/store/??/*"), 2, 'and leaves nothing in the store');
{
	local $ENV{DROPMILL_DISK_LOW} = '1000T';
	($code, $out, $err) = dropmill(@c, 'submit', $text);
	is($code, 73, 'the disk is too full');
	like($err, qr/disk_low/, 'by disk_low');
}
my ($uuid) = sql('SELECT uuid FROM files WHERE job_id = 1');
my $stored = "$dir/state/store/" . substr($uuid, -2) . "/$uuid";
is((stat $stored)[7], -s $csv, 'the file is in the store');
is((stat $stored)[3], 1, 'as a copy of its own');

($code, $out) = dropmill(@c, 'submit', '--json', '--type', 'inspect', '--', $csv);
my $made = decode_json($out)->{jobs}[0];
is($made->{job_type}, 'inspect', 'the type asked for');
is($made->{status}, 'pending', 'answered as JSON');

($code, $out) = dropmill(@c, 'submit', '--json', '--priority', '-3', '--at', '+1d', $text);
my $later = decode_json($out)->{jobs}[0];
is($later->{priority}, -3, 'a priority');
is(sql("SELECT run_at - created_at BETWEEN 86390000 AND 86400000 FROM jobs WHERE id = $later->{id}"), 1, 'and a start');
($code, $out) = dropmill(@c, 'job', 'show', $later->{id});
like($out, qr/^priority  -3\ndue       \Q$later->{run_at}\E$/m, 'which show has');
($code, $out) = dropmill(@c, 'job', 'rm', $later->{id});
is($code, 0, 'taken out again');

# ---- list and show ------------------------------------------------------------------------------------
($code, $out) = dropmill(@c, 'job', 'list');
like($out, qr/^ +ID +STATUS.*\n +3 +pending .*a b\.csv\n +2 .*notes\.txt\n +1 /, 'the list, newest first');
($code, $out) = dropmill(@c, 'job', 'list', '--json', '--type', 'inspect', '--oldest');
is_deeply([map { $_->{id} } @{ decode_json($out)->{jobs} }], [2, 3], 'by type, oldest first');
($code, $out) = dropmill(@c, 'job', 'list', '--json', '--limit', 2);
is(scalar @{ decode_json($out)->{jobs} }, 2, 'no more than the limit');
ok(decode_json($out)->{more}, 'and there are more');
($code, $out) = dropmill(@c, 'job', 'list', '--json', '--search', 'notes');
is_deeply([map { $_->{id} } @{ decode_json($out)->{jobs} }], [2], 'by part of the name');
($code, $out) = dropmill(@c, 'job', 'show', '1');
like($out, qr/^input +8 B  text\S+  a b\.csv$/m, 'show: files');
like($out, qr/^history .*pending +local$/m, 'show: history');
($code, $out) = dropmill(@c, 'job', 'show', $made->{uuid}, '--json');
my $job = decode_json($out)->{job};
is($job->{inputs}[0]{filename}, 'a b.csv', 'show: by uuid, as JSON');
is($job->{history}[0]{status}, 'pending', 'with history');
($code, $out, $err) = dropmill(@c, 'job', 'show', '999');
is($code, 65, 'no such job');

# ---- acts ---------------------------------------------------------------------------------------------
($code, $out) = dropmill(@c, 'job', 'cancel', 1, 2);
is($code, 0, 'cancel');
is($out, "1 cancelled\n2 cancelled\n", 'two at once');
($code, $out, $err) = dropmill(@c, 'job', 'cancel', 1, 3);
is($code, 1, 'one that its state forbids');
is($out, "3 cancelled\n", 'does not keep the other');
like($err, qr/^dropmill: job 1: cannot cancel a job that is cancelled; what it allows: retry, delete$/, 'and says why');
($code, $out) = dropmill(@c, 'job', 'list', '--json', '--status', 'canceled');
is(scalar @{ decode_json($out)->{jobs} }, 3, 'by state, with its other name');
($code, $out) = dropmill(@c, 'job', 'retry', '--json', 1);
is(decode_json($out)->{jobs}[0]{status}, 'pending', 'retry');
is(decode_json($out)->{jobs}[0]{retry_count}, 1, 'is counted');
($code, $out) = dropmill(@c, 'job', 'rm', 2);
is($out, "2 deleted\n", 'rm');
is(scalar(@left = glob "$dir/state/store/??/*"), 2, 'and its file is gone');
($code, $out) = dropmill(@c, 'check');
is($code, 0, 'database and store agree');

# ---- jobs moved by hand ---------------------------------------------------------------------------------
($code, $out) = dropmill(@c, '--json', 'types', 'explain', 'manual', 'x');
sql(sprintf "INSERT INTO job_types VALUES ('manual', 1, 1, 1, '%s', 0)", $out =~ s/'/''/gr);
($code, $out) = dropmill(@c, 'submit', '--json', '--type', 'manual', $text);
my $hand = decode_json($out)->{jobs}[0]{id};
($code, $out) = dropmill(@c, 'job', 'set', $hand, '--status', 'RUNNING', '--progress', 30, '--step', 'sifting');
is("$code $out", "0 $hand processing, 30%\n", 'set');
($code, $out) = dropmill(@c, 'job', 'set', '--json', $hand, '--status', 'failed', '--error', 'no flour');
is_deeply([@{ decode_json($out)->{job} }{qw(status error progress)}], ['failed', 'no flour', 30], 'as JSON');
($code, $out, $err) = dropmill(@c, 'job', 'set', $hand, '--status', 'completed');
is($code, 1, 'what the state does not allow');
like($err, qr/a job that is failed cannot become completed; it can become: pending/, 'and why');
($code, $out, $err) = dropmill(@c, 'job', 'set', 1, '--progress', 3);
is($code, 1, "a processor's job");
like($err, qr/are moved by a processor/, 'is not moved so');
for (['--progress', 101], ['--status', 'odd'], ['--step', "a\nb"], ['--reason', 'x'], []) {
	($code) = dropmill(@c, 'job', 'set', $hand, @$_);
	is($code, 64, "64: set @$_");
}
($code, $out) = dropmill(@c, 'check');
is($code, 0, 'database and store agree');

# ---- seed ---------------------------------------------------------------------------------------------
my $before = sql('SELECT COUNT(*) FROM jobs');
($code, $out) = dropmill(@c, 'seed', 100);
is($code, 0, 'seed');
is(sql('SELECT COUNT(*) FROM jobs'), $before + 100, 'makes jobs');
($code, $out) = dropmill(@c, 'check');
is($code, 0, 'that keep the invariants') or diag $out;
($code, $out) = dropmill('--help');
unlike($out, qr/seed/, 'and is not among the listed verbs');

# ---- wait ---------------------------------------------------------------------------------------------
# Ends a job the way a processor would, as far as a watcher can see.
sub finish {
	my ($id, $status, $column, $text) = @_;
	my $until = time + 20;
	sleep 0.05 while !sql("SELECT COUNT(*) FROM jobs WHERE id = $id") && time < $until;
	sql("UPDATE jobs SET status = '$status', progress = 100, $column = '$text' WHERE id = $id;"
		. "UPDATE projects SET version = version + 1");
}

sub submit_and {
	my ($finish, @argv) = @_;
	my $pid = fork // die;
	if (!$pid) {
		$finish->();
		require POSIX;
		POSIX::_exit(0);
	}
	my @answer = dropmill(@c, 'submit', '--wait', @argv);
	waitpid $pid, 0;
	return @answer;
}

my $next = sql('SELECT MAX(id) + 1 FROM jobs');
($code, $out) = submit_and(sub { finish($next, 'completed', 'result', 'fine') }, $text);
is($code, 0, 'waits until it has completed');
is($out, "$next completed notes.txt: fine\n", 'and says so');
$next++;
($code, $out, $err) = submit_and(
	sub { finish($next, 'completed', 'result', 'fine'); finish($next + 1, 'failed', 'error', 'stopped after 2 min (limit)') },
	$text, $csv);
is($code, 1, 'one of two failed');
like($out, qr/^\d+ failed a b\.csv: stopped after 2 min \(limit\)$/m, 'which, and why');
like($err, qr/^dropmill: 1 of 2 did not complete: \S.*$/m, 'in sum');
$next += 2;
($code, $out) = submit_and(sub { finish($next, 'completed', 'result', 'fine') }, '--json', $text);
is(decode_json($out)->{jobs}[0]{result}, 'fine', 'the outcome as JSON');

# ---- doctor -------------------------------------------------------------------------------------------
($code, $out) = dropmill(@c, 'doctor', '--json');
is($code, 1, 'doctor finds what is missing');
my %found = map { ($_->{subject} => $_) } @{ decode_json($out)->{checks} };
is($found{database}{status}, 'ok', 'the database is sound');
is($found{'job types'}{status}, 'ok', 'job types are right');
is($found{processor}{status}, 'fail', 'no processor runs');
like($found{processor}{advice}, qr/start it/, 'what to do');
is($found{spool}{status}, 'fail', 'a directory is missing');
($code, $out) = dropmill(@c, 'doctor');
like($out, qr/^fail +web +does not answer at .*\n +-> /m, 'the same for people');
like($out, qr/^\d+ ok, \d+ to look at, \d+ failed$/m, 'in sum');

# ---- whose files --------------------------------------------------------------------------------------
SKIP: {
	skip 'only root can become somebody else', 6 if $> != 0;
	my $uid = getpwnam 'nobody';
	mkdir "$dir/theirs";
	chown $uid, -1, "$dir/theirs" or die $!;
	spew("$dir/theirs/dropmill.conf", do { open my $in, '<', "$dir/state/dropmill.conf" or die; local $/; <$in> });
	my @theirs = ('-c', "$dir/theirs/dropmill.conf");
	($code, $out, $err) = dropmill(@theirs, 'migrate');
	is($code, 0, "root migrates somebody's state") or diag $err;
	is((stat "$dir/theirs/dropmill.db")[4], $uid, 'the database belongs to its owner');
	($code, $out, $err) = dropmill(@theirs, 'job', 'list');
	is($code, 0, 'and root may look at it');
	is_deeply([grep { (stat)[4] != $uid } glob "$dir/theirs/dropmill.db*"], [], 'nothing of root lies beside it');
	my $copy = "$dir/theirs/dropmill.db";
	run('sqlite3', $copy, "ATTACH '$dir/state/dropmill.db' AS other; INSERT INTO job_types SELECT * FROM other.job_types");
	chown $uid, -1, glob "$dir/theirs/dropmill.db*";
	my $secret = spew("$dir/secret.txt", 'for root alone');
	chmod 0600, $secret;
	($code, $out, $err) = dropmill(@theirs, 'submit', $secret);
	is($code, 0, 'a file that only root can read is submitted') or diag $err;
	is((stat((glob "$dir/theirs/store/??/*")[0]))[4], $uid, 'and the copy belongs to the owner of the state');
}

done_testing;
