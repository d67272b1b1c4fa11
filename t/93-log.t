#!/usr/bin/perl
# The page of a log: follows, stays where the reader is, shows colours, and nothing in it is markup.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Dropmill::Browser qw(run);

run('log');
