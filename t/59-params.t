#!/usr/bin/perl
# Parameters in a run: what the command is given, that a secret is nowhere else, and that a job runs the
# definition it was made with whatever became of it since.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP qw(decode_json);
use Test::More;
use Dropmill::Process qw(wait_until);
use Dropmill::Processor;

my $root = $> == 0;
my $p = Dropmill::Processor->new($root ? (user => 'nobody') : ());
my $secret = 'correct-horse-battery';

sub submit {
	my (@options) = @_;
	my ($code, $out) = $p->dropmill('--json', 'submit', @options);
	die "submit: $out" if $code;
	return map { $_->{id} } @{ decode_json($out)->{jobs} };
}

# What the command was given, a line each.
my $tell = 'for a; do echo "arg $a"; done >"$DROPMILL_OUTPUT/told"; env | grep ^DROPMILL_PARAM | sort >>"$DROPMILL_OUTPUT/told"';
my @declared = ('param.size' => 'choice 200 400 default 400 flag -resize', 'param.note' => 'text',
	'param.gray' => 'boolean flag -gray', 'param.style' => 'file', 'param.pw' => 'secret');

subtest 'what a command is given' => sub {
	$p->type('tell', "$tell\n[ -z \"\$DROPMILL_PARAM_STYLE\" ] || cat \"\$DROPMILL_PARAM_STYLE\"\n",
		command => 'tell.sh {size} {gray} {note} x{note}y {style} -- {input}', @declared);
	$p->start;
	$p->write("$p->{top}/house.css", "p {}\n", 0644);
	my ($id) = submit('--type', 'tell', '--param', 'note=a b; $(id) `id` "', '--param', 'gray=yes', '--param',
		"style=$p->{top}/house.css", "$p->{top}/input.txt");
	my $job = $p->finished($id);
	is($job->{status}, 'completed', 'it runs') or diag $job->{error};
	is($p->output($job, 'told'), <<'END', 'argv and environment');
arg -resize
arg 400
arg -gray
arg a b; $(id) `id` "
arg xa b; $(id) `id` "y
arg /job/in/house.css
arg --
arg /job/in/input.txt
DROPMILL_PARAM_GRAY=yes
DROPMILL_PARAM_NOTE=a b; $(id) `id` "
DROPMILL_PARAM_SIZE=400
DROPMILL_PARAM_STYLE=/job/in/house.css
END
	like($p->job_log($job), qr/^p \{\}$/m, 'the file is there to be read');
	($id) = submit('--type', 'tell', "$p->{top}/input.txt");
	$job = $p->finished($id);
	is($p->output($job, 'told'), <<'END', 'what is not set is left out');
arg -resize
arg 400
arg xy
arg --
arg /job/in/input.txt
DROPMILL_PARAM_GRAY=no
DROPMILL_PARAM_SIZE=400
END
	($id) = submit('--type', 'tell', '--param', 'note=-rf', "$p->{top}/input.txt");
	$job = $p->finished($id);
	is($job->{status}, 'failed', 'a text that would pass as an option is not run');
	like($job->{error}, qr/"-rf" would pass as an option of tell\.sh/, 'and it is said why');
	my ($code, $out) = $p->dropmill('submit', '--type', 'tell', '--param', 'size=300', "$p->{top}/input.txt");
	is($code >> 8, 65, 'a wrong value is refused before that');
	like($out, qr/size must be one of: 200, 400/, 'with its sentence');
};

subtest 'many in one' => sub {
	$p->type('merge', "cat \"\$@\" >\"\$DROPMILL_OUTPUT/all\"\n", command => 'merge.sh {inputs}', inputs => 'many');
	my ($pid) = keys %{ $p->{pids} };
	kill 'HUP', $pid;
	ok(wait_until(10, sub { $p->sql("SELECT COUNT(*) FROM job_types WHERE name = 'merge'") }), 'published on SIGHUP');
	$p->write("$p->{top}/$_.txt", "$_\n", 0644) for 1 .. 3;
	my @ids = submit('--type', 'merge', map { "$p->{top}/$_.txt" } 1 .. 3);
	is(scalar @ids, 1, 'one job');
	is($p->output($p->finished($ids[0]), 'all'), "1\n2\n3\n", 'of all the files, in order');
};

