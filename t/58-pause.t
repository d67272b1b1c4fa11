#!/usr/bin/perl
# Pausing and resuming what runs: frozen processes use no CPU and no time, go on where they were, and can
# be cancelled, deleted or lose their processor; and a job that is cancelled and retried at once never has
# two attempts side by side.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);
use Dropmill::Process qw(alive descendants wait_until);
use Dropmill::Processor;

my @user = $> == 0 ? (undef, 'nobody') : (undef);

# A file of /proc of a process as descendants() names it; '' if it is gone.
sub proc {
	my ($who, $file) = @_;
	my ($pid) = split /@/, $who;
	open my $in, '<', "/proc/$pid/$file" or return '';
	return scalar(<$in>) // '';
}

# CPU time of processes, in clock ticks.
sub ticks {
	my $sum = 0;
	for my $who (@_) {
		my ($rest) = proc($who, 'stat') =~ /\) (.*)/ or next;
		my @field = split / /, $rest;
		$sum += $field[11] + $field[12];
	}
	return $sum;
}

sub is_stopped { return proc($_[0], 'stat') =~ /\) T / }

# The processes of the commands below a processor, without those of the sandbox.
sub commands {
	my ($p, $pid) = @_;
	return grep { proc($_, 'comm') !~ /^(?:bwrap|dropmill-.*|)$/ } map { descendants($_) } $p->runners($pid);
}

sub processor {
	my ($user, %option) = @_;
	my $p = Dropmill::Processor->new(defined $user ? (user => $user) : (), %option);
	# Counts up; the sum is right only if nothing was lost, and there is a second process in a session of its own.
	$p->type('counts', <<'SH', timeout => '60s', attempts => 3);
setsid sh -c 'while :; do :; done' &
i=0
while [ $i -lt 1500000 ]; do
	i=$((i + 1))
	[ $((i % 50000)) = 0 ] && echo "$((i / 15000))% at $i"
done
echo "counted to $i"
SH
	$p->type('limited', "echo '1% running'\nsleep 4\necho through\n", timeout => '6s');
	$p->type('waits', "echo '1% running'\nuntil [ -e $p->{dir}/scripts/go ]; do sleep 0.05; done\necho went\n", attempts => 3);
	return $p;
}

sub act {
	my ($p, $action, $id) = @_;
	my ($code, $out) = $p->dropmill('job', $action, $id);
	is($code, 0, "job $action") or diag $out;
	return $out;
}

sub frozen {
	my ($user, %option) = @_;
	my $p = processor($user, config => { lease => '3s', heartbeat => '500ms', %option });
	my $pid = $p->start;
	my $id = $p->submit('counts');
	ok($p->step($id, qr/at \d/), 'a job counts');
	my @command = commands($p, $pid);
	cmp_ok(scalar @command, '>=', 2, 'in two processes');
	is(act($p, 'pause', $id), "$id paused\n", 'paused');
	ok(wait_until(3, sub { !grep { !is_stopped($_) } @command }), 'all of them stop');
	my $before = ticks(@command);
	cmp_ok($before, '>', 0, 'CPU was used');
	sleep 5;
	is(ticks(@command), $before, 'none for 5 s');
	my $job = $p->job($id);
	is($job->{status}, 'paused', 'paused past its lease');
	is($p->sql("SELECT running FROM lanes WHERE job_type = 'counts'"), 1, 'its place is taken');
	is_deeply($job->{actions}, [qw(resume cancel delete)], 'actions');
	is(act($p, 'resume', $id), "$id processing\n", 'resumed');
	$job = $p->finished($id, 60);
	is($job->{status}, 'completed', 'completed');
	is($job->{result}, 'counted to 1500000', 'with the right result');
	is($job->{attempt}, 1, 'in one attempt');
	is_deeply([ map { $_->{status} } @{ $job->{history} } ], [qw(pending processing paused processing completed)], 'history');
	ok(wait_until(5, sub { !grep { alive($_) } @command }), 'no process is left');

	for my $action (qw(cancel rm)) {
		$id = $p->submit('counts');
		ok($p->step($id, qr/at \d/), 'another');
		@command = commands($p, $pid);
		act($p, 'pause', $id);
		ok(wait_until(3, sub { !grep { !is_stopped($_) } @command }), 'is frozen');
		act($p, $action, $id);
		ok(wait_until(5, sub { !grep { alive($_) } @command }), "$action ends it");
		ok(wait_until(5, sub { $p->sql('SELECT count(*) FROM jobs WHERE lease_token IS NOT NULL') eq '0' }), 'all of it');
	}
	is($p->sql('SELECT sum(running) FROM lanes'), 0, 'no place is taken');
	is($p->kill_it(TERM => $pid), 0, 'a clean end');
	return;
}

sub at_once {
	my ($user) = @_;
	my $p = processor($user);
	my $pid = $p->start;
	# Before the sandbox stands, and as the command begins.
	for my $delay (0, 0.01, 0.02, 0.04) {
		my $id = $p->submit('counts');
		wait_until(10, sub { $p->sql("SELECT status FROM jobs WHERE id = $id") eq 'processing' });
		sleep $delay;
		act($p, 'pause', $id);
		sleep 1;
		my @command = commands($p, $pid);
		ok(!(grep { !is_stopped($_) } @command), "paused after $delay s: " . @command . ' processes, all stopped');
		my $before = ticks(@command);
		sleep 0.5;
		is(ticks(@command), $before, 'no CPU time');
		act($p, 'rm', $id);
		ok(wait_until(5, sub { !$p->runners($pid) }), 'and it goes');
	}
	return;
}

