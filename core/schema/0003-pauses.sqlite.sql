-- Job types that are paused as a whole. No version of one is claimed by anybody; publishing leaves this alone.
CREATE TABLE type_pauses (
	job_type  TEXT PRIMARY KEY,
	actor     TEXT NOT NULL,    -- who paused it
	paused_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
