-- Who is signed in to the console. Owned by internal/console.

-- Both kinds of tokens are kept as hashes: whoever reads the database cannot sign in with it.
CREATE TABLE console_sessions (
    hash    TEXT    NOT NULL PRIMARY KEY, -- of the cookie's value
    key_id  TEXT    NOT NULL,             -- the access key it acts with
    expires BIGINT NOT NULL
);

CREATE INDEX console_sessions_expires ON console_sessions (expires);

CREATE TABLE console_links (
    hash    TEXT    NOT NULL PRIMARY KEY, -- of the token in the link
    key_id  TEXT    NOT NULL,
    expires BIGINT NOT NULL
);
