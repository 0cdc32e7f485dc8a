-- Which data directory belongs to this database, by the text of its file "service".
CREATE TABLE service (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    id  TEXT   NOT NULL
);
