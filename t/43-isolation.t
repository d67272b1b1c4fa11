# Nothing of one organisation is in any byte that another is served. One has data with a mark in every text
# there is; people of another ask for everything, about theirs and about its, in every form. The marks must
# not come back. Likewise within an organisation, for a member who sees another project than the marked one.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA ();
use Dropmill::People;
use Dropmill::Pool;
use JSON::PP ();
use Test::More;

my %param = (name => 'note', kind => 'text', label => 'Note', help => '', required => JSON::PP::false, choices => [],
	map { ($_ => undef) } qw(default pattern min max flag));
# One process: what it keeps of an answer to one it would give to the other.
my $web = Dropmill::Pool->new(config => { auth => 'password' });
$web->publish_type('noted', manual => JSON::PP::true, command => [], params => [\%param]);
my $people = Dropmill::People->new($web);

# ---- marks -------------------------------------------------------------------------------------------
my %mark = map { $_ => "mark-$_-" . substr(Digest::SHA::sha1_hex("mark $_"), 0, 10) }
	qw(org project user token job file content note step result reason error output log agent secret);
my $marks = join '|', map { quotemeta } sort values %mark;
my $alpha = $people->org($mark{org});
my $hidden = $people->project($alpha, $mark{project});
my $seen = $people->project($alpha, 'common');
my $beta = $people->org('beta');
$people->user($mark{user}, org => $alpha, role => 'admin');
$people->user('inside', org => $alpha, role => 'member', limited => [$seen]);
$people->user("beta-$_", org => $beta, role => $_) for qw(viewer member admin);
my $token = $people->token($mark{user}, 'read,write', name => $mark{token});
my %marked = $people->as($mark{user});
$web->sql("UPDATE sessions SET agent = '$mark{agent}'");

# A job with all of it, and two that are like it but for what a processor adds.
sub put {
	my ($name, $query, $body, %how) = @_;
	my $answer = $web->request(PUT => "/jobs/upload/$name?$query", body => $body, accept => 'application/json', %how);
	die "upload: $answer->{raw}" if $answer->{status} != 201;
	return $answer->{json}{jobs}[0];
}
sub move {
	my ($job, $moves, %how) = @_;
	my $answer = $web->request(PATCH => "/api/jobs/$job->{id}", content_type => 'application/json',
		body => JSON::PP->new->canonical->encode($moves), %how);
	die "move: $answer->{raw}" if $answer->{status} != 200;
	return;
}
my @alpha;
for my $status (qw(processing failed completed)) {
	my $job = put("$mark{file}.txt", "project=$mark{project}&type=noted&name=$mark{job}&params.note=$mark{note}", $mark{content}, %marked);
	push @alpha, $job;
	move($job, { status => 'processing', current_step => $mark{step}, reason => $mark{reason} }, %marked);
	move($job, { status => 'failed', error => $mark{error}, result => $mark{result} }, %marked) if $status eq 'failed';
	move($job, { status => 'completed', result => $mark{result} }, %marked) if $status eq 'completed';
}
my $uuid = $alpha[2]{uuid};
$web->sql("UPDATE jobs SET files_out = 1, attempt = 1, log_bytes = 20, manual = 0 WHERE id = $alpha[2]{id};"
	. "INSERT INTO files (uuid, org_id, job_id, output, name, size_bytes, content_type, created_at) VALUES "
	. "('01890000-0000-7000-8000-00000000000a', $alpha, $alpha[2]{id}, 1, '$mark{output}', 1, 'text/plain', 1);");
$web->sql("INSERT INTO job_secrets (org_id, job_id, sealed) VALUES ($alpha, $_->{id}, '$mark{secret}')") for $alpha[0];
# Its log, where the store has it.
my $log = "$web->{dir}/store/log";
-d or mkdir or die "$_: $!" for $log, "$log/" . substr $uuid, -2;
open my $out, '>', "$log/" . substr($uuid, -2) . "/$uuid-1" or die $!;
print $out "$mark{log}\n";
close $out or die $!;

my @beta = (put('own.txt', 'type=noted', 'mine', $people->as('beta-member')), put('more.txt', '', 'mine too', $people->as('beta-member')));
my @inside = put('own.txt', 'type=noted&project=common', 'mine', $people->as('inside'));

# ---- questions ---------------------------------------------------------------------------------------
my @routes;
for (split /\n/, $web->run(Dropmill::Cgi::build() . '/dropmill-web', '--routes')) {
	my ($methods, $pattern, undef, $body) = split /\t/;
	push @routes, map { [$_, $pattern, $body] } split /, /, $methods;
}

