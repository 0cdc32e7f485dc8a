package cloudwatchalarm_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/action/actiontest"
	"github.com/conveyor-cd/conveyor/internal/action/cloudwatchalarm"
	"github.com/conveyor-cd/conveyor/internal/alarm"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// tower is the provider with an alarm named "errors", and a reporter that notes what it is told.
type tower struct {
	t       *testing.T
	store   store.Store
	queue   *queue.Queue
	alarms  *alarm.Store
	reports chan action.Report
	p       *cloudwatchalarm.Provider
}

func (w *tower) Report(_ context.Context, tx store.Tx, r action.Report) error {
	tx.AfterCommit(func() { w.reports <- r })
	return nil
}

func newTower(t *testing.T, st store.Store) *tower {
	return newTowerWith(t, st, cloudwatchalarm.Options{Interval: 10 * time.Millisecond, SampleTimeout: 2 * time.Second})
}

func newTowerWith(t *testing.T, st store.Store, o cloudwatchalarm.Options) *tower {
	w := &tower{t: t, store: st, queue: queue.New(st, queue.Config{}), reports: make(chan action.Report, 10)}
	w.alarms = alarm.New(st, alarm.Options{OnChange: func(ctx context.Context, tx store.Tx, c alarm.Change) error {
		return cloudwatchalarm.Changed(ctx, tx, w.queue, w, c)
	}})
	w.p = cloudwatchalarm.New(st, w.alarms, w.queue, o)
	w.p.Register(w.queue, w)
	if err := w.alarms.Put(t.Context(), alarm.Alarm{Name: "errors", Definition: []byte("{}")}, nil); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *tower) run() {
	w.t.Helper()
	if err := w.queue.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := w.queue.Stop(context.Background()); err != nil {
			w.t.Error(err)
		}
	})
}

func (w *tower) set(state alarm.State) {
	w.t.Helper()
	if err := w.alarms.SetState(w.t.Context(), "errors", state, "because", ""); err != nil {
		w.t.Fatal(err)
	}
}

// rule is a rule that began just now and waits for minutes; 0 means that it does not say WaitTime.
func (w *tower) rule(condition string, minutes int) action.Job {
	j := action.Job{
		Pipeline: "site", Action: "Quiet", ActionExecutionID: "r-1", Condition: condition, TypeID: w.p.Type().ID,
		Configuration: map[string]string{"AlarmName": "errors"}, Started: time.Now(),
	}
	if minutes > 0 {
		j.Configuration["WaitTime"] = fmt.Sprint(minutes)
	}
	return j
}

func (w *tower) start(j action.Job) action.Result {
	w.t.Helper()
	registry, err := action.NewRegistry(nil, w.p) // as flow does
	if err != nil {
		w.t.Fatal(err)
	}
	p, _ := registry.Lookup(w.p.Type().ID)
	result, err := p.Start(w.t.Context(), j)
	if err != nil {
		w.t.Fatal(err)
	}
	return result
}

// report awaits the end of the rule.
func (w *tower) report() string {
	w.t.Helper()
	select {
	case r := <-w.reports:
		if r.Pipeline != "site" || r.ActionExecutionID != "r-1" {
			w.t.Errorf("the report is %+v", r)
		}
		return outcome(r.Result)
	case <-time.After(30 * time.Second):
		w.t.Fatal("no report")
		return ""
	}
}

// outcome is a result in a few words.
func outcome(r action.Result) string {
	switch r := r.(type) {
	case action.Done:
		return "holds: " + r.Summary
	case action.Failed:
		return "fails: " + r.Message
	case action.Wait:
		return "waits: " + r.Summary
	}
	return "?"
}

func (w *tower) says(got, want string) {
	w.t.Helper()
	if !strings.Contains(got, want) {
		w.t.Errorf("%q, want %q", got, want)
	}
}

// quiet checks that nothing goes on. A job that was cancelled as it began stays in the table for a while.
func (w *tower) quiet() {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		n := 0
		err := w.store.Read(w.t.Context(), func(r store.Reader) error {
			return r.QueryRow(w.t.Context(), `SELECT COUNT(*) FROM jobs WHERE NOT (state = 'failed' AND last_error LIKE '%the job was cancelled%')`).Scan(&n)
		})
		if err != nil {
			w.t.Fatal(err)
		}
		if n == 0 {
			break
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%d jobs are left behind", n)
		}
	}
	if len(w.reports) > 0 {
		w.t.Errorf("reported once more: %+v", <-w.reports)
	}
}

