#!/usr/bin/perl
# Attempts to get out of the sandbox, each the command of a job of its own: every one must fail inside, and
# the host must be as it was before. By root and by an ordinary user, without and with the network. The
# last part runs some of them without a sandbox, where they get through: what proves that they are tried.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use File::Copy qw(copy);
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);
use Dropmill::Process qw(alive identity wait_until with_text);
use Dropmill::Processor;

my $build = abs_path($ENV{BUILD} // "$FindBin::Bin/../build");
my %namespace = (mount => 0x20000, cgroup => 0x2000000, uts => 0x4000000, ipc => 0x8000000, user => 0x10000000,
	pid => 0x20000000, net => 0x40000000, time => 0x80);

# What a probe script may use, once or several times: `refused COMMAND…` fails the probe if the command gets
# through, `held WAY…` if that way of t/helper/escape.c does.
my $prelude = <<'END';
escaped() { echo "ESCAPED: $*"; exit 1; }
refused() { if "$@" >/tmp/said 2>&1; then escaped "$@: $(head -c 200 /tmp/said)"; fi; }
held() { escape "$@" >/tmp/said || escaped "$(head -c 200 /tmp/said)"; }
END

# What there is to reach for, outside.
sub targets {
	my ($p, $processor, $user) = @_;
	my %t = (p => $p, processor => $processor, tag => sprintf('%03d%06d', $$ % 1000, rand 1e6));
	$t{tcp} = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die $!;
	$t{udp} = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die $!;
	$t{path} = "$p->{top}/open.sock";
	$t{unix} = IO::Socket::UNIX->new(Listen => 5, Local => $t{path}) or die $!;
	chmod 0777, $t{path};
	$t{abstract} = IO::Socket::UNIX->new(Listen => 5, Local => "\0probe-$t{tag}") or die $!;
	$_->blocking(0) for @t{qw(tcp udp unix abstract)};
	# A stranger of the same user as the commands.
	$t{victim} = fork // die $!;
	if (!$t{victim}) {
		exec(($> == 0 ? ('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups') : ()), 'sleep', "600.$t{tag}");
		die $!;
	}
	# It must be the sleeper, and of that user, before anybody looks at it.
	wait_until(5, sub { (readlink("/proc/$t{victim}/exe") // '') =~ m{/sleep$} && (stat "/proc/$t{victim}")[4] != ($> ? -1 : 0) });
	open my $maps, '<', "/proc/$t{victim}/maps" or die $!;
	($t{address}) = <$maps> =~ /^([0-9a-f]+)/;
	# Another job that runs, with something to hide.
	my $id = $p->submit('neighbour');
	$p->step($id, qr/hidden/) or die 'the neighbour does not run: ' . $p->log;
	($t{neighbour}) = glob "$p->{dir}/work/*/out/secret";
	$t{neighbour_job} = $id;
	my $job = $p->job($id);
	($t{stored}) = glob "$p->{dir}/store/??/*";
	($t{log}) = glob "$p->{dir}/store/log/??/$job->{uuid}-*";
	$t{lock} = $t{neighbour} =~ s{out/secret}{lock}r;
	return \%t;
}

# Name => script. `held` at its end means that nothing got through.
sub probes {
	my ($t, $network) = @_;
	my $p = $t->{p};
	my %s;
	my $way = sub { my ($name, @argument) = @_; return "exec escape $name @argument" };
	# Files of the host, by path.
	my %file = (shadow => '/etc/shadow', database => "$p->{dir}/dropmill.db", conf => "$p->{dir}/dropmill.conf",
		'other-job' => $t->{neighbour}, 'other-lock' => $t->{lock}, 'other-log' => $t->{log}, store => $t->{stored},
		kcore => '/proc/kcore', kmsg => '/dev/kmsg', mem => '/dev/mem');
	$s{"read-$_"} = $way->('read', $file{$_}) for keys %file;
	$s{"write-$_"} = $way->('write', $file{$_}) for qw(shadow database other-job other-log store);
	$s{"list-$_->[0]"} = $way->('list', $_->[1])
		for [ spool => "$p->{dir}/spool" ], [ work => "$p->{dir}/work" ], [ store => "$p->{dir}/store" ], [ run => '/run' ],
			[ home => '/home' ], [ root => '/root' ], [ var => '/var' ], [ sys => '/sys' ];
	$s{"create-$_->[0]"} = $way->('create', "$_->[1]/probe-$t->{tag}")
		for [ root => '/' ], [ usr => '/usr' ], [ 'usr-bin' => '/usr/bin' ], [ etc => '/etc' ], [ job => '/job' ],
			[ in => '/job/in' ], [ dev => '/dev' ], [ proc => '/proc' ], [ scripts => "$p->{dir}/scripts" ];
	$s{'sysctl-' . tr{/}{-}r} = $way->('write', "/proc/sys/$_")
		for qw(kernel/hostname kernel/core_pattern vm/swappiness fs/file-max kernel/printk user/max_user_namespaces);
	$s{'proc-' . tr{/}{-}r} = $way->('write', "/proc/$_") for qw(sysrq-trigger self/oom_score_adj_x 1/mem 1/environ);
	$s{'write-input'} = 'held write "$DROPMILL_INPUT"; held chmod "$DROPMILL_INPUT"; '
		. 'refused rm -f "$DROPMILL_INPUT"; refused mv "$DROPMILL_INPUT" /job/out/; echo held';
	$s{'init-files'} = 'for f in /proc/1/fd/* /proc/1/root/etc/shadow; do [ -e "$f" ] && escaped "$f"; done; '
		. 'ls /proc/1/fd >/tmp/l 2>/dev/null; [ -s /tmp/l ] && escaped "$(cat /tmp/l)"; '
		. 'refused cat /proc/1/environ; refused ls /proc/1/root/; echo held';
	# The network, sockets of every kind.
	if (!$network) {
		$s{tcp} = $way->('tcp', $t->{tcp}->sockport);
		$s{udp} = $way->('udp', $t->{udp}->sockport);
		$s{outward} = $way->('outward');
		$s{abstract} = $way->('abstract', "probe-$t->{tag}");
		$s{'host-interfaces'} = 'n=$(tail -n +3 /proc/net/dev | grep -vc "^ *lo:"); [ "$n" = 0 ] || escaped "$n"; echo held';
	}
	$s{unix} = $way->('unix', $t->{path});
	$s{doorbell} = $way->('unix', glob "$p->{dir}/run/*");
	$s{$_} = $way->($_) for qw(raw packet vsock alg wide-family netlink-change);
	# Other processes.
	$s{ptrace} = $way->('ptrace', $t->{victim});
	$s{'ptrace-init'} = $way->('ptrace', 1);
	$s{'vm-read'} = $way->('vm-read', $t->{victim}, $t->{address});
	$s{'vm-read-init'} = $way->('vm-read', 1, $t->{address});
	$s{'pidfd-getfd'} = $way->('pidfd-getfd', 1);
	$s{"kill-$_->[0]"} = $way->('kill', $_->[1], 9)
		for [ stranger => $t->{victim} ], [ processor => $t->{processor} ], [ runner => $p->runners($t->{processor}) ];
	$s{$_} = $way->($_) for qw(kill-everyone kill-init);
	$s{'see-processes'} = q{for d in /proc/[0-9]*; do tr '\0' ' ' <$d/cmdline; done >/tmp/x 2>/dev/null; }
		. "grep -F '600.$t->{tag}' /tmp/x && escaped \"\$(cat /tmp/x)\"; " . '[ $(ls -d /proc/[0-9]* | wc -l) -lt 8 ] || escaped many; echo held';
	# Namespaces, mounts.
	for my $name (keys %namespace) {
		my $flag = sprintf '%x', $namespace{$name};
		$s{"$_-$name"} = $way->($_, $flag) for 'unshare', ($name eq 'time' ? () : 'clone'), 'clone3';
	}
	$s{"setns-$_"} = $way->('setns', "/proc/1/ns/$_") for qw(user mnt net pid);
	$s{"umount-$_->[0]"} = $way->('umount', $_->[1]) for [ usr => '/usr' ], [ proc => '/proc' ], [ out => '/job/out' ];
	# The rest of the kernel.
	$s{$_} = $way->($_)
		for qw(mount remount chroot pivot-root open-tree fsopen tiocsti tioclinux tiocsti-wide add-key keyctl bpf perf
			userfaultfd io-uring name-to-handle open-by-handle kexec init-module delete-module swapon reboot clock-settime
			settimeofday syslog ioperm setuid capset nice rlimit);
	$s{hostname} = $way->('sethostname', "probe-$t->{tag}");
	$s{"mknod-$_"} = "held mknod-$_ /job/out/device; exec escape mknod-$_ /tmp/device" for qw(char block);
	$s{'setuid-programs'} = 'n=0; for f in $(find /usr/bin /usr/sbin -perm -4000); do n=$((n+1)); done; '
		. 'cp /usr/bin/id /job/out/id; chmod 4755 /job/out/id; [ "$(/job/out/id -u)" = 1000 ] || escaped id; '
		. 'su -c "id -u" </dev/null 2>/dev/null | grep -qx 0 && escaped su; rm /job/out/id; echo held';
	$s{capabilities} = 'for k in CapInh CapPrm CapEff CapBnd CapAmb; do grep -q "^$k:.0000000000000000" /proc/self/status '
		. '|| escaped $k; done; grep -q "^NoNewPrivs:.1" /proc/self/status || escaped privileges; echo held';
	# What was inherited.
	$s{descriptors} = $way->('descriptors');
	$s{environment} = 'env | grep -v "^\(PATH\|HOME\|TMPDIR\|LANG\|USER\|LOGNAME\|PWD\|SHLVL\|_\|OLDPWD\|DROPMILL_[A-Z]*\)=" '
		. '>/tmp/e; [ -s /tmp/e ] && escaped "$(cat /tmp/e)"; env | grep -q "' . $t->{tag} . '" && escaped secret; echo held';
	# What stays behind.
	$s{escapees} = "setsid sleep 601.$t->{tag} & (setsid sh -c 'trap \"\" TERM HUP; sleep 602.$t->{tag} & sleep 603.$t->{tag}' &); "
		. "sh -c '(setsid nohup sleep 604.$t->{tag} >/dev/null 2>&1 &)'; sleep 0.1; echo held";
	$s{'shared-memory'} = 'ipcmk -M 4096 -p 0666 >/dev/null || escaped "cannot try"; echo held';
	# The output directory.
	$s{links} = "cd /job/out; ln -s /etc/shadow a; ln -s $t->{neighbour} b; ln -s / c; ln -s /proc/self/root d; "
		. 'held link "$DROPMILL_INPUT" e; held link /etc/passwd f; held link /usr/bin/id g; '
		. 'echo x >h; ln h i; mkfifo j; perl -MIO::Socket::UNIX -e \'IO::Socket::UNIX->new(Listen => 1, Local => "k")\'; echo held';
	$s{races} = "cd /job/out; ln -s $t->{neighbour} link; echo mine >file; echo mine >real; mkdir d; echo mine >d/f; "
		. "setsid perl -e 'while (1) { rename qw(file x); rename qw(link file); rename qw(file link); rename qw(x file); "
		. 'rename qw(d y); symlink "/etc", "d"; unlink "d"; rename qw(y d) }\' & sleep 0.2; echo held';
	$s{modes} = 'cd /job/out; cp /usr/bin/id id; chmod 6777 id; echo held';
	$s{names} = 'cd /job/out; for n in "..%2fx" "a\\b" "-rf" ".hidden" "$(printf "a\033[2Jb")" "$(printf "\xe2\x80\xae")x"; do echo x >"$n"; '
		. 'done; echo held';
	return map { ($_ => "$prelude$s{$_}\n") } keys %s;
}

# Jobs that take more than they may: each ends with its sentence, or at a wall.
sub bombs {
	my ($t) = @_;
	return (
		# Its processes run into their number, or all of them together into the memory the job may have.
		'fork-bomb' => [ qr/^stopped after 2 s|held|^killed: used more than 64 MB|Cannot fork/, "b() { b | b & }; b; sleep 605.$t->{tag}" ],
		'memory-bomb' => [ qr/^killed: used more than 64 MB|signal|exit code/,
			'exec perl -e \'push @a, "x" x 10000000 while 1\'' ],
		'memory-in-files' => [ qr/held|^killed: used more than 64 MB/, 'dd if=/dev/zero of=/dev/shm/x bs=1M 2>/dev/null; echo held' ],
		'fill-tmp' => [ qr/held/, 'dd if=/dev/zero of=/tmp/x bs=1M 2>/dev/null; [ $(stat -c %s /tmp/x) -le 33554432 ] && echo held' ],
		'fill-output' => [ qr/^stopped: wrote more than 4 MB/, 'i=0; while :; do head -c 1000000 /dev/zero >/job/out/$i; i=$((i+1)); done' ],
		'one-large-file' => [ qr/^stopped: wrote more than 4 MB/, 'exec cat /dev/zero >/job/out/x' ],
		'sparse-file' => [ qr/^stopped: wrote more than 4 MB|held/, 'exec truncate -s 1T /job/out/x' ],
		'log-flood' => [ qr/^stopped after 2 s/, 'exec yes' ],
		'endless-line' => [ qr/^stopped after 2 s/, 'exec cat /dev/zero' ],
		'json-flood' => [ qr/^stopped after 2 s/, 'exec yes \'{"progress":1,"step":"x"}\' >&3' ],
		'deep-directories' => [ qr/held|wrote more|files/, 'cd /job/out; perl -e \'for (1 .. 2000) { mkdir "d" and chdir "d" or last }\'; echo held' ],
	);
}

# What must not have changed outside.
sub host {
	my ($t) = @_;
	my $p = $t->{p};
	my $read = sub { my ($path) = @_; open my $in, '<', $path or return ''; local $/; my $x = <$in>; return $x // '' };
	my %h = map { $_ => sha256_hex($read->($_)) } '/etc/shadow', '/etc/passwd', '/etc/hostname', '/proc/sys/kernel/hostname',
		'/proc/sys/kernel/core_pattern', '/proc/sys/vm/swappiness', '/proc/sys/kernel/printk', '/proc/modules', '/proc/swaps',
		'/proc/sys/user/max_user_namespaces', $t->{neighbour}, $t->{lock}, "$p->{dir}/dropmill.conf", $t->{stored};
	$h{mounts} = sha256_hex($read->('/proc/self/mountinfo'));
	$h{'mounts of the processor'} = sha256_hex($read->("/proc/$t->{processor}/mountinfo"));
	# The files of the system change under a package manager; what a command made would bear the tag, or be its.
	my $uid = $> == 0 ? 65534 : $>;
	for my $dir (qw(/ /etc /usr /usr/bin /usr/local /dev /root /boot), "$p->{dir}/scripts", "$p->{dir}/spool") {
		$h{"made in $dir"} = join ' ', grep { /\Q$t->{tag}\E/ || ($uid == 65534 && (lstat)[4] == $uid && !/scripts|spool/) }
			glob "$dir/* $dir/.??*";
	}
	$h{"mode of $_"} = join ' ', (stat)[2, 4, 5] for qw(/ /etc /usr /usr/bin /usr/bin/id /etc/passwd /etc/shadow /dev/null);
	$h{$_} = identity($t->{$_}) // 'gone' for qw(victim processor);
	$h{neighbour} = $p->job($t->{neighbour_job})->{status};
	$h{keys} = () = $read->('/proc/keys') =~ /dropmill-probe/g;
	$h{tag} = join ' ', grep { $_ != $t->{victim} } with_text($t->{tag});
	$h{cgroups} = join ' ', grep { !m{/dropmill-job-} } glob '/sys/fs/cgroup/*/ /sys/fs/cgroup/*/*/';
	return \%h;
}

sub run_all {
	my ($t, $type, %script) = @_;
	my $p = $t->{p};
	mkdir "$p->{top}/$type" or die $!;
	$p->write("$p->{top}/$type/$_", $script{$_}, 0644) for keys %script;
	my @names = sort keys %script;
	while (my @some = splice @names, 0, 50) {
		my ($code, $out) = $p->dropmill('submit', '--type', $type, map { "$p->{top}/$type/$_" } @some);
		die "submit: $out" if $code;
	}
	my $left = "SELECT count(*) FROM jobs WHERE job_type = '$type' AND status IN ('pending', 'processing')";
	wait_until(180, sub { sleep 0.2; $p->sql($left) eq '0' }) or diag 'not all ended: ', $p->log;
	my $rows = decode_json($p->sql("SELECT json_group_array(json_object('id', id, 'uuid', uuid, 'attempt', attempt, 'name', name, 'status', "
		. "status, 'result', result, 'error', error)) FROM jobs WHERE job_type = '$type'"));
	return map { ($_->{name} => $_) } @$rows;
}

sub outputs {
	my ($p, $job) = @_;
	return map { $_->{filename} } @{ $p->job($job->{id})->{outputs} };
}

sub setting {
	my ($network, @option) = @_;
	my $p = Dropmill::Processor->new(@option, config => { workers => 3, log_max => '64K' });
	# Set by root for everybody, so that only the sandbox stands between.
	system('chmod', 'a+rx', $p->{top});
	copy("$build/helper/escape", "$p->{dir}/scripts/escape") or die $!;
	chmod 0755, "$p->{dir}/scripts/escape";
	my @command = (command => '/usr/bin/sh {input}', network => $network ? 'yes' : 'no', memory => '64M');
	$p->type('neighbour', "umask 0; echo secret >\"\$2/secret\"; echo '1% hidden'; exec sleep 300\n", timeout => '400s');
	$p->type('probe', '', @command, timeout => '20s');
	$p->type('bomb', '', @command, timeout => '20s', output_max => '4M');
	$p->type('flood', '', @command, timeout => '2s', output_max => '4M');
	my $pid = $p->start(env => { PROBE_SECRET => "secret" });
	return ($p, $pid);
}

sub check {
	my ($network, @option) = @_;
	my ($p, $pid) = setting($network, @option);
	my $t = targets($p, $pid);
	my %script = probes($t, $network);
	# What the network cannot change need not be tried again.
	delete @script{ grep { /^(?:read|write|list|create|sysctl|umount|unshare|clone)/ } keys %script } if $network;
	my $before = host($t);
	my %job = run_all($t, 'probe', %script);
	for my $name (sort keys %script) {
		my $job = $job{$name} // {};
		ok(($job->{status} // '') eq 'completed' && ($job->{result} // '') =~ /^held/, $name)
			or diag explain($job), $p->job_log($job);
	}
	is_deeply([ outputs($p, $job{links}) ], [], 'no link, fifo or socket became an output');
	my $text = join ' ', map { $p->output($job{races}, $_) // '' } outputs($p, $job{races});
	like($text, qr/\A(?:mine\s*)+\z/, 'a race in the output directory won nothing');
	my $uuid = $p->sql("SELECT uuid FROM files WHERE job_id = $job{modes}{id} AND output = 1");
	is((stat "$p->{dir}/store/" . substr($uuid, -2) . "/$uuid")[2] & 07777, 0640, 'an output has our mode, not its own');
	bombed($t) if !$network;
	ok(wait_until(10, sub { !(grep { !/\Q$t->{lock}\E/ } map { "$p->{dir}/work/$_/lock" } $p->leftovers) }), 'no work directory is left');
	my $after = host($t);
	is($after->{$_}, $before->{$_}, "unchanged: $_") for sort keys %$before;
	my $heard = join ' ', grep { my $s = $t->{$_}; $_ eq 'udp' ? defined $s->recv(my $x, 9) : $s->accept } qw(tcp udp unix abstract);
	is($heard, '', 'nobody knocked at a socket of the host');
	kill KILL => $t->{victim};
	waitpid $t->{victim}, 0;
	$p->dropmill('job', 'cancel', $t->{neighbour_job});
	is($p->kill_it(TERM => $pid), 0, 'the processor lives and ends well');
	unlike($p->log, qr/error:|Sanitizer/, 'no errors in its log') or diag $p->log;
	return;
}

sub bombed {
	my ($t) = @_;
	my %bomb = bombs($t);
	my ($free) = (qx(df --output=avail -B1 /tmp))[1] + 0;
	my %job = map { my $type = $_; run_all($t, $type, map { $_ => "$prelude$bomb{$_}[1]\n" }
		grep { ($type eq 'flood') == ($bomb{$_}[0] =~ /stopped after/) } keys %bomb) } qw(bomb flood);
	for my $name (sort keys %bomb) {
		my $said = $job{$name}{error} // $job{$name}{result} // '';
		like($said, $bomb{$name}[0], "$name: $said") or diag explain $job{$name};
	}
	cmp_ok(abs($free - (qx(df --output=avail -B1 /tmp))[1]), '<', 2**31, 'the disk is not full');
	cmp_ok(length $t->{p}->job_log($_), '<=', 65536, 'the log is bounded')
		for $job{'log-flood'}, $job{'endless-line'};
	return;
}

# Without a sandbox, as the same user: these get through, so they are real attempts.
sub control {
	my $p = Dropmill::Processor->new(user => $> == 0 ? 'nobody' : undef, config => { workers => 3, sandbox => 'off' });
	copy("$build/helper/escape", "$p->{dir}/scripts/escape") or die $!;
	chmod 0755, "$p->{dir}/scripts/escape";
	$p->type('neighbour', "umask 0; echo secret >\"\$2/secret\"; echo '1% hidden'; exec sleep 300\n", timeout => '400s');
	$p->type('probe', '', command => '/usr/bin/sh {input}', timeout => '20s');
	my $pid = $p->start;
	my $t = targets($p, $pid);
	my %script = probes($t, 0);
	my @through = qw(read-database read-conf read-other-job read-store write-other-job list-spool list-work list-var list-sys
		tcp udp unix abstract host-interfaces add-key io-uring name-to-handle see-processes vm-read clone-user);
	my %job = run_all($t, 'probe', map { $_ => $script{$_} } @through);
	like($job{$_}{error} // $job{$_}{result} // '', qr/exit code 1/, "without a sandbox it gets through: $_") or diag explain($job{$_}), $p->job_log($job{$_})
		for @through;
	kill KILL => $t->{victim};
	waitpid $t->{victim}, 0;
	return;
}

my @who = $> == 0 ? ([ 'root' ], [ 'an ordinary user', user => 'nobody' ]) : ([ 'an ordinary user' ]);
for my $w (@who) {
	my ($name, @option) = @$w;
	subtest "started by $name, without network" => sub { check(0, @option) };
	subtest "started by $name, with network" => sub { check(1, @option) };
}
subtest 'without a sandbox' => \&control;
done_testing;
