#!/usr/bin/perl
# kill -9 of any part at any moment of an upload load: nothing acknowledged is lost, a repeated request
# makes no second job, no job stays where it was, and what is left behind is swept. DROPMILL_SOAK=1 takes
# the full number of kills; DROPMILL_SEED repeats a run.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time sleep);
use Dropmill::Load qw(body clients_start clients_wait jobs_all wait_settled store_files spool_files);
use Dropmill::Process qw(alive children descendants groups_of identity wait_until);
use Dropmill::Stack;

my ($uploads, $kills) = $ENV{DROPMILL_SOAK} ? (3000, 300) : (160, 24);
my $seed = $ENV{DROPMILL_SEED} // time;
srand $seed;
diag "DROPMILL_SEED=$seed";
my $stack = Dropmill::Stack->start(config => { sweep_age => '3s', backoff => '200ms', stop_grace => '3s' });

# Pids of the moment that may be killed, by role.
my %role = (
	'web child' => sub { my $web = $stack->part('web'); $web ? children($web) : () },
	'web master' => sub { grep { defined } $stack->part('web') },
	'processor' => sub { grep { defined } $stack->part('processor') },
	'runner' => sub { my $p = $stack->part('processor'); $p ? children($p) : () },
	'command' => sub { my $p = $stack->part('processor'); $p ? map { (split /@/)[0] } map { descendants($_) } children($p) : () },
	'nginx worker' => sub { my $n = $stack->part('nginx'); $n ? children($n) : () },
);
my %killed = map { $_ => 0 } keys %role;
my %processors; # all there have been
my $running = clients_start($stack, clients => 8, uploads => $uploads, retry => 1, size => 20000);
my @roles = sort keys %role;
my $done = 0;
my $end = time + ($ENV{DROPMILL_SOAK} ? 900 : 60);
while ($done < $kills && time < $end) {
	my $name = $roles[rand @roles];
	my @pids;
	$processors{$_} = 1 for grep { defined } $stack->part('processor');
	sleep 0.02 + rand 0.3;
	wait_until(0.5, sub { @pids = $role{$name}->() });
	next if !@pids;
	my $pid = $pids[rand @pids];
	next if !kill KILL => $pid;
	$killed{$name}++;
	$done++;
}
diag join ', ', map { "$_ $killed{$_}" } @roles;
is($done, $kills, "$kills kills");
my $lines = clients_wait($running);
my %acknowledged;
for my $line (grep { $_->{uuids} } @$lines) {
	$acknowledged{ $line->{n} }{$_} = 1 for @{ $line->{uuids} };
}
is(scalar keys %acknowledged, $uploads, 'every client got its 201 in the end')
	or diag explain([ grep { !$acknowledged{ $_->{n} } } @$lines ]);
is(scalar(grep { keys %$_ != 1 } values %acknowledged), 0, 'a repeated request names the same job');

my $counts = wait_settled($stack, 90 + $uploads / 4);
ok($counts, 'nothing is stuck') or diag $stack->log;
my %jobs = map { $_->{uuid} => $_ } jobs_all($stack);
is(scalar keys %jobs, $uploads, 'one job an upload, none lost, none double');
is(scalar(grep { !$jobs{ (keys %$_)[0] } } values %acknowledged), 0, 'what was acknowledged is there');
# A command that dies by a signal has failed: the same input would most likely end the same way.
my @hit = grep { $_->{status} eq 'failed' && ($_->{error} // '') =~ /ended by signal 9/ } values %jobs;
cmp_ok(scalar @hit, '<=', $killed{command}, 'a killed command has failed and says why');
my %hit = map { $_->{uuid} => 1 } @hit;
my @odd = grep { $_->{status} ne 'completed' && !$hit{ $_->{uuid} } && !($_->{status} eq 'failed' && $_->{retry_count}) } values %jobs;
is(scalar @odd, 0, 'each other has completed, or failed after its retries')
	or diag join "\n", map { "$_->{uuid} $_->{status} $_->{retry_count} " . ($_->{error} // '') } @odd;
diag scalar(grep { $_->{retry_count} } values %jobs) . ' jobs were run again, '
	. scalar(grep { $_->{status} eq 'failed' } values %jobs) . ' failed after that';
is(scalar(grep { $_->{retry_count} > $_->{max_retries} } values %jobs), 0, 'none more often than allowed');
my $same = grep {
	my $uuid = (keys %{ $acknowledged{$_} })[0];
	my $answer = $stack->get("/jobs/$uuid/files/in/load-$_.txt");
	$answer->{status} == 200 && $answer->{content} eq body($_, 20000);
} keys %acknowledged;
is($same, $uploads, 'each stored file is what was sent');

# The sweep: what killed requests and runners left goes within some turns.
ok(wait_until(40, sub { !spool_files($stack) }), 'the spool is empty in the end')
	or diag join "\n", spool_files($stack);
my $expected = $uploads + grep { $_->{status} eq 'completed' } values %jobs;
# It looks at a bounded number of files a turn, so a large store takes its time.
ok(wait_until(40 + $uploads / 8, sub { store_files($stack) == $expected }), 'the store holds no orphans')
	or diag scalar(store_files($stack)) . " files instead of $expected";
ok(wait_until(20, sub { !glob $stack->state . '/work/*' }), 'no work directory is left');
my ($status, $text) = $stack->cli('check');
is($status, 0, 'database and store agree') or diag $text;
ok(wait_until(20, sub { !grep { !alive($_) && groups_of($_) } keys %processors }), 'no control group of those that died');
$processors{$_} = 1 for grep { defined } $stack->part('processor');
is_deeply([ $stack->stop ], [], 'no process is left');
is_deeply([ map { groups_of($_) } keys %processors ], [], 'and no control group');
done_testing;
