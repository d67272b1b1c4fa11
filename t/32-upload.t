# Uploads: what is accepted, and that everything else gets its own status and sentence and leaves nothing.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha256_hex);
use Dropmill::Cgi;
use Encode qw(encode_utf8);
use Test::More;
binmode Test::More->builder->$_, ':utf8' for qw(output failure_output todo_output);

our $web = Dropmill::Cgi->new(config => { upload_max => '3M' });
my $type = 'multipart/form-data; boundary=----B';

# One part: headers as text and content.
sub part {
	my ($disposition, $content, @more) = @_;
	return join('', "------B\r\n", map({"$_\r\n"} "Content-Disposition: form-data; $disposition", @more), "\r\n", $content,
		"\r\n");
}
sub file { my ($name, $content) = @_; return part(qq{name="files"; filename="$name"}, $content) }
sub form { return join('', @_) . "------B--\r\n" }
sub post { my ($body, %option) = @_; return $web->request(POST => '/jobs', content_type => $type, body => encode($body), %option) }
sub encode { my ($s) = @_; return utf8::is_utf8($s) ? encode_utf8($s) : $s }
sub content {
	my ($file) = @_;
	open my $in, '<:raw', $web->dir . "/$file" or die "$file: $!";
	local $/ = undef;
	return <$in>;
}
sub jobs { return $web->sql('SELECT COUNT(*) FROM jobs') }

subtest 'files arrive whole' => sub {
	my %sent = (
		'a.csv' => "x,y\n1,2\n",
		'binary.bin' => join('', map { chr(($_ * 7919) % 256) } 1 .. 300_000),
		'tricky' => "\r\n------\r\n------A\r\n-----B\r\n\r\n\r\n------",
		'cr' => "\r", 'lines' => "\r\n" x 1000, 'edge' => 'x' x 262_130,
	);
	my $answer = post(form(map { file($_, $sent{$_}) } sort keys %sent));
	is($answer->{status}, 201, 'accepted') or diag $answer->{raw}, $web->{stderr};
	is_deeply([map { $_->{name} } @{ $answer->{json}{jobs} }], [sort keys %sent], 'a job for each, in order');
	my @got = sort map { sha256_hex(content($_)) } $web->files;
	is_deeply(\@got, [sort map { sha256_hex($_) } values %sent], 'with the very bytes');
	is(scalar(grep { /^spool/ } $web->files), 0, 'the spool is empty');
	my %type = map { $_->{name} => $_->{job_type} } @{ $answer->{json}{jobs} };
	is($type{'a.csv'}, 'csv-profile', 'a CSV goes to the default type for it');
	is($type{tricky}, 'inspect', 'anything else to inspect');
	is_deeply([map { $_->{status} } @{ $answer->{json}{jobs} }], [('pending') x keys %sent], 'pending');
	is($answer->{json}{jobs}[0]{max_retries}, 2, 'attempts of the type');
};

subtest 'windows' => sub {
	# A delimiter at every place relative to the end of the parser's window.
	my $before = length(form(file('w', ''))) - length("\r\n------B--\r\n");
	for my $at (-20 .. 3) {
		my $text = 'y' x (262_144 - $before + $at);
		my $answer = post(form(file('w', $text), file('v', 'z')));
		is($answer->{status}, 201, "delimiter at $at") or diag $answer->{raw};
		is($answer->{json}{jobs}[0]{size}, length $text, 'size of the first');
		is($answer->{json}{jobs}[1]{size}, 1, 'size of the second');
	}
};

subtest 'raw' => sub {
	my $bytes = join '', map { chr } 0 .. 255;
	my $answer = $web->request(PUT => '/jobs/upload/all%20bytes.bin?name=mine&type=inspect', body => $bytes);
	is($answer->{status}, 201, 'accepted') or diag $answer->{raw};
	my $job = $answer->{json}{jobs}[0];
	is($job->{name}, 'mine', 'name by query');
	is($job->{inputs}[0]{filename}, 'all bytes.bin', 'file name by path');
	is($answer->{headers}{location}, "/jobs/$job->{uuid}", 'Location');
	is($web->request(GET => "/jobs/$job->{uuid}/files/in/all%20bytes.bin")->{status}, 200, 'to be had again');
};

