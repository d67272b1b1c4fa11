# Organisations, users, sessions, tokens and links for a test, put into the database of a Dropmill::Cgi or
# Dropmill::Pool (config auth => 'password') as they would be after the forms: with secrets that are known.
#
#   my $people = Dropmill::People->new($web);
#   my $org = $people->org('acme');                       # its id; it has a project "default"
#   my $secret_project = $people->project($org, 'secret');
#   $people->user('mary', org => $org, role => 'member', limited => [$secret_project], password => 1);
#   $web->request(POST => '/jobs/7/cancel', $people->as('mary'));
#   $web->request(GET => '/', $people->with($people->token('mary', 'read', expires => -1)));
#
# Times are seconds from now. The password of those who have one is Dropmill::People::PASSWORD, hashed by the
# cheapest figures there are: what it costs is not what most tests are about.
package Dropmill::People;
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Time::HiRes qw(time);

use constant PASSWORD => 'correct horse 7 staple';
use constant HASH => '$argon2id$v=19$m=8,t=1,p=1$WlDVWNrKR2nt6xYJSMAJlA$2OAGt+3R1mwyB3gs/Y1cYCV2+ggKndejg6hiwWMiS98';

my %bit = (read => 1, write => 2, work => 4, admin => 8);
my $count = 0;

sub new {
	my ($class, $web) = @_;
	return bless { web => $web, user => {}, default => { 1 => 1 } }, $class;
}

sub at { my ($seconds) = @_; return int((time + $seconds) * 1000) }
sub quoted { my ($s) = @_; return "'" . $s =~ s/'/''/gr . "'" }
sub row { my ($self, $text) = @_; return $self->{web}->sql($text) }

sub org {
	my ($self, $name) = @_;
	my $id = $self->row(sprintf 'INSERT INTO orgs (uuid, name, created_at) VALUES (%s, %s, 1) RETURNING id',
		quoted("org-$name"), quoted($name));
	$self->{default}{$id} = $self->project($id, 'default');
	return $id;
}

sub project {
	my ($self, $org, $name) = @_;
	return $self->row(sprintf 'INSERT INTO projects (org_id, name, created_at) VALUES (%d, %s, 1) RETURNING id',
		$org, quoted($name));
}

sub default_project { my ($self, $org) = @_; return $self->{default}{$org} }

# Options: org (1), role (member), limited => [projects], disabled, password (1: PASSWORD, else a hash). Its id.
sub user {
	my ($self, $name, %option) = @_;
	my $org = $option{org} // 1;
	my $password = $option{password};
	my $hash = !defined $password ? 'NULL' : quoted($password eq '1' ? HASH : $password);
	my $id = $self->row(sprintf 'INSERT INTO users (org_id, name, role, disabled, created_at, password, limited) '
		. 'VALUES (%d, %s, %s, %d, 1, %s, %d) RETURNING id', $org, quoted($name), quoted($option{role} // 'member'),
		$option{disabled} // 0, $hash, $option{limited} ? 1 : 0);
	$self->row("INSERT INTO project_members (org_id, project_id, user_id) VALUES ($org, $_, $id)")
		for @{ $option{limited} // [] };
	$self->{user}{$name} = { id => $id, org => $org };
	return $id;
}

sub id { my ($self, $name) = @_; return ($self->{user}{$name} // die "no user $name")->{id} }

sub _secret {
	my ($self, $name) = @_;
	$self->id($name);
	return sprintf 'secret-%d-%d-of-%s', $$, ++$count, $name;
}

# The cookie's value. Options: created, seen, expires, by_link, address.
sub session {
	my ($self, $name, %option) = @_;
	my $secret = $self->_secret($name);
	$self->row(sprintf 'INSERT INTO sessions (hash, org_id, user_id, by_link, address, agent, created_at, seen_at, '
		. "expires_at) VALUES ('%s', %d, %d, %d, %s, 'test', %d, %d, %d)", sha256_hex($secret),
		$self->{user}{$name}{org}, $self->id($name), $option{by_link} // 0, quoted($option{address} // ''),
		at($option{created} // 0), at($option{seen} // 0), at($option{expires} // 86400));
	return $secret;
}

# What the browser of a user sends, who has signed in for this: options of a request.
sub as {
	my ($self, $name, %option) = @_;
	my $cookie = %option ? $self->session($name, %option) : ($self->{user}{$name}{cookie} //= $self->session($name));
	return browser($cookie);
}

# Sign in anew at the next `as`.
sub forget { my ($self) = @_; delete $_->{cookie} for values %{ $self->{user} }; return }

sub browser { my ($cookie) = @_; return (cookie => "dropmill=$cookie", sec_fetch_site => 'same-origin') }

# A token by its scopes ("read,write"). Options: expires, name.
sub token {
	my ($self, $name, $scopes, %option) = @_;
	my $secret = 'dm_' . $self->_secret($name);
	my $bits = 0;
	$bits |= $bit{$_} for split /,/, $scopes;
	$self->row(sprintf "INSERT INTO tokens (hash, org_id, user_id, name, scopes, created_at, expires_at) VALUES ('%s', "
		. '%d, %d, %s, %d, %d, %s)', sha256_hex($secret), $self->{user}{$name}{org}, $self->id($name),
		quoted($option{name} // "token of $name"), $bits, at(-86400), exists $option{expires} ? at($option{expires}) : 'NULL');
	return $secret;
}

sub with { my ($self, $token) = @_; return (authorization => "Bearer $token") }

# The secret of a link that signs in. Option: expires (900).
sub link {
	my ($self, $name, %option) = @_;
	my $secret = $self->_secret($name);
	$self->row(sprintf "INSERT INTO links (hash, org_id, user_id, created_at, expires_at) VALUES ('%s', %d, %d, %d, %d)",
		sha256_hex($secret), $self->{user}{$name}{org}, $self->id($name), at(0), at($option{expires} // 900));
	return $secret;
}

1;
