-- Hosted repositories (package gitrepo). The directory of a repository is named by its id.
CREATE TABLE repositories (
    id             TEXT   NOT NULL PRIMARY KEY,
    name           TEXT   NOT NULL UNIQUE,
    description    TEXT   NOT NULL DEFAULT '',
    default_branch TEXT   NOT NULL DEFAULT '', -- '' until the first branch exists
    kms_key        TEXT   NOT NULL DEFAULT '',
    tags           TEXT   NOT NULL DEFAULT '{}',
    created_at     INTEGER NOT NULL,
    modified_at    INTEGER NOT NULL,
    pushed_at      INTEGER NOT NULL DEFAULT 0 -- also the row that orders the pushes of a repository
) STRICT;

-- Deleted repositories whose directory may still be there.
CREATE TABLE deleted_repositories (
    id         TEXT NOT NULL PRIMARY KEY,
    deleted_at INTEGER NOT NULL
) STRICT;

-- What a push, or a call of the API, is about to do to a ref. A row lives from before git is let loose until the push
-- event is recorded or it is certain that nothing happened.
CREATE TABLE push_intents (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    push_id       TEXT   NOT NULL,
    repository_id TEXT   NOT NULL,
    ref           TEXT   NOT NULL,
    old_id        TEXT   NOT NULL, -- 40 zeros: the ref is created
    new_id        TEXT   NOT NULL, -- 40 zeros: the ref is deleted
    pusher_arn    TEXT   NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX push_intents_ref ON push_intents (repository_id, ref);
CREATE INDEX push_intents_push ON push_intents (push_id);

-- What happened to refs, in the order in which it happened to each of them.
CREATE TABLE push_events (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    push_id       TEXT   NOT NULL,
    repository_id TEXT   NOT NULL,
    ref           TEXT   NOT NULL,
    old_id        TEXT   NOT NULL,
    new_id        TEXT   NOT NULL,
    pusher_arn    TEXT   NOT NULL,
    created_at    INTEGER NOT NULL,
    UNIQUE (push_id, ref)
) STRICT;
CREATE INDEX push_events_ref ON push_events (repository_id, ref, id);
CREATE INDEX push_events_time ON push_events (created_at);
