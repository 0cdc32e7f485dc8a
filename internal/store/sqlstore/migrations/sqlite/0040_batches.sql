-- Batch builds (package build). body is the AWS shape as JSON; the builds of a batch are rows of builds.
CREATE TABLE build_batches (
    id          TEXT    NOT NULL PRIMARY KEY, -- uuid; the API's id is project:uuid
    project     TEXT    NOT NULL,
    number      INTEGER NOT NULL,
    status      TEXT    NOT NULL,
    stop        INTEGER NOT NULL DEFAULT 0, -- 1 once somebody asked to stop it
    body        TEXT    NOT NULL,
    request     TEXT    NOT NULL,           -- what is done for whom, beyond the AWS shape
    token       TEXT,                       -- idempotency key of whoever started it
    fingerprint TEXT    NOT NULL DEFAULT '',-- of the request the token came with
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX build_batches_by_age ON build_batches (created_at, id);
CREATE INDEX build_batches_by_project ON build_batches (project, created_at, id);
CREATE INDEX build_batches_by_token ON build_batches (token) WHERE token IS NOT NULL;
ALTER TABLE build_projects ADD COLUMN last_batch INTEGER NOT NULL DEFAULT 0; -- number of the project's newest batch
ALTER TABLE builds ADD COLUMN batch TEXT NOT NULL DEFAULT ''; -- uuid of the batch it is part of
CREATE INDEX builds_by_batch ON builds (batch) WHERE batch <> '';

-- Webhooks that start builds (package build/remote). One for a project.
CREATE TABLE build_webhooks (
    project   TEXT    NOT NULL PRIMARY KEY,
    address   TEXT    NOT NULL UNIQUE, -- what its URL is looked up by
    token     TEXT    NOT NULL, -- the end of its URL, sealed
    secret    TEXT    NOT NULL, -- sealed
    body      TEXT    NOT NULL, -- the AWS shape as JSON, without secret and payload URL
    remote_id TEXT    NOT NULL, -- the forge's; empty while it is not registered
    place     TEXT    NOT NULL, -- JSON: where it is registered
    refused   TEXT    NOT NULL  -- why the newest delivery was refused, or empty
) STRICT, WITHOUT ROWID;

CREATE TABLE build_webhook_events (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT    NOT NULL,
    event   TEXT    NOT NULL -- JSON
) STRICT;
CREATE INDEX build_webhook_events_project ON build_webhook_events (project, id);

CREATE TABLE build_webhook_deliveries (
    project TEXT    NOT NULL,
    mark    TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (project, mark)
) STRICT, WITHOUT ROWID;
CREATE INDEX build_webhook_deliveries_age ON build_webhook_deliveries (at);
