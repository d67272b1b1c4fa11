#!/usr/bin/perl
# Files through nginx: parts of them, their tags, what surrounds them; and all results of a job in one
# archive, which is made once however many ask for it.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Encode ();
use File::Find qw(find);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Test::More;
use Dropmill::Process qw(wait_until);
use Dropmill::Stack;

my $dir = tempdir('dm-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
make_path("$dir/state/jobs.d", "$dir/state/scripts", { mode => 0755 });

sub put {
	my ($path, $text, $mode) = @_;
	open my $out, '>:utf8', $path or die "$path: $!";
	print $out $text;
	close $out or die $!;
	chmod $mode // 0644, $path;
	return;
}

put("$dir/state/scripts/parts", <<'END', 0755);
#!/bin/sh
mkdir -p "$2/plots/deep" && cd "$2" || exit 1
seq 20000 >rows.csv
head -c 300000 /dev/urandom >noise.bin
echo '<script>alert(1)</script>' >plots/evil.html
printf 'x' >"plots/deep/März – ü.txt"
: >empty
END
put("$dir/state/jobs.d/parts.conf", "[job parts]\ntitle = Parts\naccept = *\ncommand = parts {input} {output}\n");
my $stack = Dropmill::Stack->start(state => "$dir/state", config => { upload_max => '1M', archive_keep => '1d' });

sub header { my ($answer, $name) = @_; my $value = $answer->{headers}{$name}; return ref $value ? 'twice' : $value // 'none' }

sub stored {
	my ($skip_logs) = @_;
	my @files;
	find({ no_chdir => 1, wanted => sub { push @files, $_ if -f && !($skip_logs && m{/log/}) } }, $stack->state . '/store');
	return @files;
}

sub completed {
	my ($name) = @_;
	utf8::encode($name);
	my $answer = $stack->form('/jobs', [[type => 'parts'], ['files', 'x', $name]], Accept => 'application/json');
	my $job = decode_json($answer->{content})->{jobs}[0];
	wait_until(30, sub { ($stack->json("/jobs/$job->{uuid}")->{job}{status} // '') eq 'completed' })
		or BAIL_OUT('no job completes: ' . $stack->log);
	return $stack->json("/jobs/$job->{uuid}")->{job};
}

my $job = completed('orders März.csv');
my %output = map { $_->{filename} => $_ } @{ $job->{outputs} };
is($job->{output_count}, 5, 'five results');

subtest 'one file' => sub {
	my $url = $output{'rows.csv'}{download_url};
	my $whole = $stack->get($url);
	is($whole->{status}, 200, 'whole');
	is(length $whole->{content}, $output{'rows.csv'}{size}, 'all of it');
	my $tag = header($whole, 'etag');
	is($tag, qq("$output{'rows.csv'}{sha256}"), 'the tag is its digest');
	is(header($whole, 'last-modified'), 'none', 'and the only one');
	is(header($whole, 'accept-ranges'), 'bytes', 'parts can be asked for');
	is(header($whole, 'cache-control'), 'private, no-cache', 'for this client, who asks each time');
	is($stack->get($url, 'If-None-Match' => $tag)->{status}, 304, 'unchanged');
	is($stack->get($url, 'If-None-Match' => '"other"')->{status}, 200, 'another one');
	my $part = $stack->get($url, Range => 'bytes=10-19');
	is("$part->{status} $part->{content}", '206 ' . substr($whole->{content}, 10, 10), 'a part');
	is(header($part, 'content-range'), "bytes 10-19/$output{'rows.csv'}{size}", 'of how much');
	is($stack->get($url, Range => 'bytes=-4')->{content}, substr($whole->{content}, -4), 'the end');
	is($stack->get($url, Range => 'bytes=0-3', 'If-Range' => $tag)->{status}, 206, 'of the file it has');
	is($stack->get($url, Range => 'bytes=0-3', 'If-Range' => '"other"')->{status}, 200, 'or else the whole');
	is($stack->get($url, Range => 'bytes=999999999-')->{status}, 416, 'behind the end');
	my $head = $stack->request('HEAD', $url);
	is("$head->{status} " . header($head, 'content-length'), "200 $output{'rows.csv'}{size}", 'HEAD');
	is(header($head, 'etag'), $tag, 'HEAD: tag');
	is($head->{content} // '', '', 'HEAD: no body');
};

subtest 'what could run in a browser does not' => sub {
	for my $answer ($stack->get($output{'plots/evil.html'}{download_url}),
		$stack->get($output{'plots/evil.html'}{download_url}, Range => 'bytes=0-3'),
		$stack->request('HEAD', $output{'plots/evil.html'}{download_url})) {
		is(header($answer, 'content-security-policy'), "sandbox; default-src 'none'", 'sandboxed');
		is(header($answer, 'x-content-type-options'), 'nosniff', 'nosniff');
		is(header($answer, 'cross-origin-resource-policy'), 'same-origin', 'resource policy');
		is(header($answer, 'content-disposition'), q(attachment; filename="evil.html"; filename*=UTF-8''evil.html), 'attachment');
	}
	my $name = header($stack->get($output{'plots/deep/März – ü.txt'}{download_url}), 'content-disposition');
	is($name, q(attachment; filename="M_rz _ _.txt"; filename*=UTF-8''M%C3%A4rz%20%E2%80%93%20%C3%BC.txt), 'a name beyond ASCII');
};

my $zip = "/jobs/$job->{uuid}/files.zip";

subtest 'all in one file' => sub {
	my $first = $stack->get($zip, Accept => 'application/json');
	is($first->{status}, 202, 'not there yet');
	is(decode_json($first->{content})->{status}, 'preparing', 'being prepared');
	is(header($first, 'retry-after'), 1, 'ask again in a second');
	my $answer;
	ok(wait_until(20, sub { ($answer = $stack->get($zip))->{status} == 200 }), 'then it is') or diag $stack->log;
	is(header($answer, 'content-type'), 'application/zip', 'a zip file');
	is(header($answer, 'content-disposition'), q(attachment; filename="orders M_rz.zip"; filename*=UTF-8''orders%20M%C3%A4rz.zip), 'named as the job');
	is(header($answer, 'content-security-policy'), "sandbox; default-src 'none'", 'in the same box as other files');
	open my $out, '>:raw', "$dir/all.zip" or die $!;
	print $out $answer->{content};
	close $out;
	my $text = qx(unzip -t $dir/all.zip 2>&1);
	is($?, 0, 'unzip finds no fault') or diag $text;
	is(system("mkdir $dir/all && cd $dir/all && LC_ALL=C.UTF-8 unzip -q ../all.zip"), 0, 'and unpacks it');
	for my $name (sort keys %output) {
		my $bytes = Encode::encode_utf8($name);
		my $from = $stack->get($output{$name}{download_url})->{content};
		open my $in, '<:raw', "$dir/all/$bytes" or do { fail("$name is there"); next };
		my $unpacked = do { local $/ = undef; <$in> } // '';
		ok($unpacked eq $from, "$bytes is the same");
	}
	cmp_ok(length $answer->{content}, '<', 300000 + 80000, 'text is packed');
	is($stack->get($zip, 'If-None-Match' => header($answer, 'etag'))->{status}, 304, 'it has a tag');
	my $part = $stack->get($zip, Range => 'bytes=0-1');
	is("$part->{status} $part->{content}", '206 PK', 'and parts');
	my ($status, $said) = $stack->cli('check');
	is($status, 0, 'database and store agree') or diag $said;
};

subtest 'many ask at once' => sub {
	my $other = completed('b.txt');
	my $before = stored(1);
	my @pids = map {
		my $pid = fork // die;
		if (!$pid) {
			my $ok = wait_until(20, sub { $stack->get("/jobs/$other->{uuid}/files.zip")->{status} == 200 });
			require POSIX;
			POSIX::_exit($ok ? 0 : 1);
		}
		$pid;
	} 1 .. 5;
	my $bad = grep { waitpid $_, 0; $? } @pids;
	is($bad, 0, 'all get it');
	is(scalar(my @now = stored(1)), $before + 1, 'one was made');
	is($stack->request('DELETE', "/jobs/$other->{uuid}", headers => { Accept => 'application/json' })->{status}, 204, 'deleted');
	is(scalar(@now = stored(1)), $before - 6, 'with everything');
	is($stack->get("/jobs/$other->{uuid}/files.zip")->{status}, 404, 'and is gone');
};

subtest 'with a browser' => sub {
	my $other = completed('c');
	my $page = $stack->get("/jobs/$other->{uuid}", Accept => 'text/html');
	like($page->{content}, qr{href="/jobs/$other->{uuid}/files\.zip"}, 'the page of the job offers it');
	like($stack->get('/', Accept => 'text/html')->{content}, qr{href="/jobs/$other->{uuid}/files\.zip"}, 'the list too');
	my $wait = $stack->get("/jobs/$other->{uuid}/files.zip", Accept => 'text/html');
	is($wait->{status}, 202, 'a page to wait on');
	is(header($wait, 'refresh'), 1, 'that looks again by itself');
	like($wait->{content}, qr/Packing 5 results/, 'and says what happens');
};

is_deeply([$stack->stop], [], 'no process is left');
done_testing;
