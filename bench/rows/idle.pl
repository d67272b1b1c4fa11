# Memory of the whole stack when nothing happens.
use strict;
use warnings;
our (%row);

# Proportional memory of every process of the stack.
$row{idle} = sub {
	my $s = stack(DROPMILL_WEB_PROCESSES => 4);
	system("curl -s -o /dev/null $s->{url}$_") for ("/", "/jobs/table") x 8;
	sleep 3;
	my (%children, %by);
	for (glob '/proc/[0-9]*/stat') {
		open my $f, '<', $_ or next;
		my ($pid, $ppid) = <$f> =~ /^(\d+) \(.*\) \S (\d+)/ or next;
		push @{ $children{$ppid} }, $pid;
	}
	my @tree = ($s->{pid});
	for (my $i = 0; $i < @tree; $i++) { push @tree, @{ $children{ $tree[$i] } // [] } }
	my $sum = 0;
	for my $pid (@tree) {
		open my $f, '<', "/proc/$pid/smaps_rollup" or next;
		my ($pss) = join('', <$f>) =~ /^Pss:\s+(\d+)/m or next;
		open my $c, '<', "/proc/$pid/comm" or next;
		chomp(my $name = <$c>);
		$by{$name} += $pss;
		$sum += $pss;
	}
	printf "  %-20s %6.1f MiB\n", $_, $by{$_} / 1024 for sort { $by{$b} <=> $by{$a} } keys %by;
	my %one = map { $_ => $sum / 1024 } qw(median min max);
	report('whole stack idle, 4 web processes', \%one, 'limit', { median => 40, min => 40, max => 40 }, 1,
		less => 1, unit => 'MiB');
	end_stack($s);
};

1;
