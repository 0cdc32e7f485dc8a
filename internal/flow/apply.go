package flow

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// row is a pipeline as stored.
type row struct {
	id      int64
	name    string
	version int
	created time.Time
	updated time.Time
	seq     int64
	state   engine.State
	text    string // of state
}

const selectPipeline = `SELECT id, version, created, updated, seq, state FROM pipelines WHERE name = $1`

// load reads a pipeline without locking it.
func (s *Service) load(ctx context.Context, r store.Reader, name string) (*row, error) {
	return s.scan(r.QueryRow(ctx, selectPipeline, name), name)
}

// lock reads a pipeline and keeps everybody else from changing it until tx ends. SQLite has one writer anyway.
func (s *Service) lock(ctx context.Context, tx store.Tx, name string) (*row, error) {
	query := selectPipeline
	if tx.Dialect() == store.Postgres {
		query += ` FOR UPDATE`
	}
	return s.scan(tx.QueryRow(ctx, query, name), name)
}

func (s *Service) scan(r *sql.Row, name string) (*row, error) {
	p := &row{name: name}
	var created, updated int64
	err := r.Scan(&p.id, &p.version, &created, &updated, &p.seq, &p.text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, pipeline.Errorf(pipeline.PipelineNotFound, "Account '%s' does not have a pipeline with name '%s'", s.account, name)
	}
	if err != nil {
		return nil, err
	}
	p.created, p.updated = store.FromMicros(created), store.FromMicros(updated)
	if err := json.Unmarshal([]byte(p.text), &p.state); err != nil {
		return nil, fmt.Errorf("the state of pipeline %s is unreadable: %w", name, err)
	}
	return p, nil
}

func isNotFound(err error) bool { return pipeline.KindOf(err) == pipeline.PipelineNotFound }

// Apply applies one event to a pipeline in a transaction of its own.
func (s *Service) Apply(ctx context.Context, name string, ev engine.Event) error {
	return s.store.InTx(ctx, func(tx store.Tx) error { return s.applyTx(ctx, tx, name, ev) })
}

// applyTx is Apply inside the caller's transaction.
func (s *Service) applyTx(ctx context.Context, tx store.Tx, name string, ev engine.Event) error {
	p, err := s.lock(ctx, tx, name)
	if err != nil {
		return err
	}
	d, err := s.definition(ctx, tx, p.id, p.version)
	if err != nil {
		return err
	}
	return s.apply(ctx, tx, p, d, ev)
}

// apply takes one step of a locked pipeline: it saves what the engine decided and enqueues what it asks for. An event
// that changes nothing writes nothing. p is brought up to date, so several events can be applied one after the other.
func (s *Service) apply(ctx context.Context, tx store.Tx, p *row, d *pipeline.Definition, ev engine.Event) error {
	next, commands := engine.Step(d, p.state, ev)
	text := mustJSON(next)
	if len(commands) == 0 && text == p.text {
		return nil
	}
	p.state, p.text = next, text
	p.seq++
	if _, err := tx.Exec(ctx, `UPDATE pipelines SET state = $1, seq = $2 WHERE id = $3`, text, p.seq, p.id); err != nil {
		return err
	}
	if err := s.recordEvent(ctx, tx, p, ev); err != nil {
		return err
	}
	e := &effects{ctx: ctx, tx: tx, s: s, p: p, d: d}
	for _, c := range commands {
		if err := engine.Dispatch(c, e); err != nil {
			return err
		}
	}
	if err := e.history.save(ctx, tx, p.id); err != nil {
		return err
	}
	if s.onStep != nil {
		if err := s.onStep(ctx, tx, Step{Pipeline: p.name, Definition: d, Announcements: e.announced}); err != nil {
			return err
		}
	}
	return e.publish()
}

