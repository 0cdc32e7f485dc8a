-- Pipelines, their executions and their history. Owned by internal/flow.
--
-- A pipeline's history refers to its id, which is never used again: a later pipeline of the same name starts with an
-- empty history, and the old one is swept in the background.

CREATE TABLE pipelines (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name           TEXT   NOT NULL UNIQUE,
    version        BIGINT NOT NULL,
    pipeline_type  TEXT   NOT NULL,
    execution_mode TEXT   NOT NULL,
    created        BIGINT NOT NULL,
    updated        BIGINT NOT NULL, -- of the definition, not of the state
    seq            BIGINT NOT NULL, -- events applied so far
    state          TEXT   NOT NULL  -- engine.State as JSON
);

CREATE TABLE pipeline_versions (
    pipeline_id BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    definition  TEXT   NOT NULL,
    created     BIGINT NOT NULL,
    created_by  TEXT   NOT NULL,
    PRIMARY KEY (pipeline_id, version)
);

-- What the engine was told, in order: replayed from the beginning it gives the state.
CREATE TABLE pipeline_events (
    pipeline_id BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    version     BIGINT NOT NULL, -- of the definition the event met
    name        TEXT   NOT NULL,
    body        TEXT   NOT NULL,
    PRIMARY KEY (pipeline_id, seq)
);

CREATE INDEX pipeline_events_at ON pipeline_events (at);

CREATE TABLE executions (
    pipeline_id BIGINT NOT NULL,
    number      BIGINT NOT NULL, -- newer executions have larger numbers
    id          TEXT   NOT NULL,
    version     BIGINT NOT NULL,
    status      TEXT   NOT NULL,
    started     BIGINT NOT NULL,
    record      TEXT   NOT NULL, -- engine.ExecutionRecord as JSON
    PRIMARY KEY (pipeline_id, number)
);

CREATE UNIQUE INDEX executions_id ON executions (id);
CREATE INDEX executions_started ON executions (started);

CREATE TABLE stage_executions (
    pipeline_id BIGINT NOT NULL,
    stage       TEXT   NOT NULL,
    number      BIGINT NOT NULL, -- of the execution
    version     BIGINT NOT NULL,
    status      TEXT   NOT NULL,
    record      TEXT   NOT NULL, -- engine.StageRecord as JSON
    snapshot    TEXT,            -- engine.Snapshot as JSON once the stage succeeded: what a rollback goes back to
    PRIMARY KEY (pipeline_id, stage, number)
);

CREATE INDEX stage_executions_number ON stage_executions (pipeline_id, number);
CREATE INDEX stage_executions_succeeded ON stage_executions (pipeline_id, stage, version, number)
    WHERE status = 'Succeeded';

CREATE TABLE action_executions (
    pipeline_id   BIGINT NOT NULL,
    id            TEXT   NOT NULL,
    number        BIGINT NOT NULL, -- of the execution
    execution_id  TEXT   NOT NULL,
    version       BIGINT NOT NULL,
    stage         TEXT   NOT NULL,
    action        TEXT   NOT NULL,
    attempt       BIGINT NOT NULL,
    started       BIGINT NOT NULL,
    declaration   TEXT   NOT NULL, -- pipeline.Action as JSON
    record        TEXT   NOT NULL, -- engine.ActionExecution as JSON
    configuration TEXT,            -- resolved, as JSON; NULL while it is the declared one
    variables     TEXT,            -- output variables, as JSON
    PRIMARY KEY (pipeline_id, id)
);

CREATE INDEX action_executions_started ON action_executions (pipeline_id, started DESC, id DESC);
CREATE INDEX action_executions_number ON action_executions (pipeline_id, number, started DESC, id DESC);

-- Which pipelines a change of a source starts.
CREATE TABLE source_watches (
    pipeline_id BIGINT NOT NULL,
    action      TEXT   NOT NULL,
    provider    TEXT   NOT NULL, -- CodeCommit, S3
    resource    TEXT   NOT NULL, -- repository, bucket
    ref         TEXT   NOT NULL, -- branch, object key
    PRIMARY KEY (pipeline_id, action)
);

CREATE INDEX source_watches_resource ON source_watches (provider, resource, ref);

-- Changes seen and not yet turned into executions, in the order in which they happened.
CREATE TABLE source_changes (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pipeline_id BIGINT NOT NULL,
    change      TEXT   NOT NULL -- flow.SourceChange as JSON
);

CREATE INDEX source_changes_pipeline ON source_changes (pipeline_id, id);

CREATE TABLE pipeline_tags (
    pipeline_id BIGINT NOT NULL,
    name        TEXT   NOT NULL,
    value       TEXT   NOT NULL,
    PRIMARY KEY (pipeline_id, name)
);

-- Start requests that must not start anything a second time.
CREATE TABLE client_tokens (
    pipeline_id  BIGINT NOT NULL,
    token        TEXT   NOT NULL,
    execution_id TEXT   NOT NULL,
    created      BIGINT NOT NULL,
    PRIMARY KEY (pipeline_id, token)
);

CREATE INDEX client_tokens_created ON client_tokens (created);
