package cloudwatchalarm

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/alarm"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

const beforeEntry = "BEFORE_ENTRY"

// watch is a rule that waits, as it is stored.
type watch struct {
	Rule      string        `json:"rule"` // rule execution id
	Pipeline  string        `json:"pipeline"`
	Condition string        `json:"condition"`
	States    []alarm.State `json:"states"` // that make the rule fail
	Minutes   int           `json:"minutes"`
	Until     time.Time     `json:"until"`

	// Of these one is set.
	Alarm      string `json:"alarm,omitempty"`
	Prometheus string `json:"prometheus,omitempty"`
	Probe      string `json:"probe,omitempty"`

	Query   string `json:"query,omitempty"`
	Status  int    `json:"status,omitempty"`
	Pattern string `json:"pattern,omitempty"`

	Misses int `json:"misses,omitempty"` // samples in a row that told nothing

	verdict *verdict // nil while the rule waits
}

// sample is what an alarm was seen to be. Its state is empty when that could not be told, and Why says why.
type sample struct {
	State alarm.State
	Why   string
}

// verdict is how a watch ended.
type verdict struct {
	Holds   bool   `json:"holds"`
	Message string `json:"message"`
}

func (v verdict) result() action.Result {
	if v.Holds {
		return action.Done{Summary: v.Message}
	}
	return action.Fail(pipeline.JobFailed, "%s", v.Message)
}

// mostMisses is how many samples in a row may tell nothing before the rule fails: a server that restarts is no alarm.
const mostMisses = 3

// judge decides on what is seen at a time; nil when the rule goes on waiting.
func (w watch) judge(s sample, now time.Time) *verdict {
	over := !now.Before(w.Until)
	switch failing := slices.Contains(w.States, s.State); {
	case s.State == "":
		if over || w.Misses+1 >= mostMisses {
			return &verdict{Message: fmt.Sprintf("%s could not be evaluated: %s.", w.subject(), s.Why)}
		}
		return nil
	case failing && (over || w.Condition != beforeEntry):
		return &verdict{Message: fmt.Sprintf("%s is in state %s%s.", w.subject(), s.State, because(s.Why))}
	case !failing && (over || w.Condition == beforeEntry):
		return &verdict{Holds: true, Message: fmt.Sprintf("%s is in state %s.", w.subject(), s.State)}
	}
	return nil
}

// note counts samples that told nothing.
func (w *watch) note(s sample) {
	w.Misses++
	if s.State != "" {
		w.Misses = 0
	}
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + clip(why)
}

// clip keeps messages short.
func clip(text string) string {
	if runes := []rune(text); len(runes) > 300 {
		return string(runes[:300]) + "…"
	}
	return text
}

// subject is what is watched, in words.
func (w watch) subject() string {
	switch {
	case w.Prometheus != "":
		return fmt.Sprintf("Query %q of %s", clip(w.Query), address(w.Prometheus))
	case w.Probe != "":
		return "Probe of " + address(w.Probe)
	}
	return fmt.Sprintf("Alarm %q", w.Alarm)
}

