#!/usr/bin/perl
# dropmill render as its users see it: output, partials, exit codes, messages with their place.
use strict;
use warnings;
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use IPC::Open3;
use Symbol qw(gensym);
use Test::More;

my $dropmill = ($ENV{BUILD} // 'build') . '/dropmill';
my $dir = tempdir(CLEANUP => 1);

sub put {
	my ($name, $text) = @_;
	my $path = "$dir/$name";
	make_path($path =~ s{/[^/]+$}{}r);
	open(my $out, '>', $path) or die "$path: $!";
	print $out $text;
	close $out or die "$path: $!";
	return $path;
}

# Exit code, standard output, standard error.
sub render {
	my ($data, @args) = @_;
	my $in = put('stdin.json', $data);
	open(my $stdin, '<', $in) or die "$in: $!";
	my $pid = open3('<&' . fileno($stdin), my $out, my $err = gensym, $dropmill, 'render', @args);
	local $/;
	my $stdout = <$out> // '';
	my $stderr = <$err> // '';
	waitpid($pid, 0);
	return ($? >> 8, $stdout, $stderr);
}

sub prints {
	my ($what, $expected, @call) = @_;
	is_deeply([render(@call)], [0, $expected, ''], $what);
}

sub fails {
	my ($what, $code, $message, @call) = @_;
	my ($got, $out, $err) = render(@call);
	is_deeply([$got, $out], [$code, ''], "$what: exit $code, no output");
	like($err, $message, "$what: message");
}

my $page = put('page.mustache', "<h1>{{title}}</h1>\n{{#rows}}\n  {{>sub/row}}\n{{/rows}}\n");
put('sub/row.mustache', "<p>{{name}}</p>\n{{>sub/more}}\n");
put('sub/more.mustache', "({{n}})\n");
my $data = '{"title":"a & b","rows":[{"name":"x","n":1},{"name":"<y>","n":2}]}';
my $expected = "<h1>a &amp; b</h1>\n  <p>x</p>\n  (1)\n  <p>&lt;y&gt;</p>\n  (2)\n";
prints('partials lie beside the file', $expected, $data, $page);
prints('a missing partial is empty', "<h1></h1>\n", '{"rows":[1]}', put('elsewhere/page.mustache',
	"<h1></h1>\n{{#rows}}\n  {{>sub/row}}\n{{/rows}}\n"));
prints('--partials names their folder', "<p>x</p>\n(7)\n", '{"name":"x","n":7}',
	put('elsewhere/any.html', "{{>sub/row}}\n"), '--partials', $dir);
prints('--partials=DIR, -- and a file like an option', "(7)\n", '{"n":7}',
	"--partials=$dir", '--', put('elsewhere/-x', "{{>sub/more}}\n"));
prints('a partial by dynamic name', "(3)\n", '{"n":3,"which":"sub/more"}',
	put('dynamic.mustache', "{{>*which}}\n"));
put('outside.mustache', 'SECRET');
for my $name ('../outside', '/outside', 'sub/../../outside', './outside', '.hidden', '', 'outside/') {
	prints("no partial by the name '$name' from data", '[]', qq({"which":"$name"}),
		put('inner/t.mustache', '[{{>*which}}]'));
}
put('base.mustache', "<b>\n  {{\$body}}\n  {{/body}}\n</b>\n");
prints('inheritance from a folder', "<b>\n  hello x\n</b>\n", '{"v":"x"}',
	put('child.mustache', "{{<base}}\n{{\$body}}\nhello {{v}}\n{{/body}}\n{{/base}}\n"));
prints('an empty file', '', '{}', put('empty.mustache', ''));
prints('data that is no object', '12', '[1,2]', put('list.mustache', '{{#.}}{{.}}{{/.}}'));
prints('a template without partials that includes itself on data', '1(2(3()))',
	'{"v":1,"k":{"v":2,"k":{"v":3,"k":null}}}', put('self.mustache', '{{v}}({{#k}}{{>self}}{{/k}})'));

my $bad = put('bad.mustache', "line\n  {{#a}}\n");
fails('a section left open', 65, qr/^\Q$bad\E:2:3: "a" is not closed\n$/, '{}', $bad);
put('worse.mustache', "\n\n {{x");
my $includes = put('includes.mustache', '{{>worse}}');
fails('an error in a partial', 65, qr/^\Q$dir\E\/worse\.mustache:3:2: tag is not closed\n$/, '{}', $includes);
fails('an error in a partial found by data', 65, qr/^\Q$dir\E\/worse\.mustache:3:2: /,
	'{"which":"worse"}', "$dir/dynamic.mustache");
fails('broken data', 65, qr/^<stdin>:2:5: /, "{\n\"a\":}", $page);
fails('no data', 65, qr/^<stdin>:1:1: /, '', $page);
fails('a key twice', 65, qr/^<stdin>:1:\d+: duplicate/, '{"a":1,"a":2}', $page);
fails('data nested too deep', 65, qr/^<stdin>:1:1001: nested/, '[' x 100000, $page);
my $deep = '{"n":null}';
$deep = qq({"n":$deep}) for 1 .. 990;
prints('recursion as deep as data may be', '(' x 991 . ')' x 991, $deep,
	put('deep.mustache', '({{#n}}{{>deep}}{{/n}})'));
fails('endless recursion', 65, qr/^\Q$dir\E\/loop\.mustache:1:1: .*too deep/, '{}',
	put('loop.mustache', '{{>loop}}'));
fails('no such file', 66, qr/cannot open template .*none/, '{}', "$dir/none");
fails('no file', 64, qr/^usage: /, '{}');
fails('two files', 64, qr/^usage: /, '{}', $page, $page);
fails('an unknown option', 64, qr/^usage: /, '{}', '--what', $page);
fails('--partials without a value', 64, qr/^usage: /, '{}', $page, '--partials');

done_testing;
