-- The parameter whose value a file is; NULL: an input as it was dropped, or an output.
ALTER TABLE files ADD COLUMN param TEXT;

-- Values of secret parameters, sealed (core/secret.h). A row goes with the job or with its files.
CREATE TABLE job_secrets (
	org_id INTEGER NOT NULL,
	job_id INTEGER NOT NULL,
	sealed TEXT NOT NULL,
	PRIMARY KEY (org_id, job_id),
	FOREIGN KEY (org_id, job_id) REFERENCES jobs (org_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
