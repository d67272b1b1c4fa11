#!/usr/bin/perl
# People: the first sign-in by a link, a password, sessions, tokens, roles, and the pages of administration.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Browser qw(run);

run('identity', config => { auth => 'password' });
