# Load on a stack: many clients that upload, remember what was acknowledged, and a comparison of that with
# what is there in the end.
#
# Each client is a process with one connection at a time. A body is made from its number alone, so it can
# be made again to compare. With `retry` a request that was not answered 201 is sent again under the same
# Idempotency-Key until it is, as a good client does.
package Dropmill::Load;
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Exporter qw(import);
use IO::Socket::INET;
use JSON::PP qw(decode_json encode_json);
use Time::HiRes qw(sleep time);
our @EXPORT_OK = qw(body clients_start clients_wait jobs_all wait_settled store_files spool_files);

# Deterministic bytes of about 64 KiB: text with the number in each line.
sub body {
	my ($n, $size) = @_;
	my $line = sprintf "%08d %s\n", $n, 'abcdefghijklmnopqrstuvwxyz0123456789' x 3;
	my $text = $line x (1 + int(($size // 65536) / length $line));
	return substr $text, 0, $size // 65536;
}

# One request over a fresh or kept connection: (status, body), or () when the connection broke.
sub _exchange {
	my ($socket, $request) = @_;
	local $SIG{PIPE} = 'IGNORE';
	my $sent = 0;
	while ($sent < length $request) {
		my $n = syswrite $$socket, $request, length($request) - $sent, $sent;
		return unless $n;
		$sent += $n;
	}
	my $answer = '';
	while ($answer !~ /\r\n\r\n/) {
		sysread $$socket, $answer, 65536, length $answer or return;
	}
	my ($head, $rest) = split /\r\n\r\n/, $answer, 2;
	my ($status) = $head =~ m{^HTTP/1\.[01] (\d+)};
	if ($head =~ /^Content-Length: (\d+)/mi) {
		while (length $rest < $1) {
			sysread $$socket, $rest, 65536, length $rest or return;
		}
	} elsif ($head =~ /^Transfer-Encoding: chunked/mi) {
		while ($rest !~ /(?:^|\r\n)0\r\n\r\n\z/) {
			sysread $$socket, $rest, 65536, length $rest or return;
		}
		my $whole = '';
		while ($rest =~ s/^([0-9a-f]+)\r\n//i && hex $1) {
			$whole .= substr $rest, 0, hex $1, '';
			$rest =~ s/^\r\n//;
		}
		$rest = $whole;
	}
	$$socket = undef if $head =~ /^Connection: close/mi;
	return ($status, $rest);
}

sub _client {
	my ($stack, $out, $numbers, %o) = @_;
	my $socket;
	for my $n (@$numbers) {
		my $body = body($n, $o{size});
		my $request = "PUT /jobs/upload/load-$n.txt HTTP/1.1\r\nHost: 127.0.0.1:" . $stack->port
			. "\r\nAccept: application/json\r\nIdempotency-Key: load-$o{salt}-$n\r\nContent-Length: "
			. length($body) . "\r\n\r\n$body";
		for my $try (1 .. ($o{retry} ? 200 : 1)) {
			$socket //= IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $stack->port, Timeout => 5);
			my ($status, $answer) = $socket ? _exchange(\$socket, $request) : ();
			my $jobs = $status && $status == 201 ? eval { decode_json($answer)->{jobs} } : undef;
			print $out encode_json({ n => $n, status => $status, try => $try,
				$jobs ? (uuids => [ map { $_->{uuid} } @$jobs ]) : (text => $answer) }), "\n";
			last if $jobs;
			$socket = undef;
			sleep 0.05;
		}
	}
}

# Start `clients` processes that upload the numbers 1 to `uploads`; returns what clients_wait takes.
sub clients_start {
	my ($stack, %o) = @_;
	$o{salt} = "$$-" . time;
	my @running;
	for my $c (1 .. $o{clients}) {
		my $log = "$stack->{dir}/client-$c-$o{salt}";
		my $pid = fork // die "fork: $!";
		if (!$pid) {
			$SIG{$_} = 'DEFAULT' for qw(INT TERM);
			open my $out, '>', $log or die;
			_client($stack, $out, [ grep { $_ % $o{clients} == $c - 1 } 1 .. $o{uploads} ], %o);
			close $out;
			require POSIX;
			POSIX::_exit(0);
		}
		push @running, { pid => $pid, log => $log };
	}
	return \@running;
}

# Wait for them: all their log lines as [{ n, status, uuids, … }].
sub clients_wait {
	my ($running) = @_;
	my @lines;
	for my $c (@$running) {
		waitpid $c->{pid}, 0;
		open my $in, '<', $c->{log} or die;
		push @lines, map { decode_json($_) } <$in>;
	}
	return \@lines;
}

# Every job, through the list's pages.
sub jobs_all {
	my ($stack, $query) = @_;
	my @jobs;
	my $path = '/jobs/table?limit=100' . ($query ? "&$query" : '');
	while ($path) {
		my $page = $stack->json($path) // die "no page at $path";
		push @jobs, @{ $page->{jobs} };
		$path = $page->{next};
	}
	return @jobs;
}

# Wait until nothing is pending or processing; the counts, or undef when the seconds are over.
sub wait_settled {
	my ($stack, $seconds) = @_;
	my $end = time + $seconds;
	while (time < $end) {
		my $page = $stack->json('/jobs/table?limit=1');
		return $page->{counts} if $page && !$page->{counts}{pending} && !$page->{counts}{processing};
		sleep 0.2;
	}
	return undef;
}

sub _files { my ($dir) = @_; return grep { -f } map { -d $_ ? _files($_) : $_ } glob "$dir/*" }

# Files of the store without the logs, and what lies in the spool.
sub store_files { my ($stack) = @_; return grep { !m{/log/} } _files($stack->state . '/store') }
sub spool_files { my ($stack) = @_; return _files($stack->state . '/spool') }

1;
