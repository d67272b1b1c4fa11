-- What an org may have, NULL: no limit; and what it has. Stored bytes follow the files by triggers, so
-- that no way of making or removing one can forget them.
ALTER TABLE orgs ADD COLUMN quota_bytes INTEGER CHECK (quota_bytes >= 0);     -- of all its files together
ALTER TABLE orgs ADD COLUMN quota_pending INTEGER CHECK (quota_pending >= 0); -- jobs that wait
ALTER TABLE orgs ADD COLUMN quota_file INTEGER CHECK (quota_file >= 0);       -- bytes of one file
ALTER TABLE orgs ADD COLUMN quota_rate INTEGER CHECK (quota_rate >= 0);       -- uploads a minute
ALTER TABLE orgs ADD COLUMN stored_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orgs ADD COLUMN rate_minute INTEGER NOT NULL DEFAULT 0;           -- minute since 1970 that rate_used counts
ALTER TABLE orgs ADD COLUMN rate_used INTEGER NOT NULL DEFAULT 0;
UPDATE orgs SET stored_bytes = COALESCE((SELECT SUM(size_bytes) FROM files WHERE files.org_id = orgs.id), 0);
CREATE TRIGGER files_stored AFTER INSERT ON files BEGIN
	UPDATE orgs SET stored_bytes = stored_bytes + NEW.size_bytes WHERE id = NEW.org_id;
END;
CREATE TRIGGER files_freed AFTER DELETE ON files BEGIN
	UPDATE orgs SET stored_bytes = stored_bytes - OLD.size_bytes WHERE id = OLD.org_id;
END;
CREATE TRIGGER files_resized AFTER UPDATE OF size_bytes ON files BEGIN
	UPDATE orgs SET stored_bytes = stored_bytes + NEW.size_bytes - OLD.size_bytes WHERE id = NEW.org_id;
END;

ALTER TABLE users ADD COLUMN password TEXT;                       -- Argon2id, as libsodium writes it; NULL: none, nobody signs in by one
ALTER TABLE users ADD COLUMN signed_in_at INTEGER;                -- last time; NULL: never
ALTER TABLE users ADD COLUMN limited INTEGER NOT NULL DEFAULT 0;  -- 1: sees only the projects of project_members
CREATE INDEX users_org ON users (org_id, id);

CREATE TABLE project_members (
	user_id    INTEGER NOT NULL,
	project_id INTEGER NOT NULL,
	org_id     INTEGER NOT NULL,
	PRIMARY KEY (user_id, project_id),
	FOREIGN KEY (org_id, project_id) REFERENCES projects (org_id, id) ON DELETE CASCADE,
	FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX project_members_project ON project_members (org_id, project_id);

-- Signed-in browsers. Of what the cookie holds only the SHA-256 is kept, here and below.
CREATE TABLE sessions (
	id         INTEGER PRIMARY KEY,
	hash       TEXT NOT NULL UNIQUE,
	org_id     INTEGER NOT NULL,
	user_id    INTEGER NOT NULL,
	by_link    INTEGER NOT NULL,   -- 1: begun by a one-time link, so a new password needs no old one
	address    TEXT NOT NULL,      -- where it was begun
	agent      TEXT NOT NULL,      -- what the browser called itself
	created_at INTEGER NOT NULL,
	seen_at    INTEGER NOT NULL,   -- to the minute
	expires_at INTEGER NOT NULL,   -- at the latest
	FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX sessions_user ON sessions (org_id, user_id, id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- Links that sign somebody in once.
CREATE TABLE links (
	hash       TEXT PRIMARY KEY,
	org_id     INTEGER NOT NULL,
	user_id    INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL,
	FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX links_user ON links (org_id, user_id);
CREATE INDEX links_expiry ON links (expires_at);

-- Bearer tokens of programs.
CREATE TABLE tokens (
	id         INTEGER PRIMARY KEY,
	hash       TEXT NOT NULL UNIQUE,
	org_id     INTEGER NOT NULL,
	user_id    INTEGER NOT NULL,
	name       TEXT NOT NULL,    -- for people
	scopes     INTEGER NOT NULL, -- bits: 1 read, 2 write, 4 work, 8 admin
	created_at INTEGER NOT NULL,
	expires_at INTEGER,          -- NULL: never
	used_at    INTEGER,          -- to the minute; NULL: never
	FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX tokens_user ON tokens (org_id, user_id, id);

-- Who failed to sign in of late, by account and address (core/login.c).
CREATE TABLE login_failures (
	key TEXT PRIMARY KEY,
	n   INTEGER NOT NULL, -- in a row, without a rest of an hour between
	at  INTEGER NOT NULL  -- the last one
) STRICT, WITHOUT ROWID;
CREATE INDEX login_failures_age ON login_failures (at);

-- From where somebody has signed in before: guesses from elsewhere do not keep them out.
CREATE TABLE login_places (
	user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	address TEXT NOT NULL,
	at      INTEGER NOT NULL,
	PRIMARY KEY (user_id, address)
) STRICT, WITHOUT ROWID;

-- Who did what, when, from where. Rows are only ever added.
CREATE TABLE audit (
	id      INTEGER PRIMARY KEY,
	at      INTEGER NOT NULL,
	org_id  INTEGER NOT NULL, -- whose data it was about; 0: nobody's, or the whole site's
	user_id INTEGER,          -- NULL: nobody known
	actor   TEXT NOT NULL,    -- the user's name at that time, or what was tried
	via     TEXT NOT NULL,    -- session, token NAME, link, password, proxy, none, cli
	address TEXT NOT NULL,    -- '' for this host
	request TEXT NOT NULL,    -- '' if there is none
	action  TEXT NOT NULL,    -- noun.verb
	object  TEXT NOT NULL,    -- what it was done to, for people
	detail  TEXT NOT NULL     -- JSON object
) STRICT;
CREATE INDEX audit_org ON audit (org_id, id);
CREATE TRIGGER audit_fixed BEFORE UPDATE ON audit BEGIN
	SELECT RAISE(ABORT, 'the audit log is only added to');
END;
CREATE TRIGGER audit_kept BEFORE DELETE ON audit BEGIN
	SELECT RAISE(ABORT, 'the audit log is only added to');
END;
-- INSERT OR REPLACE deletes without a word to the trigger above.
CREATE TRIGGER audit_once BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id) BEGIN
	SELECT RAISE(ABORT, 'the audit log is only added to');
END;

-- The user of `auth = none` never signs in; the first operator does, by the link of the first start.
UPDATE users SET disabled = 1 WHERE id = 1;
INSERT INTO users (id, org_id, name, role, created_at) SELECT 2, 1, 'admin', 'operator', 0
    WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = 2 OR name = 'admin');
