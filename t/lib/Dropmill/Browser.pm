# The pages in Chromium over a whole stack of the test's own: run('flow') passes on the TAP of
# t/browser/flow.mjs as tests of the calling program, then sees that the stack stops without a rest.
# Screenshots are left in build/screenshots.
package Dropmill::Browser;
use strict;
use warnings;
use Exporter qw(import);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;
use Dropmill::Stack;

our @EXPORT_OK = qw(run);

# Job types that take their time, never end, or fail, each as the test wants it.
my %type = (
	slow => <<~'END',
		for p in 5 20 35 50 65 80 95; do
			echo "$p% step at $p"; sleep 0.8
		done
		echo 'as slow as it was asked to be'
		END
	endless => <<~'END',
		echo '30% turning the wheel'
		while :; do sleep 1; done
		END
	broken => <<~'END',
		echo 'no licence left' >&2
		exit 1
		END
);

sub put {
	my ($path, $text, $mode) = @_;
	open my $out, '>', $path or die "$path: $!";
	print $out $text;
	close $out or die "$path: $!";
	chmod $mode, $path;
}

sub state_with_types {
	my $dir = tempdir('dm-XXXXXX', TMPDIR => 1, CLEANUP => 1);
	chmod 0755, $dir;
	make_path("$dir/state/jobs.d", "$dir/state/scripts", { mode => 0755 });
	for my $name (sort keys %type) {
		put("$dir/state/scripts/$name", "#!/bin/sh\n$type{$name}", 0755);
		put("$dir/state/jobs.d/$name.conf", "[job $name]\ntitle = \u$name\naccept = *\n"
			. "command = $dir/state/scripts/$name {input} {output}\ntimeout = 5m\nattempts = 1\n", 0644);
	}
	return "$dir/state";
}

sub run {
	my ($program) = @_;
	my $stack = Dropmill::Stack->start(state => state_with_types(), config => { upload_max => '1M' });
	local $ENV{DROPMILL_URL} = 'http://127.0.0.1:' . $stack->port;
	local $ENV{SHOTS} = Dropmill::Stack::build() . '/screenshots';
	open my $out, '-|', 'node', Dropmill::Stack::top() . "/t/browser/$program.mjs" or die "node: $!";
	my ($plan, $n) = (-1, 0);
	while (my $line = <$out>) {
		chomp $line;
		if ($line =~ /^(not )?ok \d+ - (.*)/) { $n++; ok(!$1, $2) }
		elsif ($line =~ /^1\.\.(\d+)/) { $plan = $1 }
		else { diag($line) }
	}
	close $out;
	is($plan, $n, 'the program came to its end');
	is_deeply([ $stack->stop ], [], 'no process is left') or diag($stack->log);
	done_testing();
	return;
}

1;
