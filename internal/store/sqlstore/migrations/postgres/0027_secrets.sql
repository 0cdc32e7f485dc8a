-- Parameters, owned by internal/parameter, and secrets, owned by internal/vault.

CREATE TABLE parameters (
    name    TEXT   NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL, -- the newest
    tags    TEXT   NOT NULL  -- JSON
);

CREATE TABLE parameter_versions (
    name     TEXT   NOT NULL,
    version  BIGINT NOT NULL,
    kind     TEXT   NOT NULL,
    value    TEXT   NOT NULL, -- sealed when the kind is SecureString
    about    TEXT   NOT NULL, -- JSON
    labels   TEXT   NOT NULL, -- JSON
    modified BIGINT NOT NULL,
    PRIMARY KEY (name, version)
);

CREATE TABLE secrets (
    name    TEXT   NOT NULL PRIMARY KEY,
    about   TEXT   NOT NULL, -- JSON
    deleted BIGINT NOT NULL  -- when it will be gone, 0 when it stays
);

CREATE INDEX secrets_deleted ON secrets (deleted) WHERE deleted <> 0;

CREATE TABLE secret_versions (
    secret  TEXT   NOT NULL,
    id      TEXT   NOT NULL,
    value   TEXT   NOT NULL, -- sealed
    bytes   BIGINT NOT NULL, -- whether it is binary
    stages  TEXT   NOT NULL, -- JSON
    created BIGINT NOT NULL,
    PRIMARY KEY (secret, id)
);
