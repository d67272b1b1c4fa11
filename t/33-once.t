# What makes something makes it once for each Idempotency-Key: every such route of the table is asked twice, by the
# same and by others, with the same and with something else, and by several at once. Secrets that are shown once
# are kept nowhere. A route that changes something and has no row here fails.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Cgi;
use Dropmill::People;
use Dropmill::Process qw(wait_until);
use Fcntl qw(LOCK_EX LOCK_UN);
use JSON::PP qw(decode_json);
use POSIX ();
use Test::More;

my $web = Dropmill::Cgi->new(config => { auth => 'password' });
my $people = Dropmill::People->new($web);
$people->user($_, role => 'operator') for qw(olga oleg);
$people->user('theirs', role => 'admin', org => my $other = $people->org('theirs'));
$people->user('guest');
my $made = 0;

sub form { return (content_type => 'application/x-www-form-urlencoded', body => $_[0]) }
sub json { return (content_type => 'application/json', body => $_[0]) }
sub file {
	my ($field, $name, $content) = @_;
	return (content_type => 'multipart/form-data; boundary=x',
		body => "--x\r\nContent-Disposition: form-data; name=\"$field\"; filename=\"$name\"\r\n\r\n$content\r\n--x--\r\n");
}

# The route => [what makes a request of a name, the table it makes a row in, what of the answer is a secret, rows of
# the audit log].
my %row = (
	'POST /jobs' => [sub { ('/jobs', file(files => "$_[0].txt", 'x')) }, 'jobs'],
	'PUT /jobs/upload/{filename}' => [sub { ('/jobs/upload/put.txt', body => $_[0]) }, 'jobs'],
	'POST /processing_file' => [sub { ('/processing_file', file(file => "$_[0].csv", "a,b\n1,2\n")) }, 'jobs'],
	'POST /api/jobs' => [sub { ('/api/jobs', json(qq({"name":"$_[0]"}))) }, 'jobs'],
	'POST /api/project/{project}/jobs' => [sub { ('/api/project/default/jobs', json(qq({"name":"$_[0]"}))) }, 'jobs'],
	'POST /account/tokens' => [sub { ('/account/tokens', form("name=$_[0]&read=yes")) }, 'tokens', qr/"token":"(dm_[\w-]{43})"/],
	'POST /projects' => [sub { ('/projects', form("name=$_[0]")) }, 'projects'],
	'POST /admin/users' => [sub { ('/admin/users', form("name=$_[0]&role=member")) }, 'users', qr{/login/([\w-]{43})}, 2],
	'POST /admin/users/{name}/link' => [sub { $people->user($_[0]) if !$people->{user}{ $_[0] }; ("/admin/users/$_[0]/link", form('')) }, 'links', qr{/login/([\w-]{43})}],
	'POST /admin/orgs' => [sub { ('/admin/orgs', form("name=$_[0]")) }, 'orgs'],
);
# Routes that make nothing: what comes twice finds it done, or is refused by the state it finds. Claims are bound
# by their lease; who signs in is nobody yet, and a link is used up.
my %makes_nothing = map { $_ => 1 } ('DELETE /jobs/{job}', 'DELETE /api/jobs/{job}', 'DELETE /processing_file/{job}', 'PATCH /api/jobs/{job}',
	'POST /jobs/bulk', (map { "POST /jobs/{job}/$_" } qw(retry cancel pause resume delete move)),
	'POST /api/work/claim', (map { "POST /api/work/{job}/$_" } qw(heartbeat progress complete fail)),
	'POST /login', 'POST /login/{secret}', 'POST /logout', 'POST /account/password', 'POST /account/sessions/end',
	'POST /account/sessions/{id}/end', 'POST /account/tokens/{id}/revoke', (map { "POST /projects/{project}/$_" } qw(rename delete)),
	(map { "POST /admin/types/{type}/$_" } qw(pause resume)), (map { "POST /admin/users/{name}/$_" } qw(role disable enable projects)),
	'POST /admin/users/{name}/tokens/{id}/revoke', 'POST /admin/orgs/{org}/limits');

