# Signing in and staying so: what a session's cookie is and how it ends, what login tells and how it slows
# down those who guess, links, where somebody is led afterwards, and requests that other sites have browsers make.
use strict;
use warnings;
use Fcntl qw(:flock O_RDWR O_CREAT);
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::People;
use Dropmill::Pool;
use Test::More;

our $web = Dropmill::Pool->new(config => { auth => 'password', web_processes => 4 });
my $people = Dropmill::People->new($web);
$people->user('mary', role => 'member', password => 1);
$people->user('disabled1', role => 'admin', password => 1, disabled => 1);
$people->user('no-passwd', role => 'member');
my $form = 'application/x-www-form-urlencoded';
my $good = Dropmill::People::PASSWORD;

sub escape { return join '', map { /[A-Za-z0-9]/ ? $_ : sprintf '%%%02X', ord } split //, $_[0] }
sub fields { my %field = @_; return (content_type => $form, body => join '&', map { "$_=" . escape($field{$_}) } sort keys %field) }
sub login { my ($name, $password, %how) = @_; my $more = delete $how{fields} // {}; return $web->request(POST => '/login', fields(user => $name, password => $password, %$more), %how) }
sub from { return (param => { REMOTE_ADDR => $_[0] }) }
# The value that a Set-Cookie gives.
sub cookie { my ($answer) = @_; return ($answer->{headers}{'set-cookie'} // '') =~ /^[^=]+=([^;]*)/ ? $1 : undef }
sub works { my ($cookie, %how) = @_; return $web->request(GET => '/jobs/table', accept => 'application/json', cookie => "dropmill=$cookie", %how)->{status} == 200 }
sub sessions { return $web->sql('SELECT COUNT(*) FROM sessions') }
sub refusals { return $web->sql("SELECT COUNT(*) FROM audit WHERE action = 'session.refused'") }

subtest 'a new session at login, whatever the browser had' => sub {
	my $planted = login('mary', $good, cookie => 'dropmill=planted-by-somebody', sec_fetch_site => 'same-origin');
	is($planted->{status}, 303, 'signed in');
	like(cookie($planted), qr/^[A-Za-z0-9_-]{43}$/, 'by a value of 256 bits');
	ok(works(cookie($planted)), 'which works');
	ok(!works('planted-by-somebody'), 'and the planted one does not');
	my $his = $people->session('mary');
	my $hers = login('mary', $good, cookie => "dropmill=$his", sec_fetch_site => 'same-origin');
	isnt(cookie($hers), $his, 'a real session that was planted is not taken over');
	ok(!works($his), 'and ends');
	my $again = login('mary', $good, cookie => 'dropmill=' . cookie($hers), sec_fetch_site => 'same-origin');
	isnt(cookie($again), cookie($hers), 'signed in again: another one');
	ok(!works(cookie($hers)), 'in place of the first');
	is($web->sql("SELECT COUNT(*) FROM sessions WHERE hash LIKE '%" . cookie($again) . "%'"), 0, 'the database has not the value');
	my $stolen = $web->sql('SELECT hash FROM sessions ORDER BY id DESC LIMIT 1');
	ok(!works($stolen), 'and what it has is no cookie');
};

subtest 'the end of a session' => sub {
	my $cookie = $people->session('mary');
	my $other = $people->session('mary');
	my $out = $web->request(POST => '/logout', Dropmill::People::browser($cookie));
	is($out->{status}, 303, 'signed out');
	like($out->{headers}{'set-cookie'}, qr/^dropmill=; .*Max-Age=0/, 'the browser forgets');
	ok(!works($cookie), 'and so do we');
	ok(works($other), 'the session on another machine goes on');
	is($web->request(POST => '/logout', Dropmill::People::browser($cookie))->{status}, 303, 'twice does no harm');
	ok(works($people->session('mary', created => -29 * 86400, expires => 60, seen => -6 * 86400)), 'within both bounds');
	ok(!works($people->session('mary', seen => -7 * 86400 - 1)), 'idle too long');
	ok(!works($people->session('mary', created => -30 * 86400, expires => -1)), 'too old, however busy');
	my $busy = $people->session('mary', seen => -6 * 86400);
	ok(works($busy), 'a session in use');
	my $seen = sub { $web->sql('SELECT seen_at FROM sessions ORDER BY id DESC LIMIT 1') };
	my $first = $seen->();
	cmp_ok($first, '>', Dropmill::People::at(-60), 'is seen');
	works($busy);
	is($seen->(), $first, 'not at every request');
	ok(works($people->session('mary')), 'before she is disabled');
	my $stolen = $people->session('mary');
	my $token = $people->token('mary', 'read');
	my $link = $people->link('mary');
	$web->sql("UPDATE users SET disabled = 1 WHERE name = 'mary'");
	ok(!works($stolen), 'a disabled user has no session, even if rows were left');
	is($web->request(GET => '/jobs/table', accept => 'application/json', $people->with($token))->{status}, 401, 'no token');
	is($web->request(GET => "/login/$link", accept => 'text/html')->{status}, 404, 'and no link');
	$web->sql("UPDATE users SET disabled = 0 WHERE name = 'mary'");
};

subtest 'the cookie' => sub {
	my $plain = login('mary', $good)->{headers}{'set-cookie'};
	like($plain, qr{^dropmill=[\w-]{43}; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax$}, 'by http');
	my %tls = (param => { REQUEST_SCHEME => 'https' });
	my $secure = login('mary', $good, %tls)->{headers}{'set-cookie'};
	like($secure, qr{^__Host-dropmill=[\w-]{43}; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure$}, 'by https: the browser holds it to this host and to TLS');
	my ($value) = $secure =~ /=([^;]*)/;
	ok(works($value, cookie => "__Host-dropmill=$value", %tls), 'works there');
	ok(!works($value, cookie => "dropmill=$value", %tls), 'a name that a neighbour could set is not read there');
	ok(!works($value, cookie => "__Host-dropmill=$value"), 'nor is this one without TLS');
	my $based = Dropmill::Cgi->new(bare => 1, config => { auth => 'password', base_url => 'https://mill.example' });
	Dropmill::People->new($based)->user('mary', password => 1);
	local $web = $based;
	like(login('mary', $good, host => 'mill.example')->{headers}{'set-cookie'}, qr/^__Host-dropmill=.*; Secure$/, 'so with an https base_url behind a proxy');
};

subtest 'login tells nobody who exists' => sub {
	my %tried = ('unknown-x' => 'no such user', 'no-passwd' => 'no password', disabled1 => 'disabled, with the right one', 'mary' => 'wrong password');
	for my $accept ('text/html', 'application/json') {
		my %said;
		for my $name (sort keys %tried) {
			my $answer = login($name, $name eq 'disabled1' ? $good : 'wrong password', accept => $accept, from("192.0.2.9$accept"));
			is($answer->{status}, 401, "$accept: $tried{$name}");
			my $text = $answer->{raw} =~ s/\Q$name\E/NAME/gr =~ s/[0-9a-f]{32}/ID/gr =~ s/Content-Length: \d+/LENGTH/r;
			push @{ $said{$text} }, $name;
		}
		is(keys %said, 1, "$accept: the same bytes for all") or diag explain(\%said);
	}
	# With all places for hashing taken, whoever needs one is told to wait: so everybody needs one.
	my @held = map { sysopen my $lock, "$web->{dir}/run/hash.$_.lock", O_RDWR | O_CREAT or die $!; flock $lock, LOCK_EX | LOCK_NB or die $!; $lock } 0 .. 3;
	for my $name (sort keys %tried) {
		my $answer = login($name, $name eq 'disabled1' ? $good : 'wrong password', accept => 'application/json', from('192.0.2.8'));
		is($answer->{status}, 503, "a hash is made: $tried{$name}");
		ok($answer->{headers}{'retry-after'}, 'and says when to try again');
	}
	close $_ for @held;
	is(login('mary', 'x' x 257, from('192.0.2.7'))->{status}, 401, 'no hash of what nobody may have');
	is(login('mary', $good . "\xc3\xa9", from('192.0.2.7'))->{status}, 401, 'a longer password is another');
	is(login($_, 'wrong password', from('192.0.2.6'))->{status}, 401, 'odd names: ' . escape(substr $_, 0, 20)) for 'a' . "\xc3\xa9" x 60, 'x' x 200, "' OR 1=1 --", 'MARY', 'mary%', ' mary';
	is(login('mary', $good, %$_)->{status}, 401, 'both are needed') for { fields => { user => '' } }, { fields => { password => '' } };
	my $before = refusals();
	login('mary', 'wrong password', from('192.0.2.5'), accept => 'application/json');
	is(refusals(), $before + 1, 'a refusal is in the log');
	is($web->sql("SELECT user_id IS NULL, actor, via, address, object FROM audit WHERE action = 'session.refused' ORDER BY id DESC LIMIT 1"),
		'1||password|192.0.2.5|mary', 'with what was tried and from where');
	unlike($web->sql('SELECT * FROM audit'), qr/wrong password|\Q$good\E/, 'never with what was typed');
	unlike($web->log, qr/wrong password|\Q$good\E/, 'nor is it in the log of the program');
};

subtest 'who guesses waits' => sub {
	$web->sql('DELETE FROM login_failures; DELETE FROM login_places');
	my $try = sub { my ($name, $address, $password) = @_; return login($name, $password // 'wrong password', accept => 'application/json', from($address)) };
	my $later = sub { $web->sql(sprintf 'UPDATE login_failures SET at = at - %d', $_[0] * 1000) };
	is($try->('mary', '192.0.2.1')->{status}, 401, "failure $_") for 1 .. 5;
	my $wait = $try->('mary', '192.0.2.1');
	is($wait->{status}, 429, 'then a wait');
	is($wait->{headers}{'retry-after'}, 1, 'of a second');
	like($wait->{json}{detail}, qr/try again in 1 s/, 'that is told');
	is($try->('mary', '192.0.2.1', $good)->{status}, 429, 'for the right password too');
	my $page = login('mary', $good, accept => 'text/html', from('192.0.2.1'));
	is("$page->{status} $page->{headers}{'retry-after'}", '429 1', 'a person gets the form with the sentence');
	like($page->{content}, qr/too many attempts failed; try again in/, 'in it');
	is($try->('mary', '192.0.2.2', $good)->{status}, 303, 'from elsewhere she comes in');
	is($try->('unknown', '192.0.2.3')->{status}, 401, 'others are not held up');
	my @waits;
	for (1 .. 12) {
		$later->($waits[-1] // 1);
		is($try->('mary', '192.0.2.1')->{status}, 401, 'after the wait she may try');
		push @waits, $try->('mary', '192.0.2.1')->{headers}{'retry-after'};
	}
	is("@waits", '2 4 8 16 32 64 128 256 512 900 900 900', 'each failure doubles it, up to a quarter of an hour');
	$later->(3601);
	is($try->('mary', '192.0.2.1')->{status}, 401, 'an hour of rest forgives');
	is($web->sql("SELECT n FROM login_failures WHERE key = 'p 192.0.2.1 mary'"), 1, 'all of it');
	$try->('mary', '192.0.2.1') for 1 .. 3;
	is($try->('mary', '192.0.2.1', $good)->{status}, 303, 'the right password too');
	is($web->sql("SELECT COUNT(*) FROM login_failures WHERE key = 'p 192.0.2.1 mary'"), 0, 'forgives');

	# By address, over many names; of IPv6 a /64 is one.
	$web->sql('DELETE FROM login_failures; DELETE FROM login_places');
	my $raise = sub { $web->sql("UPDATE login_failures SET n = n + 27 WHERE key LIKE '$_[0] %'") };
	$try->("name$_", '2001:db8::' . $_) for 1 .. 3;
	$raise->('a');
	is($try->('name31', '2001:db8::ffff')->{status}, 429, 'one network tries many names');
	is($try->('name31', '2001:db8:0:1::1')->{status}, 401, 'its neighbour may');
	# By account, over many addresses: but not for her, where she has been before.
	$web->sql('DELETE FROM login_failures; DELETE FROM login_places');
	is($try->('mary', '203.0.113.5', $good)->{status}, 303, 'she has been here');
	$try->('mary', "198.51.100.$_") for 1 .. 3;
	$raise->('u');
	is($try->('mary', '198.51.100.31')->{status}, 429, 'many addresses try one name');
	is($try->('mary', '198.51.100.32', $good)->{status}, 429, 'which nobody comes in by, from a new place');
	is($try->('mary', '203.0.113.5', $good)->{status}, 303, 'but she is not kept out of hers');
	is($try->('unknown', "198.51.100.$_")->{status}, 401, 'nobody') for 101 .. 103;
	$raise->('u');
	is($try->('unknown', '198.51.100.131')->{status}, 429, 'and who does not exist is held up like her');
	is($web->sql("SELECT COUNT(*) FROM login_failures WHERE key LIKE '%wrong%'"), 0, 'no password is kept');
	$web->sql('DELETE FROM login_failures');
};

subtest 'a link works once' => sub {
	my %browser = (accept => 'text/html', sec_fetch_site => 'none');
	my $link = $people->link('mary');
	my $before = sessions();
	is($web->request(HEAD => "/login/$link", accept => 'text/html')->{status}, 200, 'HEAD looks');
	my $cross = $web->request(GET => "/login/$link", accept => 'text/html', sec_fetch_site => 'cross-site');
	is($cross->{status}, 200, 'from a page of another site there is a button');
	like($cross->{content}, qr{<form[^>]*method="post"[^>]*action="/login/\Q$link\E"|<form[^>]*action="/login/\Q$link\E"[^>]*method="post"}i, 'that posts');
	is($_->{headers}{'set-cookie'}, undef, 'and nobody is signed in') for $cross;
	is($web->request(GET => "/login/$link", accept => 'text/html', sec_fetch_site => $_)->{status}, 200, "so from $_") for 'same-site', 'same-origin', '';
	is($web->request(POST => "/login/$link", accept => 'text/html', %$_)->{status}, 403, 'another site cannot press it')
		for { sec_fetch_site => 'cross-site' }, { sec_fetch_site => 'same-site' }, { origin => 'http://evil.example' }, { origin => 'null' };
	is(sessions(), $before, 'none of this has begun a session');
	my $in = $web->request(GET => "/login/$link", %browser);
	is("$in->{status} $in->{headers}{location}", '303 /', 'opened by hand it signs in');
	ok(works(cookie($in)), 'as her');
	is($web->sql('SELECT by_link FROM sessions ORDER BY id DESC LIMIT 1'), 1, 'which is noted');
	my $again = $web->request(GET => "/login/$link", %browser);
	is($again->{status}, 404, 'not again');
	is(cookie($again), undef, 'nor a cookie');
	is($web->request(POST => "/login/$link", accept => 'text/html', sec_fetch_site => 'same-origin')->{status}, 404, 'not by the button either');
	$link = $people->link('mary');
	my $pressed = $web->request(POST => "/login/$link", accept => 'text/html', sec_fetch_site => 'same-origin');
	is($pressed->{status}, 303, 'the button signs in');
	ok(works(cookie($pressed)), 'too');
	is($web->request(GET => '/login/' . $people->link('mary', expires => -1), %browser)->{status}, 404, 'after a quarter of an hour no more');
	is($web->request(GET => '/login/' . $people->link('disabled1'), %browser)->{status}, 404, 'never for a disabled user');
	my $his = $people->session('mary');
	$web->request(GET => '/login/' . $people->link('mary'), %browser, cookie => "dropmill=$his");
	ok(!works($his), 'the session that the browser had ends');
	for my $turn (1 .. 5) {
		$link = $people->link('mary');
		my @at_once = map { $web->begin(GET => "/login/$link", %browser) } 1 .. 4;
		is(join(' ', sort map { $web->finish($_)->{status} } @at_once), '303 404 404 404', "four at once: one comes in ($turn)");
	}
	$link = $people->link('mary');
	$web->sql('ALTER TABLE login_places RENAME TO away');
	is($web->request(GET => "/login/$link", %browser)->{status}, 500, 'when something is broken');
	$web->sql('ALTER TABLE away RENAME TO login_places');
	like($web->log, qr/status=500 path="\/login\/\{secret\}"/, 'that is in the log');
	is($web->request(GET => "/login/$link", %browser)->{status}, 303, 'and the link is still good');
	unlike($web->log, qr/secret-/, 'no secret is in the log of the program');
	unlike($web->sql('SELECT * FROM audit'), qr/secret-/, 'nor in the audit log');
};

subtest 'where somebody goes on to' => sub {
	my $local = qr{^/(?![/\\])[\x21-\x7e]*$};
	my %browser = (sec_fetch_site => 'same-origin');
	for my $next ('//evil.example', '///evil.example', '/\\evil.example', '\\\\evil.example', '/\\/evil.example', 'https://evil.example', 'https:evil.example',
		'http://localhost.evil.example/', 'http://localhost@evil.example/', 'http://localhost:80@evil.example/', 'http://localhost//evil.example', 'http://localhost/\\evil.example',
		'javascript:alert(1)', 'data:text/html,x', 'evil.example', '.evil.example', "/\t/evil.example", "/\n/evil.example", "/\r\nSet-Cookie: a=b", ' //evil.example', '/ /evil.example',
		"\x00//evil.example", "/\xc3\xa9", "/\xe2\x80\xa8/evil.example", '/' x 1999, '/' . 'a' x 2100) {
		my $answer = login('mary', $good, fields => { next => $next }, from('203.0.113.5'), %browser);
		my $name = escape(substr $next, 0, 40);
		if ($answer->{status} == 422) { is(cookie($answer), undef, "refused: $name"); next }
		is("$answer->{status} $answer->{headers}{location}", '303 /', "not there: $name");
		my $signed_in = $web->request(GET => '/login?next=' . escape($next), cookie => 'dropmill=' . cookie($answer), accept => 'text/html');
		is($signed_in->{headers}{location}, '/', 'nor from the form of one who is in');
		my $back = $web->request(POST => '/logout', cookie => 'dropmill=' . cookie($answer), referer => $next =~ s/[\x00-\x1f]//gr, %browser);
		like($back->{headers}{location}, $local, 'nor after signing out');
		unlike($web->request(GET => '/login?next=' . escape($next), accept => 'text/html')->{content}, qr/name="next"/, 'nor does the form keep it');
	}
	for my $next ('/jobs/7', '/?status=failed&q=%2F%2Fevil', '/%2F/evil.example', '/%5Cevil.example') {
		my $answer = login('mary', $good, fields => { next => $next }, from('203.0.113.5'), %browser);
		is("$answer->{status} $answer->{headers}{location}", "303 $next", "there: $next");
	}
	is(login('mary', $good, fields => { next => 'http://localhost/jobs/7' }, %browser)->{headers}{location}, '/jobs/7', 'our own address');
	my $led = $web->request(GET => '/jobs/7?a=b&c=%2F', accept => 'text/html');
	is("$led->{status} $led->{headers}{location}", '303 /login?next=%2Fjobs%2F7%3Fa%3Db%26c%3D%252F', 'a page leads to the form and back');
	is($web->request(GET => '/jobs/table', hx_request => 'true', hx_current_url => 'https://evil.example/x')->{headers}{'hx-redirect'}, '/login', 'a fragment to nowhere else');
	my $token = $web->request(GET => '/jobs/table', accept => 'application/json');
	is("$token->{status} $token->{headers}{'www-authenticate'}", '401 Bearer', 'a program is told');
};

# ---- other sites -----------------------------------------------------------------------------------------
my $proxied = Dropmill::Pool->new(config => { auth => 'proxy' });
my $in_proxied = Dropmill::People->new($proxied);
$in_proxied->user('mary', role => 'member');
$in_proxied->user('disabled1', role => 'admin', disabled => 1);
my $unguarded = Dropmill::Pool->new(config => { auth => 'none' });

subtest 'requests that other sites have browsers make' => sub {
	my %by = (
		cookie => [$web, cookie => 'dropmill=' . $people->session('mary')],
		token => [$web, $people->with($people->token('mary', 'write'))],
		proxy => [$proxied, param => { DROPMILL_USER => 'mary' }],
		none => [$unguarded],
	);
	my %site = (absent => [], map { ($_ => [sec_fetch_site => $_]) } qw(same-origin same-site cross-site none Same-Origin odd));
	my %origin = (missing => [], ours => [origin => 'http://localhost'], foreign => [origin => 'http://evil.example'], null => [origin => 'null'],
		'other port' => [origin => 'http://localhost:81'], 'other scheme' => [origin => 'https://localhost'], longer => [origin => 'http://localhost.evil.example']);
	my $count = 0;
	for my $by (sort keys %by) {
		my ($where, @as) = @{ $by{$by} };
		my (@want, @got);
		for my $site (sort keys %site) {
			for my $origin (sort keys %origin) {
				my $own = $by eq 'token' ? 1 : $site ne 'absent' ? $site eq 'same-origin' : $origin ne 'missing' ? $origin eq 'ours' : $by eq 'none';
				for my $case ([POST => '/jobs/999/cancel', 404], [DELETE => '/jobs/999', 404], [PATCH => '/api/jobs/999', 404, content_type => 'application/json', body => '{"progress":1}'],
					[PUT => '/jobs/upload/x', 422, body => 'x', accept => 'application/json', param => { ($by eq 'proxy' ? (DROPMILL_USER => 'mary') : ()) }]) {
					my ($method, $path, $done, @more) = @$case;
					$path .= '?project=none' if $method eq 'PUT';
					push @got, "$method $site $origin " . $where->request($method => $path, @as, @{ $site{$site} }, @{ $origin{$origin} }, @more)->{status};
					push @want, "$method $site $origin " . ($own ? $done : 403);
					$count++;
				}
			}
		}
		is_deeply(\@got, \@want, "by $by: each method, each Sec-Fetch-Site, each Origin");
	}
	note "$count requests";
	my $before = sessions();
	for my $how ({ sec_fetch_site => 'cross-site' }, { sec_fetch_site => 'same-site', origin => 'http://localhost' }, { sec_fetch_site => 'none' }, { origin => 'http://evil.example' }, { origin => 'null' }) {
		my $answer = login('mary', $good, %$how);
		is($answer->{status}, 403, 'no other site signs somebody in');
		is(cookie($answer), undef, 'or sets a cookie');
	}
	is(sessions(), $before, 'no session has begun');
	my $mine = $people->session('mary');
	is($web->request(POST => '/logout', cookie => "dropmill=$mine", sec_fetch_site => 'cross-site')->{status}, 403, 'or out');
	ok(works($mine), 'she stays');
	ok(!works($mine, host => 'evil.example'), 'a name that was bent to our address is not ours');
	is($web->request(GET => '/jobs/table', cookie => "dropmill=$mine", host => 'evil.example')->{status}, 421, 'and is told so');
	is($web->request(POST => '/login', fields(user => 'mary', password => $good), host => 'evil.example', origin => 'http://evil.example')->{status}, 421, 'even where the page and the name agree');
	is($unguarded->request(POST => '/jobs/999/cancel', host => 'evil.example', origin => 'http://evil.example', sec_fetch_site => 'same-origin')->{status}, 421, 'nor without anybody signed in');
};

subtest 'only the proxy says who it is' => sub {
	my $ask = sub { return $proxied->request(GET => '/jobs/table', accept => 'application/json', @_)->{status} };
	is($ask->(param => { DROPMILL_USER => 'mary' }), 200, 'as nginx hands it over');
	is($ask->(), 401, 'nobody');
	is($ask->(@$_), 401, "a browser's own word: $_->[0]") for [x_remote_user => 'mary'], [dropmill_user => 'mary'], [remote_user => 'mary'], [x_forwarded_user => 'mary'],
		[param => { REMOTE_USER => 'mary' }], [cookie => 'dropmill=' . $in_proxied->session('mary')];
	is($ask->(param => { DROPMILL_USER => 'nobody' }), 403, 'whom we do not know');
	is($ask->(param => { DROPMILL_USER => 'disabled1' }), 403, 'who is disabled');
	is($ask->(param => { DROPMILL_USER => 'mary' }, x_remote_user => 'admin'), 200, 'two words: that of nginx');
	is($proxied->sql("SELECT COUNT(*) FROM sessions"), 1, 'no session begins');
	is($proxied->request(POST => '/login', fields(user => 'mary', password => $good))->{status}, 409, 'nobody signs in by password');
	is($ask->($in_proxied->with($in_proxied->token('mary', 'read'))), 200, 'a token does');
	is($ask->(param => { DROPMILL_USER => 'mary' }, authorization => 'Basic bWFyeTp4'), 200, "what the proxy's own password was is not for us");
	is($web->request(GET => '/jobs/table', accept => 'application/json', param => { DROPMILL_USER => 'mary' })->{status}, 401, 'with auth = password the proxy is not asked');
	is($web->request(GET => '/jobs/table', accept => 'application/json', authorization => 'Basic bWFyeTp4')->{status}, 401, 'nor Basic taken');
};
done_testing;
