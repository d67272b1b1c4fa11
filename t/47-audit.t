# Whoever changes something leaves one row in the audit log, which tells who, by what, from where, in which
# request, what was done, and to what; what is refused changes nothing and leaves none, but for attempts to sign
# in. Rows cannot be changed or taken away. A route that changes something and has no row here fails.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::People;
use Dropmill::Pool;
use JSON::PP qw(decode_json);
use Test::More;

our $web = Dropmill::Pool->new(config => { auth => 'password' });
my $people = Dropmill::People->new($web);
my $org = $people->org('acme');
$people->user('mary', org => $org, role => 'operator', password => 1);
my $form = 'application/x-www-form-urlencoded';
my $good = 'user=mary&password=' . Dropmill::People::PASSWORD =~ s/ /+/gr;
my $made = 0;

sub job {
	my ($type, $set) = @_;
	my $answer = $web->request(PUT => '/jobs/upload/f.txt?type=' . ($type // 'inspect'), body => 'x' . $made++, accept => 'application/json', $people->as('mary'));
	my $id = $answer->{json}{jobs}[0]{id} // die $answer->{raw};
	$web->sql("UPDATE jobs SET $set WHERE id = $id") if $set;
	return $id;
}
my $ended = "status = 'failed', ready = 0, completed_at = 1";

# The route => what makes the address (and a body, and an id), the action, what it is done to ($_[0]: the id), the detail,
# by what alone (undef: session or token), how many rows if it is two acts, whose data it is about.
my $of_job = sub { return "job $_[0]" };
my $newest = sub { return 'job ' . $web->sql('SELECT MAX(id) FROM jobs') };
my $leased = "status = 'processing', ready = 0, attempt = 1, started_at = 1, lease_token = '" . '0' x 32 . "', lease_until = 1000000000000";
my $by_lease = { content_type => 'application/json', body => '{"lease_token":"' . '0' x 32 . '"}' };
$web->publish_type('far', command => [], runner => 'external');
my %row = (
	'POST /jobs' => [sub { ('/jobs', { content_type => 'multipart/form-data; boundary=x', body => join('', map { "--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"$_\"\r\n\r\nc\r\n" } qw(a b c)) . "--x--\r\n" }) },
		'job.create', sub { 'job ' . $web->sql('SELECT MAX(id) - 2 FROM jobs') }, { name => 'a', jobs => 3, bytes => 3 }],
	'PUT /jobs/upload/{filename}' => [sub { ('/jobs/upload/f', { body => 'x' }) }, 'job.create', sub { 'job ' . $web->sql('SELECT MAX(id) FROM jobs') }, { name => 'f', jobs => 1, bytes => 1 }],
	'DELETE /jobs/{job}' => [sub { my $id = job(); ("/jobs/$id", {}, $id) }, 'job.delete', $of_job],
	'DELETE /api/jobs/{job}' => [sub { my $id = job(); ("/api/jobs/$id", {}, $id) }, 'job.delete', $of_job],
	'POST /jobs/{job}/delete' => [sub { my $id = job(); ("/jobs/$id/delete", {}, $id) }, 'job.delete', $of_job],
	'POST /jobs/{job}/retry' => [sub { my $id = job(undef, $ended); ("/jobs/$id/retry", {}, $id) }, 'job.retry', $of_job],
	'POST /jobs/{job}/cancel' => [sub { my $id = job(); ("/jobs/$id/cancel", {}, $id) }, 'job.cancel', $of_job],
	'POST /jobs/{job}/pause' => [sub { my $id = job(); ("/jobs/$id/pause", {}, $id) }, 'job.pause', $of_job],
	'POST /jobs/{job}/resume' => [sub { my $id = job(undef, "status = 'paused', ready = 0"); ("/jobs/$id/resume", {}, $id) }, 'job.resume', $of_job],
	'POST /jobs/{job}/move' => [sub { my $id = job('manual'); ("/jobs/$id/move", { content_type => $form, body => 'status=processing&reason=because' }, $id) }, 'job.processing', $of_job, { reason => 'because' }],
	'PATCH /api/jobs/{job}' => [sub { my $id = job('manual'); ("/api/jobs/$id", { content_type => 'application/json', body => '{"status":"cancelled"}' }, $id) }, 'job.cancelled', $of_job],
	'POST /api/jobs' => [sub { ('/api/jobs', { content_type => 'application/json', body => '{"name":"by hand"}' }) }, 'job.create', $newest, { name => 'by hand', jobs => 1, bytes => 0 }],
	'POST /api/project/{project}/jobs' => [sub { ('/api/project/' . $people->default_project($org) . '/jobs', { content_type => 'application/json', body => '{"job_type":"manual"}' }) }, 'job.create', $newest, { name => 'manual', jobs => 1, bytes => 0 }],
	'POST /processing_file' => [sub { ('/processing_file', { content_type => 'multipart/form-data; boundary=x', body => "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"c.csv\"\r\n\r\na,b\n1,2\n\r\n--x--\r\n" }) }, 'job.create', $newest, { name => 'c.csv', jobs => 1, bytes => 8 }],
	'POST /jobs/bulk' => [sub { my $id = job(); ('/jobs/bulk', { content_type => $form, body => "action=pause&ids=$id" }, $id) }, 'job.pause', $of_job],
	'DELETE /processing_file/{job}' => [sub { my $id = job(); ("/processing_file/$id", {}, $id) }, 'job.cancel', $of_job],
	'POST /api/work/claim' => [sub { my $id = job('far'); ('/api/work/claim', { content_type => 'application/json', body => '{"types":["far"]}' }, $id) }, 'work.claim', $of_job],
	'POST /api/work/{job}/complete' => [sub { my $id = job('far', $leased); ("/api/work/$id/complete", $by_lease, $id) }, 'work.complete', $of_job],
	'POST /api/work/{job}/fail' => [sub { my $id = job('far', $leased); ("/api/work/$id/fail", $by_lease, $id) }, 'work.fail', $of_job],
	'POST /login' => [sub { ('/login', { content_type => $form, body => $good, cookie => undef, authorization => undef }) }, 'session.begin', sub { 'mary' }, undef, 'password'],
	'POST /login/{secret}' => [sub { ('/login/' . $people->link('mary'), { cookie => undef, authorization => undef }) }, 'session.begin', sub { 'mary' }, undef, 'link'],
	'GET /login/{secret}' => [sub { ('/login/' . $people->link('mary'), { cookie => undef, authorization => undef, sec_fetch_site => 'none' }) }, 'session.begin', sub { 'mary' }, undef, 'link'],
	'POST /logout' => [sub { ('/logout', { cookie => 'dropmill=' . $people->session('mary'), authorization => undef }) }, 'session.end', sub { 'mary' }, undef, 'session'],
);
# A user, project, organisation that is there for one question.
sub form { return { content_type => $form, body => $_[0] } }
sub user { my $name = 'user' . ++$made; $people->user($name, org => $org, @_); return $name }
sub project { my $name = 'project' . ++$made; return ($people->project($org, $name), $name) }
my $of_user = sub { return $_[0] };
%row = (%row,
	'POST /account/password' => [sub { ('/account/password', form('current=' . ($good =~ s/.*password=//r) . '&password=another+7+good+words')) }, 'user.password', sub { 'mary' }, {}, 'session', 2], # and the session that goes on in a new one
	'POST /account/sessions/end' => [sub { ('/account/sessions/end', {}) }, 'session.end-others', sub { 'mary' }, {}, 'session'],
	'POST /account/sessions/{id}/end' => [sub { $people->session('mary'); ('/account/sessions/' . $web->sql('SELECT MAX(id) FROM sessions') . '/end', {}) }, 'session.end', sub { 'mary' }, {}, 'session'],
	'POST /account/tokens' => [sub { ('/account/tokens', form('name=new&read=yes')) }, 'token.create', sub { 'new' }, { user => 'mary', scopes => 'read' }, 'session'],
	'POST /account/tokens/{id}/revoke' => [sub { $people->token('mary', 'read', name => 'old'); ('/account/tokens/' . $web->sql('SELECT MAX(id) FROM tokens') . '/revoke', {}) }, 'token.revoke', sub { 'old' }, { user => 'mary' }, 'session'],
	'POST /projects' => [sub { my $name = 'new' . ++$made; ('/projects', form("name=$name"), $name) }, 'project.create', $of_user],
	'POST /projects/{project}/rename' => [sub { my ($id) = project(); my $name = 'renamed' . ++$made; ("/projects/$id/rename", form("name=$name"), $name) }, 'project.rename', $of_user, undef],
	'POST /projects/{project}/delete' => [sub { my ($id, $name) = project(); ("/projects/$id/delete", {}, $name) }, 'project.delete', $of_user],
	'POST /admin/types/{type}/pause' => [sub { $web->sql('DELETE FROM type_pauses'); ('/admin/types/inspect/pause', {}) }, 'type.pause', sub { 'inspect' }, undef, undef, undef, sub { 0 }],
	'POST /admin/types/{type}/resume' => [sub { $web->sql("INSERT OR IGNORE INTO type_pauses VALUES ('inspect', 'x', 1)"); ('/admin/types/inspect/resume', {}) }, 'type.resume', sub { 'inspect' }, undef, undef, undef, sub { 0 }],
	'POST /admin/users' => [sub { my $name = 'made' . ++$made; ('/admin/users', form("name=$name&role=viewer"), $name) }, 'user.create', $of_user, { role => 'viewer' }, undef, 2], # and a link
	'POST /admin/users/{name}/role' => [sub { my $name = user(); ("/admin/users/$name/role", form('role=viewer'), $name) }, 'user.role', $of_user, { from => 'member', to => 'viewer' }],
	'POST /admin/users/{name}/disable' => [sub { my $name = user(); ("/admin/users/$name/disable", {}, $name) }, 'user.disable', $of_user],
	'POST /admin/users/{name}/enable' => [sub { my $name = user(disabled => 1); ("/admin/users/$name/enable", {}, $name) }, 'user.enable', $of_user],
	'POST /admin/users/{name}/link' => [sub { my $name = user(); ("/admin/users/$name/link", {}, $name) }, 'user.link', $of_user],
	'POST /admin/users/{name}/projects' => [sub { my $name = user(); ("/admin/users/$name/projects", form('sees=some&project[]=' . $people->default_project($org)), $name) }, 'user.projects', $of_user, undef],
	'POST /admin/users/{name}/tokens/{id}/revoke' => [sub { my $name = user(); $people->token($name, 'read', name => "of $name"); ("/admin/users/$name/tokens/" . $web->sql('SELECT MAX(id) FROM tokens') . '/revoke', {}, $name) },
		'token.revoke', sub { "of $_[0]" }],
	'POST /admin/orgs' => [sub { my $name = 'org' . ++$made; ('/admin/orgs', form("name=$name"), $name) }, 'org.create', $of_user, undef, undef, undef, sub { $web->sql("SELECT id FROM orgs WHERE name = '$_[0]'") }],
	'POST /admin/orgs/{org}/limits' => [sub { ("/admin/orgs/$org/limits", form('bytes=&file=&pending=&rate=1000&cap=')) }, 'org.quota', sub { 'acme' }],
);
# News of work that somebody has claimed, which a claim and an end are told of.
my %changes_nothing = map { ("POST /api/work/{job}/$_" => 1) } qw(heartbeat progress);

for (split /\n/, $web->run(Dropmill::Cgi::build() . '/dropmill-web', '--routes')) {
	my ($methods, $pattern) = split /\t/;
	for my $name (map { "$_ $pattern" } grep { $_ ne 'GET' } split /, /, $methods) {
		ok($row{$name} || $changes_nothing{$name}, "$name is asked for here") or diag "add to %row in t/47-audit.t:\n\t'$name' => [sub { ('ADDRESS', { body => ... }) }, 'noun.verb', sub { 'OBJECT' }],";
	}
}

sub rows { return $web->sql('SELECT COUNT(*) FROM audit') }
sub last_row { my @row = split /\x1f/, $web->sql("SELECT org_id || x'1f' || COALESCE(user_id, 0) || x'1f' || actor || x'1f' || via || x'1f' || address || x'1f' || request || x'1f' || action || x'1f' || object || x'1f' || detail FROM audit " . ($_[0] // '') . ' ORDER BY id DESC LIMIT 1'), -1; return @row }

my $requests = 0;
# Ask, and say what is new in the log.
sub act {
	my ($name, %how) = @_;
	my ($method) = split / /, $name;
	my ($path, $more, $id) = $row{$name}[0]->();
	my $request = 'request-' . ++$requests;
	my $before = rows();
	my $answer = $web->request($method => $path, accept => 'application/json', %how, %$more, param => { REMOTE_ADDR => '192.0.2.44', DROPMILL_REQUEST_ID => $request, %{ $how{param} // {} } });
	return ($answer, rows() - $before, $request, $id);
}

my $mary = $people->id('mary');
my $token = $people->token('mary', 'admin', name => 'ci');
for my $name (sort keys %row) {
	my (undef, $action, $object, $detail, $fixed, $rows, $about) = @{ $row{$name} };
	for my $via ('session', 'token ci') {
		my %how = $via eq 'session' ? $people->as('mary') : $people->with($token);
		next if $fixed && $via ne 'session';
		my ($answer, $new, $request, $id) = act($name, %how);
		like($answer->{status}, qr/^[23]0/, "$name by $via") or diag $answer->{raw};
		is($new, $rows // 1, 'leaves one row');
		my @row = last_row($rows ? "WHERE action = '$action'" : '');
		$people->forget if $action eq 'user.password';
		$web->sql('UPDATE users SET password = ' . Dropmill::People::quoted(Dropmill::People::HASH) . " WHERE name = 'mary'") if $action eq 'user.password';
		is_deeply([@row[0 .. 7]], [$about ? $about->($id) : $org, $mary, 'mary', $fixed // $via, '192.0.2.44', $request, $action, $object->($id)], 'which says it all');
		is_deeply(decode_json($row[8]), $detail, 'and what else there is') if $detail;
	}
}
is($web->sql("SELECT COUNT(*) FROM audit WHERE actor = '' AND action <> 'session.refused'"), 0, 'nobody did anything');

subtest 'what is refused' => sub {
	my $id = job();
	my $before = rows();
	$web->request(POST => "/jobs/$id/cancel");
	$web->request(POST => "/jobs/$id/cancel", $people->as('mary'), sec_fetch_site => 'cross-site');
	$web->request(POST => "/jobs/$id/resume", $people->as('mary'));
	$web->request(PATCH => "/api/jobs/$id", content_type => 'application/json', body => '{"status":"completed"}', $people->as('mary'));
	$web->request(GET => $_, $people->as('mary')) for '/', "/jobs/$id", '/jobs/table', "/jobs/$id/files.zip";
	is(rows(), $before, 'and what is only looked at leaves no row');
	is($web->request(POST => '/login', content_type => $form, body => 'user=mary&password=wrong+password', param => { REMOTE_ADDR => '192.0.2.45', DROPMILL_REQUEST_ID => 'r2' })->{status}, 401, 'but a password that is wrong');
	is_deeply([last_row()], [0, 0, '', 'password', '192.0.2.45', 'r2', 'session.refused', 'mary', '{}'], 'does');
	my $kept = [PUT => '/jobs/upload/x', body => 'x', idempotency_key => 'k', $people->as('mary')];
	$web->request(@$kept);
	$before = rows();
	is($web->request(@$kept)->{headers}{'idempotent-replayed'}, 'true', 'an upload that comes again');
	is(rows(), $before, 'is not noted again');
};

subtest 'who it is without a session' => sub {
	for my $case (['none', { auth => 'none' }, {}, 'local'], ['proxy', { auth => 'proxy' }, { DROPMILL_USER => 'mary' }, 'mary']) {
		my ($via, $config, $param, $actor) = @$case;
		local $web = Dropmill::Pool->new(config => $config);
		Dropmill::People->new($web)->user('mary');
		my $put = $web->request(PUT => '/jobs/upload/x', body => 'x', sec_fetch_site => 'same-origin', param => { REMOTE_ADDR => '192.0.2.46', DROPMILL_REQUEST_ID => 'r3', %$param });
		is($put->{status}, 201, "auth = $via");
		is_deeply([(last_row())[0, 2 .. 7]], [1, $actor, $via, '192.0.2.46', 'r3', 'job.create', 'job 1'], 'is told too');
	}
};

subtest 'rows stay as they are' => sub {
	for my $text ("UPDATE audit SET actor = 'nobody'", 'UPDATE audit SET id = id + 1 WHERE id = 1', 'DELETE FROM audit', 'DELETE FROM audit WHERE id = 1',
		"INSERT OR REPLACE INTO audit SELECT id, at, org_id, user_id, 'nobody', via, address, request, action, object, detail FROM audit WHERE id = 1") {
		my $before = $web->sql('SELECT * FROM audit');
		ok(!eval { $web->sql($text); 1 }, "refused: $text");
		like($@, qr/only added to/, 'with the reason');
		is($web->sql('SELECT * FROM audit'), $before, 'nothing has changed');
	}
	my $before = rows();
	$web->sql("DELETE FROM jobs WHERE org_id = $org");
	is(rows(), $before, 'they outlive what they are about');
};
done_testing;