subtest 'a secret' => sub {
	$p->type('sly', "$tell\necho \"it is \$DROPMILL_PARAM_PW\"\necho \"50% \$DROPMILL_PARAM_PW\"\n"
		. "[ \$DROPMILL_ATTEMPT != 1 ] || { sleep 1; exit 3; }\n",
		command => 'sly.sh {input}', @declared);
	my ($pid) = keys %{ $p->{pids} };
	kill 'HUP', $pid;
	ok(wait_until(10, sub { $p->sql("SELECT COUNT(*) FROM job_types WHERE name = 'sly'") }), 'published');
	my ($id) = submit('--type', 'sly', '--param', "pw=$secret", "$p->{top}/input.txt");
	is($p->job($id)->{params}{pw}, "\x{2022}" x 3, 'is not shown');
	ok(wait_until(20, sub { $p->job($id)->{progress} >= 50 }), 'it runs');
	my @lines = grep { /\Q$secret\E/ } map { $p->_read($_) // '' } glob '/proc/[0-9]*/cmdline';
	is_deeply(\@lines, [], 'in no command line');
	is($p->finished($id)->{status}, 'failed', 'once');
	my ($code) = $p->dropmill('job', 'retry', $id);
	is($code, 0, 'retry');
	my $job = $p->finished($id);
	is($job->{status}, 'completed', 'and again') or diag $job->{error};
	like($p->output($job, 'told'), qr/^DROPMILL_PARAM_PW=\Q$secret\E$/m, 'the command had it');
	like($p->job_log($job), qr/^it is \xe2\x80\xa2/m, 'the log hides it');
	unlike($p->job_log($job), qr/\Q$secret\E/, 'everywhere');
	my $uuid = $p->sql("SELECT uuid FROM files WHERE job_id = $id AND output = 1");
	my @found = grep { !/\Q$uuid\E/ } split /\n/, qx(grep -rlF $secret $p->{top});
	is_deeply(\@found, [], 'neither database nor store, log or work directory holds it');
	($id) = submit('--type', 'sly', '--param', "pw=$secret", "$p->{top}/input.txt");
	$p->finished($id);
	is($p->sql("SELECT COUNT(*) FROM job_secrets WHERE job_id = $id"), 1, 'it is kept for another run');
	rename "$p->{dir}/secret.key", "$p->{dir}/secret.key.old";
	submit('--type', 'sly', '--param', 'pw=another', "$p->{top}/input.txt"); # makes a new key
	$p->dropmill('job', 'retry', $id);
	$job = $p->finished($id);
	is($job->{status}, 'failed', 'without the key it cannot run');
	like($job->{error}, qr/secrets of this job were kept under another key/, 'and says so');
	$p->dropmill('job', 'rm', $id);
	is($p->sql("SELECT COUNT(*) FROM job_secrets WHERE job_id = $id"), 0, 'goes with the job');
};

subtest 'the definition a job was made with' => sub {
	$p->type('turn', "[ \"\$DROPMILL_PARAM_A\" != bad ] || exit 9\necho \"\$# \$2 \$DROPMILL_PARAM_A\$DROPMILL_PARAM_B\" >\"\$1/told\"\n",
		command => 'turn.sh {output}', 'param.a' => 'text default x');
	my ($pid) = keys %{ $p->{pids} };
	my $reload = sub {
		my ($version) = @_;
		kill 'HUP', $pid;
		ok(wait_until(10, sub {
			$p->sql("SELECT COUNT(*) FROM job_types WHERE name = 'turn' AND version = $version AND current = 1") }),
			"version $version is in force");
	};
	$reload->(1);
	# It waits for its time while the type changes under it.
	my ($bad) = submit('--type', 'turn', '--param', 'a=bad', "$p->{top}/input.txt");
	like($p->finished($bad)->{error}, qr/\b9\b/, 'one fails');
	my ($id) = submit('--type', 'turn', '--at', '+3s', "$p->{top}/input.txt");
	$p->type('turn', substr($p->_read("$p->{dir}/scripts/turn.sh"), 10), command => 'turn.sh {output} {b}',
		'param.b' => 'integer default 7');
	$reload->(2);
	my ($new) = submit('--type', 'turn', "$p->{top}/input.txt");
	is($p->output($p->finished($new), 'told'), "2 7 7\n", 'a new job runs the new one');
	my $job = $p->finished($id);
	is($p->output($job, 'told'), "1  x\n", 'the old job its own');
	$p->dropmill('job', 'retry', $bad);
	like($p->finished($bad)->{error}, qr/\b9\b/, 'when it is tried again too');
	# A slip changes nothing.
	$p->write("$p->{dir}/jobs.d/turn.conf", "[job turn]\ntitle = T\naccept = *\ncommand = turn.sh {output}\nparam.b = intger\n");
	kill 'HUP', $pid;
	ok(wait_until(10, sub { $p->log =~ m{/turn\.conf:5: param\.b: unknown kind "intger"} }), 'a slip is reported with file and line');
	($new) = submit('--type', 'turn', "$p->{top}/input.txt");
	is($p->output($p->finished($new), 'told'), "2 7 7\n", 'and changes nothing');
	$p->sql("DELETE FROM job_types WHERE name = 'turn' AND version = 1");
	$p->kill_it(TERM => $pid);
	$p->start;
	$p->dropmill('job', 'retry', $bad);
	like($p->finished($bad)->{error}, qr/version 1 of job type "turn", which this job was made with, is gone/, 'and says so');
};

done_testing;
