# Users, organisations, projects, tokens and the audit log by the program `dropmill`: every verb with its
# answers as text and JSON, exit codes, and what it means to dropmill-web at once.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Cwd qw(abs_path);
use Dropmill::Cgi;
use JSON::PP qw(decode_json);
use Test::More;

my $build = abs_path($ENV{BUILD} // "$FindBin::Bin/../build");
my $web = Dropmill::Cgi->new(config => { auth => 'password' });
my $me = getpwuid($<);
our %env;

# Exit code, output, errors; { input => TEXT } goes to standard input.
sub cli {
	my $option = ref $_[-1] ? pop : {};
	my ($status, $out) = $web->spawn({ $web->environment, %env }, $option->{input} // '', "$build/dropmill", @_);
	return ($status & 127 ? "signal $status" : $status >> 8, $out, $web->{stderr});
}

# What succeeds.
sub text { my ($code, $out, $err) = cli(@_); is($code, 0, "@{[grep { !ref } @_]}") or diag $err; return $out }
sub json { return decode_json(text('--json', @_)) }

# What is refused, with a sentence.
sub refused {
	my ($want, $why, @args) = @_;
	my ($code, $out, $err) = cli(@args);
	is($code, $want, "$want: @{[grep { !ref } @args]}");
	like($err, $why, 'and why');
	is($out, '', 'nothing on standard output');
}

sub as { my ($token, $path, %option) = @_;
	return $web->request($option{method} // 'GET', $path, accept => 'application/json', authorization => "Bearer $token", %option) }
sub sign_in { return $web->request(POST => '/login', accept => 'application/json', sec_fetch_site => 'same-origin',
	content_type => 'application/x-www-form-urlencoded', body => "user=$_[0]&password=$_[1]") }
sub audit { return @{ json('audit', @_)->{audit} } }

subtest 'the first link' => sub {
	my $secret = text('user', 'link', '--first');
	like($secret, qr/^[\w-]{43}\n$/, 'is a secret alone');
	chomp $secret;
	chomp(my $second = text('user', 'link', '--first'));
	isnt($second, $secret, 'another at each start');
	is($web->request(HEAD => "/login/$secret")->{status}, 200, 'looking at it uses nothing up');
	my $answer = $web->request(GET => "/login/$secret");
	is($answer->{status}, 303, 'it signs in');
	my ($cookie) = $answer->{headers}{'set-cookie'} =~ /^(dropmill=[^;]+)/;
	is($web->request(GET => '/jobs/table', accept => 'application/json', cookie => $cookie)->{status}, 200, 'with a session');
	is($web->request(GET => "/login/$secret")->{status}, 404, 'once');
	is(text('user', 'link', '--first'), '', 'no more of them once an operator has signed in');
	is_deeply(json('user', 'link', '--first'), { secret => undef }, 'nor as JSON');
	local %env = (DROPMILL_AUTH => 'none');
	refused(78, qr/auth is not password/, 'user', 'link', '--first');
	refused(78, qr/auth is not password/, 'user', 'link', 'admin');
};

subtest 'organisations' => sub {
	is(text('org', 'create', 'acme'), "made organisation acme, with a project \"default\"\n", 'one more');
	refused(1, qr/an organisation of that name already: "acme"/, 'org', 'create', 'acme');
	refused(65, qr/no control characters and no slash/, 'org', 'create', 'a/b');
	refused(65, qr/1 to 100 bytes/, 'org', 'create', '');
	is(json('org', 'create', 'small')->{org}{name}, 'small', 'as JSON');
	is(text('org', 'set', 'acme', '--cap', 3, '--quota-bytes', '10G', '--quota-rate', 60), <<'END', 'limits');
acme                  cap 3       0 running, 0 waiting, 0 B stored
                      quota: 0 B of 10G stored, 0 of 60 uploads this minute
END
	my ($acme) = grep { $_->{name} eq 'acme' } @{ json('org', 'list')->{orgs} };
	is_deeply($acme, { id => 2, name => 'acme', cap => 3, running => 0, pending => 0,
		quota => { bytes => 10 << 30, pending => undef, file => undef, rate => 60 },
		used => { bytes => 0, pending => 0, rate => 0 } }, 'listed');
	is_deeply(json('org', 'set', 'acme', '--quota-pending', 5, '--quota-file', '1M', '--quota-rate', 'none')->{org}{quota},
		{ bytes => 10 << 30, pending => 5, file => 1 << 20, rate => undef }, 'what is not named stays');
	is(text('org', 'set', 'acme', '--cap', 'none', map { ("--quota-$_", 'none') } qw(bytes pending file)),
		"acme                  no cap      0 running, 0 waiting, 0 B stored\n", 'none again');
	refused(64, qr/bad --quota-bytes lots \(allowed: a size such as 10G, or none\)/, 'org', 'set', 'acme', '--quota-bytes', 'lots');
	refused(64, qr/bad --quota-rate -1 \(allowed: 0 to/, 'org', 'set', 'acme', '--quota-rate', -1);
	refused(64, qr/^usage: /, 'org', 'set', 'acme');
	refused(65, qr/no such organisation: "nobody"/, 'org', 'set', 'nobody', '--quota-rate', 1);
	# What is set together is set as one, whichever part cannot be.
	my $before = text('org', 'list') . $web->sql('SELECT COUNT(*) FROM audit');
	for my $column (qw(cap quota_bytes)) {
		$web->sql("CREATE TRIGGER stuck BEFORE UPDATE OF $column ON orgs BEGIN SELECT RAISE(ABORT, 'stuck'); END");
		isnt((cli('org', 'set', 'acme', '--cap', 7, '--quota-bytes', '1G'))[0], 0, "$column cannot be set");
		$web->sql('DROP TRIGGER stuck');
		is(text('org', 'list') . $web->sql('SELECT COUNT(*) FROM audit'), $before, 'and nothing has changed');
	}
};

subtest 'projects' => sub {
	is(text('project', 'create', 'site', '--org', 'acme'), "made project site (4)\n", 'one more');
	refused(1, qr/a project of that name already: "site"/, '--org', 'acme', 'project', 'create', 'site');
	refused(65, qr/not a number alone/, 'project', 'create', '12');
	refused(65, qr/no such organisation: "nobody"/, 'project', 'list', '--org', 'nobody');
	is_deeply([map { $_->{name} } @{ json('project', 'list', '--org', 'acme')->{projects} }], ['default', 'site'], 'listed');
	is_deeply([map { $_->{name} } @{ json('project')->{projects} }], ['default'], 'of the first org otherwise');
	is(json('project', 'rename', 'site', 'pages', '--org', 'acme')->{project}{name}, 'pages', 'renamed');
	refused(1, qr/of that name already/, 'project', 'rename', 'pages', 'default', '--org', 'acme');
	refused(65, qr/no project "site"/, 'project', 'rename', 'site', 'x', '--org', 'acme');
	text('project', 'create', 'gone', '--org', 'acme');
	is(text('project', 'rm', 'gone', '--org', 'acme'), "deleted project gone\n", 'deleted');
	refused(1, qr/never the last one/, 'project', 'rm', 'default');
	refused(65, qr/no project "gone"/, 'project', 'rm', 'gone', '--org', 'acme');
};

subtest 'users' => sub {
	is(text('user', 'create', 'bob', '--role', 'admin', '--org', 'acme'),
		"made user bob, admin of acme\nsign in by a link: dropmill user link bob\n", 'without a password');
	is(text('user', 'create', 'eve', '--org', 'acme', '--password-stdin', { input => "correct horse\n" }), "made user eve, member of acme\n",
		'with one, a member');
	is(json('user', 'create', 'op2', '--role', 'operator')->{user}{org}, 'local', 'of the first org otherwise');
	refused(1, qr/a user of that name already: "bob"/, 'user', 'create', 'bob');
	refused(65, qr/a user name is 1 to 64 of/, 'user', 'create', 'Bob Smith');
	refused(64, qr/no such role: king \(allowed: viewer, member, admin, operator\)/, 'user', 'create', 'x', '--role', 'king');
	refused(65, qr/among the first that are tried/, 'user', 'create', 'x', '--password-stdin', { input => "Password123!\n" });
	refused(65, qr/10 characters or more/, 'user', 'create', 'x', '--password-stdin', { input => "short" });
	refused(65, qr/at most 256 bytes/, 'user', 'create', 'x', '--password-stdin', { input => 'long one ' x 99 });
	refused(64, qr/no password came/, 'user', 'create', 'x', '--password-stdin');
	refused(65, qr/no such user: "x"/, 'user', 'link', 'x');
	like(text('user', 'list'), qr/^NAME .*\n(?:.*\n)*eve +acme +member +enabled +yes +never$/m, 'the list');
	is_deeply([map { $_->{name} } @{ json('user', 'list', '--org', 'acme')->{users} }], ['bob', 'eve'], 'of one org');
	is(text('user', 'role', 'bob', 'viewer'), "bob is viewer of acme\n", 'another role');
	is(json('user', 'role', 'bob', 'admin')->{user}{role}, 'admin', 'as JSON');
	refused(65, qr/no such user: "bob"/, 'user', 'role', 'bob', 'admin', '--org', 'local');
	text('user', 'disable', 'op2');
	refused(1, qr/admin is the last operator: make another one first/, 'user', @$_) for ['role', 'admin', 'member'], ['disable', 'admin'];
};

subtest 'passwords and links' => sub {
	is(sign_in('eve', 'correct horse')->{status}, 303, 'eve signs in');
	is(sign_in('bob', 'correct horse')->{status}, 401, 'bob has no password');
	is(text('user', 'password', 'bob', { input => "staple battery\r\nrest" }), "the password of bob is set; sessions have ended\n", 'one is set');
	my $answer = sign_in('bob', 'staple battery');
	is($answer->{status}, 303, 'and works');
	my ($cookie) = $answer->{headers}{'set-cookie'} =~ /^(dropmill=[^;]+)/;
	is(json('user', 'password', 'bob', { input => "battery staple\n" })->{user}{has_password}, JSON::PP::true, 'another');
	is($web->request(GET => '/jobs/table', accept => 'application/json', cookie => $cookie)->{status}, 401, 'ends the session');
	my ($code, $out, $err) = cli('user', 'link', 'bob');
	like($out, qr{^/login/[\w-]{43}\n$}, 'a link without base_url is a path');
	like($err, qr/put the address of the site before it.*base_url/, 'and says so');
	local %env = (DROPMILL_BASE_URL => 'https://mill.example');
	like(text('user', 'link', 'bob'), qr{^https://mill\.example/login/[\w-]{43}\n$}, 'with it, an address');
	my $link = json('user', 'link', 'bob');
	is_deeply([sort keys %$link], ['expires_at', 'link', 'user'], 'as JSON');
	%env = ();
	my ($path) = $link->{link} =~ m{(/login/.*)};
	text('user', 'disable', 'bob');
	is($web->request(GET => $path)->{status}, 404, 'links end when the user is disabled');
	refused(1, qr/bob is disabled: enable the user first/, 'user', 'link', 'bob');
	refused(1, qr/bob is disabled: enable the user first/, 'token', 'create', '--user', 'bob', '--name', 'x');
	is(text('user', 'enable', 'bob'), "bob enabled\n", 'enabled');
	is($web->request(GET => $path)->{status}, 404, 'they stay void');
};

subtest 'a password that is typed' => sub {
	open my $pty, '+<', '/dev/ptmx' or plan skip_all => "cannot make a terminal: $!";
	my $unlock = pack 'i', 0;
	my $number = pack 'I', 0;
	ioctl $pty, 0x40045431, $unlock or plan skip_all => "cannot make a terminal: $!";
	ioctl $pty, 0x80045430, $number or plan skip_all => "cannot make a terminal: $!";
	my $terminal = '/dev/pts/' . unpack 'I', $number;
	open my $hold, '+<', $terminal or plan skip_all => "$terminal: $!";
	my $start = sub {
		pipe my $prompts, my $to or die $!;
		my $pid = fork // die $!;
		if (!$pid) {
			%ENV = $web->environment;
			open STDIN, '<', $terminal or die $!;
			open STDOUT, '>', '/dev/null' or die $!;
			open STDERR, '>&', $to or die $!;
			exec "$build/dropmill", 'user', 'password', 'eve' or die $!;
		}
		close $to;
		return ($pid, $prompts);
	};
	my $await = sub {
		my ($from, $what) = @_;
		my $text = '';
		local $SIG{ALRM} = sub { die "no $what: $text\n" };
		alarm 20;
		while ($text !~ $what && sysread $from, my $more, 100) { $text .= $more }
		alarm 0;
		return $text;
	};
	my $enter = sub {
		my ($first, $second, $want, $name) = @_;
		my ($pid, $prompts) = $start->();
		$await->($prompts, qr/New password of eve: $/);
		like(qx(stty -F $terminal -a), qr/ -echo /, 'what is typed is not shown');
		syswrite $pty, "$first\n";
		my $rest = $await->($prompts, qr/Once more: $/);
		syswrite $pty, "$second\n" if $rest =~ /Once more/;
		$rest .= $await->($prompts, qr/^never$/);
		waitpid $pid, 0;
		is($? >> 8, $want, $name);
		like(qx(stty -F $terminal -a), qr/ echo /, 'the echo is on again');
		return $rest;
	};
	$enter->('typed by hand', 'typed by hand', 0, 'twice the same');
	is(sign_in('eve', 'typed+by+hand')->{status}, 303, 'it is the password');
	like($enter->('typed by hand', 'typed by hend', 65, 'a slip'), qr/the two are not the same; nothing was changed/, 'is said');
	like($enter->('short', '', 65, 'a bad one'), qr/10 characters or more/, 'is not asked for again');
	my ($pid, $prompts) = $start->();
	$await->($prompts, qr/New password of eve: $/);
	kill INT => $pid;
	waitpid $pid, 0;
	is($? & 127, 2, 'interrupted');
	like(qx(stty -F $terminal -a), qr/ echo /, 'the echo is on again');
};

subtest 'projects of a user' => sub {
	is_deeply(json('user', 'projects', 'eve'), { user => 'eve', limited => JSON::PP::false, projects => ['default', 'pages'] }, 'all at first');
	is(text('user', 'projects', 'eve', '--only', 'pages,4,pages'), "pages\n", 'only one, by name or id');
	is(json('user', 'projects', 'eve')->{limited}, JSON::PP::true, 'it is asked for');
	like(text('user', 'list'), qr/^eve .* some projects /m, 'the list tells');
	refused(65, qr/no project "nope"/, 'user', 'projects', 'eve', '--only', 'nope');
	refused(65, qr/no project "1"/, 'user', 'projects', 'eve', '--only', '1');
	refused(64, qr/^usage/, 'user', 'projects', 'eve', '--all', '--only', 'pages');
	chomp(my $token = text('token', 'create', '--user', 'eve', '--name', 'limited'));
	my $job = as($token, '/jobs/upload/a.txt', method => 'PUT', body => "a\n")->{json}{jobs}[0];
	is($web->sql("SELECT project_id FROM jobs WHERE id = $job->{id}"), 4, 'uploads go there');
	is(text('user', 'projects', 'eve', '--only', ''), '', 'none at all');
	is(as($token, '/jobs/table')->{status}, 403, 'sees nothing');
	is(text('user', 'projects', 'eve', '--all'), "default\npages\n", 'all again');
	refused(1, qr/only a project without jobs/, 'project', 'rm', 'pages', '--org', 'acme');
};

subtest 'tokens' => sub {
	my $token = text('token', 'create', '--user', 'bob', '--name', 'ci');
	like($token, qr/^dm_[\w-]{43}\n$/, 'printed, and nothing else');
	chomp $token;
	is(as($token, '/jobs/table')->{status}, 200, 'it reads');
	is(as($token, '/jobs/upload/a.txt', method => 'PUT', body => "a\n")->{status}, 201, 'and writes');
	chomp(my $reader = text('token', 'create', '--user', 'bob', '--name', 'look', '--scope', 'read', '--expires', '90d'));
	is(as($reader, '/jobs/table')->{status}, 200, 'another reads');
	my $answer = as($reader, '/jobs/upload/a.txt', method => 'PUT', body => "a\n");
	is($answer->{status}, 403, 'and does not write');
	my $made = json('token', 'create', '--user', 'eve', '--name', 'all', '--scope', 'admin,work', '--expires', '2099-01-01T00:00Z');
	is("@$made{qw(user name scopes expires_at)}", 'eve all work,admin 2099-01-01T00:00:00.000Z', 'as JSON');
	my @all = @{ json('token', 'list')->{tokens} };
	is_deeply([map { "$_->{user} $_->{name} $_->{scopes}" } @all], ['bob ci read,write', 'bob look read', 'eve limited read,write',
		'eve all work,admin'], 'listed');
	is($all[0]{expires_at}, undef, 'for ever');
	isnt($all[1]{expires_at}, undef, 'or not');
	isnt($all[0]{used_at}, undef, 'used');
	is_deeply([map { $_->{name} } @{ json('token', 'list', '--user', 'eve')->{tokens} }], ['limited', 'all'], 'of one user');
	is_deeply(json('token', 'list', '--org', 'local'), { tokens => [] }, 'of one org');
	unlike(join('', map { text(@$_) } ['token', 'list'], ['--json', 'token', 'list']), qr/dm_/, 'none is shown again');
	refused(64, qr/bad --scope read,fly/, 'token', 'create', '--user', 'bob', '--name', 'x', '--scope', 'read,fly');
	refused(64, qr/bad --scope  \(/, 'token', 'create', '--user', 'bob', '--name', 'x', '--scope', '');
	refused(64, qr/bad --expires soon \(allowed: a duration such as 90d/, 'token', 'create', '--user', 'bob', '--name', 'x', '--expires', 'soon');
	refused(65, qr/expired already/, 'token', 'create', '--user', 'bob', '--name', 'x', '--expires', '2001-01-01T00:00Z');
	refused(65, qr/no such user: "nobody"/, 'token', 'create', '--user', 'nobody', '--name', 'x');
	refused(65, qr/needs a name/, 'token', 'create', '--user', 'bob', '--name', '');
	refused(64, qr/^usage: /, 'token', 'create', '--user', 'bob');
	text('user', 'disable', 'bob');
	is(as($token, '/jobs/table')->{status}, 401, 'ends with its user');
	text('user', 'enable', 'bob');
	is(as($token, '/jobs/table')->{status}, 200, 'and comes back');
	text('user', 'role', 'bob', 'viewer');
	is(as($token, '/jobs/upload/a.txt', method => 'PUT', body => "a\n")->{status}, 403, 'is no more than its user');
	my ($id) = map { $_->{id} } grep { $_->{name} eq 'ci' } @all;
	refused(65, qr/no such token: $id/, 'token', 'revoke', $id, '--org', 'local');
	refused(65, qr/no such token: $id/, 'token', 'revoke', '--user', 'eve', $id);
	refused(65, qr/no such user: "nobody"/, 'token', 'revoke', '--user', 'nobody', $id);
	refused(64, qr/^usage: /, 'token', 'revoke', '--user', 'bob');
	chomp(my $spare = text('token', 'create', '--user', 'bob', '--name', 'spare'));
	my ($spared) = map { $_->{id} } grep { $_->{name} eq 'spare' } @{ json('token', 'list', '--user', 'bob')->{tokens} };
	is_deeply(json('token', 'revoke', '--user', 'bob', $spared), { revoked => [{ id => $spared }] }, 'of a user');
	is(as($spare, '/jobs/table')->{status}, 401, 'it is refused');
	is(text('token', 'revoke', $id), "$id revoked\n", 'revoked');
	is(as($token, '/jobs/table')->{status}, 401, 'and refused');
	refused(65, qr/no such token: $id/, 'token', 'revoke', $id);
	refused(64, qr/not the ID of a token: ci/, 'token', 'revoke', 'ci');
};

subtest 'quotas hold' => sub {
	chomp(my $token = text('token', 'create', '--user', 'eve', '--name', 'quota'));
	text('org', 'set', 'acme', '--quota-file', '4');
	is(as($token, '/jobs/upload/a.txt', method => 'PUT', body => "too long\n")->{status}, 413, 'a file that is too large');
	like(text('org', 'list'), qr/^acme .* [1-9]\d* B stored\n +quota: files up to 4 B$/m, 'use and limits');
	text('org', 'set', 'acme', '--quota-file', 'none');
	is(as($token, '/jobs/upload/a.txt', method => 'PUT', body => "too long\n")->{status}, 201, 'none again');
};

subtest 'the audit log' => sub {
	my @all = audit('--limit', 1000);
	is_deeply([map { $_->{id} } @all], [reverse 1 .. @all], 'newest first, all of it');
	my ($made) = grep { $_->{action} eq 'user.create' && $_->{object} eq 'bob' } @all;
	is_deeply([@$made{qw(actor via org_id address)}], ['local', "cli $me", 2, ''], 'by whom, and about whose');
	is_deeply($made->{detail}, { role => 'admin' }, 'with what');
	my %seen = map { ($_->{action} => 1) } @all;
	is_deeply([grep { !$seen{$_} } qw(user.link session.begin org.create org.cap org.quota project.create project.rename
		project.delete user.create user.role user.disable user.enable user.password user.projects token.create token.revoke)],
		[], 'every act');
	is_deeply([map { "$_->{object} $_->{detail}{from}" } audit('--action', 'project.rename')], ['pages site'], 'what it was before');
	is_deeply([map { $_->{object} } audit('--action', 'project.delete')], ['gone'], 'what was deleted');
	is((audit('--action', 'org.quota'))[0]{object}, 'acme', 'whose quota');
	is_deeply([grep { !/^user\./ } map { $_->{action} } audit('--action', 'user')], [], 'by noun');
	is_deeply([grep { $_ != 2 } map { $_->{org_id} } audit('--org', 'acme')], [], 'by org');
	is_deeply([map { $_->{actor} } audit('--actor', 'nobody')], [], 'by actor');
	is_deeply([audit('--until', '-1d')], [], 'until');
	is(scalar(audit('--since', '-1d', '--limit', 1000)), scalar @all, 'since');
	is(scalar(audit('--since', '2999-01-01')), 0, 'since a day');
	my $page = json('audit', '--limit', 2);
	is_deeply([map { $_->{id} } @{ $page->{audit} }], [$all[0]{id}, $all[1]{id}], 'a page');
	is_deeply([map { $_->{id} } audit('--limit', 1, '--before', $page->{next})], [$all[2]{id}], 'and the next');
	is(json('audit', '--before', 3)->{next}, undef, 'to the end');
	my ($code, $out, $err) = cli('audit', '--limit', 1);
	like($out, qr/^ +\d+  \d{4}-\S+Z  \S+ +.*\n$/, 'a line for people');
	like($err, qr/^older ones: --before $all[0]{id}$/m, 'and how to go on');
	my $jsonl = text('audit', 'export', '--since', '-7d', '--action', 'token');
	my @rows = map { decode_json($_) } split /\n/, $jsonl;
	is_deeply([map { $_->{id} } @rows], [map { $_->{id} } grep { $_->{action} =~ /^token\./ } @all], 'exported, a line for each');
	is(scalar(my @two = split /\n/, text('audit', 'export', '--limit', 2)), 2, 'no more than the limit');
	refused(64, qr/bad --since yesterday/, 'audit', '--since', 'yesterday');
	refused(64, qr/bad --limit 0/, 'audit', '--limit', 0);
	refused(64, qr/^usage/, 'audit', 'burn');
};

subtest 'an archive longer than a page' => sub {
	my $n = 2500;
	$web->sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $n) INSERT INTO audit (at, org_id, actor, via, address, "
		. "request, action, object, detail) SELECT i, 9, 'many', '', '', '', 'x.y', i, '{}' FROM n");
	is(scalar(my @rows = split /\n/, text('audit', 'export', '--actor', 'many')), $n, 'all of it');
	is(scalar @{ json('audit', '--actor', 'many', '--limit', 2001)->{audit} }, 2001, 'and a list of several pages');
};

subtest 'usage' => sub {
	for my $verb (qw(user org project token audit)) {
		like((cli($verb, '--help'))[1], qr/^usage: dropmill $verb /, "$verb --help");
		refused(64, qr/^usage: dropmill $verb /, $verb, 'nonsense');
		like((cli('--help'))[1], qr/^  $verb /m, 'is listed');
	}
	refused(64, qr/^usage: /, @$_) for ['user', 'create'], ['user', 'create', 'a', 'b'], ['user', 'disable'], ['user', 'disable', 'a', 'b'],
		['user', 'role', 'bob'], ['user', 'link'], ['user', 'link', '--first', 'bob'], ['user', 'password'], ['user', 'projects'],
		['user', 'list', 'x'], ['org', 'list', 'x'], ['org', 'create'], ['project', 'create'], ['project', 'rename', 'x'], ['project', 'rm'],
		['token', 'revoke'], ['token', 'list', 'x'], ['token', 'create', '--name', 'x'];
};

subtest 'the doctor' => sub {
	my $doctor = sub {
		my ($subject, %set) = @_;
		local %env = map { ('DROPMILL_' . uc $_ => $set{$_}) } keys %set;
		my ($found) = grep { $_->{subject} eq $subject } @{ decode_json((cli('--json', 'doctor'))[1])->{checks} };
		return $found ? "$found->{status}: $found->{text}" : '';
	};
	like($doctor->('auth'), qr/^ok: password, on this machine alone/, 'password at home');
	like($doctor->('users'), qr/^ok: \d+, with an operator/, 'somebody may come in');
	like($doctor->('auth', hosts => 'localhost mill.example'), qr/^warn: hosts has mill\.example/, 'a site without TLS');
	like($doctor->('auth', base_url => 'http://mill.example'), qr/^warn: base_url is http:/, 'or without saying so');
	like($doctor->('auth', base_url => 'https://mill.example', hosts => '*'), qr/^ok: password, by TLS/, 'with TLS');
	like($doctor->('auth', auth => 'proxy'), qr/^fail: auth = proxy, but no proxies are believed/, 'no proxies');
	like($doctor->('auth', auth => 'proxy', proxies => '127.0.0.1 0.0.0.0/0'), qr{^fail: auth = proxy, and 0\.0\.0\.0/0 }, 'too many');
	like($doctor->('auth', auth => 'proxy', proxies => '127.0.0.1'), qr/^ok: proxy: users are named in X-Remote-User by 127/, 'the right ones');
	like($doctor->('auth', auth => 'none'), qr/^ok: none: whoever reaches/, 'none');
	mkdir "$web->{dir}/run/nginx";
	for (['127.0.0.1:80', 'ok'], ['0.0.0.0:8080', 'warn'], ['*:8080', 'warn'], ['[::1]:8080', 'ok']) {
		open my $conf, '>', "$web->{dir}/run/nginx/nginx.conf" or die $!;
		print $conf "\tserver {\n\t\tlisten $_->[0] backlog=1;\n";
		close $conf or die $!;
		like($doctor->('auth', auth => 'none'), qr/^$_->[1]: /, "none, listening at $_->[0]");
	}
	$web->sql("UPDATE users SET signed_in_at = NULL");
	like($doctor->('users'), qr/^warn: no operator has signed in yet/, 'nobody has come in');
	$web->sql("UPDATE users SET disabled = 1 WHERE role = 'operator'");
	like($doctor->('users'), qr/^fail: there is no operator who may come in/, 'nobody can');
	refused(1, qr/make one: dropmill user create NAME --role operator/, 'user', 'link', '--first');
};

done_testing;
