#!/usr/bin/perl
# Everything with JavaScript off; and what the watch over all pages sees.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Browser qw(run);

run('plain');
