# Memory of the whole stack when nothing happens, and how often it wakes up all the same.
use strict;
use warnings;
our (%row);

# The processes of a stack.
sub tree_of {
	my ($root) = @_;
	my %children;
	for (glob '/proc/[0-9]*/stat') {
		open my $f, '<', $_ or next;
		my ($pid, $ppid) = <$f> =~ /^(\d+) \(.*\) \S (\d+)/ or next;
		push @{ $children{$ppid} }, $pid;
	}
	my @tree = ($root);
	for (my $i = 0; $i < @tree; $i++) { push @tree, @{ $children{ $tree[$i] } // [] } }
	return @tree;
}

sub name_of { open my $f, '<', "/proc/$_[0]/comm" or return undef; chomp(my $name = <$f>); return $name }

# Sums a number that a pattern finds in a file of /proc/PID, per program.
sub sums {
	my ($file, $pattern, @pids) = @_;
	my %by;
	for my $pid (@pids) {
		open my $f, '<', "/proc/$pid/$file" or next;
		my $name = name_of($pid) // next;
		my $text = join '', <$f>;
		$by{$name} += $1 while $text =~ /$pattern/g;
	}
	return %by;
}

# Each process gives up the processor once for every time it was woken.
sub woken { return sums('status', qr/^voluntary_ctxt_switches:\s+(\d+)/m, @_) }

sub total { my (%by) = @_; my $sum = 0; $sum += $_ for values %by; return { map { $_ => $sum } qw(median min max) } }

sub list {
	my ($unit, %by) = @_;
	printf "  %-20s %6.1f %s\n", $_, $by{$_}, $unit for sort { $by{$b} <=> $by{$a} } keys %by;
}

sub limit { my ($n) = @_; return { median => $n, min => $n, max => $n } }

$row{idle} = sub {
	my $s = stack(DROPMILL_WEB_PROCESSES => 4);
	system("curl -s -o /dev/null $s->{url}$_") for ("/", "/jobs/table") x 8;
	sleep 3;
	my @tree = tree_of($s->{pid});
	my %pss = sums('smaps_rollup', qr/^Pss:\s+(\d+)/m, @tree);
	$_ /= 1024 for values %pss;
	list('MiB', %pss);
	report('whole stack idle, 4 web processes', total(%pss), 'limit', limit(40), 1, less => 1, unit => 'MiB');

	# Over a minute would be truer to what happens once in a while, ten seconds are to what matters.
	my %before = woken(@tree);
	sleep 10;
	my %after = woken(@tree);
	my %rate = map { $_ => ($after{$_} - ($before{$_} // 0)) / 10 } keys %after;
	list('wake-ups/s', map { $_ => $rate{$_} } grep { $rate{$_} } keys %rate);
	# The processor looks for work each second, should a ring of the doorbell be lost.
	report('wake-ups of the whole stack, idle', total(%rate), 'limit', limit(3), 1, less => 1, unit => '/s');
	end_stack($s);
};

1;
