#!/usr/bin/perl
# The programs that jobs run, by hand as anybody may run them: what they write, what they say while they
# run, how they end. Figures are compared with what this script knows about the files it made.
use strict;
use warnings;
use utf8;
use Digest::SHA qw(sha256_hex);
use Encode qw(encode decode);
use File::Temp qw(tempdir);
use JSON::PP;
use Math::BigInt;
use List::Util qw(sum);
use POSIX qw(WIFEXITED WEXITSTATUS WIFSIGNALED WTERMSIG);
use Test::More;
use Time::HiRes qw(time sleep);

my $build = $ENV{BUILD} // 'build';
my $sanitized = `nm -D $build/dropmill-demo 2>/dev/null` =~ /__asan_init/;
my $dir = tempdir(CLEANUP => 1);
my $out = "$dir/out";
mkdir $out or die "mkdir: $!";
delete $ENV{$_} for grep { /^DROPMILL_PARAM_/ } keys %ENV;

sub spew
{
	my ($name, $bytes) = @_;
	open my $fh, '>:raw', "$dir/$name" or die "$name: $!";
	print $fh $bytes or die;
	close $fh or die;
	return "$dir/$name";
}

sub slurp
{
	my ($path) = @_;
	open my $fh, '<:raw', $path or die "$path: $!";
	local $/;
	return scalar(<$fh>) // '';
}

# Run a tool; returns { code, out, err, messages } with descriptor 3 going to a file.
sub run
{
	my ($tool, @args) = @_;
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		local $^F = 9; # what is opened stays open over exec
		open STDOUT, '>', "$dir/stdout" or die;
		open STDERR, '>', "$dir/stderr" or die;
		open my $three, '>', "$dir/messages" or die;
		POSIX::dup2(fileno $three, 3);
		exec "$build/dropmill-$tool", @args or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	my %r = (code => WIFEXITED($?) ? WEXITSTATUS($?) : 128 + WTERMSIG($?));
	@r{qw(out err messages)} = map { slurp("$dir/$_") } qw(stdout stderr messages);
	$r{reason} = (split /\n/, $r{err})[-1] // '';
	return \%r;
}