subtest 'names' => sub {
	my %names = (
		'../../etc/passwd' => 'passwd', 'C:\\\\dir\\\\x.txt' => 'x.txt', 'a\\"b.txt' => 'a"b.txt', 'c%22d.txt' => 'c"d.txt',
		'100%.txt' => '100%.txt', 'März €.csv' => 'März €.csv', "\x{202e}gpj.exe" => 'gpj.exe', '-rf' => '-rf',
		"tab\there" => 'tabhere', 'a%0D%0Ab' => 'ab', ' lead' => 'lead', "\x{1F600}" => "\x{1F600}", 'back\\' => undef,
		'z' x 300 => 'z' x 255, 'ä' x 200 => 'ä' x 127, '<script>' => '<script>', "'; DROP TABLE jobs; --" => "'; DROP TABLE jobs; --",
	);
	for my $sent (sort keys %names) {
		my $answer = post(form(file($sent, 'x')));
		if (!defined $names{$sent}) {
			is($answer->{status}, 422, "no usable name: $sent");
			next;
		}
		is($answer->{status}, 201, "accepted: $sent") or diag $answer->{raw};
		my $job = $answer->{json}{jobs}[0];
		is($job->{name}, $names{$sent}, "shown as $names{$sent}");
		my $back = $web->request(GET => $job->{inputs}[0]{download_url});
		is($back->{status}, 200, 'and served');
		my ($plain, $full) = $back->{headers}{'content-disposition'} =~ /^attachment; filename="([^"]*)"; filename\*=UTF-8''([A-Za-z0-9%._~-]+)$/;
		ok(defined $plain && $plain !~ /[^\x20-\x7e]|[\\%]/, 'a plain name that every client reads');
		(my $decoded = $full // '') =~ s/%([0-9A-F]{2})/chr hex $1/ge;
		utf8::decode($decoded);
		is($decoded, $names{$sent}, 'and the true one');
	}
	my $star = post(form(part(q{name="files"; filename="x"; filename*=UTF-8''%e2%82%ac%20rates}, 'x')));
	is($star->{json}{jobs}[0]{name}, '€ rates', 'filename* goes before filename');
	is(post(form(part(q{name="files"; filename*=iso-8859-1'en'%A3}, 'x')))->{json}{jobs}[0]{name}, '£', 'in latin-1 too');
	is(post(form(part(q{name=files; filename=plain.txt}, 'x')))->{json}{jobs}[0]{name}, 'plain.txt', 'unquoted');
	is(post(form(part(q{name="file"; filename="one"}, 'x')))->{json}{jobs}[0]{name}, 'one', 'field file');
	is($web->request(PUT => '/jobs/upload/..%2F..%2Fetc%2Fpasswd', body => 'x')->{json}{jobs}[0]{name}, 'passwd', 'by path');
};

subtest 'options' => sub {
	my $answer = post(form(part('name="type"', 'inspect'), part('name="name"', 'Ein Name'), part('name="project"', '1'),
		part('name="nonce"', ''), part('name="other"', 'ignored'), file('a.csv', "a,b\n"), part('name="files"; filename=""', '')));
	is($answer->{status}, 201, 'accepted') or diag $answer->{raw};
	is($answer->{json}{jobs}[0]{job_type}, 'inspect', 'type');
	is($answer->{json}{jobs}[0]{name}, 'Ein Name', 'name');
	is(scalar @{ $answer->{json}{jobs} }, 1, 'a file field left empty is no file');
	is(post(form(file('a', 'x')), accept => 'text/html')->{headers}{location}, '/', 'a form goes back to the page');
	my $hx = post(form(file('a', 'x')), hx_request => 'true', accept => 'text/html');
	is($hx->{status}, 201, 'htmx');
	like($hx->{content}, qr/id="jobs"/, 'gets the table');
	ok($hx->{headers}{'hx-ptag'}, 'with its tag');
};

