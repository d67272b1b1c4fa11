-- Orgs own everything; every row below reaches one through org_id.
CREATE TABLE orgs (
	id         INTEGER PRIMARY KEY,
	uuid       TEXT NOT NULL UNIQUE,
	name       TEXT NOT NULL UNIQUE,
	created_at INTEGER NOT NULL -- wall ms, like every time here unless it says otherwise
) STRICT;

-- People. Passwords, sessions and tokens have tables of their own.
CREATE TABLE users (
	id         INTEGER PRIMARY KEY,
	org_id     INTEGER NOT NULL REFERENCES orgs (id),
	name       TEXT NOT NULL UNIQUE,
	role       TEXT NOT NULL CHECK (role IN ('viewer', 'member', 'admin', 'operator')),
	disabled   INTEGER NOT NULL DEFAULT 0, -- 0 or 1
	created_at INTEGER NOT NULL,
	UNIQUE (org_id, id)
) STRICT;

-- What jobs are grouped by, and whose version tags every page.
CREATE TABLE projects (
	id         INTEGER PRIMARY KEY,
	org_id     INTEGER NOT NULL REFERENCES orgs (id),
	name       TEXT NOT NULL,
	version    INTEGER NOT NULL DEFAULT 1, -- counted up by each transaction that changes what its page shows
	created_at INTEGER NOT NULL,
	UNIQUE (org_id, id),
	UNIQUE (org_id, name)
) STRICT;

CREATE TABLE jobs (
	id              INTEGER PRIMARY KEY,
	uuid            TEXT NOT NULL UNIQUE,
	org_id          INTEGER NOT NULL,
	project_id      INTEGER NOT NULL,
	user_id         INTEGER NOT NULL,
	created_by      TEXT NOT NULL,              -- the user's name at that time
	name            TEXT NOT NULL,              -- shown to people; as a rule the file's name
	job_type        TEXT NOT NULL,
	type_version    INTEGER NOT NULL,           -- of the definition it was made with
	status          TEXT NOT NULL CHECK (status IN
	    ('pending', 'processing', 'paused', 'completed', 'failed', 'cancelled', 'removed')),
	ready           INTEGER NOT NULL DEFAULT 0, -- 1: pending, due and without a token, so a processor may claim it
	priority        INTEGER NOT NULL DEFAULT 0, -- higher runs first
	progress        INTEGER NOT NULL DEFAULT 0, -- per cent
	total_items     INTEGER,
	processed_items INTEGER,
	rejected_items  INTEGER,
	current_step    TEXT,
	params          TEXT NOT NULL DEFAULT '{}', -- JSON object
	retry_count     INTEGER NOT NULL DEFAULT 0, -- every retry, automatic or by hand
	auto_retries    INTEGER NOT NULL DEFAULT 0, -- automatic ones since the last by hand
	max_retries     INTEGER NOT NULL DEFAULT 0, -- bound of auto_retries
	crashes         INTEGER NOT NULL DEFAULT 0, -- how often its runner died
	attempt         INTEGER NOT NULL DEFAULT 0, -- number of the last attempt
	run_at          INTEGER NOT NULL DEFAULT 0, -- not before
	lease_token     TEXT,                       -- of the attempt that has processes, until the last is gone
	lease_until     INTEGER,                    -- on the lease clock
	worker_id       INTEGER,                    -- who holds the lease
	files_in        INTEGER NOT NULL DEFAULT 0, -- number of input files
	files_out       INTEGER NOT NULL DEFAULT 0, -- number of output files
	size_bytes      INTEGER NOT NULL DEFAULT 0, -- of the inputs together
	cpu_ms          INTEGER,                    -- of the last attempt, like the next two
	peak_bytes      INTEGER,
	log_bytes       INTEGER,
	error           TEXT,                       -- the cause of a failure in words a person understands
	result          TEXT,
	created_at      INTEGER NOT NULL,
	updated_at      INTEGER NOT NULL,
	started_at      INTEGER,
	completed_at    INTEGER,
	UNIQUE (org_id, id),
	FOREIGN KEY (org_id, project_id) REFERENCES projects (org_id, id)
) STRICT;

-- The list pages: keyset by id under each combination of filters.
CREATE INDEX jobs_project ON jobs (project_id, id);
CREATE INDEX jobs_project_status ON jobs (project_id, status, id);
CREATE INDEX jobs_project_type ON jobs (project_id, job_type, id);
CREATE INDEX jobs_project_status_type ON jobs (project_id, status, job_type, id);
-- The head of each lane.
CREATE INDEX jobs_ready ON jobs (org_id, job_type, priority DESC, id) WHERE ready = 1;
-- Pending jobs that wait for their time, and leases by their end.
CREATE INDEX jobs_delayed ON jobs (run_at) WHERE status = 'pending' AND ready = 0;
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE lease_token IS NOT NULL;

