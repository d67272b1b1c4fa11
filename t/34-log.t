# The log of a job: which attempt's, whole or from a position on, cut or not; and what its attempts were.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Cgi;
use Test::More;

my $web = Dropmill::Cgi->new;
my $store = $web->dir . '/store/log';

sub new_job { return $web->request(PUT => '/jobs/upload/a.txt', body => "a\n")->{json}{jobs}[0] }

# The log of an attempt, as a runner leaves it.
sub write_log {
	my ($job, $attempt, $text) = @_;
	my $dir = "$store/" . substr $job->{uuid}, -2;
	mkdir $dir;
	open my $out, '>:raw', sprintf('%s/%s-%x', $dir, $job->{uuid}, $attempt % 16) or die $!;
	print $out $text;
	close $out or die $!;
}

# A log that was cut: head and tail of these lengths in all of $total bytes.
sub cut_log {
	my ($head, $tail, $total) = @_;
	my $mark = sprintf '%-50s', "\n[dropmill] " . ($total - length($head) - length $tail) . ' bytes left out here';
	my $trailer = sprintf '%-95s', "\n[dropmill] $total bytes in all, of them the first " . length($head)
		. ' and the last ' . length $tail;
	return "$head$mark\n$tail$trailer\n";
}

# Give a job this past: states with the seconds at which it came to them, the last of which it is in.
sub past {
	my ($job, $attempts, @events) = @_;
	my $sql = "DELETE FROM job_statuses WHERE job_id = $job->{id};";
	while (my ($status, $at, $reason) = splice @events, 0, 3) {
		$reason = defined $reason ? "'$reason'" : 'NULL';
		$sql .= "INSERT INTO job_statuses (org_id, job_id, status, at, actor, reason) "
			. "VALUES (1, $job->{id}, '$status', ${at}000, 'processor', $reason);"
			. "UPDATE jobs SET status = '$status', ready = 0, attempt = $attempts, updated_at = ${at}000, "
			. "started_at = CASE WHEN '$status' = 'pending' THEN NULL ELSE 1000 END WHERE id = $job->{id};";
	}
	$web->sql($sql);
}

