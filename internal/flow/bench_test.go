package flow_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// eachDurable runs a benchmark on both databases as a server uses them: what is acknowledged is on the disk.
func eachDurable(b *testing.B, bench func(b *testing.B, st store.Store)) {
	b.Run("sqlite", func(b *testing.B) {
		bench(b, sqltest.Open(b, sqltest.SQLiteDSN(b), sqlstore.Options{}))
	})
	b.Run("postgres", func(b *testing.B) {
		bench(b, sqltest.Open(b, sqltest.PostgresDSN(b), sqlstore.Options{Connections: 10}))
	})
}

// percentiles reports the spread of samples in milliseconds.
func percentiles(b *testing.B, samples []time.Duration) {
	slices.Sort(samples)
	for _, p := range []int{50, 99} {
		at := min(len(samples)*p/100, len(samples)-1)
		b.ReportMetric(float64(samples[at])/float64(time.Millisecond), fmt.Sprintf("p%d-ms", p))
	}
}

// chain is a pipeline of one source and many approvals in sequence, which the benchmark lets succeed at once.
func chain(length int) pipeline.Definition {
	d := site("chain")
	d.Stages = d.Stages[:1]
	for i := range length {
		d.Stages = append(d.Stages, pipeline.Stage{Name: fmt.Sprint("Stage", i), Actions: []pipeline.Action{{Name: "Next", ActionTypeID: typeManual}}})
	}
	return d
}

// BenchmarkActionOverhead measures what the belt itself takes per action: from the moment a provider is done to the
// moment the provider of the next stage is entered. Budget: p50 of 5 ms on SQLite (design.md section 9). It is measured
// with events, as in a server, and without: nobody listens, so the difference should be hard to see.
func BenchmarkActionOverhead(b *testing.B) {
	for _, told := range []bool{false, true} {
		b.Run(fmt.Sprintf("events=%t", told), func(b *testing.B) { benchmarkActionOverhead(b, told) })
	}
}

func benchmarkActionOverhead(b *testing.B, told bool) {
	const length = 40
	eachDurable(b, func(b *testing.B, st store.Store) {
		belt := newBelt(b, st, func(o *flow.Options) {
			o.Now = nil
			if told {
				withEvents(o)
			}
		})
		var mu sync.Mutex
		var left time.Time
		var samples []time.Duration
		belt.providers.on("Next", func(context.Context, action.Job) (action.Result, error) {
			mu.Lock()
			defer mu.Unlock()
			if !left.IsZero() {
				samples = append(samples, time.Since(left))
			}
			left = time.Now()
			return action.Done{}, nil
		})
		belt.await("chain", belt.create(chain(length)), pipeline.StatusSucceeded)
		for b.Loop() {
			mu.Lock()
			left = time.Time{}
			mu.Unlock()
			belt.finish("chain", belt.start("chain"))
		}
		percentiles(b, samples)
	})
}

// finish waits for an execution without reading the database, so that the reads do not count.
func (b *belt) finish(name, id string) {
	b.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case ended := <-b.ended:
			if ended == id {
				return
			}
		case <-timeout:
			b.await(name, id, pipeline.StatusSucceeded)
			return
		}
	}
}

