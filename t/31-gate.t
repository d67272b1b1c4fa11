# The gate: who may send what from where, answers in the client's form, and admission before a body.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Cgi;
use Test::More;

our $web = Dropmill::Cgi->new(config => { hosts => 'localhost 127.0.0.1 [::1] mill.example', upload_max => '1000' });
my $job = $web->request(PUT => '/jobs/upload/a.txt', body => "hello\n")->{json}{jobs}[0]{uuid};

subtest 'host' => sub {
	is($web->request(GET => '/healthz', host => $_)->{status}, 200, "our name: $_")
		for qw(localhost localhost:8080 LOCALHOST 127.0.0.1:1 [::1] [::1]:80 Mill.Example:443);
	is($web->request(GET => '/healthz', host => $_)->{status}, 421, "not our name: $_")
		for qw(evil.example localhost.evil.example local mill.example.evil [::2] *), 'localhost mill.example';
	is($web->request(GET => '/healthz', host => undef)->{status}, 400, 'no Host');
	my $any = Dropmill::Cgi->new(config => { hosts => '*' }, bare => 1);
	is($any->request(GET => '/healthz', host => 'evil.example')->{status}, 200, 'hosts = * takes any');
	my $based = Dropmill::Cgi->new(config => { base_url => 'https://mill.example:8443' }, bare => 1);
	is($based->request(GET => '/healthz', host => 'mill.example:8443')->{status}, 200, 'the name of base_url is ours');
	is($based->request(GET => '/healthz', host => 'mill')->{status}, 421, 'a part of it is not');
};

subtest 'origin' => sub {
	# headers => status of a request that changes something
	for my $case (
		[{}, 404, 'neither header: not a browser'],
		[{ sec_fetch_site => 'same-origin' }, 404, 'own page'],
		[{ sec_fetch_site => 'same-origin', origin => 'http://evil' }, 404, 'Sec-Fetch-Site decides alone'],
		[{ sec_fetch_site => 'same-site' }, 403, 'a neighbour'],
		[{ sec_fetch_site => 'cross-site' }, 403, 'another site'],
		[{ sec_fetch_site => 'cross-site', origin => 'http://localhost' }, 403, 'another site with our Origin'],
		[{ sec_fetch_site => 'none' }, 403, 'typed by hand'],
		[{ sec_fetch_site => '' }, 403, 'an empty Sec-Fetch-Site'],
		[{ origin => 'http://localhost' }, 404, 'our Origin'],
		[{ origin => 'https://localhost' }, 403, 'another scheme'],
		[{ origin => 'http://localhost:81' }, 403, 'another port'],
		[{ origin => 'http://evil.example' }, 403, 'another Origin'],
		[{ origin => 'http://localhost.evil.example' }, 403, 'an Origin that begins like ours'],
		[{ origin => 'null' }, 403, 'Origin: null'],
		[{ origin => '' }, 403, 'an empty Origin'],
	) {
		my ($headers, $status, $name) = @$case;
		is($web->request(POST => '/jobs/999/cancel', %$headers)->{status}, $status, "POST: $name");
		is($web->request(DELETE => '/jobs/999', %$headers)->{status}, $status, "DELETE: $name");
		is($web->request(GET => '/healthz', %$headers)->{status}, 200, "GET is not asked: $name");
	}
	is($web->request(POST => '/jobs/999/cancel', origin => 'http://localhost:8080', host => 'localhost:8080')->{status},
		404, 'our Origin with a port');
	my $based = Dropmill::Cgi->new(config => { base_url => 'https://mill.example' }, bare => 1);
	is($based->request(POST => '/jobs/999/cancel', origin => 'https://mill.example')->{status}, 404, 'Origin of base_url');
	is($based->request(POST => '/jobs/999/cancel', origin => 'http://localhost')->{status}, 403,
		'with base_url the Host does not count');
};

