-- Archives of a job's outputs that are asked for and not made yet. One that is made is a row of files,
-- whose output is 2 then.
CREATE TABLE archives (
	job_id      INTEGER PRIMARY KEY,
	org_id      INTEGER NOT NULL,
	at          INTEGER NOT NULL,           -- when it was asked for, or when it failed
	token       TEXT,                       -- of the processor that makes it
	lease_until INTEGER NOT NULL DEFAULT 0, -- on the lease clock
	error       TEXT,                       -- why it could not be made
	FOREIGN KEY (org_id, job_id) REFERENCES jobs (org_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX archives_waiting ON archives (at) WHERE error IS NULL;
CREATE INDEX archives_job ON archives (org_id, job_id);

-- Archives are kept for a while.
CREATE INDEX files_archives ON files (created_at) WHERE output = 2;
