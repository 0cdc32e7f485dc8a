-- Parameters, owned by internal/parameter, and secrets, owned by internal/vault.

CREATE TABLE parameters (
    name    TEXT   NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL, -- the newest
    tags    TEXT   NOT NULL  -- JSON
) STRICT, WITHOUT ROWID;

CREATE TABLE parameter_versions (
    name     TEXT   NOT NULL,
    version  INTEGER NOT NULL,
    kind     TEXT   NOT NULL,
    value    TEXT   NOT NULL, -- sealed when the kind is SecureString
    about    TEXT   NOT NULL, -- JSON
    labels   TEXT   NOT NULL, -- JSON
    modified INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE secrets (
    name    TEXT   NOT NULL PRIMARY KEY,
    about   TEXT   NOT NULL, -- JSON
    deleted INTEGER NOT NULL  -- when it will be gone, 0 when it stays
) STRICT, WITHOUT ROWID;

CREATE INDEX secrets_deleted ON secrets (deleted) WHERE deleted <> 0;

CREATE TABLE secret_versions (
    secret  TEXT   NOT NULL,
    id      TEXT   NOT NULL,
    value   TEXT   NOT NULL, -- sealed
    bytes   INTEGER NOT NULL, -- whether it is binary
    stages  TEXT   NOT NULL, -- JSON
    created INTEGER NOT NULL,
    PRIMARY KEY (secret, id)
) STRICT, WITHOUT ROWID;
