# dropmill types selftest: samples through the real processor and sandbox, and what it says of those that
# do not end as they should; and that a reload takes in what jobs.d says then.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP qw(decode_json);
use Test::More;
use Dropmill::Process qw(wait_until);
use Dropmill::Processor;

my $p = Dropmill::Processor->new;
my $build = $ENV{BUILD} // "$FindBin::Bin/../build";
$p->write("$p->{dir}/jobs.d/sample.txt", "some sample\n");
$p->type('good', "cat \"\$1\" >\"\$2/copy\"\necho \"fine: \$DROPMILL_PARAM_WORD\"\n", sample => 'sample.txt word=yes',
	expect => 'fine: y*', 'param.word' => 'text');
$p->type('other', "echo something else\n", sample => 'sample.txt', expect => 'fine*');
$p->type('broken', "echo 'no flour' >&2\nexit 3\n", sample => 'sample.txt');
$p->type('lost', "echo x\n", sample => 'not-there.txt');
$p->type('bare', "echo x\n");
$p->type('absent', '', command => 'no-such-program {input}', sample => 'sample.txt');

subtest selftest => sub {
	my ($code, $out) = $p->dropmill('types', 'selftest', '--json');
	is($code >> 8, 1, 'some are wrong: 1');
	my ($json) = $out =~ /^(\{"types".*\})$/m or diag $out;
	my %of = map { $_->{name} => $_ } @{ decode_json($json)->{types} };
	is_deeply({ map { $_ => $of{$_}{outcome} } keys %of },
		{ good => 'ok', other => 'fail', broken => 'fail', lost => 'fail', bare => 'skip', absent => 'skip' }, 'each its own') or diag $out;
	is($of{good}{text}, 'fine: yes', 'the result, with its parameter');
	is($of{other}{text}, 'result is "something else", not "fine*"', 'another result');
	like($of{broken}{text}, qr/^failed: .*exit code 3: no flour$/, 'a failure and why');
	like($of{absent}{text}, qr/^no-such-program is missing: /, 'a program that is missing');
	is($of{bare}{text}, 'it has no sample', 'no sample');
	($code, $out) = $p->dropmill('types', 'selftest', 'good');
	is($code, 0, 'one alone') or diag $out;
	like($out, qr/^ok +good +\d+\.\d\d s  fine: yes$/m, 'in a line');
	($code) = $p->dropmill('types', 'selftest', 'nobody');
	is($code >> 8, 65, 'no such type: 65');
	is($p->sql('SELECT count(*) FROM jobs'), 0, 'the site has no job of it');
	is(scalar(() = glob '/tmp/dropmill-selftest-*/dropmill.db'), 0, 'and nothing is left');
};

subtest reload => sub {
	my $pid = $p->start;
	my sub published { return $p->sql("SELECT version FROM job_types WHERE name = '$_[0]' AND current = 1") }
	my sub reload {
		my $n = () = $p->log =~ /job types loaded/g;
		kill HUP => $pid;
		ok(wait_until(10, sub { (() = $p->log =~ /job types loaded/g) > $n }), "reloaded: $_[0]");
	}
	$p->type('fresh', "echo new\n");
	reload('a new file');
	is(published('fresh'), 1, 'is a type');
	is($p->finished($p->submit('fresh'))->{result}, 'new', 'that runs');
	$p->write("$p->{dir}/jobs.d/fresh.conf", "[job fresh]\ntitle = F\naccept = *\ncomand = true\n");
	reload('a typo');
	like($p->log, qr{fresh\.conf:4: unknown key "comand"}, 'is logged with file and line');
	is(published('fresh'), 1, 'and the old one stays');
	is($p->finished($p->submit('fresh'))->{result}, 'new', 'and runs');
	my ($code, $out) = $p->dropmill('types', 'check');
	is($code >> 8, 65, 'types check says so');
	like($out, qr{^fail +\S+fresh\.conf:4: unknown key "comand" in \[job fresh\]$}m, 'with the same place');
	$p->type('fresh', "echo newer\n", title => 'Other');
	reload('mended');
	is(published('fresh'), 2, 'is another version');
	$p->write("$p->{dir}/jobs.d/zz.conf", "[job fresh]\ntitle = Twice\naccept = *\ncommand = true\n");
	reload('two files with one type');
	like($p->log, qr{zz\.conf:1: job type "fresh" stands in \S+fresh\.conf already}, 'the second is refused');
	is(published('fresh'), 2, 'the first holds');
	unlink "$p->{dir}/jobs.d/zz.conf";
	mkdir "$p->{dir}/jobs.d/dir.conf";
	reload('a directory called .conf');
	is(published('fresh'), 2, 'harms nothing');
	rmdir "$p->{dir}/jobs.d/dir.conf";
	unlink "$p->{dir}/jobs.d/fresh.conf";
	reload('a file that is gone');
	is(published('fresh'), '', 'is no type any more');
	($code, $out) = $p->dropmill('submit', '--type', 'fresh', "$p->{top}/input.txt");
	like($out, qr/no such job type: "fresh"/, 'and takes no file');
	rename "$p->{dir}/jobs.d", "$p->{dir}/gone";
	reload('no directory');
	is($p->sql('SELECT count(*) FROM job_types WHERE current = 1'), 0, 'no types');
	rename "$p->{dir}/gone", "$p->{dir}/jobs.d";
	reload('it is back');
	is($p->finished($p->submit('bare'))->{result}, 'x', 'and so are they');
	is($p->kill_it(TERM => $pid), 0, 'a clean end');
};
done_testing;
