# A command that writes far more than its log may hold: memory of the runner and the file on disk stay
# bounded, head and tail are kept, the bytes are counted. 64 MiB; with DROPMILL_SOAK=1 one GiB.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Processor;
use Dropmill::Process qw(wait_until);
use Test::More;
use Time::HiRes qw(sleep time);

my $soak = $ENV{DROPMILL_SOAK};
my $bytes = $soak ? 1 << 30 : 64 << 20;
my $most = $soak ? 64 << 20 : 4 << 20;
my $p = Dropmill::Processor->new(config => { log_max => $most });
$p->type('wordy', "echo the first line\nyes 'a line of a log that does not end: 0123456789 0123456789' | head -c $bytes\necho\necho the last line\n",
	output_max => '4G', timeout => '10m');
my $pid = $p->start;
my $began = time;
my $id = $p->submit('wordy');
my ($peak, $size, $job) = (0, 0);
my $path;
wait_until(600, sub {
	for my $runner ($p->runners($pid)) {
		my ($kb) = ($p->_read("/proc/$runner/status") // '') =~ /^VmHWM:\s+(\d+)/m;
		$peak = $kb if ($kb // 0) > $peak;
	}
	$job = $p->job($id);
	$path = "$p->{dir}/store/log/" . substr($job->{uuid}, -2) . "/$job->{uuid}-1";
	my $now = -s $path // 0;
	$size = $now if $now > $size;
	return $job->{status} =~ /^(?:completed|failed)$/;
});
my $took = time - $began;
is($job->{status}, 'completed', 'it completes') or diag $job->{error};
is($job->{result}, 'the last line', 'what it said last is the result');
is($job->{log_bytes}, $bytes + length "the first line\n\nthe last line\n", 'every byte is counted');
cmp_ok($size, '<=', $most, 'the file was never larger than it may be');
is(-s $path, $most, 'and is that at the end');
cmp_ok($peak, '>', 0, 'the runner was seen');
cmp_ok($peak, '<=', 16 << 10, "it held at most 16 MiB ($peak KiB)");
my $log = $p->job_log($job);
like(substr($log, 0, 100), qr/^the first line\na line of a log/, 'the head is kept');
like(substr($log, -200), qr/\nthe last line\n\n\[dropmill\] \d+ bytes in all[^\n]*\n\z/, 'and the tail');
like($log, qr/\n\[dropmill\] \d+ bytes left out here *\n/, 'and what is missing is said');
diag(sprintf '%d MiB in %.1f s, %.0f MiB/s; the runner held at most %d KiB; %d KiB on disk', $bytes >> 20, $took,
	($bytes >> 20) / $took, $peak, $size >> 10);
$p->kill_it(TERM => $pid);
done_testing;
