#!/usr/bin/perl
# Uploads with parameters: by form and by address, several files in one job, what is refused without a
# trace, and where a secret is afterwards.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Cgi;
use JSON::PP ();
use Test::More;

my $web = Dropmill::Cgi->new;
my $bullets = "\x{2022}" x 3;

sub param {
	my ($name, $kind, %more) = @_;
	return { name => $name, kind => $kind, label => ucfirst $name, help => '', required => JSON::PP::false,
		choices => [], map { ($_ => undef) } qw(default pattern min max flag), %more } if !%more;
	return { %{ param($name, $kind) }, %more };
}

sub publish {
	my ($name, %more) = @_;
	my %definition = (
		name => $name, title => $name, description => '', file => "$name.conf", accept => ['*'],
		command => ['/bin/true'], requires => [], read => [], network => JSON::PP::false,
		progress => 'percent', retry_on => [], timeout_ms => 60000, memory_bytes => 1 << 26,
		output_max_bytes => 1 << 20, keep_ms => 0, concurrency => 0, attempts => 1, inputs => 'one', %more,
	);
	my $json = JSON::PP->new->canonical->encode(\%definition) =~ s/'/''/gr;
	$web->sql("INSERT INTO job_types VALUES ('$name', 1, 1, 1, '$json', 0);");
	return;
}
publish('par', params => [
	param('size', 'choice', choices => ['200', '400'], default => '400', label => 'Largest side'),
	param('count', 'integer', required => JSON::PP::true, min => '1', max => '9'),
	param('gray', 'boolean', default => 'no'), param('note', 'text', pattern => '[a-z ]+'),
	param('style', 'file'), param('pw', 'secret'),
]);
publish('merge', inputs => 'many', params => [param('title', 'text')]);

sub part {
	my ($name, $content, $filename) = @_;
	my $more = defined $filename ? qq{; filename="$filename"} : '';
	return qq{--B\r\nContent-Disposition: form-data; name="$name"$more\r\n\r\n$content\r\n};
}
sub post {
	my ($parts, %header) = @_;
	return $web->request(POST => '/jobs', content_type => 'multipart/form-data; boundary=B',
		body => join('', @$parts) . "--B--\r\n", %header);
}
my @type = (part('type', 'par'));
my @file = (part('files', "text\n", 'a.txt'));
sub traces { return join ' ', $web->sql('SELECT COUNT(*) FROM jobs'), $web->files }

subtest 'a form' => sub {
	my $answer = post([@type, part('params.count', '007'), part('params.gray', 'no'), part('params.gray', 'yes'),
		part('params.note', ''), part('params.style', '', ''), @file]);
	is($answer->{status}, 201, 'accepted') or diag $answer->{raw}, $web->{stderr};
	is_deeply($answer->{json}{jobs}[0]{params}, { size => '400', count => '7', gray => 'yes' },
		'values in their form, defaults, nothing for what was empty');
};

subtest 'an address' => sub {
	my $answer = $web->request(PUT => '/jobs/upload/a.txt?type=par&params.count=3&params.note=a%20b+c', body => 'x');
	is($answer->{status}, 201, 'accepted') or diag $answer->{raw};
	is_deeply($answer->{json}{jobs}[0]{params}, { size => '400', count => '3', gray => 'no', note => 'a b c' }, 'the same');
};

subtest 'refused, and nothing is left' => sub {
	my $before = traces();
	for my $case (
		['params.count', 'Count is required'], ['params.count', 'Count must be a whole number from 1 to 9', 'params.count' => '10'],
		['params.size', 'Largest side must be one of: 200, 400', 'params.count' => 1, 'params.size' => '300'],
		['params.gray', 'Gray must be yes or no', 'params.count' => 1, 'params.gray' => 'maybe'],
		['params.note', 'Note does not have the form that is asked for', 'params.count' => 1, 'params.note' => '-rf /'],
		['params.note', 'Note must be text in UTF-8 without NUL', 'params.count' => 1, 'params.note' => "a\0b"],
		['params.colour', 'there is no parameter "colour" here', 'params.count' => 1, 'params.colour' => 'red'],
		['params.style', 'Style must be a file', 'params.count' => 1, 'params.style' => '/etc/passwd'],
		['params.count', 'Count was given more than once', 'params.count' => 1, 'params.count' => 2],
		['params', 'there is no such parameter', 'params.count' => 1, 'params.' => 2],
	) {
		my ($field, $sentence, @fields) = @$case;
		my @parts;
		push @parts, part(splice @fields, 0, 2) while @fields;
		my $answer = post([@type, @parts, @file]);
		is($answer->{status}, 422, "422: $sentence") or diag $answer->{raw};
		is($answer->{json}{field}, $field, 'names the field');
		is($answer->{json}{detail}, $sentence, 'and says why');
	}
	for my $case (['params.gray', 'Gray must not be a file', part('params.gray', 'yes', 'three')],
		['params.style', 'the file is empty: s.css', part('params.style', '', 's.css')],
		['params.title', 'there is no parameter "title" here', part('params.title', 'x')],
		['params', 'too many parameters', map { part("params.p$_", 1) } 1 .. 129])
	{
		my ($field, $sentence, @parts) = @$case;
		my $answer = post([@type, part('params.count', 1), @parts, @file]);
		is_deeply([@{ $answer->{json} }{qw(status field detail)}], [422, $field, $sentence], $sentence);
	}
	my $answer = post([part('params.count', 1), @file]);
	is_deeply([@{ $answer->{json} }{qw(status field)}], [422, 'params.count'], 'a type that nobody named takes none');
	$answer = post([part('params.note', 'x'), part('type', 'merge'), @file, part('files', 'y', 'b')]);
	is($answer->{status}, 422, 'of two files too');
	is(traces(), $before, 'no job and no file is left');
};

