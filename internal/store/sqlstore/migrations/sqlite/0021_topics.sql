-- Topics and what is on its way to their subscribers. Owned by internal/topic.

CREATE TABLE topics (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT   NOT NULL UNIQUE,
    attributes TEXT   NOT NULL, -- JSON: those that were set
    tags       TEXT   NOT NULL, -- JSON
    created    INTEGER NOT NULL
) STRICT;

CREATE TABLE topic_subscriptions (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT   NOT NULL UNIQUE, -- the end of its ARN
    topic_id      INTEGER NOT NULL,
    protocol      TEXT   NOT NULL,
    endpoint      TEXT   NOT NULL,
    attributes    TEXT   NOT NULL, -- JSON
    asked         INTEGER NOT NULL, -- when it was asked for a confirmation last
    confirmed     INTEGER NOT NULL, -- when; 0: not yet
    authenticated INTEGER NOT NULL, -- 1: confirmed by a signed request; 2: and only such a one may end it
    ended         INTEGER NOT NULL, -- when; 0: not yet. An ended one waits for its last message
    UNIQUE (topic_id, protocol, endpoint)
) STRICT;

CREATE TABLE topic_messages (
    id        TEXT   NOT NULL PRIMARY KEY,
    topic_id  INTEGER NOT NULL,
    published INTEGER NOT NULL,
    content   TEXT   NOT NULL -- JSON
) STRICT, WITHOUT ROWID;

-- One row for each subscriber that has yet to get a message. What was delivered has none.
CREATE TABLE topic_deliveries (
    id           TEXT   NOT NULL PRIMARY KEY,
    message      TEXT   NOT NULL,
    subscription TEXT   NOT NULL,
    failures     INTEGER NOT NULL,
    problem      TEXT   NOT NULL, -- of the newest failure
    dead         INTEGER NOT NULL -- when it was given up; 0: not yet
) STRICT, WITHOUT ROWID;

CREATE INDEX topic_deliveries_message ON topic_deliveries (message);
CREATE INDEX topic_deliveries_subscription ON topic_deliveries (subscription);
CREATE INDEX topic_deliveries_dead ON topic_deliveries (dead) WHERE dead > 0;

-- Secrets the servers on this database share, such as keys of signatures. Owned by internal/keyring.
CREATE TABLE server_keys (
    name     TEXT NOT NULL PRIMARY KEY,
    material TEXT NOT NULL -- sealed
) STRICT, WITHOUT ROWID;
