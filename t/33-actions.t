# Actions on jobs, the ways back from them, downloads, and requests that come twice.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Cgi;
use Test::More;

my $web = Dropmill::Cgi->new;
sub put { my ($name, %option) = @_; return $web->request(PUT => "/jobs/upload/$name", body => "$name\n", %option) }
sub new_job { return put($_[0] // 'a.txt')->{json}{jobs}[0] }
sub act { my ($job, $action, %option) = @_; return $web->request(POST => "/jobs/$job->{uuid}/$action", %option) }

subtest 'cancel and retry' => sub {
	my $job = new_job();
	my $answer = act($job, 'retry');
	is($answer->{status}, 409, 'a pending job cannot be retried');
	is_deeply($answer->{json}{allowed}, [qw(pause cancel delete)], 'what it allows');
	like($answer->{json}{detail}, qr/retry.*pending/, $answer->{json}{detail});
	is(act($job, 'cancel')->{json}{job}{status}, 'cancelled', 'cancelled');
	is(act($job, 'cancel')->{status}, 409, 'once');
	$answer = act($job, 'retry', hx_request => 'true');
	is($answer->{status}, 200, 'retry by htmx');
	like($answer->{content}, qr/^<tr id="job-$job->{uuid}".*class="status pending"/s, 'gets the row');
	my $now = $web->request(GET => "/jobs/$job->{id}", accept => 'application/json')->{json}{job};
	is($now->{retry_count}, 1, 'counted');
	is_deeply([map { $_->{status} } @{ $now->{history} }], [qw(pending cancelled pending)], 'history');
	is_deeply($now->{actions}, [qw(pause cancel delete)], 'actions');
	my $error = act($job, 'retry', hx_request => 'true');
	is($error->{status}, 409, 'refused by htmx');
	is($error->{headers}{'hx-retarget'}, '#messages', 'is a message');
	is($web->request(POST => "/jobs/999/$_")->{status}, 404, "$_ on no job") for qw(cancel retry delete);
};

subtest 'pause and resume' => sub {
	my $job = new_job();
	is(act($job, 'resume')->{status}, 409, 'what is not paused cannot be resumed');
	is(act($job, 'pause')->{json}{job}{status}, 'paused', 'paused');
	my $answer = act($job, 'pause');
	is($answer->{status}, 409, 'once');
	is_deeply($answer->{json}{allowed}, [qw(resume cancel delete)], 'what it allows');
	$answer = act($job, 'resume', hx_request => 'true');
	like($answer->{content}, qr{^<tr id="job-$job->{uuid}".*class="status pending".*/$job->{uuid}/pause"}s, 'resumed');
	act($job, $_) for qw(pause cancel);
	my $now = $web->request(GET => "/jobs/$job->{id}", accept => 'application/json')->{json}{job};
	is_deeply([map { $_->{status} } @{ $now->{history} }], [qw(pending paused pending paused cancelled)], 'history');
	is(act($job, $_)->{status}, 409, "no $_ of what has ended") for qw(pause resume);
	is($web->request(POST => "/jobs/999/$_")->{status}, 404, "$_ on no job") for qw(pause resume);
};

subtest 'the way back' => sub {
	my @html = (accept => 'text/html', content_type => 'application/x-www-form-urlencoded');
	for my $case (
		[{}, '/', 'nothing said'],
		[{ body => 'back=%2F%3Fstatus%3Dfailed' }, '/?status=failed', 'the field back'],
		[{ referer => 'http://localhost/?type=inspect' }, '/?type=inspect', 'the page it was on'],
		[{ referer => 'http://localhost' }, '/', 'our origin alone'],
		[{ body => 'back=%2Fx', referer => 'http://localhost/y' }, '/x', 'back goes first'],
		[{ body => 'back=http%3A%2F%2Flocalhost%2Fz' }, '/z', 'an absolute URL of ours'],
		[{ body => 'back=%2F%2Fevil.example' }, '/', 'another host'],
		[{ body => 'back=%2F%5Cevil.example' }, '/', 'another host as browsers read it'],
		[{ body => 'back=%2Fa%5C..%5Cb' }, '/', 'backslashes'],
		[{ body => 'back=https%3A%2F%2Fevil.example%2F' }, '/', 'an absolute URL'],
		[{ body => 'back=javascript%3Aalert(1)' }, '/', 'a script'],
		[{ body => 'back=%2Fa%20b' }, '/', 'a blank'],
		[{ body => 'back=%2F%C3%A4' }, '/', 'not ASCII'],
		[{ referer => 'http://localhost.evil.example/x' }, '/', 'a host that begins like ours'],
		[{ referer => 'http://evil.example/http://localhost/' }, '/', 'another site'],
	) {
		my ($option, $back, $name) = @$case;
		my $job = new_job();
		my $answer = act($job, 'cancel', @html, %$option);
		is($answer->{status}, 303, "$name: 303") or diag $answer->{raw};
		is($answer->{headers}{location}, $back, "$name: to $back");
	}
	my $job = new_job();
	is(act($job, 'delete', @html, referer => "http://localhost/jobs/$job->{uuid}")->{headers}{location}, '/',
		'not to the page of a job that is gone');
};

subtest 'delete' => sub {
	my $before = join "\n", $web->files;
	my $job = new_job();
	isnt(join("\n", $web->files), $before, 'there is a file');
	mkdir $web->dir . '/store/log/' . substr $job->{uuid}, -2;
	for my $attempt (1, 2) {
		open my $log, '>', $web->dir . '/store/log/' . substr($job->{uuid}, -2) . "/$job->{uuid}-$attempt" or die $!;
		print $log "line\n";
		close $log;
	}
	is($web->request(DELETE => "/jobs/$job->{uuid}")->{status}, 204, 'deleted');
	is(join("\n", $web->files), $before, 'file and log are gone');
	is($web->request(DELETE => "/jobs/$job->{uuid}")->{status}, 404, 'once');
	my $hx = act(new_job(), 'delete', hx_request => 'true');
	is($hx->{status}, 200, 'by htmx');
	is($hx->{content}, '', 'an empty row');
};

subtest 'outputs' => sub {
	my $job = new_job();
	my $uuid = '01900000-0000-7000-8000-0000000000ab';
	$web->sql("INSERT INTO files (uuid, org_id, job_id, output, name, size_bytes, content_type, created_at) VALUES "
		. "('$uuid', 1, $job->{id}, 1, 'plots/ä b.html', 5, 'text/html', 0); UPDATE jobs SET files_out = 1 WHERE id = $job->{id};");
	my $seen = $web->request(GET => "/jobs/$job->{id}", accept => 'application/json')->{json}{job};
	is($seen->{outputs}[0]{filename}, 'plots/ä b.html', 'listed');
	is($seen->{outputs}[0]{download_url}, "/jobs/$job->{uuid}/files/out/plots/%C3%A4%20b.html", 'address');
	my $answer = $web->request(GET => $seen->{outputs}[0]{download_url});
	is($answer->{headers}{'x-accel-redirect'}, "/_store/ab/$uuid", 'handed to nginx');
	is($answer->{headers}{'content-disposition'}, q{attachment; filename="_ b.html"; filename*=UTF-8''%C3%A4%20b.html},
		'an attachment without the directory');
	is($answer->{content}, '', 'without a body of ours');
	is($web->request(GET => "/jobs/$job->{uuid}/files/$_")->{status}, 404, "no $_")
		for 'in/plots%2Fx', 'out/plots', 'out/a.txt', 'in/plots';
	is($web->request(GET => "/jobs/$job->{uuid}/files/out/plots/../a.txt")->{status}, 400, 'no way up');
	my $table = $web->request(GET => '/jobs/table', accept => 'application/json')->{json};
	my ($row) = grep { $_->{id} == $job->{id} } @{ $table->{jobs} };
	is($row->{outputs}[0]{filename}, 'plots/ä b.html', 'in the table too');
};

sub ids { return $web->sql('SELECT COUNT(*) FROM jobs') }

subtest 'idempotency' => sub {
	my @files = $web->files;
	my $n = ids();
	my $first = put('i.txt', idempotency_key => 'k1');
	is($first->{status}, 201, 'the first');
	is($first->{headers}{'idempotent-replayed'}, undef, 'is no replay');
	my $second = put('i.txt', idempotency_key => 'k1');
	is($second->{status}, 201, 'the second');
	is($second->{headers}{'idempotent-replayed'}, 'true', 'is one');
	is($second->{content}, $first->{content}, 'with the first answer');
	is(ids(), $n + 1, 'one job');
	is(scalar(my @now = $web->files), @files + 1, 'one file');
	act($first->{json}{jobs}[0], 'delete');
	is(put('i.txt', idempotency_key => 'k1')->{content}, $first->{content}, 'even when the job is gone');
	for my $case (['other name', 'j.txt'], ['other content', 'i.txt', body => 'x'], ['other options', 'i.txt?name=x']) {
		my ($name, $path, @option) = @$case;
		my $answer = put($path, @option, idempotency_key => 'k1');
		is($answer->{status}, 422, "$name: 422");
		is($answer->{json}{field}, 'Idempotency-Key', "$name: field");
	}
	is(put('i.txt', idempotency_key => 'k2')->{status}, 201, 'another key');
	is(put('i.txt', idempotency_key => $_)->{status}, 422, 'a bad key') for 'x' x 201, "\x{fc}", "a\tb";
	is(put('i.txt', idempotency_key => 'k3', accept => 'text/html')->{headers}{location}, '/', 'a form goes back');
	is(put('i.txt', idempotency_key => 'k3', accept => 'text/html')->{headers}{location}, '/', 'each time');
	is(ids(), $n + 2, 'no more jobs than keys');
	# A refused request may come again under its key.
	is(put('i.txt?type=none', idempotency_key => 'k4')->{status}, 422, 'refused');
	is(put('i.txt', idempotency_key => 'k4')->{status}, 201, 'mended');
	# Large files count by their ends and size.
	my $large = 'a' x 1_500_000;
	is(put('l', idempotency_key => 'k5', body => $large)->{status}, 201, 'large');
	is(put('l', idempotency_key => 'k5', body => $large)->{headers}{'idempotent-replayed'}, 'true', 'again');
	is(put('l', idempotency_key => 'k5', body => $large . 'b')->{status}, 422, 'longer');
	substr($large, -1) = 'b';
	is(put('l', idempotency_key => 'k5', body => $large)->{status}, 422, 'another end');
};

subtest 'nonce of a form' => sub {
	my ($nonce) = $web->request(GET => '/')->{content} =~ /name="nonce" value="([0-9a-f]{32})"/ or fail('no nonce');
	isnt($web->request(GET => '/')->{content} =~ /value="$nonce"/, 1, 'another each time');
	my $send = sub {
		my ($content) = @_;
		return $web->request(POST => '/jobs', accept => 'text/html', content_type => 'multipart/form-data; boundary=b',
			body => "--b\r\nContent-Disposition: form-data; name=\"nonce\"\r\n\r\n$nonce\r\n--b\r\n"
				. "Content-Disposition: form-data; name=\"files\"; filename=\"n\"\r\n\r\n$content\r\n--b--\r\n");
	};
	my $n = ids();
	is($send->('one')->{status}, 303, 'sent');
	is($send->('one')->{status}, 303, 'sent again');
	is(ids(), $n + 1, 'makes one job');
	is($send->('two')->{status}, 303, 'the same form with another file');
	is(ids(), $n + 2, 'makes another');
	unlike($web->request(GET => '/jobs/table')->{content}, qr/nonce/, 'none in the fragment that all share');
};

subtest 'two at once' => sub {
	# Both children race for one key, and for one transition.
	my $both = sub {
		my (@request) = @_;
		my @pid = map {
			my $pid = fork // die $!;
			if (!$pid) {
				my $answer = $web->request(@request);
				require POSIX;
				POSIX::_exit($answer->{status} == 409 ? 9 : $answer->{status} < 300 ? 2 : 5);
			}
			$pid;
		} 1 .. 4;
		return join ' ', sort map { waitpid $_, 0; $? >> 8 } @pid;
	};
	my $n = ids();
	is($both->(PUT => '/jobs/upload/r', body => 'r', idempotency_key => 'race'), '2 2 2 2', 'all are answered 201');
	is(ids(), $n + 1, 'by one job');
	my $job = new_job();
	is($both->(POST => "/jobs/$job->{uuid}/cancel"), '2 9 9 9', 'one cancels, the others are told');
	is($both->(POST => "/jobs/$job->{uuid}/retry"), '2 9 9 9', 'one retries');
};
done_testing;
