-- Webhooks of pipelines. Owned by internal/flow.

CREATE TABLE webhooks (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- never used again: a later webhook of the same name has its own URL
    name           TEXT   NOT NULL UNIQUE,
    definition     TEXT   NOT NULL, -- pipeline.Webhook as JSON, with its secret, which signatures need in clear
    token          TEXT   NOT NULL, -- end of the URL
    address        TEXT   NOT NULL UNIQUE, -- SHA-256 of the token: how long a look-up takes tells nothing about the token
    last_triggered BIGINT NOT NULL, -- 0: never
    error_code     TEXT   NOT NULL, -- of the newest request that failed; empty once one has succeeded again
    error_message  TEXT   NOT NULL
);

CREATE TABLE webhook_tags (
    webhook_id BIGINT NOT NULL,
    name       TEXT   NOT NULL,
    value      TEXT   NOT NULL,
    PRIMARY KEY (webhook_id, name)
);

-- Requests that must not start anything a second time: ids of deliveries and digests of signed bodies.
CREATE TABLE webhook_deliveries (
    webhook_id BIGINT NOT NULL,
    mark       TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (webhook_id, mark)
);

CREATE INDEX webhook_deliveries_at ON webhook_deliveries (at);
