# Handlers in the pool: like Dropmill::Cgi, but the requests go by FastCGI to running dropmill-web processes,
# as nginx would send them. A request costs a millisecond instead of a process, so a test may ask thousands.
#
#   my $web = Dropmill::Pool->new(config => { auth => 'password' });
#   my $answer = $web->request(GET => '/jobs/table', cookie => 'dropmill=...');
#   my $number = $web->sql('SELECT COUNT(*) FROM jobs');
package Dropmill::Pool;
use strict;
use warnings;
use parent 'Dropmill::Cgi';
use Dropmill::Process qw(children wait_until);
use Dropmill::Sql;
use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM);

my %running; # pid => who started it

# Options of Dropmill::Cgi. One process unless the configuration says otherwise: what it keeps from one
# request, the next one finds.
sub new {
	my ($class, %option) = @_;
	$option{config} = { web_processes => 1, %{ $option{config} // {} } };
	my $self = $class->SUPER::new(%option);
	$self->{program} = Dropmill::Cgi::build() . '/dropmill-web';
	$self->{takes_file} = $self->_upload_paths;
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		%ENV = $self->environment;
		open STDIN, '<', '/dev/null' or die $!;
		open STDERR, '>>', "$self->{dir}/web.log" or die $!;
		exec $self->{program} or die "$self->{program}: $!";
	}
	$self->{pid} = $pid;
	$running{$pid} = $$;
	wait_until(20, sub { $self->_connect }) or die 'the pool does not start: ' . $self->log;
	return $self;
}

sub log {
	my ($self) = @_;
	open my $in, '<', "$self->{dir}/web.log" or return '';
	local $/ = undef;
	return <$in> // '';
}

# Pids of the processes that answer.
sub processes { return children($_[0]{pid}) }

# Addresses whose body nginx writes to a file.
sub _upload_paths {
	my ($self) = @_;
	my @patterns;
	for (split /\n/, $self->run($self->{program}, '--routes')) {
		my ($methods, $pattern, undef, $body) = split /\t/;
		next if $body ne 'file';
		(my $path = quotemeta $pattern) =~ s/\\\{[^}]*\\\}/[^\/]+/g;
		push @patterns, map { "$_ $path" } split /, /, $methods;
	}
	my $any = join '|', @patterns;
	return qr{^(?:$any)/?(?:\?|$)};
}

sub _connect { return IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => "$_[0]{dir}/run/web.sock") }
sub _record { my ($type, $content) = @_; return pack('CCnnCC', 1, $type, 1, length $content, 0, 0) . $content }
sub _pair { my ($k, $v) = @_; return pack('NN', length($k) | 0x80000000, length($v) | 0x80000000) . $k . $v }

# Send a request; ->finish on what it returns waits for the answer.
sub begin {
	my ($self, $method, $uri, %option) = @_;
	my ($env, $body) = $self->parameters($method, $uri, %option);
	delete $env->{PATH};
	if ("$method $uri" =~ $self->{takes_file} && length $body) {
		$env->{REQUEST_BODY_FILE} = "$self->{dir}/spool/body-$$-" . ++$self->{bodies};
		open my $out, '>:raw', $env->{REQUEST_BODY_FILE} or die $!;
		print $out $body;
		close $out or die $!;
		$body = '';
	}
	my $params = join '', map { _pair($_, $env->{$_}) } sort keys %$env;
	my $bytes = _record(1, pack('nCx5', 1, 0));
	$bytes .= _record(4, substr $params, 0, 60_000, '') while length $params;
	$bytes .= _record(4, '');
	$bytes .= _record(5, substr $body, 0, 60_000, '') while length $body;
	$bytes .= _record(5, '');
	my $socket = $self->_connect or die "no connection to the pool: $!";
	local $SIG{PIPE} = 'IGNORE';
	for (my $n; length $bytes; substr $bytes, 0, $n, '') { $n = syswrite $socket, $bytes or last }
	return { socket => $socket, file => $env->{REQUEST_BODY_FILE}, what => "$method $uri" };
}

sub finish {
	my ($self, $asked) = @_;
	my ($bytes, $out) = ('', '');
	1 while sysread $asked->{socket}, $bytes, 65536, length $bytes;
	unlink $asked->{file} if $asked->{file};
	while (length $bytes >= 8) {
		my (undef, $type, undef, $length, $padding) = unpack 'CCnnC', $bytes;
		$out .= substr $bytes, 8, $length if $type == 6;
		substr $bytes, 0, 8 + $length + $padding, '';
	}
	die "no answer to $asked->{what}: " . $self->log if !length $out;
	return $self->parse($out);
}

sub request {
	my ($self, @request) = @_;
	return $self->finish($self->begin(@request));
}

sub sql {
	my ($self, $text) = @_;
	$self->{shell} //= Dropmill::Sql->new("$self->{dir}/dropmill.db");
	return $self->{shell}->ask($text);
}

sub stop {
	my ($self) = @_;
	delete $self->{shell};
	my $pid = delete $self->{pid} or return;
	delete $running{$pid};
	kill TERM => $pid;
	waitpid $pid, 0 if !wait_until(10, sub { waitpid($pid, 1) == $pid });
	return;
}

sub DESTROY { my ($self) = @_; local $?; $self->stop if $self->{owner} == $$ }

END {
	my $status = $?;
	kill TERM => grep { $running{$_} == $$ } keys %running;
	$? = $status;
}

1;