sub limit {
	my ($user) = @_;
	my $p = processor($user);
	my $pid = $p->start;
	my $id = $p->submit('limited');
	ok($p->step($id, qr/running/), 'a job with a limit of 6 s');
	act($p, 'pause', $id);
	sleep 7;
	act($p, 'resume', $id);
	my $job = $p->finished($id);
	is($job->{status}, 'completed', 'pauses for 7 and is not timed out') or diag $job->{error};
	$p->type('endless', "echo '1% running'\nsleep 60\n", timeout => '3s');
	kill 'HUP', $pid;
	wait_until(5, sub { ($p->dropmill('types', 'list'))[1] =~ /endless/ });
	$id = $p->submit('endless');
	ok($p->step($id, qr/running/), 'a job with a limit of 3 s');
	act($p, 'pause', $id);
	sleep 2;
	my $start = time;
	act($p, 'resume', $id);
	$job = $p->finished($id);
	like($job->{error}, qr/stopped after 3 s \(limit\)/, 'the limit counts on after the pause');
	cmp_ok(time - $start, '<', 15, 'in its time');
	return;
}

sub killed {
	my ($user) = @_;
	my $p = processor($user);
	my $pid = $p->start;
	my $id = $p->submit('waits');
	ok($p->step($id, qr/running/), 'a job runs');
	act($p, 'pause', $id);
	my @all = descendants($pid);
	my @command = commands($p, $pid);
	ok(wait_until(3, sub { !grep { !is_stopped($_) } @command }), 'it is frozen');
	$p->kill_it(KILL => $pid);
	ok(wait_until(5, sub { !grep { alive($_) } @all }), 'kill -9: nothing is left, not even what was stopped');
	$pid = $p->start;
	ok(wait_until(10, sub { $p->sql('SELECT count(*) FROM jobs WHERE lease_token IS NOT NULL') eq '0' }), 'its lease ends');
	my $job = $p->job($id);
	is($job->{status}, 'paused', 'it stays paused');
	is($job->{retry_count}, 0, 'which counts nothing');
	$p->write("$p->{dir}/scripts/go", '');
	is(act($p, 'resume', $id), "$id pending\n", 'resumed');
	$job = $p->finished($id);
	is($job->{status}, 'completed', 'it runs again');
	is($job->{attempt}, 2, 'from the start');

	unlink "$p->{dir}/scripts/go";
	$id = $p->submit('waits');
	ok($p->step($id, qr/running/), 'another');
	act($p, 'pause', $id);
	sleep 0.5;
	is($p->kill_it(TERM => $pid), 0, 'SIGTERM: a clean end');
	$job = $p->job($id);
	is($job->{status}, 'paused', 'paused still');
	is($p->sql('SELECT sum(running) FROM lanes'), 0, 'without a place');
	return;
}

# Each attempt writes when it begins and when it goes; SIGTERM finds it busy for a while.
sub cancel_and_retry {
	my ($user) = @_;
	my $p = Dropmill::Processor->new(defined $user ? (user => $user) : ());
	$p->type('slow', <<'SH');
trap 'sleep 0.4; echo "end $(date +%s.%N)"; exit 1' TERM
echo "begin $(date +%s.%N)"
echo '1% running'
while :; do sleep 0.02; done
SH
	my $pid = $p->start;
	my $id = $p->submit('slow');
	my $most = 0;
	my $look = sub { my @now = $p->runners($pid); $most = @now if @now > $most; return };
	for my $n (1 .. 5) {
		ok(wait_until(20, sub { $look->(); $p->sql("SELECT current_step = 'running' AND attempt = $n FROM jobs WHERE id = $id") eq '1' }),
			"attempt $n runs");
		act($p, 'cancel', $id);
		act($p, 'retry', $id);
		for (1 .. 20) { $look->(); sleep 0.01 }
	}
	ok(wait_until(20, sub { my $job = $p->job($id); $job->{attempt} == 6 && $job->{current_step} }), 'the sixth');
	act($p, 'cancel', $id);
	ok(wait_until(10, sub { !$p->runners($pid) }), 'ends');
	is($most, 1, 'never two runners');
	my $log = $p->job_log($p->job($id));
	my @mark = $log =~ /^(begin|end) ([\d.]+)/mg;
	my (@wrong, $open, $last);
	while (my ($what, $at) = splice @mark, 0, 2) {
		push @wrong, "$what $at" if $what eq 'begin' ? $open : !$open;
		push @wrong, "$at before $last" if defined $last && $at < $last;
		$open = $what eq 'begin';
		$last = $at;
	}
	is_deeply(\@wrong, [], 'each begins after the one before has gone') or diag $log;
	return;
}

for my $user (@user) {
	my $name = $user // ($> == 0 ? 'root' : 'ourselves');
	subtest "a running job pauses ($name)" => sub { frozen($user) };
	subtest "as it begins ($name)" => sub { at_once($user) };
	subtest "its processor dies ($name)" => sub { killed($user) };
}
subtest 'a running job pauses (no sandbox)' => sub { frozen($user[-1], sandbox => 'off') };
subtest 'the time limit' => sub { limit(undef) };
subtest 'cancel and retry at once' => sub { cancel_and_retry(undef) };
done_testing;
