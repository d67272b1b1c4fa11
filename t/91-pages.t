#!/usr/bin/perl
# Each page in light, dark and phone width: axe, no sideways scrolling, a screenshot; the page of a job live.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Browser qw(run);

run('pages');
