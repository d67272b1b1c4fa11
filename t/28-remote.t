#!/usr/bin/perl
# dropmill at a server: each verb over HTTP with a token, what it says when it cannot, uploads that are sent
# again, and submit --wait on many files with bars in a terminal and lines elsewhere.
use strict;
use warnings;
use FindBin qw($Bin);
use lib "$Bin/lib";
use File::Temp qw(tempdir);
use IO::Socket::INET;
use IPC::Open3 qw(open3);
use JSON::PP qw(decode_json encode_json);
use POSIX ();
use Symbol qw(gensym);
use Test::More;
use Time::HiRes qw(sleep);
use Dropmill::Process qw(wait_until);
use Dropmill::Stack;

my $stack = Dropmill::Stack->start(config => { auth => 'password', disk_low => '0', sandbox => 'auto',
	upload_max => '8M' });
my $dropmill = Dropmill::Stack::build() . '/dropmill';
my $dir = tempdir('dm-remote-XXXXXX', TMPDIR => 1, CLEANUP => 1);
delete $ENV{$_} for grep { /^DROPMILL_/ || /_proxy$/i } keys %ENV;

sub spew {
	my ($path, $text) = @_;
	open my $out, '>:raw', $path or die "$path: $!";
	print $out $text;
	close $out or die "$path: $!";
	return $path;
}

sub token {
	my ($scope) = @_;
	my ($code, $out) = $stack->cli('token', 'create', '--user', 'admin', '--name', $scope, '--scope', $scope);
	die "token: $out" if $code;
	chomp $out;
	return $out;
}
my %token = map { ($_ => token($_)) } 'read,write', 'read', 'admin';
my $server = $stack->url('');
our $as = 'read,write';

# Run it away from the stack's configuration: exit code, output, errors.
sub run {
	my ($env, @argv) = @_;
	local %ENV = (%ENV, DROPMILL_CONFIG => '/nonexistent', %$env);
	my $err = gensym;
	my $pid = open3(my $in, my $out, $err, $dropmill, @argv);
	close $in;
	local $/ = undef;
	my ($text, $errors) = (scalar <$out>, scalar <$err>);
	waitpid $pid, 0;
	return ($? & 127 ? "signal $?" : $? >> 8, $text, $errors);
}

sub remote { return run({ DROPMILL_SERVER => $server, DROPMILL_TOKEN => $token{$as} }, @_) }

sub json {
	my ($code, $out, $err) = remote('--json', @_);
	is($code, 0, "@_") or diag $err;
	return eval { decode_json($out) } // {};
}

sub refused {
	my ($want, $like, @argv) = @_;
	my ($code, $out, $err) = remote(@argv);
	is($code, $want, "$want: @argv");
	like($err, $like, 'and why');
	unlike($err, qr/dm_/, 'the token is not said');
	return;
}

my $text = spew("$dir/a note.txt", "some text\n");
my $csv = spew("$dir/t.csv", "a,b\n1,2\n");

subtest 'submit' => sub {
	my ($code, $out, $err) = remote('submit', $text, $csv);
	is($code, 0, 'two files') or diag $err;
	is($out, "1 inspect a note.txt\n2 csv-profile t.csv\n", 'become jobs');
	my $job = json('submit', '--type', 'inspect', '--priority', -3, '--at', '+1d', $csv)->{jobs}[0];
	is("$job->{job_type} $job->{priority} $job->{status} $job->{created_by}", 'inspect -3 pending admin', 'with options');
	($code, $out, $err) = remote('submit', spew("$dir/empty", ''), $text);
	is($code, 65, 'one that is refused');
	like($err, qr/^dropmill: empty: .*empty/m, 'is named');
	like($out, qr/^\d+ inspect a note\.txt$/m, 'and does not keep the other');
	refused(65, qr/nope/, 'submit', '--type', 'nope', $text);
	refused(66, qr/cannot open/, 'submit', "$dir/nothing");
	refused(73, qr/^dropmill: large: .*large/, 'submit', spew("$dir/large", 'x' x (9 << 20)));
	is(json('submit', spew("$dir/large", 'x' x (7 << 20)))->{jobs}[0]{size}, 7 << 20, 'one that just fits');
	$job = json('submit', '--type', 'demo', '--param', 'success=100', $text)->{jobs}[0];
	is($job->{params}{success}, 100, 'a parameter') or diag explain $job->{params};
	refused(65, qr/must be a whole number/, 'submit', '--type', 'demo', '--param', 'success=200', $text);
	my $together = json('submit', '--together', '--type', 'inspect', $text, $csv)->{jobs};
	is(scalar @$together, 2, 'in one request');
};

