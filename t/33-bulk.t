# One action on many jobs, and the figures of the site.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::People;
use Dropmill::Pool;
use Test::More;

my $web = Dropmill::Pool->new(config => { auth => 'password' });
my $people = Dropmill::People->new($web);
my $ours = $people->org('ours');
my $closed = $people->project($ours, 'closed');
$people->user('mary', org => $ours, role => 'member');
$people->user('eve', org => $people->org('theirs'), role => 'member');
$people->user('olga', role => 'operator');
my %mary = $people->as('mary');
my %eve = $people->as('eve');

sub make { my ($query, %who) = @_; return $web->request(PUT => "/jobs/upload/f.txt?$query", body => 'x', accept => 'application/json', %who)->{json}{jobs}[0]{id} }
sub bulk { my ($body, %who) = @_; return $web->request(POST => '/jobs/bulk', accept => 'application/json',
	content_type => 'application/x-www-form-urlencoded', body => $body, %who) }
sub states { return join ' ', map { $web->sql("SELECT status FROM jobs WHERE id = $_") || 'gone' } @_ }
sub figures { my $j = $_[0]{json}; return "$j->{count} $j->{skipped} " . ($j->{more} ? 'more' : 'all') }

my @mine = map { make('', %mary) } 1 .. 4;
my $elsewhere = make('project=closed', %mary);
my $hers = make('', %eve);
is(figures(bulk("action=cancel&ids=$mine[0],$mine[1]", %mary)), '2 0 all', 'two by their numbers');
is(states(@mine), 'cancelled cancelled pending pending', 'and no other');
is(figures(bulk("action=cancel&ids=$mine[0],$hers,999999,x", %mary)), '0 4 all', 'what it does not fit, or is not there, is skipped');
is(states($hers), 'pending', 'those of others are not there');
is(figures(bulk("action=pause&ids%5B%5D=$mine[2]&ids%5B%5D=$mine[3]", %mary)), '2 0 all', 'as a form has them');
is(figures(bulk('action=delete&all=yes&status=cancelled', %mary)), '2 0 all', 'all that match');
is(states(@mine), 'gone gone paused paused', 'are gone, and no other');
is(figures(bulk('action=cancel&all=yes', %mary)), '2 0 all', 'all of the project');
is(states($elsewhere, $hers), 'pending pending', 'not of another');
is(figures(bulk('action=cancel&all=yes&project=closed', %mary)), '1 0 all', 'but of that one when it is named');
for my $case (['', 'action'], ['action=cancel', 'ids'], ['action=cancel&ids=1&all=yes', 'ids'], ['action=explode&ids=1', 'action'],
	['action=cancel&all=yes&q=ab', undef], ['action=cancel&all=yes&project=theirs', 'project']) {
	my $answer = bulk($case->[0], %mary);
	is($answer->{status}, 422, "422: $case->[0]");
	is($answer->{json}{field}, $case->[1], 'its field') if $case->[1];
}
my @many = map { make('', %mary) } 1 .. 501;
is(figures(bulk('action=cancel&all=yes&status=pending', %mary)), '500 0 more', 'no more than 500 at once');
is(figures(bulk('action=cancel&all=yes&status=pending', %mary)), '1 0 all', 'the rest after that');

# ---- figures -----------------------------------------------------------------------------------------
sub metrics { return $web->request(GET => '/metrics', @_) }
my $text = metrics(param => { REMOTE_ADDR => '127.0.0.1' })->{content};
like($text, qr/^dropmill_jobs\{status="cancelled",type="inspect"\} 50\d$/m, 'jobs by state and type');
like($text, qr/^dropmill_org_stored_bytes\{org="$ours"\} \d+$/m, 'bytes by organisation');
like($text, qr/^dropmill_processors 0$/m, 'processors');
is_deeply([grep { !/^(?:# (?:HELP|TYPE) dropmill_\w+ .+|dropmill_\w+(?:\{(?:\w+="[^"\\\n]*",?)+\})? -?\d+)$/ } split /\n/, $text], [], 'every line has the form');
is(metrics(param => { REMOTE_ADDR => '192.0.2.1' })->{status}, 403, 'not for everybody');
is(metrics(param => { REMOTE_ADDR => '192.0.2.1' }, %mary)->{status}, 403, 'nor for somebody');
is(metrics(param => { REMOTE_ADDR => '192.0.2.1' }, $people->with($people->token('olga', 'admin')))->{status}, 200, 'but for an operator\'s token');
is(metrics(param => { REMOTE_ADDR => '192.0.2.1' }, $people->with($people->token('olga', 'read')))->{status}, 403, 'with the scope');
done_testing;
