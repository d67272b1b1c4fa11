#!/usr/bin/perl
# One job's life from outside, through nginx and a real sandbox: three files at once and what they become,
# a large CSV against figures computed here, cancel and retry with two clients at the same moment, idle
# polls, delete.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha256_hex);
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);
use Dropmill::Load qw(store_files spool_files wait_settled);
use Dropmill::Process qw(alive descendants wait_until);
use Dropmill::Stack;

my $stack = Dropmill::Stack->start;

sub job { my ($uuid) = @_; return $stack->json("/jobs/$uuid")->{job} }

sub wait_for {
	my ($uuid, $status, $seconds) = @_;
	wait_until($seconds // 30, sub { job($uuid)->{status} eq $status });
	my $job = job($uuid);
	is($job->{status}, $status, "$job->{name} is $status") or diag explain($job), $stack->log;
	return $job;
}

sub output {
	my ($job, $name) = @_;
	my ($file) = grep { $_->{filename} eq $name } @{ $job->{outputs} };
	return undef if !$file;
	my $answer = $stack->get($file->{download_url});
	is(length $answer->{content}, $file->{size}, "$name has the size that is shown");
	is(sha256_hex($answer->{content}), $file->{sha256}, "$name has the digest that is shown");
	return $answer;
}

# The smallest PNG there is: one grey pixel.
my $png = pack 'H*', '89504e470d0a1a0a0000000d4948445200000001000000010800000000'
	. '3a7e9b550000000a49444154789c6360000000020001' . '48afa471' . '0000000049454e44ae426082';

subtest 'three files at once' => sub {
	my %file = ('a.csv' => "n,name\n1,x\n2,\n", 'b.png' => $png, 'c.txt' => "plain words\n");
	my @jobs = $stack->upload(%file);
	is_deeply([ map { $_->{job_type} } @jobs ], [qw(csv-profile inspect inspect)], 'each got its type');
	for my $made (@jobs) {
		my $job = wait_for($made->{uuid}, 'completed');
		is($job->{progress}, 100, 'progress is full');
		ok($job->{result}, "result: $job->{result}");
		my $page = $stack->get("/jobs/$made->{uuid}", Accept => 'text/html')->{content};
		like($page, qr{<dt>Processor time</dt><dd>\d+ \w+}, 'the page shows what it used: time');
		like($page, qr{<dt>Memory at most</dt><dd>[\d.]+ [kMG]?B<}, 'and memory');
		my $input = $stack->get($job->{inputs}[0]{download_url});
		is($input->{content}, $file{ $job->{name} }, 'the input downloads as it was sent');
		like($input->{headers}{'content-disposition'}, qr/^attachment/, 'as an attachment');
		next if $job->{job_type} ne 'inspect';
		my $report = decode_json(output($job, 'inspect.json')->{content});
		is($report->{sha256}, sha256_hex($file{ $job->{name} }), 'the SHA-256 is right');
	}
	is(scalar spool_files($stack), 0, 'the spool is empty');
};

# 100,000 rows with quoted newlines, doubled quotes, empty cells and mixed types, and their figures.
sub large_csv {
	my ($text, @cells) = ("id,price,label,mixed,when\r\n");
	for my $i (1 .. 100_000) {
		my @row = ($i * 7 % 99_991, ($i % 10 ? sprintf('%.2f', ($i * 37 % 10_007) / 8) : ''),
			($i % 5 ? "label " . $i % 1000 : "two\nlines, \"quoted\" " . $i % 300),
			($i % 3 ? $i % 50 : 'n/a'), sprintf('20%02d-%02d-%02d', $i % 30, 1 + $i % 12, 1 + $i % 28));
		push @{ $cells[$_] }, $row[$_] for 0 .. 4;
		$text .= join(',', map { my $c = $_; $c =~ s/"/""/g; $c =~ /[",\n]/ ? "\"$c\"" : $c } @row) . "\r\n";
	}
	return ($text, \@cells);
}

subtest 'the profile of a large CSV' => sub {
	my ($text, $cells) = large_csv();
	my ($made) = $stack->upload('large.csv' => $text);
	my $job = wait_for($made->{uuid}, 'completed', 60);
	my $profile = decode_json(output($job, 'profile.json')->{content});
	is($profile->{rows}, 100_000, 'rows');
	is_deeply([ map { $_->{type} } @{ $profile->{columns} } ], [qw(integer number text text date)], 'types');
	for my $c (0 .. 4) {
		my ($column, %seen) = ($profile->{columns}[$c]);
		my @values = grep { $_ ne '' } @{ $cells->[$c] };
		$seen{$_} = 1 for @values;
		my @sorted = $c < 2 ? sort { $a <=> $b } keys %seen : sort keys %seen;
		is($column->{nulls}, 100_000 - @values, "$column->{name}: nulls");
		is($column->{distinct}, scalar keys %seen, "$column->{name}: distinct");
		if ($c < 2) {
			cmp_ok($column->{min}, '==', $sorted[0], "$column->{name}: min");
			cmp_ok($column->{max}, '==', $sorted[-1], "$column->{name}: max");
		} else {
			is($column->{min}, $sorted[0], "$column->{name}: min");
			is($column->{max}, $sorted[-1], "$column->{name}: max");
		}
	}
	like(output($job, 'profile.html')->{headers}{'content-security-policy'}, qr/sandbox/,
		'the report is served in a sandbox');
};