# What stands for a capture: theirs and one's own of whatever it may be.
sub values_of {
	my ($capture, $own) = @_;
	my @all = @alpha[0, 2];
	return map { ($_->{uuid}, $_->{id}) } @all, $own if $capture eq 'job';
	return ("$mark{file}.txt", $mark{output}, 'own.txt') if $capture =~ /^(?:name|path|filename)$/;
	return ($mark{user}, $mark{project}, $mark{org}, $mark{token}, 1 .. 4, $hidden, $alpha);
}

sub addresses {
	my ($pattern, $own) = @_;
	my @paths = ($pattern);
	while (my ($capture) = $paths[0] =~ /\{(\w+)\}/) {
		@paths = map { my $path = $_; map { $path =~ s/\{$capture\}/$_/r } values_of($capture, $own) } @paths;
	}
	return @paths;
}

# Parts of the marks, never a whole one: what somebody says themselves comes back.
my @queries = ('', 'limit=100&order=oldest', "project=$hidden", "project=$mark{project}", "before=$beta[0]{id}", 'after=1000000',
	(map { "q=mark-$_" } qw(job file note)), 'status=failed', 'type=noted', 'new=noted', 'kind=in', 'from=0', 'format=text');
my @forms = ({ accept => 'application/json' }, { accept => 'text/html' }, { accept => 'text/html', hx_request => 'true' });

# What of the marks is in an answer and was not in the question. What one's own organisation is called is known.
sub leaks {
	my ($answer, $question, $who) = @_;
	my %found;
	$found{$1} = 1 while $answer->{raw} =~ /($marks)/g;
	delete $found{ $mark{org} } if $who eq 'inside';
	return grep { index($question, $_) < 0 } sort keys %found;
}

