// Package cloudwatchalarm is the provider of the rule CloudWatchAlarm: a stage is held, or fails, because of an alarm.
//
// The alarm is one of this server's, which tells of every change of its state, or what a query of Prometheus or a probe of
// a URL says whenever it is asked.
package cloudwatchalarm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/alarm"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// timeoutMinutes is how long a rule may take that does not say it.
const timeoutMinutes = 55

// Jobs is what the provider needs of the queue. Implemented by *queue.Queue.
type Jobs interface {
	queue.Enqueuer
	Cancel(ctx context.Context, tx store.Tx, kind, key string) error
}

// Options tune a Provider.
type Options struct {
	// Interval is the pause between two samples of what does not tell of its changes; default 15 s.
	Interval time.Duration
	// SampleTimeout bounds one sample; default 10 s.
	SampleTimeout time.Duration
	// ForbidPrivate keeps samples from being taken on the loopback and in private networks.
	ForbidPrivate bool
}

// Provider implements action.Provider.
type Provider struct {
	store    store.Store
	alarms   *alarm.Store
	jobs     Jobs
	client   *http.Client
	interval time.Duration
}

var _ action.Provider = (*Provider)(nil)

// New makes a Provider.
func New(st store.Store, alarms *alarm.Store, jobs Jobs, o Options) *Provider {
	if o.Interval <= 0 {
		o.Interval = 15 * time.Second
	}
	if o.SampleTimeout <= 0 {
		o.SampleTimeout = 10 * time.Second
	}
	return &Provider{store: st, alarms: alarms, jobs: jobs, client: newClient(o.SampleTimeout, o.ForbidPrivate), interval: o.Interval}
}

// Type implements action.Provider.
func (*Provider) Type() action.Type {
	return action.Type{
		ID:             pipeline.ActionTypeID{Category: pipeline.CategoryRule, Owner: "AWS", Provider: "CloudWatchAlarm", Version: "1"},
		Properties:     properties,
		Whole:          problem,
		TimeoutMinutes: timeoutMinutes,
		TimeoutSetable: true,
	}
}

// Start looks at the alarm and decides, or writes down what is to be watched and for how long.
func (p *Provider) Start(ctx context.Context, job action.Job) (action.Result, error) {
	w, err := read(job)
	if err != nil {
		return action.Fail(pipeline.ConfigurationError, "%v.", err), nil
	}
	var seen sample
	if w.Alarm == "" {
		if seen, err = p.sample(ctx, w); err != nil {
			return nil, err
		}
	}
	var result action.Result
	err = p.store.InTx(ctx, func(tx store.Tx) error {
		var err error
		result, err = p.begin(ctx, tx, w, job.Started, seen)
		return err
	})
	return result, err
}

// begin decides on what is seen, or makes sure that the rule hears of what will be. A redelivery finds what was decided.
func (p *Provider) begin(ctx context.Context, tx store.Tx, w watch, started time.Time, seen sample) (action.Result, error) {
	before, err := findWatch(ctx, tx, w.Rule)
	if err != nil {
		return nil, err
	}
	if before != nil {
		if before.verdict != nil {
			return before.verdict.result(), nil
		}
		return before.waiting(), nil
	}
	if w.Alarm != "" {
		a, err := p.alarms.Find(ctx, tx, w.Alarm)
		if errors.Is(err, alarm.ErrNotFound) {
			return action.Fail(pipeline.ConfigurationError, "There is no alarm named %q. Make it with PutMetricAlarm, or correct the rule.", w.Alarm), nil
		}
		if err != nil {
			return nil, err
		}
		seen = sample{State: a.State, Why: a.Reason}
	}
	if started.IsZero() {
		started = tx.Now()
	}
	w.Until = started.Add(time.Duration(w.Minutes) * time.Minute)
	if v := w.judge(seen, tx.Now()); v != nil {
		return v.result(), nil
	}
	w.note(seen)
	if err := insertWatch(ctx, tx, w); err != nil {
		return nil, err
	}
	if err := p.wake(ctx, tx, w); err != nil {
		return nil, err
	}
	return w.waiting(), nil
}

// waiting is what the rule says of itself meanwhile.
func (w watch) waiting() action.Wait {
	summary := fmt.Sprintf("Watching %s until %s.", w.subject(), clock(w.Until))
	if w.Condition == beforeEntry {
		summary = fmt.Sprintf("Waiting for %s to clear, until %s at the latest.", w.subject(), clock(w.Until))
	}
	return action.Wait{ExternalID: w.Rule, Summary: summary}
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// Cancel implements action.Provider: nobody waits for the alarm any more.
func (p *Provider) Cancel(ctx context.Context, job action.Job) error {
	return p.store.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM alarm_watches WHERE rule = $1`, job.ActionExecutionID); err != nil {
			return err
		}
		return p.jobs.Cancel(ctx, tx, wakeKind, job.ActionExecutionID)
	})
}
