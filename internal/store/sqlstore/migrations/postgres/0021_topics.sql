-- Topics and what is on its way to their subscribers. Owned by internal/topic.

CREATE TABLE topics (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       TEXT   NOT NULL UNIQUE,
    attributes TEXT   NOT NULL, -- JSON: those that were set
    tags       TEXT   NOT NULL, -- JSON
    created    BIGINT NOT NULL
);

CREATE TABLE topic_subscriptions (
    seq           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            TEXT   NOT NULL UNIQUE, -- the end of its ARN
    topic_id      BIGINT NOT NULL,
    protocol      TEXT   NOT NULL,
    endpoint      TEXT   NOT NULL,
    attributes    TEXT   NOT NULL, -- JSON
    asked         BIGINT NOT NULL, -- when it was asked for a confirmation last
    confirmed     BIGINT NOT NULL, -- when; 0: not yet
    authenticated BIGINT NOT NULL, -- 1: confirmed by a signed request; 2: and only such a one may end it
    ended         BIGINT NOT NULL, -- when; 0: not yet. An ended one waits for its last message
    UNIQUE (topic_id, protocol, endpoint)
);

CREATE TABLE topic_messages (
    id        TEXT   NOT NULL PRIMARY KEY,
    topic_id  BIGINT NOT NULL,
    published BIGINT NOT NULL,
    content   TEXT   NOT NULL -- JSON
);

-- One row for each subscriber that has yet to get a message. What was delivered has none.
CREATE TABLE topic_deliveries (
    id           TEXT   NOT NULL PRIMARY KEY,
    message      TEXT   NOT NULL,
    subscription TEXT   NOT NULL,
    failures     BIGINT NOT NULL,
    problem      TEXT   NOT NULL, -- of the newest failure
    dead         BIGINT NOT NULL -- when it was given up; 0: not yet
);

CREATE INDEX topic_deliveries_message ON topic_deliveries (message);
CREATE INDEX topic_deliveries_subscription ON topic_deliveries (subscription);
CREATE INDEX topic_deliveries_dead ON topic_deliveries (dead) WHERE dead > 0;

-- Secrets the servers on this database share, such as keys of signatures. Owned by internal/keyring.
CREATE TABLE server_keys (
    name     TEXT NOT NULL PRIMARY KEY,
    material TEXT NOT NULL -- sealed
);
