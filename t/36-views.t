# The list as JSON and as fragment: filters, neighbours, counts, tags; and that views hold what
# docs/VIEWS.md says.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Cgi;
use Test::More;

my $web = Dropmill::Cgi->new;
sub list { return $web->request(GET => "/jobs/table$_[0]", accept => 'application/json')->{json} }
sub ids { return [map { $_->{id} } @{ $_[0]{jobs} }] }

subtest 'an empty project' => sub {
	my $view = list('');
	is_deeply($view->{jobs}, [], 'no jobs');
	is($view->{count}, 0, 'count');
	is_deeply([$view->{next}, $view->{previous}], [undef, undef], 'no neighbours');
	like($web->request(GET => '/')->{content}, qr/No jobs yet/, 'the page says what to do');
	unlike($web->request(GET => '/')->{content}, qr/http-equiv="refresh"/, 'and does not reload');
	like($web->request(GET => '/?status=failed')->{content}, qr/No jobs yet/, 'under a filter too');
};

$web->request(PUT => "/jobs/upload/f$_.txt" . ($_ % 3 ? '' : '?type=csv-profile') =~ s/csv-profile/inspect/r, body => $_) for 1 .. 30;
$web->request(PUT => '/jobs/upload/Zahlen%20M%C3%A4rz.csv', body => "a,b\n1,2\n");
$web->request(POST => "/jobs/$_/cancel") for 3, 6, 9;

subtest 'pages' => sub {
	my $first = list('');
	is_deeply(ids($first), [reverse 7 .. 31], 'newest first, 25 rows');
	is($first->{count}, 31, 'count');
	is($first->{previous}, undef, 'nothing in front');
	is($first->{next}, '/jobs/table?after=7', 'next');
	my $second = list('?after=7');
	is_deeply(ids($second), [reverse 1 .. 6], 'the rest');
	is($second->{next}, undef, 'no more');
	is($second->{previous}, '/jobs/table?before=6', 'back');
	is_deeply(ids(list('?before=6')), [reverse 7 .. 31], 'to where we were');
	is_deeply(ids(list('?order=oldest&limit=3&after=2')), [3, 4, 5], 'oldest first');
	is(list('?order=oldest&limit=3&after=2')->{next}, '/jobs/table?order=oldest&limit=3&after=5', 'next keeps the rest');
	is_deeply(ids(list('?limit=2')), [31, 30], 'limit');
};

subtest 'filters and counts' => sub {
	my $view = list('?status=canceled');
	is_deeply(ids($view), [9, 6, 3], 'a state by its synonym');
	is($view->{count}, 3, 'counted');
	is($view->{filter}{status}, 'cancelled', 'canonical');
	is_deeply($view->{counts}, { all => 31, pending => 28, processing => 0, paused => 0, completed => 0, failed => 0,
		cancelled => 3, removed => 0 }, 'counts of the project');
	is_deeply(ids(list('?type=csv-profile')), [31], 'a type');
	is(list('?type=csv-profile')->{count}, 1, 'counted');
	is(list('?type=inspect&status=cancelled')->{count}, 3, 'type and state counted');
	is_deeply(ids(list('?type=nothing')), [], 'a type nobody has');
	is_deeply(ids(list('?q=zahlen')), [31], 'by a part of the name');
	is(list('?q=zahlen')->{count}, undef, 'which nobody counts');
	is_deeply(ids(list('?q=' . $_)), [], "no wildcard: $_") for '%25%25%25', '***', '%22%22%22', 'f1_';
	is_deeply(ids(list('?q=M%C3%A4rz')), [31], 'beyond ASCII');
};

