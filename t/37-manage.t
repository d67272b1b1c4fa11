# The pages by which accounts and the site are managed, as plain CGI: who may what, what is said when it is
# not taken, what programs get, and that nobody reaches into another organisation.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Cgi;
use Test::More;

my $form = 'application/x-www-form-urlencoded';
my $cli = ($ENV{BUILD} // "$FindBin::Bin/../build") . '/dropmill';
my $web = Dropmill::Cgi->new(config => { auth => 'password' });
$web->run($cli, 'org', 'create', 'Acme');
$web->run($cli, 'user', 'create', @$_)
	for ['vera', '--role', 'viewer'], ['max', '--role', 'member'], ['ada', '--role', 'admin'], ['olga', '--role', 'operator'],
	['eve', '--role', 'admin', '--org', 'Acme'], ['mallory', '--role', 'member', '--org', 'Acme'];
my %cookie = map { $_ => $web->sign_in($_) } qw(admin vera max ada eve);

sub get { my ($who, $path, %more) = @_; return $web->request(GET => $path, cookie => $cookie{$who}, accept => 'text/html', %more) }

sub post {
	my ($who, $path, $body, %more) = @_;
	return $web->request(POST => $path, cookie => $cookie{$who}, accept => 'text/html', sec_fetch_site => 'same-origin',
		content_type => $form, body => $body // '', %more);
}

my @json = (accept => 'application/json');
sub json { my ($who, $path) = @_; return get($who, $path, @json)->{json} }
sub user { my ($name) = @_; return json(admin => "/admin/users/$name")->{user} }

subtest 'the menu' => sub {
	my $page = get(admin => '/')->{content};
	like($page, qr/<body data-role="operator">/, 'the role');
	like($page, qr{href="/admin"}, 'an operator is led to the administration');
	like($page, qr{action="/logout"}, 'and may sign out');
	like($page, qr/You have no password yet/, 'who has no password is told');
	unlike(get(admin => '/account')->{content}, qr/You have no password yet/, 'but not where it is set');
	like(get(admin => '/jobs/999')->{content}, qr{href="/account"}, 'also where something is not found');
	my $viewer = get(vera => '/')->{content};
	unlike($viewer, qr{class="places"}, 'one project and nothing to manage is no menu');
	like($viewer, qr{href="/account"}, 'but an account');
	my $open = Dropmill::Cgi->new;
	my $none = $open->request(GET => '/', accept => 'text/html')->{content};
	like($none, qr{href="/admin"}, 'auth = none manages');
	unlike($none, qr{/account|/logout}, 'and has no account');
	is($open->request(GET => '/account')->{status}, 404, 'there is none');
	is($open->request(POST => '/account/tokens', content_type => $form, body => 'name=x&read=yes')->{status}, 404, 'nor tokens');
};

subtest 'viewers' => sub {
	my $job = post(max => '/jobs', "--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a\"\r\n\r\nx\r\n--x--\r\n",
		content_type => 'multipart/form-data; boundary=x', @json)->{json}{jobs}[0]{uuid};
	like(get(max => '/')->{content}, qr{formaction="/jobs/$job/cancel"}, 'a member has buttons');
	unlike(get(vera => $_)->{content}, qr{formaction=|id="upload"|/move"}, "a viewer has none at $_") for '/', "/jobs/$job";
	unlike(get(vera => "/jobs/$job", hx_request => 'true')->{content}, qr/formaction=/, 'nor in a row');
	is(post(vera => "/jobs/$job/cancel")->{status}, 403, 'and may not');
	my $tag = get(max => "/jobs/$job")->{headers}{etag};
	is(get(max => "/jobs/$job", if_none_match => $tag)->{status}, 304, 'a page is kept');
	$web->run($cli, 'user', 'role', 'vera', 'member');
	is(get(vera => "/jobs/$job", if_none_match => $tag)->{status}, 200, 'but not for somebody else of the same role');
	$web->run($cli, 'user', 'role', 'vera', 'viewer');
};

subtest 'projects' => sub {
	is(post(max => '/projects', 'name=x')->{status}, 403, 'are made by admins');
	is(post(ada => '/projects', 'name=Archive')->{headers}{location}, '/projects?done=project', 'back to the page');
	like(get(ada => '/projects?done=project')->{content}, qr/The project is there/, 'which says so');
	is(get(ada => '/projects?done=nonsense')->{status}, 422, 'of a fixed list of words');
	my $again = post(ada => '/projects', 'name=Archive');
	is($again->{status}, 409, 'a name that is taken');
	like($again->{content}, qr/value="Archive"[^>]*aria-invalid.*there is a project of that name/s, 'comes back filled in');
	is(post(ada => '/projects', 'name=123')->{status}, 422, 'a bad name');
	is(post(ada => '/projects', 'name=123', @json)->{json}{field}, 'name', 'programs are told the field');
	my $made = post(ada => '/projects', 'name=M%C3%A4rz', @json);
	is($made->{status}, 201, 'made by a program');
	my $id = $made->{json}{project}{id};
	is(post(ada => "/projects/$id/rename", 'name=April', @json)->{status}, 204, 'renamed');
	is(post(ada => "/projects/$id/rename", 'name=Archive')->{status}, 409, 'not to one that is taken');
	is(post(eve => "/projects/$id/rename", 'name=mine')->{status}, 404, 'nor by another organisation');
	is_deeply([map { $_->{name} } @{ json(max => '/projects')->{projects} }], [qw(default Archive April)], 'all are listed');
	my $page = get(max => "/?project=$id")->{content};
	like($page, qr/Jobs of April/, 'the list says whose it is');
	like($page, qr{name="project" value="$id"}, 'and the form where it goes');
	like($page, qr{href="/\?project=$id&amp;status=failed"}, 'tabs keep it');
	my $put = $web->request(PUT => "/jobs/upload/a.txt?project=$id", cookie => $cookie{max}, sec_fetch_site => 'same-origin', body => 'x');
	my $job = get(max => "/jobs/$put->{json}{jobs}[0]{uuid}")->{content};
	like($job, qr{class="path"><a href="/\?project=$id"}, 'a job leads back to it');
	like($job, qr{href="/\?project=$id&amp;type=inspect"}, 'also by its type');
	like(get(max => "/jobs/table?project=$id", hx_request => 'true')->{content}, qr{/\?project=$id&amp;type=inspect}, 'and a row');
	is(post(ada => "/projects/$id/delete")->{status}, 409, 'one with jobs stays');
	is(post(ada => '/projects/Archive/delete')->{status}, 303, 'one without goes');
	is(get(eve => "/?project=$id")->{status}, 422, 'another organisation has no such project');
};

subtest 'the password' => sub {
	is(post(max => '/account/password', 'password=short')->{status}, 422, 'too short');
	my $set = post(max => '/account/password', 'password=fern+harbour+42+lamp', user_agent => 'x');
	is($set->{headers}{location}, '/account?done=password', 'set, since the session began by a link');
	my ($new) = $set->{headers}{'set-cookie'} =~ /^([^;]+)/;
	is(get(max => '/account')->{status}, 303, 'the old cookie is no longer good');
	$cookie{max} = $new;
	is(get(max => '/account')->{status}, 200, 'the new one is');
	unlike(get(max => '/')->{content}, qr/no password yet/, 'nobody is reminded any more');
	my $wrong = post(max => '/account/password', 'password=another+harbour+9');
	is($wrong->{status}, 422, 'now the current one is asked for');
	like($wrong->{content}, qr/fill in the password that you have now/, 'and said so');
	my $refused = post(max => '/account/password', 'current=wrong&password=another+harbour+9');
	is($refused->{status}, 422, 'a wrong one is refused');
	unlike($refused->{content}, qr/another harbour/, 'and none comes back in the form');
	is(json(admin => '/admin/audit?action=session.refused')->{rows}[0]{object}, 'max', 'it counts as a failed sign-in');
	is(post(max => '/account/password', 'current=fern+harbour+42+lamp&password=another+harbour+9+x', @json)->{status}, 204, 'the right one');
	is($web->request(POST => '/login', content_type => $form, body => 'user=max&password=another+harbour+9+x', origin => 'http://localhost')->{status},
		303, 'it signs in');
	$cookie{max} = $web->sign_in('max');
	unlike(get(max => '/account')->{content}, qr/id="current"/, 'after a link the old one is not needed');
	$web->sql('UPDATE sessions SET created_at = created_at - 1000000');
	like(get(max => '/account')->{content}, qr/id="current"/, 'for a quarter of an hour');
	post(max => '/account/password', 'current=no&password=x') for 1 .. 5;
	my $late = post(max => '/account/password', 'current=another+harbour+9+x&password=third+harbour+9+x');
	is($late->{status}, 429, 'too many guesses');
	ok($late->{headers}{'retry-after'}, 'and how long to wait');
};

subtest 'sessions and tokens' => sub {
	my $other = $web->sign_in('max');
	my $list = json(max => '/account')->{sessions};
	my ($id) = map { $_->{id} } grep { !$_->{is_current} } @$list;
	is(post(vera => "/account/sessions/$id/end")->{status}, 404, "another's session");
	is(post(max => "/account/sessions/$id/end")->{status}, 303, 'one ends');
	$web->sign_in('max');
	is(post(max => '/account/sessions/end', '', @json)->{status}, 204, 'all others end');
	is(@{ json(max => '/account')->{sessions} }, 1, 'but this one');
	is(post(max => '/account/tokens', 'name=x')->{status}, 422, 'a token must be good for something');
	like(post(max => '/account/tokens', 'name=&read=yes')->{content}, qr/token-name-error">a token needs a name/, 'and have a name');
	is(post(max => '/account/tokens', 'name=x&admin=yes')->{status}, 422, 'a member has none to manage with');
	my $made = post(max => '/account/tokens', 'name=backup&read=yes&expires=30d');
	is($made->{status}, 201, 'made');
	my ($token) = $made->{content} =~ /value="(dm_[\w-]{43})"/ or die;
	unlike(get(max => '/account')->{content}, qr/\Q$token\E/, 'and shown once');
	my %bearer = (authorization => "Bearer $token");
	is($web->request(GET => '/jobs/table', %bearer)->{status}, 200, 'it reads');
	is($web->request(GET => '/account', %bearer)->{status}, 403, 'but does not manage the account');
	my $t = json(max => '/account')->{tokens}[0];
	is_deeply([@$t{qw(name scopes)}], [qw(backup read)], 'listed');
	is(post(vera => "/account/tokens/$t->{id}/revoke")->{status}, 404, "another's token");
	is(post(max => "/account/tokens/$t->{id}/revoke")->{status}, 303, 'revoked');
	is($web->request(GET => '/jobs/table', %bearer)->{status}, 401, 'and refused');
	my $all = post(ada => '/account/tokens', 'name=all&admin=yes&expires=never', @json)->{json}{token};
	is($all->{expires_at}, undef, 'one that never ends');
	is($web->request(GET => '/account', authorization => "Bearer $all->{token}", @json)->{json}{user}{name}, 'ada', 'manages');
	is($web->request(POST => '/account/password', authorization => "Bearer $all->{token}", content_type => $form,
		body => 'password=fern+harbour+42+lamp')->{status}, 409, 'but sets no password');
};

subtest 'tokens of others' => sub {
	my %token = map { $_ => $web->run($cli, 'token', 'create', '--user', $_, '--name', "of $_") =~ s/\n//r } qw(max vera olga mallory);
	my %id = map { /^(\d+)\|of (\w+)/ ? ($2 => $1) : () } split /\n/, $web->sql('SELECT id, name FROM tokens');
	my $works = sub { return $web->request(GET => '/jobs/table', authorization => "Bearer $token{ $_[0] }")->{status} };
	is_deeply([map { $_->{name} } @{ json(ada => '/admin/users/max')->{tokens} }], ['of max'], 'are listed to admins');
	my $page = get(ada => '/admin/users/max')->{content};
	like($page, qr{action="/admin/users/max/tokens/$id{max}/revoke"}, 'each with a button');
	unlike($page, qr/\Q$token{max}\E/, 'and never shown');
	is(json(ada => '/admin/users/olga')->{tokens}, undef, 'but not those of somebody above them');
	is(post(max => "/admin/users/vera/tokens/$id{vera}/revoke")->{status}, 403, 'revoked by admins');
	is(post(ada => "/admin/users/max/tokens/$_/revoke")->{status}, 404, "the token must be the user's: $_") for $id{vera}, $id{olga}, $id{mallory}, 999, 'x', 0;
	is(post(ada => "/admin/users/olga/tokens/$id{olga}/revoke")->{status}, 403, 'not of somebody above them');
	is(post(ada => "/admin/users/mallory/tokens/$id{mallory}/revoke")->{status}, 404, 'nor of another organisation');
	is(post(eve => "/admin/users/max/tokens/$id{max}/revoke")->{status}, 404, 'nor by another organisation');
	is(join(' ', map { $works->($_) } sort keys %token), '200 200 200 200', 'all still work');
	is(post(ada => "/admin/users/max/tokens/$id{max}/revoke")->{headers}{location}, '/admin/users/max?done=token', 'back to the page');
	like(get(ada => '/admin/users/max?done=token')->{content}, qr/The token is revoked/, 'which says so');
	is($works->('max'), 401, 'it is refused');
	is(post(ada => "/admin/users/max/tokens/$id{max}/revoke", '', @json)->{status}, 404, 'once');
	is(post(admin => "/admin/users/mallory/tokens/$id{mallory}/revoke", '', @json)->{status}, 204, 'an operator does so everywhere');
	is($works->('mallory'), 401, 'and it is refused too');
	is_deeply([@{ json(eve => '/admin/audit?action=token.revoke')->{rows}[0] }{qw(actor object detail)}], ['admin', 'of mallory', { user => 'mallory' }],
		'their organisation is told in its log');
	is(post(ada => '/admin/users/vera/disable')->{status}, 303, 'a user who is disabled');
	is($works->('vera'), 401, 'has no token that is good');
	is(post(ada => "/admin/users/vera/tokens/$id{vera}/revoke")->{status}, 303, 'which can be revoked for good');
	is(post(ada => '/admin/users/vera/enable')->{status}, 303, 'enabled again');
	is($works->('vera'), 401, 'it stays so');
	post(admin => "/admin/users/olga/tokens/$id{olga}/revoke");
};

subtest 'users' => sub {
	is(get(max => '/admin/users')->{status}, 403, 'are for admins');
	is_deeply([map { $_->{name} } @{ json(eve => '/admin/users')->{users} }], [qw(eve mallory)], 'of their organisation');
	is(get(eve => '/admin/users?org=Acme')->{status}, 200, 'by its name too');
	is(get(eve => "/admin/users?org=$_")->{status}, 404, "not of $_") for 'local', 1, 'none';
	is(get(eve => '/admin/users/vera')->{status}, 404, 'nobody else exists');
	is(post(eve => "/admin/users/vera/$_", 'role=admin&sees=all')->{status}, 404, "nor for $_") for qw(role disable enable link projects);
	is(post(ada => '/admin/users', 'name=otto&role=operator')->{status}, 422, 'nobody makes a role above their own');
	is(post(ada => '/admin/users', 'name=otto&role=member&org=Acme')->{status}, 404, 'nor elsewhere');
	is(post(ada => '/admin/users/vera/role', 'role=operator')->{status}, 422, 'nor gives one');
	is(post(ada => "/admin/users/olga/$_", 'role=member&sees=all')->{status}, 403, "nor touches one: $_") for qw(role disable link projects);
	unlike(get(ada => '/admin/users/olga')->{content}, qr/<form method="post" action="\/admin/, 'and no form says so');
	is(post(ada => '/admin/users/ada/disable')->{status}, 409, 'nobody disables themselves');
	my $made = post(ada => '/admin/users', 'name=otto&role=member');
	is($made->{status}, 201, 'made');
	my ($link) = $made->{content} =~ m{value="http://localhost(/login/[\w-]+)"} or die $made->{content};
	unlike(get(ada => '/admin/users')->{content}, qr{/login/}, 'the link is shown once');
	is($web->request(GET => $link, accept => 'text/html')->{status}, 303, 'it signs in');
	is($web->request(GET => $link, accept => 'text/html')->{status}, 404, 'once');
	my $taken = post(ada => '/admin/users', 'name=otto&role=viewer');
	is($taken->{status}, 409, 'a name that is taken');
	like($taken->{content}, qr/<option value="viewer" selected>/, 'comes back filled in');
	is(post(ada => '/admin/users', 'name=Otto&role=viewer')->{status}, 422, 'a bad name');
	is(post(admin => '/admin/users', 'name=anna&role=admin&org=Acme', @json)->{json}{user}{org}, 'Acme', 'an operator, in any organisation');
	post(ada => '/admin/users/otto/role', 'role=viewer');
	is(user('otto')->{role}, 'viewer', 'another role');
	$cookie{otto} = $web->sign_in('otto');
	is(post(ada => '/admin/users/otto/disable')->{status}, 303, 'disabled');
	is(get(otto => '/')->{status}, 303, 'is signed out');
	is(post(ada => '/admin/users/otto/link')->{status}, 409, 'and gets no link');
	post(ada => '/admin/users/otto/enable');
	is(user('otto')->{disabled}, JSON::PP::false, 'enabled');
	is(post(admin => '/admin/users/olga/disable', '', @json)->{status}, 204, 'an operator may, of another');
	post(ada => '/projects', 'name=Seen');
	my ($seen) = map { $_->{id} } grep { $_->{name} eq 'Seen' } @{ json(ada => '/projects')->{projects} };
	my ($foreign) = map { $_->{id} } @{ json(eve => '/projects')->{projects} };
	is(post(ada => '/admin/users/otto/projects', "sees=some&project[]=$foreign")->{status}, 422, "not another organisation's project");
	is(post(ada => '/admin/users/otto/projects', "sees=some&project[]=$seen&project[]=$seen")->{status}, 303, 'limited');
	$cookie{otto} = $web->sign_in('otto');
	is_deeply([map { $_->{name} } @{ json(otto => '/projects')->{projects} }], ['Seen'], 'to what they see');
	post(ada => '/admin/users/otto/projects', 'sees=some');
	is(get(otto => '/')->{status}, 403, 'who sees none is told');
	like(get(otto => '/')->{content}, qr/see no project yet/, 'why');
	post(ada => '/admin/users/otto/projects', 'sees=all');
	is(get(otto => '/')->{status}, 200, 'and all again');
};

subtest 'overview and types' => sub {
	my $site = json(admin => '/admin');
	ok($site->{disk}{free} > 0, 'an operator sees the disk');
	is_deeply([map { $_->{name} } @{ $site->{orgs} }], [qw(local Acme)], 'and all organisations');
	my $own = json(eve => '/admin');
	is_deeply([map { $_->{name} } @{ $own->{orgs} }], ['Acme'], 'an admin the own');
	ok(!exists $own->{disk} && !exists $own->{workers}, 'and not the machines');
	my ($type) = grep { $_->{name} eq 'csv-profile' } @{ $own->{types} };
	is_deeply($type->{accept}, ['text/csv', '.csv'], 'types say what they take');
	like(get(eve => '/admin/types/csv-profile')->{content}, qr{/bin/true}, 'and what they run');
	is(get(eve => '/admin/types/none')->{status}, 404, 'no such type');
	is(post(eve => '/admin/types/inspect/pause')->{status}, 403, 'paused by operators alone');
	is(post(admin => '/admin/types/inspect/pause')->{status}, 303, 'paused');
	is(json(admin => '/admin/types/inspect')->{type}{paused}, JSON::PP::true, 'it is');
	is(post(admin => '/admin/types/inspect/resume', '', @json)->{status}, 204, 'resumed');
	is(json(admin => '/admin/audit?action=type')->{rows}[$_]{action}, (qw(type.resume type.pause))[$_], 'in the log') for 0, 1;
};

subtest 'organisations' => sub {
	is(get(ada => '/admin/orgs')->{status}, 403, 'are for operators');
	is(post(admin => '/admin/orgs', 'name=Acme')->{status}, 409, 'a name that is taken');
	is(post(admin => '/admin/orgs', 'name=Other', @json)->{json}{org}{name}, 'Other', 'made');
	is(post(admin => '/admin/orgs/2/limits', 'bytes=10G&file=500M&pending=20&rate=60&cap=4')->{status}, 303, 'limits');
	is_deeply(json(admin => '/admin/orgs/2')->{org}{quota}, { bytes => 10 << 30, file => 500 << 20, pending => 20, rate => 60 }, 'are set');
	like(get(admin => '/admin/orgs/2')->{content}, qr/value="10G".*value="500M".*value="20"/s, 'and shown as they were written');
	my $wrong = post(admin => '/admin/orgs/2/limits', 'bytes=10G&rate=often');
	is($wrong->{status}, 422, 'no number');
	like($wrong->{content}, qr/value="often".*a number, or nothing for no limit/s, 'comes back filled in');
	is(json(admin => '/admin/orgs/Acme')->{org}{cap}, 4, 'and nothing has changed');
	post(admin => '/admin/orgs/2/limits', '');
	is_deeply([@{ json(admin => '/admin/orgs/2')->{org}{quota} }{qw(bytes file)}, json(admin => '/admin/orgs/2')->{org}{cap}], [undef, undef, undef],
		'empty is no limit');
	# All of a form is done or nothing, whichever part cannot be.
	my $before = join ' ', $web->sql('SELECT * FROM orgs WHERE id = 2'), $web->sql('SELECT COUNT(*) FROM audit');
	for my $column (qw(cap quota_bytes)) {
		$web->sql("CREATE TRIGGER stuck BEFORE UPDATE OF $column ON orgs BEGIN SELECT RAISE(ABORT, 'stuck'); END");
		is(post(admin => '/admin/orgs/2/limits', 'bytes=7G&cap=7', @json)->{status}, 500, "$column cannot be set");
		$web->sql('DROP TRIGGER stuck');
		is(join(' ', $web->sql('SELECT * FROM orgs WHERE id = 2'), $web->sql('SELECT COUNT(*) FROM audit')), $before, 'and nothing has changed');
	}
	post(admin => '/admin/orgs/2/limits', 'file=1K');
	is(get(eve => '/jobs/admit?size=2000', @json)->{status}, 413, 'admission knows of them');
	like(get(eve => '/jobs/admit?size=2000', @json)->{json}{detail}, qr/larger than your organisation may upload/, 'and says which');
};

subtest 'the audit log' => sub {
	is(get(max => '/admin/audit')->{status}, 403, 'is for admins');
	my $all = json(admin => '/admin/audit?limit=1000');
	ok((grep { $_->{action} eq 'user.create' && $_->{object} eq 'otto' && $_->{actor} eq 'ada' } @{ $all->{rows} }), 'tells who made whom');
	is((grep { $_->{org_id} != 2 } @{ json(eve => '/admin/audit?limit=1000')->{rows} }), 0, 'admins see the own organisation');
	is(get(eve => '/admin/audit?org=local')->{status}, 404, 'and no other');
	is((grep { $_->{org_id} != 2 } @{ json(admin => '/admin/audit?org=Acme')->{rows} }), 0, 'operators may choose one');
	my $part = json(admin => '/admin/audit?action=user&limit=3');
	is(@{ $part->{rows} }, 3, 'by pages');
	is((grep { $_->{action} !~ /^user\./ } @{ $part->{rows} }), 0, 'of a noun');
	like($part->{next}, qr{^/admin/audit\?action=user&limit=3&before=\d+$}, 'the older ones');
	my $older = json(admin => $part->{next});
	ok($older->{rows}[0]{id} < $part->{rows}[2]{id}, 'go on from there');
	is(@{ json(admin => '/admin/audit?until=2020-01-01')->{rows} }, 0, 'until a day');
	ok(@{ json(admin => '/admin/audit?since=2020-01-01T00:00Z')->{rows} }, 'since a time');
	is(get(admin => '/admin/audit?since=yesterday', @json)->{json}{field}, 'since', 'no time');
	like(get(admin => '/admin/audit?actor=ada')->{content}, qr/value="ada"/, 'the filter stays');
	like(get(admin => '/admin/audit?actor=nobody')->{content}, qr/Nothing to show/, 'and says if there is nothing');
};
done_testing;