# The answer is made from what was sent; it must not differ from what was written.
subtest 'the answer is the job' => sub {
	for my $answer (post(form(part('name="priority"', '5'), part('name="run_at"', '+2h'), file('a.csv', "a,b\n1,2\n"), file("\xc3\xa4 b", 'y'))),
		$web->request(PUT => '/jobs/upload/x%20y?name=another', body => 'x')) {
		for my $job (@{ $answer->{json}{jobs} }) {
			my $read = $web->request(GET => "/jobs/$job->{uuid}", accept => 'application/json')->{json}{job};
			delete @$read{qw(history attempts)};
			is_deeply($job, $read, $job->{name});
		}
	}
};

subtest 'priority and start' => sub {
	my $form = post(form(part('name="priority"', '-7'), part('name="run_at"', '+2h'), part('name="type"', 'inspect'),
		file('a', 'x'), file('b', 'y')));
	is($form->{status}, 201, 'accepted') or diag $form->{raw};
	is_deeply([map { $_->{priority} } @{ $form->{json}{jobs} }], [-7, -7], 'priority, of every job');
	is($web->sql("SELECT COUNT(*) FROM jobs WHERE run_at BETWEEN created_at + 7199000 AND created_at + 7200000 AND ready = 0 "
		. "AND id IN ($form->{json}{jobs}[0]{id}, $form->{json}{jobs}[1]{id})"), 2, 'two hours from now');
	my $raw = $web->request(PUT => '/jobs/upload/a?priority=100&run_at=2027-06-01T05%3A00Z', body => 'x', accept => 'application/json');
	SKIP: {
		skip 'the first of June 2027 is not within the year', 2 if $raw->{status} != 201;
		is($raw->{json}{jobs}[0]{priority}, 100, 'by query');
		is($raw->{json}{jobs}[0]{run_at}, '2027-06-01T05:00:00.000Z', 'and when');
	}
	my $plus = $web->request(PUT => '/jobs/upload/a?run_at=+30m', body => 'x')->{json}{jobs}[0];
	is($web->sql("SELECT run_at > created_at + 1700000 FROM jobs WHERE id = $plus->{id}"), 1, 'a plus sign as it is');
	like($web->request(GET => "/jobs/$plus->{id}", accept => 'text/html')->{content},
		qr{starts <time datetime="\Q$plus->{run_at}\E">}, 'the page says when');
	my $past = $web->request(PUT => '/jobs/upload/a?run_at=2001-01-01T00:00Z', body => 'x')->{json}{jobs}[0];
	is($web->sql("SELECT ready FROM jobs WHERE id = $past->{id}"), 1, 'what is past is now');
	like($web->request(GET => "/jobs/$past->{id}", accept => 'text/html')->{content}, qr/waiting for its turn/, 'and waits for its turn');
	my @key = (idempotency_key => 'when');
	my $first = post(form(part('name="run_at"', '+1h'), file('a', 'x')), @key);
	is(post(form(part('name="run_at"', '+1h'), file('a', 'x')), @key)->{json}{jobs}[0]{uuid}, $first->{json}{jobs}[0]{uuid},
		'the same request again');
	is(post(form(part('name="run_at"', '+2h'), file('a', 'x')), @key)->{status}, 422, 'with another start it is another');
	is(post(form(part('name="run_at"', '+1h'), part('name="priority"', '1'), file('a', 'x')), @key)->{status}, 422,
		'with another priority too');
};

