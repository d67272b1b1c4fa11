#!/usr/bin/perl
# A processor with a real sandbox, started by root and by an ordinary user: how jobs end, what is
# recorded of them and told on the page and by the API, and that ending one leaves nothing behind.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(sleep time);
use Dropmill::Cgi;
use Dropmill::Process qw(alive children wait_until with_text);
use Dropmill::Processor;

my %script = (
	good => qq{echo '10% reading'\ncat "\$1" >"\$2/copy.txt"\nmkdir "\$2/deep"\necho x >"\$2/deep/x.bin"\n}
		. qq{echo '{"processed":7,"total":9,"rejected":2}' >&3\nprintf '40%% half\\r60%% more\\r'\necho all went well\n},
	given => qq{echo '{"result":"said on three"}' >&3\necho something else\n},
	code => "echo 'no such column: price' >&2\nexit 3\n",
	one => "exit 1\n",
	data => "echo 'row 7 <b>has no</b> price' >&2\nexit 65\n",
	killed => "kill -KILL \$\$\n",
	as_killed => "exit 137\n",
	segv => "kill -SEGV \$\$\n",
	later => "[ \$DROPMILL_ATTEMPT = 3 ] && echo third time && exit 0\necho 'come back' >&2\nexit 75\n",
	never => "exit 75\n",
	slow => "trap 'echo asked to stop; exit 0' TERM\nwhile :; do sleep 0.05; done\n",
	hungry => "exec perl -e '\$x = \"x\" x 20000000 for 1; push \@a, \"x\" x 20000000 while 1'\n",
	wordy => "exec head -c 50000000 /dev/zero >\"\$2/big\"\n",
	many => "i=0; while [ \$i -lt 1100 ]; do : >\"\$2/f\$i\"; i=\$((i+1)); done\n",
	tricks => "cd \"\$2\"; ln -s /etc/passwd link; mkfifo fifo; echo x >a; ln a b; echo good >'good & bad.txt'\n",
	stubborn => "trap '' TERM INT HUP\nsetsid sleep 61.\$PPID &\n(setsid sh -c 'trap \"\" TERM; sleep 3333; sleep 3333' &)\n"
		. "echo '1% running'\nwhile :; do sleep 3333; done\n",
	chatty => "i=0; while [ \$i -lt 20000 ]; do echo \"line \$i of a log that goes on and on and on\"; i=\$((i+1)); done\n",
	items => "echo '3/4 rows'\nsleep 0.5\n",
);

sub check {
	my ($who, @option) = @_;
	my $p = Dropmill::Processor->new(@option, config => { log_max => '64K', workers => 3 });
	$p->type($_, $script{$_}) for keys %script;
	$p->type('later', $script{later}, attempts => 3);
	$p->type('never', $script{never}, attempts => 2);
	$p->type('slow', $script{slow}, timeout => '1s');
	$p->type('hungry', $script{hungry}, memory => '64M');
	$p->type('wordy', $script{wordy}, output_max => '2M');
	$p->type('items', $script{items}, progress => 'items');
	$p->type('absent', '', command => 'no-such-program {input}');
	my $pid = $p->start;
	my %id = map { $_ => $p->submit($_) } qw(good given code one data killed as_killed segv later never slow hungry wordy many tricks chatty items);

	my $job = $p->finished($id{good});
	is($job->{status}, 'completed', 'completed') or diag $p->log, explain $job;
	is($job->{result}, 'all went well', 'the last line is the result');
	is($job->{progress}, 100, 'progress is full');
	is_deeply([ @$job{qw(total_items processed_items rejected_items)} ], [ 9, 7, 2 ], 'counts by descriptor 3');
	is_deeply([ map { $_->{filename} } @{ $job->{outputs} } ], [ 'copy.txt', 'deep/x.bin' ], 'outputs');
	is($p->output($job, 'copy.txt'), "some input\n", 'what the output holds');
	is($job->{outputs}[0]{sha256}, sha256_hex("some input\n"), 'its digest');
	like($p->job_log($job), qr/^10% reading\n.*all went well\n\z/s, 'the log');
	ok($job->{cpu_ms} >= 0 && $job->{peak_bytes} > 0 && $job->{log_bytes} > 20, 'what it used');
	is_deeply([ map { $_->{status} } @{ $job->{history} } ], [qw(pending processing completed)], 'its history');
	is($p->finished($id{given})->{result}, 'said on three', 'a result given is preferred');

	my $cgroup = $p->log =~ /limits=cgroup/;
	my %error = (
		one => qr/^the command ended with exit code 1$/,
		data => qr/^the command ended with exit code 65: row 7 <b>has no<\/b> price$/,
		killed => qr/^the command was ended by signal 9 \(Killed\)$/,
		as_killed => qr/^the command was ended by signal 9 \(Killed\)$/,
		code => qr/^the command ended with exit code 3: no such column: price$/,
		segv => qr/^the command was ended by signal 11 \(Segmentation fault\)/,
		slow => qr/^stopped after 1 s \(limit\)$/,
		hungry => $cgroup ? qr/^killed: used more than 64 MB$/
			: qr/^(?:killed: used more than 64 MB|the command ended with exit code 1: Out of memory!)$/,
		wordy => qr/^stopped: wrote more than 2 MB$/,
		many => qr/^stopped: left more than 1000 files$/,
		never => qr/tried again \(exit code 75\).*after 2 attempts/,
	);
	my $web = Dropmill::Cgi->on($p);
	for my $name (sort keys %error) {
		$job = $p->finished($id{$name});
		is($job->{status}, 'failed', "$name failed");
		like($job->{error}, $error{$name}, "$name: $job->{error}");
		is(scalar @{ $job->{outputs} }, 0, 'no outputs');
		told($web, $job);
	}
	told($web, $p->job($id{good}));
	is($p->job($id{code})->{retry_count}, 0, 'an exit code is not tried again');
	is($p->job($id{never})->{retry_count}, 1, 'exit code 75 is, as often as attempts says');
	like($p->job_log($p->job($id{slow})), qr/asked to stop/, 'a time limit asks first');

	$job = $p->finished($id{later});
	is($job->{status}, 'completed', 'completed at the third attempt');
	is($job->{retry_count}, 2, 'two retries');
	is_deeply([map { $p->job_log($job, $_) } 1 .. 3], ["come back\n", "come back\n", "third time\n"],
		'a log of each attempt');

	$job = $p->finished($id{tricks});
	is_deeply([ map { $_->{filename} } @{ $job->{outputs} } ], ['good & bad.txt'], 'only regular files are outputs');
	like($p->job_log($job), qr/"link" is a link/, 'the log says what was left out');

	$job = $p->finished($id{chatty});
	my $log = $p->job_log($job);
	cmp_ok(length $log, '<=', 65536, 'the log is bounded');
	like($log, qr/^line 0 .*bytes left out here.*line 19999 [^\n]*\n\n\[dropmill\] \d+ bytes in all[^\n]*\n\z/s, 'head and tail are kept');
	is($p->finished($id{items})->{progress}, 100, 'progress by items');

	my ($code, $out) = $p->dropmill('submit', '--type', 'absent', "$p->{top}/input.txt");
	isnt($code, 0, "a type whose program is missing takes nothing: $out");

	cancel($p, $pid);
	ok(wait_until(10, sub { !$p->leftovers }), 'no work directory is left');
	is($p->kill_it(TERM => $pid), 0, 'SIGTERM: a clean end');
	like($p->log, qr/limits=/, 'it says how it limits') if $ENV{HARNESS_IS_VERBOSE};
	unlike($p->log, qr/error:|Sanitizer/, 'no errors in the log') or diag $p->log;
}

