#!/usr/bin/perl
# Replays every fuzz target's corpus: what once broke something is tried again on every machine.
use strict;
use warnings;
use Test::More;

my $build = $ENV{BUILD} // 'build';

for my $source (sort glob 't/fuzz/*.c') {
	my ($name) = $source =~ m{([^/]+)\.c$};
	next if $name eq 'replay_main';
	my $replay = "$build/t/replay-$name";
	my $corpus = "t/fuzz/corpus/$name";
	my @files = glob "$corpus/*";
	ok(@files > 0, "$name has a corpus");
	my $output = @files ? qx{$replay $corpus 2>&1} : '';
	is($?, 0, "$name takes its corpus of " . @files) or diag($output);
}
done_testing;