# What must leave nothing behind. [status, field, pattern of the sentence, request]
my $before = join "\n", $web->files;
my $count = jobs();
sub refused {
	my ($name, $status, $field, $sentence, $answer) = @_;
	is($answer->{status}, $status, "$name: $status") or diag $answer->{raw}, $web->{stderr};
	is($answer->{json}{field}, $field, "$name: field");
	like($answer->{json}{detail}, $sentence, "$name: $answer->{json}{detail}");
	is(join("\n", $web->files), $before, "$name: nothing is left");
	is(jobs(), $count, "$name: no job");
	unlike($web->{stderr}, qr/error/, "$name: nothing in the log") if $status < 500;
}
my $good = form(file('a.txt', 'hello'));
sub with_type { return $web->request(POST => '/jobs', body => $good, content_type => $_[0]) }

refused('no file', 422, 'files', qr/no file/, post(form(part('name="type"', 'inspect'))));
refused('an empty field', 422, 'files', qr/no file/, post(form(part('name="files"; filename=""', ''))));
refused('an empty file', 422, 'files', qr/file is empty: e\.txt/, post(form(file('e.txt', ''))));
refused('an empty file among others', 422, 'files', qr/empty/, post(form(file('a', 'x'), file('e', ''), file('b', 'y'))));
refused('an empty raw body', 422, 'files', qr/empty/, $web->request(PUT => '/jobs/upload/a', body => ''));
refused('no body at all', 400, undef, qr/boundary|cut off/, post(''));
refused('no Content-Length', 411, undef, qr/Content-Length/, post($good, content_length => undef));
refused('no Content-Type', 415, undef, qr/multipart/, $web->request(POST => '/jobs', body => $good));
refused('another Content-Type', 415, undef, qr/multipart/, with_type('application/json'));
refused('multipart/mixed', 415, undef, qr/multipart/, with_type('multipart/mixed; boundary=----B'));
refused('no boundary', 400, undef, qr/no boundary/, with_type('multipart/form-data'));
refused('an empty boundary', 400, undef, qr/no boundary/, with_type('multipart/form-data; boundary='));
refused('two boundaries', 400, undef, qr/multipart/, with_type('multipart/form-data; boundary=a; boundary=----B'));
refused('a wrong boundary', 400, undef, qr/does not begin/, with_type('multipart/form-data; boundary=----C'));
refused('a long boundary', 400, undef, qr/longer than 70/, with_type('multipart/form-data; boundary=' . 'x' x 71));
refused('an odd boundary', 400, undef, qr/not allowed/, with_type('multipart/form-data; boundary=a@b'));
refused('a preamble', 400, undef, qr/does not begin/, post("hello\r\n$good"));
refused('an epilogue', 400, undef, qr/behind the closing/, post("${good}hello"));
refused('a boundary that goes on', 400, undef, qr/followed by/, post("------BB\r\n$good"));
refused('a bare LF', 400, undef, qr/CR LF/, post($good =~ s/\r\n\r\n/\n\r\n/r));
refused('a stray CR in a header', 400, undef, qr/stray CR/, post(form(part(qq{name="files"; filename="a"}, 'x', "X: a\rb"))));
refused('a header without a name', 400, undef, qr/no name/, post(form(part(qq{name="files"; filename="a"}, 'x', 'nonsense'))));
refused('a header with a bad name', 400, undef, qr/bad character/, post(form(part(qq{name="files"; filename="a"}, 'x', 'a b: c'))));
refused('NUL in a header', 400, undef, qr/NUL/, post(form(part(qq{name="files"; filename="a"}, 'x', "X: \0"))));
refused('no Content-Disposition', 400, undef, qr/no Content-Disposition/, post("------B\r\nX: y\r\n\r\nhello\r\n------B--\r\n"));
refused('two Content-Dispositions', 400, undef, qr/two Content-D/,
	post(form(part(q{name="files"; filename="a"}, 'x', 'Content-Disposition: form-data; name="type"'))));
