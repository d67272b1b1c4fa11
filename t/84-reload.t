#!/usr/bin/perl
# From a script to a job type, as docs/JOB-TYPES.md tells it: its own script and its own file, under a stack as
# `make run` starts it. Then what SIGHUP must not do: take a file with an error, lose a definition, or publish half
# a file.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Process qw(wait_until);
use Dropmill::Stack;
use JSON::PP qw(decode_json);
use Test::More;

my $stack = Dropmill::Stack->start;
my $state = $stack->state;

sub put {
	my ($path, $text, $mode) = @_;
	open my $out, '>', $path or die "$path: $!";
	print $out $text;
	close $out or die "$path: $!";
	chmod $mode, $path if $mode;
	return;
}

sub declare { my ($name, $text) = @_; return put("$state/jobs.d/$name.conf", $text) }

# Have everything read again, and wait until the processor has done so.
sub reload {
	my $before = () = $stack->log =~ /job types loaded/g;
	local @ENV{qw(STATE BUILD)} = ($state, Dropmill::Stack::build());
	is(system(Dropmill::Stack::top() . '/scripts/run --reload >/dev/null'), 0, 'reload');
	return wait_until(10, sub { (() = $stack->log =~ /job types loaded/g) > $before });
}

sub types { return { map { $_->{name} => $_ } @{ decode_json(($stack->cli('types', 'list', '--json'))[1])->{types} } } }
sub panel { my ($type) = @_; return $stack->get("/?new=$type", Accept => 'text/html')->{content} }

# ---- the page ----
open my $doc, '<:encoding(UTF-8)', Dropmill::Stack::top() . '/docs/JOB-TYPES.md' or die $!;
my $text = do { local $/ = undef; <$doc> };
my ($script) = $text =~ /^```sh\n(#!.*?)^```/ms or die 'no script';
my ($conf) = $text =~ /^ *```ini\n(.*?)^ *```/ms or die 'no file';
$conf =~ s/^   //mg;

subtest 'the page of the documentation, step by step' => sub {
	put("$state/scripts/words", $script, 0755);
	put("$state/jobs.d/words.conf", $conf);
	put("$stack->{dir}/report.txt", "the cat and the dog\n");
	my ($code, $out) = $stack->cli('types', 'check');
	is($code, 0, 'types check') or diag $out;
	like($out, qr/words/, 'names it');
	($code, $out) = $stack->cli('types', 'explain', 'words', "$stack->{dir}/report.txt");
	is($code, 0, 'types explain') or diag $out;
	like($out, qr{^command +\S*/scripts/words /job/in/report\.txt /job/out$}m, 'shows the command line');
	like($out, qr/^timeout +2 min$/m, 'and the limits');
	ok(!types()->{words}, 'it is not in force before the reload');
	ok(reload(), 'make reload');
	like(panel('words'), qr/<option value="words"[^>]* selected>Word count</, 'the page offers it');
	my $answer = $stack->form('/jobs', [ [ type => 'words' ], [ 'files', "the cat and the dog\n", 'report.txt' ] ],
		Accept => 'application/json');
	is($answer->{status}, 201, 'it takes a file') or diag $answer->{content};
	my $uuid = decode_json($answer->{content})->{jobs}[0]{uuid};
	my $job;
	wait_until(30, sub { $job = $stack->json("/jobs/$uuid")->{job}; $job->{status} =~ /completed|failed/ });
	is($job->{status}, 'completed', 'which is milled') or diag explain $job;
	is($job->{result}, '2 the', 'the result is the line that the script printed last');
	is($job->{outputs}[0]{filename}, 'words.txt', 'words.txt is its output');
};

# ---- a form, and errors ----
my $shout = "[job shout]\ntitle = Shout\naccept = *\ncommand = /bin/echo {volume} {strip} {input}\n"
	. "param.volume = choice loud louder default louder label \"How loud\"\nparam.strip = boolean flag -n label \"No end\"\n";
declare('shout', $shout);
ok(reload(), 'another file and SIGHUP');
like(panel('shout'), qr{<label for="([^"]+)">How loud</label>.*<select id="\1" name="params\.volume".*<option value="louder" selected>louder</option>}s,
	'a type with parameters has its form in the upload panel');
like(panel('shout'), qr/<input type="checkbox"[^>]* name="params\.strip"/, 'with each of them');

my $before = types();
declare('shout', $shout =~ s/accept/acept/r);
declare('words', $conf =~ s/2m/2 parsecs/r);
ok(reload(), 'typos');
like($stack->log, qr{error: job types: \S*jobs\.d/shout\.conf:3: [^\n]*acept}, 'one is reported with file and line');
like($stack->log, qr{error: job types: \S*jobs\.d/words\.conf:5: [^\n]*parsecs}, 'and the other');
is_deeply(types(), $before, 'and nothing changes');
like(panel('shout'), qr/name="params\.volume"/, 'the form is still there');
my ($code, $out) = $stack->cli('doctor');
like($out, qr/shout\.conf:3:/, 'the doctor says so too');

# One that cannot be read: for root, who reads anything, it is no file at all.
unlink "$state/jobs.d/shout.conf";
if ($> == 0) { mkdir "$state/jobs.d/shout.conf" or die }
else { declare('shout', $shout); chmod 0, "$state/jobs.d/shout.conf" }
symlink '/nonexistent', "$state/jobs.d/dangling.conf" or die;
declare('words', $conf);
ok(reload(), 'files that cannot be read');
like($stack->log, qr{error: job types: [^\n]*shout\.conf"}, 'one is reported');
like($stack->log, qr{error: job types: [^\n]*dangling\.conf"}, 'and the other');
is_deeply(types(), $before, 'the definitions stay');
rmdir "$state/jobs.d/shout.conf" or unlink "$state/jobs.d/shout.conf" or die;
unlink "$state/jobs.d/dangling.conf";

# Replaced and written anew all the time, with as many signals.
my $filler = "# filler\n" x 30000;
my @version = map { my $title = $_; $shout =~ s/= Shout/= Shout $title/r =~ s/\n/\n$filler/r } 1 .. 2;
my $writer = fork // die;
if (!$writer) {
	for (my $i = 0;; $i++) {
		if ($i % 10) { put("$state/jobs.d/.new", $version[$i % 2]); rename "$state/jobs.d/.new", "$state/jobs.d/shout.conf" }
		else { declare('shout', $version[$i % 2]) }
	}
}
my %seen;
for (1 .. 25) {
	kill HUP => $stack->supervisor;
	select undef, undef, undef, 0.05;
	my $type = types()->{shout};
	$seen{ $type ? "$type->{title}: @{ $type->{command} }" : 'gone' } = 1;
}
kill KILL => $writer;
waitpid $writer, 0;
my @whole = map { "Shout$_: /bin/echo {volume} {strip} {input}" } '', ' 1', ' 2';
is_deeply([ grep { my $have = $_; !grep { $_ eq $have } @whole } sort keys %seen ], [], 'only whole definitions were ever in force')
	or diag explain \%seen;
declare('shout', $shout =~ s/= Shout/= At last/r);
ok(reload(), 'when it is quiet');
is(types()->{shout}{title}, 'At last', 'the last one is in force');

# ---- gone ----
unlink "$state/jobs.d/shout.conf";
ok(reload(), 'a file that is taken away');
ok(!types()->{shout}, 'takes its type with it');
is_deeply([ $stack->stop ], [], 'no process is left');
is($stack->{status}, 0, 'a clean end');
done_testing;
