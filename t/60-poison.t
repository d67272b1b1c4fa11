#!/usr/bin/perl
# Poison: jobs that take their runner down, abort, eat memory or fork without end are quarantined or fail with
# their reason, and the queue keeps moving meanwhile. 8 of them; with DROPMILL_SOAK=1 fifty.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep);
use Dropmill::Process qw(alive wait_until);
use Dropmill::Processor;

my @kinds = qw(killer aborts eats forks);
my $each = $ENV{DROPMILL_SOAK} ? 13 : 2;
my $p = Dropmill::Processor->new($> == 0 ? (user => 'nobody') : (), config => { workers => 4, backoff => '10ms' });
$p->type('killer', "echo '1% running'\nsleep 60\n", attempts => 10);
$p->type('aborts', 'kill -ABRT $$', attempts => 3);
$p->type('eats', "exec perl -e '\$x .= \"x\" x 1_000_000 while 1'\n", memory => '48M', timeout => '20s', attempts => 3);
# Where its processes cannot fork any more they end, and so at last all of them, well or not.
$p->type('forks', "f() { f & f & wait; }\nf 2>/dev/null\nexit 1\n", memory => '64M', timeout => '3s', attempts => 2);
$p->type('good', "echo fine\n");
my $pid = $p->start;
for my $kind (@kinds) {
	my ($code, $out) = $p->dropmill('submit', '--type', $kind, ("$p->{top}/input.txt") x $each);
	is($code, 0, "$each of $kind") or diag $out;
}

# The runners of the first kind die whenever they are seen; a good job is asked for again and again.
my ($good, @slow) = (0);
my $left = "SELECT COUNT(*) FROM jobs WHERE job_type <> 'good' AND status IN ('pending', 'processing')";
my $kill = sub {
	my %killer = map { $_ => 1 } split /\n/, $p->sql("SELECT uuid FROM jobs WHERE job_type = 'killer' AND status = 'processing' AND current_step = 'running'");
	for my $runner ($p->runners($pid)) {
		my ($name) = map { m{/work/([0-9a-f-]{36})-\d+/} ? $1 : () } map { readlink // '' } glob "/proc/$runner/fd/*";
		kill 'KILL', $runner if $name && $killer{$name};
	}
};
my $ended = wait_until($ENV{DROPMILL_SOAK} ? 900 : 150, sub {
	$kill->();
	my $id = $p->submit('good');
	my $job = wait_until(30, sub { $kill->(); my $j = $p->job($id); $j->{status} eq 'completed' && $j });
	$job ? $good++ : push @slow, $id;
	return $p->sql($left) eq '0';
});
ok($ended, 'every poison job comes to an end') or diag $p->sql("SELECT job_type, status, attempt, error FROM jobs WHERE job_type <> 'good'");
cmp_ok($good, '>', 0, "meanwhile $good good jobs were run");
is_deeply(\@slow, [], 'none of them had to wait half a minute');
is($p->sql("SELECT COUNT(*) FROM jobs WHERE job_type = 'killer' AND status = 'failed' AND error LIKE 'quarantined: %' AND attempt = 3"),
	$each, 'what took its runner down is quarantined after three');
is($p->sql("SELECT COUNT(*) FROM jobs WHERE job_type <> 'good' AND status = 'failed' AND error <> ''"), $each * @kinds,
	'the others have failed with a reason')
	or diag $p->sql("SELECT job_type, status, attempt, error, result FROM jobs WHERE job_type <> 'good'");
note $p->sql("SELECT DISTINCT job_type || ': ' || error FROM jobs WHERE job_type <> 'good'");
ok(alive($pid), 'the processor lives');
is($p->sql('SELECT COALESCE(SUM(running), 0) + COALESCE(SUM(pending), 0) FROM lanes'), 0, 'nothing is left in the lanes');
is($p->kill_it(TERM => $pid), 0, 'a clean end');
done_testing();
