-- Who pushed a commit: whoever did may be kept from approving what a pipeline does with it.
CREATE INDEX push_events_commit ON push_events (repository_id, new_id);
