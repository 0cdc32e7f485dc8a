package flow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func TestADeliveryTooManyIsHarmless(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		g := newGate()
		b.providers.on("Publish", g.hold)
		id := b.create(site("web"))
		running := <-g.entered
		seq := b.seq("web")
		for _, a := range b.actions("web", id) {
			if a.Action.ID == running.ActionExecutionID {
				continue
			}
			if err := b.Deliver(t.Context(), "web", a.Action.ID); err != nil {
				t.Error(err)
			}
		}
		if got := b.seq("web"); got != seq {
			t.Errorf("%d events came of deliveries of ended actions", got-seq)
		}
		if n := len(b.providers.started("Build")); n != 1 {
			t.Errorf("the build ran %d times", n)
		}

		// The running action is delivered again, as after a crash: both get the same id, and only one end counts.
		again := make(chan error)
		go func() { again <- b.Deliver(context.WithoutCancel(t.Context()), "web", running.ActionExecutionID) }()
		second := <-g.entered
		if second.ActionExecutionID != running.ActionExecutionID {
			t.Errorf("delivered as %s and %s", running.ActionExecutionID, second.ActionExecutionID)
		}
		if second.Started.IsZero() || !second.Started.Equal(running.Started) {
			t.Errorf("started at %s and again at %s", running.Started, second.Started)
		}
		g.leave <- action.Done{}
		g.leave <- action.Failed{Code: "JobFailed", Message: "the loser"}
		if err := <-again; err != nil {
			t.Error(err)
		}
		b.until(func() bool { return b.execution("web", id).Status.Terminal() }, func() string { return "it never ended" })
		ended := b.seq("web")
		for _, name := range []string{"Code", "Build", "Publish"} {
			for _, j := range b.providers.started(name)[:1] {
				if err := b.Deliver(t.Context(), "web", j.ActionExecutionID); err != nil {
					t.Error(err)
				}
			}
		}
		if b.seq("web") != ended {
			t.Error("a delivery changed an ended execution")
		}
	})
}

// TestTheEventLogGivesTheState lets users and providers do what they like, then replays the log from the beginning.
func TestTheEventLogGivesTheState(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		b.providers.on("Build", func(_ context.Context, job action.Job) (action.Result, error) {
			switch job.ActionExecutionID[0] % 4 {
			case 0:
				return action.Failed{Code: "JobFailed", Message: "red"}, nil
			case 1:
				return action.Wait{ExternalID: "w"}, nil
			}
			return action.Done{}, nil
		})
		b.create(withApproval(site("web")))
		var wg sync.WaitGroup
		for user := range 4 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(user), 1))
				for range 25 {
					b.actAtRandom(rng)
				}
			})
		}
		wg.Wait()
		replayed, saved := b.replay("web")
		if replayed != saved {
			t.Errorf("the replay gives\n%s\nthe saved state is\n%s", replayed, saved)
		}
	})
}

// actAtRandom does something a user could do; refusals are part of it.
func (b *belt) actAtRandom(rng *rand.Rand) {
	ctx := b.t.Context()
	list, _, err := b.ListExecutions(ctx, "web", "", flow.Page{Max: 3})
	if err != nil {
		b.t.Error(err)
		return
	}
	e := list[rng.IntN(len(list))]
	switch rng.IntN(7) {
	case 0:
		_, err = b.Start(ctx, flow.StartRequest{Pipeline: "web", By: caller})
	case 1:
		err = b.Stop(ctx, "web", e.ID, rng.IntN(2) == 0, "", caller)
	case 2:
		err = b.Retry(ctx, "web", []string{"Build", "Gate"}[rng.IntN(2)], e.ID, pipeline.RetryAllActions, caller)
	case 3:
		if a := b.latest("web", "Gate", "Approve"); a != nil {
			_, err = b.Approve(ctx, flow.Approval{Pipeline: "web", Stage: "Gate", Action: "Approve", Token: a.Token, Approved: rng.IntN(2) == 0, By: ann})
		}
	case 4:
		err = b.SetTransition(ctx, flow.Transition{Pipeline: "web", Stage: "Gate", Enabled: rng.IntN(2) == 0, Reason: "r", By: caller})
	case 5:
		b.push("web", "main", fmt.Sprint(rng.Int()))
	case 6:
		if rng.IntN(4) == 0 {
			_, err = b.UpdatePipeline(ctx, withApproval(site("web")), caller)
		}
	}
	if err != nil && pipeline.KindOf(err) == "" {
		b.t.Error(err)
	}
}