my ($asked, %shown, %tags) = (0);
sub look {
	my ($who, $own, $method, $path, %how) = @_;
	my $answer = $web->request($method => $path, %how);
	$asked++;
	return ($answer, leaks($answer, "$path " . ($how{body} // ''), $who));
}

# Files that nginx would be told to send: whose are they?
sub owner {
	my ($answer) = @_;
	my ($file) = ($answer->{headers}{'x-accel-redirect'} // '') =~ m{/([0-9a-f-]{36})(?:-\d+)?$} or return '';
	return $web->sql("SELECT org_id || '/' || (SELECT project_id FROM jobs WHERE id = job_id) FROM files WHERE uuid = '$file' UNION "
		. "SELECT org_id || '/' || project_id FROM jobs WHERE uuid = '$file'");
}

sub crawl {
	my ($who, $own, $may) = @_;
	my (@leaks, @foreign);
	for my $route (grep { $_->[0] eq 'GET' && $_->[1] !~ /login/ } @routes) {
		for my $path (addresses($route->[1], $own)) {
			for my $query (@queries) {
				next if $query && $path =~ /\{|files\/(?:in|out)|health|ready/;
				next if $query =~ /^(?:q|project|before|after|status|type|limit)=/ && $path =~ m{/jobs/(?!table)};
				my $asked_for = $query ? "$path?$query" : $path;
				for my $form (@forms) {
					my ($answer, @found) = look($who, $own, GET => $asked_for, $people->as($who), %$form);
					push @leaks, map { "$asked_for [$form->{accept}]: $_" } @found;
					$shown{$who}{$_} = 1 for @found;
					my $owner = owner($answer);
					push @foreign, "$asked_for: of $owner" if $owner && $owner !~ $may;
					$tags{$who}{$_} = 1 for grep { defined } @{ $answer->{headers} }{qw(hx-ptag etag)};
				}
			}
		}
	}
	return (\@leaks, \@foreign);
}

# The marked one first: what a process keeps is theirs then. And the test finds what there is to be found.
my ($found) = crawl($mark{user}, $alpha[1], qr/./);
is_deeply([grep { !$shown{ $mark{user} }{ $mark{$_} } } qw(user job file note step result reason error output log)], [],
	'who may see them sees the marks that the pages of jobs show');
is_deeply([grep { $shown{ $mark{user} }{ $mark{$_} } } qw(content secret)], [], 'but contents of files come from nginx alone, and secrets never');
my $served = 0;
$served += owner($web->request(GET => $_, %marked)) =~ m{^$alpha/$hidden$} for "/jobs/$uuid/files/in/$mark{file}.txt",
	"/jobs/$uuid/files/out/$mark{output}", "/jobs/$uuid/log?format=text";
is($served, 3, 'and their files are sent');

for my $case ((map { ["beta-$_", $beta[0], qr{^$beta/}] } qw(viewer member admin)), [inside => $inside[0], qr{^$alpha/$seen$}]) {
	my ($who, $own, $may) = @$case;
	my ($leaks, $foreign) = crawl($who, $own, $may);
	is_deeply($leaks, [], "$who reads no mark");
	is_deeply($foreign, [], "and is sent no file but their own");
	is_deeply([grep { $tags{ $mark{user} }{$_} } keys %{ $tags{$who} }], [], 'and no tag of what the others see');
}

subtest 'a tag of others is no tag' => sub {
	my $tag = $web->request(GET => "/jobs/table?project=$hidden", hx_request => 'true', %marked)->{headers};
	for my $who (qw(beta-viewer inside)) {
		for my $held ({ hx_ptag => $tag->{'hx-ptag'} }, { if_none_match => $tag->{etag} }) {
			my $answer = $web->request(GET => '/jobs/table', hx_request => 'true', $people->as($who), %$held);
			is($answer->{status}, 200, "$who is not told that nothing has changed");
			unlike($answer->{content}, qr/$marks/, 'and sees their own');
		}
	}
};

subtest 'what changes something tells nothing either' => sub {
	my $before = $web->sql('SELECT id, status, progress, current_step, result, error, updated_at FROM jobs WHERE project_id = ' . $hidden);
	for my $case (['beta-admin', $beta[1]], [inside => $inside[0]]) {
		my ($who, $own) = @$case;
		my @leaks;
		for my $route (grep { $_->[0] ne 'GET' && $_->[1] !~ m{^/log(?:in|out)|\{filename\}} } @routes) {
			my ($method, $pattern, $policy) = @$route;
			my %body = $policy eq 'json' ? (content_type => 'application/json', body => '{"status":"processing","error":"x"}')
				: $policy eq 'form' ? (content_type => 'application/x-www-form-urlencoded', body => 'status=completed&back=%2F') : $policy eq 'file' ? (body => 'x') : ();
			for my $path (grep { !/$own->{uuid}|\/$own->{id}\b/ } addresses($pattern, $own)) {
				for my $form (@forms) {
					my ($answer, @found) = look($who, $own, $method => $path, $people->as($who), %body, %$form);
					push @leaks, map { "$method $path: $_" } @found;
				}
			}
		}
		$people->forget; # they may have ended their own session
		is_deeply(\@leaks, [], "$who is told no mark");
	}
	is($web->sql('SELECT id, status, progress, current_step, result, error, updated_at FROM jobs WHERE project_id = ' . $hidden), $before,
		'and has changed none of the jobs');
};

subtest 'one key, said by several' => sub {
	my @same = (body => 'same', idempotency_key => 'same key', accept => 'application/json');
	my %answer = map { $_ => $web->request(PUT => '/jobs/upload/same.txt', @same, $people->as($_)) } $mark{user}, 'beta-member', 'inside';
	is($answer{$_}{status}, 201, 'each makes a job') for keys %answer;
	my %id = map { $_->{json}{jobs}[0]{id} => 1 } values %answer;
	is(keys %id, 3, 'of their own: of two organisations, and of two who do not see the same projects');
	is($answer{$_}{headers}{'idempotent-replayed'}, undef, 'answered anew') for keys %answer;
	is($web->request(PUT => '/jobs/upload/same.txt', @same, $people->as('inside'))->{headers}{'idempotent-replayed'}, 'true', 'and again to the same one');
	for my $who ('beta-member', 'inside') {
		my @mine = (body => "$who says", idempotency_key => 'another key');
		$web->request(PUT => '/jobs/upload/x', body => 'other', idempotency_key => 'another key', %marked);
		is($web->request(PUT => '/jobs/upload/x', @mine, $people->as($who))->{status}, 201, "$who is not told that others have used a key");
	}
};

subtest 'names of others are free, and not told' => sub {
	is($web->request(PUT => "/jobs/upload/x?project=$mark{project}", body => 'x', $people->as('beta-admin'))->{json}{detail},
		qq{there is no project "$mark{project}"}, 'as there is no project of any other name');
	for my $who (qw(beta-viewer inside)) {
		my $counts = $web->request(GET => '/jobs/table', accept => 'application/json', $people->as($who))->{json}{counts};
		my $project = $who eq 'inside' ? $seen : $people->default_project($beta);
		is($counts->{all}, $web->sql("SELECT COUNT(*) FROM jobs WHERE project_id = $project"), "$who counts what is theirs");
	}
};
note "$asked questions";
done_testing;
