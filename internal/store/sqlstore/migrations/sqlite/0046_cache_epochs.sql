-- What the names of a project's caches begin with since they were thrown away last (package build, invalidate.go).
ALTER TABLE build_projects ADD COLUMN cache_epoch TEXT NOT NULL DEFAULT '';
