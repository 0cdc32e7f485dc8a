-- Builds that belong to a pipeline itself, without a project (Commands actions and rules). No list shows them.
ALTER TABLE builds ADD COLUMN of_pipeline INTEGER NOT NULL DEFAULT 0;
DROP INDEX builds_by_age;
CREATE INDEX builds_by_age ON builds (of_pipeline, created_at, id);
-- Builds of projects are kept apart by their project's row; these have none to meet at.
CREATE UNIQUE INDEX builds_of_pipelines_by_token ON builds (token) WHERE of_pipeline = 1;
