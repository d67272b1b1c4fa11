# A processor on a state of its own, without web pool and nginx: jobs come from `dropmill submit`, job
# types from scripts the test writes.
#
#   my $p = Dropmill::Processor->new(user => 'nobody', config => { lease => '3s' });
#   $p->type('hello', "echo '50% half'\necho done\n", timeout => '5s');
#   $p->start;
#   my $job = $p->finished($p->submit('hello'));
package Dropmill::Processor;
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Test::More ();
use Time::HiRes qw(sleep time);
use Dropmill::Process qw(alive children identity wait_until with_text);

my $top = dirname(dirname(dirname(dirname(abs_path(__FILE__)))));
my $build = abs_path($ENV{BUILD} // "$top/build");

# Where a user finds programs, templates and static files: in the checkout, or where root alone may enter
# that (below /root, say), in a copy.
my $copy;
sub places {
	my ($as) = @_;
	return ($top, $build) if system("@$as test -r '$top/templates' -a -x '$build/dropmill'") == 0;
	if (!$copy) {
		$copy = tempdir('dm-copy-XXXXXX', TMPDIR => 1, CLEANUP => 1);
		chmod 0755, $copy;
		mkdir "$copy/build";
		system('cp', '-a', "$top/templates", "$top/public", $copy) == 0 or die 'cp failed';
		system('cp', '-a', glob("$build/dropmill*"), "$copy/build") == 0 or die 'cp failed';
	}
	return ($copy, "$copy/build");
}

# Options: user (needs root; default: who we are), config => {}, wrap => [command in front].
sub new {
	my ($class, %option) = @_;
	# Below a directory of mode 0700, where the commands' user cannot follow.
	my $dir = tempdir('dm-proc-XXXXXX', TMPDIR => 1);
	my @as = defined $option{user} ? ('setpriv', "--reuid=$option{user}", '--regid=65534', '--clear-groups') : ();
	my ($top, $build) = places(\@as);
	my $self = bless { dir => "$dir/state", top => $dir, build => $build, as => \@as, owner => $$, pids => {},
		wrap => $option{wrap} // [] }, $class;
	my %config = (
		auth => 'none', database => 'dropmill.db', store => 'store', spool => 'spool', work => 'work', secret_key => 'secret.key', log_dir => 'log',
		run_dir => 'run', jobs_dir => 'jobs.d', scripts_dir => 'scripts', tools_dir => $build,
		templates_dir => "$top/templates", public_dir => "$top/public", workers => 4, backoff => '50ms', %{ $option{config} // {} },
	);
	mkdir $_ or die "$_: $!" for $self->{dir}, map { "$self->{dir}/$_" } qw(jobs.d scripts spool run);
	$self->write("$self->{dir}/dropmill.conf", join '', map { "$_ = $config{$_}\n" } sort keys %config);
	$self->write("$dir/input.txt", "some input\n");
	if (defined $option{user}) {
		system('chown', '-R', $option{user}, $dir) == 0 or die 'chown failed';
	}
	my ($code, $out) = $self->dropmill('migrate');
	die "migrate: $out" if $code;
	return $self;
}

sub write {
	my ($self, $path, $text, $mode) = @_;
	open my $out, '>', $path or die "$path: $!";
	print $out $text;
	close $out or die "$path: $!";
	chmod $mode, $path if defined $mode;
	return;
}

# Declare a job type whose command is a shell script; it gets the input and the output directory.
sub type {
	my ($self, $name, $script, %key) = @_;
	$self->write("$self->{dir}/scripts/$name.sh", "#!/bin/sh\n$script", 0755);
	my %set = (title => $name, accept => '*', command => "$name.sh {input} {output}", timeout => '60s',
		memory => '256M', output_max => '16M', attempts => 1, %key);
	$self->write("$self->{dir}/jobs.d/$name.conf",
		"[job $name]\n" . join '', map { "$_ = $set{$_}\n" } sort keys %set);
	return;
}

# Run the CLI; exit code and output. Errors come with it if there are any: a warning (that the machine was
# slow, say) is no part of the answer.
sub dropmill {
	my ($self, @argv) = @_;
	my @command = (@{ $self->{as} }, "$self->{build}/dropmill", '-c', "$self->{dir}/dropmill.conf", @argv);
	my ($out, $errors) = map { "$self->{top}/.$_.$$" } qw(out errors);
	my $pid = fork // die $!;
	if (!$pid) {
		open STDOUT, '>', $out or die $!;
		open STDERR, '>', $errors or die $!;
		delete $ENV{$_} for grep { /^DROPMILL_/ } keys %ENV;
		exec { $command[0] } @command or die "$command[0]: $!";
	}
	waitpid $pid, 0;
	my $code = $?;
	return ($code, $self->_read($out) . ($code ? $self->_read($errors) : ''));
}

# Start a processor (there may be several); its pid.
sub start {
	my ($self, %option) = @_;
	my @command = (@{ $self->{as} }, @{ $self->{wrap} }, "$self->{build}/dropmill-processor", '-c',
		"$self->{dir}/dropmill.conf");
	my $before = length $self->log;
	my $pid = fork // die $!;
	if (!$pid) {
		open STDIN, '<', '/dev/null' or die $!;
		open STDERR, '>>', "$self->{top}/processor.log" or die $!;
		open STDOUT, '>&', \*STDERR or die $!;
		delete $ENV{$_} for grep { /^DROPMILL_/ } keys %ENV;
		$ENV{$_} = $option{env}{$_} for keys %{ $option{env} // {} };
		exec { $command[0] } @command or die "$command[0]: $!";
	}
	$self->{pids}{$pid} = 1;
	my $ready = sub { substr($self->log, $before) =~ /: ready / };
	wait_until(60, sub { $ready->() || !alive($pid) }) or die 'the processor does not get ready: ' . $self->log;
	Test::More::diag('the processor did not start: ', substr $self->log, $before) if !$ready->();
	return $pid;
}

sub kill_it {
	my ($self, $signal, $pid) = @_;
	kill $signal, $pid or die "kill $pid: $!";
	waitpid $pid, 0;
	delete $self->{pids}{$pid};
	return $?;
}

sub log {
	my ($self) = @_;
	open my $in, '<', "$self->{top}/processor.log" or return '';
	local $/ = undef;
	return scalar <$in> // '';
}

# Queue a file under a type; the id.
sub submit {
	my ($self, $type, $file) = @_;
	my ($code, $out) = $self->dropmill('--json', 'submit', '--type', $type, $file // "$self->{top}/input.txt");
	die "submit: $out" if $code;
	my $answer = decode_json($out);
	return $answer->{jobs}[0]{id};
}

sub job {
	my ($self, $id) = @_;
	my ($code, $out) = $self->dropmill('--json', 'job', 'show', $id);
	die "show $id: $out" if $code;
	return decode_json($out)->{job};
}

# Wait for a state, or for any of the final ones; the job.
sub reaches {
	my ($self, $id, $status, $seconds) = @_;
	my $job;
	wait_until($seconds // 30, sub { $job = $self->job($id); $job->{status} eq $status });
	return $job;
}

sub finished {
	my ($self, $id, $seconds) = @_;
	my $job;
	wait_until($seconds // 30, sub { $job = $self->job($id); $job->{status} =~ /^(?:completed|failed|cancelled)$/ });
	return $job;
}

# Wait for a step that a running job tells.
sub step {
	my ($self, $id, $text, $seconds) = @_;
	return wait_until($seconds // 20, sub { ($self->job($id)->{current_step} // '') =~ $text });
}

# Text of the log of a job's last attempt, or of another; and of an output.
sub job_log {
	my ($self, $job, $attempt) = @_;
	my $slot = sprintf '%x', ($attempt // $job->{attempt}) % 16;
	return $self->_read("$self->{dir}/store/log/" . substr($job->{uuid}, -2) . "/$job->{uuid}-$slot");
}

sub output {
	my ($self, $job, $name) = @_;
	my $uuid = $self->sql("SELECT uuid FROM files WHERE job_id = $job->{id} AND output = 1 AND name = '$name'");
	return $uuid ? $self->_read("$self->{dir}/store/" . substr($uuid, -2) . "/$uuid") : undef;
}

sub _read {
	my ($self, $path) = @_;
	open my $in, '<:raw', $path or return undef;
	local $/ = undef;
	return scalar <$in> // '';
}

sub sql {
	my ($self, $text) = @_;
	open my $in, '-|', @{ $self->{as} }, 'sqlite3', '-cmd', '.timeout 10000', "$self->{dir}/dropmill.db", $text
		or die $!;
	local $/ = undef;
	my $out = <$in> // '';
	close $in or die "sqlite3 failed: $text";
	$out =~ s/\n\z//;
	return $out;
}

# Pids of the runners of a processor.
sub runners {
	my ($self, $pid) = @_;
	return grep { ($self->_read("/proc/$_/comm") // '') eq "dropmill-runner\n" } children($pid);
}

# Processes of the job of a runner: its children, but for the one that makes them.
sub commands {
	my ($self, $runner) = @_;
	return grep { ($self->_read("/proc/$_/comm") // '') !~ /^dropmill-spawn/ } children($runner);
}

# Names in the work directory that belong to attempts.
sub leftovers {
	my ($self) = @_;
	opendir my $dir, "$self->{dir}/work" or return;
	return grep { /^[0-9a-f]{8}-/ } readdir $dir;
}

# A check for both ways of starting a processor, as far as we can: it is given a name, and options for `new`.
sub by_root_and_others {
	my ($class, $check) = @_;
	my $try = \&Test::More::subtest;
	$try->('started by root', sub { $check->('root') }) if $> == 0;
	$try->('started by an ordinary user', sub { $> == 0 ? $check->('nobody', user => 'nobody') : $check->('self') });
}

sub DESTROY {
	my ($self) = @_;
	return if $self->{owner} != $$;
	local $?;
	for my $pid (keys %{ $self->{pids} }) {
		kill 'CONT', $pid;
		kill 'KILL', $pid;
		waitpid $pid, 0;
	}
	sleep 0.2;
	system 'chmod', '-R', 'u+rwX', $self->{top};
	remove_tree($self->{top});
	return;
}

1;
