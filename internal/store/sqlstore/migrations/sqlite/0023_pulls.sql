-- Pull requests of hosted repositories (package pull). All of it goes with its repository.
CREATE TABLE pull_requests (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id      TEXT   NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    title              TEXT   NOT NULL,
    description        TEXT   NOT NULL,
    source             TEXT   NOT NULL, -- branches
    destination        TEXT   NOT NULL,
    source_commit      TEXT   NOT NULL, -- their tips; of one that is closed, when it was
    destination_commit TEXT   NOT NULL,
    revision           TEXT   NOT NULL, -- changes with the source commit; approvals belong to it
    is_open            INTEGER NOT NULL DEFAULT 1,
    author             TEXT   NOT NULL,
    token              TEXT   NOT NULL, -- the client's; with request, a repeated request is recognised by it
    request            TEXT   NOT NULL,
    merged             TEXT   NOT NULL DEFAULT '', -- JSON, once it is
    overridden_by      TEXT   NOT NULL DEFAULT '', -- who set the approval rules aside, for this revision
    created_at         INTEGER NOT NULL,
    active_at          INTEGER NOT NULL
) STRICT;
CREATE INDEX pull_requests_list ON pull_requests (repository_id, id);
CREATE INDEX pull_requests_source ON pull_requests (repository_id, source) WHERE is_open = 1;
CREATE INDEX pull_requests_destination ON pull_requests (repository_id, destination) WHERE is_open = 1;
CREATE INDEX pull_requests_commit ON pull_requests (repository_id, source_commit) WHERE is_open = 1;
CREATE UNIQUE INDEX pull_requests_token ON pull_requests (author, token) WHERE token <> '';

CREATE TABLE pull_events (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    pull_id INTEGER NOT NULL REFERENCES pull_requests (id) ON DELETE CASCADE,
    kind    TEXT   NOT NULL,
    actor   TEXT   NOT NULL,
    body    TEXT   NOT NULL,
    at      INTEGER NOT NULL
) STRICT;
CREATE INDEX pull_events_pull ON pull_events (pull_id, id);

CREATE TABLE pull_rules (
    id            TEXT   NOT NULL PRIMARY KEY,
    pull_id       INTEGER NOT NULL REFERENCES pull_requests (id) ON DELETE CASCADE,
    name          TEXT   NOT NULL,
    content       TEXT   NOT NULL,
    template_id   TEXT   NOT NULL DEFAULT '', -- the template it was made from
    template_name TEXT   NOT NULL DEFAULT '',
    modified_by   TEXT   NOT NULL,
    created_at    INTEGER NOT NULL,
    modified_at   INTEGER NOT NULL,
    UNIQUE (pull_id, name)
) STRICT;

CREATE TABLE pull_approvals (
    pull_id  INTEGER NOT NULL REFERENCES pull_requests (id) ON DELETE CASCADE,
    revision TEXT   NOT NULL,
    who      TEXT   NOT NULL,
    state    TEXT   NOT NULL, -- APPROVE or REVOKE
    at       INTEGER NOT NULL,
    PRIMARY KEY (pull_id, revision, who)
) STRICT;

-- What a pull request is about to be merged with: the push of this commit closes it as merged, also after a crash.
CREATE TABLE pull_merges (
    pull_id    INTEGER NOT NULL REFERENCES pull_requests (id) ON DELETE CASCADE,
    commit_id  TEXT   NOT NULL,
    how        TEXT   NOT NULL,
    actor      TEXT   NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (pull_id, commit_id)
) STRICT;

CREATE TABLE rule_templates (
    id          TEXT   NOT NULL PRIMARY KEY,
    name        TEXT   NOT NULL UNIQUE,
    description TEXT   NOT NULL,
    content     TEXT   NOT NULL,
    modified_by TEXT   NOT NULL,
    created_at  INTEGER NOT NULL,
    modified_at INTEGER NOT NULL
) STRICT;

CREATE TABLE rule_template_repositories (
    template_id   TEXT NOT NULL REFERENCES rule_templates (id),
    repository_id TEXT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    PRIMARY KEY (template_id, repository_id)
) STRICT;
CREATE INDEX rule_template_repositories_repository ON rule_template_repositories (repository_id);

-- Comments on pull requests and on comparisons of two commits.
CREATE TABLE comments (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT   NOT NULL UNIQUE,
    repository_id TEXT   NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    pull_id       INTEGER REFERENCES pull_requests (id) ON DELETE CASCADE, -- null: on a comparison
    thread        TEXT   NOT NULL, -- the comment that is not a reply
    in_reply_to   TEXT   NOT NULL,
    place         TEXT   NOT NULL, -- JSON: commits, blobs and location; of a thread
    before_id     TEXT   NOT NULL,
    after_id      TEXT   NOT NULL,
    content       TEXT   NOT NULL,
    author        TEXT   NOT NULL,
    token         TEXT   NOT NULL,
    request       TEXT   NOT NULL,
    deleted       INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL,
    modified_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX comments_pull ON comments (pull_id, number);
CREATE INDEX comments_thread ON comments (thread, number);
CREATE INDEX comments_commit ON comments (repository_id, after_id, number);
CREATE UNIQUE INDEX comments_token ON comments (author, token) WHERE token <> '';

CREATE TABLE comment_reactions (
    comment_id TEXT   NOT NULL REFERENCES comments (id) ON DELETE CASCADE,
    who        TEXT   NOT NULL,
    reaction   TEXT   NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (comment_id, who)
) STRICT;

-- What the newest execution of each pipeline says of a commit.
CREATE TABLE pull_statuses (
    repository_id TEXT   NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    commit_id     TEXT   NOT NULL,
    pipeline      TEXT   NOT NULL, -- its ARN
    execution     TEXT   NOT NULL,
    started_at    INTEGER NOT NULL, -- of the execution: an older one does not replace a newer one
    state         TEXT   NOT NULL,
    reason        TEXT   NOT NULL,
    updated_at    INTEGER NOT NULL,
    PRIMARY KEY (repository_id, commit_id, pipeline)
) STRICT;
