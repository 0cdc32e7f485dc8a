-- Alarms and the rules that watch them. Alarms are owned by internal/alarm, watches by internal/action/cloudwatchalarm.

CREATE TABLE alarms (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT   NOT NULL UNIQUE,
    definition   TEXT   NOT NULL, -- what was put, in the words of the protocol
    actions      TEXT   NOT NULL, -- by state, as JSON
    enabled      INTEGER NOT NULL, -- whether the actions are
    state        TEXT   NOT NULL,
    reason       TEXT   NOT NULL,
    reason_data  TEXT   NOT NULL, -- JSON, or empty
    configured   INTEGER NOT NULL,
    updated      INTEGER NOT NULL,
    transitioned INTEGER NOT NULL
) STRICT;

CREATE TABLE alarm_tags (
    alarm_id INTEGER NOT NULL,
    name     TEXT   NOT NULL,
    value    TEXT   NOT NULL,
    PRIMARY KEY (alarm_id, name)
) STRICT, WITHOUT ROWID;

-- What happened to alarms. It outlives them.
CREATE TABLE alarm_history (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    alarm   TEXT   NOT NULL,
    at      INTEGER NOT NULL,
    kind    TEXT   NOT NULL,
    summary TEXT   NOT NULL,
    data    TEXT   NOT NULL
) STRICT;

CREATE INDEX alarm_history_alarm ON alarm_history (alarm, id);
CREATE INDEX alarm_history_at ON alarm_history (at);

-- Rules that wait for what an alarm will do.
CREATE TABLE alarm_watches (
    rule    TEXT   NOT NULL PRIMARY KEY, -- rule execution id
    alarm   TEXT   NOT NULL, -- empty when something else than an alarm is watched
    watch   TEXT   NOT NULL, -- JSON
    verdict TEXT   NOT NULL, -- JSON, or empty while the rule waits
    until   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX alarm_watches_alarm ON alarm_watches (alarm) WHERE verdict = '' AND alarm <> '';
CREATE INDEX alarm_watches_until ON alarm_watches (until);
