-- Logs as CloudWatch Logs has them: groups, streams, events. Owned by internal/logstore.
--
-- Ids are never used again: what is left of a deleted stream can only be swept, never be taken for another's.
-- Columns that end in _ms hold milliseconds since the epoch, the unit of log events.

CREATE TABLE log_groups (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name           TEXT NOT NULL UNIQUE,
    created        BIGINT NOT NULL,
    retention_days BIGINT NOT NULL DEFAULT 0, -- 0: for ever
    tags           TEXT NOT NULL DEFAULT '{}'
);

CREATE TABLE log_streams (
    id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    group_id  BIGINT NOT NULL REFERENCES log_groups (id),
    name      TEXT NOT NULL,
    created   BIGINT NOT NULL,
    writer    TEXT NOT NULL DEFAULT '', -- who may append; a newer writer takes over
    next_seq  BIGINT NOT NULL DEFAULT 0,  -- of the next event
    key_ms    BIGINT NOT NULL DEFAULT 0,  -- the largest event time so far
    events    BIGINT NOT NULL DEFAULT 0,  -- not yet expired
    bytes     BIGINT NOT NULL DEFAULT 0,  -- of their messages
    first_ms  BIGINT NOT NULL DEFAULT 0,  -- event times; 0 while there is none
    last_ms   BIGINT NOT NULL DEFAULT 0,
    ingest_ms BIGINT NOT NULL DEFAULT 0,
    UNIQUE (group_id, name)
);

CREATE INDEX log_streams_last ON log_streams (group_id, last_ms);

-- Events in compressed chunks. A stream's last chunk grows in place until it is large enough.
CREATE TABLE log_chunks (
    stream_id BIGINT NOT NULL,
    first_seq BIGINT NOT NULL,
    events    BIGINT NOT NULL,
    bytes     BIGINT NOT NULL,
    min_ms    BIGINT NOT NULL,
    max_ms    BIGINT NOT NULL,
    key_ms    BIGINT NOT NULL, -- the largest event time of the stream up to this chunk's end: never decreases
    data      BYTEA NOT NULL,
    PRIMARY KEY (stream_id, first_seq)
);

CREATE INDEX log_chunks_key ON log_chunks (stream_id, key_ms);

-- Streams that were deleted and whose chunks wait to be swept.
CREATE TABLE log_garbage (
    stream_id BIGINT PRIMARY KEY
);
