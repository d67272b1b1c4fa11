# Jobs that are moved by hand: by PATCH, by the forms of the page and by the command line, along the one
# table of transitions; and that no job of a processor is moved so.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Cgi;
use JSON::PP qw(encode_json);
use Test::More;

my $web = Dropmill::Cgi->new;
sub new_job { return $web->request(PUT => '/jobs/upload/a.txt?type=' . ($_[0] // 'manual'), body => "a\n")->{json}{jobs}[0] }
sub get { return $web->request(GET => "/api/jobs/$_[0]{uuid}/")->{json}{job} }
sub raw { my ($job, $body, %option) = @_;
	return $web->request(PATCH => "/api/jobs/$job->{uuid}/", content_type => 'application/json', body => $body, %option) }
sub patch { my ($job, %what) = @_; return raw($job, encode_json(\%what)) }
sub moved { my ($job, %what) = @_; my $answer = patch($job, %what);
	is($answer->{status}, 200, join ' ', map { "$_=" . ($what{$_} // 'null') } sort keys %what) or diag $answer->{raw};
	return $answer->{json}{job} }
sub statuses { return [map { "$_->{status} $_->{actor}" . (defined $_->{reason} ? ": $_->{reason}" : '') }
	@{ $web->request(GET => "/api/jobs/$_[0]{uuid}/statuses/")->{json}{statuses} }] }
sub agrees { is($web->run("$ENV{BUILD}/dropmill", 'check'), "database and store agree\n", "$_[0]: everything agrees") }
$ENV{BUILD} //= "$FindBin::Bin/../build";

subtest 'a whole life' => sub {
	my $job = new_job();
	is($job->{status}, 'pending', 'made pending');
	ok($job->{manual}, 'it says that it is one');
	is_deeply($job->{moves}, [qw(processing paused cancelled)], 'where it may go');
	is($web->sql('SELECT ready FROM jobs'), 0, 'no processor may claim it');
	is($web->sql('SELECT COUNT(*) FROM lanes WHERE pending > 0'), 0, 'no lane knows it');
	my $now = moved($job, status => 'RUNNING', reason => 'Ana takes it');
	is($now->{status}, 'processing', 'upper case and the seeds\' word');
	ok($now->{started_at}, 'started');
	is($now->{attempt}, 1, 'attempt 1');
	$now = moved($job, progress => 40, current_step => 'counting sacks');
	is_deeply([@$now{qw(status progress current_step)}], ['processing', 40, 'counting sacks'], 'progress');
	$now = moved($job, status => 'running', progress => 60);
	is($now->{progress}, 60, 'the state it has already is no change');
	is(moved($job, current_step => '')->{current_step}, undef, 'an empty text clears it');
	is(moved($job, current_step => undef, progress => 61)->{progress}, 61, 'null is not given');
	$now = moved($job, status => 'ok', result => '17 sacks');
	is_deeply([@$now{qw(status progress result current_step error)}], ['completed', 100, '17 sacks', undef, undef], 'ok');
	ok($now->{completed_at}, 'ended');
	is_deeply($now->{moves}, [], 'and goes nowhere');
	is_deeply(statuses($job), ['pending local', 'processing local: Ana takes it', 'completed local'], 'history');
	is(patch($job, progress => 3)->{status}, 409, 'no news of what has ended');
	is(patch($job, status => 'completed')->{status}, 409, 'nor its end again');
	agrees('a life');
};

subtest 'a job that is moved by hand waits for no processor' => sub {
	my $job = new_job();
	is($web->run("$ENV{BUILD}/dropmill", 'types', 'pause', 'manual'), "manual paused\n", 'its type is paused');
	is(get($job)->{waits_for}, undef, 'which does not hold it up');
	unlike($web->run("$ENV{BUILD}/dropmill", 'job', 'show', $job->{id}), qr/^waits/m, 'nor by job show');
	$web->run("$ENV{BUILD}/dropmill", 'types', 'resume', 'manual');
	moved($job, status => 'cancelled');
};

subtest 'failing, again, and back' => sub {
	my $job = new_job();
	moved($job, status => 'processing', progress => 10);
	my $now = moved($job, status => 'failed', error_message => 'the key is lost');
	is_deeply([@$now{qw(status error error_message progress)}], ['failed', ('the key is lost') x 2, 10], 'failed');
	is_deeply($now->{moves}, ['pending'], 'can be done again');
	$now = moved($job, status => 'queued');
	is_deeply([@$now{qw(status retry_count error progress)}], ['pending', 1, undef, 0], 'again');
	moved($job, status => 'running');
	$now = moved($job, status => 'pending', reason => 'no time');
	is_deeply([@$now{qw(status retry_count progress started_at)}], ['pending', 1, 0, undef], 'put back: no retry');
	moved($job, status => 'running');
	is(moved($job, status => 'failed')->{error}, 'marked as failed', 'without a reason it says so');
	is_deeply(statuses($job), ['pending local', 'processing local', 'failed local: the key is lost', 'pending local',
		'processing local', 'pending local: no time', 'processing local', 'failed local: marked as failed'], 'history');
	agrees('failures');
};

subtest 'what any job allows' => sub {
	my $job = new_job();
	my sub act { return $web->request(POST => "/jobs/$job->{uuid}/$_[0]") }
	is(act('pause')->{json}{job}{status}, 'paused', 'paused before it began');
	is_deeply(get($job)->{moves}, [qw(pending completed failed cancelled)], 'it may go on waiting');
	is(act('resume')->{json}{job}{status}, 'pending', 'resumed');
	is(moved($job, status => 'paused')->{status}, 'paused', 'the same by PATCH');
	is(moved($job, status => 'pending')->{status}, 'pending', 'and back');
	moved($job, status => 'processing', progress => 30);
	is(act('pause')->{json}{job}{status}, 'paused', 'paused at work');
	is(patch($job, status => 'pending')->{status}, 409, 'it is not pending again by that');
	my $now = act('resume')->{json}{job};
	is_deeply([@$now{qw(status progress)}], ['processing', 30], 'resumed where it was');
	moved($job, status => 'paused');
	is(moved($job, status => 'processing')->{progress}, 30, 'the same by PATCH');
	is(moved($job, status => 'canceled')->{status}, 'cancelled', 'cancelled by PATCH');
	is(act('retry')->{json}{job}{status}, 'pending', 'retried');
	is($web->sql("SELECT ready FROM jobs WHERE id = $job->{id}"), 0, 'still nobody\'s to claim');
	agrees('acts');
	is($web->request(DELETE => "/api/jobs/$job->{uuid}/")->{status}, 204, 'deleted');
	is($web->request(GET => "/api/jobs/$job->{uuid}/")->{status}, 404, 'gone');
	agrees('deleted');
};

subtest 'illegal moves' => sub {
	my $job = new_job();
	my $answer = patch($job, status => 'completed');
	is($answer->{status}, 409, 'pending to completed');
	is($answer->{headers}{'content-type'}, 'application/problem+json', 'a problem');
	is($answer->{json}{detail}, 'a job that is pending cannot become completed; it can become: processing, paused, cancelled',
		'which says what goes');
	is_deeply($answer->{json}{allowed}, [qw(processing paused cancelled)], 'for programs too');
	is(patch($job, status => $_)->{status}, 409, "pending to $_") for qw(failed removed);
	is(scalar @{ statuses($job) }, 1, 'nothing happened');
	my $other = new_job('inspect');
	for my $what ([status => 'processing'], [status => 'cancelled'], [progress => 5]) {
		$answer = patch($other, @$what);
		is($answer->{status}, 409, "not of a processor's job: @$what");
	}
	like($answer->{json}{detail}, qr/^jobs of type "inspect" are moved by a processor/, 'why');
	is_deeply($other->{moves}, [], 'it has no moves');
	is(get($other)->{status}, 'pending', 'nothing happened');
};

subtest 'bodies' => sub {
	my $job = new_job();
	for my $case (
		['{"status":"done"}', 422, 'status', 'an unknown state'],
		['{"status":7}', 422, 'status', 'a state that is a number'],
		['{"progress":"40"}', 422, 'progress', 'a number as text'],
		['{"progress":40.5}', 422, 'progress', 'half a per cent'],
		['{"progress":101}', 422, 'progress', 'too much'],
		['{"progress":-1}', 422, 'progress', 'too little'],
		['{"progress":true}', 422, 'progress', 'true'],
		['{"result":["x"]}', 422, 'result', 'a list'],
		["{\"current_step\":\"a\nb\"}", 400, undef, 'a line feed inside a text'],
		['{"current_step":"a\\nb"}', 422, 'current_step', 'a line feed'],
		['{"current_step":"' . 'x' x 256 . '"}', 422, 'current_step', 'too long'],
		['{"error":"x"}', 422, 'error', 'an error without failing'],
		['{"status":"processing","error":"x"}', 422, 'error', 'an error while starting'],
		['{"name":"x"}', 422, 'name', 'a member nobody takes'],
		['{}', 422, undef, 'nothing'],
		['{"reason":"x"}', 422, undef, 'a reason for nothing'],
		['{"progress":1,"progress":2}', 400, undef, 'a member twice'],
		['{"progress":1', 400, undef, 'cut off'],
		['[]', 400, undef, 'a list'],
		['7', 400, undef, 'a number'],
		['', 400, undef, 'no body'],
		["{\"result\":\"\xff\"}", 400, undef, 'not UTF-8'],
		['{"result":"a\u0000b"}', 400, undef, 'NUL'],
		['[' x 5000 . ']' x 5000, 400, undef, 'deeper than anything'],
		[' ' x 65537, 413, undef, 'too large'],
	) {
		my ($body, $status, $field, $name) = @$case;
		my $answer = raw($job, $body);
		is($answer->{status}, $status, "$name: $status") or diag $answer->{raw};
		is($answer->{json}{field}, $field, "$name: the field") if $answer->{json};
	}
	is(raw($job, '{"progress":1}', content_type => $_)->{status}, 415, 'not JSON: ' . ($_ // 'no type'))
		for 'text/plain', 'application/x-www-form-urlencoded', undef;
	is(raw($job, '{"status":"running"}', content_type => 'application/json; charset=utf-8')->{status}, 200, 'with a charset');
	is(raw({ uuid => 999 }, '{"progress":1}')->{status}, 404, 'no such job');
	is(raw($job, '{"progress":1}', sec_fetch_site => 'cross-site')->{status}, 403, 'another site');
	is(scalar @{ statuses($job) }, 2, 'and nothing of it happened');
	agrees('bodies');
};

subtest 'the page' => sub {
	my $job = new_job();
	my @html = (accept => 'text/html', content_type => 'application/x-www-form-urlencoded',
		referer => "http://localhost/jobs/$job->{uuid}");
	my sub page { return $web->request(GET => "/jobs/$job->{uuid}", accept => 'text/html')->{content} }
	my sub post { return $web->request(POST => "/jobs/$job->{uuid}/move", @html, body => $_[0]) }
	like(page(), qr{action="/jobs/\Q$job->{uuid}\E/move".*name="status" value="processing">Start<}s, 'Start');
	unlike(page(), qr/value="completed"/, 'and no more');
	like(page(), qr/waiting to be started/, 'it waits for somebody');
	my $answer = post('status=processing');
	is($answer->{status}, 303, 'started');
	is($answer->{headers}{location}, "/jobs/$job->{uuid}", 'back to the page');
	like(page(), qr/name="progress".*value="completed".*name="error".*value="failed".*value="pending"/s, 'its forms');
	is(post('progress=30&current_step=')->{status}, 303, 'progress; an empty field is none');
	is(get($job)->{progress}, 30, 'noted');
	is(post('progress=x')->{status}, 422, 'wrong');
	is(post('status=failed&error=no+way')->{status}, 303, 'failed');
	is(get($job)->{error}, 'no way', 'with its reason');
	unlike(page(), qr{/move"}, 'no forms after the end');
	is(post('status=completed')->{status}, 409, 'nor moves');
	unlike($web->request(GET => '/jobs/' . new_job('inspect')->{uuid}, accept => 'text/html')->{content}, qr{/move"},
		'no forms on a job of a processor');
	agrees('the page');
};
done_testing;
