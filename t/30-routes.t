# Every route of the table is asked for here, and its answer checked for status and form. A route that
# is added without a row fails; so does a row whose route is gone.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Cgi;
use Test::More;

my $web = Dropmill::Cgi->new;
$ENV{BUILD} //= "$FindBin::Bin/../build";
my $made = $web->request(PUT => '/jobs/upload/a.txt', body => "hello\n");
is($made->{status}, 201, 'a job to ask for') or BAIL_OUT($made->{raw} . $web->{stderr});
my $job = $made->{json}{jobs}[0]{uuid};

sub another {
	return $web->request(PUT => '/jobs/upload/b.txt', body => "more\n")->{json}{jobs}[0]{uuid};
}

sub by_hand {
	return $web->request(PUT => '/jobs/upload/c.txt?type=manual', body => "more\n")->{json}{jobs}[0]{uuid};
}

# Where people sign in: the same, for pages that need somebody who has.
my $site = Dropmill::Cgi->new(config => { auth => 'password' });
my $cookie = $site->sign_in('admin');
$site->run("$ENV{BUILD}/dropmill", 'user', 'create', 'vera', '--role', 'viewer');

sub signed_in {
	my ($method, $path, $form) = @_;
	return $site->request($method => $path, cookie => $cookie, accept => 'text/html', sec_fetch_site => 'same-origin',
		$method eq 'POST' ? (content_type => 'application/x-www-form-urlencoded', body => $form // '') : ());
}

# method and pattern => [ sub that makes the request, status, content type ]
my $json = qr{^application/json$};
my $problem = qr{^application/problem\+json$};
my $html = qr{^text/html; charset=utf-8$};
my %row = (
	'GET /' => [sub { $web->request(GET => '/') }, 200, $html],
	'POST /jobs' => [
		sub {
			$web->request(POST => '/jobs', content_type => 'multipart/form-data; boundary=x',
				body => "--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"c\"\r\n\r\nc\r\n--x--\r\n");
		}, 201, $json
	],
	'PUT /jobs/upload/{filename}' => [sub { $web->request(PUT => '/jobs/upload/d', body => 'd') }, 201, $json],
	'GET /jobs/table' => [sub { $web->request(GET => '/jobs/table', hx_request => 'true') }, 200, $html],
	'GET /jobs/form' => [sub { $web->request(GET => '/jobs/form?new=inspect', hx_request => 'true') }, 200, $html],
	'GET /jobs/{job}' => [sub { $web->request(GET => "/jobs/$job") }, 200, $html],
	'DELETE /jobs/{job}' => [sub { $web->request(DELETE => '/jobs/' . another()) }, 204, undef],
	'POST /jobs/{job}/pause' => [sub { $web->request(POST => '/jobs/' . another() . '/pause') }, 200, $json],
	'POST /jobs/{job}/resume' => [
		sub { my $id = another(); $web->request(POST => "/jobs/$id/pause"); $web->request(POST => "/jobs/$id/resume") },
		200, $json
	],
	'POST /jobs/{job}/cancel' => [sub { $web->request(POST => "/jobs/$job/cancel") }, 200, $json],
	'POST /jobs/{job}/retry' => [sub { $web->request(POST => "/jobs/$job/retry") }, 200, $json],
	'POST /jobs/{job}/delete' =>
		[sub { $web->request(POST => '/jobs/' . another() . '/delete', accept => 'text/html') }, 303, undef],
	'GET /jobs/{job}/files' => [sub { $web->request(GET => "/jobs/$job/files?kind=in") }, 200, $html],
	'GET /jobs/{job}/files.zip' => [sub { $web->request(GET => "/jobs/$job/files.zip") }, 404, $html],
	'GET /jobs/{job}/files/in/{name}' => [sub { $web->request(GET => "/jobs/$job/files/in/a.txt") }, 200, qr{^text/plain$}],
	'GET /jobs/{job}/files/out/{path}' =>
		[sub { $web->request(GET => "/jobs/$job/files/out/x/y.txt") }, 404, $html],
	'GET /jobs/{job}/log' => [sub { $web->request(GET => "/jobs/$job/log") }, 200, qr{^text/plain; charset=utf-8$}],
	'POST /jobs/{job}/move' =>
		[sub { $web->request(POST => '/jobs/' . by_hand() . '/move', accept => 'text/html',
			content_type => 'application/x-www-form-urlencoded', body => 'status=processing') }, 303, undef],
	'GET /api/jobs/{job}' => [sub { $web->request(GET => "/api/jobs/$job", accept => 'text/html') }, 200, $json],
	'PATCH /api/jobs/{job}' =>
		[sub { $web->request(PATCH => '/api/jobs/' . by_hand(), content_type => 'application/json', body => '{"status":"running"}') },
		200, $json],
	'DELETE /api/jobs/{job}' => [sub { $web->request(DELETE => '/api/jobs/' . another()) }, 204, undef],
	'GET /api/jobs/{job}/statuses' => [sub { $web->request(GET => "/api/jobs/$job/statuses") }, 200, $json],
	'GET /jobs/admit' => [sub { $web->request(GET => '/jobs/admit?size=5') }, 204, undef],
	'GET /login' => [sub { $web->request(GET => '/login') }, 303, undef],
	'POST /login' => [sub { $web->request(POST => '/login') }, 409, $problem],
	'GET /login/{secret}' => [sub { $web->request(GET => '/login/x') }, 404, $html],
	'POST /login/{secret}' => [sub { $web->request(POST => '/login/x') }, 404, $problem],
	'POST /logout' => [sub { $web->request(POST => '/logout') }, 303, undef],
	'GET /account' => [sub { signed_in(GET => '/account') }, 200, $html],
	'POST /account/password' => [sub { signed_in(POST => '/account/password', 'password=short') }, 422, $html],
	'POST /account/sessions/end' => [sub { signed_in(POST => '/account/sessions/end') }, 303, undef],
	'POST /account/sessions/{id}/end' => [sub { signed_in(POST => '/account/sessions/999/end') }, 404, $html],
	'POST /account/tokens' => [sub { signed_in(POST => '/account/tokens', 'name=ci&read=yes') }, 201, $html],
	'POST /account/tokens/{id}/revoke' => [sub { signed_in(POST => '/account/tokens/1/revoke') }, 303, undef],
	'GET /projects' => [sub { $web->request(GET => '/projects') }, 200, $html],
	'POST /projects' => [sub { signed_in(POST => '/projects', 'name=one') }, 303, undef],
	'POST /projects/{project}/rename' => [sub { signed_in(POST => '/projects/one/rename', 'name=two') }, 303, undef],
	'POST /projects/{project}/delete' => [sub { signed_in(POST => '/projects/none/delete') }, 404, $html],
	'GET /admin' => [sub { $web->request(GET => '/admin') }, 200, $html],
	'GET /admin/types/{type}' => [sub { $web->request(GET => '/admin/types/inspect') }, 200, $html],
	'POST /admin/types/{type}/pause' => [sub { signed_in(POST => '/admin/types/inspect/pause') }, 303, undef],
	'POST /admin/types/{type}/resume' => [sub { signed_in(POST => '/admin/types/inspect/resume') }, 303, undef],
	'GET /admin/users' => [sub { $web->request(GET => '/admin/users') }, 200, $html],
	'POST /admin/users' => [sub { signed_in(POST => '/admin/users', 'name=max&role=member') }, 201, $html],
	'GET /admin/users/{name}' => [sub { signed_in(GET => '/admin/users/vera') }, 200, $html],
	'POST /admin/users/{name}/role' => [sub { signed_in(POST => '/admin/users/vera/role', 'role=member') }, 303, undef],
	'POST /admin/users/{name}/disable' => [sub { signed_in(POST => '/admin/users/vera/disable') }, 303, undef],
	'POST /admin/users/{name}/enable' => [sub { signed_in(POST => '/admin/users/vera/enable') }, 303, undef],
	'POST /admin/users/{name}/link' => [sub { signed_in(POST => '/admin/users/vera/link') }, 201, $html],
	'POST /admin/users/{name}/projects' => [sub { signed_in(POST => '/admin/users/vera/projects', 'sees=some') }, 303, undef],
	'POST /admin/users/{name}/tokens/{id}/revoke' => [sub {
		$site->run("$ENV{BUILD}/dropmill", 'token', 'create', '--user', 'vera', '--name', 'x');
		signed_in(POST => '/admin/users/vera/tokens/' . $site->sql('SELECT MAX(id) FROM tokens') . '/revoke')
	}, 303, undef],
	'GET /admin/orgs' => [sub { $web->request(GET => '/admin/orgs') }, 200, $html],
	'POST /admin/orgs' => [sub { signed_in(POST => '/admin/orgs', 'name=Acme') }, 303, undef],
	'GET /admin/orgs/{org}' => [sub { $web->request(GET => '/admin/orgs/1') }, 200, $html],
	'POST /admin/orgs/{org}/limits' => [sub { signed_in(POST => '/admin/orgs/1/limits', 'bytes=1G') }, 303, undef],
	'GET /admin/audit' => [sub { $web->request(GET => '/admin/audit') }, 200, $html],
	'GET /jobs/{job}/detail' => [sub { $web->request(GET => "/jobs/$job/detail", hx_request => 'true', accept => 'text/html') }, 200, $html],
	'POST /processing_file' => [sub { $web->request(POST => '/processing_file', content_type => 'multipart/form-data; boundary=x',
		body => "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"c.csv\"\r\n\r\na,b\n1,2\n\r\n--x--\r\n") }, 201, $json],
	'DELETE /processing_file/{job}' => [sub { $web->request(DELETE => '/processing_file/' . another(), accept => 'application/json') }, 200, $json],
	'GET /processing_file/{job}/detail' => [sub { $web->request(GET => "/processing_file/$job/detail", hx_request => 'true', accept => 'text/html') }, 200, $html],
	'GET /api/jobs' => [sub { $web->request(GET => '/api/jobs') }, 200, $json],
	'POST /api/jobs' => [sub { $web->request(POST => '/api/jobs', content_type => 'application/json', body => '{"name":"x"}') }, 201, $json],
	'GET /api/project/{project}/jobs' => [sub { $web->request(GET => '/api/project/default/jobs') }, 200, $json],
	'POST /api/project/{project}/jobs' => [sub { $web->request(POST => '/api/project/1/jobs', content_type => 'application/json', body => '{"job_type":"manual"}') }, 201, $json],
	'GET /api/jobs/{job}/status' => [sub { $web->request(GET => "/api/jobs/$job/status") }, 200, $json],
	'POST /api/work/claim' => [sub { $web->request(POST => '/api/work/claim', content_type => 'application/json', body => '{}') }, 200, $json],
	(map { my $verb = $_; ("POST /api/work/{job}/$verb" => [sub { $web->request(POST => "/api/work/$job/$verb", content_type => 'application/json',
		body => '{"lease_token":"' . '0' x 32 . '"}') }, 409, $problem]) } qw(heartbeat progress complete fail)),
	'GET /api/openapi.json' => [sub { $web->request(GET => '/api/openapi.json') }, 200, $json],
	'POST /jobs/bulk' => [sub { $web->request(POST => '/jobs/bulk', content_type => 'application/x-www-form-urlencoded', body => 'action=cancel&ids=999999') }, 200, $json],
	'GET /metrics' => [sub { $web->request(GET => '/metrics') }, 200, qr{^text/plain; version=0\.0\.4; charset=utf-8$}],
	'GET /docs' => [sub { $web->request(GET => '/docs') }, 200, $html],
	'GET /healthz' => [sub { $web->request(GET => '/healthz') }, 200, $json],
	'GET /readyz' => [sub { $web->request(GET => '/readyz') }, 503, $json],
);

my %known;
for (split /\n/, $web->run("$ENV{BUILD}/dropmill-web", '--routes')) {
	my ($methods, $pattern, $access, $body, $doc) = split /\t/;
	like($access, qr/^(?:public|viewer|member|admin|operator)$/, "$pattern has an access");
	like($body, qr/^(?:none|form|json|file|any)$/, "$pattern has a body policy");
	ok(length $doc, "$pattern says what it is for");
	for my $method (split /, /, $methods) {
		$known{"$method $pattern"} = 1;
		ok($row{"$method $pattern"}, "$method $pattern is tested here");
		# What changes something is for members, and a GET changes nothing; but everybody has an account.
		isnt($access, 'viewer', "$method $pattern is not for viewers") if $method ne 'GET' && $pattern !~ m{^/account/};
	}
}
ok($known{$_}, "$_ is still a route") for sort keys %row;

# In this order: cancel comes before retry.
for my $name (sort keys %row) {
	my ($ask, $status, $type) = @{ $row{$name} };
	my $answer = $ask->();
	is($answer->{status}, $status, "$name answers $status") or diag $answer->{raw}, $web->{stderr};
	if ($type) { like($answer->{headers}{'content-type'}, $type, "$name: type") }
	else { is($answer->{headers}{'content-type'}, undef, "$name: no type, no body"); is($answer->{content}, '') }
	is($answer->{headers}{'cache-control'}, 'private, no-cache', "$name: not for shared caches");
}

# A trailing slash changes nothing; HEAD is GET without the body.
for my $path ('/jobs/table', "/jobs/$job", "/jobs/$job/log", "/api/jobs/$job", "/api/jobs/$job/statuses", '/healthz') {
	my ($plain, $slash, $head) = map { $web->request(@$_) } [GET => $path], [GET => "$path/"], [HEAD => $path];
	is($slash->{status}, $plain->{status}, "$path/ is $path");
	is($head->{status}, $plain->{status}, "HEAD $path");
	is($head->{content}, '', "HEAD $path has no body");
	is($head->{headers}{'content-type'}, $plain->{headers}{'content-type'}, "HEAD $path: same type");
}

# A job by its number and by its uuid in either case.
my $id = $web->request(GET => "/jobs/$job", accept => 'application/json')->{json}{job}{id};
for my $key ($id, uc $job) {
	is($web->request(GET => "/jobs/$key", accept => 'application/json')->{json}{job}{uuid}, $job, "job by $key");
}
is($web->request(GET => "/jobs/$_")->{status}, 404, "no job $_")
	for 0, -1, 999, '1x', '00000000-0000-7000-8000-000000000000', 'table2', '%31%20';

# Unknown paths, and paths that no client writes by mistake.
is($web->request(GET => $_)->{status}, 404, "nothing at $_")
	for '/x', '/jobs/table/x', "/jobs/$job/x", '/jobs/upload', "/jobs/$job/files/in", '/_admit', '/_store/aa/bb',
	"/jobs/$job/files/in/%2e%2e%2fx";
is($web->request(GET => $_)->{status}, 400, "malformed: $_")
	for '/..', '/jobs/../x', '/jobs//table', '/jobs/%2e%2e/x', '/%', '/%zz', '/jobs/%00', '//', 'jobs',
	'/' . ('a/' x 40) . 'a', '/?a=%', '/?' . join('&', map { "a$_=1" } 1 .. 101);
is($web->request(GET => 'http://localhost/healthz')->{status}, 200, 'an absolute request target');

# Methods: 405 says what would do.
for my $case (['DELETE', '/', 'GET, HEAD'], ['POST', '/jobs/table', 'GET, HEAD'], ['DELETE', '/jobs/table', 'GET, HEAD'],
	['GET', '/jobs', 'POST'], ['GET', "/jobs/$job/cancel", 'POST'], ['POST', '/jobs/upload/x', 'PUT'],
	['PUT', "/jobs/$job", 'GET, HEAD, DELETE'], ['BREW', '/', 'GET, HEAD'], ['OPTIONS', '/healthz', 'GET, HEAD']) {
	my ($method, $path, $allow) = @$case;
	my $answer = $web->request($method => $path);
	is($answer->{status}, 405, "$method $path");
	is($answer->{headers}{allow}, $allow, "$method $path: Allow");
}
done_testing;
