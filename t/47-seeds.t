# Clients written against the owner's documents: their calls, in a JavaScript of their own, with a token.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Stack;
use Test::More;

my $top = Dropmill::Stack::top();
my $stack = Dropmill::Stack->start(config => { auth => 'password' });
my ($made, $token) = $stack->cli('token', 'create', '--user', 'admin', '--name', 'seeds', '--scope', 'read,write');
chomp $token;
is($made, 0, 'a token') or diag $token;

my $script = $stack->get('/js/job-polling.js');
is($script->{status}, 200, '/js/job-polling.js is there');
like($script->{headers}{'content-type'}, qr{^text/javascript}, 'as a script');
like($script->{headers}{'content-security-policy'} // '', qr/default-src/, 'with the headers of every answer');

open my $tap, '-|', 'node', "$top/t/api/seeds.mjs", $stack->url(''), $token, "$top/public" or die;
while (<$tap>) {
	if (/^(not )?ok \d+ - (.*)/) { ok(!$1, $2) }
	elsif (/^# ?(.*)/) { diag $1 }
}
close $tap;
is($? >> 8, 0, 'the program came to its end');
is_deeply([$stack->stop], [], 'no process is left');
done_testing;