func TestTheStateDecides(t *testing.T) {
	w := newTower(t, sqltest.SQLite(t))
	for i, c := range []struct {
		state     alarm.State
		states    string
		condition string
		minutes   int
		want      string
	}{
		{alarm.OK, "", "BEFORE_ENTRY", 0, "holds"},
		{alarm.InsufficientData, "", "BEFORE_ENTRY", 0, "holds"},
		{alarm.Alarming, "", "BEFORE_ENTRY", 0, `fails: Alarm "errors" is in state ALARM: because.`},
		{alarm.Alarming, "", "ON_SUCCESS", 0, "fails"},
		{alarm.OK, "", "ON_FAILURE", 0, "holds"},
		{alarm.InsufficientData, "INSUFFICIENT_DATA", "BEFORE_ENTRY", 0, "fails"},
		{alarm.InsufficientData, "ALARM, INSUFFICIENT_DATA", "ON_SUCCESS", 0, "fails"},
		{alarm.Alarming, "OK", "BEFORE_ENTRY", 0, "holds"},

		{alarm.OK, "", "BEFORE_ENTRY", 5, "holds"},
		{alarm.Alarming, "", "BEFORE_ENTRY", 5, `waits: Waiting for Alarm "errors" to clear`},
		{alarm.OK, "", "ON_SUCCESS", 5, `waits: Watching Alarm "errors"`},
		{alarm.OK, "", "ON_FAILURE", 5, "waits"},
		{alarm.Alarming, "", "ON_SUCCESS", 5, "fails"},
	} {
		w.set(c.state)
		j := w.rule(c.condition, c.minutes)
		j.ActionExecutionID = fmt.Sprint("r-", i)
		j.Configuration["AlarmStates"] = c.states
		if got := outcome(w.start(j)); !strings.HasPrefix(got, c.want) {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestAnAlarmThatClears(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		w := newTower(t, st)
		w.run()
		w.set(alarm.Alarming)
		j := w.rule("BEFORE_ENTRY", 50)
		first := outcome(w.start(j))
		w.set(alarm.Alarming)
		if again := outcome(w.start(j)); again != first || len(w.reports) > 0 { // delivered twice
			t.Errorf("first %s, then %s", first, again)
		}
		w.set(alarm.InsufficientData)
		w.says(w.report(), `holds: Alarm "errors" is in state INSUFFICIENT_DATA`)
		w.set(alarm.Alarming)
		// A delivery that comes late finds what was decided.
		w.says(outcome(w.start(j)), "holds")
		w.quiet()
	})
}

func TestAnAlarmThatGoesOff(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		w := newTower(t, st)
		w.run()
		w.set(alarm.OK)
		j := w.rule("ON_SUCCESS", 50)
		w.start(j)
		w.set(alarm.InsufficientData)
		if len(w.reports) > 0 {
			t.Error("it does not wait")
		}
		w.set(alarm.Alarming)
		w.set(alarm.OK) // a short one is one, too
		w.says(w.report(), `fails: Alarm "errors" is in state ALARM: because.`)
		w.says(outcome(w.start(j)), "fails")
		w.quiet()
	})
}

func TestTheWaitEnds(t *testing.T) {
	for name, c := range map[string]struct {
		state           alarm.State
		condition, want string
	}{
		"in alarm": {alarm.Alarming, "BEFORE_ENTRY", `fails: Alarm "errors" is in state ALARM`},
		"in peace": {alarm.OK, "ON_SUCCESS", `holds: Alarm "errors" is in state OK`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTower(t, sqltest.SQLite(t))
			w.set(c.state)
			j := w.rule(c.condition, 5)
			j.Started = time.Now().Add(-5*time.Minute + 300*time.Millisecond)
			w.says(outcome(w.start(j)), "waits")
			w.run() // as after a restart
			w.says(w.report(), c.want)
			w.quiet()
		})
	}
}

