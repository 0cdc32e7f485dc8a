-- Connections to forges, what was registered there, and what is watched elsewhere. Connections, hosts and logins are owned
-- by internal/connection, the rest by internal/forgehost.

CREATE TABLE connections (
    id          TEXT   NOT NULL PRIMARY KEY, -- the end of its ARN
    service     TEXT   NOT NULL, -- in its ARN: codeconnections or codestar-connections
    name        TEXT   NOT NULL,
    provider    TEXT   NOT NULL, -- as AWS calls it
    host_id     TEXT   NOT NULL, -- or empty
    status      TEXT   NOT NULL,
    software    TEXT   NOT NULL, -- what answers there; empty while nobody has asked
    endpoint    TEXT   NOT NULL, -- empty: the host's, or the cloud's
    login       TEXT   NOT NULL, -- as whom the credentials are known there
    credentials TEXT   NOT NULL, -- sealed JSON; empty while there are none
    created     BIGINT NOT NULL
);

CREATE TABLE connection_hosts (
    id       TEXT   NOT NULL PRIMARY KEY, -- the end of its ARN
    service  TEXT   NOT NULL,
    name     TEXT   NOT NULL,
    provider TEXT   NOT NULL,
    endpoint TEXT   NOT NULL,
    created  BIGINT NOT NULL
);

CREATE TABLE connection_tags (
    resource TEXT NOT NULL, -- connection/ID or host/ID
    name     TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (resource, name)
);

-- How to sign in where there is no forge: at Git, Subversion and Mercurial servers.
CREATE TABLE vcs_logins (
    name    TEXT   NOT NULL PRIMARY KEY,
    account TEXT   NOT NULL, -- the user, to be shown
    url     TEXT   NOT NULL, -- the beginning of the URLs it is for
    sealed  TEXT   NOT NULL, -- sealed JSON
    updated BIGINT NOT NULL
);

-- Webhooks at forges: one for each repository that some pipeline watches through a connection.
CREATE TABLE forge_hooks (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection_id TEXT   NOT NULL,
    repository    TEXT   NOT NULL,
    address       TEXT   NOT NULL UNIQUE, -- what its URL is looked up by
    token         TEXT   NOT NULL, -- the end of its URL, sealed
    secret        TEXT   NOT NULL, -- sealed
    remote_id     TEXT   NOT NULL, -- the forge's; empty while it is not registered
    remote_url    TEXT   NOT NULL, -- it was registered for
    problem       TEXT   NOT NULL, -- why it could not be registered, or empty
    refused       TEXT   NOT NULL, -- why the newest delivery was refused, or empty
    received      BIGINT NOT NULL, -- when an event last came
    UNIQUE (connection_id, repository)
);

CREATE TABLE forge_deliveries (
    hook_id BIGINT NOT NULL,
    mark    TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (hook_id, mark)
);

CREATE INDEX forge_deliveries_at ON forge_deliveries (at);

-- What is to be shown on commits: one row for each action of an execution.
CREATE TABLE commit_statuses (
    id            TEXT   NOT NULL PRIMARY KEY, -- of commit and context
    connection_id TEXT   NOT NULL,
    repository    TEXT   NOT NULL,
    commit_id     TEXT   NOT NULL,
    context       TEXT   NOT NULL,
    wanted        TEXT   NOT NULL, -- JSON
    shown         TEXT   NOT NULL, -- JSON of what the forge was last told, or empty
    problem       TEXT   NOT NULL, -- why it could not be told, or empty
    updated       BIGINT NOT NULL
);

CREATE INDEX commit_statuses_updated ON commit_statuses (updated);

-- Sources that have to be asked whether something is new.
CREATE TABLE source_polls (
    id       TEXT   NOT NULL PRIMARY KEY, -- of provider and resource
    provider TEXT   NOT NULL,
    resource TEXT   NOT NULL,
    seen     TEXT   NOT NULL, -- JSON: revisions by ref; empty before the first look
    problem  TEXT   NOT NULL, -- why the last look failed, or empty
    looked   BIGINT NOT NULL
);

-- What forges have told of and nobody has looked at yet, in its order.
CREATE TABLE forge_events (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hook_id BIGINT NOT NULL,
    event   TEXT   NOT NULL -- JSON
);

CREATE INDEX forge_events_hook ON forge_events (hook_id, id);
