# Uploads, large and small; beside nginx's DAV module and a bare loop.
use strict;
use warnings;
our (%row, $dir, $build, $seconds);

# Seconds of a shell command; dies if it fails.
sub timed {
	my ($command) = @_;
	my $t = time;
	system('sh', '-c', $command) == 0 or die "failed: $command\n";
	return time - $t;
}

my $big;
sub big_file {
	return $big if $big;
	$big = "$dir/big.bin";
	timed("openssl enc -aes-128-ctr -nosalt -K 00 -iv 00 -in /dev/zero 2>/dev/null | head -c 1073741824 >$big; sync");
	return $big;
}

# MiB/s of an upload of 1 GiB by curl; the job is deleted again, untimed.
sub upload {
	my ($s, @args) = @_;
	my $t = time;
	my $code = `curl -s -o $dir/answer -w '%{http_code}' -H 'Accept: application/json' -H 'Expect:' @args`;
	$t = time - $t;
	open my $f, '<', "$dir/answer" or die "no answer\n";
	my $text = join '', <$f>;
	die "upload answered $code: $text\n" if $code ne '201';
	system("curl -s -o /dev/null -X DELETE $s->{url}/jobs/$_->{uuid}") for @{ decode_json($text)->{jobs} };
	return 1024 / $t;
}

# The same by nginx's own DAV module, and what else a safe and a multipart upload would need there.
sub dav {
	my ($then) = @_;
	my $file = big_file();
	my $t = timed("curl -s -f -o /dev/null -H Expect: -T $file " . peer()->{url} . "/dav/x.bin $then");
	unlink glob "$dir/peer/dav/*";
	return 1024 / $t;
}

$row{raw} = sub {
	my $s = stack(DROPMILL_UPLOAD_MAX => '2G');
	hold_processor($s);
	my $file = big_file();
	my %r = in_turn(
		[ ours => sub { upload($s, '-T', $file, "$s->{url}/jobs/upload/big.bin") } ],
		[ dav => sub { dav('') } ],
		[ sync => sub { dav("&& sync $dir/peer/dav/x.bin") } ]);
	printf "%-38s %8s MiB/s\n", 'nginx DAV PUT 1 GiB, not synced', show($r{dav}{median});
	report('raw upload 1 GiB, durable', $r{ours}, 'DAV PUT + sync', $r{sync}, 0.95, unit => 'MiB/s');
	end_stack($s);
};

$row{multipart} = sub {
	my $s = stack(DROPMILL_UPLOAD_MAX => '2G');
	hold_processor($s);
	my $file = big_file();
	my ($x, $y) = ("$dir/peer/dav/x.bin", "$dir/peer/dav/y.bin");
	my %r = in_turn(
		[ ours => sub { upload($s, '-F', "files=\@$file", "$s->{url}/jobs") } ],
		[ copied => sub { dav("&& cp $x $y && sync $y") } ]);
	report('multipart upload 1 GiB, durable', $r{ours}, 'DAV PUT + cp + sync of the copy', $r{copied}, 0.9,
		unit => 'MiB/s');
	end_stack($s);
};

$row{small} = sub {
	my $s = stack(DROPMILL_WEB_PROCESSES => 8);
	hold_processor($s);
	my $script = "$dir/put.lua";
	open my $f, '>', $script or die;
	print $f qq{wrk.method = "PUT"\nwrk.body = string.rep("0123456789abcde\\n", 4096)\n},
		qq{wrk.headers["Accept"] = "application/json"\n};
	close $f;
	make_path("$dir/bare");
	my %r = in_turn(
		[ ours => sub { wrk("$s->{url}/jobs/upload/small.txt", script => $script, connections => 8) } ],
		[ bare => sub { my $n = `$build/bench/accept $dir/bare 8 $seconds 65536 2>>$dir/log`; die "accept failed\n" if $?; $n + 0 } ]);
	# Apart from the two: it replaces one file over and over, and ext4 without a journal is slow to make
	# files in the minute after many were deleted, which would count against whoever comes next.
	my %d = in_turn([ dav => sub { wrk(peer()->{url} . '/dav/small.txt', script => $script, connections => 8) } ]);
	printf "%-38s %8s /s\n", 'nginx DAV PUT 64 KiB, not durable', show($d{dav}{median});
	report('64 KiB uploads accepted, durable', $r{ours}, 'bare loop: write, syncs, commit', $r{bare}, 0.6);
	end_stack($s);
};

1;
