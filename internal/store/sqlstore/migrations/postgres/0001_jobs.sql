-- The queue's durable jobs. A job that is done is deleted; one that was given up is kept for a while as 'failed'.
-- state: scheduled (run_at is in the future), available (may be claimed), running (owned and leased), failed.
-- Rows live for milliseconds: room in every page and an eager vacuum keep the table and its indexes small.
CREATE TABLE jobs (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        TEXT   NOT NULL,
    payload     TEXT   NOT NULL,
    grp         TEXT   COLLATE "C" NOT NULL,
    key         TEXT   NOT NULL,
    priority    BIGINT NOT NULL,
    state       TEXT   NOT NULL,
    run_at      BIGINT NOT NULL,
    attempt     BIGINT NOT NULL,
    failures    BIGINT NOT NULL,
    owner       TEXT   NOT NULL,
    lease_until BIGINT NOT NULL,
    cancelled   BIGINT NOT NULL DEFAULT 0,
    last_error  TEXT   NOT NULL DEFAULT '',
    created_at  BIGINT NOT NULL,
    failed_at   BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500,
        autovacuum_analyze_scale_factor = 0.05);

-- One unfinished job per (kind, key).
CREATE UNIQUE INDEX jobs_key ON jobs (kind, key) WHERE key <> '' AND state <> 'failed';
-- Claiming: the highest priority first, groups taking turns, oldest first within a group.
CREATE INDEX jobs_available ON jobs (kind, priority DESC, grp, id) WHERE state = 'available';
CREATE INDEX jobs_scheduled ON jobs (run_at) WHERE state = 'scheduled';
CREATE INDEX jobs_running ON jobs (owner, lease_until) WHERE state = 'running';
CREATE INDEX jobs_failed ON jobs (failed_at) WHERE state = 'failed';
