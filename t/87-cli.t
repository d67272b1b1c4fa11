#!/usr/bin/perl
# The program `dropmill` on a stack that runs: submit and wait, what the doctor says of a healthy stack,
# and the life of a job type: declared, changed, broken, taken away.
use strict;
use warnings;
use FindBin qw($Bin);
use lib "$Bin/lib";
use JSON::PP qw(decode_json);
use Test::More;
use Dropmill::Process qw(wait_until);
use Dropmill::Stack;

my $stack = Dropmill::Stack->start(config => { disk_low => '0', sandbox => 'auto' });
my $state = $stack->state;

sub spew {
	my ($path, $text, $mode) = @_;
	open my $out, '>:raw', $path or die "$path: $!";
	print $out $text;
	close $out or die "$path: $!";
	chmod $mode // 0644, $path;
	return $path;
}

sub json {
	my ($code, $out) = $stack->cli(@_, '--json');
	my ($line) = $out =~ /^(\{.*\})$/m;
	return $line ? decode_json($line) : diag("no JSON: $out");
}

sub types { return { map { ($_->{name} => $_) } @{ json('types', 'list')->{types} } } }

sub reload {
	my ($until, $name) = @_;
	kill HUP => $stack->part('processor');
	ok(wait_until(10, $until), $name) or diag $stack->log;
}

# ---- submit -------------------------------------------------------------------------------------------
my $csv = spew("$state/table.csv", "name,n\na,1\nb,\n");
my $text = spew("$state/-rf notes.txt", "some text\n");
my ($code, $out) = $stack->cli('submit', '--wait', $csv, $text);
is($code, 0, 'submit --wait');
like($out, qr/^1 completed table\.csv: 2 rows, 2 columns$/m, 'the table has a profile');
like($out, qr/^2 completed -rf notes\.txt: /m, 'the other file is inspected');
my $job = json('job', 'show', 1)->{job};
is_deeply([sort map { $_->{filename} } @{ $job->{outputs} }], ['profile.html', 'profile.json'], 'outputs');
is_deeply([map { $_->{status} } @{ $job->{history} }], [qw(pending processing completed)], 'history');
is($stack->json('/jobs/1')->{job}{uuid}, $job->{uuid}, 'the page knows the same job');

# ---- doctor -------------------------------------------------------------------------------------------
my $doctor = json('doctor');
# A host without the latest nginx of its distribution is told so, and rightly.
my @wrong = grep { $_->{status} eq 'fail' && !($_->{subject} eq 'nginx' && $_->{text} =~ /too old/) } @{ $doctor->{checks} };
is_deeply(\@wrong, [], 'the doctor finds nothing wrong');
is(!!$doctor->{ok}, !(grep { $_->{status} eq 'fail' } @{ $doctor->{checks} }), 'and says so');
my %found = map { ($_->{subject} => $_) } @{ $doctor->{checks} };
is($found{$_}{status}, 'ok', "$_ is looked at") for qw(database processor web port directories disk), 'job types';

# ---- a job type of the site --------------------------------------------------------------------------
spew("$state/scripts/words", "#!/bin/sh\nwc -w <\"\$1\" >\"\$2/words.txt\"\ncat \"\$2/words.txt\"\n", 0755);
my $conf = "$state/jobs.d/words.conf";
my $definition = "[job words]\ntitle = Words\naccept = text/plain\ncommand = words {input} {output}\n";
spew($conf, $definition);
($code, $out) = $stack->cli('types', 'check', $conf);
is($code, 0, 'its file is right') or diag $out;
reload(sub { types()->{words} }, 'it is published after SIGHUP');
is(types()->{words}{version}, 1, 'as its first version');
($code, $out) = $stack->cli('submit', '--wait', '--type', 'words', $text);
is($code, 0, 'it runs') or diag $out;
like($out, qr/completed -rf notes\.txt: 2$/m, 'and counts words');
($code, $out) = $stack->cli('submit', '--type', 'words', $csv);
is($code, 65, 'what it does not accept is refused') or diag $out;

spew($conf, $definition . "attempt = 3\n");
my $log = length $stack->log;
reload(sub { substr($stack->log, $log) =~ /job types loaded/ }, 'with an error in the file');
like(substr($stack->log, $log), qr{error: job types: \S+words\.conf:5: unknown key "attempt" in \[job words\]},
	'the log has file and line');
is(types()->{words}{version}, 1, 'the definition from before stays');
($code, $out) = $stack->cli('submit', '--wait', '--type', 'words', $text);
is($code, 0, 'and still runs') or diag $out;
my ($finding) = grep { $_->{subject} eq 'job types' && $_->{status} eq 'fail' } @{ json('doctor')->{checks} };
like($finding->{text} // '', qr/words\.conf:5: unknown key/, 'the doctor says so too');

spew($conf, $definition . "attempts = 3\nrequires = no-such-program\n");
reload(sub { (types()->{words}{version} // 0) == 2 }, 'another definition is another version');
ok(!types()->{words}{available}, 'not available where a program is missing');
($code, $out) = $stack->cli('submit', '--type', 'words', $text);
is($code, 65, 'then it takes nothing');
like($out, qr/not available/, 'and says why');

unlink $conf;
reload(sub { !types()->{words} }, 'taken away with its file');

# ---- acts ---------------------------------------------------------------------------------------------
($code, $out) = $stack->cli('submit', '--type', 'demo', $text);
my ($id) = $out =~ /^(\d+) demo/;
ok(wait_until(10, sub { json('job', 'show', $id)->{job}{status} eq 'processing' }), 'a job runs');
($code, $out) = $stack->cli('job', 'cancel', $id);
is($out, "$id cancelled\n", 'is cancelled');
($code, $out) = $stack->cli('job', 'rm', $id);
is($out, "$id deleted\n", 'and deleted');
is($stack->get("/jobs/$id")->{status}, 404, 'also for the page');
($code, $out) = $stack->cli('check');
is($code, 0, 'database and store agree') or diag $out;

is_deeply([$stack->stop], [], 'no process is left');
done_testing;
