-- Buckets and objects. Bodies are files named by blobs.file; everything else about an object is here.

CREATE TABLE buckets (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL UNIQUE,
    owner      TEXT    NOT NULL DEFAULT '',
    versioning TEXT    NOT NULL DEFAULT '', -- '', Enabled or Suspended
    created_at INTEGER NOT NULL
) STRICT;

-- Configuration documents: policy, cors, website, acl, tagging and so on, as their kind stores them.
CREATE TABLE bucket_documents (
    bucket_id INTEGER NOT NULL REFERENCES buckets (id),
    kind      TEXT    NOT NULL,
    body      BLOB    NOT NULL,
    PRIMARY KEY (bucket_id, kind)
) STRICT, WITHOUT ROWID;

-- One row per body that is, was just, or may still be in use. suspect_at is 0 while the body is surely in use, and the
-- time of the last removed reference otherwise: only suspects are looked at by the sweeper.
CREATE TABLE blobs (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    hash       TEXT    NOT NULL UNIQUE,
    file       TEXT    NOT NULL,
    size       INTEGER NOT NULL,
    suspect_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX blobs_suspect ON blobs (suspect_at) WHERE suspect_at > 0;
CREATE INDEX blobs_file ON blobs (file);

-- Keys are bytes so that they compare the same everywhere. A larger id is a newer version of its key.
CREATE TABLE object_versions (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket_id     INTEGER NOT NULL REFERENCES buckets (id),
    object_key    BLOB    NOT NULL,
    version       TEXT    NOT NULL,           -- 'null' or an opaque id
    latest        INTEGER NOT NULL,           -- 1 for exactly one version of a key
    delete_marker INTEGER NOT NULL DEFAULT 0,
    blob_id       INTEGER REFERENCES blobs (id), -- null for delete markers
    size          INTEGER NOT NULL DEFAULT 0,
    etag          TEXT    NOT NULL DEFAULT '',
    modified_at   INTEGER NOT NULL,
    checksum      TEXT    NOT NULL DEFAULT '',
    attributes    TEXT    NOT NULL DEFAULT '',
    acl           TEXT    NOT NULL DEFAULT '',
    tags          TEXT    NOT NULL DEFAULT '',
    parts         TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX object_versions_latest ON object_versions (bucket_id, object_key) WHERE latest = 1;
CREATE UNIQUE INDEX object_versions_version ON object_versions (bucket_id, object_key, version);
CREATE INDEX object_versions_blob ON object_versions (blob_id);

CREATE TABLE multipart_uploads (
    id                 TEXT    PRIMARY KEY,
    bucket_id          INTEGER NOT NULL REFERENCES buckets (id),
    object_key         BLOB    NOT NULL,
    initiated_at       INTEGER NOT NULL,
    checksum_algorithm TEXT    NOT NULL DEFAULT '',
    checksum_type      TEXT    NOT NULL DEFAULT '',
    attributes         TEXT    NOT NULL DEFAULT '',
    acl                TEXT    NOT NULL DEFAULT '',
    tags               TEXT    NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX multipart_uploads_key ON multipart_uploads (bucket_id, object_key, id);

CREATE TABLE multipart_parts (
    upload_id   TEXT    NOT NULL REFERENCES multipart_uploads (id),
    number      INTEGER NOT NULL,
    blob_id     INTEGER NOT NULL REFERENCES blobs (id),
    size        INTEGER NOT NULL,
    etag        TEXT    NOT NULL,
    checksum    TEXT    NOT NULL DEFAULT '', -- the value alone
    modified_at INTEGER NOT NULL,
    PRIMARY KEY (upload_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX multipart_parts_blob ON multipart_parts (blob_id);
