-- Builds that workers on other machines run (package build, leased.go). A row goes with the end of its build.
CREATE TABLE remote_builds (
    id          TEXT    NOT NULL PRIMARY KEY, -- of the build
    labels      TEXT    NOT NULL,             -- that a worker must have, sorted, with commas between them
    worker      TEXT    NOT NULL DEFAULT '',  -- who runs it; '': nobody does
    lease       TEXT    NOT NULL DEFAULT '',  -- hash of the token by which its worker is known
    lease_until INTEGER NOT NULL DEFAULT 0,
    attempt     INTEGER NOT NULL DEFAULT 0,   -- how many workers have taken it
    log_lines   INTEGER NOT NULL DEFAULT 0,   -- how many lines of its log the worker has handed in
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX remote_builds_by_age ON remote_builds (created_at, id);