my %once;
for (split /\n/, $web->run(Dropmill::Cgi::build() . '/dropmill-web', '--routes')) {
	my ($methods, $pattern, undef, undef, undef, $once) = split /\t/;
	for my $name (map { "$_ $pattern" } grep { $_ ne 'GET' } split /, /, $methods) {
		$once{$name} = 1 if $once;
		ok($row{$name} || $makes_nothing{$name}, "$name is asked here, or makes nothing");
		is($once // '', $row{$name} ? 'once' : '', "$name: the route table says so too");
	}
}
is_deeply([sort keys %row], [sort keys %once], 'no row is left over');

sub rows { my ($table) = @_; return $web->sql("SELECT COUNT(*) FROM $table") }
sub ask {
	my ($name, $who, $thing, $key, %how) = @_;
	my ($method) = split / /, $name;
	my ($path, %more) = $row{$name}[0]->($thing);
	return $web->request($method => $path, accept => 'application/json', $people->as($who), %more,
		defined $key ? (idempotency_key => $key) : (), %how);
}

for my $name (sort keys %row) {
	my (undef, $table, $secret, $acts) = @{ $row{$name} };
	subtest $name => sub {
		my $thing = 'thing' . ++$made;
		$row{$name}[0]->($thing);
		my $before = rows($table);
		my $audit = rows('audit');
		my $first = ask($name, 'olga', $thing, 'k');
		is($first->{status}, 201, 'made') or return diag $first->{raw}, $web->{stderr};
		is($first->{headers}{'idempotent-replayed'}, undef, 'for the first time');
		my $again = ask($name, 'olga', $thing, 'k');
		if ($secret) {
			my ($shown) = $first->{raw} =~ $secret or return fail('a secret is shown');
			is($again->{status}, 409, 'what was shown once is refused');
			unlike($again->{raw}, qr/\Q$shown\E/, 'and not shown again');
			like($again->{json}{detail}, qr/has made .*$thing.*shown once/, 'the sentence says what was made') if $name !~ /tokens/;
			like($again->{json}{detail}, qr/has made the token \d+ \($thing\); that is shown once/, 'the sentence says which') if $name =~ /tokens/;
			my $told = decode_json($first->{content});
			$told->{link} = undef if exists $told->{link};
			delete $told->{token}{token} if $told->{token};
			is_deeply($again->{json}{made}, $told, 'and programs are told all but the secret');
			is($web->sql("SELECT COUNT(*) FROM idempotency WHERE response LIKE '%' || '$shown' || '%'"), 0, 'which is not kept');
			is(ask($name, 'olga', $thing, 'k', accept => 'text/html')->{status}, 409, 'nor on a page');
		} else {
			is($again->{status}, 201, 'the same');
			is($again->{content}, $first->{content}, 'answer');
			is($again->{headers}{'idempotent-replayed'}, 'true', 'which says that it is');
			my $page = ask($name, 'olga', $thing, 'k', accept => 'text/html');
			is($page->{status}, $name =~ m{/api/} ? 201 : 303, 'a form is led back');
		}
		is(rows($table), $before + 1, 'one row');
		is(rows('audit'), $audit + ($acts // 1), 'noted once');
		my $differs = ask($name, 'olga', 'thing' . ++$made, 'k');
		is($differs->{status}, 422, 'another request under the same key is refused');
		is($differs->{json}{field}, 'Idempotency-Key', 'by the name of the field');
		is(ask($name, 'olga', 'thing' . ++$made, $_)->{status}, 422, 'a bad key') for 'x' x 201, "a\tb";
		is(rows($table), $before + 1, 'nothing was made');
		is(ask($name, 'oleg', 'thing' . ++$made, 'k')->{status}, 201, 'the key of somebody else is another');
		is(ask($name, 'olga', 'thing' . ++$made, 'k2')->{status}, 201, 'as is another key');
		is(ask($name, 'olga', 'thing' . ++$made)->{status}, 201, 'and none is none');
		is(rows($table), $before + 4, 'each made one');
	};
	# Keys of one address are no keys of another: the path is part of what is compared.
	$web->sql('DELETE FROM idempotency');
}

subtest 'of another organisation' => sub {
	for my $name ('POST /projects', 'POST /admin/users', 'POST /account/tokens') {
		my $thing = 'thing' . ++$made;
		is(ask($name, 'olga', $thing, 'shared')->{status}, 201, "$name: made by one");
		my $answer = ask($name, 'theirs', 'thing' . ++$made, 'shared');
		is($answer->{status}, 201, 'and by another, under the same key');
		unlike($answer->{raw}, qr/$thing\b/, 'who is told nothing of it');
		$web->sql('DELETE FROM idempotency');
	}
};

subtest 'what was refused' => sub {
	ask('POST /projects', 'olga', 'taken');
	is(ask('POST /projects', 'olga', 'taken', 'mend')->{status}, 409, 'a name that is taken');
	is(ask('POST /projects', 'olga', '7', 'mend')->{status}, 422, 'or bad');
	is(ask('POST /projects', 'olga', 'free', 'mend')->{status}, 201, 'may be mended under the same key');
	is(ask('POST /projects', 'guest', 'free', 'mend')->{status}, 403, 'who may not make it is not told of it');
	my $users = rows('users');
	is(ask('POST /admin/users', 'theirs', "mine&role=operator", 'high')->{status}, 422, 'a role above their own');
	is(rows('users'), $users, 'makes nobody');
};

subtest 'a thing that has changed since' => sub {
	my $first = ask('POST /projects', 'olga', 'before', 'change');
	my $id = $first->{json}{project}{id};
	$web->request(POST => "/projects/$id/rename", form('name=after'), $people->as('olga'));
	is(ask('POST /projects', 'olga', 'before', 'change')->{content}, $first->{content}, 'is told as it was made');
	$web->sql("DELETE FROM projects WHERE id = $id");
	is(ask('POST /projects', 'olga', 'before', 'change')->{content}, $first->{content}, 'even when it is gone');
	$web->sql("UPDATE idempotency SET created_at = created_at - 86400001");
	isnt(ask('POST /projects', 'olga', 'before', 'change')->{json}{project}{id}, undef, 'a day later it is made anew');
};

subtest 'a link that cannot be made' => sub {
	my $users = rows('users');
	my $audit = rows('audit');
	$web->sql("CREATE TRIGGER stuck BEFORE INSERT ON links BEGIN SELECT RAISE(ABORT, 'stuck'); END");
	is(ask('POST /admin/users', 'olga', 'nolink', 'stuck')->{status}, 500, 'fails');
	$web->sql('DROP TRIGGER stuck');
	is(rows('users') . rows('audit'), $users . $audit, 'and leaves no user without one');
	is(ask('POST /admin/users', 'olga', 'nolink', 'stuck')->{status}, 201, 'who can then be made under the same key');
};

# Nobody writes while this is held, so that all have come before the first one can make anything.
sub hold {
	open my $lock, '>>', "$web->{dir}/dropmill.db-cur.lock" or die $!;
	flock $lock, LOCK_EX or die $!;
	return $lock;
}
sub waiting {
	my %inode = map { (stat "$web->{dir}/dropmill.db-$_.lock")[1] => 1 } qw(cur next);
	open my $locks, '<', '/proc/locks' or die $!;
	return scalar grep { /-> FLOCK .*:(\d+) / && $inode{$1} } <$locks>;
}

subtest 'several at once' => sub {
	for my $name (sort keys %row) {
		my (undef, $table, $secret) = @{ $row{$name} };
		my $thing = 'thing' . ++$made;
		$row{$name}[0]->($thing);
		$people->as('olga');
		my $before = rows($table);
		my $lock = hold();
		my @pid = map {
			my $pid = fork // die $!;
			POSIX::_exit(ask($name, 'olga', $thing, 'race')->{status} - 200) if !$pid;
			$pid;
		} 1 .. 4;
		ok(wait_until(20, sub { waiting() == 4 }), "$name: four at once");
		flock $lock, LOCK_UN or die $!; # the children have it too
		my @answers = sort map { waitpid $_, 0; 200 + ($? >> 8) } @pid;
		is("@answers", $secret ? '201 409 409 409' : '201 201 201 201', 'all are answered');
		is(rows($table), $before + 1, 'one is made');
		$web->sql('DELETE FROM idempotency');
	}
};
done_testing;
