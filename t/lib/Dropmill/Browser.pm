# The pages in Chromium over a whole stack of the test's own: run('flow') passes on the TAP of
# t/browser/flow.mjs as tests of the calling program, then sees that the stack stops without a rest.
# Screenshots are left in build/screenshots. A program that prints "stop" has the stack stopped, and by "start" started
# again on the same address; DROPMILL and DROPMILL_CONFIG let it run `dropmill`. Nobody signs in unless the
# configuration says otherwise: run('identity', config => { auth => 'password' }).
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
	talk => <<~'END',
		i=0
		while [ $i -lt 300 ]; do echo "line $i of the log"; i=$((i+1)); done
		printf 'plain, \033[31mred\033[0m, \033[1;32mbold green\033[0m, \033[38;5;208morange\033[0m, \033[7minverse\033[0m, '
		printf '\033[4munderlined\033[0m, \033[97;44mwhite on blue\033[0m, \033[30;103mblack on yellow\033[0m\n'
		printf '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">\n'
		printf 'junk \000\001\377\342\200\256 and a long line: %01000d\n' 0
		printf 'working  1%%\rworking 50%%\rworking 99%%\n'
		while :; do echo "tick $(date +%s%3N)"; sleep 0.7; done
		END
	shape => <<~'END',
		env | grep '^DROPMILL_PARAM' | sort | sed 's/DROPMILL_PARAM_//' | tr '\n' ' '
		echo "of $(ls /job/in | tr '\n' ' ')"
		END
	gather => <<~'END',
		echo "got $(ls /job/in | wc -l)"
		END
	lots => <<~'END',
		i=0
		while [ $i -lt 300 ]; do i=$((i+1)); echo "this is result $i" >"$2/part-$i.txt"; done
		echo 'made three hundred files'
		END
	brief => <<~'END',
		echo x >"$2/a.txt"; echo y >"$2/b.txt"
		END
	wide => <<~'END',
		echo done
		END
	broken => <<~'END',
		echo 'no licence left' >&2
		exit 1
		END
);

# What some of them declare besides.
my %more = (
	shape => <<~'END',
		description = Gives a picture another shape
		accept = text/plain .txt
		param.size = choice small "rather large" default small label "Size"
		param.count = integer required min 1 max 9 label "How many" help "From 1 to 9"
		param.code = text required pattern [A-Z]{3} label "Code" help "Three capital letters"
		param.day = date label "Day" min 2026-01-01
		param.gray = boolean label "Without colour" help "Gives smaller files"
		param.style = file label "Style sheet"
		param.pw = secret label "Password"
		END
	gather => "inputs = many\n",
	brief => "keep = 1s\n",
	wide => "description = As many options as one may think of\n" . join('', map {
		my $kind = ('text label "A rather long label for option %d" help "What it does, in a sentence that wraps on a phone"',
			'choice one two three default two label "Which"', 'boolean label "Do it"',
			'number min 0 max 100 label "How much" help "Per cent"', 'date label "When"', 'file label "Template"')[$_ % 6];
		"param.p$_ = " . $kind =~ s/%d/$_/r . "\n" } 1 .. 24),
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
		put("$dir/state/jobs.d/$name.conf", "[job $name]\ntitle = \u$name\n" . ($more{$name} // '')
			. (($more{$name} // '') =~ /^accept/m ? '' : "accept = *\n")
			. "command = $dir/state/scripts/$name {input} {output}\ntimeout = 1h\nattempts = 1\n", 0644);
	}
	return "$dir/state";
}

# What was asked last, and how long it took.
sub last_requests {
	my ($stack) = @_;
	open my $in, '<', $stack->state . '/log/access.log' or return '';
	my @line = <$in>;
	return @line > 60 ? @line[-60 .. -1] : @line;
}

sub run {
	my ($program, %option) = @_;
	my @how = (state => state_with_types(),
		config => { upload_max => '1M', stop_grace => '1s', %{ $option{config} // {} } });
	my $stack = Dropmill::Stack->start(@how);
	local $ENV{DROPMILL_URL} = 'http://127.0.0.1:' . $stack->port;
	local $ENV{DROPMILL} = Dropmill::Stack::build() . '/dropmill';
	local $ENV{DROPMILL_CONFIG} = $stack->state . '/dropmill.conf';
	local $ENV{SHOTS} = Dropmill::Stack::build() . '/screenshots';
	open my $out, '-|', 'node', Dropmill::Stack::top() . "/t/browser/$program.mjs" or die "node: $!";
	my ($plan, $n, $failed) = (-1, 0);
	while (my $line = <$out>) {
		chomp $line;
		if ($line =~ /^(not )?ok \d+ - (.*)/) { $n++; ok(!$1, $2) or $failed = 1 }
		elsif ($line eq 'stop') { is_deeply([ $stack->stop ], [], 'the stack stops') }
		elsif ($line eq 'start') { $stack = Dropmill::Stack->start(@how, port => $stack->port) }
		elsif ($line =~ /^1\.\.(\d+)/) { $plan = $1 }
		else { diag($line) }
	}
	close $out;
	is($plan, $n, 'the program came to its end');
	is_deeply([ $stack->stop ], [], 'no process is left') or $failed = 1;
	diag($stack->log, last_requests($stack)) if $failed;
	done_testing();
	return;
}

1;