func (s *Service) recordEvent(ctx context.Context, tx store.Tx, p *row, ev engine.Event) error {
	body, err := engine.EncodeEvent(ev)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO pipeline_events (pipeline_id, seq, at, version, name, body) VALUES ($1, $2, $3, $4, $5, $6)`,
		p.id, p.seq, store.Micros(ev.When()), p.version, ev.Name(), string(body))
	return err
}

// Step is what one step of a pipeline changed.
type Step struct {
	Pipeline      string
	Definition    *pipeline.Definition // shared: do not change
	Announcements []engine.Announce
}

// effects carries out the commands of one step inside its transaction. It is the engine.Handler of the shell.
type effects struct {
	ctx       context.Context
	tx        store.Tx
	s         *Service
	p         *row
	d         *pipeline.Definition
	history   history
	announced []engine.Announce
}

// actionRef names an action or rule execution in the payload of a job.
type actionRef struct {
	Pipeline string `json:"pipeline"`
	ID       string `json:"id"` // action execution id, or rule execution id
}

// StartAction enqueues the job that runs the provider. The key makes it one job however often it is asked for.
func (e *effects) StartAction(c engine.StartAction) error {
	return e.s.enqueue(e.ctx, e.tx, queue.Job{Kind: jobStartAction, Group: e.p.name, Key: c.ID},
		actionRef{Pipeline: e.p.name, ID: c.ID})
}

// CancelAction ends the work of an action nobody waits for any more. Abandoned work is left alone, as on AWS: its end,
// when it comes, no longer fits the state and changes nothing.
func (e *effects) CancelAction(c engine.CancelAction) error {
	d, err := e.definition(c.Version)
	if err != nil {
		return err
	}
	declared := d.Stage(c.Stage).Action(c.Action)
	if c.Cause == engine.CancelAbandon && (declared == nil || !byWorkers(declared.ActionTypeID)) {
		return nil // a job worker has to be told: it could not hand in its result
	}
	if err := e.s.jobs.Cancel(e.ctx, e.tx, jobStartAction, c.ID); err != nil {
		return err
	}
	if declared == nil {
		return nil
	}
	return e.cancel(*declared, action.Job{
		PipelineVersion: c.Version, ExecutionID: c.Execution, Stage: c.Stage, ActionExecutionID: c.ID, ExternalID: c.ExternalID,
	})
}

// CancelRule ends the work of a rule nobody waits for any more.
func (e *effects) CancelRule(c engine.CancelRule) error {
	if err := e.s.jobs.Cancel(e.ctx, e.tx, jobStartAction, c.ID); err != nil {
		return err
	}
	d, err := e.definition(c.Version)
	if err != nil {
		return err
	}
	declared := engine.Rule(d, c.Stage, c.Condition, c.Rule)
	if declared == nil {
		return nil
	}
	return e.cancel(declared.AsAction(), action.Job{
		PipelineVersion: c.Version, ExecutionID: c.Execution, Stage: c.Stage, Condition: string(c.Condition),
		ActionExecutionID: c.ID, ExternalID: c.ExternalID,
	})
}

// cancel enqueues the job that tells a provider. It carries all the provider needs, since the pipeline itself may be gone
// when it runs.
func (e *effects) cancel(declared pipeline.Action, job action.Job) error {
	job.Pipeline, job.Action = e.p.name, declared.Name
	job.TypeID, job.Configuration = declared.ActionTypeID, declared.Configuration
	return e.s.enqueue(e.ctx, e.tx, queue.Job{Kind: jobCancelAction, Group: e.p.name, Key: job.ActionExecutionID}, job)
}

// definition is the one that a cancelled action or rule started with.
func (e *effects) definition(version int) (*pipeline.Definition, error) {
	if version == e.d.Version {
		return e.d, nil
	}
	return e.s.definition(e.ctx, e.tx, e.p.id, version)
}

// EvaluateRule enqueues the job that runs the rule's provider, as for an action.
func (e *effects) EvaluateRule(c engine.EvaluateRule) error {
	return e.s.enqueue(e.ctx, e.tx, queue.Job{Kind: jobStartAction, Group: e.p.name, Key: c.ID},
		actionRef{Pipeline: e.p.name, ID: c.ID})
}

// SetTimer schedules a job for the time the timer is due.
func (e *effects) SetTimer(c engine.SetTimer) error {
	return e.s.enqueue(e.ctx, e.tx, queue.Job{
		Kind: jobTimer, Group: e.p.name, Key: timerKey(c.Timer), RunAt: c.Timer.At,
	}, timerRef{Pipeline: e.p.name, Timer: c.Timer})
}

// timerMargin is how close to its time a timer is left alone. It then fires for nothing, but does not meet its own
// cancellation: on PostgreSQL a timer that fires holds its job and wants the pipeline, while an action's end holds the
// pipeline and wants the timer's job. Should they meet all the same, one of the two transactions runs again.
const timerMargin = time.Minute

// Announce collects what history and live views are to know.
func (e *effects) Announce(a engine.Announce) error {
	e.announced = append(e.announced, a)
	e.history.note(a)
	// A timeout that is not needed any more is taken back. Without this a busy server would carry hours of dead timers.
	switch {
	case a.Action != nil && a.Action.Status.Terminal():
		return e.dropTimer(engine.Timer{Kind: engine.TimerAction, ID: a.Action.ID, At: a.Action.Deadline}, a.At)
	case a.Rule != nil && a.Rule.Status.Terminal():
		return e.dropTimer(engine.Timer{Kind: engine.TimerRule, ID: a.Rule.ID, At: a.Rule.Deadline}, a.At)
	}
	return nil
}

func (e *effects) dropTimer(t engine.Timer, now time.Time) error {
	if t.At.Sub(now) <= timerMargin {
		return nil
	}
	return e.s.jobs.Cancel(e.ctx, e.tx, jobTimer, timerKey(t))
}