// age gives a pipeline a history of many executions, copies of its newest.
func (b *belt) age(executions int) {
	b.t.Helper()
	const many = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) `
	err := b.store.InTx(b.t.Context(), func(tx store.Tx) error {
		for _, query := range []string{
			many + `INSERT INTO executions SELECT pipeline_id, 1 - i, id || i, version, status, started - CAST(i AS BIGINT) * 1000000, record FROM executions, n`,
			many + `INSERT INTO stage_executions SELECT pipeline_id, stage, 1 - i, version, status, record, snapshot FROM stage_executions, n`,
			many + `INSERT INTO action_executions SELECT pipeline_id, id || i, 1 - i, execution_id || i, version, stage, action, attempt,
				started - CAST(i AS BIGINT) * 1000000, declaration, record, configuration, variables FROM action_executions, n`,
		} {
			if _, err := tx.Exec(b.t.Context(), query, executions); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// BenchmarkHistory measures the reads a console makes all the time, and a step, on a pipeline with little and with much
// history. Budget: p99 of 10 ms for the reads, and the same figures in both columns.
func BenchmarkHistory(b *testing.B) {
	eachDurable(b, func(b *testing.B, st store.Store) {
		belt := newBelt(b, st, func(o *flow.Options) { o.Now = nil })
		belt.await("web", belt.create(site("web")), pipeline.StatusSucceeded)
		for _, executions := range []int{1, 100, 100_000} {
			belt.age(executions)
			measure := func(name string, f func() error) { measureEach(b, fmt.Sprintf("%s/%d", name, executions), f) }
			ctx := b.Context()
			measure("GetPipelineState", func() error {
				_, err := belt.GetPipelineState(ctx, "web")
				return err
			})
			measure("ListPipelineExecutions", func() error {
				list, _, err := belt.ListExecutions(ctx, "web", "", flow.Page{})
				if len(list) != min(executions+1, 100) {
					return fmt.Errorf("%d executions (%w)", len(list), err)
				}
				return err
			})
			measure("ListActionExecutions", func() error {
				_, _, err := belt.ListActionExecutions(ctx, "web", flow.ActionFilter{}, flow.Page{})
				return err
			})
			enabled := false
			measure("Step", func() error {
				enabled = !enabled
				return belt.SetTransition(ctx, flow.Transition{Pipeline: "web", Stage: "Deploy", Type: engine.Inbound, Enabled: enabled, Reason: "r"})
			})
			if executions < 100_000 {
				belt.forget()
			}
		}
	})
}

// measureEach takes the time of every call of f.
func measureEach(b *testing.B, name string, f func() error) {
	b.Run(name, func(b *testing.B) {
		var samples []time.Duration
		for b.Loop() {
			began := time.Now()
			if err := f(); err != nil {
				b.Fatal(err)
			}
			samples = append(samples, time.Since(began))
		}
		percentiles(b, samples)
	})
}

// crowd puts copies of a pipeline beside it, each with a repository of its own, until there are so many.
func (b *belt) crowd(pipelines int) {
	b.t.Helper()
	const many = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) `
	err := b.store.InTx(b.t.Context(), func(tx store.Tx) error {
		for _, query := range []string{
			many + `INSERT INTO pipelines (name, version, pipeline_type, execution_mode, created, updated, seq, state)
				SELECT name || i, version, pipeline_type, execution_mode, created, updated, seq, state FROM pipelines, n WHERE name = 'web'
				ON CONFLICT (name) DO NOTHING`,
			`INSERT INTO pipeline_versions (pipeline_id, version, definition, created, created_by)
				SELECT p.id, v.version, v.definition, v.created, v.created_by FROM pipelines p, pipeline_versions v, pipelines w
				WHERE w.name = 'web' AND v.pipeline_id = w.id AND p.id <> w.id ON CONFLICT (pipeline_id, version) DO NOTHING`,
			`INSERT INTO source_watches (pipeline_id, action, provider, resource, ref)
				SELECT p.id, s.action, s.provider, p.name, s.ref FROM pipelines p, source_watches s, pipelines w
				WHERE w.name = 'web' AND s.pipeline_id = w.id AND p.id <> w.id ON CONFLICT (pipeline_id, action) DO NOTHING`,
		} {
			args := []any{}
			if len(query) > len(many) && query[:len(many)] == many {
				args = append(args, pipelines-1)
			}
			if _, err := tx.Exec(b.t.Context(), query, args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// BenchmarkPipelines measures one pipeline among few and among many: a step, an execution, a push it does not watch, and the reads. The
// figures must be the same in both columns.
func BenchmarkPipelines(b *testing.B) {
	eachDurable(b, func(b *testing.B, st store.Store) {
		belt := newBelt(b, st, func(o *flow.Options) { o.Now = nil })
		belt.await("web", belt.create(site("web")), pipeline.StatusSucceeded)
		ctx := b.Context()
		for _, pipelines := range []int{10, 10_000} {
			belt.crowd(pipelines)
			measure := func(name string, f func() error) { measureEach(b, fmt.Sprintf("%s/%d", name, pipelines), f) }
			measure("GetPipelineState", func() error {
				_, err := belt.GetPipelineState(ctx, "web")
				return err
			})
			measure("ListPipelines", func() error {
				list, _, err := belt.ListPipelines(ctx, flow.Page{Max: 10})
				if len(list) != 10 {
					return fmt.Errorf("%d pipelines (%w)", len(list), err)
				}
				return err
			})
			enabled := false
			measure("Step", func() error {
				enabled = !enabled
				return belt.SetTransition(ctx, flow.Transition{Pipeline: "web", Stage: "Deploy", Type: engine.Inbound, Enabled: enabled, Reason: "r"})
			})
			measure("UnwatchedPush", func() error {
				return st.InTx(ctx, func(tx store.Tx) error {
					return belt.SourceChanged(ctx, tx, flow.SourceChange{Provider: "CodeCommit", Resource: "nobody", Ref: "main", Revision: "c0ffee"})
				})
			})
			if err := belt.SetTransition(ctx, flow.Transition{Pipeline: "web", Stage: "Deploy", Type: engine.Inbound, Enabled: true}); err != nil {
				b.Fatal(err)
			}
			measure("Run", func() error {
				belt.finish("web", belt.start("web"))
				return nil
			})
		}
	})
}

// forget undoes age.
func (b *belt) forget() {
	b.t.Helper()
	err := b.store.InTx(b.t.Context(), func(tx store.Tx) error {
		for _, table := range []string{"executions", "stage_executions", "action_executions"} {
			if _, err := tx.Exec(b.t.Context(), `DELETE FROM `+table+` WHERE number < 1`); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}
