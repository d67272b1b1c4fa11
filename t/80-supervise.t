#!/usr/bin/perl
# dropmill-supervise with parts that are shell commands: what died is started again, and nothing is left
# behind whatever ends it.
use strict;
use warnings;
use Fcntl qw(O_NOCTTY O_RDWR);
use File::Temp qw(tempdir);
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Process qw(alive children descendants identity wait_until with_text);
use Test::More;

my $supervise = ($ENV{BUILD} // 'build') . '/dropmill-supervise';
my $dir = tempdir('dm-supervise-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $marks = 0;

# A command that sleeps and can be found by its odd number of seconds.
sub sleeper { return 'sleep ' . (70000 + $$ % 9000 + ++$marks * 10000) }

sub start {
	my (@args) = @_;
	my $pid = fork // die;
	if (!$pid) {
		open STDERR, '>>', "$dir/log";
		open STDOUT, '>>', "$dir/log";
		exec $supervise, @args or die;
	}
	return $pid;
}

sub there { my ($command) = @_; (my $text = $command) =~ tr/ /\0/; return with_text($text) }
sub leader { my ($command) = @_; return wait_until(5, sub { (there($command))[0] }) }

sub ends {
	my ($pid, $seconds) = @_;
	my $status;
	wait_until($seconds, sub { waitpid($pid, 1) == $pid and defined($status = $?) });
	return $status;
}

subtest 'a killed part comes back, and its orphans go first' => sub {
	my ($orphan, $other) = (sleeper(), sleeper());
	my $pid = start('-g', 2, 'first', 'sh', '-c', "$orphan & exec $other", ';', 'second', 'sleep', 60000 + $$);
	my $old = leader($other);
	my $old_orphan = leader($orphan);
	ok($old && $old_orphan, 'the part and its child run');
	kill KILL => $old;
	ok(wait_until(5, sub { my ($new) = there($other); $new && $new != $old }), 'a new one runs');
	ok(!alive($old_orphan), 'the orphan of the old one is gone');
	is(scalar(there($orphan)), 1, 'there is one child again');
	my @all = descendants($pid);
	is(scalar @all, 3, 'three processes in all');
	kill TERM => $pid;
	is(ends($pid, 5), 0, 'SIGTERM ends it with status 0');
	is_deeply([grep { alive($_) } @all], [], 'nobody is left');
};

subtest 'a part that ignores SIGTERM and hides in a session of its own goes too' => sub {
	my $hidden = sleeper();
	my $pid = start('-g', 1, 'deaf', 'sh', '-c', "trap '' TERM; setsid sh -c \"trap '' TERM; $hidden; :\" & while :; do sleep 0.1; done");
	ok(leader($hidden), 'it runs');
	my @all = descendants($pid);
	kill TERM => $pid;
	is(ends($pid, 8), 0, 'ended after the grace period');
	is_deeply([grep { alive($_) } @all], [], 'nobody is left');
};

subtest 'a part that cannot start ends the whole' => sub {
	my $other = sleeper();
	my $pid = start('-g', 2, 'good', 'sh', '-c', "exec $other", ';', 'bad', 'sh', '-c', 'sleep 0.2; exit 78');
	is(ends($pid, 5), 1 << 8, 'status 1');
	is_deeply([there($other)], [], 'the good part was stopped');
};

subtest 'kill -9 of the supervisor stops the parts' => sub {
	my $other = sleeper();
	my $pid = start('-g', 2, 'part', 'sh', '-c', "exec $other");
	ok(my $part = leader($other), 'it runs');
	kill KILL => $pid;
	ends($pid, 2);
	ok(wait_until(5, sub { !alive($part) }), 'the part is gone');
};

subtest 'the end of the parent is the end' => sub {
	my $other = sleeper();
	my $parent = fork // die;
	if (!$parent) {
		exec 'sh', '-c', "$supervise -g 2 -p \$\$ part sh -c 'exec $other' 2>>$dir/log; :" or die;
	}
	ok(my $part = leader($other), 'it runs');
	kill KILL => $parent;
	waitpid $parent, 0;
	ok(wait_until(5, sub { !alive($part) }), 'the part is gone');
};

for my $signal ('INT', 'HUP', 'TERM') {
	subtest "make alone is sent SIG$signal" => sub {
		my $other = sleeper();
		open my $out, '>', "$dir/Makefile" or die;
		print $out "run:\n\t\@exec $supervise -g 2 -p \$\$PPID part sh -c 'exec $other'\n";
		close $out;
		my $make = fork // die;
		if (!$make) {
			open STDERR, '>>', "$dir/log";
			open STDOUT, '>>', "$dir/log";
			$SIG{$signal} = 'DEFAULT';
			delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
			exec 'make', '-f', "$dir/Makefile", 'run' or die;
		}
		ok(my $part = leader($other), 'it runs');
		kill $signal => $make;
		ok(wait_until(6, sub { !alive($part) }), 'the part is gone');
		ok(defined ends($make, 6), 'make has ended');
	};
}

# A part that counts the SIGHUPs it gets.
sub counter {
	my ($name, $mark) = @_;
	return ('sh', '-c', "trap 'echo $name >>$dir/hups' HUP; echo up >>$dir/up.$mark; while :; do sleep 0.05; done; $mark");
}

subtest 'SIGHUP goes to the parts that take it' => sub {
	my ($one, $two) = map { sleeper() } 1 .. 2;
	my $pid = start('-g', 2, 'plain', 'sh', '-c', "exec $one", ';', 'one', '-r', counter('one', 'x'), ';', 'two', '-r', counter('two', 'y'));
	ok(wait_until(5, sub { -s "$dir/up.x" && -s "$dir/up.y" && there($one) }), 'they run');
	my @before = sort(descendants($pid));
	kill HUP => $pid;
	ok(wait_until(5, sub { -e "$dir/hups" && -s "$dir/hups" == 8 }), 'both got it');
	ok(alive($pid) && alive((there($one))[0]), 'and nothing has ended');
	kill TERM => $pid;
	is(ends($pid, 5), 0, 'SIGTERM ends it');
};

subtest 'a terminal that hangs up ends it all the same' => sub {
	my $other = sleeper();
	sysopen(my $master, '/dev/ptmx', O_RDWR | O_NOCTTY) or die "ptmx: $!";
	my $n = pack 'i', 0;
	ioctl($master, 0x40045431, $n) or die "unlock: $!"; # TIOCSPTLCK
	ioctl($master, 0x80045430, $n) or die "name: $!"; # TIOCGPTN
	my $pid = fork // die;
	if (!$pid) {
		close $master;
		require POSIX;
		POSIX::setsid();
		open STDIN, '+<', '/dev/pts/' . unpack 'i', $n or die $!; # our terminal from now on
		open STDERR, '>>', "$dir/log";
		open STDOUT, '>>', "$dir/log";
		exec($supervise, '-g', 2, 'plain', 'sh', '-c', "exec $other", ';', 'one', '-r', counter('hung', 'z')) or die;
	}
	ok(my $part = leader($other), 'it runs');
	close $master;
	is(ends($pid, 6), 0, 'it has ended');
	ok(!alive($part), 'the part is gone');
};

subtest 'a listening socket is standard input' => sub {
	my $pid = start('-g', 2, 'part', '-s', "$dir/sock", 'sh', '-c', 'readlink /proc/self/fd/0 >' . "$dir/stdin; exec " . sleeper());
	ok(wait_until(5, sub { -s "$dir/stdin" }), 'it runs');
	like(do { open my $in, '<', "$dir/stdin"; <$in> }, qr/^socket:/, 'it is a socket');
	is(sprintf('%o', (stat "$dir/sock")[2] & 0777), '660', 'with mode 0660');
	kill TERM => $pid;
	is(ends($pid, 5), 0, 'ended');
};

done_testing;
