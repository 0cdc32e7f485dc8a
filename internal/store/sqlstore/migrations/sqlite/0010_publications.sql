-- What was published under a token, so that a deployment that is delivered again does not publish again.
CREATE TABLE publications (
    token        TEXT   PRIMARY KEY,
    published_at BIGINT NOT NULL
);
CREATE INDEX publications_age ON publications (published_at);
