# The queue: claims with a million jobs that wait, beside the bare statements; and the moment between a commit
# and the claim of what it made. The other peer of the claim, graphile-worker on PostgreSQL, is run where
# GRAPHILE names a directory with it (`npm install graphile-worker` there) and PostgreSQL is installed:
# otherwise this bench does not show whether we are ahead of it.
use strict;
use warnings;
use File::Temp qw(tempdir);
our (%row, $dir, $build, $rounds, $seconds);

# PostgreSQL of our own, reached by a socket in a directory that goes with it. It does not run as root.
sub postgres {
	my ($bin) = sort { $b cmp $a } map { s{/initdb$}{}r } glob '/usr/lib/postgresql/*/bin/initdb';
	die "graphile-worker: PostgreSQL is not installed\n" if !$bin;
	my $top = tempdir('bench-pg-XXXXXX', TMPDIR => 1, CLEANUP => 1);
	my @as = $> == 0 ? ('setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups') : ();
	system('chown', 'postgres', $top) == 0 or die "chown failed\n" if @as;
	system("cd $top && @as $bin/initdb -D $top/data -U postgres -A trust >>$dir/log 2>&1") == 0 or die "initdb failed\n";
	# As Debian sets it up, but with room for a million rows, no checkpoint in the middle, and without
	# waiting for the disk, since our side of this row does not either.
	spawn({}, undef, @as, "$bin/postgres", '-D', "$top/data", '-k', $top, '-c', 'listen_addresses=',
		'-c', 'shared_buffers=512MB', '-c', 'max_wal_size=8GB', '-c', 'synchronous_commit=off');
	for (1 .. 300) {
		return $top if system("@as $bin/createdb -h $top -U postgres bench >>$dir/log 2>&1") == 0;
		select undef, undef, undef, 0.1;
	}
	die "PostgreSQL does not answer\n" . `tail -n 5 $dir/log`;
}

sub graphile {
	my ($sockets, $verb, $n) = @_;
	my $figure = `node bench/graphile.js '$ENV{GRAPHILE}' $verb $sockets $n 2>>$dir/log`;
	die "graphile-worker failed\n" . `tail -n 5 $dir/log` if $?;
	return $figure eq '' ? 0 : $figure + 0; # fill says nothing
}

# The most rows the processor puts into one transaction (BATCH_MAX of processor/turn.c).
my $batch = 128;

$row{claim} = sub {
	my $n = $rounds < 5 ? 200_000 : 1_000_000;
	my $ms = 250 * $seconds; # all rounds together leave most of them pending
	system("$build/bench/claim fill $dir/ours.db $n 2>>$dir/log") == 0 or die "claim: cannot fill\n";
	system('cp', "$dir/ours.db", "$dir/bare.db") == 0 or die "claim: cannot copy\n";
	my $run = sub {
		my ($which) = @_;
		my $rate = `$build/bench/claim $which $dir/$which.db $batch $ms 2>>$dir/log`;
		die "claim $which failed\n" . `tail -n 5 $dir/log` if $?;
		return $rate + 0;
	};
	my $sockets = $ENV{GRAPHILE} ? postgres() : undef;
	graphile($sockets, 'fill', $n) if $sockets;
	my %r = in_turn((map { my $which = $_; [ $which => sub { $run->($which) } ] } qw(ours bare)),
		$sockets ? [ graphile => sub { graphile($sockets, 'run', $ms) } ] : ());
	my $what = 'claim + finish, ' . show($n) . ' pending';
	report($what, $r{ours}, 'bare UPDATE and UPDATE RETURNING', $r{bare}, 0.7);
	report($what, $r{ours}, 'graphile-worker, batched', $r{graphile}, 1) if $sockets;
	printf "%-38s graphile-worker was not run: GRAPHILE is not set\n", $what if !$sockets;
	unlink glob "$dir/ours.db* $dir/bare.db*";
};

$row{pickup} = sub {
	my $s = stack(DROPMILL_SANDBOX => 'auto');
	open my $f, '>', "$s->{state}/jobs.d/nop.conf" or die "nop.conf: $!\n";
	print $f "[job nop]\ntitle = Nothing\naccept = *\ncommand = true\n";
	close $f;
	for (glob '/proc/[0-9]*/stat') {
		open my $in, '<', $_ or next;
		my ($pid, $name, $ppid) = <$in> =~ /^(\d+) \((.*)\) \S (\d+)/ or next;
		kill HUP => $pid if $ppid == $s->{pid} && $name =~ /^dropmill-proc/;
	}
	for (1 .. 100) {
		last if `$build/dropmill -c $s->{state}/dropmill.conf types list` =~ /^nop /m;
		sleep 0.1;
	}
	chomp(my $run_dir = `$build/dropmill -c $s->{state}/dropmill.conf config get run_dir`);
	my $n = $rounds < 5 ? 100 : 500;
	my @got = map {
		my @two = split ' ', `$build/bench/pickup $s->{state}/dropmill.db $run_dir nop $n`;
		die "pickup failed\n" if $?;
		[ map { $_ / 1000 } @two ];
	} 1 .. 3;
	for my $i (0, 1) {
		my @sorted = sort { $a <=> $b } map { $_->[$i] } @got;
		my $limit = (0.5, 2)[$i];
		report('commit to claim, idle, ' . (qw(p50 p99))[$i], { median => $sorted[1], min => $sorted[0], max => $sorted[2] },
			'limit', { median => $limit, min => $limit, max => $limit }, 1, less => 1, unit => 'ms');
	}
	end_stack($s);
};

1;