refused('an attachment', 400, undef, qr/malformed/, post("------B\r\nContent-Disposition: attachment; name=\"files\"\r\n\r\nx\r\n------B--\r\n"));
refused('a part without name', 400, undef, qr/no name/, post(form(part('filename="a"', 'x'))));
refused('an unclosed quote', 400, undef, qr/malformed/, post(form(part('name="files"; filename="a', 'x'))));
refused('two file names', 400, undef, qr/malformed/, post(form(part('name="files"; filename="a"; filename="b"', 'x'))));
refused('a broken filename*', 400, undef, qr/filename\*/, post(form(part(q{name="files"; filename*=UTF-8''%zz}, 'x'))));
refused('a file name that is not UTF-8', 400, undef, qr/UTF-8/, post(form(file("a\xff", 'x'))));
refused('a file name with NUL by filename*', 400, undef, qr/NUL/, post(form(part(q{name="files"; filename*=UTF-8''a%00b}, 'x'))));
refused('a raw name that is not UTF-8', 422, 'files', qr/UTF-8/, $web->request(PUT => '/jobs/upload/a%ff', body => 'x'));
refused('a name of nothing', 422, 'files', qr/no usable name/, post(form(file('/', 'x'))));
refused('a name of dots', 422, 'files', qr/no usable name/, post(form(file('..', 'x'))));
refused('a name of controls', 422, 'files', qr/no usable name/, post(form(file("\x01\x02", 'x'))));
refused('another field for files', 422, 'upload', qr/field files/, post(form(part('name="upload"; filename="a"', 'x'))));
refused('huge headers of a part', 413, undef, qr/8192/, post(form(part('name="files"; filename="a"', 'x', 'X: ' . 'x' x 9000))));
refused('headers that never end', 413, undef, qr/8192/, post("------B\r\n" . "X: y\r\n" x 5000));
refused('5,000 fields', 413, undef, qr/too many/, post(form(map { part("name=\"f$_\"", '') } 1 .. 5000)));
refused('5,000 files', 413, undef, qr/1000 parts/, post(form(map { file("f$_", 'x') } 1 .. 5000)));
refused('too many fields', 413, undef, qr/parameters/, post(form(map { part("name=\"f$_\"", '') } 1 .. 101)));
refused('a field of 64 KiB and one', 413, undef, qr/65536/, post(form(part('name="name"', 'x' x 65537), file('a', 'x'))));
refused('a body over the limit', 413, undef, qr/larger than 3\.1 MB/, post(form(file('big', 'x' x 3_200_000))));
refused('an unknown type', 422, 'type', qr/no such job type/, post(form(part('name="type"', 'nonsense'), file('a', 'x'))));
refused('a type that is not there', 422, 'type', qr/not available/, post(form(part('name="type"', 'away'), file('a', 'x'))));
refused('a type that does not take it', 422, 'type', qr/does not take/, post(form(part('name="type"', 'csv-profile'), file('a.png', "\x89PNG\r\n\x1a\n"))));
refused('the second file is not taken', 422, 'type', qr/does not take/,
	post(form(part('name="type"', 'csv-profile'), file('a.csv', "a,b\n1,2\n"), file('a.png', "\x89PNG\r\n\x1a\n"))));
refused('another project', 422, 'project', qr/no project "2"/, post(form(part('name="project"', '2'), file('a', 'x'))));
refused('a project that nobody knows', 422, 'project', qr/no project "x"/, post(form(part('name="project"', 'x'), file('a', 'x'))));
refused('a name that is not UTF-8', 422, 'name', qr/UTF-8/, post(form(part('name="name"', "\xc0\x80"), file('a', 'x'))));
refused('a name with a line break', 422, 'name', qr/control/, post(form(part('name="name"', "a\nb"), file('a', 'x'))));
refused('a name of 256 bytes', 422, 'name', qr/255/, post(form(part('name="name"', 'x' x 256), file('a', 'x'))));
refused('type in query and form', 422, 'type', qr/more than once/,
	$web->request(POST => '/jobs?type=inspect', content_type => $type, body => form(part('name="type"', 'inspect'), file('a', 'x'))));
