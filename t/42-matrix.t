# Who may what: every route of the table is asked by everybody, about what is theirs, what nobody has, what
# another organisation has, and what a project has that they do not see. What is expected follows from the row
# of a route, here; a route without a row fails.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::People;
use Dropmill::Pool;
use Test::More;

my $web = Dropmill::Pool->new(config => { auth => 'password' });
my $people = Dropmill::People->new($web);

# ---- who asks ----------------------------------------------------------------------------------------
my %org = map { $_ => $people->org($_) } qw(ours theirs);
my $open = $people->project($org{ours}, 'open');
my $closed = $people->project($org{ours}, 'closed');
my %name = (viewer => 'viewer', member => 'member', admin => 'chief', operator => 'operator');
$people->user($name{$_}, org => $org{ours}, role => $_) for sort keys %name;
$people->user('stranger', org => $org{theirs}, role => 'admin');
$people->user('limited', org => $org{ours}, role => 'member', limited => [$open]);
$people->user('gone', org => $org{ours}, role => 'admin', disabled => 1);

my %role = (viewer => 1, member => 2, admin => 3, operator => 4);
my %rank = (public => 0, %role);
my @scopes = qw(read write work);

# name => [role (0: nobody known), what is sent, organisation]; a sub is given the scope of the route.
my $rest = sub { my %has = map { $_ => 1 } split /,/, $_[0] // ''; return join ',', grep { !$has{$_} } @scopes };
my %token; # by user and scopes: the table of tokens need not hold thousands
my $bearer = sub { my ($user, $scopes, %more) = @_; return $people->with($token{ join ' ', $user, $scopes, %more } //= $people->token($user, $scopes, %more)) };
my @actors = (
	[anonymous => 0, sub { () }],
	['a cookie that is none' => 0, sub { Dropmill::People::browser('made-up') }],
	(map { my $role = $_; [$role => $role{$role}, sub { $people->as($name{$role}) }] } qw(viewer member admin operator)),
	['admin of another organisation' => 3, sub { $people->as('stranger') }, 'theirs'],
	['member who sees one project' => 2, sub { $people->as('limited') }, 'limited'],
	['disabled user' => 0, sub { $people->as('gone') }],
	['session idle too long' => 0, sub { $people->as('chief', created => -30 * 86400 + 60, seen => -7 * 86400 - 1) }],
	['session too old' => 0, sub { $people->as('chief', created => -30 * 86400, expires => -1) }],
	['token with the scope' => 3, sub { $bearer->('chief', $_[0] // 'read') }],
	['token with scope admin' => 3, sub { $bearer->('chief', 'admin') }],
	['token of a viewer with every scope' => 1, sub { $bearer->('viewer', 'read,write,work,admin') }],
	['token without the scope' => -1, sub { $bearer->('operator', $rest->($_[0])) }],
	['expired token' => -2, sub { $bearer->('chief', 'admin', expires => -1) }],
	['token of a disabled user' => -2, sub { $bearer->('gone', 'admin') }],
	['token that is none' => -2, sub { $people->with('dm_made-up') }],
	['bad token beside a good cookie' => -2, sub { ($people->as('chief'), $people->with('dm_made-up')) }],
	['cookie, from another site' => -3, sub { ($people->as('chief'), sec_fetch_site => 'cross-site') }],
);

# ---- what is asked for -------------------------------------------------------------------------------
my $made = 0;
sub upload {
	my ($who, $project, %more) = @_;
	my $type = $more{type} // 'inspect';
	my $answer = $web->request(PUT => "/jobs/upload/f.txt?project=$project&type=$type", body => 'x' . $made++, $people->as($who));
	die "upload: $answer->{raw}" if $answer->{status} != 201;
	return [@{ $answer->{json}{jobs}[0] }{qw(uuid id)}];
}

# A job that has ended, with results and an archive of them.
sub finished {
	my ($who, $project) = @_;
	my $job = upload($who, $project);
	my ($org) = $web->sql("SELECT org_id FROM jobs WHERE id = $job->[1]");
	$web->sql("UPDATE jobs SET status = 'completed', ready = 0, completed_at = 1, files_out = 1 WHERE id = $job->[1];"
		. join '', map { "INSERT INTO files (uuid, org_id, job_id, output, name, size_bytes, content_type, created_at) "
			. "VALUES ('0000000$_-0000-7000-8000-" . sprintf('%012d', $job->[1]) . "', $org, $job->[1], $_, 'x/y.txt', 1, 'text/plain', 1);" } 1, 2);
	return $job;
}

my %uploader = (ours => ['member', $people->default_project($org{ours})], limited => ['member', $open],
	hidden => ['member', $closed], theirs => ['stranger', $people->default_project($org{theirs})]);
my %kept;
# own => [keys that work], none => [keys that nobody has], foreign => [...], hidden => [...]
my %thing = (
	job => sub {
		my ($row, $whose) = @_;
		my $make = $row->{fresh} // \&finished;
		my $keep = sub { $kept{job}{ $_[0] } //= finished(@{ $uploader{ $_[0] } }) };
		return {
			own => [0, 1], # which of the two: made when it is asked for
			make => sub { my $job = $row->{fresh} ? $make->(@{ $uploader{$whose} }) : $keep->($whose); return $job->[ $_[0] ] },
			none => ['01890000-0000-7000-8000-000000000000', '01890000-0000-7000-8000-00000000000g', 2_000_000_000, 0, -1, "1'"],
			foreign => $keep->($whose eq 'theirs' ? 'ours' : 'theirs'),
			hidden => $whose eq 'limited' ? $keep->('hidden') : [],
		};
	},
	project => sub {
		my ($row, $whose) = @_;
		my ($own, $other) = $whose eq 'theirs' ? qw(theirs ours) : qw(ours theirs);
		return { own => [0], make => sub { $whose eq 'limited' ? $open : $people->project($org{$own}, 'made ' . $made++) },
			none => ['none', 999_999, 0, -1, "1'"], foreign => [$people->default_project($org{$other})],
			hidden => $whose eq 'limited' ? [$closed] : [] };
	},
	name => sub { # a user; an operator manages those of every organisation
		my ($row, $whose, $rank) = @_;
		my ($own, $other) = $whose eq 'theirs' ? qw(theirs ours) : qw(ours theirs);
		my $make = sub { my $name = 'made' . $made++; $people->user($name, org => $org{ $_[0] }, role => 'member'); return $name };
		return { own => [0], make => sub { $make->($own) }, none => ['nobody', 'no-one', 7, "1'"],
			foreign => $rank == 4 ? [] : [$kept{user}{$other} //= $make->($other)] };
	},
);

# ---- what each route is, and answers -----------------------------------------------------------------
my $form = 'application/x-www-form-urlencoded';
my $paused = sub { my $job = upload(@_); $web->sql("UPDATE jobs SET status = 'paused', ready = 0 WHERE id = $job->[1]"); return $job };
my $ended = sub { my $job = upload(@_); $web->sql("UPDATE jobs SET status = 'failed', ready = 0, completed_at = 1 WHERE id = $job->[1]"); return $job };
my $by_hand = sub { return upload(@_, type => 'manual') };
my $nobody_or = sub { my ($nobody, $somebody) = @_; return sub { return $_[0] > 0 || $_[0] == -3 ? $somebody : $nobody } };
my $leased = sub { my $job = upload(@_); $web->sql("UPDATE jobs SET status = 'processing', ready = 0, attempt = 1, started_at = 1, "
	. "lease_token = '" . '0' x 32 . "', lease_until = 1000000000000 WHERE id = $job->[1]"); return $job };
my $by_lease = { content_type => 'application/json', body => '{"lease_token":"' . '0' x 32 . '"}' };
# access and scope as fcgi/route.c has them; ok: the answer to whoever may (a sub is given their role); fill: what
# stands for captures that name nobody's; send: options of the request; fresh: makes a job for each question.
my %row = (
	'GET /' => { access => 'viewer', scope => 'read', ok => 200 },
	'POST /jobs' => { access => 'member', scope => 'write', ok => 201, send => { content_type => 'multipart/form-data; boundary=x',
		body => "--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"c\"\r\n\r\nc\r\n--x--\r\n" } },
	'PUT /jobs/upload/{filename}' => { access => 'member', scope => 'write', ok => 201, fill => { filename => 'd' }, send => { body => 'd' } },
	'GET /jobs/table' => { access => 'viewer', scope => 'read', ok => 200 },
	'GET /jobs/form' => { access => 'viewer', scope => 'read', ok => 200, query => 'new=inspect' },
	'GET /jobs/admit' => { access => 'member', scope => 'write', ok => 204, query => 'size=5' },
	'GET /jobs/{job}' => { access => 'viewer', scope => 'read', ok => 200 },
	'DELETE /jobs/{job}' => { access => 'member', scope => 'write', ok => 204, fresh => \&upload },
	'POST /jobs/{job}/retry' => { access => 'member', scope => 'write', ok => 200, fresh => $ended },
	'POST /jobs/{job}/cancel' => { access => 'member', scope => 'write', ok => 200, fresh => \&upload },
	'POST /jobs/{job}/pause' => { access => 'member', scope => 'write', ok => 200, fresh => \&upload },
	'POST /jobs/{job}/resume' => { access => 'member', scope => 'write', ok => 200, fresh => $paused },
	'POST /jobs/{job}/delete' => { access => 'member', scope => 'write', ok => 204, fresh => \&upload },
	'POST /jobs/{job}/move' => { access => 'member', scope => 'write', ok => 200, fresh => $by_hand,
		send => { content_type => $form, body => 'status=processing' } },
	'GET /jobs/{job}/files' => { access => 'viewer', scope => 'read', ok => 200 },
	'GET /jobs/{job}/files.zip' => { access => 'viewer', scope => 'read', ok => 200 },
	'GET /jobs/{job}/files/in/{name}' => { access => 'viewer', scope => 'read,work', ok => 200, fill => { name => 'f.txt' } },
	'GET /jobs/{job}/files/out/{path}' => { access => 'viewer', scope => 'read', ok => 200, fill => { path => 'x/y.txt' } },
	'GET /jobs/{job}/log' => { access => 'viewer', scope => 'read', ok => 200 },
	'GET /api/jobs/{job}' => { access => 'viewer', scope => 'read', ok => 200 },
	'PATCH /api/jobs/{job}' => { access => 'member', scope => 'write', ok => 200, fresh => $by_hand,
		send => { content_type => 'application/json', body => '{"status":"processing"}' } },
	'DELETE /api/jobs/{job}' => { access => 'member', scope => 'write', ok => 204, fresh => \&upload },
	'GET /api/jobs/{job}/statuses' => { access => 'viewer', scope => 'read', ok => 200 },
	'GET /jobs/{job}/detail' => { access => 'viewer', scope => 'read', ok => 200 },
	'POST /processing_file' => { access => 'member', scope => 'write', ok => 201, send => { content_type => 'multipart/form-data; boundary=x',
		body => "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"c.csv\"\r\n\r\na,b\n1,2\n\r\n--x--\r\n" } },
	'DELETE /processing_file/{job}' => { access => 'member', scope => 'write', ok => 200, fresh => \&upload },
	'GET /processing_file/{job}/detail' => { access => 'viewer', scope => 'read', ok => 200 },
	'GET /api/jobs' => { access => 'viewer', scope => 'read', ok => 200 },
	'POST /api/jobs' => { access => 'member', scope => 'write', ok => 201, send => { content_type => 'application/json', body => '{"name":"x"}' } },
	'GET /api/project/{project}/jobs' => { access => 'viewer', scope => 'read', ok => 200 },
	'POST /api/project/{project}/jobs' => { access => 'member', scope => 'write', ok => 201, send => { content_type => 'application/json', body => '{"name":"x"}' } },
	'GET /api/jobs/{job}/status' => { access => 'viewer', scope => 'read', ok => 200 },
	'POST /api/work/claim' => { access => 'member', scope => 'work', ok => 200, send => { content_type => 'application/json', body => '{}' } },
	(map { ("POST /api/work/{job}/$_" => { access => 'member', scope => 'work', ok => 200, fresh => $leased, send => $by_lease }) }
		qw(heartbeat progress complete fail)),
	'GET /api/openapi.json' => { access => 'public', ok => 200 },
	'POST /jobs/bulk' => { access => 'member', scope => 'write', ok => 200, send => { content_type => $form, body => 'action=cancel&ids=999999' } },
	'GET /metrics' => { access => 'public', ok => 200 },
	'GET /docs' => { access => 'public', ok => 200 },
	'GET /account' => { access => 'viewer', scope => 'admin', ok => 200 },
	'POST /account/password' => { access => 'viewer', scope => 'admin', ok => sub { my ($rank, $how) = @_; return $how->{cookie} ? 422 : 409 } },
	'POST /account/sessions/end' => { access => 'viewer', scope => 'admin', ok => 204, ends_session => 1 },
	'POST /account/sessions/{id}/end' => { access => 'viewer', scope => 'admin', ok => 404, fill => { id => 999_999 } },
	'POST /account/tokens' => { access => 'viewer', scope => 'admin', ok => 201, send => { content_type => $form, body => 'name=x&read=yes' } },
	'POST /account/tokens/{id}/revoke' => { access => 'viewer', scope => 'admin', ok => 404, fill => { id => 999_999 } },
	'GET /projects' => { access => 'viewer', scope => 'read', ok => 200 },
	'POST /projects' => { access => 'admin', scope => 'admin', ok => 422, send => { content_type => $form, body => 'name=7' } },
	'POST /projects/{project}/rename' => { access => 'admin', scope => 'admin', ok => 422, send => { content_type => $form, body => 'name=7' } },
	'POST /projects/{project}/delete' => { access => 'admin', scope => 'admin', ok => 204 },
	'GET /admin' => { access => 'admin', scope => 'admin', ok => 200 },
	'GET /admin/types/{type}' => { access => 'admin', scope => 'admin', ok => 200, fill => { type => 'inspect' } },
	'POST /admin/types/{type}/pause' => { access => 'operator', scope => 'admin', ok => 204, fill => { type => 'csv-profile' } },
	'POST /admin/types/{type}/resume' => { access => 'operator', scope => 'admin', ok => 204, fill => { type => 'csv-profile' } },
	'GET /admin/users' => { access => 'admin', scope => 'admin', ok => 200 },
	'POST /admin/users' => { access => 'admin', scope => 'admin', ok => 422, send => { content_type => $form, body => 'name=No&role=member' } },
	'GET /admin/users/{name}' => { access => 'admin', scope => 'admin', ok => 200 },
	'POST /admin/users/{name}/role' => { access => 'admin', scope => 'admin', ok => 204, send => { content_type => $form, body => 'role=viewer' } },
	(map { ("POST /admin/users/{name}/$_" => { access => 'admin', scope => 'admin', ok => 204 }) } qw(disable enable projects)),
	'POST /admin/users/{name}/link' => { access => 'admin', scope => 'admin', ok => 201 },
	'POST /admin/users/{name}/tokens/{id}/revoke' => { access => 'admin', scope => 'admin', ok => 404, fill => { id => 999_999 } },
	'GET /admin/orgs' => { access => 'operator', scope => 'admin', ok => 200 },
	'POST /admin/orgs' => { access => 'operator', scope => 'admin', ok => 422, send => { content_type => $form, body => 'name=a%2Fb' } },
	'GET /admin/orgs/{org}' => { access => 'operator', scope => 'admin', ok => 200, fill => { org => 1 } },
	'POST /admin/orgs/{org}/limits' => { access => 'operator', scope => 'admin', ok => 204, fill => { org => 1 } },
	'GET /admin/audit' => { access => 'admin', scope => 'admin', ok => 200 },
	'GET /login' => { access => 'public', ok => sub { my ($rank, $how) = @_; return $how->{cookie} && ($rank > 0 || $rank == -3) ? 303 : 200 } },
	'POST /login' => { access => 'public', ok => 401 }, # nobody's name and no password
	'GET /login/{secret}' => { access => 'public', ok => 404, fill => { secret => 'made-up' } },
	'POST /login/{secret}' => { access => 'public', ok => 404, fill => { secret => 'made-up' } },
	'POST /logout' => { access => 'public', ok => 303, ends_session => 1 },
	'GET /healthz' => { access => 'public', ok => 200 },
	'GET /readyz' => { access => 'public', ok => 503 },
);

# ---- the routes there are ----------------------------------------------------------------------------
my %known;
for (split /\n/, $web->run(Dropmill::Cgi::build() . '/dropmill-web', '--routes')) {
	my ($methods, $pattern, $access) = split /\t/;
	for my $name (map { "$_ $pattern" } split /, /, $methods) {
		$known{$name} = 1;
		my @captures = grep { !$thing{$_} } $pattern =~ /\{(\w+)\}/g;
		my $fill = @captures ? ', fill => { ' . join(', ', map { "$_ => '...'" } @captures) . ' }' : '';
		fail("$name has no row here. Add to %row in t/42-matrix.t:\n\t'$name' => { access => '$access', scope => "
			. "'read, write, work or admin', ok => STATUS$fill },\nwith send => { content_type, body } if it takes a body; a "
			. 'capture that names a row of an organisation needs an entry in %thing instead of fill.') if !$row{$name};
		is($row{$name}{access}, $access, "$name: the route table says who may as this test does") if $row{$name};
	}
}
ok($known{$_}, "$_ is still a route") for sort keys %row;

# ---- ask ---------------------------------------------------------------------------------------------
my $asked = 0;
sub ask {
	my ($name, $row, $how, $key) = @_;
	my ($method, $pattern) = split / /, $name;
	(my $path = $pattern) =~ s/\{(\w+)\}/$row->{fill}{$1} \/\/ $key/ge;
	$path .= "?$row->{query}" if $row->{query};
	$asked++;
	return $web->request($method => $path, accept => 'application/json', %{ $row->{send} // {} }, %$how);
}

# What is said to somebody before anybody looks at what they ask about; undef: they may.
sub refusal {
	my ($rank, $row, $method) = @_;
	return 401 if $rank == -2;
	return 403 if $rank == -3 && $method ne 'GET';
	return undef if $row->{access} eq 'public';
	return 401 if $rank == 0;
	return 403 if $rank == -1;
	return ($rank == -3 ? 3 : $rank) < $rank{ $row->{access} } ? 403 : undef;
}

# What was said, without what the asker said, and the number of the request.
sub without { my ($answer, $key) = @_; return $answer->{content} =~ s/(?<!\w)\Q$key\E(?!\w)/KEY/gr =~ s/"request_id":"\w+"//r }

for my $name (sort grep { $known{$_} } keys %row) {
	my $row = $row{$name};
	my ($method, $pattern) = split / /, $name;
	my ($kind) = grep { $thing{$_} } $pattern =~ /\{(\w+)\}/g;
	for (@actors) {
		my ($who, $rank, $headers, $org) = @$_;
		my %how = $headers->($row->{scope});
		my $refused = refusal($rank, $row, $method);
		my $ok = $refused // (ref $row->{ok} ? $row->{ok}->($rank, \%how) : $row->{ok});
		my (@want, @got, %said);
		my $thing = $kind ? $thing{$kind}->($row, $org // 'ours', $rank) : { own => [''], make => sub { '' } };
		for my $which (defined $refused ? $thing->{own}[0] : @{ $thing->{own} }) {
			my $key = defined $refused && $kind && $row->{fresh} ? $thing->{foreign}[0] : $thing->{make}->($which);
			push @got, ask($name, $row, \%how, $key)->{status};
			push @want, $ok;
		}
		for my $which (qw(none foreign hidden)) {
			for my $key (@{ $thing->{$which} // [] }) {
				my $answer = ask($name, $row, \%how, $key);
				push @got, "$which $answer->{status}";
				push @want, "$which " . ($refused // 404);
				$said{ without($answer, $key) } = 1;
			}
		}
		$people->forget if $row->{ends_session};
		is("@got", "@want", "$name: $who") or diag $web->log =~ s/.*\n(?=(?:.*\n){3})//sr;
		ok(keys %said <= 1, "$name: $who is told the same of what nobody has and what others have")
			or diag join "\n", sort keys %said;
	}
}

# ---- projects: by id and by name, in each list and upload --------------------------------------------
my $theirs = $people->default_project($org{theirs});
my $secret = $people->project($org{theirs}, 'secret');
for my $name ('GET /', 'GET /jobs/table', 'POST /jobs', 'PUT /jobs/upload/{filename}') {
	my $row = $row{$name};
	for my $case ([member => [$open, $closed, 'open', 'closed'], [$theirs, $secret, 'secret', 1, 999, 'none', '0']],
		[limited => [$open, 'open'], [$closed, 'closed', 'default', $theirs, $people->default_project($org{ours}), 'secret', 999]],
		[stranger => [$theirs, 'secret'], [$open, 'open', $closed, $people->default_project($org{ours})]]) {
		my ($who, $seen, $unseen) = @$case;
		my %how = $people->as($who);
		my $status = sub { ask($name, { %$row, query => "project=$_[0]" }, \%how, '') };
		is(join(' ', map { $status->($_)->{status} } @$seen), join(' ', map { $row->{ok} } @$seen), "$name?project: what $who sees");
		my %said;
		is(join(' ', map { my $answer = $status->($_); $said{ without($answer, $_) } = 1; $answer->{status} } @$unseen),
			join(' ', map { 422 } @$unseen), "$name?project: what $who does not see");
		is(scalar keys %said, 1, 'is no other than what nobody has') or diag join "\n", keys %said;
	}
}
my $nowhere = $people->user('nowhere', org => $org{ours}, role => 'member', limited => []);
is($web->request(GET => '/jobs/table', accept => 'application/json', $people->as('nowhere'))->{status}, 403, 'who sees no project has no list');
is($web->request(PUT => '/jobs/upload/x', body => 'x', $people->as('nowhere'))->{status}, 403, 'and nowhere to upload to');

# ---- counts and lists of those who see a part --------------------------------------------------------
my $list = $web->request(GET => '/jobs/table?limit=100', accept => 'application/json', $people->as('limited'))->{json};
is_deeply([grep { $_->{project_id} != $open } @{ $list->{jobs} }], [], 'a limited member lists jobs of their project alone');
is($list->{counts}{all}, $web->sql("SELECT COUNT(*) FROM jobs WHERE doomed = 0 AND project_id = $open"), 'and counts no others');

# The first project, which the first migration made, is like any other.
$web->sql("INSERT INTO projects (org_id, name, created_at) VALUES (1, 'another', 1); DELETE FROM projects WHERE id = 1");
is($web->request(GET => '/readyz')->{json}{database}, 'ok', 'the site does not hang on a project that may be deleted');

# ---- and nothing happened ----------------------------------------------------------------------------
for my $whose (sort keys %{ $kept{job} }) {
	is($web->sql("SELECT j.status || COUNT(s.id) FROM jobs j JOIN job_statuses s ON s.job_id = j.id WHERE j.id = $kept{job}{$whose}[1]"),
		'completed1', "nobody has touched the job that was there for others to try ($whose)");
}
is($web->sql("SELECT COUNT(*) FROM audit WHERE org_id = $org{theirs} AND actor <> 'stranger'"), 0, 'nobody of ours has done anything in theirs');
is($web->sql("SELECT COUNT(*) FROM audit WHERE org_id = $org{ours} AND actor = 'stranger'"), 0, 'nor of theirs in ours');
is($web->sql('SELECT COUNT(*) FROM jobs j JOIN projects p ON p.id = j.project_id WHERE p.org_id <> j.org_id'), 0, 'no job lies in a project of others');
note "$asked requests";
done_testing;
