#!/usr/bin/perl
# Many small uploads at once: each 201 is exactly one job and one file with the same digest; none is lost,
# none doubled, and pages are answered meanwhile. DROPMILL_SOAK=1 takes the full number.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(time sleep);
use Dropmill::Load qw(body clients_start clients_wait jobs_all wait_settled store_files spool_files);
use Dropmill::Stack;

my $uploads = $ENV{DROPMILL_SOAK} ? 2000 : 240;
my $stack = Dropmill::Stack->start;
my $running = clients_start($stack, clients => 16, uploads => $uploads);
my ($pages, @slow) = (0);
while (grep { kill 0, $_->{pid} } @$running) {
	my $begin = time;
	my $answer = $stack->get('/jobs/table', 'HX-Request' => 'true');
	push @slow, time - $begin;
	$pages++ if $answer->{status} == 200;
	sleep 0.05;
	waitpid $_->{pid}, 1 for @$running;
}
my $lines = clients_wait($running);
is(scalar(grep { $_->{status} && $_->{status} == 201 } @$lines), $uploads, 'each upload was accepted');
is($pages, scalar @slow, 'every page was answered meanwhile');
@slow = sort { $a <=> $b } @slow;
diag sprintf '%d pages during the load: median %.0f ms, slowest %.0f ms', $pages, 1e3 * $slow[$#slow / 2], 1e3 * $slow[-1];

my $counts = wait_settled($stack, 120 + $uploads);
ok($counts, 'everything has run') or diag $stack->log;
is($counts->{completed}, $uploads, 'and completed');
my %jobs = map { $_->{uuid} => $_ } jobs_all($stack);
is(scalar keys %jobs, $uploads, 'as many jobs as uploads');
my %acknowledged;
for my $line (grep { $_->{uuids} } @$lines) {
	$acknowledged{$_}++ for @{ $line->{uuids} };
}
is(scalar keys %acknowledged, $uploads, 'each answer names a job of its own');
is(scalar(grep { !$jobs{$_} } keys %acknowledged), 0, 'and each of these is there');

my ($same, $seen) = (0, 0);
for my $line (grep { $_->{uuids} } @$lines) {
	my $uuid = $line->{uuids}[0];
	my $input = $stack->get("/jobs/$uuid/files/in/load-$line->{n}.txt");
	$same++ if $input->{status} == 200 && $input->{content} eq body($line->{n});
	my ($report) = grep { $_->{filename} eq 'inspect.json' } @{ $jobs{$uuid}{outputs} };
	my $digest = sha256_hex(body($line->{n}));
	$seen++ if $report && $stack->get($report->{download_url})->{content} =~ /$digest/;
}
is($same, $uploads, 'each stored file is what was sent');
is($seen, $uploads, 'and each job has seen just that');
is(scalar store_files($stack), 2 * $uploads, 'the store holds one input and one output of each');
is(scalar spool_files($stack), 0, 'the spool is empty');
my ($status, $text) = $stack->cli('check');
is($status, 0, 'database and store agree') or diag $text;
is_deeply([ $stack->stop ], [], 'no process is left');
done_testing;
