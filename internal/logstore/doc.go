// Package logstore keeps logs as CloudWatch Logs has them: groups, streams, and events with a time in milliseconds.
//
// Events live in compressed chunks in the SQL store, so that every server of a fleet reads every log, a backup of the
// database holds the logs, and a crash leaves no half-written record. What makes that cheap enough for builds that print
// gigabytes: an appender per open stream gathers and compresses events in memory, and one flusher writes what all
// streams gathered in one transaction, at most Options.Delay after the first of them, sooner when a chunk is full. A
// writer that is faster than the disk waits; memory is bounded per stream.
//
// Readers in this process see an event as soon as it is appended; readers on other servers once it is flushed.
package logstore
