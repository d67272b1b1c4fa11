# The first start: it prints a link that signs an operator in, once and within 15 minutes, and goes on doing so at
# each start until somebody has used one. Whoever has signed in by it can upload.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Process qw(wait_until);
use Dropmill::Stack;
use Test::More;

sub link_of {
	my ($stack) = @_;
	wait_until(20, sub { $stack->log =~ m{/login/\S+} });
	return ($stack->log =~ m{^dropmill: sign in, once and within 15 minutes: http://127\.0\.0\.1:\d+(/login/\S+)$}mg)[-1];
}

my $stack = Dropmill::Stack->start(config => { auth => 'password' });
is($stack->get('/', Accept => 'text/html')->{headers}{location}, '/login', 'nobody is let in without signing in');
is($stack->get('/jobs/table', Accept => 'application/json')->{status}, 401, 'no program either');
my $first = link_of($stack);
like($first, qr{^/login/[\w-]{43}$}, 'the first start prints a link');
my $state = $stack->state;
my $hold = $stack->{dir};
is_deeply([$stack->stop], [], 'it stops');

$stack = Dropmill::Stack->start(config => { auth => 'password' }, state => $state, log => "$hold/second.log");
my $second = link_of($stack);
isnt($second, $first, 'the second start prints another, since nobody has signed in');
my $in = $stack->get($second, Accept => 'text/html');
is("$in->{status} $in->{headers}{location}", '303 /', 'it signs in');
my ($cookie) = $in->{headers}{'set-cookie'} =~ /^(dropmill=[\w-]{43}); Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/;
ok($cookie, 'by a cookie that scripts do not see') or diag $in->{headers}{'set-cookie'};
is($stack->get($second, Accept => 'text/html')->{status}, 404, 'once');
my $page = $stack->get('/', Accept => 'text/html', Cookie => $cookie);
like($page->{content}, qr/<form id="upload"/, 'the page has the way to upload');
like($page->{content}, qr/data-role="operator"/, 'for an operator');
my $sent = $stack->form('/jobs', [['files', "a,b\n1,2\n", 'a.csv']], Accept => 'application/json', Cookie => $cookie, Origin => $stack->url(''));
is($sent->{status}, 201, 'an upload works') or diag $sent->{content};
ok(wait_until(30, sub { $stack->get('/api/jobs/1/status', Cookie => $cookie)->{content} =~ /"status":"completed"/ }), 'and its job completes');
is_deeply([$stack->stop], [], 'it stops');

$stack = Dropmill::Stack->start(config => { auth => 'password' }, state => $state, log => "$hold/third.log");
is($stack->get('/', Accept => 'text/html', Cookie => $cookie)->{status}, 200, 'the session outlives a restart');
sleep 1;
unlike($stack->log, qr{/login/}, 'no link is printed any more');
is($stack->get($first, Accept => 'text/html')->{status}, 404, 'that of the first start is void');
is_deeply([$stack->stop], [], 'it stops');
done_testing;
