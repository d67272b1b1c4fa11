# Lists of a job's files, and the archive of its results as far as the web pool has a part in it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Cgi;
use Test::More;

my $web = Dropmill::Cgi->new;
my $job = $web->request(PUT => '/jobs/upload/orders.csv', body => "a,b\n1,2\n")->{json}{jobs}[0];
my @json = (accept => 'application/json');
sub show { return $web->request(GET => "/jobs/$job->{id}", @json)->{json}{job} }

subtest 'nothing to pack' => sub {
	is($web->request(GET => "/jobs/$job->{id}/files.zip", @json)->{status}, 404, 'before the end');
	is($web->sql('SELECT COUNT(*) FROM archives'), 0, 'nobody is asked to make one');
	is($web->request(GET => '/jobs/999/files.zip', @json)->{status}, 404, 'of no job');
};

# It has completed with 205 results.
$web->sql(join '', map {
	sprintf "INSERT INTO files (uuid, org_id, job_id, output, name, size_bytes, content_type, created_at) VALUES "
		. "('01900000-0000-7000-8000-%012d', 1, %d, 1, 'part-%03d.csv', 5, 'text/csv', 0);", $_, $job->{id}, $_;
} 1 .. 205);
$web->sql("UPDATE jobs SET status = 'completed', files_out = 205, completed_at = 1790000000000, keep_ms = 86400000 WHERE id = $job->{id}");

subtest 'many results' => sub {
	my $seen = show();
	is($seen->{output_count}, 205, 'counted');
	is(scalar @{ $seen->{outputs} }, 100, 'a job shows the first hundred');
	like($seen->{expires_at}, qr/^2026-09-22T/, 'and until when they are kept');
	my ($row) = @{ $web->request(GET => '/jobs/table', @json)->{json}{jobs} };
	is(scalar @{ $row->{outputs} }, 10, 'a list the first ten');
	my ($next, @names) = "/jobs/$job->{uuid}/files";
	while ($next) {
		my $part = $web->request(GET => $next, @json)->{json};
		is($part->{count}, 205, 'a page knows how many there are');
		push @names, map { $_->{filename} } @{ $part->{files} };
		$next = $part->{next};
	}
	is_deeply(\@names, [map { sprintf 'part-%03d.csv', $_ } 1 .. 205], 'all of them, by pages');
	is($web->request(GET => "/jobs/$job->{id}/files?kind=in", @json)->{json}{files}[0]{filename}, 'orders.csv', 'the inputs likewise');
	is($web->request(GET => "/jobs/$job->{id}/files?$_", @json)->{status}, 422, $_) for 'limit=0', 'limit=1001', 'kind=all', 'after=x';
	my $html = $web->request(GET => "/jobs/$job->{id}", accept => 'text/html')->{content};
	like($html, qr{href="/jobs/$job->{uuid}/files">All 205 results<}, 'the page leads there');
	like($html, qr{href="/jobs/$job->{uuid}/files\.zip" data-archive}, 'and to all in one file');
	like($web->request(GET => "/jobs/$job->{id}/files", accept => 'text/html')->{content}, qr{rel="next"}, 'a page of files has a next one');
	like($web->request(GET => '/jobs/table', hx_request => 'true')->{content}, qr{>all 205<.*data-archive}s, 'so does its row');
};

subtest 'an archive' => sub {
	for (1 .. 3) {
		my $answer = $web->request(GET => "/jobs/$job->{id}/files.zip", @json);
		is("$answer->{status} $answer->{json}{status}", '202 preparing', 'is prepared');
		is($answer->{headers}{'retry-after'}, 1, 'ask again');
	}
	is($web->sql('SELECT COUNT(*) FROM archives'), 1, 'once, however often it is asked for');
	my $page = $web->request(GET => "/jobs/$job->{id}/files.zip", accept => 'text/html');
	is("$page->{status} $page->{headers}{refresh}", '202 1', 'a page looks again by itself');
	like($page->{content}, qr/Packing 205 results/, 'and says so');
	my $now = time * 1000;
	$web->sql("UPDATE archives SET error = 'there is not enough room on the disk for an archive', at = $now");
	my $full = $web->request(GET => "/jobs/$job->{id}/files.zip", @json);
	is($full->{status}, 507, 'the disk is full');
	like($full->{json}{detail}, qr/not enough room/, $full->{json}{detail});
	$web->sql("UPDATE archives SET error = 'the archive could not be made'");
	is($web->request(GET => "/jobs/$job->{id}/files.zip", @json)->{status}, 503, 'or something else');
	$web->sql('UPDATE archives SET at = at - 60000');
	is($web->request(GET => "/jobs/$job->{id}/files.zip", @json)->{status}, 202, 'after a while it is tried again');
	is($web->sql('SELECT COUNT(*) FROM archives WHERE error IS NULL'), 1, 'by the same row');
	$web->sql("DELETE FROM archives; INSERT INTO files (uuid, org_id, job_id, output, name, size_bytes, content_type, created_at) VALUES "
		. "('01900000-0000-7000-8000-0000000000ff', 1, $job->{id}, 2, 'files.zip', 99, 'application/zip', 0)");
	my $ready = $web->request(GET => "/jobs/$job->{id}/files.zip");
	is($ready->{headers}{'x-accel-redirect'}, '/_store/ff/01900000-0000-7000-8000-0000000000ff', 'handed to nginx');
	like($ready->{headers}{'content-disposition'}, qr/filename="orders\.zip"/, 'under the name of the job');
	is($web->request(GET => "/jobs/$job->{id}/files.zip", if_none_match => $ready->{headers}{etag})->{status}, 304, 'once');
	is(show()->{output_count}, 205, 'it is no result itself');
	unlike($web->request(GET => "/jobs/$job->{id}", @json)->{content}, qr/files\.zip"/, 'nor an input');
};

subtest 'removed' => sub {
	my ($code) = $web->spawn({ $web->environment }, '', ($ENV{BUILD} // "$FindBin::Bin/../build") . '/dropmill', 'job', 'remove', $job->{id});
	is($code, 0, 'the files go');
	my $html = $web->request(GET => "/jobs/$job->{id}", accept => 'text/html')->{content};
	like($html, qr/Removed: 205/, 'the page says so');
	unlike($html, qr/data-archive|All 205|files kept until/i, 'and offers nothing');
	for my $path ('files.zip', 'files/in/orders.csv', 'files/out/part-001.csv') {
		my $answer = $web->request(GET => "/jobs/$job->{id}/$path", @json);
		is($answer->{status}, 404, "$path: 404");
	}
	like($web->request(GET => "/jobs/$job->{id}/files/in/orders.csv", @json)->{json}{detail}, qr/removed/, 'with the reason');
	is($web->sql('SELECT COUNT(*) FROM files') . $web->sql('SELECT COUNT(*) FROM archives'), '00', 'no row is left');
	like($web->request(GET => '/jobs/table?status=removed', hx_request => 'true')->{content}, qr/files removed/, 'a tab has it');
};
done_testing;
