-- The log of events is pruned from its beginning, which is its oldest part: an index by time would only cost every event.
DROP INDEX events_at;
