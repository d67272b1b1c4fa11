# The programs behind thumbnail, pdf-text and archive-list, run by hand: what they make of good files, and
# the sentence with which they refuse what is cut off, locked, wrong or meant to hurt.
use strict;
use warnings;
use Archive::Tar;
use Compress::Zlib;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Compress::Zip qw(zip $ZipError);
use JSON::PP qw(decode_json);
use Test::More;

my $top = dirname(dirname(abs_path($0)));
my $build = abs_path($ENV{BUILD} // "$top/build");
my $dir = tempdir('dm-files-XXXXXX', TMPDIR => 1, CLEANUP => 1);
mkdir "$dir/out";

sub spew { my ($name, $text) = @_; open my $out, '>:raw', "$dir/$name" or die $!; print $out $text; close $out or die $!; return "$dir/$name" }
sub slurp { my ($path) = @_; open my $in, '<:raw', $path or return; local $/ = undef; return scalar <$in> }

# Exit code, result line, last line on stderr, names of the outputs.
sub tool {
	my ($name, $file, @option) = @_;
	remove_tree("$dir/out"); mkdir "$dir/out";
	my $pid = fork // die;
	if (!$pid) {
		open STDOUT, '>', "$dir/.out"; open STDERR, '>', "$dir/.err"; open STDIN, '<', '/dev/null';
		$ENV{TMPDIR} = $dir;
		exec "$build/dropmill-$name", @option, $file, "$dir/out";
	}
	waitpid $pid, 0;
	my ($result) = reverse grep { !/^\d+%/ } split /\n/, slurp("$dir/.out");
	my ($why) = reverse split /\n/, slurp("$dir/.err");
	return ($? >> 8, $result // '', $why // '', join ' ', map { s{.*/}{}r } glob "$dir/out/*");
}
sub refused { my ($name, $file, $why, $what) = @_;
	my ($code, undef, $said) = tool($name, $file);
	is($code, 65, "$name: $what is refused") or diag $said;
	like($said, $why, "in a sentence: $said") }

sub chunk { my ($type, $data) = @_; return pack('N', length $data) . $type . $data . pack('N', crc32($type . $data)) }
sub png { my ($w, $h, $noise) = @_;
	my ($d, $z) = (scalar deflateInit(-Level => 1), '');
	$z .= $d->deflate("\0" . ($noise ? join('', map { chr($_ * 7919 % 251 ^ $noise++ % 253) } 1 .. $w) : "\x50" x $w)) for 1 .. $h;
	$z .= $d->flush;
	return "\x89PNG\r\n\x1a\n" . chunk(IHDR => pack('NNCCCCC', $w, $h, 8, 0, 0, 0, 0)) . chunk(IDAT => $z) . chunk(IEND => '') }

subtest thumbnail => sub {
	plan skip_all => 'vipsthumbnail is not installed' unless -x '/usr/bin/vipsthumbnail';
	my $picture = spew('big.png', png(640, 480));
	my ($code, $result, $why, $made) = tool('thumbnail', $picture);
	is($code, 0, 'a picture') or diag $why;
	is($result, '400 x 300, from 640 x 480 PNG', 'the result');
	is($made, 'big-400.png', 'a good name');
	is(join(' ', unpack 'x16 NN', slurp("$dir/out/big-400.png")), '400 300', 'of that size');
	(undef, $result) = tool('thumbnail', $picture, '--size', 1600);
	is($result, '640 x 480, from 640 x 480 PNG', 'never larger than it was');
	($code, undef, undef, $made) = tool('thumbnail', spew('a[n=-1]%s.png', png(20, 10)), '--size', 16);
	is("$code $made", '0 a[n=-1]%s-16.png', 'a name is no option of vips');
	is((tool('thumbnail', $picture, '--size', $_))[0], 64, "--size $_ is usage") for 0, 15, 4097, '1x1', '';
	my $noisy = png(300, 300, 1);
	refused('thumbnail', spew('cut.png', substr $noisy, 0, length($noisy) / 2), qr/damaged or cut off/, 'half a picture');
	refused('thumbnail', spew('bomb.png', "\x89PNG\r\n\x1a\n" . chunk(IHDR => pack('NNCCCCC', 60000, 60000, 8, 2, 0, 0, 0))),
		qr/3,600 million pixels; 400 million are taken/, 'a bomb');
	# Readers of vips and ImageMagick that start programs, fetch or read files.
	my %trick = (
		'x.svg' => '<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd" width="9" height="9"/></svg>',
		'x.mvg' => "push graphic-context\nviewbox 0 0 640 480\nfill 'url(https://x/\";touch $dir/owned\")'\npop graphic-context\n",
		'mvg.png' => "push graphic-context\nviewbox 0 0 640 480\nimage over 0,0 0,0 'label:\@/etc/passwd'\npop graphic-context\n",
		'x.ps' => "%!PS\n(%pipe%touch $dir/owned) (w) file\nshowpage\n",
		'x.eps' => "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch $dir/owned) (w) file\n",
		'x.pdf' => "%PDF-1.4\n", 'x.msl' => '<image><read filename="/etc/passwd"/><write filename="x"/></image>',
		'x.ppm' => "P6\n1 1\n255\nabc", 'x.xpm' => "/* XPM */\nstatic char *x[] = {\"1 1 1 1\",\"a c #fff\",\"a\"};\n", 'x.txt' => "hello\n",
	);
	refused('thumbnail', spew($_, $trick{$_}), qr/^this is no picture in a format that is taken$/, $_) for sort keys %trick;
	ok(!-e "$dir/owned", 'and nothing of it was run');
	is((tool('thumbnail', "$dir/none.png"))[0], 74, 'a file that is not there');
};

subtest 'pdf-text' => sub {
	plan skip_all => 'pdftotext is not installed' unless -x '/usr/bin/pdftotext';
	my ($code, $result, $why, $made) = tool('pdf-text', "$top/conf/jobs.d/samples/two-pages.pdf");
	is("$code $result", '0 2 pages, 9 words', 'a PDF') or diag $why;
	is($made, 'pdf.json two-pages.txt', 'its outputs');
	is(slurp("$dir/out/two-pages.txt"), "Three fat sacks of flour\n\n\f" . "and one of bran\n\n\f", 'the text, page by page');
	is_deeply([@{ decode_json(slurp("$dir/out/pdf.json")) }{qw(pages words encrypted)}], [2, 9, 'no'], 'figures');
	my $pdf = slurp("$top/conf/jobs.d/samples/two-pages.pdf");
	($code, $result, undef, $made) = tool('pdf-text', spew('scan.pdf', $pdf =~ s/\(([^)]*)\) Tj/'(' . ' ' x length($1) . ') Tj'/ger));
	is("$code $result", '0 2 pages without text: scanned, it seems', 'no text is said');
	is($made, 'pdf.json', 'and no empty file made');
	refused('pdf-text', "$top/t/data/locked.pdf", qr/^the PDF is locked with a password/, 'a locked one');
	refused('pdf-text', spew('cut.pdf', substr $pdf, 0, 150), qr/damaged|cut off/, 'half of one');
	refused('pdf-text', spew('not.pdf', "hello\n" x 100), qr/no PDF/, 'a text');
	refused('pdf-text', spew('bare.pdf', "%PDF-1.4\n%%EOF\n"), qr/damaged|cut off|no pages/, 'an empty one');
};

subtest 'archive-list' => sub {
	my ($code, $result, $why, $made) = tool('archive-list', "$top/conf/jobs.d/samples/sacks.zip");
	is("$code $result", '0 ZIP: 3 files, 11 B unpacked, 1 archive inside', 'a ZIP') or diag $why;
	is($made, 'listing.csv listing.json listing.txt', 'its outputs');
	my $list = decode_json(slurp("$dir/out/listing.json"));
	is_deeply([map { "$_->{name} $_->{size}" } @{ $list->{list} }], ['sacks/flour.txt 6', 'sacks/bran.txt 4', 'sacks/more.zip 1'],
		'what is in it');
	is(slurp("$dir/out/listing.csv") =~ tr/\n//, 4, 'the CSV has a line each and a head');

	my $tar = Archive::Tar->new;
	$tar->add_data(@$_) for ['../../etc/cron.d/x', 'x'], ['/etc/passwd', 'x'], ["bell\a.txt", 'x'], ['=cmd|calc', 'x'], ['good.txt', 'good'];
	$tar->add_data('way-out', '', { type => Archive::Tar::Constant::SYMLINK(), linkname => '../../../etc/shadow' });
	my $text = $tar->write;
	($code, $result) = tool('archive-list', spew('odd.tgz', Compress::Zlib::memGzip($text)));
	is("$code $result", '0 tar: 5 files, 8 B unpacked, 4 suspicious', 'a tar of odd names');
	$list = decode_json(slurp("$dir/out/listing.json"));
	is_deeply({ map { $_->{odd} ? ($_->{name} => $_->{odd}) : () } @{ $list->{list} } }, { '../../etc/cron.d/x' => 'leads upwards',
		'/etc/passwd' => 'absolute path', 'bell?.txt' => 'odd characters', 'way-out' => 'link that leads out' }, 'each is named');
	like(slurp("$dir/out/listing.csv"), qr/^"'=cmd\|calc"/m, 'no formula in the CSV');
	ok(!-e "$dir/etc" && !glob("$dir/out/good*"), 'nothing is unpacked');

	my $zip = '';
	zip(\("\0" x 20_000_000) => \$zip, Name => 'zeros') or die $ZipError;
	like((tool('archive-list', spew('bomb.zip', $zip)))[1], qr/^ZIP: 1 file, 20 MB unpacked, \d+ times its packed size: perhaps a bomb$/, 'a bomb');
	zip(\'secret' => \($zip = ''), Name => 'a.txt', Method => 0, Stream => 0) or die $ZipError;
	substr($zip, 6, 1) |= "\1"; substr($zip, index($zip, "PK\1\2") + 8, 1) |= "\1";
	like((tool('archive-list', spew('locked.zip', $zip)))[1], qr/1 locked with a password/, 'a locked entry');
	refused('archive-list', "$top/t/data/locked.7z", qr/list of its files is locked/, 'a locked list');
	refused('archive-list', spew('cut.zip', substr $zip, 0, 40), qr/no archive, or a damaged one/, 'half a ZIP');
	refused('archive-list', spew('cut.tar', substr $text, 0, 1200), qr/damaged or cut off after 1 entry|2 entries/, 'half a tar');
	refused('archive-list', spew('a.txt', "hello\n" x 100), qr/no archive/, 'a text');
	($code, $result) = tool('archive-list', spew('notes.gz', Compress::Zlib::memGzip("hello\n" x 100)));
	is("$code $result", '0 compressed: 1 file, 600 B unpacked', 'a single file');
};
done_testing;
