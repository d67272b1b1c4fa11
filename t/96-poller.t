#!/usr/bin/perl
# JobPoller in a page: a form is sent, its job followed, its results shown.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Browser qw(run);

run('poller');
