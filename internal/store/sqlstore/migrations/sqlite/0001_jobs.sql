-- The queue's durable jobs. A job that is done is deleted; one that was given up is kept for a while as 'failed'.
-- state: scheduled (run_at is in the future), available (may be claimed), running (owned and leased), failed.
-- Ids are never used again (AUTOINCREMENT), because an owner proves with them that a job is still its own.
CREATE TABLE jobs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        TEXT    NOT NULL,
    payload     TEXT    NOT NULL,
    grp         TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    priority    INTEGER NOT NULL,
    state       TEXT    NOT NULL,
    run_at      INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    failures    INTEGER NOT NULL,
    owner       TEXT    NOT NULL,
    lease_until INTEGER NOT NULL,
    cancelled   INTEGER NOT NULL DEFAULT 0,
    last_error  TEXT    NOT NULL DEFAULT '',
    created_at  INTEGER NOT NULL,
    failed_at   INTEGER NOT NULL DEFAULT 0
) STRICT;

-- One unfinished job per (kind, key).
CREATE UNIQUE INDEX jobs_key ON jobs (kind, key) WHERE key <> '' AND state <> 'failed';
-- Claiming: the highest priority first, groups taking turns, oldest first within a group.
CREATE INDEX jobs_available ON jobs (kind, priority DESC, grp, id) WHERE state = 'available';
CREATE INDEX jobs_scheduled ON jobs (run_at) WHERE state = 'scheduled';
CREATE INDEX jobs_running ON jobs (owner, lease_until) WHERE state = 'running';
CREATE INDEX jobs_failed ON jobs (failed_at) WHERE state = 'failed';
