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
	like(get($job, '?attempt=1', accept => 'application/json')->{json}{detail}, qr/attempt 1 is not kept/, 'says why');
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
	my $log = get($job, '?from=0', accept => 'application/json')->{json}{log};
	is_deeply([@$log{qw(next is_end)}], [5, JSON::PP::false], 'as a view: the head');
	$log = get($job, '?from=5', accept => 'application/json')->{json}{log};
	is_deeply([@$log{qw(from next left_out left_out_text is_end)}], [991 + 9, 1000, 986, '986 B', JSON::PP::true], 'what is left out');
	is(get($job, '?from=1000')->{status}, 204, 'its end');
};

my @json = (accept => 'application/json');
my @html = (accept => 'text/html,application/xhtml+xml,*/*;q=0.8');
sub flat { return join '', map { $_->{class} ? "<$_->{class}|$_->{text}>" : $_->{text} } @{ $_[0] } }

subtest 'as a view' => sub {
	my $job = new_job();
	my $empty = get($job, '', @json)->{json}{log};
	is_deeply([@$empty{qw(attempt from next size is_live)}], [0, 0, 0, 0, JSON::PP::false], 'nothing yet');
	like(get($job, '', @html)->{content}, qr/It has not said anything\./, 'says so');
	past($job, 1, pending => 1, undef, processing => 2, undef);
	write_log($job, 1, "one\n\e[31mtwo\nthree");
	my $answer = get($job, '', @json);
	my $log = $answer->{json}{log};
	is(flat($log->{lines}), "one\n<f1|two>\n", 'lines that have ended');
	is(flat($log->{line}), '<f1|three>', 'and the one that has not');
	is_deeply([@$log{qw(from next size style status is_end)}], [0, 13, 18, '38;5;1', 'processing', JSON::PP::false], 'figures');
	is(get($job, '', @json, if_none_match => $answer->{headers}{etag})->{status}, 304, 'unchanged: 304');
	$answer = get($job, "?from=13&style=38;5;1", @json);
	is(flat($answer->{json}{log}{line}), '<f1|three>', 'the next part begins with it');
	write_log($job, 1, "one\n\e[31mtwo\nthree\e[0m\nfour\n");
	my $next = get($job, "?from=13&style=38;5;1", @json, if_none_match => $answer->{headers}{etag});
	is($next->{status}, 200, 'changed');
	is(flat($next->{json}{log}{lines}), "<f1|three>\nfour\n", 'in its colours');
	is(get($job, "?style=$_", @json)->{status}, 422, "no style: $_") for qw(x 1m %1b[1m), '1' x 65;
	past($job, 1, pending => 1, undef, processing => 2, undef, failed => 3, undef);
	$log = get($job, '?from=27', @json)->{json}{log};
	is_deeply([@$log{qw(is_end is_live status)}], [JSON::PP::true, JSON::PP::false, 'failed'], 'the end is told');
	# what is shown first
	write_log($job, 1, join '', map { sprintf "line %10d\n", $_ } 0 .. 9999);
	$log = get($job, '', @json)->{json}{log};
	is($log->{size}, 160000, 'a long one');
	like(flat($log->{lines}), qr/^line       5904\n.*line       9999\n\z/s, 'the last 64 KiB of it, from a line on');
	is($log->{from}, 5904 * 16, 'where that is');
	my $page = get($job, '', @html)->{content};
	like($page, qr/>line       5904\n.*line       9999\n</s, 'on the page too');
	my ($earlier) = $page =~ /href="([^"]*)">Earlier/;
	$earlier =~ s/&amp;/&/g;
	like($web->request(GET => $earlier, @html)->{content}, qr/>line       1808\n.*line       5903\n<.*>Later</s, 'and the part before');
	like(get($job, '?from=0', @html)->{content}, qr/>line          0\n/, 'and the beginning');
	unlike(get($job, '?from=0', @html)->{content}, qr/>Earlier</, 'before which there is nothing');
	my ($text, $from, $style, $parts) = ('', 0, '', 0);
	until ($from == 160000 || ++$parts > 9) {
		$log = get($job, "?from=$from&style=$style", @json)->{json}{log};
		$text .= flat($log->{lines});
		($from, $style) = @$log{qw(next style)};
	}
	is($text, join('', map { sprintf "line %10d\n", $_ } 0 .. 9999), 'all parts are the whole');
};

