#!/usr/bin/perl
# Who runs when, through real processors: priority, a start in the future, limits that several processors of a
# host share, and the place that a frozen job gives to another.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);
use Dropmill::Cgi;
use Dropmill::Process qw(wait_until);
use Dropmill::Processor;

my @user = $> == 0 ? (user => 'nobody') : ();

sub queue {
	my ($p, $type, @option) = @_;
	my ($code, $out) = $p->dropmill('--json', 'submit', '--type', $type, @option, "$p->{top}/input.txt");
	die "submit: $out" if $code;
	return decode_json($out)->{jobs}[0]{id};
}

sub settled { my ($p) = @_; return wait_until(60, sub { $p->sql("SELECT COUNT(*) FROM jobs WHERE status IN ('pending', 'processing')") eq '0' }) }

# The most attempts of a type that were between their start and their end at one moment.
sub side_by_side {
	my ($p, $type) = @_;
	my @moments = map { my ($from, $to) = split /\|/; ([$from, 1], [$to, -1]) }
		split /\n/, $p->sql("SELECT started_at, completed_at FROM jobs WHERE job_type = '$type' AND status = 'completed'");
	my ($now, $most) = (0, 0);
	for (sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] } @moments) {
		$now += $_->[1];
		$most = $now if $now > $most;
	}
	return $most;
}

subtest 'priority and start' => sub {
	my $p = Dropmill::Processor->new(@user, config => { workers => 1 });
	$p->type($_, 'true') for qw(a b);
	my $pid = $p->start;
	$p->kill_it(TERM => $pid);
	my @ids = (queue($p, 'a'), queue($p, 'b', '--priority', -5), queue($p, 'a', '--priority', 7), queue($p, 'b', '--priority', 100));
	$p->start;
	ok(settled($p), 'all run');
	is($p->sql('SELECT id FROM jobs ORDER BY started_at, completed_at'), join("\n", @ids[3, 2, 0, 1]), 'by priority');
	my $later = queue($p, 'a', '--at', '+1700ms');
	is($p->job($later)->{status}, 'pending', 'a job for later waits');
	ok(settled($p), 'until its time');
	my $late = $p->sql("SELECT started_at - run_at FROM jobs WHERE id = $later");
	cmp_ok($late, '>=', 0, 'never too early');
	cmp_ok($late, '<', 500, "and without waiting for a scan: $late ms late");
};

subtest 'two processors share the limit of a type' => sub {
	my $p = Dropmill::Processor->new(@user);
	$p->type('two', 'sleep 0.4', concurrency => 2);
	$p->type('any', 'sleep 0.4');
	my @pids = ($p->start, $p->start);
	for my $type (qw(two any)) {
		my ($code, $out) = $p->dropmill('submit', '--type', $type, ("$p->{top}/input.txt") x 10);
		is($code, 0, "ten of $type") or diag $out;
	}
	ok(settled($p), 'all run');
	is($p->sql("SELECT COUNT(*) FROM jobs WHERE status = 'completed' AND attempt = 1"), 20, 'each once');
	is(side_by_side($p, 'two'), 2, 'two of one type at a time, not four');
	cmp_ok(side_by_side($p, 'any'), '>', 2, 'more of the other');
	is($p->kill_it(TERM => $_), 0, 'a clean end') for @pids;
};

subtest 'a frozen job gives its place to another' => sub {
	my $p = Dropmill::Processor->new(@user, config => { workers => 1 });
	$p->type('waits', "echo '1% running'\nuntil [ -e $p->{dir}/scripts/go ]; do sleep 0.05; done\necho went\n");
	my $pid = $p->start;
	my @ids = map { queue($p, 'waits') } 1 .. 3;
	ok($p->step($ids[0], qr/running/), 'one runs');
	is($p->job($ids[1])->{status}, 'pending', 'the next waits');
	$p->dropmill('job', 'pause', $ids[0]);
	ok($p->step($ids[1], qr/running/), 'and begins when the first is paused');
	$p->dropmill('job', 'pause', $ids[1]);
	sleep 1.5;
	is($p->job($ids[2])->{status}, 'pending', 'but frozen jobs keep their memory: twice as many as workers is the end');
	$p->dropmill('job', 'resume', $_) for @ids[0, 1];
	is($p->reaches($_, 'processing')->{status}, 'processing', 'resumed, both go on') for @ids[0, 1];
	$p->write("$p->{dir}/scripts/go", '');
	is($p->finished($_)->{result}, 'went', 'to their end') for @ids;
	is($p->sql('SELECT MAX(attempt) FROM jobs'), 1, 'each in one attempt');
};

