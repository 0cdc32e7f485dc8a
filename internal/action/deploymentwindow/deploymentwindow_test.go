package deploymentwindow_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/action/actiontest"
	"github.com/conveyor-cd/conveyor/internal/action/deploymentwindow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// gate is the provider with a clock of the test's, and a reporter that notes what it is told. Its times lie in the past,
// so that what is scheduled for an opening is due once the queue starts.
type gate struct {
	t       *testing.T
	store   store.Store
	queue   *queue.Queue
	clock   atomic.Pointer[time.Time]
	reports chan action.Report
	p       action.Provider
}

func (g *gate) Report(_ context.Context, tx store.Tx, r action.Report) error {
	tx.AfterCommit(func() { g.reports <- r })
	return nil
}

func (g *gate) set(text string) {
	g.t.Helper()
	when, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		g.t.Fatal(err)
	}
	g.clock.Store(&when)
}

func newGate(t *testing.T) *gate {
	st := sqltest.SQLite(t)
	g := &gate{t: t, store: st, queue: queue.New(st, queue.Config{}), reports: make(chan action.Report, 10)}
	g.set("2026-01-05 08:59:30") // a Monday
	now := func() time.Time { return *g.clock.Load() }
	g.p = deploymentwindow.New(st, g.queue, now)
	deploymentwindow.Register(g.queue, g, now)
	return g
}

func (g *gate) run() {
	g.t.Helper()
	if err := g.queue.Start(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() {
		if err := g.queue.Stop(context.Background()); err != nil {
			g.t.Error(err)
		}
	})
}

func (g *gate) rule(cron, zone, condition string, minutes int) action.Job {
	j := action.Job{
		Pipeline: "site", Action: "Hours", ActionExecutionID: "r-1", Condition: condition, TypeID: g.p.Type().ID,
		Configuration: map[string]string{"Cron": cron}, TimeoutMinutes: minutes, Started: *g.clock.Load(),
	}
	if zone != "" {
		j.Configuration["TimeZone"] = zone
	}
	return j
}

func TestTheClockDecides(t *testing.T) {
	g := newGate(t)
	const workHours = "* * 9-17 ? * MON-FRI"
	for _, c := range []struct {
		now, cron, zone, says string // says "" when the window is open
	}{
		{"2026-01-05 08:59:59", workHours, "", "It opens at 2026-01-05 09:00 +00:00."},
		{"2026-01-05 09:00:00", workHours, "", ""},
		{"2026-01-05 17:59:59", workHours, "", ""},
		{"2026-01-05 18:00:00", workHours, "", "It opens at 2026-01-06 09:00 +00:00."},
		{"2026-01-10 12:00:00", workHours, "", "It opens at 2026-01-12 09:00 +00:00."},
		{"2026-01-05 08:30:00", workHours, "Europe/Berlin", ""},
		{"2026-01-05 08:30:00", workHours, "UTC+01:00", ""},
		{"2026-01-05 08:30:00", workHours, "UTC-1", "It opens at 2026-01-05 09:00 -01:00."},
		{"2026-01-05 01:00:00", workHours, "KST", ""},
		{"2026-01-05 18:00:00", workHours, "PST", ""},
		{"2026-01-05 18:00:00", "0 * * ? * * 2020", "", "never opens again"},
		{"2026-01-05 18:00:00", "often", "", `Cron "often": it has 1 fields`},
		{"2026-01-05 18:00:00", workHours, "Mars/Olympus", `there is no zone "Mars/Olympus"`},
		{"2026-01-05 18:00:00", workHours, "Local", "there is no zone"},
		{"2026-01-05 18:00:00", workHours, "UTC+19", "farther from UTC"},
		{"2026-01-05 18:00:00", workHours, "../../etc/passwd", "there is no zone"},
	} {
		g.set(c.now)
		result, err := g.p.Start(t.Context(), g.rule(c.cron, c.zone, "ON_SUCCESS", 10))
		if err != nil {
			t.Fatal(err)
		}
		failed, isFailed := result.(action.Failed)
		switch {
		case c.says == "" && isFailed:
			t.Errorf("%s in %q at %s: %s", c.cron, c.zone, c.now, failed.Message)
		case c.says != "" && !strings.Contains(failed.Message, c.says):
			t.Errorf("%s in %q at %s: %+v, want %q", c.cron, c.zone, c.now, result, c.says)
		}
	}
}

// A rule that says how long it may take waits for its window; the opening is a job, so a restart does not miss it.
func TestAWindowThatOpens(t *testing.T) {
	g := newGate(t)
	job := g.rule("0 0-29 9 * * ?", "", "BEFORE_ENTRY", 60)
	for range 2 { // delivered twice
		result, err := g.p.Start(t.Context(), job)
		if w, ok := result.(action.Wait); err != nil || !ok || !strings.Contains(w.Summary, "it opens at 2026-01-05 09:00 +00:00") {
			t.Fatalf("%+v, %v", result, err)
		}
	}
	g.run()
	r := <-g.reports
	if _, ok := r.Result.(action.Done); !ok || r.Pipeline != "site" || r.ActionExecutionID != "r-1" {
		t.Errorf("the report is %+v", r)
	}
}

// The server was away while the window was open.
func TestAWindowThatWasMissed(t *testing.T) {
	for name, c := range map[string]struct {
		cron string
		done bool
	}{
		"and opens again in time": {"0 0-29 9,11 * * ?", true},
		"and opens too late":      {"0 0-29 9,12 * * ?", false},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t)
			if _, err := g.p.Start(t.Context(), g.rule(c.cron, "", "BEFORE_ENTRY", 180)); err != nil {
				t.Fatal(err)
			}
			g.set("2026-01-05 10:00:00")
			g.run()
			r := <-g.reports
			if _, done := r.Result.(action.Done); done != c.done {
				t.Errorf("the report is %+v", r.Result)
			}
		})
	}
}

func TestTooLateIsSaidAtOnce(t *testing.T) {
	g := newGate(t)
	result, err := g.p.Start(t.Context(), g.rule("0 0 12 * * ?", "", "BEFORE_ENTRY", 60))
	if f, ok := result.(action.Failed); err != nil || !ok || !strings.Contains(f.Message, "later than the rule may wait (2026-01-05 09:59") {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestCancel(t *testing.T) {
	g := newGate(t)
	job := g.rule("0 0 9 * * ?", "", "BEFORE_ENTRY", 60)
	if _, err := g.p.Start(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := g.p.Cancel(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
	stats, err := g.queue.Stats(t.Context())
	if err != nil || len(stats) != 0 {
		t.Errorf("left behind: %+v, %v", stats, err)
	}
}

func TestSuite(t *testing.T) {
	actiontest.Run(t, func(t *testing.T) actiontest.Fixture {
		g := newGate(t)
		return actiontest.Fixture{
			Provider: g.p,
			Job:      func() action.Job { return g.rule("0 * * * * ?", "", "BEFORE_ENTRY", 0) },
			Mistakes: []actiontest.Mistake{
				{Name: "closed", Make: func(j *action.Job) { j.Configuration["Cron"] = "0 0 12 * * ?" }, Says: "is closed", Code: pipeline.JobFailed},
				{Name: "no cron", Make: func(j *action.Job) { j.Configuration["Cron"] = "* *" }, Says: "Cron", Code: pipeline.ConfigurationError},
				{Name: "no zone", Make: func(j *action.Job) { j.Configuration["TimeZone"] = "Here" }, Says: "TimeZone", Code: pipeline.ConfigurationError},
			},
		}
	})
}
