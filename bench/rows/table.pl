# The job table through nginx, small and with millions of jobs; beside a FastCGI "hello".
use strict;
use warnings;
our (%row);

$row{table} = sub {
	my $s = stack(DROPMILL_AUTH => 'password');
	my $plain = stack(DROPMILL_AUTH => 'password', DROPMILL_FRAGMENT_CACHE => 0);
	seed($_, 1000) for $s, $plain;
	my $url = "$s->{url}/jobs/table";
	my @hx = ('HX-Request: true', signed_in($s));
	my @plain = ('HX-Request: true', signed_in($plain));
	my $tag = tag_of($url, @hx);
	my %r = in_turn(
		[ static => sub { wrk(peer()->{url} . '/static/hello.txt') } ],
		[ hello => sub { wrk(peer()->{url} . '/') } ],
		[ same => sub { wrk($url, headers => [ @hx, "HX-PTag: $tag" ]) } ],
		[ changed => sub { wrk($url, headers => \@hx) } ],
		[ rendered => sub { wrk("$plain->{url}/jobs/table", headers => \@plain) } ]);
	printf "%-38s %8s /s\n", 'nginx, static file', show($r{static}{median});
	report('table polled, nothing changed (304)', $r{same}, 'FastCGI hello', $r{hello}, 0.8);
	report('table, 25 rows sent from the cache', $r{changed}, 'FastCGI hello', $r{hello}, 0.7);
	report('table, rendered on every request', $r{rendered}, 'FastCGI hello', $r{hello}, 0.5);
	end_stack($s, $plain);
};

sub grown {
	my ($n, $name) = @_;
	my %config = (DROPMILL_AUTH => 'password', DROPMILL_FRAGMENT_CACHE => 0);
	my ($small, $large) = (stack(%config), stack(%config));
	seed($small, 1000);
	seed($large, $n);
	my %page = (first => [ '', '' ], filtered => [ ('?status=failed&type=csv-profile') x 2 ],
		deep => [ '?after=' . int($n / 2), '?after=500' ]);
	my @small = ('HX-Request: true', signed_in($small));
	my @large = ('HX-Request: true', signed_in($large));
	for my $kind (sort keys %page) {
		my %r = in_turn(
			[ large => sub { 1e6 / wrk("$large->{url}/jobs/table$page{$kind}[0]", headers => \@large) } ],
			[ small => sub { 1e6 / wrk("$small->{url}/jobs/table$page{$kind}[1]", headers => \@small) } ]);
		report("$kind page with $name jobs", $r{large}, 'the same with 1,000', $r{small}, 1.2, less => 1, unit => 'us');
	}
	end_stack($small, $large);
}
$row{million} = sub { grown(1_000_000, '1,000,000') };
$row{'ten-million'} = sub { grown(10_000_000, '10,000,000') };

1;
