-- Workers on other machines that asked for builds lately (package build, workers.go), to say what a build waits for.
CREATE TABLE remote_workers (
    name    TEXT    NOT NULL PRIMARY KEY,
    labels  TEXT    NOT NULL, -- that it offers, with commas between them
    seen_at INTEGER NOT NULL
) STRICT;
