#!/usr/bin/perl
# Disks that run full: the database's, and one without inodes for the store. An upload is either accepted and
# there, or refused with a sentence and nowhere; when there is room again the same processes go on. (A full
# store is in t/82-nginx.t.)
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Load qw(wait_settled);
use Dropmill::Process qw(children identity wait_until);
use Dropmill::Stack;
use JSON::PP qw(decode_json);
use Test::More;

plan skip_all => 'a full disk needs root, to mount a small one' if $> != 0;

my $sentence = "the server's disk is full; nothing was kept of this request";

# A stack with a small tmpfs at a directory of its state, in a mount namespace of its own.
sub start {
	my ($at, $options, %config) = @_;
	my $dir = File::Temp::tempdir('dm-XXXXXX', TMPDIR => 1, CLEANUP => 1);
	chmod 0755, $dir;
	my $mount = "$dir/state" . ($at && "/$at");
	$config{database} = "$mount/dropmill.db";
	File::Path::make_path($mount);
	my $stack = Dropmill::Stack->start(state => "$dir/state", log => "$dir/log", config => { disk_low => '64K', %config },
		command => [qw(unshare -m sh -c), "mount -t tmpfs -o $options,mode=755 none $mount && exec \"\$0\"",
			Dropmill::Stack::top() . '/scripts/run']);
	$stack->{mount} = $mount;
	return $stack;
}

# Run a shell command where the stack sees its mounts.
sub within {
	my ($stack, $command) = @_;
	my $out = qx(nsenter -t @{[ $stack->supervisor ]} -m sh -c '$command');
	chomp $out;
	return $out;
}

sub put {
	my ($stack, $n, $content) = @_;
	my $answer = $stack->request('PUT', "/jobs/upload/f$n.bin", content => $content, headers => { Accept => 'application/json' });
	return ($answer->{status}, eval { decode_json($answer->{content}) } // {});
}

sub processes {
	my ($stack) = @_;
	return map { identity($_) } map { my $part = $stack->part($_); ($part, $_ eq 'processor' ? () : children($part)) }
		qw(web nginx processor);
}

# Upload until something is refused; what was accepted, and the refusal.
sub fill {
	my ($stack, $content) = @_;
	my ($n, $status, $json) = (0);
	for (; $n < 3000; $n++) {
		($status, $json) = put($stack, $n, $content);
		last if $status != 201;
	}
	return ($n, $status, $json);
}

sub agrees {
	my ($stack, $accepted) = @_;
	my $state = $stack->state;
	is(within($stack, "ls $state/spool | wc -l"), 0, 'nothing is left in the spool');
	my $counts = wait_settled($stack, 120);
	ok($counts, 'all jobs end') or diag $stack->log;
	is($stack->json('/jobs/table?limit=1')->{counts}{all}, $accepted, 'what was accepted is there, and nothing else');
	is(within($stack, "find $state/store -type f -not -path \"*/log/*\" | wc -l"),
		$accepted + $counts->{completed}, 'each with its file and its report');
}

subtest 'the disk of the database' => sub {
	my $stack = start('db', 'size=1200k', workers => 1);
	my @before = processes($stack);
	# The disk fills all at once, as it does when somebody else writes to it.
	within($stack, "dd if=/dev/zero of=$stack->{mount}/ballast bs=4k count=300 2>/dev/null; true");
	my ($accepted, $status, $json) = fill($stack, 'x' x 100);
	is($status, 507, 'a full database is 507') or diag explain($json), $stack->log;
	is($json->{detail}, $sentence, 'with a sentence that says nothing of our insides');
	is($stack->get('/jobs/table')->{status}, 200, 'pages are still to be had');
	within($stack, "rm $stack->{mount}/ballast && mount -o remount,size=64m $stack->{mount}");
	my $again = 0;
	ok(wait_until(10, sub { ($again) = put($stack, 'after', 'y'); $again == 201 }), 'with room again it is 201')
		or diag $again, $stack->log;
	agrees($stack, $accepted + 1);
	is_deeply([ processes($stack) ], \@before, 'by the same processes') or diag $stack->log;
	is_deeply([ $stack->stop ], [], 'no process is left');
};

subtest 'no inode is left' => sub {
	my $stack = start('', 'size=64m,nr_inodes=200');
	my @before = processes($stack);
	my ($accepted, $status, $json) = fill($stack, 'x' x 100);
	is($status, 507, 'no inode is 507');
	# Whoever comes for the first inode that is not there says so: nginx for the body, or we for the file.
	like($json->{detail}, qr/^(?:\Q$sentence\E|the upload could not be stored: the disk may be full)$/, 'with a sentence');
	within($stack, "mount -o remount,nr_inodes=100000 $stack->{mount}");
	my $again = 0;
	ok(wait_until(10, sub { ($again) = put($stack, 'after', 'y'); $again == 201 }), 'with room again it is 201');
	wait_settled($stack, 120);
	is(within($stack, 'ls ' . $stack->state . '/spool | wc -l'), 0, 'nothing is left in the spool');
	is($stack->json('/jobs/table?limit=1')->{counts}{all}, $accepted + 1, 'what was accepted is there, and nothing else');
	is_deeply([ processes($stack) ], \@before, 'by the same processes') or diag $stack->log;
	is_deeply([ $stack->stop ], [], 'no process is left');
};

done_testing;
