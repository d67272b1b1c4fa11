# Rendering; beside JavaScript engines.
use strict;
use warnings;
our (%row, $build, $rounds, $seconds);

$row{mustache} = sub {
	local @ENV{qw(BUILD BENCH_ROUNDS BENCH_SECONDS)} = ($build, $rounds, $seconds / 4);
	my $answer = `node bench/mustache.js --json`;
	die "mustache: failed\n" if $?;
	my $figures = decode_json($answer)->{figures};
	report('Mustache, 25 rows, view ready', $figures->{dropmill}, 'hogan.js, compiled', $figures->{'hogan.js'}, 2);
	report('Mustache, 25 rows, view built each time', $figures->{'dropmill, view built each time'},
		'hogan.js, compiled', $figures->{'hogan.js'}, 2);
};

1;
