-- The triggers of repositories (package repotrigger), which go with them.
CREATE TABLE repository_triggers (
    repository_id TEXT NOT NULL PRIMARY KEY REFERENCES repositories (id) ON DELETE CASCADE,
    configuration TEXT NOT NULL, -- the id of this state of them
    triggers      TEXT NOT NULL  -- JSON
) STRICT;
