#!/usr/bin/perl
# The options form of a job type, with JavaScript and without.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Browser qw(run);

run('params');
