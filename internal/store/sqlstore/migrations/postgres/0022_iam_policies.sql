-- Managed policies, what they are attached to, who is in which group, and whose permissions a session has. Owned by
-- internal/iam. Groups are principals of the kind "group".
CREATE TABLE iam_policies (
    id          TEXT    NOT NULL PRIMARY KEY, -- ANPA...
    arn         TEXT    NOT NULL UNIQUE,
    name        TEXT    NOT NULL,
    name_key    TEXT    NOT NULL UNIQUE,      -- the name in lower case
    path        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    standard    BIGINT NOT NULL,             -- the version that counts
    latest      BIGINT NOT NULL,             -- the highest version there ever was
    tags        TEXT    NOT NULL,             -- JSON list
    created     BIGINT NOT NULL,
    updated     BIGINT NOT NULL
);

CREATE TABLE iam_policy_versions (
    policy_id TEXT    NOT NULL REFERENCES iam_policies (id),
    version   BIGINT NOT NULL,
    document  TEXT    NOT NULL,
    created   BIGINT NOT NULL,
    PRIMARY KEY (policy_id, version)
);

CREATE TABLE iam_attachments (
    principal_id TEXT NOT NULL REFERENCES iam_principals (id),
    policy_arn   TEXT NOT NULL, -- of a policy above, or of one that every server has
    PRIMARY KEY (principal_id, policy_arn)
);

CREATE INDEX iam_attachments_policy ON iam_attachments (policy_arn);

CREATE TABLE iam_members (
    group_id TEXT NOT NULL REFERENCES iam_principals (id),
    user_id  TEXT NOT NULL REFERENCES iam_principals (id),
    PRIMARY KEY (group_id, user_id)
);

CREATE INDEX iam_members_user ON iam_members (user_id);
CREATE INDEX iam_principals_boundary ON iam_principals (boundary) WHERE boundary <> '';

CREATE TABLE iam_aliases (alias TEXT NOT NULL PRIMARY KEY);

ALTER TABLE iam_sessions ADD COLUMN owner TEXT NOT NULL DEFAULT '';    -- the user or role whose policies bind it
ALTER TABLE iam_sessions ADD COLUMN user_id TEXT NOT NULL DEFAULT '';  -- aws:userid
ALTER TABLE iam_sessions ADD COLUMN role_arn TEXT NOT NULL DEFAULT ''; -- of the role that was assumed
ALTER TABLE iam_sessions ADD COLUMN issuer TEXT NOT NULL DEFAULT '';   -- the access key it was asked for with and ends with
ALTER TABLE iam_sessions ADD COLUMN root BIGINT NOT NULL DEFAULT 0;

CREATE INDEX iam_sessions_owner ON iam_sessions (owner) WHERE owner <> '';

ALTER TABLE iam_access_keys ADD COLUMN used BIGINT NOT NULL DEFAULT 0; -- when last, to the hour
ALTER TABLE iam_access_keys ADD COLUMN used_service TEXT NOT NULL DEFAULT '';
