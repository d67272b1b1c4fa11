#!/usr/bin/perl
# Programs elsewhere that process jobs: the two workers of docs/examples drain a thousand jobs between them, one
# of them is killed in the middle, and each job completes once.
use strict;
use warnings;
use FindBin qw($Bin);
use lib "$Bin/lib";
use HTTP::Tiny;
use JSON::PP qw(decode_json encode_json);
use Test::More;
use Time::HiRes qw(time);
use Dropmill::Process qw(wait_until);
use Dropmill::Stack;

my ($jobs, $makers, $lease) = (1000, 8, 10);
my $stack = Dropmill::Stack->start(config => { auth => 'password', disk_low => '0', sandbox => 'auto', workers => 1 });
my $state = $stack->state;

sub cli {
	my ($code, $out) = $stack->cli(@_);
	is($code, 0, "@_") or diag $out;
	chomp $out;
	return $out;
}

open my $conf, '>', "$state/jobs.d/elsewhere.conf" or die $!;
print $conf "[job elsewhere]\ntitle = Elsewhere\naccept = *\nrunner = external\nattempts = 3\n";
close $conf or die $!;
like(cli('types', 'check'), qr/^ok +elsewhere /m, 'a type of its own');
kill HUP => $stack->part('processor');
ok(wait_until(20, sub { (cli_quiet('types', 'list'))[1] =~ /^elsewhere /m }), 'is published');
sub cli_quiet { return $stack->cli(@_) }

my %token = map { ($_ => cli('token', 'create', '--user', 'admin', '--name', $_, '--scope', $_)) } 'read,write', 'work';

# ---- a thousand jobs, of a name alone ------------------------------------------------------------------
# Each maker sends its share over one connection.
sub make {
	my ($first, $count) = @_;
	my $http = HTTP::Tiny->new(timeout => 60, keep_alive => 1);
	for my $i ($first .. $first + $count - 1) {
		my $answer = $http->post($stack->url('/api/jobs'), {
			content => encode_json({ name => "job $i", job_type => 'elsewhere' }),
			headers => { 'Content-Type' => 'application/json', Accept => 'application/json',
				Authorization => "Bearer $token{'read,write'}" },
		});
		die "$answer->{status} $answer->{content}" if $answer->{status} != 201;
	}
	return;
}

my $begun = time;
my @pids = map {
	my $n = $_;
	my $pid = fork // die $!;
	if (!$pid) { make($n * $jobs / $makers, $jobs / $makers); require POSIX; POSIX::_exit(0) }
	$pid;
} 0 .. $makers - 1;
my $bad = 0;
for my $pid (@pids) { waitpid $pid, 0; $bad += $? != 0 }
is($bad, 0, sprintf '%d jobs are made in %.1f s', $jobs, time - $begun);

# ---- two workers ---------------------------------------------------------------------------------------
my %work = (DROPMILL_SERVER => $stack->url(''), DROPMILL_TOKEN => $token{work}, LEASE => $lease);
sub worker {
	my ($name) = @_;
	my $pid = fork // die $!;
	return $pid if $pid;
	setpgrp 0, 0;
	delete @ENV{ grep { /_proxy$/i } keys %ENV };
	%ENV = (%ENV, %work);
	open STDOUT, '>>', "$stack->{dir}/workers.log";
	open STDERR, '>&', \*STDOUT;
	exec "$Bin/../docs/examples/$name" or die $!;
}

sub counts { return $stack->request('GET', '/api/jobs?type=elsewhere&limit=1', headers => {
	Authorization => "Bearer $token{'read,write'}", Accept => 'application/json' }) }
sub completed {
	my $answer = counts();
	return $answer->{status} == 200 ? decode_json($answer->{content})->{counts}{completed} : 0;
}

$begun = time;
my ($shell, $python) = map { worker($_) } 'worker.sh', 'worker.py';
# In the middle, and while the shell has claimed jobs that it has not ended: the python is no faster than a
# claim of the shell lasts.
ok(wait_until(60, sub { completed() >= $jobs / 4 }), 'they work');
kill KILL => -$shell;
waitpid $shell, 0;
cmp_ok(completed(), '<', $jobs, 'one is killed in the middle');
ok(wait_until(120, sub { completed() == $jobs }), 'the other does the rest') or diag counts()->{content};
diag sprintf '%d jobs in %.1f s', $jobs, time - $begun;
kill TERM => $python;
waitpid $python, 0;
open my $log, '<', "$stack->{dir}/workers.log" or die $!;
unlike(do { local $/ = undef; <$log> // '' }, qr/Traceback|Error|curl:/, 'without trouble');

is(cli('check') =~ /wrong|differ/ ? 1 : 0, 0, 'database and store agree');
is_deeply([$stack->stop], [], 'no process is left');

# ---- each once -----------------------------------------------------------------------------------------
my @rows = map { [split /\|/] } split /\n/, sql(
	'SELECT j.id, j.status, j.attempt, (SELECT COUNT(*) FROM job_statuses s WHERE s.job_id = j.id AND s.status = '
	. "'completed'), (SELECT actor FROM job_statuses s WHERE s.job_id = j.id AND s.status = 'processing' ORDER BY id LIMIT 1) "
	. 'FROM jobs j');
sub sql {
	my ($text) = @_;
	open my $in, '-|', 'sqlite3', '-readonly', '-cmd', '.timeout 10000', "$state/dropmill.db", $text or die $!;
	local $/ = undef;
	return scalar <$in> // '';
}
is(scalar @rows, $jobs, 'as many jobs as were made');
is_deeply([grep { $_->[1] ne 'completed' } @rows], [], 'all completed');
is_deeply([grep { $_->[3] != 1 } @rows], [], 'each once in its history');
is(sql("SELECT COUNT(*), COUNT(DISTINCT object) FROM audit WHERE action = 'work.complete'"), "$jobs|$jobs\n", 'and in the audit log');
my %by;
$by{ $_->[4] =~ /\((\w+)\)/ ? $1 : $_->[4] }++ for @rows;
ok($by{shell} && $by{python}, 'both have worked') or diag explain \%by;
my $again = grep { $_->[2] > 1 } @rows;
cmp_ok($again, '<=', 20, "$again that were held by the dead one ran again");
done_testing;
