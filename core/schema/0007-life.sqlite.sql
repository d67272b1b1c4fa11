-- What becomes of a job's files: how long they are kept, and jobs that are deleted while they run.
ALTER TABLE jobs ADD COLUMN keep_ms INTEGER NOT NULL DEFAULT 0; -- files are kept so long after the end; 0: for ever
ALTER TABLE jobs ADD COLUMN doomed INTEGER NOT NULL DEFAULT 0;  -- 1: deleted for people; the row waits for its last process

-- Ended jobs by the moment at which their files go, and jobs that wait for their deletion.
CREATE INDEX jobs_expiry ON jobs (completed_at + keep_ms)
    WHERE keep_ms > 0 AND completed_at IS NOT NULL AND status <> 'removed';
CREATE INDEX jobs_doomed ON jobs (id) WHERE doomed = 1;