subtest 'job' => sub {
	my ($code, $out) = remote('job', 'list', '--type', 'csv-profile');
	like($out, qr/^ +ID +STATUS.*\n +2 +\w+ .*t\.csv\n\z/, 'list');
	my $list = json('job', 'list', '--limit', 2);
	is(scalar @{ $list->{jobs} }, 2, 'no more than the limit');
	ok($list->{more}, 'and there are more');
	is_deeply([map { $_->{id} } @{ json('job', 'list', '--oldest', '--limit', 2)->{jobs} }], [1, 2], 'oldest first');
	is_deeply([map { $_->{id} } @{ json('job', 'list', '--search', 'note', '--oldest', '--limit', 1)->{jobs} }], [1], 'by name');
	ok(wait_until(20, sub { decode_json((remote('--json', 'job', 'show', 2))[1])->{job}{status} eq 'completed' }), 'it is milled');
	($code, $out) = remote('job', 'show', 2);
	like($out, qr/^type      csv-profile$/m, 'show');
	like($out, qr/^result    1 row, 2 columns$/m, 'with its result');
	like($out, qr/^input     8 B  text\S+  t\.csv$/m, 'its input');
	like($out, qr/^output    .*profile\.json$/m, 'its outputs');
	like($out, qr/^history   .*pending +admin\n.*processing.*\n.*completed/m, 'and its history');
	refused(65, qr/no such job|999/, 'job', 'show', 999);
	refused(64, qr/^usage/, 'job', 'burn', 1);
	my $id = json('submit', '--at', '+1d', $text)->{jobs}[0]{id};
	is((remote('job', 'pause', $id))[1], "$id paused\n", 'pause');
	is((remote('job', 'resume', $id))[1], "$id pending\n", 'resume');
	is((remote('job', 'cancel', $id))[1], "$id cancelled\n", 'cancel');
	refused(1, qr/^dropmill: job $id: cannot cancel a job that is cancelled/, 'job', 'cancel', $id);
	like(json('job', 'retry', $id)->{jobs}[0]{status}, qr{^(?:pending|processing)$}, 'retry');
	is((remote('job', 'rm', $id))[1], "$id deleted\n", 'rm');
	refused(65, qr/./, 'job', 'show', $id);
	refused(65, qr/rm deletes/, 'job', 'remove', 1);
	my $hand = json('submit', '--type', 'manual', $text)->{jobs}[0]{id};
	is((remote('job', 'set', $hand, '--status', 'processing', '--progress', 40, '--step', 'counting'))[1], "$hand processing, 40%\n", 'set');
	refused(1, qr/./, 'job', 'set', $hand, '--status', 'removed');
	is(json('job', 'set', $hand, '--status', 'failed', '--error', 'lost it')->{job}{error}, 'lost it', 'to its end');
};

subtest 'watch and stats' => sub {
	my ($code, $out, $err) = remote('watch');
	is($code, 0, 'watch without a terminal') or diag $err;
	like($out, qr/^\d+ jobs .*completed.*\n +\d+  /, 'is one look');
	ok(json('watch')->{counts}{all}, 'as JSON');
	my $mine = json('stats');
	is($mine->{counts}{all} > 5, 1, 'stats');
	is($mine->{workers}, undef, 'without what is the site\'s');
	is_deeply($mine->{withheld}{parts}, [qw(workers orgs)], 'which it says');
	like($mine->{withheld}{why}, qr/this token lacks the scope "admin"/, 'and why');
	like((remote('stats'))[1], qr/^workers   not told: .*lacks the scope "admin".*\norgs      not told: .*scope "admin"/m, 'for people too');
	ok((grep { $_->{name} eq 'csv-profile' && $_->{counts}{completed} == 1 } @{ $mine->{types} }), 'by type and state') or diag explain $mine;
	$stack->cli('user', 'create', 'ada', '--role', 'admin');
	chomp($token{ada} = ($stack->cli('token', 'create', '--user', 'ada', '--name', 'ada', '--scope', 'admin'))[1]);
	{
		local $as = 'ada';
		is_deeply(json('stats')->{withheld}, { parts => ['workers'], why => 'they are told to operators' }, 'an admin of an organisation lacks the processors');
	}
	local $as = 'admin';
	my $all = json('stats');
	is(scalar @{ $all->{workers} }, 1, 'processors for an operator');
	is($all->{withheld}, undef, 'from whom nothing is withheld');
	ok(exists $all->{orgs}[0]{used}{bytes}, 'and what is stored');
	like((remote('stats'))[1], qr/^jobs +\d+\n(?: +\d+  \w+\n)+types .*\n(?s:.*)^workers .* running\norgs +local .* stored/m, 'for people');
	my ($here) = $stack->cli('stats', '--json');
	is($here, 0, 'here too');
	my $local = decode_json(($stack->cli('stats', '--json'))[1]);
	is_deeply([sort keys %$local], [sort keys %$all], 'of the same form');
	is(decode_json(($stack->cli('watch', '--json'))[1])->{counts}{all}, $all->{counts}{all}, 'and watch');
};

