-- Custom action types and the jobs of those who work for them. Owned by internal/flow.

CREATE TABLE custom_action_types (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    category   TEXT   NOT NULL,
    provider   TEXT   NOT NULL,
    version    TEXT   NOT NULL,
    definition TEXT   NOT NULL, -- action.Type as JSON; never changes
    deleted    BIGINT NOT NULL, -- 1: pipelines can use it no more; the row keeps its version from being used for another
    UNIQUE (category, provider, version)
);

CREATE TABLE custom_action_type_tags (
    type_id BIGINT NOT NULL,
    name    TEXT   NOT NULL,
    value   TEXT   NOT NULL,
    PRIMARY KEY (type_id, name)
);

-- An action of a custom type is one job or, with continuation tokens, several, one after the other.
CREATE TABLE worker_jobs (
    seq          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- older jobs are handed out first
    id           TEXT   NOT NULL UNIQUE,
    type_id      BIGINT NOT NULL,
    query        TEXT   NOT NULL, -- value of the type's queryable property, or empty
    action_id    TEXT   NOT NULL, -- action execution id
    part         BIGINT NOT NULL, -- 1, and one more with every continuation
    state        TEXT   NOT NULL, -- Queued, Dispatched, InProgress, Succeeded, Failed, TimedOut
    nonce        TEXT   NOT NULL, -- of the newest hand-out
    handed       BIGINT NOT NULL, -- when
    ended        BIGINT NOT NULL, -- when; 0: not yet
    continuation TEXT   NOT NULL, -- the token of the part before
    job          TEXT   NOT NULL, -- action.Job as JSON, secrets in clear; empty once it has ended
    UNIQUE (action_id, part)
);

CREATE INDEX worker_jobs_waiting ON worker_jobs (type_id, query, seq) WHERE state IN ('Queued', 'Dispatched');
CREATE INDEX worker_jobs_ended ON worker_jobs (ended) WHERE ended > 0;

-- Revisions of sources that somebody told of (PutActionRevision).
CREATE TABLE action_revisions (
    pipeline_id BIGINT NOT NULL,
    stage       TEXT   NOT NULL,
    action      TEXT   NOT NULL,
    revision    TEXT   NOT NULL,
    PRIMARY KEY (pipeline_id, stage, action, revision)
);
