-- How builds sign in at forges when their project does not say (package build/remote).
CREATE TABLE source_credentials (
    server   TEXT    NOT NULL PRIMARY KEY, -- AWS's name for the kind of forge
    auth     TEXT    NOT NULL,
    account  TEXT    NOT NULL, -- the user, or empty
    resource TEXT    NOT NULL, -- the ARN of a connection or a secret, or empty
    sealed   TEXT    NOT NULL, -- the token; empty when there is a resource
    updated  BIGINT  NOT NULL
);