subtest 'tokens and types' => sub {
	refused(77, qr/./, 'token', 'list');
	local $as = 'admin';
	is_deeply([map { "$_->{name} $_->{user}" } @{ json('token', 'list')->{tokens} }], ['read,write admin', 'read admin', 'admin admin'], 'list');
	my ($code, $out, $err) = remote('token', 'create', '--name', 'ci', '--scope', 'read', '--expires', '30d');
	is($code, 0, 'create') or diag $err;
	like($out, qr/^dm_[\w-]{43}\n\z/, 'prints it, and nothing else');
	chomp($token{ci} = $out);
	{
		local $as = 'ci';
		is(scalar @{ json('job', 'list')->{jobs} } > 0, 1, 'it reads');
		refused(77, qr/scope|allow/, 'submit', $text);
	}
	my ($ci) = grep { $_->{name} eq 'ci' } @{ json('token', 'list')->{tokens} };
	is((remote('token', 'revoke', $ci->{id}))[1], "$ci->{id} revoked\n", 'revoke');
	$stack->cli('user', 'create', 'bob', '--role', 'member');
	$token{bob} = ($stack->cli('token', 'create', '--user', 'bob', '--name', 'of bob'))[1] =~ s/\n//r;
	my ($bobs) = @{ json('token', 'list', '--user', 'bob')->{tokens} };
	is_deeply([@$bobs{qw(name user)}], ['of bob', 'bob'], 'tokens of another user');
	refused(65, qr/no such token: $bobs->{id}/, 'token', 'revoke', $bobs->{id});
	refused(65, qr/no such user: "nobody"/, 'token', 'revoke', '--user', 'nobody', $bobs->{id});
	{
		local $as = 'bob';
		refused(77, qr/./, 'token', 'revoke', '--user', 'admin', 1);
		is((remote('job', 'list'))[0], 0, 'it works');
	}
	is((remote('token', 'revoke', '--user', 'bob', $bobs->{id}))[1], "$bobs->{id} revoked\n", 'are revoked by an admin');
	{
		local $as = 'bob';
		refused(77, qr/./, 'job', 'list');
	}
	{
		local $as = 'ci';
		refused(77, qr/./, 'job', 'list');
	}
	refused(64, qr/--user/, 'token', 'create', '--user', 'admin', '--name', 'x');
	like((remote('types', 'list'))[1], qr/^csv-profile +version 1 /m, 'types');
	is((remote('types', 'pause', 'demo'))[1], "demo paused\n", 'pause one');
	is((remote('types', 'resume', 'demo'))[1], "demo resumed\n", 'resume it');
};

