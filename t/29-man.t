#!/usr/bin/perl
# The manual and the completion know what the program does: every verb, option, configuration key and key of a
# job type. What reads them, and knows more of their form, has no complaint.
use strict;
use warnings;
use FindBin qw($Bin);
use File::Temp qw(tempdir);
use Test::More;

my $top = "$Bin/..";
my $build = $ENV{BUILD} // "$top/build";
$build = "$top/$build" if $build !~ m{^/};
delete $ENV{$_} for grep { /^DROPMILL_/ } keys %ENV;

sub slurp {
	my ($file) = @_;
	open my $in, '<', "$top/$file" or die "$file: $!";
	local $/ = undef;
	return scalar <$in>;
}

my @pages = qw(dropmill.1 dropmill-web.8 dropmill-processor.8 dropmill.conf.5 dropmill-jobs.d.5);
my %page = map { ($_ => slurp("docs/man/$_")) } @pages;
my $sample = qx($build/dropmill config sample);

subtest 'dropmill.conf' => sub {
	my @keys = $sample =~ /^#?([a-z_]+) =/mg;
	cmp_ok(scalar @keys, '>', 20, 'keys');
	is_deeply([grep { $page{'dropmill.conf.5'} !~ /^\.It Cm \Q$_\E$/m } @keys], [], 'all of them are explained');
	open my $in, '-|', "$build/dropmill config sample | $top/scripts/man-conf" or die $!;
	my $made = do { local $/ = undef; <$in> };
	is($page{'dropmill.conf.5'}, $made, 'as the program does')
		or diag 'make it anew: build/dropmill config sample | scripts/man-conf >docs/man/dropmill.conf.5';
};

subtest 'job types' => sub {
	my @keys = slurp('core/jobtype_parse.c') =~ /^    KEY\((\w+), /mg;
	cmp_ok(scalar @keys, '>', 15, 'keys');
	is_deeply([grep { $page{'dropmill-jobs.d.5'} !~ /^\.It Ic \Q$_\E$/m } @keys], [], 'all of them are explained');
	my $doc = slurp('docs/JOB-TYPES.md');
	is_deeply([grep { $doc !~ /^\| `\Q$_\E` \|/m } @keys], [], 'in JOB-TYPES.md too');
};

subtest 'verbs' => sub {
	my @verbs = qx($build/dropmill --help) =~ /^  ([a-z]+)  /mg;
	cmp_ok(scalar @verbs, '>', 12, 'verbs');
	my $completion = slurp('conf/bash-completion/dropmill');
	for my $verb (@verbs) {
		like($page{'dropmill.1'}, qr/^\.(?:It |It Xo\n\.)?Cm \Q$verb\E\b/m, "$verb is in the manual");
		like($completion, qr/^\t' '\) .*\b\Q$verb\E\b/m, 'and completed');
		my @options = map { /(?<![\w-])--([a-z-]+)/g } qx($build/dropmill $verb --help);
		is_deeply([grep { $completion !~ /--\Q$_\E\b/ } @options], [], 'with its options');
		next if $verb !~ /^(?:submit|job)$/;
		is_deeply([grep { $page{'dropmill.1'} !~ /Fl -\Q$_\E\b/ } @options], [], 'which are in the manual');
	}
};

subtest 'mandoc' => sub {
	plan skip_all => 'mandoc is not installed' if system('command -v mandoc >/dev/null 2>&1') != 0;
	# The other pages are not installed here.
	is(join('', grep { !/referenced manual not found/ } qx(mandoc -Tlint $top/docs/man/$_ 2>&1)), '', $_) for @pages;
};

subtest 'completion' => sub {
	my $complete = sub {
		my (@words) = @_;
		open my $in, '-|', 'bash', '--norc', '-c', 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
			. 'compopt() { :; }; _dropmill; printf "%s\n" "${COMPREPLY[@]}"', 'bash', "$top/conf/bash-completion/dropmill", @words or die $!;
		chomp(my @found = <$in>);
		return join ' ', @found;
	};
	is($complete->('dropmill', 'su'), 'submit', 'a verb');
	is($complete->('dropmill', '--json', 'job', 're'), 'retry resume remove', 'a verb of a verb');
	is($complete->('dropmill', 'job', 'list', '--status', 'p'), 'pending processing paused', 'a state');
	is($complete->('dropmill', '-c', 'x', 'submit', '--wa'), '--wait', 'an option');
	is($complete->('dropmill', 'submit', "$top/Makef"), "$top/Makefile", 'a file');
	is($complete->("$build/dropmill", 'config', 'get', 'upload'), 'upload_max', 'a key');
};

subtest 'installed' => sub {
	my $dir = tempdir('dm-man-XXXXXX', TMPDIR => 1, CLEANUP => 1);
	local %ENV = (%ENV, DESTDIR => $dir, PREFIX => '/usr', SYSCONF => '/etc/dropmill', BUILD => $build);
	is(system("$top/scripts/install"), 0, 'make install');
	for my $page (@pages) {
		my ($section) = $page =~ /(\d)$/;
		ok(-s "$dir/usr/share/man/man$section/$page", $page);
	}
	ok(-s "$dir/usr/share/bash-completion/completions/dropmill", 'the completion');
};

done_testing;
