#!/usr/bin/perl
# What becomes of files after the run: they are kept as long as their type says, and a job that is deleted
# takes everything along, whatever it was doing at that moment and whoever dies meanwhile.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Find qw(find);
use Test::More;
use Time::HiRes qw(sleep time);
use Dropmill::Process qw(descendants wait_until with_text);
use Dropmill::Processor;

# Files in the store, logs too.
sub stored {
	my ($p) = @_;
	my @files;
	find({ no_chdir => 1, wanted => sub { push @files, $_ if -f } }, "$p->{dir}/store");
	return @files;
}

sub is_clean {
	my ($p, $name) = @_;
	ok(wait_until(10, sub { !stored($p) }), "$name: the store is empty") or diag stored($p);
	ok(wait_until(10, sub { !$p->leftovers }), "$name: no work directory") or diag $p->leftovers;
	is($p->sql('SELECT count(*) FROM jobs'), 0, "$name: no row");
	is($p->sql('SELECT count(*) FROM files') . $p->sql('SELECT count(*) FROM job_statuses')
		. $p->sql('SELECT count(*) FROM job_search'), '000', "$name: nor a file, a line of history, a search entry");
	is($p->sql('SELECT COALESCE(SUM(n), 0) FROM counters'), 0, "$name: nothing is counted");
	my ($code, $out) = $p->dropmill('check');
	is($code, 0, "$name: database and store agree") or diag $out;
	return;
}

subtest 'kept as long as the type says' => sub {
	my $p = Dropmill::Processor->new;
	$p->type('brief', "echo x >\"\$2/x\"\necho said\n", keep => '1s');
	$p->type('sour', "echo no >&2\nexit 1\n", keep => '1s');
	$p->type('ever', "echo x >\"\$2/x\"\n", keep => '0');
	$p->sql("INSERT INTO idempotency (org_id, key, request_hash, response, created_at) VALUES (1, 'old', '', '', 1), (1, 'new', '', '', "
		. int(1000 * time) . ')');
	my @processors = map { $p->start } 1 .. 2;
	ok(wait_until(10, sub { $p->sql('SELECT group_concat(key) FROM idempotency') eq 'new' }), 'keys of requests are kept for a day');
	my $ever = $p->finished($p->submit('ever'));
	is($ever->{expires_at}, undef, 'keep = 0 is for ever');
	my @jobs = map { $p->submit($_) } ('brief') x 30, ('sour') x 10;
	my $seen = $p->finished($jobs[0]);
	like($seen->{expires_at} // 'removed already', qr/^2\d{3}-.*Z$|removed/, 'a job says until when its files are kept');
	for my $id (@jobs) {
		my $job = $p->reaches($id, 'removed', 20);
		is($job->{status}, 'removed', "job $id is removed") or last;
	}
	my $gone = $p->job($jobs[0]);
	is($gone->{output_count}, 1, 'the record says how many results there were');
	is_deeply([@{ $gone->{outputs} }, @{ $gone->{inputs} }], [], 'and lists none');
	is($gone->{expires_at}, undef, 'nothing is left to expire');
	is_deeply($gone->{actions}, ['delete'], 'it can be deleted');
	like($gone->{history}[-1]{reason}, qr/^kept for 1 s$/, $gone->{history}[-1]{reason});
	is($p->sql("SELECT count(*) FROM job_statuses WHERE status = 'removed'"), 40, 'each was removed once by two processors');
	ok(wait_until(10, sub { stored($p) == 3 }), 'only what is kept for ever is in the store') or diag stored($p);
	my ($code, $out) = $p->dropmill('check');
	is($code, 0, 'database and store agree') or diag $out;
	($code, $out) = $p->dropmill('job', 'remove', $ever->{id});
	is($out, "$ever->{id} removed\n", 'by hand');
	is(scalar(stored($p)), 0, 'at once');
	$p->dropmill('job', 'rm', @jobs, $ever->{id});
	is_clean($p, 'after all');
};

subtest 'a running job that does not want to end is deleted' => sub {
	my $p = Dropmill::Processor->new;
	$p->type('deaf', "trap '' TERM INT HUP\necho '5% running'\necho x >\"\$2/x\"\nwhile :; do sleep 4321 & wait; done\n");
	my $pid = $p->start;
	my $id = $p->submit('deaf');
	ok($p->step($id, qr/running/), 'it runs');
	my ($code, $out) = $p->dropmill('job', 'rm', $id);
	is($out, "$id deleted\n", 'deleted');
	($code, $out) = $p->dropmill('job', 'rm', $id);
	like($out, qr/no such job/, 'once');
	($code, $out) = $p->dropmill('job', 'show', $id);
	like($out, qr/no such job/, 'nobody sees it any more');
	ok(wait_until(5, sub { !with_text('4321') }), 'no process is left');
	ok(wait_until(5, sub { $p->sql('SELECT count(*) FROM jobs') == 0 }), 'then the row goes');
	is_clean($p, 'deaf');
};

subtest 'deleted at any moment' => sub {
	my $p = Dropmill::Processor->new;
	$p->type('many', "echo '1% go'\nfor i in \$(seq 200); do echo \$i >\"\$2/\$i\"; done\n");
	my $pid = $p->start;
	my @ids;
	for my $i (0 .. 23) {
		my $id = $p->submit('many');
		push @ids, $id;
		sleep 0.02 * ($i % 12);
		my ($code, $out) = $p->dropmill('job', 'rm', $id);
		is($code, 0, sprintf 'after %.2f s', 0.02 * ($i % 12)) or diag $out;
	}
	ok(wait_until(20, sub { $p->sql('SELECT count(*) FROM jobs') == 0 }), 'all rows are gone');
	is_clean($p, 'many');
	unlike($p->log, qr/ error: /, 'and nobody complains') or diag $p->log;
};

subtest 'the processor is killed meanwhile' => sub {
	my $p = Dropmill::Processor->new;
	$p->type('long', "trap '' TERM\necho '5% running'\necho x >\"\$2/x\"\nwhile :; do sleep 8765 & wait; done\n");
	for my $delay (0, 0.05, 0.3, 1.05) {
		my $pid = $p->start;
		my $id = $p->submit('long');
		ok($p->step($id, qr/running/), 'it runs');
		my @all = descendants($pid);
		$p->dropmill('job', 'rm', $id);
		sleep $delay;
		$p->kill_it(KILL => $pid);
		ok(wait_until(10, sub { !with_text('8765') }), "killed $delay s after: no process is left");
		$pid = $p->start;
		ok(wait_until(20, sub { $p->sql('SELECT count(*) FROM jobs') == 0 }), 'the next one clears up');
		is_clean($p, 'killed');
		$p->kill_it(TERM => $pid);
	}
};

done_testing;
