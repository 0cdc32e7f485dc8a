// Package deploymentwindow is the provider of the rule DeploymentWindow: deployments are let through at certain times.
package deploymentwindow

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/cron"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Configuration keys.
const (
	keyCron = "Cron"
	keyZone = "TimeZone"
)

// opensKind is the job that is due when a window opens.
const opensKind = "deploymentwindow.opens"

// Jobs is what the provider needs of the queue. Implemented by *queue.Queue.
type Jobs interface {
	queue.Enqueuer
	Cancel(ctx context.Context, tx store.Tx, kind, key string) error
}

// Provider implements action.Provider.
type Provider struct {
	store store.Store
	jobs  Jobs
	now   func() time.Time
}

var _ action.Provider = (*Provider)(nil)

// New makes a Provider. now is the clock; nil is the machine's.
func New(st store.Store, jobs Jobs, now func() time.Time) *Provider {
	if now == nil {
		now = time.Now
	}
	return &Provider{store: st, jobs: jobs, now: now}
}

// Type implements action.Provider.
func (*Provider) Type() action.Type {
	return action.Type{
		ID: pipeline.ActionTypeID{Category: pipeline.CategoryRule, Owner: "AWS", Provider: "DeploymentWindow", Version: "1"},
		Properties: []action.Property{
			{
				Name: keyCron, Required: true, Type: "String", Check: cronProblem,
				Description: "When the window is open: a cron expression of six or seven fields.",
			},
			{
				Name: keyZone, Type: "String", Check: zoneProblem,
				Description: "The zone of the clock: Region/City, UTC, UTC+HH:MM or an abbreviation. UTC by default.",
			},
		},
		TimeoutMinutes: 55,
		TimeoutSetable: true,
	}
}

func cronProblem(text string) string {
	if _, err := cron.Parse(text); err != nil {
		return "a cron expression: " + err.Error()
	}
	return ""
}

func zoneProblem(text string) string {
	if _, err := zone(text); err != nil {
		return "a time zone: " + err.Error()
	}
	return ""
}

// window is a rule's configuration, and with the rest of the members the payload of the job that is due at its opening.
type window struct {
	Cron     string    `json:"cron"`
	Zone     string    `json:"zone"`
	Pipeline string    `json:"pipeline"`
	Rule     string    `json:"rule"`  // rule execution id
	Until    time.Time `json:"until"` // how long the rule may wait; zero: not at all
	Opens    time.Time `json:"opens"` // what the job waits for
}

// look tells whether the window is open at now and, when it is closed, when it opens next.
func (w window) look(now time.Time) (open bool, opens time.Time, err error) {
	e, err := cron.Parse(w.Cron)
	if err != nil {
		return false, time.Time{}, fmt.Errorf("%s %q: %w", keyCron, w.Cron, err)
	}
	location, err := zone(w.Zone)
	if err != nil {
		return false, time.Time{}, fmt.Errorf("%s %q: %w", keyZone, w.Zone, err)
	}
	now = now.In(location)
	if e.Matches(now) {
		return true, now, nil
	}
	opens, _ = e.Next(now)
	return false, opens, nil
}

// waits reports whether it is worth to wait for the opening.
func (w window) waits(opens time.Time) bool { return !opens.IsZero() && opens.Before(w.Until) }

// Start looks at the clock. Before a stage, a rule that declares how long it may take (timeoutInMinutes) waits that long
// for its window to open; any other rule is decided at once.
func (p *Provider) Start(ctx context.Context, job action.Job) (action.Result, error) {
	w := window{Cron: job.Configuration[keyCron], Zone: job.Configuration[keyZone], Pipeline: job.Pipeline, Rule: job.ActionExecutionID}
	if job.Condition == "BEFORE_ENTRY" && job.TimeoutMinutes > 0 {
		w.Until = job.Started.Add(time.Duration(job.TimeoutMinutes) * time.Minute)
	}
	open, opens, err := w.look(p.now())
	switch {
	case err != nil:
		return action.Fail(pipeline.ConfigurationError, "%v.", err), nil
	case open || !w.waits(opens):
		return w.decide(open, opens), nil
	}
	err = p.store.InTx(ctx, func(tx store.Tx) error { return schedule(ctx, tx, p.jobs, w, opens) })
	if err != nil {
		return nil, err
	}
	return action.Wait{Summary: fmt.Sprintf("The window is closed; it opens at %s.", clock(opens))}, nil
}

func (w window) decide(open bool, opens time.Time) action.Result {
	switch {
	case open:
		return action.Done{Summary: "The window is open."}
	case opens.IsZero():
		return action.Fail(pipeline.JobFailed, "The deployment window %q is closed, and never opens again.", w.Cron)
	case !w.Until.IsZero():
		return action.Fail(pipeline.JobFailed, "The deployment window %q is closed. It opens at %s, which is later than the rule may wait (%s).",
			w.Cron, clock(opens), clock(w.Until))
	}
	return action.Fail(pipeline.JobFailed, "The deployment window %q is closed. It opens at %s.", w.Cron, clock(opens))
}

func clock(t time.Time) string { return t.Format("2006-01-02 15:04 -07:00") }

func schedule(ctx context.Context, tx store.Tx, jobs queue.Enqueuer, w window, opens time.Time) error {
	w.Opens = opens
	payload, err := json.Marshal(w)
	if err != nil {
		return err
	}
	_, err = jobs.Enqueue(ctx, tx, queue.Job{Kind: opensKind, Key: w.Rule, Group: w.Pipeline, Payload: payload, RunAt: opens})
	return err
}

// Cancel implements action.Provider: nobody waits for the window any more.
func (p *Provider) Cancel(ctx context.Context, job action.Job) error {
	return p.store.InTx(ctx, func(tx store.Tx) error { return p.jobs.Cancel(ctx, tx, opensKind, job.ActionExecutionID) })
}

// Handlers is where Register adds its job. *queue.Queue is one.
type Handlers interface {
	queue.Enqueuer
	Handle(kind string, h queue.Handler, o queue.Options)
}

// Register adds the job by which a window that opens lets its rule hold. Call it before the queue starts. now is the
// clock; nil is the machine's.
//
// The server may have been away when the window opened. If it has closed again meanwhile, the next opening is waited for,
// as long as the rule may wait.
func Register(q Handlers, reporter action.Reporter, now func() time.Time) {
	if now == nil {
		now = time.Now
	}
	q.Handle(opensKind, func(_ context.Context, job queue.Job) (queue.Completion, error) {
		var w window
		if err := json.Unmarshal(job.Payload, &w); err != nil {
			return nil, queue.Permanent(fmt.Errorf("job %s: %w", opensKind, err))
		}
		at := now()
		if at.Before(w.Opens) { // the queue's clock is the judge of what is due
			at = w.Opens
		}
		open, opens, err := w.look(at)
		if err != nil {
			return nil, queue.Permanent(err)
		}
		return func(ctx context.Context, tx store.Tx) error {
			if !open && w.waits(opens) {
				return schedule(ctx, tx, q, w, opens)
			}
			return reporter.Report(ctx, tx, action.Report{Pipeline: w.Pipeline, ActionExecutionID: w.Rule, Result: w.decide(open, opens)})
		}, nil
	}, queue.Options{MaxAttempts: forever})
}

// forever is for a report: without it the rule would wait until its timeout.
const forever = 1 << 30
