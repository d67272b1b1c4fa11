# What nginx and the gate do together, over a whole stack: uploads are refused before their body is read,
# quotas hold when many come at once, guessing at passwords holds up nobody else, and every kind of answer has
# its headers.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::People;
use Dropmill::Process qw(children wait_until);
use Dropmill::Stack;
use IO::Select;
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);

my $stack = Dropmill::Stack->start(config => { auth => 'password', web_processes => 8 });
my $people = Dropmill::People->new($stack);
my %org = map { $_ => $people->org($_) } qw(plain bytes file pending rate race-pending race-bytes race-rate);
$org{sums} = 1; # the one that the command line knows
$people->user("in-$_", org => $org{$_}) for sort keys %org;
$people->user('viewer', org => $org{plain}, role => 'viewer');
my $host = "127.0.0.1:$stack->{port}";

# Headers as HTTP::Tiny takes them.
sub as { my %how = $people->as($_[0]); return (Cookie => $how{cookie}, 'Sec-Fetch-Site' => 'same-origin', Accept => 'application/json') }
sub lines { my %all = @_; return join '', map { "$_: $all{$_}\r\n" } sort keys %all }
sub put { my ($who, $query, $content, %more) = @_; return $stack->request('PUT', "/jobs/upload/f.csv$query", content => $content, headers => { as($who), %more }) }
sub spool { my @files = glob $stack->state . '/spool/*'; return scalar @files }
sub stored { my @files = grep { -f } glob $stack->state . '/store/[0-9a-f][0-9a-f]/*'; return scalar @files }
sub limits { my ($org, $limits) = @_; return $stack->sql("UPDATE orgs SET $limits WHERE id = $org{$org}") }
sub jobs { return $stack->sql("SELECT COUNT(*) FROM jobs WHERE org_id = $org{$_[0]}") }
sub detail { my ($answer) = @_; return (eval { decode_json($answer->{content}) } // {})->{detail} // '' }

# The head of an upload that announces a body; what comes back without a byte of it.
sub announce {
	my ($path, $bytes, %headers) = @_;
	my $method = $path =~ /upload/ ? 'PUT' : 'POST';
	my $socket = $stack->connect;
	syswrite $socket, "$method $path HTTP/1.1\r\n" . lines(Host => $host, 'Content-Type' => 'multipart/form-data; boundary=x', 'Content-Length' => $bytes, %headers) . "\r\n";
	return whole($socket, 1);
}

# An answer to its end, without waiting for that of the connection.
sub whole {
	my ($socket, $seconds) = @_;
	my ($end, $answer) = (time + $seconds, '');
	my $select = IO::Select->new($socket);
	while (time < $end && $select->can_read($end - time)) {
		sysread $socket, $answer, 65536, length $answer or last;
		last if $answer =~ /^Content-Length: (\d+)\r\n(?:.+\r\n)*\r\n(.*)/ms && length $2 >= $1;
	}
	return $answer;
}

subtest 'refused after the headers' => sub {
	my $big = 10 << 30;
	for my $path ('/jobs/upload/big.bin', '/jobs', '/jobs/') {
		my $answer = announce($path, $big, Accept => 'application/json');
		like($answer, qr{^HTTP/1\.1 401 }, "$path: nobody's 10 GiB");
		like($answer, qr{"detail":"sign in first"}, 'with the sentence');
		like(announce($path, $big, as('viewer')), qr{^HTTP/1\.1 403 .*takes member}s, 'a viewer');
		like(announce($path, $big, Cookie => 'dropmill=made-up', 'Sec-Fetch-Site' => 'same-origin'), qr{^HTTP/1\.1 401 }, 'a cookie that is none');
		like(announce($path, $big, Authorization => 'Bearer made-up'), qr{^HTTP/1\.1 401 }, 'a token that is none');
		like(announce($path, $big, Authorization => 'Bearer ' . $people->token('in-plain', 'read')), qr{^HTTP/1\.1 403 .*lacks the scope}s, 'a token without the scope');
		like(announce($path, $big, as('in-plain'), 'Sec-Fetch-Site' => 'cross-site'), qr{^HTTP/1\.1 403 .*other sites}s, 'another site');
		like(announce($path, $big, as('in-plain'), Host => 'evil.example'), qr{^HTTP/1\.1 421 }, 'another name');
	}
	like(announce('/jobs/upload/x', $big + 1, as('in-plain')), qr{^HTTP/1\.1 413 }, 'more than the site takes');
	is(announce('/jobs/upload/x', 1000, as('in-plain')), '', 'who may is waited for');
	ok(wait_until(5, sub { spool() == 0 }), 'nothing is left in the spool');
	is($stack->sql('SELECT COUNT(*) FROM jobs'), 0, 'and no job was made');
};

subtest 'over a quota' => sub {
	limits('bytes', 'quota_bytes = 100');
	limits('file', 'quota_file = 50');
	limits('pending', 'quota_pending = 1');
	limits('rate', 'quota_rate = 2');
	my $later = '?run_at=%2B1h';
	is(put('in-bytes', $later, 'x' x 60)->{status}, 201, 'within the bytes');
	like(announce('/jobs/upload/x', 41, as('in-bytes')), qr{^HTTP/1\.1 507 .*has stored 60 B of the 100 B it may}s, 'announced beyond them: 507 at once');
	my $sent = 0;
	my $chunked = put('in-bytes', $later, sub { $sent++ < 5 ? 'x' x 10 : undef });
	is("$chunked->{status} " . detail($chunked), '507 your organisation has stored 60 B of the 100 B it may; delete some jobs first', 'not announced: 507 after the body');
	is(put('in-bytes', $later, 'x' x 40)->{status}, 201, 'up to the last byte');
	is(put('in-bytes', $later, 'x')->{status}, 507, 'and no more');
	like(announce('/jobs/upload/x', 51, as('in-file')), qr{^HTTP/1\.1 413 }, 'a file that is too large: 413 at once');
	my $form = $stack->form('/jobs', [['files', 'x' x 51, 'a'], ['files', 'y', 'b']], as('in-file'));
	is("$form->{status} " . detail($form), '413 the file is larger than your organisation may upload: 50 B', 'in a form too, after the body');
	is($stack->form('/jobs', [['run_at', '+1h'], map { ['files', 'x' x 50, "f$_"] } 1 .. 3], as('in-file'))->{status}, 201, 'of several each may be so large');
	is(put('in-pending', $later, 'x')->{status}, 201, 'one may wait');
	my $pending = put('in-pending', $later, 'x');
	is("$pending->{status} $pending->{headers}{'retry-after'}", '429 10', 'not two: 429');
	like(detail($pending), qr/has 1 jobs waiting/, 'with our sentence');
	like(announce('/jobs/upload/x', 5, as('in-pending')), qr{^HTTP/1\.1 429 .*Retry-After: 10}s, 'and at once');
	my $two = $stack->form('/jobs', [map { ['files', 'x', "f$_"] } 1 .. 3], as('in-rate'));
	is($two->{status}, 429, 'three files are more than two a minute');
	sleep 60 - time % 60 + 0.1 if time % 60 > 57; # a minute that ends now would give more
	is(put('in-rate', $later, 'x')->{status}, 201, "upload $_") for 1, 2;
	my $rate = put('in-rate', $later, 'x');
	is($rate->{status}, 429, 'and the third');
	ok($rate->{headers}{'retry-after'} >= 1 && $rate->{headers}{'retry-after'} <= 60, "waits until the minute is over: $rate->{headers}{'retry-after'} s");
	my $page = $stack->form('/jobs', [['files', 'x', 'a']], as('in-rate'), Accept => 'text/html');
	is($page->{status}, 429, 'on a page too');
	like($page->{content}, qr/<p>your organisation may upload 2 files a minute/, 'with the sentence');
	is($stack->request('GET', '/jobs/admit?size=1', headers => { as('in-rate') })->{status}, 429, 'a page can ask before');
	is($stack->sql("SELECT rate_used FROM orgs WHERE id = $org{rate}"), 2, 'who was refused is not counted');
	is(join(' ', map { jobs($_) } qw(bytes file pending rate)), '2 3 1 2', 'no job of what was refused');
	is(stored(), 8, 'nor a file');
	ok(wait_until(5, sub { spool() == 0 }), 'nor anything in the spool');
};

subtest 'twenty at once for the last places' => sub {
	my %case = ('race-pending' => ['quota_pending = 3', 3, 429], 'race-bytes' => ['quota_bytes = 100', 5, 507], 'race-rate' => ['quota_rate = 4', 4, 429]);
	sleep 60 - time % 60 + 0.1 if time % 60 > 55;
	for my $org (sort keys %case) {
		my ($limit, $places, $status) = @{ $case{$org} };
		limits($org, $limit);
		my $head = "PUT /jobs/upload/race.txt?run_at=%2B1h HTTP/1.1\r\n" . lines(Host => $host, 'Content-Length' => 20, Connection => 'close', as("in-$org")) . "\r\n";
		# All are admitted before the first has arrived.
		my @sockets = map { my $socket = $stack->connect; syswrite $socket, $head . 'x' x 19; $socket } 1 .. 20;
		sleep 0.5;
		syswrite $_, 'x' for @sockets;
		my %count;
		for (@sockets) { $count{ (whole($_, 10) =~ m{^HTTP/1\.1 (\d+)})[0] // 'none' }++ }
		is_deeply(\%count, { 201 => $places, $status => 20 - $places }, "$limit: exactly $places of 20") or diag $stack->log;
		is(jobs($org), $places, 'and as many jobs');
	}
	ok(wait_until(5, sub { spool() == 0 }), 'nothing is left of the others');
};

sub sums { return $stack->sql("SELECT stored_bytes = (SELECT COALESCE(SUM(size_bytes), 0) FROM files WHERE org_id = orgs.id), stored_bytes FROM orgs WHERE id = $org{sums}") }

subtest 'the sum of what is stored' => sub {
	my @ids = map { decode_json(put('in-sums', '?type=csv-profile', "a,b\n" . "1,2\n" x $_)->{content})->{jobs}[0]{id} } 1 .. 3;
	my $done = sub { $stack->sql("SELECT COUNT(*) FROM jobs WHERE org_id = $org{sums} AND status = 'completed'") == 3 };
	ok(wait_until(30, $done), 'jobs have run') or diag $stack->log;
	like(sums(), qr/^1\|/, 'inputs and outputs are counted');
	cmp_ok($stack->sql("SELECT SUM(size_bytes) FROM files WHERE org_id = $org{sums} AND output = 1"), '>', 0, 'of which there are some');
	is($stack->request('GET', "/jobs/$ids[0]/files.zip", headers => { as('in-sums') })->{status}, 202, 'an archive is asked for');
	wait_until(15, sub { $stack->sql("SELECT COUNT(*) FROM files WHERE output = 2 AND org_id = $org{sums}") });
	like(sums(), qr/^1\|/, 'archives too');
	is($stack->request('DELETE', "/jobs/$ids[0]", headers => { as('in-sums') })->{status}, 204, 'deleted');
	like(sums(), qr/^1\|[1-9]/, 'what is deleted is not');
	my ($status, $out) = $stack->cli('job', 'remove', $ids[1]);
	is($status, 0, 'removed') or diag $out;
	is($stack->sql("SELECT status FROM jobs WHERE id = $ids[1]"), 'removed', 'files gone, record kept');
	like(sums(), qr/^1\|[1-9]/, 'nor what is removed');
	$stack->request('DELETE', "/jobs/$_", headers => { as('in-sums') }) for @ids[1, 2];
	is(sums(), '1|0', 'and in the end nothing');
};

subtest 'links do not stand in logs' => sub {
	my $link = $people->link('in-plain');
	for my $path ("/login/$link/", "//login/$link", "/login//$link", "/%6Cogin/$link", "/LOGIN/$link", "/login%2f$link", "http://$host/login/$link", "/login/$link?next=/") {
		$stack->raw("HEAD $path HTTP/1.0\r\n" . lines(Host => $host) . "\r\n", 2);
	}
	my $run = $stack->state . '/run/web.sock';
	rename $run, "$run.away" or die "$run: $!";
	is($stack->get("/login/$link")->{status}, 502, 'while the application does not answer');
	rename "$run.away", $run or die $!;
	is($stack->get("/login/$link", Accept => 'text/html')->{status}, 303, 'it works once');
	is($stack->get("/login/$link", Accept => 'text/html')->{status}, 404, 'and not again');
	my $log = sub { my $text = ''; for my $file (glob $stack->state . '/log/*') { open my $in, '<', $file or next; local $/ = undef; $text .= <$in> // '' } return $text };
	ok(wait_until(6, sub { $log->() =~ m{/login/\.\.\. HTTP" 303} }), 'it is in the access log');
	unlike($log->() . $stack->log, qr/\Q$link\E/, 'without its secret, and so in no log');
};

# As HTTP::Tiny would have it.
sub parsed {
	my ($head, $content) = split /\r\n\r\n/, $_[0], 2;
	my %headers;
	for ($head =~ /^[\w-]+: .*$/mg) {
		my ($name, $value) = /^([\w-]+): (.*?)\r?$/;
		$headers{ lc $name } = exists $headers{ lc $name } ? [$headers{ lc $name }, $value] : $value;
	}
	return { status => ($head =~ m{^HTTP/\S+ (\d+)})[0], headers => \%headers, content => $content };
}

# ---- headers of every kind of answer ---------------------------------------------------------------------
sub header { my ($answer, $name) = @_; my $value = $answer->{headers}{$name}; return ref $value ? 'twice' : $value // 'none' }
my $policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
my %of_pages = ('content-security-policy' => $policy, 'x-content-type-options' => 'nosniff', 'referrer-policy' => 'same-origin', 'cross-origin-opener-policy' => 'same-origin',
	'cross-origin-resource-policy' => 'same-origin', server => 'nginx');
my %of_files = ('content-security-policy' => "sandbox; default-src 'none'", 'x-content-type-options' => 'nosniff', 'referrer-policy' => 'same-origin',
	'cross-origin-resource-policy' => 'same-origin', server => 'nginx');

subtest 'headers' => sub {
	my %job = %{ decode_json(put('in-plain', '?type=csv-profile', "a,b\n1,2\n")->{content})->{jobs}[0] };
	ok(wait_until(20, sub { $stack->sql("SELECT status FROM jobs WHERE id = $job{id}") eq 'completed' }), 'a job with results');
	my $ask = sub { my ($path, %more) = @_; return $stack->get($path, as('in-plain'), %more) };
	my $in = "/jobs/$job{id}/files/in/f.csv";
	my $out = "/jobs/$job{id}/files/out/profile.html";
	my $assets = do { open my $file, '<', Dropmill::Stack::build() . '/gen/asset_id' or die; <$file> };
	chomp $assets;
	my $css = "/static/$assets/css/app.css";
	my $fresh = $ask->('/jobs/table');
	my %page = (
		'page 200' => $ask->('/', Accept => 'text/html'), 'page 401 as 303' => $stack->get('/', Accept => 'text/html'), 'fragment 200' => $ask->('/jobs/table', 'HX-Request' => 'true', Accept => 'text/html'),
		'fragment 401' => $stack->get('/jobs/table', 'HX-Request' => 'true'), 'JSON 200' => $fresh, 'JSON 401' => $stack->get('/jobs/table', Accept => 'application/json'),
		'unchanged 304' => $ask->('/jobs/table', 'If-None-Match' => header($fresh, 'etag')), 'page 404' => $ask->('/jobs/999', Accept => 'text/html'), 'JSON 404' => $ask->('/jobs/999'),
		'nothing there 404' => $stack->get('/no/such'), 'JSON 405' => $stack->request('DELETE', '/', headers => { Accept => 'application/json' }), 'JSON 403' => $stack->request('POST', "/jobs/$job{id}/cancel", headers => { as('viewer') }),
		'JSON 409' => $stack->request('POST', "/jobs/$job{id}/cancel", headers => { as('in-plain') }), 'JSON 422' => $ask->('/jobs/table?limit=0'), 'JSON 421' => parsed($stack->raw("GET / HTTP/1.0\r\n" . lines(Host => 'evil.example', Accept => 'application/json') . "\r\n", 2)),
		'upload 401' => $stack->form('/jobs', [['files', 'x', 'x']], Accept => 'application/json'), 'upload page 401' => $stack->form('/jobs', [['files', 'x', 'x']], Accept => 'text/html'),
		'upload 201' => put('in-plain', '', 'x'), 'upload 422' => put('in-plain', '?project=none', 'x'), 'admit 204' => $ask->('/jobs/admit'), 'too large 413' => $stack->request('POST', "/jobs/1/retry", content => 'x' x 100_000),
		'upload 429' => put('in-pending', '?run_at=%2B1h', 'x'), 'login 200' => $stack->get('/login'), 'login 401' => $stack->request('POST', '/login', content => 'user=x&password=y', headers => { 'Content-Type' => 'application/x-www-form-urlencoded' }),
		'logout 303' => $stack->request('POST', '/logout'), 'probe 200' => $stack->get('/readyz'), 'static 200' => $stack->get($css), 'static 304' => $stack->get($css, 'If-None-Match' => header($stack->get($css), 'etag')),
		'static 404' => $stack->get("/static/$assets/css/none.css"), 'static 405' => $stack->request('POST', $css), 'HEAD 200' => $stack->request('HEAD', '/healthz'), 'admission itself 404' => $stack->get('/_admit'), 'store 404' => $stack->get('/_store/aa/bb'),
		'address 414' => $stack->get('/' . 'a' x 70_000), 'log page 200' => $ask->("/jobs/$job{id}/log", Accept => 'text/html'), 'part of the log 200' => $ask->("/jobs/$job{id}/log?from=0", Accept => 'text/plain'), 'file unchanged 304' => $ask->($in, 'If-None-Match' => header($ask->($in), 'etag')),
		'no such file 404' => $ask->("/jobs/$job{id}/files/out/none"),
	);
	my %file = ('input 200' => $ask->($in), 'output 200' => $ask->($out), 'range 206' => $ask->($in, Range => 'bytes=0-1'), 'no such range 416' => $ask->($in, Range => 'bytes=900-'), 'head 200' => $stack->request('HEAD', $in, headers => { as('in-plain') }),
		'log 200' => $ask->("/jobs/$job{id}/log?format=text", Accept => 'text/plain'));
	for my $kind ([\%page, \%of_pages], [\%file, \%of_files]) {
		my ($answers, $headers) = @$kind;
		for my $what (sort keys %$answers) {
			my $answer = $answers->{$what};
			my ($status) = $what =~ /(\d+)$/;
			is($answer->{status}, $status, $what) or diag explain($answer);
			my %got = map { ($_ => header($answer, $_)) } keys %$headers;
			is_deeply(\%got, $headers, "$what: headers");
			like(header($answer, 'x-request-id'), qr/^[0-9a-f]{32}$/, "$what: request id");
			is(header($answer, 'x-powered-by'), 'none', "$what: nothing of what it is made of");
		}
	}
	like(header($_, 'content-disposition'), qr/^attachment; filename="/, 'a file is saved, not shown') for @file{ 'input 200', 'output 200', 'range 206' };
	for my $what ('page 200', 'JSON 200', 'fragment 200', 'login 200') { is(header($page{$what}, 'cache-control'), 'private, no-cache', "$what: kept for nobody else") }
};

subtest 'nginx slows down who guesses' => sub {
	my %count;
	my @sockets = map {
		my $socket = $stack->connect;
		my $body = "user=guess$_&password=wrong+password";
		syswrite $socket, "POST /login HTTP/1.1\r\n" . lines(Host => $host, 'Content-Type' => 'application/x-www-form-urlencoded', 'Content-Length' => length $body, Connection => 'close', Accept => 'application/json') . "\r\n$body";
		$socket;
	} 1 .. 60;
	my @pages = map { $stack->request('GET', '/jobs/table', headers => { as('in-plain') })->{status} } 1 .. 10;
	my $refused;
	for (@sockets) {
		my $answer = whole($_, 20);
		my ($status) = $answer =~ m{^HTTP/1\.1 (\d+)};
		$count{ $status // 'none' }++;
		$refused //= $answer if ($status // 0) == 429;
	}
	cmp_ok($count{429} // 0, '>=', 30, 'most of sixty in a second are told to wait') or diag explain(\%count);
	is(($count{429} // 0) + ($count{401} // 0) + ($count{503} // 0), 60, 'and all are answered') or diag explain(\%count);
	like($refused, qr/too many requests of this kind from this address; try again in a moment/, 'with our sentence');
	like($refused, qr/^Retry-After: 5\r$/m, 'and when');
	is("@pages", join(' ', (200) x 10), 'pages are answered meanwhile');
	is($stack->get('/login')->{status}, 200, 'the form is still shown');
	# Without proxies in the configuration nobody is believed.
	is($stack->request('POST', '/login', content => 'user=x&password=y', headers => { 'X-Forwarded-For' => '198.51.100.77', 'Content-Type' => 'application/x-www-form-urlencoded' })->{status}, 429, 'whatever address they say they have');
	is($stack->sql("SELECT COUNT(*) FROM audit WHERE address NOT IN ('127.0.0.1', '')"), 0, 'and the log says where they were');
};
is_deeply([$stack->stop], [], 'no process is left');

# ---- behind a proxy ----------------------------------------------------------------------------------
# Ours is 127.0.0.1; 127.0.0.2 is anybody.
subtest 'two hundred at once sign in' => sub {
	my $site = Dropmill::Stack->start(config => { auth => 'password', proxies => '127.0.0.1', web_processes => 8 });
	my $known = Dropmill::People->new($site);
	# As dear as they really are.
	my $hash = '$argon2id$v=19$m=19456,t=2,p=1$LQEEAreHdovdGOUqHJ/iJA$1tp9MEEtgQNsZg/5CRHlHXOo98WLgf5sfhQ7rGhxNDY';
	$known->user("user$_", password => $hash) for 1 .. 5;
	my %how = $known->as('user1');
	my @web = children($site->part('web'));
	my $memory = sub {
		my $sum = 0;
		for my $pid (@web) {
			open my $in, '<', "/proc/$pid/smaps_rollup" or next;
			while (<$in>) { $sum += $1 if /^Pss:\s+(\d+)/ }
		}
		return $sum;
	};
	my $idle = $memory->();
	my @sockets = map {
		my $socket = $site->connect;
		my $body = "user=user" . (1 + $_ % 7) . "&password=wrong+password+$_";
		syswrite $socket, "POST /login HTTP/1.1\r\n" . lines(Host => "127.0.0.1:$site->{port}", 'Content-Type' => 'application/x-www-form-urlencoded', 'Content-Length' => length $body, Connection => 'close',
			Accept => 'application/json', 'X-Forwarded-For' => "198.51.100.$_") . "\r\n$body";
		$socket;
	} 1 .. 200;
	my ($most, @times, %status) = (0);
	my $waiting = IO::Select->new(@sockets);
	my $until = time + 3;
	while (time < $until) {
		my $begin = time;
		$status{ $site->request('GET', '/', headers => { Cookie => $how{cookie}, Accept => 'text/html' }, timeout => 30)->{status} }++;
		push @times, time - $begin;
		my $now = $memory->();
		$most = $now if $now > $most;
	}
	my %count;
	for (@sockets) { $count{ (whole($_, 30) =~ m{^HTTP/1\.1 (\d+)})[0] // 'none' }++ }
	is_deeply(\%status, { 200 => scalar @times }, 'every page is answered meanwhile');
	@times = sort { $a <=> $b } @times;
	note sprintf '%d pages: median %.0f ms, slowest %.0f ms; memory of %d processes: %d MiB idle, %d MiB at most', scalar @times, 1e3 * $times[$#times / 2], 1e3 * $times[-1],
		scalar @web, $idle / 1024, $most / 1024;
	is(($count{401} // 0) + ($count{429} // 0) + ($count{503} // 0), 200, 'every attempt is answered') or diag explain(\%count);
	cmp_ok($count{401} // 0, '>=', 5, 'some were tried');
	cmp_ok($most, '<', $idle + 1024 * (4 * 19 + 64), 'with the memory of four hashes, not of two hundred');
	is_deeply([sort { $a <=> $b } children($site->part('web'))], [sort { $a <=> $b } @web], 'by the same processes');
	cmp_ok($site->sql("SELECT COUNT(DISTINCT address) FROM audit WHERE address LIKE '198.51.100.%'"), '>=', 5, 'the proxy is believed in the addresses it gives');
	my $form = { 'Content-Type' => 'application/x-www-form-urlencoded', 'X-Forwarded-For' => '203.0.113.9' };
	$site->request('POST', '/login', content => 'user=liar&password=wrong+password', headers => $form, from => '127.0.0.2');
	is($site->sql("SELECT address FROM audit WHERE object = 'liar'"), '127.0.0.2', 'others are not');
	is_deeply([$site->stop], [], 'no process is left');
};

subtest 'a proxy says who it is' => sub {
	my $site = Dropmill::Stack->start(config => { auth => 'proxy', proxies => '127.0.0.1', disk_low => '1024T', web_processes => 4 });
	my $known = Dropmill::People->new($site);
	$known->user('mary');
	my $ask = sub { my ($from, %headers) = @_; return $site->request('GET', '/jobs/table', headers => { Accept => 'application/json', %headers }, from => $from)->{status} };
	is($ask->('127.0.0.1', 'X-Remote-User' => 'mary'), 200, 'mary, says the proxy');
	is($ask->('127.0.0.2', 'X-Remote-User' => 'mary'), 401, 'says a browser');
	is($ask->('127.0.0.2', 'X-Remote-User' => 'mary', 'X-Forwarded-For' => '127.0.0.1'), 401, 'that says it is the proxy');
	is($ask->('127.0.0.1', 'X-Remote-User' => 'mary', 'X-Forwarded-For' => '198.51.100.1'), 200, 'the proxy for a browser');
	is($ask->($_, 'DROPMILL-USER' => 'mary', DROPMILL_USER => 'mary', 'Remote-User' => 'mary'), 401, "a header of another name, from $_") for '127.0.0.1', '127.0.0.2';
	is($ask->('127.0.0.1', 'X-Remote-User' => 'nobody'), 403, 'whom we do not know');
	my $put = sub { my ($from, %headers) = @_; return $site->request('PUT', '/jobs/upload/x', content => 'x', headers => { Accept => 'application/json', 'Sec-Fetch-Site' => 'same-origin', %headers }, from => $from) };
	is($put->('127.0.0.2', 'X-Remote-User' => 'mary')->{status}, 401, 'admission does not believe a browser either');
	my $full = $put->('127.0.0.1', 'X-Remote-User' => 'mary');
	is("$full->{status} " . detail($full), '507 the disk is almost full: uploads are not accepted now', 'and says when the disk is low');
	is_deeply([$site->stop], [], 'no process is left');
};
done_testing;
