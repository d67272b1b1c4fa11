# Handlers without a server: dropmill-web as a CGI program on a state directory of its own.
#
#   my $web = Dropmill::Cgi->new(config => { upload_max => '1M' });
#   my $answer = $web->request(GET => '/jobs/table', accept => 'application/json');
#   # { status, headers => { name => value }, content, json (if it is JSON) }
#   is_deeply([$web->files], [], 'nothing in spool and store');
package Dropmill::Cgi;
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Find qw(find);
use File::Temp qw(tempdir);
use JSON::PP ();

my $top = dirname(dirname(dirname(dirname(abs_path(__FILE__)))));
my $build = abs_path($ENV{BUILD} // "$top/build");

# What a processor would publish.
my %types = (
	'inspect' => { accept => ['*'], default => JSON::PP::false, attempts => 3 },
	'csv-profile' => { accept => ['text/csv', '.csv'], default => JSON::PP::true, attempts => 3 },
	'manual' => { accept => ['*'], default => JSON::PP::false, attempts => 1, manual => JSON::PP::true, command => [] },
	'away' => { accept => ['*'], default => JSON::PP::false, attempts => 1, available => 0 },
);

sub new {
	my ($class, %option) = @_;
	my $dir = tempdir('dm-cgi-XXXXXX', TMPDIR => 1, CLEANUP => 1);
	my $self = bless { dir => $dir, owner => $$ }, $class;
	my %config = (
		auth => 'none', database => 'dropmill.db', store => 'store', spool => 'spool', work => 'work', secret_key => 'secret.key', log_dir => 'log',
		run_dir => 'run', jobs_dir => "$top/conf/jobs.d", templates_dir => "$top/templates",
		public_dir => "$top/public", tools_dir => $build, disk_low => '1M', %{ $option{config} // {} },
	);
	mkdir "$dir/$_" or die "$dir/$_: $!" for qw(store spool run);
	open my $out, '>', "$dir/dropmill.conf" or die $!;
	print $out "$_ = $config{$_}\n" for sort keys %config;
	close $out or die $!;
	$self->run("$build/dropmill", 'migrate');
	$self->publish unless $option{bare};
	return $self;
}

# On the state of a Dropmill::Processor, as its user and beside it.
sub on {
	my ($class, $processor) = @_;
	return bless { dir => $processor->{dir}, owner => $$, as => $processor->{as}, build => $processor->{build} }, $class;
}

sub dir { return $_[0]{dir} }
sub build { return $build }

sub environment {
	my ($self) = @_;
	return (PATH => $ENV{PATH}, DROPMILL_CONFIG => "$self->{dir}/dropmill.conf",
		map { ($_ => $ENV{$_}) } grep { /^(ASAN|UBSAN|LSAN)_OPTIONS$/ } keys %ENV);
}

# Run a program with our configuration; dies if it fails. Returns its output.
sub run {
	my ($self, @command) = @_;
	my ($status, $out) = $self->spawn({ $self->environment }, '', @command);
	die "@command: status $status: $self->{stderr}" if $status;
	return $out;
}

# Status and standard output; standard error goes to $self->{stderr}.
sub spawn {
	my ($self, $env, $input, @command) = @_;
	my %file = map { $_ => "$self->{dir}/.$_.$$" } qw(in out err);
	open my $in, '>:raw', $file{in} or die $!;
	print $in $input;
	close $in or die $!;
	my $pid = fork // die $!;
	if (!$pid) {
		%ENV = %$env;
		open STDIN, '<', $file{in} or die $!;
		open STDOUT, '>', $file{out} or die $!;
		open STDERR, '>', $file{err} or die $!;
		exec { $command[0] } @command or die "$command[0]: $!";
	}
	waitpid $pid, 0;
	my $status = $?;
	my %text;
	for my $name (qw(out err)) {
		open my $from, '<:raw', $file{$name} or die $!;
		local $/ = undef;
		$text{$name} = <$from> // '';
	}
	unlink values %file;
	$self->{stderr} = $text{err};
	return ($status, $text{out});
}

# The parameters of a request, and its body. Options: headers in lower case with _ for -; body; param => { raw
# FastCGI parameters }.
sub parameters {
	my ($self, $method, $uri, %option) = @_;
	my $body = delete $option{body} // '';
	my $param = delete $option{param} // {};
	my %env = ($self->environment, REQUEST_METHOD => $method, REQUEST_URI => $uri, REQUEST_SCHEME => 'http',
		HTTP_HOST => 'localhost');
	$env{CONTENT_LENGTH} = length $body if length $body || $method =~ /^P/;
	for my $name (keys %option) {
		my $key = $name eq 'content_type' || $name eq 'content_length' ? uc $name : 'HTTP_' . uc $name;
		if (defined $option{$name}) { $env{$key} = $option{$name} } else { delete $env{$key} }
	}
	$env{$_} = $param->{$_} for keys %$param;
	return (\%env, $body);
}

sub request {
	my ($self, @request) = @_;
	my ($env, $body) = $self->parameters(@request);
	my ($status, $out) = $self->spawn($env, $body, @{ $self->{as} // [] }, ($self->{build} // $build) . '/dropmill-web');
	die "dropmill-web: status $status: $self->{stderr}" if $status;
	return $self->parse($out);
}

# What a handler wrote, taken apart.
sub parse {
	my ($self, $out) = @_;
	my ($head, $content) = split /\r\n\r\n/, $out, 2;
	my %answer = (headers => {}, content => $content // '', raw => $out);
	for (split /\r\n/, $head) {
		my ($name, $value) = /^([A-Za-z-]+): (.*)$/ or die "malformed header: $_";
		die "header twice: $name" if exists $answer{headers}{ lc $name };
		$answer{headers}{ lc $name } = $value;
	}
	($answer{status}) = ($answer{headers}{status} // '') =~ /^(\d{3}) \S/ or die "no status: $head";
	$answer{json} = JSON::PP::decode_json($content) if length $content && ($answer{headers}{'content-type'} // '') =~ /json/;
	return \%answer;
}

# Sign a user in by a link of the command line's: the value of a Cookie header.
sub sign_in {
	my ($self, $name) = @_;
	my ($path) = $self->run("$build/dropmill", 'user', 'link', $name) =~ m{(/login/\S+)} or die "no link for $name";
	my $answer = $self->request(GET => $path, accept => 'text/html');
	my ($cookie) = ($answer->{headers}{'set-cookie'} // '') =~ /^(dropmill=[^;]+)/ or die "no session: $answer->{raw}";
	return $cookie;
}

# Every file in spool and store.
sub files {
	my ($self) = @_;
	my @found;
	find({ no_chdir => 1, wanted => sub { push @found, $_ if -f } }, map { "$self->{dir}/$_" } qw(spool store));
	return sort map { substr $_, length($self->{dir}) + 1 } @found;
}

# One statement on the database, while nothing else has it open. Rows are lines, columns parted by |.
sub sql {
	my ($self, $text) = @_;
	utf8::encode($text) if utf8::is_utf8($text);
	my ($status, $out) = $self->spawn({ PATH => $ENV{PATH} }, $text, 'sqlite3', '-bail', "$self->{dir}/dropmill.db");
	die "sqlite3: $self->{stderr}" if $status;
	chomp $out;
	return $out;
}

sub publish {
	my ($self) = @_;
	$self->publish_type($_, %{ $types{$_} }) for sort keys %types;
	return;
}

# One type; what is not given is as most types have it.
sub publish_type {
	my ($self, $name, %more) = @_;
	my %definition = (
		name => $name, title => ucfirst $name, description => "About $name", file => "$name.conf",
		accept => ['*'], default => JSON::PP::false, attempts => 1,
		command => ['/bin/true'], requires => [], read => [], network => JSON::PP::false,
		progress => 'percent', retry_on => ['tempfail', 'lost'], timeout_ms => 60000,
		memory_bytes => 1 << 26, output_max_bytes => 1 << 20, keep_ms => 0, concurrency => 0, %more,
	);
	my $available = delete $definition{available} // 1;
	my $json = JSON::PP->new->canonical->encode(\%definition) =~ s/'/''/gr;
	$self->sql("INSERT INTO job_types VALUES ('$name', 1, 1, $available, '$json', 0);");
	return;
}

1;