-- The history of each job: one row per transition, in the transaction that made it.
CREATE TABLE job_statuses (
	id     INTEGER PRIMARY KEY,
	org_id INTEGER NOT NULL,
	job_id INTEGER NOT NULL,
	status TEXT NOT NULL,
	at     INTEGER NOT NULL,
	actor  TEXT NOT NULL, -- a user's name, or the processor's
	reason TEXT,
	FOREIGN KEY (org_id, job_id) REFERENCES jobs (org_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX job_statuses_job ON job_statuses (org_id, job_id, id);

-- Files in the store; uuid is their name there.
CREATE TABLE files (
	id           INTEGER PRIMARY KEY,
	uuid         TEXT NOT NULL UNIQUE,
	org_id       INTEGER NOT NULL,
	job_id       INTEGER NOT NULL,
	output       INTEGER NOT NULL, -- 0: input, 1: output
	name         TEXT NOT NULL,    -- for display; an output's is its path in the output directory
	size_bytes   INTEGER NOT NULL,
	content_type TEXT NOT NULL,
	sha256       TEXT,
	created_at   INTEGER NOT NULL,
	FOREIGN KEY (org_id, job_id) REFERENCES jobs (org_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX files_job ON files (org_id, job_id, output, id);

-- What may run next: one lane per org and type.
CREATE TABLE lanes (
	org_id   INTEGER NOT NULL REFERENCES orgs (id),
	job_type TEXT NOT NULL,
	pending  INTEGER NOT NULL DEFAULT 0, -- jobs with ready = 1
	running  INTEGER NOT NULL DEFAULT 0, -- jobs with a token
	cap      INTEGER,                    -- most that may run at once over all hosts; NULL: no limit
	vtime    INTEGER NOT NULL DEFAULT 0, -- service received: the lane with the least goes first
	PRIMARY KEY (org_id, job_type)
) STRICT, WITHOUT ROWID;

-- Jobs per project, state and type: every count a page shows.
CREATE TABLE counters (
	project_id INTEGER NOT NULL,
	status     TEXT NOT NULL,
	job_type   TEXT NOT NULL,
	n          INTEGER NOT NULL,
	PRIMARY KEY (project_id, status, job_type)
) STRICT, WITHOUT ROWID;

-- Published definitions. Old versions stay: jobs remember theirs.
CREATE TABLE job_types (
	name       TEXT NOT NULL,
	version    INTEGER NOT NULL,
	current    INTEGER NOT NULL, -- 1: the version new jobs get
	available  INTEGER NOT NULL, -- 1: some host has every program it needs
	definition TEXT NOT NULL,    -- JSON
	created_at INTEGER NOT NULL,
	PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;

-- Processors that have made themselves known.
CREATE TABLE workers (
	id         INTEGER PRIMARY KEY,
	name       TEXT NOT NULL,              -- host and pid, for people
	about      TEXT NOT NULL DEFAULT '{}', -- JSON: slots, sandbox, version
	running    INTEGER NOT NULL DEFAULT 0,
	started_at INTEGER NOT NULL,
	seen_at    INTEGER NOT NULL,
	ended_at   INTEGER                     -- NULL while it runs, or if it died
) STRICT;

-- Answers of requests that carried an Idempotency-Key; kept 24 hours.
CREATE TABLE idempotency (
	org_id       INTEGER NOT NULL,
	key          TEXT NOT NULL,
	request_hash TEXT NOT NULL,
	response     TEXT NOT NULL,
	created_at   INTEGER NOT NULL,
	PRIMARY KEY (org_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_age ON idempotency (created_at);

-- Single values: boot_id of the last processor, stamp of job_types.
CREATE TABLE settings (
	key   TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Search in names. `scope` holds a word per project, so that a rare match is found within it. Names
-- come in by batches: the newest jobs are not in it yet (core/job_search.h).
CREATE VIRTUAL TABLE job_search USING fts5 (name, scope, tokenize = 'trigram', columnsize = 0);

-- The one user of `auth = none`.
INSERT INTO orgs (id, uuid, name, created_at) VALUES (1, '00000000-0000-7000-8000-000000000001', 'local', 0);
INSERT INTO users (id, org_id, name, role, created_at) VALUES (1, 1, 'local', 'operator', 0);
INSERT INTO projects (id, org_id, name, created_at) VALUES (1, 1, 'default', 0);
