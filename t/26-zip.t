#!/usr/bin/perl
# dropmill-zip by itself: what it writes, unzip reads; the same twice; more files and more bytes than the old
# format counts; and what it refuses.
use strict;
use warnings;
use Cwd qw(abs_path);
use FindBin;
use File::Temp qw(tempdir);
use Test::More;

my $zip = abs_path($ENV{BUILD} // "$FindBin::Bin/../build") . '/dropmill-zip';
my $dir = tempdir('dm-zip-XXXXXX', TMPDIR => 1, CLEANUP => 1);
mkdir "$dir/in" or die $!;

sub put { my ($name, $text) = @_; open my $out, '>:raw', "$dir/in/$name" or die $!; print $out $text; close $out or die $!; return }

# Files as path, type, name; exit status, and what was said.
sub pack_all {
	my ($to, $list, @option) = @_;
	open my $out, '>:raw', "$dir/list" or die $!;
	print $out map { "$_\0" } map { @$_ } @$list;
	close $out or die $!;
	my $said = qx($zip @option $dir/in <$dir/list 2>&1 >$to);
	return ($? >> 8, $said);
}

sub read_all { my ($path) = @_; open my $in, '<:raw', $path or die "$path: $!"; local $/ = undef; return scalar <$in> }

put(text => join '', map { "line $_\n" } 1 .. 5000);
put(noise => join '', map { chr(($_ * 7919 + $_ * $_) % 256) } 1 .. 5000);
put(empty => '');
my @list = (['text', 'text/plain', 'rows.txt'], ['noise', 'image/png', 'a/b/n.png'], ['empty', 'text/plain', 'a/empty'],
	['text', 'application/octet-stream', "M\xc3\xa4rz \xe2\x80\x93 x.bin"]);

subtest 'what it writes, others read' => sub {
	is_deeply([pack_all("$dir/one.zip", \@list, '--time 1790000000')], [0, ''], 'done');
	is(system("unzip -tq $dir/one.zip >/dev/null"), 0, 'unzip finds no fault');
	is(qx(unzip -p $dir/one.zip rows.txt), read_all("$dir/in/text"), 'deflated');
	is(qx(unzip -p $dir/one.zip a/b/n.png), read_all("$dir/in/noise"), 'stored');
	is(qx(LC_ALL=C.UTF-8 unzip -p $dir/one.zip "M\xc3\xa4rz \xe2\x80\x93 x.bin"), read_all("$dir/in/text"), 'a name beyond ASCII');
	like(qx(LC_ALL=C.UTF-8 unzip -lv $dir/one.zip), qr/Defl:N.*rows\.txt.*Stored.*a\/b\/n\.png/s, 'each as its type says');
	like(qx(TZ=UTC unzip -l $dir/one.zip), qr/2026-09-21 14:13   rows\.txt/, 'with the time that was given');
	pack_all("$dir/two.zip", \@list, '--time 1790000000');
	ok(read_all("$dir/one.zip") eq read_all("$dir/two.zip"), 'the same twice');
	is((pack_all("$dir/none.zip", []))[0], 0, 'an empty list');
	is(length read_all("$dir/none.zip"), 22, 'is an empty archive');
};

subtest 'more than 65,535 files' => sub {
	my $n = 70_000;
	is((pack_all("$dir/many.zip", [(map { ['empty', 'text/csv', "d/$_"] } 2 .. $n), ['noise', 'image/png', 'last']]))[0], 0, 'done');
	like(qx(unzip -l $dir/many.zip | tail -n 1), qr/\b$n files/, 'all are there');
	is(qx(unzip -p $dir/many.zip d/69999 last | wc -c), "5000\n", 'the last one too');
};

subtest 'more than 4 GiB' => sub {
	plan skip_all => 'takes its time: DROPMILL_SOAK=1' if !$ENV{DROPMILL_SOAK};
	open my $out, '>', "$dir/in/huge" or die $!;
	truncate $out, 4_400_000_000 or die $!;
	close $out;
	is((pack_all("$dir/huge.zip", [['huge', 'text/plain', 'huge'], ['text', 'text/plain', 'last']]))[0], 0, 'done');
	is(system("unzip -tq $dir/huge.zip >/dev/null"), 0, 'unzip finds no fault');
	like(qx(unzip -l $dir/huge.zip), qr/4400000000 /, 'the size is right');
};

subtest 'what it refuses' => sub {
	for my $name ('', '/etc/passwd', '../up', 'a/../b', 'a//b', 'a/', '.', 'a\\b', "\xff", 'x' x 70_000) {
		my ($code, $said) = pack_all("$dir/bad.zip", [['text', 'text/plain', $name]]);
		is($code, 65, 'a name that is not fit: ' . substr $name =~ s/[^ -~]/?/gr, 0, 20) or diag $said;
	}
	symlink '/etc/passwd', "$dir/in/link" or die $!;
	is((pack_all("$dir/bad.zip", [[$_, 'text/plain', 'x']]))[0], 74, "cannot be opened: $_") for 'link', 'nothing';
	is((pack_all("$dir/bad.zip", [['.', 'text/plain', 'x']]))[0], 65, 'no regular file');
	is(qx(printf 'text\\0text/plain\\0' | $zip $dir/in 2>&1 >$dir/bad.zip; echo \$?) =~ /65$/ ? 1 : 0, 1, 'half a list');
	qx(printf '' | $zip $dir/in 2>&1 | cat);
	is(qx($zip 2>&1 >/dev/null; echo \$?) =~ /64$/ ? 1 : 0, 1, 'no directory: usage');
	is(qx(sh -c 'ulimit -f 1; trap "" XFSZ; printf "noise\\0image/png\\0n\\0" | $zip $dir/in 2>&1 >$dir/full.zip; echo \$?') =~ /73$/ ? 1 : 0, 1,
		'no room: an exit code of its own');
};
done_testing;