func insertWatch(ctx context.Context, tx store.Tx, w watch) error {
	text, err := json.Marshal(w)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO alarm_watches (rule, alarm, watch, verdict, until) VALUES ($1, $2, $3, '', $4)`,
		w.Rule, w.Alarm, string(text), store.Micros(w.Until))
	return err
}

const selectWatch = `SELECT watch, verdict FROM alarm_watches `

func scanWatch(row interface{ Scan(...any) error }) (*watch, error) {
	var text, ended string
	if err := row.Scan(&text, &ended); err != nil {
		return nil, err
	}
	w := new(watch)
	if err := json.Unmarshal([]byte(text), w); err != nil {
		return nil, fmt.Errorf("a watch of an alarm is unreadable: %w", err)
	}
	if ended != "" {
		w.verdict = new(verdict)
		if err := json.Unmarshal([]byte(ended), w.verdict); err != nil {
			return nil, fmt.Errorf("the end of the watch %s is unreadable: %w", w.Rule, err)
		}
	}
	return w, nil
}

// findWatch reads the watch of a rule; nil when there is none.
func findWatch(ctx context.Context, r store.Reader, rule string) (*watch, error) {
	w, err := scanWatch(r.QueryRow(ctx, selectWatch+`WHERE rule = $1`, rule))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return w, err
}

func watchesOf(ctx context.Context, r store.Reader, name string) ([]*watch, error) {
	rows, err := r.Query(ctx, selectWatch+`WHERE alarm = $1 AND alarm <> '' AND verdict = '' ORDER BY rule`, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []*watch
	for rows.Next() {
		w, err := scanWatch(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	return list, rows.Err()
}

// end writes a verdict down and reports it. Of two transactions that end the same watch only one commits.
func (w watch) end(ctx context.Context, tx store.Tx, reporter action.Reporter, v verdict) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `UPDATE alarm_watches SET verdict = $2 WHERE rule = $1 AND verdict = ''`, w.Rule, string(text))
	if err != nil || n == 0 {
		return err
	}
	return reporter.Report(ctx, tx, action.Report{Pipeline: w.Pipeline, ActionExecutionID: w.Rule, Result: v.result()})
}

// Changed tells the rules that watch an alarm what has become of it, in the transaction in which it did.
func Changed(ctx context.Context, tx store.Tx, jobs Jobs, reporter action.Reporter, c alarm.Change) error {
	list, err := watchesOf(ctx, tx, c.Alarm)
	if err != nil {
		return err
	}
	for _, w := range list {
		v := w.judge(sample{State: c.State, Why: c.Reason}, tx.Now())
		if c.Deleted {
			v = &verdict{Message: fmt.Sprintf("%s was deleted while the rule watched it.", w.subject())}
		}
		if v == nil {
			continue
		}
		if err := w.end(ctx, tx, reporter, *v); err != nil {
			return err
		}
		if err := jobs.Cancel(ctx, tx, wakeKind, w.Rule); err != nil {
			return err
		}
	}
	return nil
}

// wakeKind is the job that is due when a watch ends or, of what does not tell of its changes, when it is sampled next.
const wakeKind = "cloudwatchalarm.wake"

// wake schedules a watch's next job.
func (p *Provider) wake(ctx context.Context, tx store.Tx, w watch) error {
	at := w.Until
	if next := tx.Now().Add(p.interval); w.Alarm == "" && next.Before(at) {
		at = next
	}
	payload, err := json.Marshal(w.Rule)
	if err != nil {
		return err
	}
	_, err = p.jobs.Enqueue(ctx, tx, queue.Job{Kind: wakeKind, Key: w.Rule, Group: w.Pipeline, Payload: payload, RunAt: at})
	return err
}

// Handlers is where Register adds its job. *queue.Queue is one.
type Handlers interface {
	Handle(kind string, h queue.Handler, o queue.Options)
}

// forever is for a report: without it the rule would wait until its timeout.
const forever = 1 << 30

// workers is how many samples may be under way at once.
const workers = 16

// Register adds the job by which a watch goes on and ends. Call it before the queue starts.
func (p *Provider) Register(q Handlers, reporter action.Reporter) {
	q.Handle(wakeKind, func(ctx context.Context, job queue.Job) (queue.Completion, error) {
		var rule string
		if err := json.Unmarshal(job.Payload, &rule); err != nil {
			return nil, queue.Permanent(fmt.Errorf("job %s: %w", wakeKind, err))
		}
		completion, err := p.awake(ctx, rule, reporter)
		if errors.Is(context.Cause(ctx), queue.ErrCancelled) { // the watch has ended meanwhile: nothing is left to do
			return nil, nil
		}
		return completion, err
	}, queue.Options{MaxAttempts: forever, Workers: workers})
}

func (p *Provider) awake(ctx context.Context, rule string, reporter action.Reporter) (queue.Completion, error) {
	var w *watch
	err := p.store.Read(ctx, func(r store.Reader) error {
		var err error
		w, err = findWatch(ctx, r, rule)
		return err
	})
	if err != nil || w == nil || w.verdict != nil { // it was cancelled, or has ended
		return nil, err
	}
	var seen sample
	if w.Alarm == "" {
		if seen, err = p.sample(ctx, *w); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, tx store.Tx) error { return p.goOn(ctx, tx, rule, seen, reporter) }, nil
}

// goOn ends a watch or schedules its next job.
func (p *Provider) goOn(ctx context.Context, tx store.Tx, rule string, seen sample, reporter action.Reporter) error {
	w, err := findWatch(ctx, tx, rule)
	if err != nil || w == nil || w.verdict != nil {
		return err
	}
	if w.Alarm != "" {
		a, err := p.alarms.Find(ctx, tx, w.Alarm)
		if err != nil { // a deletion has ended the watch, so there is an alarm
			return err
		}
		seen = sample{State: a.State, Why: a.Reason}
	}
	if v := w.judge(seen, tx.Now()); v != nil {
		return w.end(ctx, tx, reporter, *v)
	}
	w.note(seen)
	text, err := json.Marshal(w)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE alarm_watches SET watch = $2 WHERE rule = $1 AND verdict = ''`, rule, string(text)); err != nil {
		return err
	}
	return p.wake(ctx, tx, *w)
}

// Prune forgets what was decided about watches that were over before a time.
func (p *Provider) Prune(ctx context.Context, before time.Time) error {
	return p.store.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM alarm_watches WHERE until < $1 AND verdict <> ''`, store.Micros(before))
		return err
	})
}
