# No statement reaches the rows of an organisation but by the caller's: each that names a table of theirs takes
# the organisation as a parameter, or stands below with the reason why it need not. Read from
# core/statements.def as the compiler reads it.
use strict;
use warnings;
use FindBin;
use Test::More;

my $top = "$FindBin::Bin/..";

# ---- those that need not -----------------------------------------------------------------------------
my %need_not;
sub need_not { my ($why, $names) = @_; $need_not{$_} = $why for split ' ', $names; return }

need_not('by the id of a project, which the caller has looked up as theirs (request_job, request_project)',
	'COUNTER_ADD COUNTER_ALL COUNTER_STATUS COUNTER_TYPE');
need_not('by the id of a job, which the caller has locked as theirs in the same transaction',
	'JOB_SEARCH_DELETE ARCHIVE_FORGET');
need_not('names for the search index, all of them; it is asked by project, and the answer is joined with jobs of the org',
	'JOB_SEARCH_INDEX');
need_not('the processor: whose turn it is, among all', 'CLAIM_LANES CLAIM_LOADS CLAIM_EXPIRED CLAIM_DUE CLAIM_NEXT_DUE '
	. 'CLAIM_EXPIRE_WORKER CLAIM_EXPIRE_ALL RETIRE_EXPIRED RETIRE_DOOMED ARCHIVE_NEXT ARCHIVE_EXPIRE_ALL ARCHIVE_OLD');
need_not('the processor: by the token of the lease it holds, or the job it has just taken', 'CLAIM_TAKE CLAIM_RENEW CLAIM_STATE CLAIM_PROGRESS '
	. 'CLAIM_LOCK CLAIM_CLOSE CLAIM_RELEASE CLAIM_DROP ARCHIVE_TAKE ARCHIVE_RENEW ARCHIVE_FAILED ARCHIVE_DONE ARCHIVE_DROP FILE_DIGEST');
need_not('the sweep, by age alone; nothing is read', 'IDEMPOTENCY_SWEEP SESSION_SWEEP LINK_SWEEP');
need_not('says that something changed, never what', 'PROJECT_BUMP_ALL');
need_not('the operator: all organisations', 'ORG_LIST ORG_NAMED USER_LIST_ALL AUDIT_DOWN JOBTYPE_WAITING USER_OTHER_OPERATORS USER_OPERATOR_SEEN');
need_not('org 0 means any, which only the operator asks for', 'USER_NAMED');
need_not('the doctor, on the host', 'CHECK_COUNTERS CHECK_LANES CHECK_JOBS CHECK_HISTORY CHECK_FILES CHECK_STORED CHECK_SEARCH');
need_not('a backup, on the host: all there is, and what is to be forgotten in the copy', 'STORED_FILES STORED_LOGS SESSION_FORGET LINK_FORGET');
need_not('the sweep of the store: whether a file there has an owner', 'JOB_EXISTS FILE_EXISTS');
need_not('figures of the site', 'COUNTER_SITE');
need_not('the seeder: the highest id', 'SEED_LAST');
need_not('ids and times alone, of which bounds of a list are made', 'JOB_LAST_ID JOB_NEXT_ID');
need_not('who it is that asks: by the hash of a secret, or a name that a proxy or a password vouches for',
	'SESSION_GET TOKEN_GET LINK_GET USER_IDENTITY USER_SECRET');
need_not("by the id of the session, token or user that the request has been found to be", 'SESSION_SEEN SESSION_DROP TOKEN_USED USER_SIGNED_IN');

# ---- the statements ----------------------------------------------------------------------------------
my $compiler = ($ENV{CC} // 'cc') =~ s/^ccache //r;
open my $in, '-|', 'sh', '-c', qq{printf '%s\\n' '#define SQL(name, why, text) \@\@ name : text' }
	. qq{'#define SQL2(name, why, text, other) \@\@ name : text' '#include "core/statements.def"' | $compiler -E -P -I"\$0" -}, $top or die $!;
my $text = do { local $/ = undef; <$in> };
close $in or die 'no preprocessor';
my (undef, @parts) = split /^\s*@@ |\s@@ /m, $text;
my %sql;
for (@parts) {
	my ($name, $rest) = /^(\w+)\s*:\s*(.*)/s or die "not a statement: $_";
	$sql{$name} = join '', $rest =~ /"((?:[^"\\]|\\.)*)"/g;
}
cmp_ok(keys %sql, '>', 150, 'the statements were read') or diag $text;

# The tables of organisations: all that the schema gives an org_id, and those that hang on a project or a job.
my %table = map { $_ => 1 } qw(counters job_search orgs);
for my $file (glob "$top/core/schema/*.sqlite.sql") {
	open my $schema, '<', $file or die $!;
	my $ddl = do { local $/ = undef; <$schema> };
	while ($ddl =~ /CREATE TABLE (\w+) \((.*?)^\)/gsm) { my ($table, $columns) = ($1, $2); $table{$table} = 1 if $columns =~ /^\s*org_id\b/m }
}
delete $table{orgs};
is_deeply([grep { !$table{$_} } qw(jobs job_statuses files job_secrets lanes archives idempotency projects users sessions tokens links
	project_members audit)], [], 'every table of an organisation is known');

sub names { my ($sql) = @_; return grep { $sql =~ /\b(?:FROM|JOIN|INTO|UPDATE)\s+$_\b|,\s*$_\b(?=\s+(?:AS\b|WHERE\b))/ } sort keys %table }

# Whether the organisation is a parameter that nothing waives.
sub takes_org {
	my ($sql) = @_;
	if ($sql =~ /^INSERT INTO \w+ \(([^)]*)\) VALUES \((.*?)\)/s) {
		my ($columns, $values) = ([split /,\s*/, $1], [split /,\s*/, $2]);
		for my $i (0 .. $#$columns) { return $values->[$i] =~ /^\$\d+$/ if $columns->[$i] eq 'org_id' }
		return 0;
	}
	return 1 if $sql =~ /\borg_id = orgs\.id\b.* FROM orgs WHERE id = \$\d+$/s;
	return $sql =~ /(?<![\w.])\+?(?:\w+\.)?org_id = \$\d+/ && $sql !~ /\(\$\d+ = 0 OR \w+\.org_id/;
}

for my $name (sort keys %sql) {
	my @tables = names($sql{$name}) or next;
	if ($need_not{$name}) { ok(!takes_org($sql{$name}), "$name need not, and does not: $need_not{$name}") }
	else {
		ok(takes_org($sql{$name}), "$name takes the organisation") or diag "$name names @tables without org_id = \$n: add that, "
			. "or a need_not() with the reason in t/43-statements.t:\n$sql{$name}";
	}
}
ok($sql{$_}, "$_ is still a statement") for sort keys %need_not;

# What a limited member may see hangs on the project of the row, not on one of project_members' own.
for my $name (grep { $sql{$_} =~ /EXISTS \(SELECT 1 FROM project_members/ } sort keys %sql) {
	like($sql{$name}, qr/project_members m WHERE m\.user_id = \$\d+ AND m\.project_id = (?!m\.)\w+\.\w+/, "$name names the table of the project");
}
done_testing;
