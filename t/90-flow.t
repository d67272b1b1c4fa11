#!/usr/bin/perl
# The main flow in Chromium: drop files, watch them complete without a reload; cancel, retry, delete; the page
# keeps still meanwhile.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Browser qw(run);

run('flow');