subtest 'a type is paused as a whole' => sub {
	my $p = Dropmill::Processor->new(@user);
	$p->type('waits', "echo '1% running'\nuntil [ -e $p->{dir}/scripts/go ]; do sleep 0.05; done\necho went\n");
	$p->type('other', 'echo fine');
	my ($code, $out) = $p->dropmill('types', 'pause', 'waits');
	is($code >> 8, 65, 'a type that nobody knows yet') or diag $out;
	my $pid = $p->start;
	my $running = queue($p, 'waits');
	ok($p->step($running, qr/running/), 'a job runs');
	($code, $out) = $p->dropmill('types', 'pause', 'waits');
	is($out, "waits paused\n", 'its type is paused');
	my @ids = (queue($p, 'waits'), queue($p, 'waits', '--priority', 100));
	is($p->finished(queue($p, 'other'))->{result}, 'fine', 'another type runs');
	$p->type('waits', "echo fresh\n");
	kill HUP => $pid;
	my $second = $p->start;
	sleep 1.5;
	is($p->job($_)->{status}, 'pending', 'neither a reload with a new version nor another processor starts it') for @ids;
	is($p->job($running)->{status}, 'processing', 'the one that runs goes on');
	like(($p->dropmill('types', 'list'))[1], qr/^waits .*  \(paused\)$/m, 'types list says so');
	like(($p->dropmill('doctor'))[1], qr/waits is paused.*\n.*dropmill types resume waits/, 'the doctor too');
	$p->write("$p->{dir}/scripts/go", '');
	is($p->finished($running)->{result}, 'went', 'to its end');
	($code, $out) = $p->dropmill('types', 'resume', 'waits', 'other');
	is($out, "waits resumed\nother resumed\n", 'resumed');
	is($p->finished($_)->{status}, 'completed', 'and they run') for @ids;
};

subtest 'an organisation is capped' => sub {
	my $p = Dropmill::Processor->new(@user, config => { workers => 4 });
	$p->type('waits', "echo '1% running'\nuntil [ -e $p->{dir}/scripts/go ]; do sleep 0.05; done\necho went\n");
	my $pid = $p->start;
	is(($p->dropmill('org', 'list'))[1], "local                 no cap      0 running, 0 waiting, 0 B stored\n", 'none at first');
	is(($p->dropmill('org', 'set', 'local', '--cap', 1))[1], "local                 cap 1       0 running, 0 waiting, 0 B stored\n", 'a cap');
	my @ids = map { queue($p, 'waits') } 1 .. 4;
	ok($p->step($ids[0], qr/running/), 'one job runs');
	sleep 1.3;
	is(decode_json(($p->dropmill('--json', 'org'))[1])->{orgs}[0]{running}, 1, 'and only one, with three workers idle');
	($p->dropmill('--json', 'org', 'set', '--cap', 2, 'local'));
	ok($p->step($ids[1], qr/running/), 'a higher cap lets the next begin');
	my ($local) = @{ decode_json(($p->dropmill('--json', 'org', 'list'))[1])->{orgs} };
	is_deeply([@$local{qw(name cap running pending)}], ['local', 2, 2, 2], 'the list counts');
	$p->dropmill('org', 'set', 'local', '--cap', 0);
	is($p->job($ids[1])->{status}, 'processing', 'a lower one stops nothing that runs');
	$p->write("$p->{dir}/scripts/go", '');
	is($p->finished($_)->{result}, 'went', 'which goes to its end') for @ids[0, 1];
	sleep 1.3;
	is($p->job($ids[2])->{status}, 'pending', 'with 0 nothing begins');
	like(($p->dropmill('org', 'set', 'local', '--cap', 'none'))[1], qr/^local                 no cap      0 running, 2 waiting, \d+ B stored$/, 'none again');
	is($p->finished($_)->{result}, 'went', 'and all run') for @ids[2, 3];
	for (['no number', 64, 'local', '--cap', 'two'], ['negative', 64, 'local', '--cap', -1], ['too many', 64, 'local', '--cap', 1000001],
		['no cap', 64, 'local'], ['no name', 64, '--cap', 1], ['nobody', 65, 'nobody', '--cap', 1]) {
		my ($name, $want, @args) = @$_;
		is(($p->dropmill('org', 'set', @args))[0] >> 8, $want, "refused: $name");
	}
};

