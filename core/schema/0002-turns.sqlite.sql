-- Turns: who of those that wait was served the longest time ago goes first, organisations before the
-- types within one. The queue's clock ticks once a job; it is the highest vtime of all orgs.
ALTER TABLE orgs ADD COLUMN cap INTEGER CHECK (cap >= 0); -- most jobs that may run at once over all hosts; NULL: no limit
ALTER TABLE orgs ADD COLUMN vtime INTEGER NOT NULL DEFAULT 0; -- when it was last served, on the queue's clock
CREATE INDEX orgs_vtime ON orgs (vtime);
UPDATE lanes SET vtime = 0; -- from now on the same clock
CREATE INDEX lanes_pending ON lanes (org_id, job_type) WHERE pending > 0;

-- The limit of a type (concurrency) is one of the host, whatever the number of its processors.
ALTER TABLE workers ADD COLUMN host TEXT NOT NULL DEFAULT ''; -- name of the machine
