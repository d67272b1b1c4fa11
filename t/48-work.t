# Programs elsewhere that process jobs: claim, heartbeat, progress, complete, fail, each by the lease.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha256_hex);
use Dropmill::Cgi;
use JSON::PP ();
use Test::More;

my $web = Dropmill::Cgi->new;
sub publish {
	my ($name, %more) = @_;
	my %definition = (
		name => $name, title => ucfirst $name, description => "About $name", file => "$name.conf", accept => ['*'],
		command => [], requires => [], read => [], network => JSON::PP::false, default => JSON::PP::false,
		manual => JSON::PP::false, progress => 'percent', retry_on => ['tempfail', 'lost'], timeout_ms => 60000,
		memory_bytes => 1 << 26, output_max_bytes => 1000, keep_ms => 0, concurrency => 0, attempts => 2,
		runner => 'external', %more,
	);
	my $json = JSON::PP->new->canonical->encode(\%definition) =~ s/'/''/gr;
	$web->sql("INSERT INTO job_types VALUES ('$name', 1, 1, 1, '$json', 0);");
}
publish('elsewhere');
publish('far', params => [{ name => 'pw', kind => 'secret', label => 'Password', help => '', required => JSON::PP::false, choices => [] }]);

sub post {
	my ($path, $data, %option) = @_;
	return $web->request(POST => "/api/work/$path", content_type => 'application/json',
		body => JSON::PP->new->encode($data), %option);
}
sub make { return $web->request(PUT => "/jobs/upload/$_[0]?type=" . ($_[1] // 'elsewhere'), body => "content of $_[0]\n")->{json}{jobs}[0] }
sub claim { return post('claim', { @_ })->{json}{jobs} }
sub job { return $web->request(GET => "/api/jobs/$_[0]{uuid}")->{json}{job} }

subtest 'a whole life' => sub {
	my $made = make('a.txt');
	is($made->{status}, 'pending', 'it waits');
	my $claims = claim(types => ['elsewhere'], lease_seconds => 30, worker => 'w1');
	is(scalar @$claims, 1, 'and is claimed');
	my $c = $claims->[0];
	is($c->{uuid}, $made->{uuid}, 'the very job');
	is("$c->{status} $c->{attempt} $c->{lease_seconds}", 'processing 1 30', 'as an attempt');
	like($c->{lease_token}, qr/^[0-9a-f]{32}$/, 'with a lease');
	is($web->request(GET => $c->{inputs}[0]{download_url})->{headers}{'x-accel-redirect'} ? 1 : 0, 1, 'and its input');
	is_deeply(claim(), [], 'nobody else gets it');
	my %lease = (lease_token => $c->{lease_token});
	is(post("$c->{uuid}/heartbeat", { %lease })->{json}{status}, 'processing', 'a heartbeat');
	my $news = post("$c->{id}/progress", { %lease, progress => 40, current_step => 'turning', total_items => 10, processed_items => 4 });
	is($news->{status}, 200, 'news') or diag $news->{raw};
	my $now = job($made);
	is("$now->{progress} $now->{current_step} $now->{total_items} $now->{processed_items}", '40 turning 10 4', 'are shown');
	my $boundary = 'xxx';
	my $body = join '', map { "--xxx\r\nContent-Disposition: form-data; $_->[0]\r\n\r\n$_->[1]\r\n" }
		['name="lease_token"', $c->{lease_token}], ['name="result"', 'turned'],
		['name="files"; filename="out.txt"', "result\n"], ['name="files"; filename="two.csv"', "a,b\n1,2\n"];
	my $done = $web->request(POST => "/api/work/$c->{uuid}/complete", content_type => 'multipart/form-data; boundary=xxx',
		body => "$body--xxx--\r\n");
	is($done->{status}, 200, 'its end') or diag $done->{raw};
	my $job = $done->{json}{job};
	is("$job->{status} $job->{progress} $job->{result}", 'completed 100 turned', 'is completed');
	is_deeply([map { "$_->{filename} $_->{size} $_->{sha256}" } @{ $job->{outputs} }],
		['out.txt 7 ' . sha256_hex("result\n"), 'two.csv 8 ' . sha256_hex("a,b\n1,2\n")], 'with its results');
	my ($status) = map { $_->{actor} } grep { $_->{status} eq 'completed' } @{ $job->{history} };
	is($status, 'local', 'the history says who');
	my ($begun) = map { $_->{actor} } grep { $_->{status} eq 'processing' } @{ $job->{history} };
	is($begun, 'local (w1)', 'and what the program calls itself');
	is(post("$c->{uuid}/complete", { %lease })->{status}, 409, 'a second end is refused');
	is(post("$c->{uuid}/heartbeat", { %lease })->{status}, 409, 'as is a heartbeat');
};

subtest 'refused' => sub {
	my $made = make('b.txt');
	my $c = claim()->[0];
	for my $case (
		[422, 'lease_token', "$c->{id}/heartbeat", {}],
		[422, 'lease_token', "$c->{id}/heartbeat", { lease_token => 'short' }],
		[409, 'lease_token', "$c->{id}/heartbeat", { lease_token => '0' x 32 }],
		[409, 'lease_token', "$c->{id}/progress", { lease_token => '0' x 32, progress => 99 }],
		[409, 'lease_token', "$c->{id}/complete", { lease_token => '0' x 32 }],
		[409, 'lease_token', "$c->{id}/fail", { lease_token => '0' x 32 }],
		[404, undef, '9999/heartbeat', { lease_token => '0' x 32 }],
		[422, 'progress', "$c->{id}/progress", { lease_token => $c->{lease_token}, progress => 101 }],
		[422, 'retry', "$c->{id}/fail", { lease_token => $c->{lease_token}, retry => 'perhaps' }],
		[422, 'types', 'claim', { types => ['inspect'] }],
		[422, 'types', 'claim', { types => ['nonsense'] }],
		[422, 'types', 'claim', { types => [1] }],
		[422, 'lease_seconds', 'claim', { lease_seconds => 5 }],
		[422, 'want', 'claim', { want => 0 }],
		[422, 'nonsense', 'claim', { nonsense => 1 }],
	) {
		my ($status, $field, $path, $data) = @$case;
		my $answer = post($path, $data);
		is($answer->{status}, $status, "$path: $status") or diag $answer->{raw};
		is($answer->{json}{field}, $field, 'its field') if $field;
	}
	is(job($made)->{status}, 'processing', 'nothing has changed');
	my $body = "--x\r\nContent-Disposition: form-data; name=\"lease_token\"\r\n\r\n$c->{lease_token}\r\n"
		. "--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"big\"\r\n\r\n" . ('x' x 1001) . "\r\n--x--\r\n";
	my $big = $web->request(POST => "/api/work/$c->{id}/complete", content_type => 'multipart/form-data; boundary=x', body => $body);
	is($big->{status}, 413, 'results that are too large');
	is(job($made)->{status}, 'processing', 'and the job goes on');
	is(post("$c->{id}/fail", { lease_token => $c->{lease_token}, error => 'no such luck' })->{json}{job}{status}, 'failed', 'a bad end');
	is(job($made)->{error}, 'no such luck', 'with its reason');
	is(scalar(grep { /spool/ } $web->files), 0, 'the spool is empty');
};

subtest 'again' => sub {
	my $made = make('c.txt');
	my $c = claim()->[0];
	is(post("$c->{id}/fail", { lease_token => $c->{lease_token}, retry => 'yes', error => 'not now' })->{json}{job}{status},
		'pending', 'given back');
	is_deeply(claim(), [], 'for a while');
	$web->sql("UPDATE jobs SET run_at = 0, ready = 1 WHERE id = $c->{id}; UPDATE lanes SET pending = pending + 1 WHERE job_type = 'elsewhere';");
	$c = claim()->[0];
	is($c->{attempt}, 2, 'a second attempt');
	my $end = post("$c->{id}/fail", { lease_token => $c->{lease_token}, retry => 'yes', error => 'not now' })->{json}{job};
	is($end->{status}, 'failed', 'the last of them');
	is($end->{error}, 'not now (after 2 attempts)', 'says so');
};

subtest 'taken away' => sub {
	my $made = make('d.txt');
	my $c = claim()->[0];
	is($web->request(POST => "/jobs/$c->{id}/cancel")->{status}, 200, 'cancelled while it runs');
	my $beat = post("$c->{id}/heartbeat", { lease_token => $c->{lease_token} });
	is($beat->{status}, 409, 'the heartbeat is told');
	like($beat->{json}{detail}, qr/cancelled/, 'why');
	is($web->request(POST => "/jobs/$c->{id}/retry")->{status}, 200, 'retried at once');
	is_deeply(claim(), [], 'but not claimed while somebody may be at it');
	is(post("$c->{id}/fail", { lease_token => $c->{lease_token} })->{status}, 200, 'until they say that they have stopped');
	my $again = claim()->[0];
	is($again->{id}, $c->{id}, 'then it is');
	is(post("$c->{id}/complete", { lease_token => $c->{lease_token} })->{status}, 409, 'the old lease is nothing worth');
	is(post("$c->{id}/complete", { lease_token => $again->{lease_token} })->{json}{job}{status}, 'completed', 'the new one is');
};

subtest 'a lease that runs out' => sub {
	my $made = make('e.txt');
	my $c = claim(lease_seconds => 10)->[0];
	$web->sql("UPDATE jobs SET lease_until = 0 WHERE id = $c->{id};");
	# What a processor's sweep does.
	is(job($made)->{status}, 'processing', 'still there');
	is(post("$c->{id}/heartbeat", { lease_token => $c->{lease_token} })->{status}, 200, 'renewed before anybody took it');
	post("$c->{id}/complete", { lease_token => $c->{lease_token} });
};

subtest 'secrets' => sub {
	my $body = "--x\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nfar\r\n--x\r\nContent-Disposition: form-data; name=\"params.pw\"\r\n\r\nhorse battery\r\n"
		. "--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"f.txt\"\r\n\r\nx\r\n--x--\r\n";
	my $made = $web->request(POST => '/api/jobs', content_type => 'multipart/form-data; boundary=x', body => $body);
	is($made->{status}, 201, 'a job with a secret') or diag $made->{raw};
	unlike($made->{raw}, qr/horse/, 'which is not shown');
	my $claims = post('claim', { types => 'far' });
	is($claims->{json}{jobs}[0]{secrets}{pw}, 'horse battery', 'but to whoever claims it');
};

is($web->sql("SELECT COUNT(*) FROM audit WHERE action LIKE 'work.%'") > 5, 1, 'the audit log has it');
$web->run(($ENV{BUILD} // "$FindBin::Bin/../build") . '/dropmill', 'check');
pass('database and store agree');
done_testing;