subtest 'bodies' => sub {
	my $form = 'application/x-www-form-urlencoded';
	is($web->request(GET => '/healthz', content_length => 5, body => 'x=1&y')->{status}, 413, 'a GET takes no body');
	is($web->request(POST => '/jobs/999/cancel', content_type => 'application/json', body => '{}')->{status}, 415,
		'a form route takes forms');
	is($web->request(POST => '/jobs/999/cancel', content_type => "$form; charset=utf-8", body => 'back=%2F')->{status},
		404, 'a form');
	is($web->request(POST => '/jobs/999/cancel', content_type => $form, body => 'a=' . 'x' x 65536)->{status}, 413,
		'a form past 64 KiB');
	is($web->request(POST => '/jobs/999/cancel', content_type => $form, body => 'a=1', content_length => 10)->{status},
		400, 'a form that was cut off');
	is($web->request(POST => '/jobs/999/cancel', content_type => $form, body => 'a=%x')->{status}, 400,
		'a form with a stray per cent sign');
	is($web->request(POST => '/jobs/999/cancel', content_length => $_)->{status}, 400, "Content-Length: $_")
		for '-1', 'x', '99999999999999999999', '1 2';
	my $answer = $web->request(POST => '/jobs/999/cancel', content_type => $form, body => 'back=%00');
	is($answer->{status}, 422, 'NUL in a value');
	is($answer->{json}{field}, 'back', 'names the field');
	is($web->request(POST => '/jobs/999/cancel', content_type => $form, body => $_)->{status}, 422, "refused: $_")
		for 'back=%ff', 'back=/a&back=/b', 'back=' . 'x' x 3000, 'back=a%0Ab';
};

subtest 'filters' => sub {
	my %bad = (
		'status=nonsense' => 'status', 'status=pending&status=failed' => 'status', 'limit=0' => 'limit',
		'limit=101' => 'limit', 'limit=1e1' => 'limit', 'limit=%FF' => 'limit', 'order=random' => 'order',
		'after=0' => 'after', 'before=-1' => 'before', 'after=99999999999999999999' => 'after',
		'after=1&before=2' => 'before', 'q=ab' => undef, 'q=' . 'x' x 201 => 'q', 'type=a%00b' => 'type',
	);
	for my $query (sort keys %bad) {
		my $answer = $web->request(GET => "/jobs/table?$query", accept => 'application/json');
		is($answer->{status}, 422, "422 for $query") or diag $answer->{raw};
		is($answer->{json}{field}, $bad{$query}, "field of $query");
		like($answer->{json}{detail}, qr/\w+ \w+/, "a sentence: $answer->{json}{detail}");
		is($web->request(GET => "/?$query")->{status}, 422, "the page too");
	}
	is($web->request(GET => "/jobs/table?$_", accept => 'application/json')->{status}, 200, "fine: $_")
		for 'status=queued', 'status=RUNNING', 'status=canceled', 'status=', 'unknown=1', 'q=hello', 'q=%22%27%2a',
		'type=none', 'limit=100&order=oldest&after=5', 'status=ok&type=inspect&q=abc&before=7';
};