# A type that takes no hint, with children that left its session.
open my $script, '>', $stack->state . '/scripts/stubborn' or die;
print $script "#!/bin/bash\ntrap '' TERM INT HUP\n(setsid sleep 600 &)\nsetsid --fork sleep 601\n"
	. "echo '10% holding on'\nwhile :; do sleep 0.1; done\n";
close $script;
chmod 0755, $stack->state . '/scripts/stubborn';
open my $conf, '>', $stack->state . '/jobs.d/stubborn.conf' or die;
print $conf "[job stubborn]\ntitle = Stubborn\naccept = *\ncommand = stubborn {input}\n";
close $conf;
kill HUP => $stack->part('processor');

sub processes {
	return grep { my $line = Dropmill::Stack::_command((split /@/)[0]); $line =~ /sleep 60[01]|stubborn/ }
		descendants($stack->part('processor'));
}

subtest 'cancel stops everything, retry runs it again' => sub {
	my $answer;
	wait_until(10, sub {
		$answer = $stack->form('/jobs', [ [ type => 'stubborn' ], [ 'files', 'x', 'x.bin' ] ], Accept => 'application/json');
		$answer->{status} == 201;
	});
	is($answer->{status}, 201, 'a type dropped into jobs.d can be used after SIGHUP') or diag $answer->{content};
	my $uuid = decode_json($answer->{content})->{jobs}[0]{uuid};
	ok(wait_until(20, sub { (job($uuid)->{current_step} // '') eq 'holding on' }), 'it runs') or diag explain job($uuid);
	my @running = processes();
	cmp_ok(scalar @running, '>=', 3, 'with its children');

	# Two clients at the same moment.
	my @answers = map { simultaneous($uuid, 'cancel') } 1;
	is_deeply([ sort @{ $answers[0] } ], [ 200, 409 ], 'of two cancels one happens');
	my $begin = time;
	ok(wait_until(3, sub { !grep { alive($_) } @running }), 'every process is gone within 3 s');
	diag sprintf 'gone after %.2f s', time - $begin;
	is(job($uuid)->{status}, 'cancelled', 'it is cancelled');

	is_deeply([ sort @{ simultaneous($uuid, 'retry') } ], [ 200, 409 ], 'of two retries one happens');
	ok(wait_until(20, sub { (job($uuid)->{current_step} // '') eq 'holding on' }), 'it runs again');
	is(job($uuid)->{retry_count}, 1, 'and the retry is counted');
	is($stack->request('DELETE', "/jobs/$uuid", headers => { Accept => 'application/json' })->{status}, 204,
		'a running job can be deleted');
	ok(wait_until(3, sub { !processes() }), 'and its processes are gone within 3 s');
	is($stack->get("/jobs/$uuid", Accept => 'application/json')->{status}, 404, 'it is not there any more');
};

# Status codes of the same POST from two processes that start together.
sub simultaneous {
	my ($uuid, $action) = @_;
	my $at = time + 0.5;
	my @pipes = map {
		my $pid = open(my $out, '-|') // die;
		if (!$pid) {
			my $left = $at - time; # none on a busy machine
			sleep $left if $left > 0;
			print $stack->request('POST', "/jobs/$uuid/$action", headers => { Accept => 'application/json' })->{status};
			close STDOUT;
			require POSIX;
			POSIX::_exit(0);
		}
		$out;
	} 1 .. 2;
	return [ map { scalar readline $_ } @pipes ];
}

subtest 'demo reports progress and can be cancelled' => sub {
	my $answer = $stack->form('/jobs', [ [ type => 'demo' ], [ 'files', 'x', 'x.bin' ] ], Accept => 'application/json');
	my $uuid = decode_json($answer->{content})->{jobs}[0]{uuid};
	ok(wait_until(20, sub { my $j = job($uuid); $j->{progress} > 0 && $j->{progress} < 100 && $j->{current_step} }),
		'progress and step are seen');
	is($stack->request('POST', "/jobs/$uuid/cancel", headers => { Accept => 'application/json' })->{status}, 200, 'cancel');
	is(job($uuid)->{status}, 'cancelled', 'cancelled at once');
};

subtest 'idle polls are 304' => sub {
	ok(wait_settled($stack, 30), 'nothing runs');
	my $first = $stack->get('/jobs/table', 'HX-Request' => 'true');
	my $tag = $first->{headers}{'hx-ptag'};
	ok($tag, 'the fragment is tagged');
	for (1 .. 20) {
		my $again = $stack->get('/jobs/table', 'HX-Request' => 'true', 'HX-PTag' => $tag);
		is($again->{status}, 304, 'unchanged');
		is($again->{content} // '', '', 'and nothing is sent');
	}
	my ($made) = $stack->upload('new.txt' => 'new');
	my $changed = $stack->get('/jobs/table', 'HX-Request' => 'true', 'HX-PTag' => $tag);
	is($changed->{status}, 200, 'a change is sent');
	like($changed->{content}, qr/new\.txt/, 'with the new job');
	wait_for($made->{uuid}, 'completed');
};

subtest 'delete takes the files along' => sub {
	wait_settled($stack, 30);
	my $page = $stack->json('/jobs/table?limit=100');
	for my $job (@{ $page->{jobs} }) {
		is($stack->request('DELETE', "/jobs/$job->{uuid}", headers => { Accept => 'application/json' })->{status}, 204,
			"$job->{name} deleted");
	}
	is(scalar store_files($stack), 0, 'the store is empty');
	my ($status, $text) = $stack->cli('check');
	is($status, 0, 'database and store agree') or diag $text;
};

is_deeply([ $stack->stop ], [], 'no process is left');
done_testing;