// replay applies the event log to an empty state; it returns that state and the saved one.
func (b *belt) replay(name string) (replayed, saved string) {
	b.t.Helper()
	ctx := b.t.Context()
	var state engine.State
	err := b.store.Read(ctx, func(r store.Reader) error {
		if err := r.QueryRow(ctx, `SELECT state FROM pipelines WHERE name = $1`, name).Scan(&saved); err != nil {
			return err
		}
		rows, err := r.Query(ctx, `
			SELECT e.body, v.definition FROM pipeline_events e
			JOIN pipelines p ON p.id = e.pipeline_id
			JOIN pipeline_versions v ON v.pipeline_id = e.pipeline_id AND v.version = e.version
			WHERE p.name = $1 ORDER BY e.seq`, name)
		if err != nil {
			return err
		}
		defer rows.Close()
		events := 0
		for rows.Next() {
			var body, definition string
			if err := rows.Scan(&body, &definition); err != nil {
				return err
			}
			var d pipeline.Definition
			if err := json.Unmarshal([]byte(definition), &d); err != nil {
				return err
			}
			ev, err := engine.DecodeEvent([]byte(body))
			if err != nil {
				return err
			}
			state, _ = engine.Step(&d, state, ev)
			events++
		}
		if events < 50 {
			b.t.Errorf("only %d events happened: the test tests little", events)
		}
		return rows.Err()
	})
	if err != nil {
		b.t.Fatal(err)
	}
	text, err := json.Marshal(state)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text), saved
}

func TestListsGoPageByPage(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		for i := range 7 {
			b.await(fmt.Sprint("web", i), b.create(site(fmt.Sprint("web", i))), pipeline.StatusSucceeded)
		}
		for range 6 {
			b.await("web0", b.start("web0"), pipeline.StatusSucceeded)
		}
		pages := func(next func(flow.Page) (keys []string, token string, err error)) []string {
			t.Helper()
			var all []string
			page := flow.Page{Max: 3}
			for {
				keys, token, err := next(page)
				if err != nil {
					t.Fatal(err)
				}
				if len(keys) > 3 {
					t.Fatalf("a page of %d", len(keys))
				}
				all = append(all, keys...)
				if token == "" {
					return all
				}
				page.Token = token
			}
		}
		for name, c := range map[string]struct {
			list func(flow.Page) ([]string, string, error)
			want int
		}{
			"pipelines": {func(p flow.Page) (keys []string, token string, err error) {
				list, token, err := b.ListPipelines(t.Context(), p)
				for _, l := range list {
					keys = append(keys, l.Name)
				}
				return keys, token, err
			}, 7},
			"executions": {func(p flow.Page) (keys []string, token string, err error) {
				list, token, err := b.ListExecutions(t.Context(), "web0", "", p)
				for _, l := range list {
					keys = append(keys, fmt.Sprintf("%020d", 1<<62-l.Number))
				}
				return keys, token, err
			}, 7},
			"executions that succeeded": {func(p flow.Page) (keys []string, token string, err error) {
				list, token, err := b.ListExecutions(t.Context(), "web0", "Deploy", p)
				for _, l := range list {
					keys = append(keys, fmt.Sprintf("%020d", 1<<62-l.Number))
				}
				return keys, token, err
			}, 7},
			"actions": {func(p flow.Page) (keys []string, token string, err error) {
				list, token, err := b.ListActionExecutions(t.Context(), "web0", flow.ActionFilter{}, p)
				for _, l := range list {
					keys = append(keys, fmt.Sprintf("%020d%s", 1<<62-l.Action.Started.UnixMicro(), l.Action.ID))
				}
				return keys, token, err
			}, 21},
		} {
			all := pages(c.list)
			if len(all) != c.want {
				t.Errorf("%s: %d entries, want %d", name, len(all), c.want)
			}
			seen := map[string]bool{}
			for i, k := range all {
				if seen[k] {
					t.Errorf("%s: %s twice", name, k)
				}
				seen[k] = true
				if name != "actions" && i > 0 && all[i-1] >= k {
					t.Errorf("%s: %s before %s", name, all[i-1], k)
				}
			}
		}
	})
}

func TestSweepingKeepsWhatIsYoungOrRuns(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		b.await("done", b.create(site("done")), pipeline.StatusSucceeded)
		waiting := b.create(withApproval(site("waiting")))
		b.awaitToken("waiting", "Gate", "Approve")
		if _, err := b.Start(t.Context(), flow.StartRequest{Pipeline: "done", ClientToken: "t", By: caller}); err != nil {
			t.Fatal(err)
		}
		b.until(func() bool { return b.newest("done").Status == pipeline.StatusSucceeded }, func() string { return "not done" })
		sweep := func(years int) {
			t.Helper()
			b.clock.advance(time.Duration(years) * 366 * 24 * time.Hour)
			if err := b.Prune(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		sweep(0)
		if n := len(b.executions("done")); n != 2 {
			t.Errorf("%d young executions are left, want 2", n)
		}
		sweep(1)
		if n := len(b.executions("done")); n != 0 {
			t.Errorf("%d old executions are left", n)
		}
		if n := b.count(`SELECT COUNT(*) FROM pipeline_events`) + b.count(`SELECT COUNT(*) FROM client_tokens`); n != 0 {
			t.Errorf("%d old events and tokens are left", n)
		}
		if got := b.execution("waiting", waiting); got.Status != pipeline.StatusInProgress {
			t.Errorf("the execution that still runs is %s", got.Status)
		}
	})
}
