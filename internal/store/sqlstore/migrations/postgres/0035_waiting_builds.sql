-- Builds that wait until their project's concurrentBuildLimit lets them into the queue. They have no job yet.
ALTER TABLE builds ADD COLUMN waiting BIGINT NOT NULL DEFAULT 0;
CREATE INDEX builds_waiting ON builds (project, number) WHERE waiting = 1;