subtest 'what it is told' => sub {
	my $port = Dropmill::Stack::free_port();
	my %none = (DROPMILL_TOKEN => $token{read});
	my ($code, $out, $err) = run(\%none, '--server', "http://127.0.0.1:$port", 'job', 'list');
	is($code, 69, 'nobody there');
	like($err, qr{^dropmill: cannot reach "http://127\.0\.0\.1:$port": }, 'is said');
	($code, $out, $err) = run(\%none, '--server', $server . '/', 'job', 'list', '--json');
	is($code, 0, 'the server by an option') or diag $err;
	($code, $out, $err) = run({}, '--server', $server, 'job', 'list');
	is($code, 77, 'no token');
	like($err, qr/there is no token: set DROPMILL_TOKEN or give --token-file/, 'is said');
	for (['nonsense', 77, qr/./], ["a b", 65, qr/blanks/]) {
		($code, $out, $err) = run({ DROPMILL_TOKEN => $_->[0] }, '--server', $server, 'job', 'list');
		is($code, $_->[1], "token $_->[0]");
		like($err, $_->[2], 'is said');
	}
	my $file = spew("$dir/token", "$token{read}\n");
	($code, $out, $err) = run({ DROPMILL_TOKEN => 'nonsense' }, '--server', $server, '--token-file', $file, 'job', 'list');
	is($code, 0, 'a token from a file') or diag $err;
	($code, $out, $err) = run({}, '--server', $server, '--token-file', "$dir/nothing", 'job', 'list');
	is($code, 66, 'a file that is not there');
	for my $url ('mill.example', 'ftp://mill.example', 'http://', "http://u:p\@h", 'http://h/?x') {
		is((run({}, '--server', $url, 'job', 'list'))[0], 64, "no address: $url");
	}
	is((run({}, '--server', $server, '-c', 'x', 'job', 'list'))[0], 64, 'here or there');
	for (['migrate'], ['doctor'], ['user', 'list'], ['job', '--org', 'x', 'list']) {
		is((run(\%none, '--server', $server, @$_))[0], 64, "@$_ is for here");
	}
	$as = 'read';
	refused(77, qr/./, 'submit', $text);
	refused(77, qr/./, 'job', 'cancel', 1);
	$as = 'read,write';
};

# ---- a server that has its troubles ------------------------------------------------------------------
# Answers requests by the codes in turn, and keeps what came. A code: an HTTP answer, or '' to hang up.
sub serve {
	my ($answers, $code) = @_;
	my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5, Proto => 'tcp') or die $!;
	my $pid = fork // die $!;
	if (!$pid) {
		open my $log, '>>', "$dir/served" or die $!;
		$log->autoflush;
		for my $answer (@$answers) {
			my $socket = $listen->accept or die $!;
			my ($head, $got) = ('', '');
			while ($head !~ /\r\n\r\n/ && sysread $socket, $got, 4096) { $head .= $got }
			my ($length) = $head =~ /^Content-Length: (\d+)/mi;
			my ($have) = $head =~ /\r\n\r\n(.*)/s;
			while ($length && length $have < $length && sysread $socket, $got, 4096) { $have .= $got }
			print $log $head =~ /^(\S+ \S+)/, ' ', $head =~ /^Idempotency-Key: (\S+)/mi, "\n";
			syswrite $socket, $answer if $answer ne '';
			close $socket;
		}
		exit 0;
	}
	my @result = $code->('http://127.0.0.1:' . $listen->sockport);
	kill KILL => $pid;
	waitpid $pid, 0;
	open my $in, '<', "$dir/served" or die $!;
	chomp(my @served = <$in>);
	unlink "$dir/served";
	return (\@served, @result);
}

sub answer {
	my ($status, $body, @head) = @_;
	return join("\r\n", "HTTP/1.1 $status X", @head, 'Content-Type: application/json', 'Content-Length: ' . length $body,
		'Connection: close', '', '') . $body;
}

