// Package engine decides what happens next on a pipeline. It is pure: Step takes the pipeline's definition, its state
// and one event and returns the new state and the commands it calls for. There is no clock, randomness, I/O or logger
// here; Event.When is the time, ids are derived (see ids.go) or arrive in the event.
//
// The state is one pipeline with all its in-flight executions, because stage locks, superseding, queueing and disabled
// transitions are relations between executions. Ended executions leave the state, except those a retry may revive, so a
// step costs the same after a million executions. History is written by the shell from the Announce commands.
//
// Rules come from spec/execution.md (named E) and spec/pipeline.md (named P); comments give the section.
package engine
