-- Submodules of the Git sources of a worker's build that the worker may fetch (package build, errandgit.go). What a source or
-- a submodule has for submodules is noted when the worker gets it.
CREATE TABLE remote_submodules (
    build     TEXT    NOT NULL REFERENCES remote_builds (id) ON DELETE CASCADE,
    location  TEXT    NOT NULL,
    commit_id TEXT    NOT NULL,
    source    TEXT    NOT NULL, -- JSON: how it is fetched
    depth     INTEGER NOT NULL, -- 1 for a submodule of a source
    PRIMARY KEY (build, location, commit_id)
) STRICT;