subtest 'a paused type' => sub {
	my @hx = (hx_request => 'true');
	my $tag = $web->request(GET => '/jobs/table', @hx)->{headers}{'hx-ptag'};
	$web->run(($ENV{BUILD} // 'build') . '/dropmill', 'types', 'pause', 'csv-profile');
	my $table = $web->request(GET => '/jobs/table', @hx, hx_ptag => $tag);
	is($table->{status}, 200, 'the table is told');
	is(() = $table->{content} =~ /type is paused/g, 1, 'its job says why it waits');
	like($web->request(GET => '/jobs/31', accept => 'text/html')->{content}, qr/type is paused/, 'so does its page');
	$web->run(($ENV{BUILD} // 'build') . '/dropmill', 'types', 'resume', 'csv-profile');
	unlike($web->request(GET => '/jobs/table', @hx)->{content}, qr/type is paused/, 'until it is resumed');
};

subtest 'tags' => sub {
	my @hx = (hx_request => 'true');
	my $first = $web->request(GET => '/jobs/table', @hx);
	my $tag = $first->{headers}{'hx-ptag'};
	ok($tag, 'a tag');
	like($first->{content}, qr/data-hx-ptag="\Q$tag\E"/, 'also in the fragment');
	like($web->request(GET => '/')->{content}, qr/data-hx-ptag="\Q$tag\E"/, 'and on the page');
	my $same = $web->request(GET => '/jobs/table', @hx, hx_ptag => $tag);
	is($same->{status}, 304, 'unchanged: 304');
	is($same->{content}, '', 'without a body');
	is($same->{headers}{'hx-ptag'}, $tag, 'with the tag');
	my $etag = $first->{headers}{etag};
	is($web->request(GET => '/jobs/table', @hx, if_none_match => qq("x", $etag))->{status}, 304, 'by If-None-Match');
	is($web->request(GET => '/jobs/table', @hx, if_none_match => '"x"')->{status}, 200, 'another one');
	is($web->request(GET => '/jobs/table?status=failed', @hx, hx_ptag => $tag)->{status}, 200, 'another view');
	is($web->request(GET => '/jobs/table?limit=25&status=', @hx, hx_ptag => $tag)->{status}, 304, 'the same view in other words');
	is($web->request(GET => '/jobs/table', accept => 'application/json', if_none_match => $etag)->{status}, 200, 'JSON is another thing');
	my $job = $web->request(GET => '/jobs/1', accept => 'text/html');
	is($web->request(GET => '/jobs/1', accept => 'text/html', hx_ptag => $job->{headers}{'hx-ptag'})->{status}, 304, 'a job too');
	is($web->request(GET => '/jobs/1', @hx, hx_ptag => $job->{headers}{'hx-ptag'})->{status}, 200, 'its row is another thing');
	$web->request(POST => '/jobs/1/cancel');
	is($web->request(GET => '/jobs/table', @hx, hx_ptag => $tag)->{status}, 200, 'changed: 200');
	is($first->{headers}{vary}, 'HX-Request, Accept', 'Vary');
};

subtest 'no JavaScript' => sub {
	my $page = $web->request(GET => '/', accept => 'text/html')->{content};
	like($page, qr/http-equiv="refresh"/, 'a page with pending jobs reloads itself');
	like($page, qr{href="/\?after=7"}, 'next page is a link');
	like($page, qr{formaction="/jobs/[0-9a-f-]{36}/cancel"}, 'actions are forms');
	my $done = $web->request(GET => '/?status=cancelled', accept => 'text/html')->{content};
	unlike($done, qr/http-equiv="refresh"/, 'one without does not');
};

# ---- docs/VIEWS.md -----------------------------------------------------------------------------------
# Member names in the first column of the tables under a heading, without those marked *page*.
sub documented {
	my ($heading) = @_;
	open my $in, '<:utf8', "$FindBin::Bin/../docs/VIEWS.md" or die $!;
	my (%member, $on);
	while (<$in>) {
		$on = $1 eq $heading if /^## (.*)/;
		last if $on && /^(?:Only in|Only for|A tab)/;
		next unless $on && /^\| (`[^|]*) \| ([^|]*)\|(.*)/;
		my ($names, $rest) = ($1, $3);
		next if $rest =~ /\*page\*/;
		$member{$_} = 1 for $names =~ /`(\w+)`/g;
	}
	return [sort keys %member];
}

subtest 'documented members' => sub {
	is_deeply([sort keys %{ list('') }], documented('list'), 'list');
	my $job = $web->request(GET => '/jobs/1', accept => 'application/json')->{json}{job};
	is_deeply([sort keys %$job], documented('job'), 'job');
	delete @$job{qw(history attempts)};
	is_deeply([sort keys %{ list('')->{jobs}[0] }], [sort keys %$job], 'a row of the list has the same');
	my %error = (%{ $web->request(GET => '/jobs/table?status=x', accept => 'application/json')->{json} },
		%{ $web->request(POST => '/jobs/1/cancel')->{json} });
	is_deeply([sort keys %error], documented('error'), 'error');
	my $site = Dropmill::Cgi->new(config => { auth => 'password' });
	my %as = (cookie => $site->sign_in('admin'), accept => 'application/json');
	for my $case (['/account', 'account'], ['/projects', 'projects'], ['/admin/users', 'users'], ['/admin', 'overview'], ['/admin/audit', 'audit']) {
		my ($path, $heading) = @$case;
		is_deeply([sort keys %{ $site->request(GET => $path, %as)->{json} }], documented($heading), $heading);
	}
};
done_testing;
