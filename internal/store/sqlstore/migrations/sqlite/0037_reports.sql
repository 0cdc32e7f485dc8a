-- Reports of tests and of code coverage. Owned by internal/build.

CREATE TABLE report_groups (
    name        TEXT    NOT NULL PRIMARY KEY,
    body        TEXT    NOT NULL, -- types.ReportGroup as JSON
    created_at  INTEGER NOT NULL,
    modified_at INTEGER NOT NULL
) STRICT;

CREATE TABLE reports (
    id           TEXT    NOT NULL PRIMARY KEY, -- a uuid
    report_group TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    body         TEXT    NOT NULL, -- types.Report as JSON
    details      TEXT    NOT NULL, -- its test cases, or its source files, as JSON
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX reports_by_group ON reports (report_group, created_at, id);
CREATE INDEX reports_by_time ON reports (created_at, id);
CREATE INDEX reports_by_expiry ON reports (expires_at);

CREATE TABLE build_policies (
    resource TEXT NOT NULL PRIMARY KEY, -- the ARN of a report group or a project
    policy   TEXT NOT NULL
) STRICT;
