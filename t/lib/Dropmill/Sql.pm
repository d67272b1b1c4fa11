# A shell on a database that others have open, which stays open for many statements. It checkpoints nothing,
# as all who write to this database; to be used while nothing else happens there.
package Dropmill::Sql;
use strict;
use warnings;
use IPC::Open2 qw(open2);

sub new {
	my ($class, $database) = @_;
	my $self = bless { owner => $$ }, $class;
	$self->{pid} = open2($self->{from}, $self->{to}, 'sh', '-c', 'exec sqlite3 -batch "$0" 2>&1', $database);
	$self->{to}->autoflush(1);
	$self->ask('PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 0;');
	return $self;
}

# Rows are lines, columns parted by |. Dies of an error.
sub ask {
	my ($self, $text) = @_;
	utf8::encode($text) if utf8::is_utf8($text);
	print { $self->{to} } $text, "\n;\n.print =end=\n";
	my $out = '';
	while (defined(my $line = readline $self->{from})) {
		last if $line eq "=end=\n";
		$out .= $line;
	}
	die "sqlite3: $out" if $out =~ /^(?:Parse |Runtime )?[Ee]rror(?::| near)/m;
	chomp $out;
	return $out;
}

sub DESTROY {
	my ($self) = @_;
	return if $self->{owner} != $$;
	local ($?, $!);
	close $self->{$_} for qw(to from);
	waitpid $self->{pid}, 0;
	return;
}

1;
