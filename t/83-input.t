#!/usr/bin/perl
# Bad and odd input through nginx, as bytes on a socket: each case has a status and a sentence of its own,
# leaves nothing in spool and store, makes no job, and takes no process down. The handlers' own table is in
# t/32-upload.t; here it is what a client on the network can do.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Load qw(store_files spool_files);
use Dropmill::Process qw(children identity wait_until);
use Dropmill::Stack;
use Encode qw(encode_utf8);
use JSON::PP qw(decode_json);
use Test::More;
binmode Test::More->builder->$_, ':utf8' for qw(output failure_output todo_output);

my $stack = Dropmill::Stack->start(config => { upload_max => '1M', sweep_age => '1h' });
my $host = "127.0.0.1:$stack->{port}";
my $form = 'multipart/form-data; boundary=----B';

sub file { my ($name, $content) = @_; return part(qq{name="files"; filename="$name"}, $content) }
sub part { my ($disposition, $content, @more) = @_; return join "\r\n", '------B', (map { $_ } "Content-Disposition: form-data; $disposition", @more), '', "$content\r\n" }
sub form { return join('', @_) . "------B--\r\n" }

# A request as bytes; headers that are undef are left out. `body` without a length gets its own.
sub bytes {
	my ($method, $path, $body, %header) = @_;
	my %all = (Host => $host, Accept => 'application/json', Connection => 'close',
		(defined $body ? ('Content-Length' => length $body) : ()), %header);
	return encode_utf8("$method $path HTTP/1.1\r\n" . join('', map { "$_: $all{$_}\r\n" } grep { defined $all{$_} } sort keys %all)
		. "\r\n") . ($body // '');
}
sub post { my ($body, %header) = @_; return bytes(POST => '/jobs', $body, 'Content-Type' => $form, %header) }
sub put { my ($path, $body, %header) = @_; return bytes(PUT => $path, $body, %header) }
sub chunked { my ($body) = @_; return join '', map({ sprintf "%x\r\n%s\r\n", length, $_ } $body =~ /(.{1,32768})/gs), "0\r\n\r\n" }

# Status, sentence and headers of the answer.
sub answer {
	my ($bytes) = @_;
	my $text = $stack->raw($bytes, 20);
	my ($head, $content) = split /\r\n\r\n/, $text, 2;
	my ($status) = ($head // '') =~ m{^HTTP/1\.1 (\d+)} or return { status => 0, text => $text };
	if ($head =~ /^Transfer-Encoding: chunked/mi) {
		my $whole = '';
		while ($content =~ s/^([0-9a-f]+)\r\n//i && hex $1) { $whole .= substr $content, 0, hex $1, ''; $content =~ s/^\r\n// }
		$content = $whole;
	}
	my $json = eval { decode_json($content) };
	return { status => $status, head => $head, json => $json, text => $text };
}

my @processes = map { identity($_) } map { my $part = $stack->part($_); ($part, children($part)) } qw(web nginx processor);
my $good = form(file('a.txt', 'hello'));
my $is_there = answer(post($good))->{json}{jobs}[0]{uuid};
ok(wait_until(30, sub { ($stack->json("/jobs/$is_there")->{job}{status} // '') eq 'completed' }), 'what is right is done');
my $jobs = $stack->json('/jobs/table')->{count};
my $files = store_files($stack);

my @refused = (
	# what, status, sentence, bytes
	['no file', 422, qr/no file/, post(form(part('name="type"', 'inspect')))],
	['a file field left empty', 422, qr/no file/, post(form(part('name="files"; filename=""', '')))],
	['an empty file', 422, qr/empty: e\.txt/, post(form(file('e.txt', '')))],
	['an empty file behind a good one', 422, qr/empty/, post(form(file('a', 'x'), file('e', '')))],
	['an empty body by PUT', 422, qr/empty/, put('/jobs/upload/a', '')],
	['no body', 400, qr/boundary|cut off/, post('')],
	['no length', 400, qr/no body/, post(undef)],
	['no type', 415, qr/multipart/, post($good, 'Content-Type' => undef)],
	['another type', 415, qr/multipart/, post('{}', 'Content-Type' => 'application/json')],
	['no boundary', 400, qr/no boundary/, post($good, 'Content-Type' => 'multipart/form-data')],
	['a wrong boundary', 400, qr/does not begin/, post($good, 'Content-Type' => 'multipart/form-data; boundary=C')],
	['5,000 files', 413, qr/1000 parts/, post(form(map { file("f$_", 'x') } 1 .. 5000))],
	['5,000 fields', 413, qr/too many/, post(form(map { part("name=\"f$_\"", '') } 1 .. 5000))],
	['huge headers of a part', 413, qr/8192/, post(form(part('name="files"; filename="a"', 'x', 'X: ' . 'x' x 60_000)))],
	['headers of a part without end', 413, qr/8192/, post("------B\r\n" . "X: y\r\n" x 50_000)],
	['NUL in a header of a part', 400, qr/NUL/, post(form(part('name="files"; filename="a"', 'x', "X: \0")))],
	['NUL in a file name', 400, qr/NUL/, post(form(file("a\0b", 'x')))],
	['NUL in a file name by filename*', 400, qr/NUL/, post(form(part(q{name="files"; filename*=UTF-8''a%00b}, 'x')))],
	['NUL in a path', 400, qr/understood/, put('/jobs/upload/a%00b', 'x')],
	['a path that climbs', 400, qr/'\.\.' parts/, put('/jobs/upload/../../etc/passwd', 'x')],
	['a path that climbs in disguise', 400, qr/must not climb/, put('/jobs/upload/..%2F..%2Fetc%2Fpasswd', 'x')],
	['a file name that is not UTF-8', 400, qr/UTF-8/, post(form(file("\xff\xfe", 'x')))],
	['a file name of dots', 422, qr/no usable name/, post(form(file('..', 'x')))],
	['a file name of nothing', 422, qr/no usable name/, post(form(file('../../', 'x')))],
	['a quote in a file name left open', 400, qr/malformed/, post(form(part('name="files"; filename="a', 'x')))],
	['a line break in a file name', 400, qr/malformed|CR|name/, post(form(part("name=\"files\"; filename=\"a\r\nb\"", 'x')))],
	['a body over the limit', 413, qr/larger/, post(form(file('big', 'x' x 1_100_000)))],
	['a body over the limit by PUT', 413, qr/larger/, put('/jobs/upload/big', 'x' x 1_100_000)],
	['a body over the limit that does not say so', 413, qr/larger/,
		put('/jobs/upload/big', chunked('x' x 3_000_000), 'Content-Length' => undef, 'Transfer-Encoding' => 'chunked')],
	['an unknown job type', 422, qr/no such job type/, post(form(part('name="type"', 'nonsense'), file('a', 'x')))],
	['a method that an address does not take', 405, qr/this address takes [A-Z]+/, bytes(DELETE => '/jobs/table')],
	['PATCH of the table', 405, qr/this address takes [A-Z]+/, bytes(PATCH => '/jobs/table', 'x')],
	['GET of the upload address', 405, qr/this address takes [A-Z]+/, bytes(GET => '/jobs/upload/a')],
	['a method that nobody knows', 405, qr/this address takes [A-Z]+/, bytes(BREW => '/')],
	['TRACE', 405, qr/method/, bytes(TRACE => '/')],
	['an unknown address', 404, qr/nothing at this address/, bytes(GET => '/nowhere')],
	['an unknown job', 404, qr/no such job|nothing here/, bytes(GET => '/jobs/999999')],
	['an unknown state in the filter', 422, qr/status/, bytes(GET => '/jobs/table?status=exploded')],
	['a state that is not UTF-8', 422, qr/UTF-8|status/, bytes(GET => '/jobs/table?status=%ff')],
	['a search with NUL', 422, qr/NUL|control|UTF-8/, bytes(GET => '/jobs/table?q=abc%00d')],
	['a page that is no number', 422, qr/before|after|number/, bytes(GET => '/jobs/table?before=x')],
	['a limit that is no number', 422, qr/limit/, bytes(GET => '/jobs/table?limit=-1')],
);

for my $case (@refused) {
	my ($what, $status, $sentence, $bytes) = @$case;
	my $answer = answer($bytes);
	is($answer->{status}, $status, "$what: $status") or diag substr $answer->{text}, 0, 2000;
	like($answer->{json}{detail} // '', $sentence, "$what: " . ($answer->{json}{detail} // 'no sentence'));
	like($answer->{head}, qr/^Allow: [A-Z, ]+\r?$/mi, "$what: Allow") if $status == 405 && $what !~ /TRACE/;
}

sub nothing_left {
	my ($what) = @_;
	ok(wait_until(10, sub { !spool_files($stack) }), "$what: nothing is left in the spool") or diag spool_files($stack);
	is(scalar store_files($stack), $files, "$what: nothing more in the store");
	is($stack->json('/jobs/table')->{count}, $jobs, "$what: no job");
}
nothing_left('refused');

subtest 'a body that ends early' => sub {
	my $body = form(part('name="type"', 'inspect'), file('a.txt', "hello\r\n"));
	my %seen;
	for my $length (0 .. length($body) - 3) {
		my $answer = answer(post(substr $body, 0, $length));
		$seen{ $answer->{status} }++;
		diag "$length: $answer->{text}" if $answer->{status} != 400;
	}
	is_deeply([ keys %seen ], [400], 'by its own length: always 400');
	# The client goes away in the middle, at every byte: of the head and of the body.
	my $request = post($body);
	for my $length (1 .. length($request) - 1) {
		my $socket = $stack->connect;
		syswrite $socket, substr $request, 0, $length;
		close $socket;
	}
	nothing_left('cut off');
};

# Names that are odd but can be kept: for display only.
my %names = (
	'../../etc/passwd' => 'passwd', '..\\\\..\\\\boot.ini' => 'boot.ini', 'say \\"x\\".txt' => 'say "x".txt', "it's; rm -rf" => "it's; rm -rf",
	'x' x 300 => 'x' x 255, 'ä' x 150 => 'ä' x 127, "\x{202e}gpj.exe" => 'gpj.exe', 'שלום עולם.txt' => 'שלום עולם.txt',
	'a%0d%0aSet-Cookie: x' => 'aSet-Cookie: x', '<img src=x onerror=alert(1)>' => '<img src=x onerror=alert(1)>', '$(reboot)`id`' => '$(reboot)`id`',
);
subtest 'odd names' => sub {
	for my $sent (sort keys %names) {
		my $answer = answer(post(encode_utf8(form(file($sent, 'odd')))));
		is($answer->{status}, 201, "$sent: 201") or diag($answer->{text}), next;
		my $job = $answer->{json}{jobs}[0];
		is($job->{name}, $names{$sent}, "shown as $names{$sent}");
		my $back = $stack->get($job->{inputs}[0]{download_url});
		is("$back->{status} " . ($back->{content} // ''), '200 odd', 'and served');
		is($back->{headers}{'set-cookie'}, undef, 'without a header of its own');
		my $page = $stack->get("/jobs/$job->{uuid}", Accept => 'text/html');
		is($page->{status}, 200, 'its page');
		unlike($page->{content}, qr/<img src=x/, 'with the name as text');
	}
	is(answer(put('/jobs/upload/..%5C..%5Cboot.ini', 'x'))->{json}{jobs}[0]{name}, 'boot.ini', 'by path');
	is(answer(put('/jobs/upload/' . 'y' x 300, 'x'))->{json}{jobs}[0]{name}, 'y' x 255, 'a long one by path');
};

subtest 'when all of it is deleted nothing is left' => sub {
	wait_until(60, sub { my $c = $stack->json('/jobs/table?limit=1')->{counts}; !$c->{pending} && !$c->{processing} });
	for my $job (@{ $stack->json('/jobs/table?limit=100')->{jobs} }) {
		is($stack->request('DELETE', "/jobs/$job->{uuid}", headers => { Accept => 'application/json' })->{status}, 204, "$job->{uuid} goes");
	}
	($files, $jobs) = (0, 0);
	nothing_left('deleted');
};

is_deeply([ grep { identity((split /@/)[0]) ne $_ } @processes ], [], 'no process has died');
is_deeply([ $stack->stop ], [], 'no process is left');
done_testing;