subtest 'a file' => sub {
	my $answer = post([@type, part('params.count', 1), part('params.style', "p {}\n", 'dir\\house.css'), @file,
		part('files', "more\n", 'b.txt')]);
	is($answer->{status}, 201, 'accepted') or diag $answer->{raw};
	for my $job (@{ $answer->{json}{jobs} }) {
		is($job->{params}{style}, 'house.css', 'its name is the value');
		is_deeply([map { "$_->{filename} $_->{size}" } @{ $job->{inputs} }],
			["$job->{name} 5", 'house.css 5'], 'an input of each job');
		is($web->sql("SELECT group_concat(COALESCE(param, '-')) FROM files WHERE job_id = $job->{id}"), '-,style', 'marked');
	}
};

subtest 'many in one' => sub {
	my $answer = post([part('type', 'merge'), part('params.title', 'T'), map { part('files', $_, "$_.txt") } qw(a b c)]);
	is($answer->{status}, 201, 'accepted') or diag $answer->{raw};
	is(scalar @{ $answer->{json}{jobs} }, 1, 'one job');
	my $job = $answer->{json}{jobs}[0];
	is_deeply([map { $_->{filename} } @{ $job->{inputs} }], ['a.txt', 'b.txt', 'c.txt'], 'of all the files, in order');
	is($job->{name}, 'a.txt and 2 more', 'named after the first');
	is($job->{size}, 3, 'as large as all of them');
	is(scalar @{ post([part('type', 'merge'), part('files', 'x', 'x')])->{json}{jobs} }, 1, 'one file is enough');
};

subtest 'the same request once' => sub {
	my @send = (@type, part('params.count', 2), part('params.pw', 'hunter2'), @file);
	my $first = post(\@send, idempotency_key => 'k1');
	is($first->{status}, 201, 'accepted') or diag $first->{raw}, $web->{stderr};
	is(post(\@send, idempotency_key => 'k1')->{headers}{'idempotent-replayed'}, 'true', 'a repetition is answered again');
	for my $other (part('params.count', 3), part('params.gray', 'yes'), part('params.pw', 'hunter3')) {
		my ($name) = $other =~ /(params\.\w+)/;
		my $answer = post([(grep { !/"\Q$name\E"/ } @send), $other], idempotency_key => 'k1');
		is_deeply([@{ $answer->{json} }{qw(status field)}], [422, 'Idempotency-Key'], "another $name is another request");
	}
};

