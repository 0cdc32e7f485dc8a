-- Users and roles, their access keys and the policies written inside them. Owned by internal/iam.
CREATE TABLE iam_principals (
    id          TEXT   NOT NULL PRIMARY KEY, -- AIDA... of a user, AROA... of a role; never used again
    kind        TEXT   NOT NULL,             -- user, role
    name        TEXT   NOT NULL,
    name_key    TEXT   NOT NULL,             -- the name in lower case: names differ by more than case
    path        TEXT   NOT NULL,
    description TEXT   NOT NULL,
    trust       TEXT   NOT NULL,             -- a role's trust policy
    max_session INTEGER NOT NULL,             -- seconds
    boundary    TEXT   NOT NULL,             -- ARN of the permissions boundary
    tags        TEXT   NOT NULL,             -- JSON list
    created     INTEGER NOT NULL,
    UNIQUE (kind, name_key)
) STRICT;

-- Secrets are kept as they are: verifying a signature needs them.
CREATE TABLE iam_access_keys (
    id           TEXT   NOT NULL PRIMARY KEY,
    principal_id TEXT   NOT NULL REFERENCES iam_principals (id),
    secret       TEXT   NOT NULL,
    active       INTEGER NOT NULL,
    created      INTEGER NOT NULL
) STRICT;

CREATE INDEX iam_access_keys_principal ON iam_access_keys (principal_id, created);

CREATE TABLE iam_inline_policies (
    principal_id TEXT NOT NULL REFERENCES iam_principals (id),
    name         TEXT NOT NULL,
    document     TEXT NOT NULL,
    PRIMARY KEY (principal_id, name)
) STRICT;
