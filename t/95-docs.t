#!/usr/bin/perl
# The API's page: the reference with try-it under the policy of every page, and the list without JavaScript.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Browser qw(run);

run('docs', config => { auth => 'password' });