subtest 'jobs whose type is gone, or a program of it, say why they wait' => sub {
	my $p = Dropmill::Processor->new(@user);
	$p->write("$p->{dir}/scripts/helper", "#!/bin/sh\n", 0755);
	$p->type('gone', "echo fine\n");
	$p->type('lacking', "echo fine\n", requires => 'helper');
	my $pid = $p->start;
	my $done = queue($p, 'gone');
	is($p->finished($done)->{result}, 'fine', 'one runs while its type is there');
	$p->dropmill('types', 'pause', 'gone', 'lacking');
	my %id = map { $_ => queue($p, $_) } qw(gone lacking);
	my $web = Dropmill::Cgi->on($p);
	my $told = sub {
		my ($type, $why) = @_;
		my $job = $web->request(GET => "/api/jobs/$id{$type}", accept => 'application/json')->{json}{job};
		is($job->{waits_for}, $why, "the API: $why");
		my ($row) = grep { $_->{id} == $id{$type} } @{ $web->request(GET => '/jobs/table', accept => 'application/json')->{json}{jobs} };
		is($row->{waits_for}, $why, 'the list');
		like($web->request(GET => "/jobs/$id{$type}", accept => 'text/html')->{content}, qr/waits, \Q$why\E</, 'the page');
		like(($p->dropmill('job', 'show', $id{$type}))[1], qr/^waits +\Q$why\E$/m, 'job show');
		like(($p->dropmill('doctor'))[1], qr/1 of type $type wait: \Q$why\E\n.*job list --type $type --status pending/, 'the doctor');
	};
	$told->('gone', 'its type is paused');
	my $tag = $web->request(GET => '/jobs/table', hx_request => 'true')->{headers}{'hx-ptag'};
	unlink "$p->{dir}/jobs.d/gone.conf", "$p->{dir}/scripts/helper";
	kill HUP => $pid;
	ok(wait_until(10, sub { ($p->dropmill('types', 'list'))[1] !~ /^gone/m }), 'read again');
	$p->dropmill('types', 'resume', 'gone', 'lacking');
	isnt($web->request(GET => '/jobs/table', hx_request => 'true', hx_ptag => $tag)->{status}, 304, 'pages are told');
	$told->('gone', 'its type is gone from jobs.d');
	$told->('lacking', 'a program of its type is missing');
	is($p->job($_)->{status}, 'pending', 'they wait') for values %id;
	is($web->request(GET => "/api/jobs/$done", accept => 'application/json')->{json}{job}{waits_for}, undef, 'what has ended waits for nothing');
	my ($ended) = grep { $_->{id} == $done } @{ $web->request(GET => '/jobs/table', accept => 'application/json')->{json}{jobs} };
	is($ended->{waits_for}, undef, 'nor in the list');
	unlike(($p->dropmill('job', 'show', $done))[1], qr/^waits/m, 'nor in job show');
	$p->type('gone', "echo fine\n");
	$p->write("$p->{dir}/scripts/helper", "#!/bin/sh\n", 0755);
	kill HUP => $pid;
	is($p->finished($_)->{result}, 'fine', 'and run when it is back') for values %id;
	my $job = $web->request(GET => "/api/jobs/$id{gone}", accept => 'application/json')->{json}{job};
	ok(exists $job->{waits_for} && !defined $job->{waits_for}, 'nothing is said then');
};

done_testing();
