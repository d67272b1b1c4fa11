# Processes as a test sees them: who is there, whose children, gone or not. A process is known by its pid
# and start time together, so that a pid used again is not mistaken for it.
package Dropmill::Process;
use strict;
use warnings;
use File::Find qw(find);
use Exporter qw(import);
use Time::HiRes qw(sleep time);
our @EXPORT_OK = qw(alive children descendants groups_of identity wait_until with_text);

# Fields of /proc/PID/stat after the name, which may hold anything: state, parent, group, session, …
sub _stat {
	my ($pid) = @_;
	open my $in, '<', "/proc/$pid/stat" or return;
	my $text = <$in> // return;
	$text =~ s/^.*\) //s;
	return split ' ', $text;
}

# "PID@START", or undef when there is no such process.
sub identity {
	my ($pid) = @_;
	my @f = _stat($pid) or return undef;
	return "$pid\@$f[19]";
}

# Is this process (a pid or an identity) there, and not a zombie?
sub alive {
	my ($who) = @_;
	my ($pid, $start) = split /@/, $who;
	my @f = _stat($pid) or return 0;
	return 0 if $f[0] =~ /[ZX]/;
	return !defined $start || $f[19] eq $start;
}

sub children {
	my ($parent) = @_;
	my @found;
	for my $path (glob '/proc/[0-9]*') {
		my ($pid) = $path =~ /(\d+)/;
		my @f = _stat($pid) or next;
		push @found, $pid if $f[1] == $parent && $f[0] !~ /[ZX]/;
	}
	return @found;
}

# Control groups that this processor made for jobs, wherever.
sub groups_of {
	my ($pid) = @_;
	my @found;
	find({ no_chdir => 1, wanted => sub { push @found, $_ if m{/dropmill-job-$pid-} && -d } }, '/sys/fs/cgroup') if -d '/sys/fs/cgroup';
	return @found;
}

# Identities of all processes below a pid.
sub descendants {
	my ($parent) = @_;
	return map { (grep { defined } identity($_)), descendants($_) } children($parent);
}

# Pids of processes whose command line holds a text.
sub with_text {
	my ($text) = @_;
	my @found;
	for my $path (glob '/proc/[0-9]*') {
		my ($pid) = $path =~ /(\d+)/;
		next if $pid == $$;
		open my $in, '<', "$path/cmdline" or next;
		local $/ = undef;
		my $line = <$in> // '';
		push @found, $pid if index($line, $text) >= 0 && alive($pid);
	}
	return @found;
}

# Try until the code answers true or the seconds are over; returns the last answer. What takes long is looked
# at less and less often: each look may be a program that runs.
sub wait_until {
	my ($seconds, $code) = @_;
	my $end = time + $seconds;
	my ($answer, $pause) = (undef, 0.02);
	until (($answer = $code->()) || time > $end) {
		sleep $pause;
		$pause *= 1.1 if $pause < 0.2;
	}
	return $answer;
}

1;
