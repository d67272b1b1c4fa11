# The API document: valid, complete both ways, and true: every operation through a comparing proxy, and
# thousands of generated requests.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Process qw(wait_until);
use Dropmill::Stack;
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Test::More;

my $top = Dropmill::Stack::top();
my $dir = tempdir('dm-api-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
mkdir "$dir/jobs.d";
open my $type, '>', "$dir/jobs.d/elsewhere.conf" or die;
print $type "[job elsewhere]\ntitle = Elsewhere\naccept = *\nrunner = external\n";
close $type;
my $stack = Dropmill::Stack->start(config => { auth => 'password', jobs_dir => "$top/conf/jobs.d:$dir/jobs.d", upload_max => '1M' });

my ($made, $token) = $stack->cli('token', 'create', '--user', 'admin', '--name', 'test', '--scope', 'admin');
chomp $token;
is($made, 0, 'a token') or diag $token;
my $answer = $stack->get('/api/openapi.json');
is($answer->{status}, 200, 'it is served');
my $doc = decode_json($answer->{content});
open my $out, '>', "$dir/openapi.json" or die;
print $out $answer->{content};
close $out;

# The route table and the document, both ways.
my (%table, %once);
for (split /\n/, `'@{[Dropmill::Stack::build()]}/dropmill-web' --routes`) {
	my ($methods, $pattern, $once) = (split /\t/)[0, 1, 5];
	next if $pattern !~ m{^/(?:api|jobs|processing_file)(?:/|$)};
	$table{"$_ $pattern"} = 1 for split /, /, $methods;
	$once{"$_ $pattern"} = 1 for grep { $once } split /, /, $methods;
}
my (%told, %takes_key);
for my $path (keys %{ $doc->{paths} }) {
	for my $method (keys %{ $doc->{paths}{$path} }) {
		$told{ uc($method) . " $path" } = 1;
		$takes_key{ uc($method) . " $path" } = 1 if grep { ($_->{'$ref'} // '') =~ /IdempotencyKey/ } @{ $doc->{paths}{$path}{$method}{parameters} };
	}
}
is_deeply([sort keys %told], [sort keys %table], 'it tells of every route of the table, and of no other');
is_deeply([sort keys %takes_key], [sort keys %once], 'a key is taken by what makes something, and by nothing else');
like($doc->{openapi}, qr/^3\.1\./, 'OpenAPI 3.1');

chdir $top or die;
my $lint = `node_modules/.bin/redocly lint --config redocly.yaml --format summary '$dir/openapi.json' 2>&1`;
is($?, 0, 'redocly finds nothing wrong') or diag $lint;
unlike($lint, qr/warning/i, 'and warns of nothing') or diag $lint;

my $port = Dropmill::Stack::free_port();
my $prism = fork // die;
if (!$prism) {
	open STDOUT, '>', "$dir/prism.log";
	open STDERR, '>&', \*STDOUT;
	exec 'node_modules/.bin/prism', 'proxy', '--errors', '--host', '127.0.0.1', '--port', $port, "$dir/openapi.json", $stack->url('');
}
my $up = wait_until(60, sub { HTTP::Tiny->new(timeout => 5)->get("http://127.0.0.1:$port/api/openapi.json")->{status} == 200 });
ok($up, 'the comparing proxy is there') or diag `cat '$dir/prism.log'`;

my $requests = $ENV{DROPMILL_SOAK} ? 50000 : 5000;
open my $tap, '-|', 'node', 't/api/document.mjs', $stack->url(''), "http://127.0.0.1:$port", "$dir/openapi.json", $requests, $token or die;
while (<$tap>) {
	if (/^(not )?ok \d+ - (.*)/) { ok(!$1, $2) }
	elsif (/^# ?(.*)/) { diag $1 }
}
close $tap;
kill TERM => $prism;
waitpid $prism, 0;
my ($status, $check) = $stack->cli('check');
is($status, 0, 'database and store agree') or diag $check;
is_deeply([$stack->stop], [], 'no process is left');
done_testing;