refused('a priority beyond', 422, 'priority', qr/-100 to 100/, post(form(part('name="priority"', '101'), file('a', 'x'))));
refused('a priority of words', 422, 'priority', qr/number/, post(form(part('name="priority"', 'high'), file('a', 'x'))));
refused('a start of words', 422, 'run_at', qr/time in UTC/, post(form(part('name="run_at"', 'tomorrow'), file('a', 'x'))));
refused('a start without zone', 422, 'run_at', qr/time in UTC/, post(form(part('name="run_at"', '2026-12-01T00:00'), file('a', 'x'))));
refused('a start too far', 422, 'run_at', qr/366 days/, post(form(part('name="run_at"', '+367d'), file('a', 'x'))));
refused('two starts', 422, 'run_at', qr/more than once/,
	$web->request(POST => '/jobs?run_at=%2B1m', content_type => $type, body => form(part('name="run_at"', '+1m'), file('a', 'x'))));
refused('from another site', 403, undef, qr/other sites/, post($good, sec_fetch_site => 'cross-site'));

subtest 'cut off at any point' => sub {
	my $body = form(part('name="type"', 'inspect'), file('a.txt', "hello\r\n"));
	my %seen;
	for my $length (0 .. length($body) - 3) {
		my $answer = post(substr $body, 0, $length);
		$seen{ $answer->{status} }++;
		diag "$length: $answer->{raw}" if $answer->{status} != 400;
	}
	is_deeply([keys %seen], [400], 'always 400');
	is(join("\n", $web->files), $before, 'nothing is left');
	is(post(substr($body, 0, 50), content_length => length $body)->{status}, 400, 'shorter than announced');
	is(join("\n", $web->files), $before, 'nothing is left');
};

subtest 'the spooled file' => sub {
	my $spool = $web->dir . '/spool';
	my $put = sub {
		my ($file, $length) = @_;
		return $web->request(PUT => '/jobs/upload/a', param => { REQUEST_BODY_FILE => $file, CONTENT_LENGTH => $length });
	};
	open my $out, '>', "$spool/body" or die $!;
	print $out 'hello';
	close $out;
	link "$spool/body", "$spool/second" or die $!;
	symlink "$spool/body", "$spool/symbolic" or die $!;
	mkdir "$spool/directory";
	is($put->("$spool/second", 5)->{status}, 500, 'a second name of a file');
	is($put->("$spool/symbolic", 5)->{status}, 500, 'a symbolic link');
	is($put->("$spool/directory", 5)->{status}, 500, 'a directory');
	is($put->("$spool/missing", 5)->{status}, 500, 'nothing');
	is($put->($web->dir . '/dropmill.db', 5)->{status}, 500, 'a file outside the spool');
	is($put->("$spool/../dropmill.db", 5)->{status}, 500, 'by a detour');
	unlike($put->("$spool/missing", 5)->{content}, qr/spool|missing/, 'no path in the answer');
	unlink "$spool/second", "$spool/symbolic";
	open $out, '>', "$spool/body" or die $!;
	print $out 'hello';
	close $out;
	is($put->("$spool/body", 6)->{status}, 400, 'shorter than announced');
	ok(-e "$spool/body", 'what nginx spooled is left to nginx');
	unlink "$spool/body";
	rmdir "$spool/directory";
	is(join("\n", $web->files), $before, 'nothing is left');
};

subtest 'no type is published' => sub {
	local $web = Dropmill::Cgi->new(bare => 1);
	my $answer = post($good);
	is($answer->{status}, 503, 'busy');
	like($answer->{json}{detail}, qr/no job type/, $answer->{json}{detail});
	is($answer->{headers}{'retry-after'}, 2, 'try again');
	is_deeply([$web->files], [], 'nothing is left');
};
done_testing;
