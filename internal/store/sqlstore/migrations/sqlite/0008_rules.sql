-- The history of the rules of stage conditions. Owned by internal/flow.

CREATE TABLE rule_executions (
    pipeline_id   INTEGER NOT NULL,
    id            TEXT   NOT NULL,
    number        INTEGER NOT NULL, -- of the execution
    execution_id  TEXT   NOT NULL,
    version       INTEGER NOT NULL,
    stage         TEXT   NOT NULL,
    slot          TEXT   NOT NULL, -- BEFORE_ENTRY, ON_SUCCESS, ON_FAILURE
    rule          TEXT   NOT NULL,
    attempt       INTEGER NOT NULL, -- of the execution
    started       INTEGER NOT NULL,
    declaration   TEXT   NOT NULL, -- pipeline.Rule as JSON
    record        TEXT   NOT NULL, -- engine.RuleExecution as JSON
    configuration TEXT,            -- resolved, as JSON; NULL while it is the declared one
    PRIMARY KEY (pipeline_id, id)
) STRICT;

CREATE INDEX rule_executions_started ON rule_executions (pipeline_id, started DESC, id DESC);
CREATE INDEX rule_executions_number ON rule_executions (pipeline_id, number, started DESC, id DESC);