subtest 'troubles' => sub {
	my $made = answer(201, '{"jobs":[{"id":7,"uuid":"u7","name":"a note.txt","job_type":"inspect","status":"pending"}]}');
	my ($served, $code, $out, $err) = serve(['', answer(503, '{}', 'Retry-After: 1'), $made],
		sub { run({}, '--server', $_[0], 'submit', $text) });
	is($code, 0, 'sent again after a lost connection and a 503') or diag $err;
	is($out, "7 inspect a note.txt\n", 'until it is made');
	is(scalar @$served, 3, 'three times');
	my %keys = map { ((split)[2] => 1) } @$served;
	is(scalar keys %keys, 1, 'by one key');
	like($served->[0], qr{^PUT /jobs/upload/a%20note\.txt [0-9a-f-]{36}$}, 'as a raw upload');
	my %seven = (id => 7, uuid => 'u7', name => 'a', job_type => 'inspect');
	my $version = sub { answer(200, qq({"jobs":[],"version":$_[0]})) };
	my $now = sub { answer(200, encode_json({ job => { %seven, status => $_[0], progress => 50 } })) };
	($served, $code, $out, $err) = serve([$made, $version->(1), $now->('processing'), '', $version->(2), $now->('completed')],
		sub { run({}, '--server', $_[0], 'submit', '--wait', $text) });
	is($code, 0, 'a server that goes away while we wait') or diag $err;
	like($err, qr/^dropmill: cannot reach .*; still trying$/m, 'is waited for');
	is($out, "7 completed a note.txt\n", 'to the end');
	my $list = sub { my $url = shift; return run({}, '--server', $url, 'job', 'list') };
	for (
		[75, qr/slow down; try again in 9 s/, answer(429, '{"detail":"slow down"}', 'Retry-After: 9')],
		[75, qr/busy; try again in 2 s/, answer(503, '{"detail":"busy"}', 'Retry-After: 2')],
		[77, qr/not yours/, answer(403, '{"detail":"not yours"}')],
		[69, qr/leads elsewhere.*"http:\/\/127\.0\.0\.1:1\/"/, answer(302, '', 'Location: http://127.0.0.1:1/')],
		[69, qr/not JSON/, answer(200, '<html>')],
		[69, qr/answers 500/, answer(500, 'x')],
		[69, qr/longer than 16 MiB/, answer(200, '"' . 'x' x (17 << 20) . '"')],
		[69, qr/cannot reach/, ''],
	) {
		($served, $code, $out, $err) = serve([$_->[2]], $list);
		is($code, $_->[0], "$_->[0]: $_->[1]");
		like($err, $_->[1], 'is said');
	}
};

