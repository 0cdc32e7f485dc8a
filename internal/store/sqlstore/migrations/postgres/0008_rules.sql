-- The history of the rules of stage conditions. Owned by internal/flow.

CREATE TABLE rule_executions (
    pipeline_id   BIGINT NOT NULL,
    id            TEXT   NOT NULL,
    number        BIGINT NOT NULL, -- of the execution
    execution_id  TEXT   NOT NULL,
    version       BIGINT NOT NULL,
    stage         TEXT   NOT NULL,
    slot          TEXT   NOT NULL, -- BEFORE_ENTRY, ON_SUCCESS, ON_FAILURE
    rule          TEXT   NOT NULL,
    attempt       BIGINT NOT NULL, -- of the execution
    started       BIGINT NOT NULL,
    declaration   TEXT   NOT NULL, -- pipeline.Rule as JSON
    record        TEXT   NOT NULL, -- engine.RuleExecution as JSON
    configuration TEXT,            -- resolved, as JSON; NULL while it is the declared one
    PRIMARY KEY (pipeline_id, id)
);

CREATE INDEX rule_executions_started ON rule_executions (pipeline_id, started DESC, id DESC);
CREATE INDEX rule_executions_number ON rule_executions (pipeline_id, number, started DESC, id DESC);