subtest 'forms of an error' => sub {
	for my $case ([{ accept => 'text/html,*/*;q=0.8' }, 'text/html; charset=utf-8', qr/<html/],
		[{ accept => 'application/json' }, 'application/problem+json', qr/^\{/],
		[{ accept => 'text/html;q=0.5, application/json' }, 'application/problem+json', qr/^\{/],
		[{ accept => 'application/problem+json' }, 'application/problem+json', qr/^\{/],
		[{ hx_request => 'true', accept => 'text/html' }, 'text/html; charset=utf-8', qr/^(?!.*<html)/s],
		[{ hx_request => 'true', hx_request_type => 'full' }, 'text/html; charset=utf-8', qr/<html/],
		[{ hx_request => 'true', hx_history_restore_request => 'true' }, 'text/html; charset=utf-8', qr/<html/],
		[{}, 'text/html; charset=utf-8', qr/<html/]) {
		my ($headers, $type, $content) = @$case;
		my $answer = $web->request(GET => '/jobs/999', %$headers);
		my $name = join ', ', map { "$_: $headers->{$_}" } sort keys %$headers;
		is($answer->{status}, 404, "404 ($name)");
		is($answer->{headers}{'content-type'}, $type, "type ($name)");
		like($answer->{content}, $content, "body ($name)");
		is($answer->{headers}{vary}, 'HX-Request, Accept', "Vary ($name)");
	}
	my $fragment = $web->request(GET => '/jobs/999', hx_request => 'true');
	is($fragment->{headers}{'hx-retarget'}, '#messages', 'a fragment goes to the messages');
	my $problem = $web->request(POST => '/jobs/%3Cb%3E"/cancel', param => { DROPMILL_REQUEST_ID => 'abc123' });
	is($problem->{json}{request_id}, 'abc123', 'the request id of nginx');
	unlike($problem->{content}, qr/<b>/, 'nothing of the request stands in JSON as markup');
	unlike($web->request(GET => '/jobs/%3Cb%3E', accept => 'text/html')->{content}, qr/<b>/, 'nor on the page');
	my $forged = $web->request(GET => '/jobs/999', accept => 'application/json', param => { DROPMILL_REQUEST_ID => "a\nb" });
	like($forged->{json}{request_id}, qr/^[0-9a-f]{32}$/, 'an id of another form is replaced');
};

# Admission asks about a request it has no body of.
sub admit {
	my ($method, $uri, %option) = @_;
	my $declared = delete $option{declared} // '';
	my $answer = $web->request($method => $uri, content_length => undef, %option,
		param => { DROPMILL_ADMIT => 1, DROPMILL_DECLARED => $declared });
	my %h = %{ $answer->{headers} };
	is($answer->{content}, '', 'admission has no body');
	return $answer->{status} if $answer->{status} == 204;
	is($answer->{status}, 403, 'refused by 403');
	like($h{'x-why'}, qr/^[ !#%()*+,.\/0-9:;=?\@A-Z\[\]^_`a-z{|}~-]+$/, 'a sentence that fits anywhere');
	return $h{'x-deny'};
}

subtest 'admission' => sub {
	is(admit(POST => '/jobs', declared => 500), 204, 'an upload');
	is(admit(POST => '/jobs'), 204, 'of unknown size');
	is(admit(PUT => '/jobs/upload/a%20b.txt?type=inspect', declared => 1000), 204, 'raw, at the limit');
	is(admit(POST => '/jobs', declared => 1001), 413, 'larger than upload_max');
	is(admit(POST => '/jobs', declared => '9' x 30), 400, 'a size that is none');
	is(admit(POST => '/jobs', host => 'evil.example'), 421, 'another Host');
	is(admit(POST => '/jobs', sec_fetch_site => 'cross-site'), 403, 'from another site');
	is(admit(PUT => '/jobs/upload/a', origin => 'http://evil.example'), 403, 'another Origin');
	is(admit(PUT => '/jobs/upload/a/b'), 404, 'no such path');
	is(admit(PUT => '/jobs', declared => 5), 405, 'another method');
	is(admit(GET => '/jobs'), 204, 'a GET is left to the handler, which knows Allow');
	is(admit(GET => '/jobs', declared => 5), 405, 'but not with a body');
	is(admit(POST => '/jobs/%'), 400, 'a malformed path');
	is($web->request(POST => '/jobs/999/cancel', dropmill_admit => 1)->{status}, 404, 'a client cannot ask for it');
	local $web = Dropmill::Cgi->new(config => { disk_low => '1024T' });
	is(admit(POST => '/jobs', declared => 5), 507, 'the disk is almost full');
	is($web->request(PUT => '/jobs/upload/x', body => 'x')->{status}, 507, 'the handler says so too');
	is_deeply([$web->files], [], 'and nothing is left');
};

subtest 'cookies' => sub {
	is($web->request(GET => '/healthz', cookie => join('; ', map { "c$_=1" } 1 .. 101))->{status}, 400, 'too many cookies');
	is($web->request(GET => '/healthz', cookie => 'a=1; junk; =x; b="2"')->{status}, 200, 'odd cookies are skipped');
};
done_testing;