# The API and the page say the same of an ended job.
sub told {
	my ($web, $job) = @_;
	my $shown = $web->request(GET => "/api/jobs/$job->{id}", accept => 'application/json')->{json}{job};
	is_deeply([ @$shown{qw(status error error_message result)} ], [ @$job{qw(status error error result)} ], 'the API says so');
	my $page = $web->request(GET => "/jobs/$job->{id}", accept => 'text/html')->{content};
	my $sentence = $job->{error} // $job->{result};
	$sentence =~ s/([&<>"'])/{ '&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;', "'" => '&#39;' }->{$1}/ge;
	like($page, qr/<span class="(?:why|result)"[^>]*>\Q$sentence\E</, 'and the page');
	return;
}

sub cancel {
	my ($p, $pid) = @_;
	my $id = $p->submit('stubborn');
	ok($p->step($id, qr/running/), 'a stubborn job runs');
	my @runner = $p->runners($pid);
	is(scalar @runner, 1, 'it has a runner');
	my @before = with_text('3333');
	cmp_ok(scalar @before, '>', 1, 'and processes in sessions of their own');
	my $start = time;
	my ($code, $out) = $p->dropmill('job', 'cancel', $id);
	is($code, 0, 'cancel') or diag $out;
	is($p->job($id)->{status}, 'cancelled', 'cancelled at once');
	wait_until(5, sub { !grep { alive($_) } @before, @runner });
	cmp_ok(time - $start, '<', 3, 'no process of it is left within 3 s');
	($code) = $p->dropmill('job', 'retry', $id);
	is($code, 0, 'it can be retried');
	ok($p->step($id, qr/running/), 'and runs again');
	is($p->job($id)->{retry_count}, 1, 'which counts as a retry');
	$start = time;
	$p->dropmill('job', 'cancel', $id);
	$p->dropmill('job', 'retry', $id);
	my $most = 0;
	wait_until(10, sub {
		# A runner without children only has to go. A look takes time: what it found may have been
		# one after the other, so each is asked again.
		my @now = grep { $p->commands($_) } $p->runners($pid);
		@now = grep { $p->commands($_) } @now;
		$most = @now if @now > $most;
		return $p->job($id)->{attempt} == 3;
	});
	is($most, 1, 'never two attempts side by side');
	$p->dropmill('job', 'rm', $id);
	ok(wait_until(5, sub { !with_text('3333') }), 'a deleted job leaves no process');
	ok(wait_until(5, sub { !$p->sql("SELECT count(*) FROM jobs WHERE id = $id") }), 'and no row');
}

Dropmill::Processor->by_root_and_others(\&check);
done_testing;