sub get { my ($job, $query, %option) = @_; return $web->request(GET => "/jobs/$job->{uuid}/log" . ($query // ''), %option) }

subtest 'text' => sub {
	my $job = new_job();
	my $answer = get($job);
	is($answer->{status}, 200, 'nothing is said yet');
	is($answer->{content}, '', 'and nothing is shown');
	like($answer->{headers}{'content-type'}, qr{^text/plain}, 'as text');
	is(get($job, '?attempt=1')->{status}, 404, 'no attempt yet');
	past($job, 2, pending => 1, undef, processing => 2, undef, pending => 3, 'come back', processing => 4, undef);
	is(get($job)->{content}, '', 'an attempt without a log is silent');
	write_log($job, 1, "first\n");
	write_log($job, 2, "second\n" x 3);
	my $base = '/_store/log/' . substr($job->{uuid}, -2) . "/$job->{uuid}";
	is(get($job)->{headers}{'x-accel-redirect'}, "$base-2", 'the last attempt');
	is(get($job)->{headers}{'content-disposition'}, undef, 'is shown');
	is(get($job, '?attempt=1')->{headers}{'x-accel-redirect'}, "$base-1", 'another');
	is(get($job, '?attempt=3')->{status}, 404, 'none that is to come');
	is($web->request(GET => '/jobs/999/log')->{status}, 404, 'no log of no job');
	past($job, 17, processing => 4, undef);
	is(get($job, '?attempt=1')->{status}, 404, 'the log of an early attempt is not kept');
	is(get($job, '?attempt=1', accept => 'application/json')->{json}{field}, 'attempt', 'says which input');
	is(get($job, '?attempt=2')->{headers}{'x-accel-redirect'}, "$base-2", 'that of the last 16 are');
};

subtest 'from a position on' => sub {
	my $job = new_job();
	past($job, 1, pending => 1, undef, processing => 2, undef);
	write_log($job, 1, "line\n" x 3);
	my $answer = get($job, '?from=5');
	is($answer->{content}, "line\nline\n", 'what is there');
	is($answer->{headers}{'x-log-from'}, 5, 'where it begins');
	is($answer->{headers}{'x-log-next'}, 15, 'where to go on');
	is($answer->{headers}{'x-log-end'}, undef, 'more may come');
	$answer = get($job, '?from=15');
	is($answer->{status}, 204, 'nothing new');
	is($answer->{headers}{'x-log-next'}, 15, 'go on here');
	is($answer->{headers}{'content-type'}, undef, 'without a body');
	is(get($job, '?from=99')->{headers}{'x-log-next'}, 15, 'behind the end');
	past($job, 1, pending => 1, undef, processing => 2, undef, completed => 3, undef);
	is(get($job, '?from=15')->{headers}{'x-log-end'}, 1, 'the end, once it has ended');
	is(get($job, '?from=0')->{headers}{'x-log-end'}, 1, 'with the last bytes too');
	for my $bad (qw(x -1 99999999999999999999 1.5)) {
		my $error = get($job, "?from=$bad", accept => 'application/json');
		is($error->{status}, 422, "from=$bad");
		is($error->{json}{field}, 'from', 'says which input');
		like($error->{headers}{'content-type'}, qr{^application/problem\+json}, 'as JSON');
	}
	is(get($job, "?attempt=$_", accept => 'application/json')->{status}, 422, "attempt=$_") for qw(0 x);
	write_log($job, 1, join '', map { sprintf "%15d\n", $_ } 0 .. 40000);
	my ($text, $next, $parts) = ('', 0, 0);
	until ($next == 16 * 40001) {
		$answer = get($job, "?from=$next");
		cmp_ok(length $answer->{content}, '<=', 262144, 'a part is bounded');
		$text .= $answer->{content};
		$next = $answer->{headers}{'x-log-next'};
		last if ++$parts > 5;
	}
	is($parts, 3, 'three parts');
	ok($text eq join('', map { sprintf "%15d\n", $_ } 0 .. 40000), 'are the whole');
};

subtest 'a log that was cut' => sub {
	my $job = new_job();
	past($job, 1, pending => 1, undef, processing => 2, undef, completed => 3, undef);
	write_log($job, 1, cut_log("head\n", "the tail\n", 1000));
	my $answer = get($job, '?from=0');
	is($answer->{content}, "head\n", 'the head first');
	is($answer->{headers}{'x-log-end'}, undef, 'is not the end');
	$answer = get($job, '?from=5');
	is($answer->{content}, "the tail\n", 'then the tail');
	is_deeply([@{ $answer->{headers} }{qw(x-log-from x-log-next x-log-end)}], [991, 1000, 1], 'in its place');
	is(get($job, '?from=995')->{content}, "tail\n", 'by position');
	is(get($job, '?from=1000')->{status}, 204, 'its end');
};

subtest 'attempts' => sub {
	my $job = new_job();
	my $shown = sub { $web->request(GET => "/jobs/$job->{uuid}", accept => 'application/json')->{json}{job}{attempts} };
	is_deeply($shown->(), [], 'none yet');
	past($job, 3, pending => 1, undef, processing => 2, undef, paused => 3, undef, processing => 4, undef,
		pending => 5, 'come back', processing => 6, undef, cancelled => 7, undef, pending => 8, undef, processing => 9, undef);
	write_log($job, 1, "one\n");
	write_log($job, 3, cut_log('h', 't', 1000));
	my $list = $shown->();
	is_deeply([map { $_->{number} } @$list], [3, 2, 1], 'newest first');
	is_deeply([map { $_->{status} } @$list], [qw(processing cancelled pending)], 'what they led to');
	is_deeply([map { $_->{status_label} } @$list], ['Processing', 'Cancelled', 'Run again'], 'in words');
	is_deeply([map { $_->{reason} } @$list], [undef, undef, 'come back'], 'why');
	is_deeply([map { $_->{log_bytes} } @$list], [1000, undef, 4], 'how much they wrote');
	is($list->[2]{log_url}, "/jobs/$job->{uuid}/log?attempt=1", 'where that is');
	is($list->[1]{log_url}, undef, 'unless it is not kept');
	is($list->[2]{started_at}, '1970-01-01T00:00:02.000Z', 'when it began');
	is($list->[2]{ended_at}, '1970-01-01T00:00:05.000Z', 'when it ended: not when it was frozen');
	is($list->[0]{ended_at}, undef, 'the last has not');
	past($job, 40, map { (pending => 2 * $_, 'again', processing => 2 * $_ + 1, undef) } 1 .. 40);
	$list = $shown->();
	is_deeply([map { $_->{number} } @$list], [reverse 25 .. 40], 'the last 16');
};

subtest 'deleting takes all of them' => sub {
	my $before = join "\n", $web->files;
	my $job = new_job();
	past($job, 3, completed => 3, undef);
	write_log($job, $_, "x\n") for 1 .. 3;
	is($web->request(DELETE => "/jobs/$job->{uuid}")->{status}, 204, 'deleted');
	is(join("\n", $web->files), $before, 'files and logs are gone');
};
done_testing;
