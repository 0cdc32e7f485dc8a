-- Temporary credentials. Owned by internal/iam.

CREATE TABLE iam_sessions (
    id      TEXT   NOT NULL PRIMARY KEY, -- access key id, ASIA...
    secret  TEXT   NOT NULL,
    token   TEXT   NOT NULL,
    arn     TEXT   NOT NULL, -- of who it stands for
    policy  TEXT   NOT NULL, -- all it may do
    expires INTEGER NOT NULL
) STRICT;

CREATE INDEX iam_sessions_expires ON iam_sessions (expires);
