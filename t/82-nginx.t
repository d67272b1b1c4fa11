#!/usr/bin/perl
# What nginx does for the stack: security headers on every kind of answer, static files, the limits and
# their error pages, admission before the body, and nothing left in the spool.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Process qw(wait_until);
use Dropmill::Stack;
use JSON::PP qw(decode_json);
use Test::More;

my $stack = Dropmill::Stack->start(config => { upload_max => '1M' });
my $assets = do { open my $in, '<', Dropmill::Stack::build() . '/gen/asset_id' or die; <$in> };
chomp $assets;
my $script = "/static/$assets/vendor/htmx.min.js";

sub spool { my @files = glob $stack->state . '/spool/*'; return scalar @files }

# One value of a header, or "twice" when it came more than once.
sub header { my ($answer, $name) = @_; my $value = $answer->{headers}{$name}; return ref $value ? 'twice' : $value // 'none' }

sub has_page_headers {
	my ($answer, $what) = @_;
	like(header($answer, 'content-security-policy'), qr/^default-src 'none'; script-src 'self'; style-src 'self';(?!.*unsafe).*frame-ancestors 'none'$/, "$what: policy");
	is(header($answer, 'x-content-type-options'), 'nosniff', "$what: nosniff");
	is(header($answer, 'referrer-policy'), 'same-origin', "$what: referrer policy");
	is(header($answer, 'cross-origin-resource-policy'), 'same-origin', "$what: resource policy");
	like(header($answer, 'x-request-id'), qr/^[0-9a-f]{32}$/, "$what: request id");
	is(header($answer, 'server'), 'nginx', "$what: no version");
}

subtest 'headers of pages, fragments, static files and errors' => sub {
	my %answers = (
		page => [200, $stack->get('/')],
		fragment => [200, $stack->get('/jobs/table', 'HX-Request' => 'true')],
		probe => [200, $stack->get('/healthz')],
		static => [200, $stack->get($script)],
		'unknown path' => [404, $stack->get('/no/such/path')],
		'unknown static file' => [404, $stack->get('/static/none')],
		'body too large' => [413, $stack->request('POST', '/jobs/1/retry', content => 'x' x 100_000)],
		'upload too large' => [413, $stack->request('POST', '/jobs', content => 'x' x 2_000_000)],
		'upload refused' => [403, $stack->form('/jobs', [['files', 'x', 'x']], 'Sec-Fetch-Site' => 'cross-site')],
	);
	for my $what (sort keys %answers) {
		my ($status, $answer) = @{ $answers{$what} };
		is($answer->{status}, $status, "$what: $status");
		has_page_headers($answer, $what);
	}
};

subtest 'files of jobs come in a box of their own' => sub {
	my ($job) = $stack->upload('evil.html' => '<script>alert(1)</script>');
	my $answer = $stack->get("/jobs/$job->{id}/files/in/evil.html");
	is($answer->{status}, 200, 'the input comes back');
	is($answer->{content}, '<script>alert(1)</script>', 'as it was');
	is(header($answer, 'content-security-policy'), "sandbox; default-src 'none'", 'sandboxed');
	is(header($answer, 'x-content-type-options'), 'nosniff', 'nosniff');
	is(header($answer, 'cross-origin-resource-policy'), 'same-origin', 'resource policy');
	like(header($answer, 'content-disposition'), qr/^attachment/, 'as an attachment');
	my $part = $stack->get("/jobs/$job->{id}/files/in/evil.html", Range => 'bytes=1-6');
	is("$part->{status} $part->{content}", '206 script', 'ranges work');
};

subtest 'static files' => sub {
	my $plain = $stack->get($script);
	is(header($plain, 'cache-control'), 'public, max-age=31536000, immutable', 'kept for ever');
	like(header($plain, 'content-type'), qr{^text/javascript}, 'type');
	my $small = $stack->get($script, 'Accept-Encoding' => 'gzip');
	is(header($small, 'content-encoding'), 'gzip', 'precompressed');
	ok(length $small->{content} < length($plain->{content}) / 2, 'and smaller');
	is($stack->get($script, 'If-None-Match' => header($plain, 'etag'))->{status}, 304, 'not modified');
	is($stack->request('HEAD', $script)->{status}, 200, 'HEAD');
	is($stack->request('POST', $script)->{status}, 405, 'POST is 405');
	is($stack->get("/static/00000000/vendor/htmx.min.js")->{status}, 200, 'the hash is not looked at');
	for my $path ('/static/vendor/htmx.min.js', '/static/0000000g/vendor/htmx.min.js', '/static/', '/static',
		"/static/$assets/", "/static/$assets/vendor", "/static/$assets/vendor/", "/static/$assets/.hidden.js") {
		is($stack->get($path)->{status}, 404, "$path is 404");
	}
};

subtest 'nothing outside public/' => sub {
	for my $path ("/static/$assets/../Makefile", "/static/$assets/../../Makefile", "/static/$assets../Makefile",
		"/static/$assets/%2e%2e/Makefile", "/static/$assets/..%2fMakefile", "/static/$assets/vendor/..%2f..%2fMakefile",
		"/static/$assets/vendor/%2e%2e%2f%2e%2e%2fMakefile", "/static/$assets/vendor//../../../Makefile",
		"/static/$assets/vendor/....//....//Makefile", "/static/$assets/..%5cMakefile",
		"/static/$assets/%252e%252e/Makefile", "/static/$assets/vendor/htmx.min.js/../../../Makefile") {
		my $answer = $stack->raw("GET $path HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
		unlike($answer, qr/GNU make/, "$path gives no Makefile");
		like($answer, qr{^HTTP/1\.1 (404|400)}, "$path: refused");
	}
};

subtest 'internal locations are not there' => sub {
	for my $path ('/_store/', '/_store/log/', '/_admit', '/_error/json', '/_error/page', '/_error/fragment') {
		is($stack->get($path)->{status}, 404, $path);
	}
	like($stack->get('/_store/../dropmill.db')->{status}, qr/^40[04]$/, 'nor what lies beside the store');
};

subtest 'errors in the form that was asked for' => sub {
	my $big = 'x' x 2_000_000;
	my $json = $stack->request('POST', '/jobs', content => $big, headers => { Accept => 'application/json' });
	is(header($json, 'content-type'), 'application/problem+json', 'a program gets problem+json');
	my $problem = eval { decode_json($json->{content}) } // {};
	is($problem->{status}, 413, 'with the status');
	like($problem->{detail}, qr/larger/, 'and the sentence');
	my $page = $stack->request('POST', '/jobs', content => $big, headers => { Accept => 'text/html,*/*' });
	like($page->{content}, qr/^<!doctype html>.*larger/s, 'a browser gets a page');
	unlike($page->{content}, qr/style=|<script/, 'without inline anything');
	my $fragment = $stack->request('POST', '/jobs', content => $big, headers => { 'HX-Request' => 'true' });
	like($fragment->{content}, qr/^<div class="message"/, 'htmx gets a fragment');
	is(header($fragment, 'hx-retarget'), '#messages', 'for the place of messages');
	is(header($page, 'hx-retarget'), 'none', 'only htmx is told where');
	my $refused = $stack->form('/jobs', [['files', 'x', 'x']], 'Sec-Fetch-Site' => 'cross-site', Accept => 'application/json');
	$problem = eval { decode_json($refused->{content}) } // {};
	is($problem->{status}, 403, 'a refusal by admission too');
	like($problem->{detail}, qr/other sites/, "with admission's sentence");
};

subtest 'malformed requests' => sub {
	my $long = 'a' x 70_000;
	my %requests = (
		'long address' => [414, "GET /$long HTTP/1.1\r\nHost: x\r\n\r\n"],
		'large header' => [431, "GET / HTTP/1.1\r\nHost: x\r\nX: $long\r\n\r\n"],
		'no HTTP' => [400, "BLAH\r\n\r\n"],
		'no Host' => [400, "GET / HTTP/1.1\r\n\r\n"],
		'two Hosts' => [400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
		'length and chunked' => [400, "POST /jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"],
		'bad chunk' => [400, "POST /jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
		'negative length' => [400, "POST /jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n"],
		'NUL in the path' => [400, "GET /%00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"],
	);
	for my $what (sort keys %requests) {
		my ($status, $bytes) = @{ $requests{$what} };
		my $answer = $stack->raw($bytes, 2);
		like($answer, qr{^HTTP/1\.1 $status}, "$what: $status");
		like($answer, qr{^Content-Security-Policy: default-src 'none'}m, "$what: with our headers");
		unlike($answer, qr{<hr><center>nginx}, "$what: not nginx's own page");
	}
	is($stack->get('/readyz')->{status}, 200, 'the stack goes on');
};

# Send the head of an upload and no body; what comes back before a byte of the body was sent.
sub head_only {
	my (%headers) = @_;
	my %all = (Host => "127.0.0.1:$stack->{port}", 'Content-Type' => 'multipart/form-data; boundary=x', %headers);
	my $socket = $stack->connect;
	syswrite $socket, "POST /jobs HTTP/1.1\r\n" . join('', map { "$_: $all{$_}\r\n" } sort keys %all) . "\r\n";
	return $stack->drain($socket, 1);
}

subtest 'admission comes before the body' => sub {
	like(head_only('Content-Length' => 500_000, 'Sec-Fetch-Site' => 'cross-site'), qr{^HTTP/1\.1 403}, 'refused at once');
	# nginx says 100 even then, but in the same breath.
	like(head_only('Content-Length' => 500_000, Expect => '100-continue', 'Sec-Fetch-Site' => 'cross-site'),
		qr{^HTTP/1\.1 403}m, 'with Expect too');
	like(head_only('Content-Length' => 500_000, Expect => '100-continue'), qr{^HTTP/1\.1 100}, '100 for what will not');
	like(head_only('Content-Length' => 50_000_000), qr{^HTTP/1\.1 413}, 'too large is refused at once');
	is(head_only('Content-Length' => 500_000), '', 'the rest waits for the body');
	ok(wait_until(5, sub { spool() == 0 }), 'and nothing stays in the spool');
};

subtest 'uploads cut off leave nothing' => sub {
	for my $bytes (0, 1, 1000, 100_000, 400_000) {
		my $socket = $stack->connect;
		syswrite $socket, "PUT /jobs/upload/cut.bin HTTP/1.1\r\nHost: 127.0.0.1:$stack->{port}\r\nContent-Length: 500000\r\n\r\n" . 'x' x $bytes;
		select undef, undef, undef, 0.1;
		close $socket;
	}
	ok(wait_until(10, sub { spool() == 0 }), 'the spool is empty');
	my ($status, $list) = $stack->cli('job', 'list', '--json');
	is($status, 0, 'the list of jobs can be read');
	unlike($list, qr/cut\.bin/, 'and no job was made');
};

is_deeply([$stack->stop], [], 'no process is left');

SKIP: {
	skip 'a full disk needs root, to mount a small one', 1 if $> != 0;
	subtest 'a full disk is 507' => sub {
		my $dir = File::Temp::tempdir('dm-XXXXXX', TMPDIR => 1, CLEANUP => 1);
		chmod 0755, $dir;
		mkdir "$dir/state";
		my $small = Dropmill::Stack->start(state => "$dir/state", log => "$dir/log",
			config => { disk_low => '1M', upload_max => '1G' },
			command => ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o size=16m,mode=755 none "$STATE" && exec "$0"',
				Dropmill::Stack::top() . '/scripts/run']);
		my $full = $small->raw("PUT /jobs/upload/big.bin HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 30000000\r\n\r\n");
		like($full, qr{^HTTP/1\.1 507}, 'declared: refused by admission');
		my $count = 0;
		my $chunked = $small->request('PUT', '/jobs/upload/big.bin', content => sub { $count++ < 300 ? 'x' x 100_000 : undef });
		is($chunked->{status}, 507, 'not declared: refused when the disk is full');
		my $spool = '/proc/' . $small->supervisor . "/root$dir/state/spool";
		my $left = -1;
		ok(wait_until(5, sub { $left = () = glob "$spool/*"; $left == 0 }), 'nothing is left in the spool');
		is($small->request('PUT', '/jobs/upload/small.bin', content => 'x' x 1000)->{status}, 201, 'what fits is taken');
		is_deeply([$small->stop], [], 'no process is left');
	};
}

done_testing;
