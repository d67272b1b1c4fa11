#!/usr/bin/perl
# The store's disk runs full while a job runs: while its results are taken, while its log is written, while all
# results are packed. Each time people are told in a sentence, nothing is lost or left over, other jobs go on, and
# when there is room again so does this one, by the same processor.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);
use Dropmill::Cgi;
use Dropmill::Process qw(wait_until);
use Dropmill::Processor;

plan skip_all => 'a full disk needs root, to mount a small one' if $> != 0;
exec 'unshare', '-m', $^X, $0 or die if !$ENV{DROPMILL_TEST_MOUNTS}++;

# Results have to be copied: the store is a disk of its own.
my $p = Dropmill::Processor->new(config => { workers => 2, disk_low => '0' });
my $store = "$p->{dir}/store";
mkdir $store;
system('mount', '-t', 'tmpfs', '-o', 'size=24m,mode=755', 'none', $store) == 0 or die;
END { system 'umount', '-l', $store if $store && $$ == ($p->{owner} // 0) }

sub fill {
	my ($left) = @_; # KiB
	my ($free) = qx(df --output=avail -k $store) =~ /(\d+)\s*$/;
	system 'sh', '-c', "head -c @{[ ($free - $left) * 1024 ]} /dev/zero >$store/ballast";
	return;
}
sub make_room { unlink "$store/ballast" or die; return }
sub stored { my @list = split /\n/, qx(find $store -type f -not -path "*/log/*" -not -name ballast); return scalar @list }

$p->type('big', "head -c 8000000 /dev/urandom >\"\$2/big\"\necho made\n", attempts => 3);
$p->type('two', "for f in a b; do head -c 3000000 /dev/urandom >\"\$2/\$f\"; done\n");
$p->type('chatty', "i=0; while [ \$i -lt 400 ]; do head -c 10000 /dev/zero | tr '\\\\0' x; echo; i=\$((i+1)); done; echo all said\n");
$p->type('small', "echo fine\n");
my $pid = $p->start;
my $web = Dropmill::Cgi->on($p);

# ---- results ----
my $two = $p->submit('two');
is($p->finished($two)->{status}, 'completed', 'a job with two results');
$p->dropmill('types', 'pause', 'big');
my $big = $p->submit('big');
my $before = stored();
fill(2000);
$p->dropmill('types', 'resume', 'big');
my $job;
ok(wait_until(30, sub { $job = $p->job($big); $job->{history}[-1]{reason} }), 'results for which there is no room');
is($job->{status}, 'pending', 'the job waits');
is($job->{retry_count}, 0, 'which counts nothing');
my $why = 'this host could not run it: cannot copy an output into the store: No space left on device';
is($job->{history}[-1]{reason}, $why, 'and says why');
like($web->request(GET => "/jobs/$big", accept => 'text/html')->{content}, qr/\Q$why\E/, 'on its page too');
is(stored(), $before, 'no piece of it is in the store');
is($p->finished($p->submit('small'))->{status}, 'completed', 'others run');
make_room();
my $since = time;

# ---- the log ----
$p->dropmill('types', 'pause', 'chatty');
my $chatty = $p->submit('chatty');
fill(500);
$p->dropmill('types', 'resume', 'chatty');
$job = $p->finished($chatty);
is($job->{status}, 'completed', 'a log for which there is no room ends no job') or diag explain $job;
is($job->{result}, 'all said', 'what it said counts all the same');
cmp_ok($job->{log_bytes}, '>', 4000000, 'all of it');
like(substr($p->job_log($job), -80), qr/\n\[dropmill\] the log ends here: No space left on device\n\z/, 'the log says that it ends early');
make_room();

# ---- all results in one ----
fill(1000);
my $zip = sub { return $web->request(GET => "/jobs/$two/files.zip", accept => 'application/json') };
my $answer;
ok(wait_until(20, sub { $answer = $zip->(); $answer->{status} != 202 }), 'an archive for which there is no room');
is($answer->{status}, 507, 'is 507');
like($answer->{json}{detail}, qr/^[a-z].*(?:room|space|disk)/, "with a sentence: $answer->{json}{detail}");
make_room();
ok(wait_until(20, sub { $answer = $zip->(); $answer->{status} == 200 }), 'with room again it is made') or diag explain $answer;

# ---- and on ----
is($p->finished($p->submit('chatty'))->{status}, 'completed', 'with room again the log is whole');
$job = $p->finished($big, 90);
is($job->{status}, 'completed', 'the job whose results found no room completes by itself') or diag explain($job), $p->log;
is($job->{result}, 'made', 'with its result');
is(-s $p->{dir} . '/store/' . $p->sql("SELECT substr(uuid, -2) || '/' || uuid FROM files WHERE job_id = $big AND output = 1"), 8000000,
	'and its file');
note sprintf 'after %.0f s', time - $since;
my ($code, $out) = $p->dropmill('check');
is($code, 0, 'database and store agree') or diag $out;
ok(wait_until(10, sub { !$p->leftovers }), 'no work directory is left');
is($p->kill_it(TERM => $pid), 0, 'by the same processor');
done_testing;