subtest 'a certificate that nobody vouches for' => sub {
	plan skip_all => 'openssl is not installed' if system('command -v openssl >/dev/null 2>&1') != 0;
	my $port = Dropmill::Stack::free_port();
	system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost "
		. "-keyout $dir/key.pem -out $dir/cert.pem >/dev/null 2>&1") == 0 or die;
	my $pid = fork // die $!;
	if (!$pid) {
		open STDOUT, '>', '/dev/null';
		open STDERR, '>', '/dev/null';
		exec 'openssl', 's_server', '-accept', $port, '-cert', "$dir/cert.pem", '-key', "$dir/key.pem", '-www' or die $!;
	}
	ok(wait_until(20, sub { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") }), 'a server with TLS');
	my %ask = (DROPMILL_TOKEN => $token{read}, DROPMILL_SERVER => "https://localhost:$port");
	my ($code, $out, $err) = run(\%ask, 'job', 'list');
	is($code, 69, 'is not spoken to');
	like($err, qr/certificate/, 'for its certificate');
	($code, $out, $err) = run({ %ask, SSL_CERT_FILE => "$dir/cert.pem" }, 'job', 'list');
	unlike($err, qr/certificate/, 'which may be made known') or diag $err;
	kill KILL => $pid;
	waitpid $pid, 0;
};

# ---- many files --------------------------------------------------------------------------------------
my @files = map { spew("$dir/table$_.csv", "a,b\n$_,2\n") } 1 .. 20;

subtest 'submit --wait' => sub {
	my ($code, $out, $err) = remote('submit', '--wait', @files);
	is($code, 0, '20 files') or diag "$out$err";
	is(scalar(my @lines = $out =~ /^\d+ completed table\d+\.csv: 1 row, 2 columns$/mg), 20, 'a line for each');
	like($out, qr/^100%: 20 of 20 ended$/m, 'and how far all are');
	($code, $out) = $stack->cli('submit', '--wait', @files[0 .. 2]);
	is($code, 0, 'here too') or diag $out;
	for my $bad (spew("$dir/bad.csv", ''), spew("$dir/broken.csv", "a,b\n\"1,2\n")) {
		my ($name) = $bad =~ m{([^/]+)$};
		my @type = $name eq 'bad.csv' ? () : ('--type', 'thumbnail');
		@type = () if $name eq 'broken.csv';
		($code, $out, $err) = remote('submit', '--wait', @files[0 .. 3], $bad);
		next if $name eq 'broken.csv' && $code == 0; # which this profile takes
		is($code, 1, "a bad one among them: $name");
		like($err, qr/^dropmill: 1 of 5 did not complete: \Q$name\E$/m, 'is named');
		is(scalar(@lines = $out =~ /^\d+ completed table/mg), 4, 'the others are milled');
		($code, $out) = $stack->cli('submit', '--wait', @files[0 .. 3], $bad);
		is($code, 1, 'here too');
		like($out, qr/1 of 5 did not complete: \Q$name\E$/m, 'likewise');
	}
	my $failing = json_wait('submit', '--wait', '--type', 'demo', '--param', 'success=0', $text);
	is($failing->{code}, 1, 'one that fails');
	is($failing->{json}{jobs}[0]{status}, 'failed', 'as JSON');
};

sub json_wait {
	my ($code, $out) = remote('--json', @_);
	return { code => $code, json => eval { decode_json($out) } // {} };
}

# A terminal of 30 rows and 100 columns: what the program draws, and its exit code.
sub in_terminal {
	my ($keys, $env, @argv) = @_;
	open my $pty, '+<', '/dev/ptmx' or return;
	my ($unlock, $number, $size) = (pack('i', 0), pack('I', 0), pack('S4', 30, 100, 0, 0));
	ioctl $pty, 0x40045431, $unlock or return;
	ioctl $pty, 0x80045430, $number or return;
	open my $terminal, '+<', '/dev/pts/' . unpack('I', $number) or return;
	ioctl $terminal, 0x5414, $size or return;
	my $pid = fork // die $!;
	if (!$pid) {
		%ENV = (%ENV, %$env);
		POSIX::setsid();
		ioctl $terminal, 0x540E, 0 or die $!; # keys such as Ctrl-C are its own
		open STDIN, '<&', $terminal or die $!;
		open STDOUT, '>&', $terminal or die $!;
		open STDERR, '>&', $terminal or die $!;
		exec $dropmill, @argv or die $!;
	}
	my $drawn = '';
	my $read = sub {
		my $in = '';
		vec($in, fileno $pty, 1) = 1;
		while (select(my $ready = $in, undef, undef, 0.1)) { sysread $pty, $drawn, 65536, length $drawn or last }
	};
	my $done = wait_until(60, sub {
		$read->();
		if ($keys && $drawn =~ /q ends/) {
			$size = pack 'S4', 12, 70, 0, 0;
			ioctl $terminal, 0x5414, $size or die $!;
			sleep 0.1;
			$read->();
			syswrite $pty, $keys;
			$keys = '';
		}
		return waitpid($pid, 1) == $pid;
	});
	my $code = $?;
	if (!$done) { kill KILL => $pid; waitpid $pid, 0 }
	$read->();
	return ($done ? $code >> 8 : 'does not end', $drawn);
}

subtest 'in a terminal' => sub {
	my %env = (DROPMILL_SERVER => $server, DROPMILL_TOKEN => $token{'read,write'});
	my ($code, $drawn) = in_terminal('', \%env, 'submit', '--wait', @files);
	plan skip_all => 'cannot make a terminal' if !defined $code;
	is($code, 0, 'submit --wait') or diag $drawn;
	like($drawn, qr/^table7\.csv +\[\.{20}\] +0% waiting /m, 'a bar for each');
	like($drawn, qr/table7\.csv +\[#{20}\] 100% completed +1 row, 2 columns/, 'to its end');
	like($drawn, qr/in total +\[#{10}\.{0,10}#*\.*\] +\d+% \d+ of 20 ended/, 'and one in total');
	like($drawn, qr/in total +\[#{20}\] 100% 20 of 20 ended/, 'which is full');
	($code, $drawn) = in_terminal('q', \%env, 'watch');
	is($code, 0, 'watch ends by q') or diag $drawn;
	like($drawn, qr/\e\[\?1049h.*\d+ jobs .*table20\.csv.*\e\[\?1049l/s, 'shows jobs, and leaves the screen as it was');
	my @looks = split /\e\[H/, $drawn;
	is_deeply([map { scalar(my @lines = /\n/g) } @looks[1, -1]], [22, 11], 'and fits the size it has') or diag $drawn;
	($code, $drawn) = in_terminal("\x03", { DROPMILL_CONFIG => $stack->state . '/dropmill.conf' }, 'watch');
	is($code, 0, 'and by Ctrl-C');
	like($drawn, qr/table20\.csv.*\e\[\?1049l/s, 'here too');
};

my ($code, $out) = $stack->cli('check');
is($code, 0, 'database and store agree') or diag $out;
is_deeply([$stack->stop], [], 'no process is left');
done_testing;