// While the wait ends, the alarm may change: one of the two is reported, never both.
func TestTheWaitEndsWhileTheAlarmChanges(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		w := newTower(t, st)
		w.run()
		for i := range 5 {
			w.set(alarm.OK)
			j := w.rule("ON_SUCCESS", 1)
			j.ActionExecutionID = fmt.Sprint("r-", i)
			j.Started = time.Now().Add(-time.Minute + 200*time.Millisecond)
			w.start(j)
			time.Sleep(time.Until(j.Started.Add(time.Minute))) // not for luck: both outcomes are right
			w.set(alarm.Alarming)
			r := <-w.reports
			if again := outcome(w.start(j)); again != outcome(r.Result) {
				t.Errorf("reported %s, then %s", outcome(r.Result), again)
			}
		}
		w.quiet()
	})
}

func TestAnAlarmThatIsDeleted(t *testing.T) {
	w := newTower(t, sqltest.SQLite(t))
	w.start(w.rule("ON_SUCCESS", 50))
	if _, err := w.alarms.Delete(t.Context(), []string{"errors"}); err != nil {
		t.Fatal(err)
	}
	w.says(w.report(), `fails: Alarm "errors" was deleted while the rule watched it`)
	w.quiet()
}

func TestCancel(t *testing.T) {
	w := newTower(t, sqltest.SQLite(t))
	j := w.rule("ON_SUCCESS", 50)
	w.start(j)
	for range 2 {
		if err := w.p.Cancel(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	w.set(alarm.Alarming)
	w.quiet()
}

func TestPrune(t *testing.T) {
	w := newTower(t, sqltest.SQLite(t))
	j := w.rule("ON_SUCCESS", 50)
	w.start(j)
	prune := func() {
		if err := w.p.Prune(t.Context(), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	prune()
	w.set(alarm.Alarming)
	w.says(w.report(), "fails") // what waits is kept
	prune()
	w.set(alarm.OK)
	w.says(outcome(w.start(j)), "waits") // what was decided is not, when it is old
}

func TestSuite(t *testing.T) {
	mistakes := []actiontest.Mistake{
		{Name: "unknown alarm", Make: func(j *action.Job) { j.Configuration["AlarmName"] = "error" }, Says: `There is no alarm named "error"`, Code: pipeline.ConfigurationError},
		{Name: "no source", Make: func(j *action.Job) { delete(j.Configuration, "AlarmName") }, Says: "exactly one of AlarmName", Code: pipeline.ConfigurationError},
		{Name: "two sources", Make: func(j *action.Job) { j.Configuration["ConveyorProbeUrl"] = "http://localhost" }, Says: "exactly one of AlarmName", Code: pipeline.ConfigurationError},
		{Name: "a query alone", Make: func(j *action.Job) { j.Configuration["ConveyorPrometheusQuery"] = "up" }, Says: "go together", Code: pipeline.ConfigurationError},
		{Name: "a status alone", Make: func(j *action.Job) { j.Configuration["ConveyorProbeStatus"] = "200" }, Says: "go with ConveyorProbeUrl", Code: pipeline.ConfigurationError},
		{Name: "no state", Make: func(j *action.Job) { j.Configuration["AlarmStates"] = "ALARM;OK" }, Says: "AlarmStates", Code: pipeline.ConfigurationError},
		{Name: "no number", Make: func(j *action.Job) { j.Configuration["WaitTime"] = "5m" }, Says: "WaitTime", Code: pipeline.ConfigurationError},
		{Name: "too long", Make: func(j *action.Job) { j.Configuration["WaitTime"] = "55" }, Says: "raise its timeoutInMinutes", Code: pipeline.ConfigurationError},
	}
	started := func(w *tower) func(t *testing.T, rule string) int {
		return func(t *testing.T, rule string) (n int) {
			err := w.store.Read(t.Context(), func(r store.Reader) error {
				return r.QueryRow(t.Context(), `SELECT COUNT(*) FROM jobs WHERE key = $1`, rule).Scan(&n)
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	for condition, waits := range map[string]bool{"BEFORE_ENTRY": false, "ON_SUCCESS": true} {
		t.Run(condition, func(t *testing.T) {
			actiontest.Run(t, func(t *testing.T) actiontest.Fixture {
				w := newTower(t, sqltest.SQLite(t))
				job := w.rule(condition, 5)
				f := actiontest.Fixture{Provider: w.p, Job: func() action.Job { return job }, Mistakes: mistakes}
				if waits {
					f.Started = started(w)
				}
				return f
			})
		})
	}
}
