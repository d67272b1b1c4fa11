# The pool without nginx: FastCGI spoken directly to its socket, and what the master does when children die,
# when it is told to reload or to stop, when it is killed, and when the socket was there before it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Cgi;
use Dropmill::Process qw(alive children wait_until);
use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM SOCK_DGRAM);
use Test::More;
use Time::HiRes qw(sleep time);

my $build = $ENV{BUILD} // "$FindBin::Bin/../build";
my $web = Dropmill::Cgi->new(config => { web_processes => 3, stop_grace => '3s', request_timeout => '2s' });
my $dir = $web->dir;
my $path = "$dir/run/web.sock";
my @masters;

sub start {
	my (%option) = @_;
	my $pid = fork // die $!;
	if (!$pid) {
		%ENV = ($web->environment, %{ $option{env} // {} });
		open STDERR, '>>', "$dir/log" or die $!;
		open STDIN, '<', '/dev/null' or die $!;
		if ($option{socket}) { open STDIN, '<&', $option{socket} or die $! }
		exec "$build/dropmill-web" or die $!;
	}
	push @masters, $pid;
	return $pid;
}
sub log_text { open my $in, '<', "$dir/log" or return ''; local $/ = undef; return <$in> // '' }
sub ready { my ($pid, $n) = @_; return wait_until(10, sub { children($pid) == ($n // 3) && -S $path && ask('/healthz') }) }
sub stopped { my ($pid) = @_; my $end = wait_until(8, sub { waitpid($pid, 1) == $pid }); return $end ? $? : undef }

sub record { my ($type, $content) = @_; return pack('CCnnCC', 1, $type, 1, length $content, 0, 0) . $content }
sub pair { my ($k, $v) = @_; return pack('CN', length $k, length($v) | 0x80000000) . $k . $v }

# The answer to a GET (or what the parameters say), or undef if nobody answers; RAW: its last record.
sub ask {
	my ($uri, %param) = @_;
	my $sock = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $path) or return undef;
	my $raw = delete $param{RAW};
	my $stdin = delete $param{BODY} // '';
	my %env = (REQUEST_METHOD => 'GET', REQUEST_URI => $uri, HTTP_HOST => 'localhost', %param);
	my $sent = record(1, pack('nCx5', 1, 0)) . record(4, join '', map { pair($_, $env{$_}) } sort keys %env) . record(4, '');
	$sent .= record(5, substr $stdin, 0, 60_000, '') while length $stdin;
	local $SIG{PIPE} = 'IGNORE';
	$sent .= record(5, '');
	$sent = substr $sent, $_ while length $sent && ($_ = syswrite $sock, $sent);
	my $bytes = '';
	1 while sysread $sock, $bytes, 65536, length $bytes;
	return substr $bytes, -16 if $raw;
	my $out = '';
	while (length $bytes >= 8) {
		my (undef, $type, undef, $length, $padding) = unpack 'CCnnC', $bytes;
		$out .= substr $bytes, 8, $length if $type == 6;
		substr $bytes, 0, 8 + $length + $padding, '';
	}
	return length $out ? $out : undef;
}

subtest 'answers' => sub {
	my $pid = start();
	ok(ready($pid), 'ready with three processes') or diag log_text();
	is((stat $path)[2] & 0777, 0660, 'socket for owner and group');
	like(ask('/healthz'), qr/^Status: 200 OK\r\n.*\r\n\r\n\{"status":"ok"\}\n$/s, 'an answer');
	like(ask('/jobs/table'), qr/id="jobs"/, 'a fragment');
	like(ask('/nowhere'), qr/^Status: 404/, 'an error');
	my @before = sort(children($pid));
	ask('/healthz') for 1 .. 50;
	is_deeply([sort(children($pid))], \@before, 'by the same processes');
	is(ask('/healthz', RAW => 1), pack('CCnnCCx8', 1, 3, 1, 8, 0, 0), 'which say where an answer ends');
	my ($head, $body) = split /\r\n\r\n/, ask('/jobs/table'), 2;
	like($head, qr/^Content-Length: @{[length $body]}\r$/m, 'and how long it is');
	like(ask('/nowhere', REQUEST_METHOD => 'POST', CONTENT_LENGTH => 500_000, BODY => 'x' x 500_000),
		qr/^Status: 404.*there is nothing at this address/s, 'an answer arrives though its body was left unread');
	sleep 3.5;
	is_deeply([sort(children($pid))], \@before, 'the alarm of a request that is over ends no process');
	my $second = start();
	my $status = stopped($second);
	is(($status // 0) >> 8, 75, 'a second master is refused');
	like(log_text(), qr/another dropmill-web/, 'with a reason');
	ok(ask('/healthz'), 'the first goes on');
	my ($child) = children($pid);
	kill 'KILL', $child;
	ok(wait_until(5, sub { children($pid) == 3 && !alive($child) }), 'a killed process is replaced');
	ok(ask('/healthz'), 'and the pool answers');
	kill 'TERM', $pid;
	is(stopped($pid), 0, 'stops in order');
	ok(!-e $path, 'the socket is gone');
};

subtest 'reload' => sub {
	my $pid = start();
	ok(ready($pid), 'ready');
	my %old = map { $_ => 1 } children($pid);
	my $failed = 0;
	open my $conf, '>>', "$dir/dropmill.conf" or die $!;
	print $conf "nonsense = 1\n";
	close $conf;
	kill 'HUP', $pid;
	ok(wait_until(5, sub { log_text() =~ /not reloaded.*nonsense/ }), 'wrong settings are refused');
	is((grep { $old{$_} } children($pid)), 3, 'the old processes stay');
	open my $in, '<', "$dir/dropmill.conf" or die $!;
	my $text = do { local $/ = undef; <$in> };
	$text =~ s/nonsense = 1\n//;
	$text =~ s/web_processes = 3/web_processes = 2/;
	open $conf, '>', "$dir/dropmill.conf" or die $!;
	print $conf $text;
	close $conf;
	kill 'HUP', $pid;
	ok(wait_until(10, sub { $failed += !ask('/healthz'); children($pid) == 2 && !grep { $old{$_} } children($pid) }),
		'new ones take their place, two now');
	is($failed, 0, 'no request was lost meanwhile');
	my @left = children($pid);
	kill 'KILL', $pid;
	stopped($pid);
	ok(wait_until(6, sub { !grep { alive($_) } @left }), 'the children of a killed master leave');
};

subtest 'socket activation and notification' => sub {
	my $name = "$dir/run/notify";
	my $notify = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $name) or die $!;
	unlink $path;
	my $listen = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => $path, Listen => 64) or die $!;
	my $pid = start(socket => $listen, env => { NOTIFY_SOCKET => $name, WATCHDOG_USEC => 400_000 });
	ok(ready($pid, 2), 'ready on the socket it was given');
	close $listen;
	my %said;
	$notify->blocking(0);
	wait_until(10, sub { while (defined $notify->recv(my $text, 1000)) { $said{$_}++ for split /\n/, $text } $said{'READY=1'} && ($said{'WATCHDOG=1'} // 0) > 2 });
	is($said{'READY=1'}, 1, 'READY once');
	cmp_ok($said{'WATCHDOG=1'}, '>', 2, 'WATCHDOG again and again');
	kill 'TERM', $pid;
	is(stopped($pid), 0, 'stops');
	wait_until(2, sub { while (defined $notify->recv(my $text, 1000)) { $said{$_}++ for split /\n/, $text } $said{'STOPPING=1'} });
	is($said{'STOPPING=1'}, 1, 'STOPPING');
	ok(-S $path, 'a socket that is not ours stays');
	unlink $path;
};

subtest 'a request that hangs' => sub {
	my $pid = start();
	ok(ready($pid, 2), 'ready');
	my @before = children($pid);
	# A form whose body never comes.
	my $sock = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $path) or die $!;
	my %env = (REQUEST_METHOD => 'POST', REQUEST_URI => '/jobs/1/cancel', HTTP_HOST => 'localhost', CONTENT_LENGTH => 5,
		CONTENT_TYPE => 'application/x-www-form-urlencoded', DROPMILL_REQUEST_ID => 'hangs');
	syswrite $sock, record(1, pack('nCx5', 1, 0)) . record(4, join '', map { pair($_, $env{$_}) } sort keys %env) . record(4, '');
	my $from = time;
	ok(wait_until(6, sub { log_text() =~ /longer than request_timeout.*req=hangs/ }), 'is ended, and the log says which');
	cmp_ok(time - $from, '>', 1, 'not before its time');
	ok(wait_until(5, sub { children($pid) == 2 && ask('/healthz') }), 'the pool is complete again');
	kill 'TERM', $pid;
	is(stopped($pid), 0, 'stops');
};

# Open pages ask every two seconds: they must cost no more than one look at the change counter (and, where
# there are sessions, at that).
subtest 'what an idle poll asks the database' => sub {
	my $pid = start(env => { DROPMILL_DEBUG => 1 });
	ok(ready($pid, 2), 'ready');
	my $n = 0;
	my $asked = sub {
		my ($uri, %param) = @_;
		my $id = 'poll' . ++$n;
		my $answer = ask($uri, HTTP_HX_REQUEST => 'true', %param, DROPMILL_REQUEST_ID => $id);
		my @names = log_text() =~ /: debug: sql (\w+) req=$id$/gm;
		return ($answer, \@names);
	};
	my ($first, $names) = $asked->('/jobs/table');
	my ($tag) = $first =~ /^HX-PTag: (.+?)\r$/mi;
	cmp_ok(scalar @$names, '>', 1, "a rendering asks for its rows (@$names)");
	for (1 .. 8) { # whichever process answers
		(my $same, $names) = $asked->('/jobs/table', HTTP_HX_PTAG => $tag);
		like($same, qr/^Status: 304/, 'unchanged');
		is_deeply($names, ['PROJECT_VERSION'], 'the change counter and nothing else');
	}
	$asked->('/jobs/table') for 1 .. 8;
	(my $kept, $names) = $asked->('/jobs/table');
	like($kept, qr/^Status: 200/, 'another page, another viewer');
	is_deeply($names, ['PROJECT_VERSION'], 'no more for a rendering that is kept');
	kill 'TERM', $pid;
	is(stopped($pid), 0, 'stops');
};

subtest 'what cannot start' => sub {
	my ($status, $out) = $web->spawn({ $web->environment, DROPMILL_TEMPLATES_DIR => '/nonexistent' }, '', "$build/dropmill-web", '-n');
	is($status >> 8, 78, '-n finds missing templates');
	($status, $out) = $web->spawn({ $web->environment }, '', "$build/dropmill-web", '-n');
	is($status, 0, '-n is content');
	like($out, qr/^web_processes = 2$/m, 'and prints the settings');
	($status) = $web->spawn({ $web->environment }, '', "$build/dropmill-web", '--nonsense');
	is($status >> 8, 64, 'a bad option');
	# No database: children fail, the master backs off and stays.
	rename "$dir/dropmill.db", "$dir/away" or die $!;
	my $pid = start();
	sleep 1.5;
	ok(alive($pid), 'the master waits for a database');
	my $tries = () = log_text() =~ /no database/g;
	cmp_ok($tries, '<', 12, "without a rush ($tries tries)");
	rename "$dir/away", "$dir/dropmill.db" or die $!;
	ok(ready($pid, 2), 'and goes to work when there is one');
	kill 'TERM', $pid;
	is(stopped($pid), 0, 'stops');
};

END { kill 'KILL', grep { alive($_) } @masters if @masters }
done_testing;