subtest 'a secret' => sub {
	my $secret = 'correct-horse-battery';
	my $answer = post([@type, part('params.count', 1), part('params.pw', $secret), @file], idempotency_key => 's1');
	is($answer->{status}, 201, 'accepted') or diag $answer->{raw};
	my $job = $answer->{json}{jobs}[0];
	is($job->{params}{pw}, $bullets, 'is not shown');
	unlike($web->request(GET => "/jobs/$job->{uuid}", accept => $_)->{content}, qr/$secret/, "nor in $_")
		for 'text/html', 'application/json';
	is($web->sql("SELECT COUNT(*) FROM job_secrets WHERE job_id = $job->{id}"), 1, 'it is kept');
	my $found = qx(grep -rlF $secret @{[ $web->dir ]} 2>/dev/null);
	is($found, '', 'but nowhere in plain');
	my @stat = stat $web->dir . '/secret.key';
	is(sprintf('%o', $stat[2] & 07777), '640', 'the key is for owner and group');
	is($stat[7], 32, 'and of 32 bytes');
	is($web->request(POST => "/jobs/$job->{uuid}/cancel", sec_fetch_site => 'same-origin')->{status}, 200, 'cancel');
	is($web->request(DELETE => "/jobs/$job->{uuid}", sec_fetch_site => 'same-origin')->{status}, 204, 'delete');
	is($web->sql("SELECT COUNT(*) FROM job_secrets WHERE job_id = $job->{id}"), 0, 'and it is gone');
	my $before = traces();
	$answer = $web->request(PUT => "/jobs/upload/a.txt?type=par&params.count=1&params.pw=$secret", body => 'x');
	is_deeply([@{ $answer->{json} }{qw(status field)}], [422, 'params.pw'], 'an address is no place for one');
	is(traces(), $before, 'nothing is left of that');
	chmod 0644, $web->dir . '/secret.key';
	$answer = post([@type, part('params.count', 1), part('params.pw', $secret), @file]);
	is($answer->{status}, 500, 'a key that anybody can read is not used');
	like($web->{stderr}, qr/secret\.key" is not 32 bytes that only its owner and group may read/, 'and why is logged');
	is(traces(), $before, 'nothing is left of that either');
};

subtest 'the form' => sub {
	my @page = (accept => 'text/html');
	my $html = $web->request(GET => '/?new=par', @page)->{content};
	like($html, qr/<option value="par"[^>]* selected>/, 'the type is chosen');
	like($html, qr/<input type="hidden" name="type" value="par">/, 'and goes with the files');
	like($html, qr/<input type="number" id="param-count" name="params.count"[^>]* required min="1" max="9"/, 'a number');
	like($html, qr/<option value="400" selected>400</, 'the default of a choice');
	like($html, qr/<input type="text" id="param-note"[^>]* maxlength="1000" pattern="\[a-z \]\+"/, 'a text');
	like($html, qr/<input type="hidden" name="params.gray" value="no">\s*<label><input type="checkbox"[^>]* value="yes">/,
		'a boolean');
	like($html, qr/<input type="password" id="param-pw"[^>]* autocomplete="new-password"/, 'a secret');
	like($html, qr/<input type="file" id="param-style"/, 'a file');
	unlike($web->request(GET => '/', @page)->{content}, qr/name="params\./, 'none without a type');
	$html = $web->request(GET => '/jobs/form?new=par', hx_request => 'true')->{content};
	like($html, qr/^<div id="options" data-type="par"/, 'the same as a fragment');
	unlike($html, qr/<html/, 'and no more');
	is($web->request(GET => "$_?new=nope", @page)->{status}, 404, "$_ of no type") for '/', '/jobs/form';
	is($web->request(GET => '/?new=away', @page)->{status}, 404, 'nor of one that is not available');
	$html = $web->request(GET => '/?new=par&params.note=%22%3E%3Cscript%3E&params.pw=hunter2&params.count=5', @page)->{content};
	like($html, qr/name="params.note"[^>]* value="&quot;&gt;&lt;script&gt;"/, 'an address fills in, safely');
	unlike($html, qr/hunter2/, 'but no secret');

	my $before = traces();
	my @browser = (@page, sec_fetch_site => 'same-origin');
	my $answer = post([@type, part('params.count', 77), part('params.gray', 'no'), part('params.gray', 'yes'),
		part('params.size', '200'), part('params.pw', 'hunter2'), @file], @browser);
	is($answer->{status}, 422, 'a form that is wrong');
	$html = $answer->{content};
	like($html, qr/id="param-count"[^>]* aria-invalid="true" autofocus value="77"/, 'comes back with the field marked');
	like($html, qr/id="param-count-error">Count must be a whole number from 1 to 9</, 'the sentence beside it');
	like($html, qr/<option value="200" selected>/, 'the rest as it was');
	like($html, qr/id="param-gray"[^>]* checked>/, 'a checkbox too');
	unlike($html, qr/hunter2/, 'but no secret');
	is(() = $html =~ /class="wrong"[^>]*>[^<]/g, 1, 'and nothing else is wrong');
	is(traces(), $before, 'nothing is left of it');
	$answer = post([part('type', 'par'), part('params.count', 1), part('files', '', '')], @browser);
	like($answer->{content}, qr/<p class="wrong" role="alert">no file was sent</, 'what is about no field stands above them');
	like($answer->{content}, qr/id="param-count"[^>]* value="1"/, 'with the form as it was');
};

done_testing;
