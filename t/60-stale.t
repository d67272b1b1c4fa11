#!/usr/bin/perl
# Runners that are stopped past their lease and wake when others have done their work: they write nothing.
# 8 of them at once; with DROPMILL_SOAK=1 a hundred.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep);
use Dropmill::Process qw(alive descendants wait_until);
use Dropmill::Processor;

my $jobs = $ENV{DROPMILL_SOAK} ? 100 : 8;
my $p = Dropmill::Processor->new($> == 0 ? (user => 'nobody') : (),
	config => { lease => '4s', heartbeat => '500ms', workers => $jobs });
# Each attempt leaves its number, and the first waits before it does.
$p->type('stale', <<SH, attempts => 3, memory => '64M');
echo '1% running'
if [ \$DROPMILL_ATTEMPT = 1 ]; then
	until [ -e $p->{dir}/scripts/go ]; do sleep 0.1; done
fi
echo "attempt \$DROPMILL_ATTEMPT" >"\$2/\$DROPMILL_ATTEMPT.txt"
echo "attempt \$DROPMILL_ATTEMPT"
SH

my $first = $p->start;
my ($code, $out) = $p->dropmill('submit', '--type', 'stale', ("$p->{top}/input.txt") x $jobs);
is($code, 0, "$jobs jobs") or diag $out;
my $running = "SELECT COUNT(*) FROM jobs WHERE status = 'processing' AND current_step = 'running'";
ok(wait_until(120, sub { $p->sql($running) == $jobs }), 'all of them run') or diag $p->log;
my @runners = $p->runners($first);
is(scalar @runners, $jobs, 'each has its runner');
# Not in the middle of a write, whose lock would keep everybody out for as long as it sleeps.
open my $writing, '>>', "$p->{dir}/dropmill.db-cur.lock" or die $!;
flock $writing, 2 or die $!;
kill 'STOP', $first, @runners;
close $writing;
my $second = $p->start;
my $done = "SELECT COUNT(*) FROM jobs WHERE status = 'completed' AND attempt = 2";
ok(wait_until(180, sub { $p->sql($done) == $jobs }), 'their leases end, another processor runs them all') or diag $p->log;

# All that an attempt could write: job, history, files, counters; and the store.
sub everything {
	return join "\n", (map { $p->sql("SELECT * FROM $_") } qw(jobs job_statuses files counters lanes)),
		sort glob "$p->{dir}/store/[0-9a-f][0-9a-f]/*";
}
my $before = everything();
$p->write("$p->{dir}/scripts/go", '');
kill 'CONT', @runners;
sleep 1;
kill 'CONT', $first;
ok(wait_until(60, sub { !$p->runners($first) }), 'the first wakes and its runners go');
sleep 1;
is(everything(), $before, 'nothing was written: jobs, history, files, counters, store');
is($p->sql("SELECT COUNT(*) FROM files WHERE output = 1 AND name = '2.txt'"), $jobs, 'one result each, of the second attempt');
is($p->sql("SELECT COUNT(*) FROM files WHERE output = 1"), $jobs, 'and no other');
is($p->kill_it(TERM => $_), 0, 'a clean end') for $first, $second;
done_testing();
