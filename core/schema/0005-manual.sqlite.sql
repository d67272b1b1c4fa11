-- Jobs that people and outside programs move (core/job_move.c). No processor looks at them: they are
-- never ready, never hold a lease, and are not among the delayed that are waited for.
ALTER TABLE jobs ADD COLUMN manual INTEGER NOT NULL DEFAULT 0; -- 1: moved by hand, no processor takes it

DROP INDEX jobs_delayed;
CREATE INDEX jobs_delayed ON jobs (run_at) WHERE status = 'pending' AND ready = 0 AND manual = 0;
