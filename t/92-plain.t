#!/usr/bin/perl
# Everything with JavaScript off.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Browser qw(run);

run('plain');
