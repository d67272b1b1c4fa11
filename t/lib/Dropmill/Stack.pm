# A whole stack for a test: scripts/run on a free port, with a state directory of its own, stopped by pid at
# the end of the test. `start` returns when /readyz answers 200 and dies with the log otherwise.
#
#   my $stack = Dropmill::Stack->start(config => { upload_max => '1M' });
#   my $answer = $stack->get('/jobs/table');          # as HTTP::Tiny returns it: status, headers, content
#   my $bytes = $stack->raw("GET / HTTP/1.0\r\n\r\n");
#   my ($status, $out) = $stack->cli('job', 'list', '--json');
#   is_deeply([$stack->stop], [], 'no process is left');
package Dropmill::Stack;
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IO::Select;
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use Time::HiRes qw(sleep time);
use Dropmill::Process qw(alive children descendants identity wait_until);
use Dropmill::Sql;

my $top = dirname(dirname(dirname(dirname(abs_path(__FILE__)))));
my %running; # pid => stack, of this process

sub top { return $top }
sub build { return abs_path($ENV{BUILD} // "$top/build") }

sub free_port {
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1, Proto => 'tcp') or die;
	return $socket->sockport;
}

# Options: config (keys of dropmill.conf, given by the environment), env, port, state, wait (seconds; 0: do
# not wait), command (what to run instead of scripts/run).
sub start {
	my ($class, %option) = @_;
	my $self = bless {
		port => $option{port} // free_port(),
		owner => $$,
		log => '',
	}, $class;
	if (!$option{state}) {
		$self->{dir} = tempdir('dm-XXXXXX', TMPDIR => 1, CLEANUP => 1);
		chmod 0755, $self->{dir}; # commands run as another user and must get through
	}
	$self->{state} = $option{state} // "$self->{dir}/state";
	$self->{log} = $option{log} // ($self->{dir} ? "$self->{dir}/log" : "$self->{state}.log");
	$self->{env} = {
		%{ $option{env} // {} },
		PORT => $self->{port},
		STATE => $self->{state},
		BUILD => build(),
		DROPMILL_AUTH => 'none',
		(map { ('DROPMILL_' . uc $_ => $option{config}{$_}) } keys %{ $option{config} // {} }),
	};
	$self->{pid} = $self->_spawn(@{ $option{command} // ["$top/scripts/run"] });
	$running{ $self->{pid} } = $self;
	my $wait = $option{wait} // 90;
	$self->wait_ready($wait) or die "stack is not ready after $wait s:\n" . $self->log if $wait;
	return $self;
}

sub _spawn {
	my ($self, @command) = @_;
	my $pid = fork // die "fork: $!";
	return $pid if $pid;
	setpgrp 0, 0;
	delete @ENV{ 'DROPMILL_CONFIG', 'MAKEFLAGS', 'MAKELEVEL', 'MFLAGS' };
	$SIG{$_} = 'DEFAULT' for qw(HUP INT TERM);
	%ENV = (%ENV, %{ $self->{env} });
	open STDIN, '<', '/dev/null';
	open STDOUT, '>>', $self->{log};
	open STDERR, '>&', \*STDOUT;
	exec @command or die "exec: $!";
}

sub wait_ready {
	my ($self, $seconds) = @_;
	return wait_until($seconds, sub { !alive($self->{pid}) || $self->get('/readyz')->{status} == 200 })
		&& alive($self->{pid});
}

sub pid { $_[0]{pid} }
sub port { $_[0]{port} }
sub state { $_[0]{state} }
sub url { "http://127.0.0.1:$_[0]{port}$_[1]" }

sub log {
	my ($self) = @_;
	open my $in, '<', $self->{log} or return '';
	local $/ = undef;
	return scalar(<$in>) // '';
}

# ---- requests ----------------------------------------------------------------------------------------
# Every request has a connection of its own; redirects are not followed. Option from: the address to ask from.
sub request {
	my ($self, $method, $path, %option) = @_;
	my $http = HTTP::Tiny->new(timeout => $option{timeout} // 20, max_redirect => 0, keep_alive => 0,
		local_address => $option{from});
	return $http->request($method, $path =~ /^http/ ? $path : $self->url($path), {
		headers => $option{headers} // {},
		(defined $option{content} ? (content => $option{content}) : ()),
	});
}

sub get { my ($self, $path, %headers) = @_; return $self->request('GET', $path, headers => \%headers) }

sub json {
	my ($self, $path) = @_;
	my $answer = $self->get($path, Accept => 'application/json');
	return $answer->{status} == 200 ? decode_json($answer->{content}) : undef;
}

# multipart/form-data: fields as [name => value] or [name => value, file name, type].
sub form {
	my ($self, $path, $fields, %headers) = @_;
	my $boundary = 'x' x 20 . int rand 1e9;
	my $body = '';
	for my $field (@$fields) {
		my ($name, $value, $file, $type) = @$field;
		$body .= "--$boundary\r\nContent-Disposition: form-data; name=\"$name\""
			. (defined $file ? "; filename=\"$file\"\r\nContent-Type: " . ($type // 'application/octet-stream') : '')
			. "\r\n\r\n$value\r\n";
	}
	$body .= "--$boundary--\r\n";
	return $self->request('POST', $path, content => $body,
		headers => { 'Content-Type' => "multipart/form-data; boundary=$boundary", %headers });
}

# Upload files given as name => content; the jobs made, as the API shows them.
sub upload {
	my ($self, %files) = @_;
	my $answer = $self->form('/jobs', [map { ['files', $files{$_}, $_] } sort keys %files],
		Accept => 'application/json');
	die "upload: $answer->{status} $answer->{content}" if $answer->{status} != 201;
	return @{ decode_json($answer->{content})->{jobs} };
}

# Send bytes as they are, and return what comes until the connection ends or the seconds are over.
sub raw {
	my ($self, $bytes, $seconds) = @_;
	my $socket = $self->connect;
	local $SIG{PIPE} = 'IGNORE';
	syswrite $socket, $bytes;
	return $self->drain($socket, $seconds // 5);
}

sub connect {
	my ($self) = @_;
	return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Proto => 'tcp',
		Timeout => 5) // die "connect: $!";
}

sub drain {
	my ($self, $socket, $seconds) = @_;
	my ($end, $answer) = (time + $seconds, '');
	my $select = IO::Select->new($socket);
	while (time < $end && $select->can_read($end - time)) {
		sysread $socket, $answer, 65536, length $answer or last;
	}
	return $answer;
}

# ---- programs ----------------------------------------------------------------------------------------
# Run build/dropmill on this stack: exit status and output (both streams; with --json warnings go to the log).
sub cli {
	my ($self, @args) = @_;
	my $pid = open(my $out, '-|') // die "fork: $!";
	if (!$pid) {
		%ENV = (%ENV, %{ $self->{env} }, DROPMILL_CONFIG => "$self->{state}/dropmill.conf");
		if (grep { $_ eq '--json' } @args) { open STDERR, '>>', $self->{log} }
		else { open STDERR, '>&', \*STDOUT }
		exec build() . '/dropmill', @args or die;
	}
	my $text = do { local $/ = undef; <$out> } // '';
	close $out;
	return ($? >> 8, $text);
}

# Statements on the database; see Dropmill::Sql.
sub sql {
	my ($self, $text) = @_;
	$self->{shell} //= Dropmill::Sql->new("$self->{state}/dropmill.db");
	return $self->{shell}->ask($text);
}

# The supervisor: scripts/run becomes it; under make it is make's child.
sub supervisor {
	my ($self) = @_;
	my ($pid) = grep { _command($_) =~ /dropmill-supervise/ }
		$self->{pid}, map { (split /@/)[0] } descendants($self->{pid});
	return $pid;
}

# The leader of a part: 'web', 'processor' or 'nginx'.
sub part {
	my ($self, $name) = @_;
	my $supervisor = $self->supervisor or return undef;
	my $pattern = $name eq 'nginx' ? qr/^nginx: master/ : qr/dropmill-\Q$name\E/;
	my ($pid) = sort { $a <=> $b } grep { _command($_) =~ $pattern } children($supervisor);
	return $pid;
}

sub _command {
	my ($pid) = @_;
	open my $in, '<', "/proc/$pid/cmdline" or return '';
	local $/ = undef;
	my $line = <$in> // '';
	$line =~ tr/\0/ /;
	return $line;
}

# Stop it by a signal (TERM) to its first process, and return the identities of processes of it that are
# still there. The exit status is in $stack->{status}.
sub stop {
	my ($self, $signal, $seconds) = @_;
	return if !delete $running{ $self->{pid} };
	delete $self->{shell};
	my @all = ((grep { defined } identity($self->{pid})), descendants($self->{pid}));
	kill $signal // 'TERM', $self->{pid};
	my $ended = wait_until($seconds // 40, sub {
		waitpid($self->{pid}, 1) == $self->{pid} && (($self->{status} = $?), 1);
	});
	kill KILL => $self->{pid} if !$ended;
	waitpid $self->{pid}, 0 if !$ended;
	wait_until(2, sub { !grep { alive($_) } @all });
	return grep { alive($_) } @all;
}

END {
	my $status = $?;
	for my $stack (values %running) {
		next if $stack->{owner} != $$;
		for my $left ($stack->stop) { kill KILL => (split /@/, $left)[0] }
	}
	$? = $status;
}

1;
