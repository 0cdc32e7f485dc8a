-- Build projects and builds (package build). body is the AWS shape of the thing as JSON.
CREATE TABLE build_projects (
    name        TEXT    NOT NULL PRIMARY KEY,
    body        TEXT    NOT NULL,
    last_number BIGINT  NOT NULL DEFAULT 0, -- of the project's newest build
    created_at  BIGINT  NOT NULL,
    modified_at BIGINT  NOT NULL
);
CREATE INDEX build_projects_created ON build_projects (created_at, name);
CREATE INDEX build_projects_modified ON build_projects (modified_at, name);

CREATE TABLE builds (
    id           TEXT    NOT NULL PRIMARY KEY, -- uuid; the API's id is project:uuid
    project      TEXT    NOT NULL,
    number       BIGINT  NOT NULL,
    status       TEXT    NOT NULL,
    started      BIGINT  NOT NULL DEFAULT 0, -- 1 once a running build has been saved
    stop         BIGINT  NOT NULL DEFAULT 0, -- 1 once somebody asked to stop it
    queued_until BIGINT  NOT NULL,
    body         TEXT    NOT NULL,
    request      TEXT    NOT NULL,           -- what the build does for whom, beyond the AWS shape
    token        TEXT,                       -- idempotency key of whoever started it
    fingerprint  TEXT    NOT NULL DEFAULT '',-- of the request the token came with
    created_at   BIGINT  NOT NULL
);
CREATE INDEX builds_by_age ON builds (created_at, id);
CREATE INDEX builds_by_project ON builds (project, number, id);
CREATE INDEX builds_by_token ON builds (token) WHERE token IS NOT NULL;
CREATE INDEX builds_unfinished ON builds (project) WHERE status = 'IN_PROGRESS';