# The protocol: progress lines that only go forward, then the result, on descriptor 3 too.
sub speaks_protocol
{
	my ($r, $what) = @_;
	my @lines = split /\n/, $r->{out};
	my $result = pop @lines;
	my $last = -1;
	my $good = 1;
	for (@lines) {
		$good = 0 unless /^(\d{1,3})% \S/ && $1 >= $last && $1 <= 100;
		$last = $1 // 0;
	}
	ok($good && $last == 100, "$what: progress goes forward to 100") or diag $r->{out};
	my ($told) = grep { exists $_->{result} } map { decode_json($_) } split /\n/, $r->{messages};
	is(encode('UTF-8', $told->{result} // ''), $result, "$what: the result is told on descriptor 3 too");
	return decode('UTF-8', $result);
}

for my $tool (qw(inspect profile demo)) {
	my $file = spew('some.csv', "a,b\n1,2\n");
	my $r = run($tool, '--help');
	is($r->{code}, 0, "$tool --help");
	like($r->{out}, qr/^usage: dropmill-$tool /, "$tool --help says how");
	is(run($tool)->{code}, 64, "$tool without arguments: usage");
	is(run($tool, '--wrong', $file, $out)->{code}, 64, "$tool with an unknown option: usage");
	is(run($tool, $file, $out, 'more')->{code}, 64, "$tool with too many arguments: usage");
	$r = run($tool, "$dir/absent", $out);
	is($r->{code}, 74, "$tool on a missing file: input/output");
	is($r->{reason}, 'cannot open "absent": No such file or directory', "$tool says why");
	is(run($tool, $dir, $out)->{code}, 74, "$tool on a directory");
	is(run($tool, $file, "$dir/absent")->{code}, 74, "$tool without its output directory");
}
SKIP: {
	skip 'no /dev/full', 4 unless -c '/dev/full';
	unlink glob "$out/*";
	symlink '/dev/full', "$out/inspect.json" or die;
	my $r = run('inspect', spew('x', 'x'), $out);
	is($r->{code}, 74, 'a symlink in the output directory is not followed');
	unlink glob "$out/*";
	my $shell = "exec $build/dropmill-inspect $dir/x $out >/dev/full";
	is(system('sh', '-c', "$shell 2>$dir/stderr") >> 8, 74, 'a result that cannot be told is a failure');
	mkdir "$out/profile.json";
	is(run('profile', "$dir/some.csv", $out)->{code}, 74, 'an output that cannot be written');
	like(slurp("$dir/stderr"), qr/^cannot create profile\.json: /m, 'says which');
	rmdir "$out/profile.json";
}

# ---- inspect ----------------------------------------------------------------------------------------
sub inspect
{
	my ($name, $bytes) = @_;
	my $r = run('inspect', spew($name, $bytes), $out);
	is($r->{code}, 0, "inspect $name") or diag $r->{err};
	my $json = decode_json(slurp("$out/inspect.json"));
	is($json->{sha256}, sha256_hex($bytes), "$name: digest");
	is($json->{size}, length $bytes, "$name: size");
	is($json->{name}, $name, "$name: name");
	return ($json, speaks_protocol($r, $name));
}

for my $size (1, 63, 64, 1 << 20, (1 << 20) + 1, 3000000) {
	srand $size;
	inspect("random-$size", substr pack('L*', map { rand 2**32 } 0 .. $size / 4), 0, $size);
}
my ($json, $result) = inspect('empty', '');
is($json->{type}, 'application/x-empty', 'an empty file');
ok(!$json->{text}, 'has no text figures');

my $png = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR" . pack('NNCCCCC', 640, 480, 8, 6, 0, 0, 0) . "\0" x 1400000;
($json, $result) = inspect('picture.png', $png);
is_deeply($json->{image}, { format => 'PNG', width => 640, height => 480 }, 'size of an image');
is($json->{type}, 'image/png', 'type of an image');
is($result, 'PNG image, 1.4 MB, 640 x 480, sha256 ' . substr(sha256_hex($png), 0, 8) . '…', 'result line');

my $prose = "Grüße aus Zürich\nzweite Zeile hat mehr Wörter\n\nletzte";
for my $encoding (qw(UTF-8 iso-8859-1 UTF-16)) {
	($json) = inspect("prose.$encoding", encode($encoding, $prose));
	is_deeply($json->{text}, { encoding => { 'UTF-8' => 'utf-8', 'UTF-16' => 'utf-16be' }->{$encoding}
		// $encoding, lines => 4, words => 9, longest_line => 28 }, "text figures in $encoding")
		or diag explain $json;
}
($json) = inspect('late.bin', 'x' x (2 << 20) . "\0");
ok(!$json->{text}, 'a zero byte beyond the first megabyte: no text after all');
inspect(q{quo"te's.txt}, "x\n");

# ---- profile ----------------------------------------------------------------------------------------
sub profile
{
	my ($name, $bytes, @options) = @_;
	my $r = run('profile', @options, spew($name, $bytes), $out);
	is($r->{code}, 0, "profile $name") or diag $r->{err};
	my $text = slurp("$out/profile.json");
	return (JSON::PP->new->utf8->allow_bignum->decode($text), speaks_protocol($r, $name), $text);
}

# Columns of cells, as this script knows them; numeric says how min and max are to be compared.
sub check_column
{
	my ($c, $numeric, @cells) = @_;
	my @values = grep { length } @cells;
	my %seen = map { $_ => 1 } @values;
	# The order of characters is that of their bytes in UTF-8.
	my @sorted = $numeric ? sort { $a <=> $b } @values : sort keys %seen;
	is($c->{nulls}, @cells - @values, "$c->{name}: nulls");
	is($c->{distinct}, scalar keys %seen, "$c->{name}: distinct");
	for (['min', $sorted[0]], ['max', $sorted[-1]]) {
		my ($key, $want) = @$_;
		$numeric ? cmp_ok($c->{$key}, '==', $want, "$c->{name}: $key")
			: is($c->{$key}, $want, "$c->{name}: $key");
	}
	if ($c->{top}) {
		my %count;
		$count{$_}++ for @values;
		my @most = sort { $b <=> $a } values %count;
		is_deeply([map { $_->{count} } @{ $c->{top} }], [grep { defined } @most[0 .. 9]],
			"$c->{name}: most frequent");
	}
	is(sum(map { $_->{count} } @{ $c->{histogram} }), scalar @values, "$c->{name}: histogram")
		if $c->{histogram};
}

my $rows = $sanitized ? 20000 : 100000;
my @header = qw(id amount code mixed note flag day moment city empty big);
my (%table, @lines);
sub quoted
{
	my ($cell, $how) = @_;
	return $cell unless $how || $cell =~ /[",\r\n]/;
	$cell =~ s/"/""/g;
	return qq("$cell");
}
{
	srand 42;
	my @cities = ('Zürich', 'Łódź', '東京', 'Paris', 'says "hi"', "two\nlines", "three\r\nmore\nlines", 'a,b');
	for my $i (1 .. $rows) {
		my %row = (
			id => $i,
			amount => sprintf('%.2f', rand(2000) - 1000),
			code => sprintf('%05d', $i % 7000),
			mixed => (int rand 100, 'x' . int rand 50, sprintf('%.1f', rand 10), '', '2026-01-01')[rand 5],
			note => rand() < .3 ? '' : "line one\nline \"two\" " . int(rand 1e9),
			flag => ('true', 'false', '', 'yes')[rand 4],
			day => sprintf('%04d-%02d-%02d', 1950 + rand 100, 1 + rand 12, 1 + rand 28),
			moment => sprintf('2026-%02d-%02d %02d:%02d', 1 + rand 12, 1 + rand 28, rand 24, rand 60),
			city => $cities[rand @cities],
			empty => '',
			big => (rand() < .5 ? '-' : '') . '9007199254740' . int(990 + rand 10),
		);
		push @{ $table{$_} }, $row{$_} for @header;
		push @lines, join(',', map { quoted($row{$_}, rand() < .1) } @header) . (rand() < .5 ? "\n" : "\r\n");
		push @lines, "\n" if rand() < .001;
	}
}
my $big = encode('UTF-8', join(',', @header) . "\n" . join('', @lines));
my ($p, $said, $text) = profile('table.csv', $big);
is($p->{rows}, $rows, 'rows');
is($said, ($rows == 100000 ? '100000' : $rows) . ' rows, 11 columns', 'result line');
is_deeply([map { $_->{name} } @{ $p->{columns} }], \@header, 'names');
is_deeply([map { $_->{type} } @{ $p->{columns} }],
	[qw(integer number integer text text boolean date datetime text empty integer)], 'types');
like($text, qr/^\{"rows":\d+,"columns":\[\s*\{"name":"id","type":"integer","nulls":0,"distinct":\d+,"min":1,"max":\d+,/,
	'the keys come in the order that was promised');
for my $c (@{ $p->{columns} }) {
	my $numeric = $c->{type} eq 'integer' || $c->{type} eq 'number';
	check_column($c, $numeric, @{ $table{ $c->{name} } }) if $c->{name} ne 'empty' && $c->{name} ne 'big';
}
my ($empty, $exact) = @{ $p->{columns} }[9, 10];
is_deeply([@$empty{qw(nulls distinct min max)}], [$rows, 0, undef, undef], 'an empty column');
my @digits = sort { $a->bcmp($b) } map { Math::BigInt->new($_) } keys %{ { map { $_ => 1 } @{ $table{big} } } };
is("$exact->{min}", "$digits[0]", 'integers beyond doubles keep their digits');
is("$exact->{max}", "$digits[-1]", 'at both ends');
ok($p->{columns}[2]{leading_zeros}, 'leading zeros are noted');
my $mean = sum(@{ $table{amount} }) / $rows;
ok(abs($p->{columns}[1]{mean} - $mean) < 1e-6, 'mean');

my $page = decode('UTF-8', slurp("$out/profile.html"), Encode::FB_CROAK);
unlike($page, qr/<script|https?:|\bon\w+=|url\(|\@import/i, 'the page loads nothing and runs nothing');
like($page, qr/<svg class="chart"/, 'and has charts');
like($page, qr/says &quot;hi&quot;/, 'with data escaped');

SKIP: {
	skip 'sanitizers need memory of their own', 1 if $sanitized;
	is(system('sh', '-c', "ulimit -d 65536; exec $build/dropmill-profile $dir/table.csv $out >/dev/null"), 0,
		'64 MiB of memory are enough');
}

# The same small table in many dresses.
my @small = (['näme', 'n', 'd'], ['Zoë', '1', '2026-01-31'], ['a;b,c|d', '-2.5', ''], ["e\nf", '', '2025-12-01']);
sub dress
{
	my ($delimiter, $end) = @_;
	return join '', map { join($delimiter, map { /[;,|\n\t]/ ? qq("$_") : $_ } @$_) . $end } @small;
}
my %encodings = ('UTF-8' => 'utf-8', 'iso-8859-1' => 'iso-8859-1', 'UTF-16LE' => 'utf-16le', 'UTF-16' => 'utf-16be');
for my $delimiter (',', ';', "\t", '|') {
	for my $encoding (sort keys %encodings) {
		my $name = sprintf 'small-%02x-%s.csv', ord $delimiter, $encoding;
		my ($p) = profile($name, encode($encoding, dress($delimiter, $delimiter eq ';' ? "\r\n" : "\n")));
		is($p->{source}{encoding}, $encodings{$encoding}, 'encoding');
		is_deeply([map { [@$_{qw(name type nulls distinct min max)}] } @{ $p->{columns} }],
			[['näme', 'text', 0, 3, 'Zoë', "e\nf"], ['n', 'number', 1, 2, -2.5, 1],
			['d', 'date', 1, 2, '2025-12-01', '2026-01-31']], "$name: columns");
	}
}
($p) = profile('marked.csv', "\xef\xbb\xbf" . encode('UTF-8', dress(',', "\r")));
is($p->{columns}[0]{name}, 'näme', 'a byte order mark is no part of the first name');
is($p->{rows}, 3, 'old line ends');
($p) = profile('windows.csv', "preis;text\n5;\x80 \x84x\x93\n");
is($p->{columns}[1]{max}, '€ „x“', 'Windows-1252');
($p) = profile('forced.csv', "a,b;c\n1,2;3\n", '--delimiter', 'semicolon');
is_deeply([map { $_->{name} } @{ $p->{columns} }], ['a,b', 'c'], 'a delimiter that was asked for');
{
	local $ENV{DROPMILL_PARAM_DELIMITER} = 'pipe';
	($p) = profile('forced2.csv', "a,b|c\n");
	is(scalar @{ $p->{columns} }, 2, 'or came as a parameter');
}
is(run('profile', '--delimiter', 'x', "$dir/forced.csv", $out)->{code}, 64, 'an unknown delimiter');

($p) = profile('header-only.csv', "a,b,c\n");
is($p->{rows}, 0, 'a header alone');
is_deeply([map { $_->{type} } @{ $p->{columns} }], [('empty') x 3], 'has empty columns');
($p) = profile('one-column.csv', "n\n1\n\n\"\"\n2");
is($p->{rows}, 3, 'one column: an empty line is no row, an empty cell in quotes is');
is($p->{columns}[0]{nulls}, 1, 'and is null');
($p) = profile('names.csv', "a,,a,,column_2,a_3\n1,2,3,4,5,6\n");
is_deeply([map { $_->{name} } @{ $p->{columns} }], [qw(a column_2 a_3 column_4 column_2_5 a_3_6)], 'names are unique');
($p, $said) = profile('ragged.csv', "a,b,c\n1,2,3\n1,2\n1\n1,2,3,4\n\n");
is_deeply([$p->{rows}, @{ $p->{source} }{qw(short_rows long_rows blank_lines)}], [4, 2, 1, 1], 'ragged rows are counted');
is_deeply([map { $_->{nulls} } @{ $p->{columns} }], [0, 1, 2], 'missing cells are null');
is($said, '4 rows, 3 ragged, 3 columns', 'and told');
($p) = profile('open.csv', "a,b\n1,\"never\n2,3\n");
is($p->{source}{open_quote_line}, 2, 'a quote never closed is located');
($p) = profile('hostile.csv', qq(<script>alert(1)</script>,"a""b"\n<img src=x onerror=y>,{{b}}\n));
unlike(slurp("$out/profile.html"), qr/<script|<img/, 'markup in names and cells is text');

for (['empty.csv', '', qr/^the file is empty$/], ['blank.csv', "\n\r\n\n", qr/^the file has no header/],
	['binary.csv', "a,b\n1,\0\n" . "x" x 100, qr/^the file is not text: byte 7 is zero$/],
	['wide.csv', ',' x 20000, qr/^line 1: more than 16384 cells in one row$/],
	['long.csv', 'a,b' . "\n1,\"" . 'x' x (17 << 20), qr/^line 2: the row is longer than 16 MiB/]) {
	my ($name, $bytes, $why) = @$_;
	my $r = run('profile', spew($name, $bytes), $out);
	is($r->{code}, 65, "$name is refused");
	like($r->{reason}, $why, "$name: with a sentence");
	unlink "$dir/$name";
}
is_deeply([grep { !/profile|inspect/ } glob "$out/.* $out/*"], ["$out/.", "$out/.."], 'nothing else is left behind');

# ---- demo -------------------------------------------------------------------------------------------
my $file = "$dir/some.csv";
my @ends = map { run('demo', '--seconds', 0, '--seed', $_, $file, $out)->{code} } 1 .. 200;
my $good = grep { $_ == 0 } @ends;
ok($good >= 140 && $good <= 180, "about 80 in 100 succeed ($good of 200)");
is(scalar(grep { $_ > 1 } @ends), 0, 'the others end with 1');
my ($bad) = grep { $ends[$_ - 1] } 1 .. 200;
like(run('demo', '--seconds', 0, '--seed', $bad, $file, $out)->{reason}, qr/; try again$/, 'and a sentence');
is(run('demo', '--seconds', 0, '--success', 0, $file, $out)->{code}, 1, 'never');
is(run('demo', '--seconds', 0, '--success', 100, '--seed', $bad, $file, $out)->{code}, 0, 'always');
is(run('demo', '--success', 101, $file, $out)->{code}, 64, 'more than always');
{
	local @ENV{qw(DROPMILL_PARAM_SECONDS DROPMILL_PARAM_SUCCESS)} = (0, 100);
	my $r = run('demo', $file, $out);
	is(speaks_protocol($r, 'demo'), 'milled in 0.0 s', 'parameters by environment');
	is(slurp("$out/demo.txt"), "some.csv\n8 bytes, milled in 0.0 s\n", 'and an output');
}
my $began = time;
my $r = run('demo', '--seed', 7, '--success', 100, $file, $out);
my $took = time - $began;
my ($planned) = $r->{out} =~ /milled in ([0-9.]+) s/;
ok($r->{code} == 0 && $planned >= 2 && $planned <= 5 && $took >= $planned - 0.1, "it takes 2 to 5 seconds ($planned)");

my $pid = open(my $begun, '-|') // die;
if (!$pid) {
	open STDERR, '>', "$dir/stderr";
	exec "$build/dropmill-demo", '--seconds', 60, $file, $out or POSIX::_exit(127);
}
readline $begun; # it says that it has begun
kill 'TERM', $pid;
$began = time;
waitpid $pid, 0;
ok(WIFSIGNALED($?) && WTERMSIG($?) == 15 && time - $began < 3, 'SIGTERM ends it at once');
is(slurp("$dir/stderr"), "stopped on request\n", 'and it says so');

done_testing();
