-- Events: what happened, rules about it, and what is to be delivered. Owned by internal/event.

-- The log.
CREATE TABLE events (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          BIGINT NOT NULL,
    source      TEXT   NOT NULL,
    detail_type TEXT   NOT NULL,
    pipeline    TEXT   NOT NULL, -- of events about one, else empty
    body        TEXT   NOT NULL  -- the document
);

CREATE INDEX events_at ON events (at);

-- Counts the changes of rules and targets, so that servers know whether what they have compiled is still true.
CREATE TABLE event_rules_version (version BIGINT NOT NULL);
INSERT INTO event_rules_version (version) VALUES (0);

CREATE TABLE event_rules (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        TEXT   NOT NULL UNIQUE,
    pattern     TEXT   NOT NULL, -- or empty
    schedule    TEXT   NOT NULL, -- or empty
    enabled     BIGINT NOT NULL,
    description TEXT   NOT NULL,
    role        TEXT   NOT NULL,
    creator     TEXT   NOT NULL,
    tags        TEXT   NOT NULL, -- JSON
    generation  BIGINT NOT NULL, -- of the schedule: a job of an older one fires nothing
    since       BIGINT NOT NULL  -- when the schedule began to count
);

CREATE TABLE event_targets (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule_id BIGINT NOT NULL,
    name    TEXT   NOT NULL,
    arn     TEXT   NOT NULL,
    spec    TEXT   NOT NULL, -- as it was put
    UNIQUE (rule_id, name)
);

CREATE INDEX event_targets_arn ON event_targets (arn);

-- What is yet to be handed over, in order for each target.
CREATE TABLE event_deliveries (
    id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target_id BIGINT NOT NULL,
    token     TEXT   NOT NULL,
    at        BIGINT NOT NULL, -- when it was published, or redelivered
    attempts  BIGINT NOT NULL,
    body      TEXT   NOT NULL
);

CREATE INDEX event_deliveries_target ON event_deliveries (target_id, id);

CREATE TABLE event_dead_letters (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       BIGINT NOT NULL,
    rule     TEXT   NOT NULL,
    target   TEXT   NOT NULL,
    arn      TEXT   NOT NULL,
    token    TEXT   NOT NULL,
    attempts BIGINT NOT NULL,
    code     TEXT   NOT NULL,
    message  TEXT   NOT NULL,
    body     TEXT   NOT NULL
);

CREATE INDEX event_dead_letters_at ON event_dead_letters (at);

-- Where events are sent over HTTP. definition has no secrets; those are sealed.
CREATE TABLE event_connections (
    name       TEXT   NOT NULL PRIMARY KEY,
    id         TEXT   NOT NULL,
    definition TEXT   NOT NULL,
    sealed     TEXT   NOT NULL,
    created    BIGINT NOT NULL,
    modified   BIGINT NOT NULL
);

CREATE TABLE event_destinations (
    name       TEXT   NOT NULL PRIMARY KEY,
    id         TEXT   NOT NULL,
    connection TEXT   NOT NULL, -- its name
    definition TEXT   NOT NULL,
    created    BIGINT NOT NULL,
    modified   BIGINT NOT NULL
);
