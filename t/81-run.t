#!/usr/bin/perl
# `make run` and its kin: two stacks beside each other, a port in use, a state in use, what dies comes back,
# and the end of it leaves nothing.
use strict;
use warnings;
use File::Temp qw(tempdir);
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Process qw(alive descendants wait_until);
use Dropmill::Stack;
use IO::Socket::INET;
use Test::More;

my $top = Dropmill::Stack::top();
my $one = Dropmill::Stack->start;

subtest 'it answers and says where' => sub {
	is($one->get('/healthz')->{status}, 200, '/healthz');
	is($one->get('/')->{status}, 200, 'the page');
	ok(wait_until(5, sub { $one->log =~ m{ready at http://127\.0\.0\.1:$one->{port}/} }), 'the address is printed');
	for my $name (qw(dropmill.conf dropmill.db spool store log jobs.d scripts)) {
		ok(-e $one->state . "/$name", "STATE/$name is there");
	}
};

subtest 'a second one runs beside the first' => sub {
	my $two = Dropmill::Stack->start;
	is($two->get('/')->{status}, 200, 'the second answers');
	is($one->get('/')->{status}, 200, 'the first still answers');
	is_deeply([$two->stop], [], 'the second leaves nothing');
	is($one->get('/')->{status}, 200, 'and the first goes on');
};

subtest 'a port in use is a clear error' => sub {
	my $busy = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1, Proto => 'tcp') or die;
	my $port = $busy->sockport;
	my $stack = Dropmill::Stack->start(port => $port, wait => 0);
	ok(wait_until(10, sub { !alive($stack->pid) }), 'it ends');
	$stack->stop;
	is($stack->{status} >> 8, 1, 'status 1');
	like($stack->log, qr/port $port .*in use/, 'it names the port');
	like($stack->log, qr/PORT=/, 'and says what to do');
	ok(!-e $stack->state, 'nothing was made');
};

subtest 'a state in use is a clear error' => sub {
	my $stack = Dropmill::Stack->start(state => $one->state, log => "$one->{dir}/log2", wait => 0);
	ok(wait_until(10, sub { !alive($stack->pid) }), 'it ends');
	$stack->stop;
	is($stack->{status} >> 8, 1, 'status 1');
	like($stack->log, qr/another Dropmill runs on \Q$one->{state}\E/, 'it says so');
	is($one->get('/')->{status}, 200, 'the first goes on');
};

subtest 'a bad configuration is a clear error' => sub {
	my $stack = Dropmill::Stack->start(config => { stop_grace => 'soon' }, wait => 0);
	ok(wait_until(10, sub { !alive($stack->pid) }), 'it ends');
	$stack->stop;
	isnt($stack->{status}, 0, 'not with 0');
	like($stack->log, qr/DROPMILL_STOP_GRACE/, 'it names the variable');
};

for my $part (qw(web processor nginx)) {
	subtest "kill -9 of $part: it is started again" => sub {
		my $old = $one->part($part);
		ok($old, "it runs") or return;
		my @below = descendants($old);
		kill KILL => $old;
		ok(wait_until(10, sub { my $new = $one->part($part); $new && $new != $old }), 'a new one runs');
		ok(wait_until(10, sub { $one->get('/readyz')->{status} == 200 }), 'and the stack answers');
		ok(wait_until(5, sub { !grep { alive($_) } @below }), 'the children of the old one are gone');
	};
}

subtest 'kill -9 of children of web and nginx' => sub {
	for my $part (qw(web nginx)) {
		for my $child (descendants($one->part($part))) { kill KILL => (split /@/, $child)[0] }
		ok(wait_until(10, sub { $one->get('/readyz')->{status} == 200 }), "$part answers again");
	}
};

is_deeply([$one->stop('TERM')], [], 'SIGTERM leaves no process');
is($one->{status}, 0, 'and ends with 0');
like($one->log, qr/stopping/, 'it says that it stops');

subtest 'started again on the same state' => sub {
	my $again = Dropmill::Stack->start(state => $one->state, log => "$one->{dir}/log3");
	is($again->get('/')->{status}, 200, 'it answers');
	is_deeply([$again->stop('INT')], [], 'SIGINT leaves no process');
};

subtest 'make run, and kill -9 of make itself' => sub {
	# Another name of the same directory must not have everything made again under running programs.
	my $build = Dropmill::Stack::build();
	my $named = do {
		local %ENV = %ENV;
		delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
		qx(BUILD=$build make -s -C $top --eval='named: ; \@echo "\$(BUILD)"' named);
	};
	is($named, ($build =~ s{^\Q$top\E/}{}r) . "\n", 'make names the build from here');
	my $stack = Dropmill::Stack->start(command => ['make', '-s', '-C', $top, 'run'], wait => 180);
	my @all = descendants($stack->pid);
	ok($stack->supervisor, 'the supervisor runs below make');
	$stack->stop('KILL');
	ok(wait_until(20, sub { !grep { alive($_) } @all }), 'everything below it ends too');
};

subtest 'make up, make stop, make clean' => sub {
	my $dir = tempdir('dm-XXXXXX', TMPDIR => 1, CLEANUP => 1);
	chmod 0755, $dir;
	my $port = Dropmill::Stack::free_port();
	local %ENV = (%ENV, PORT => $port, STATE => "$dir/state", BUILD => Dropmill::Stack::build());
	delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
	like(qx($top/scripts/run --detach 2>&1), qr/ready at/, 'up says that it is ready');
	is($?, 0, 'and returns');
	my $http = HTTP::Tiny->new(timeout => 5);
	is($http->get("http://127.0.0.1:$port/healthz")->{status}, 200, 'it answers');
	like(qx($top/scripts/run --detach 2>&1), qr/in use|another/, 'a second up is refused');
	like(qx($top/scripts/run --stop 2>&1), qr/stopped/, 'stop stops it');
	is($http->get("http://127.0.0.1:$port/healthz")->{status}, 599, 'nobody answers');
	is(qx($top/scripts/run --stop 2>&1), '', 'stop again has nothing to do');
	qx($top/scripts/run --clean 2>&1);
	ok(!-e "$dir/state", 'clean removes the state that up made');
	ok(-e $one->state, 'and no other');
};

done_testing;