subtest 'who gets what' => sub {
	my $job = new_job();
	past($job, 2, pending => 1, undef, processing => 2, undef, failed => 3, 'no', pending => 4, undef, processing => 5, undef);
	write_log($job, $_, "x\n") for 1, 2;
	for my $case (['curl', '*/*'], ['nothing said', undef], ['text', 'text/plain']) {
		my ($name, $accept) = @$case;
		my $answer = get($job, '', accept => $accept);
		like($answer->{headers}{'content-type'}, qr{^text/plain}, "$name: text");
		ok($answer->{headers}{'x-accel-redirect'}, "$name: from nginx");
	}
	my $page = get($job, '', @html);
	like($page->{headers}{'content-type'}, qr{^text/html}, 'a browser: a page');
	like($page->{content}, qr/http-equiv="refresh"/, 'which is loaded again without JavaScript');
	is(get($job, '', @html, if_none_match => $page->{headers}{etag})->{status}, 304, 'for nothing if there is nothing new');
	like($page->{content}, qr{aria-current="page">Attempt 2}, 'of the last attempt');
	my $first = get($job, '?attempt=1', @html)->{content};
	like($first, qr{aria-current="page" title="no">Attempt 1}, 'or another');
	like($first, qr{id="log-status"><span class="status failed">.*Failed</span>}, 'with what it led to');
	unlike($first, qr/http-equiv="refresh"|data-live/, 'which has ended');
	my ($download) = $page->{content} =~ /href="([^"]*format=text)"/;
	my $answer = $web->request(GET => $download =~ s/&amp;/&/gr, @html);
	is($answer->{headers}{'content-disposition'}, q{attachment; filename="a.txt.attempt-2.log"; filename*=UTF-8''a.txt.attempt-2.log},
		'a download');
	ok($answer->{headers}{'x-accel-redirect'}, 'from nginx');
	like($web->request(GET => "/jobs/$job->{uuid}", @html)->{content}, qr{class="log wrap"[^>]*><div>x\n</div>.*The whole log}s,
		'the page of a job shows the last lines');
	my $failed = new_job();
	past($failed, 1, pending => 1, undef, processing => 2, undef, failed => 3, 'exit code 1');
	write_log($failed, 1, "first\nout of flour");
	like($web->request(GET => "/jobs/$failed->{uuid}", accept => 'text/html')->{content}, qr/first.*out of flour/s,
		'also one without its end');
};

subtest 'hostile bytes' => sub {
	my $job = new_job();
	past($job, 1, pending => 1, undef, processing => 2, undef, failed => 3, undef);
	for my $bytes ("</div></article><script>alert(1)</script><img src=x onerror=alert(1)>{{title}}{{{x}}}&amp;\n",
		"\e]8;;javascript:alert(1)\e\\click\e]8;;\e\\\n", "\e[31m\"><script>\e[0m\n", "\0\1\2\xff\xfe\xe2\x80\xae\r\n" x 500,
		"\xed\xa0\x80\xc0\xaf\xf5\x80\x80\x80" x 900, "\e[" x 40000, "\e]" . 'x' x 100000, "\r" x 70000, "\n" x 70000,
		'x' x 200000, "\e[38;5;1ma\e[38;5;2mb" x 5000, join('', map { chr } 0 .. 255) x 300) {
		write_log($job, 1, $bytes);
		my $page = get($job, '?from=0', @html);
		is($page->{status}, 200, 'a page of ' . length $bytes);
		my ($log) = $page->{content} =~ m{<span id="log-lines">(.*)</span></div></div>\s*<button}s or fail('the log is in its place');
		$log =~ s{</?span(?: class="[a-z0-9 ]+")?>|<span id="log-line">}{}g;
		unlike($log, qr/[<>]/, 'nothing else is markup');
		unlike($log, qr/[\0-\x08\x0b-\x1f\x7f]/, 'no control characters');
		ok(utf8::decode(my $copy = $log), 'UTF-8');
		my ($from, $parts) = (0, 0);
		while ($parts++ < 20) {
			my $part = get($job, "?from=$from", @json)->{json}{log};
			last if $part->{is_end};
			cmp_ok($part->{next}, '>', $from, 'gets on') or last;
			$from = $part->{next};
		}
		cmp_ok($parts, '<', 20, 'comes to its end');
	}
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
