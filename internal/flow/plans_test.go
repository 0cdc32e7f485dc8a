package flow_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// explaining asks the database for the plan of every query of lists before it is run.
type explaining struct {
	store.Store
	plans map[string]string // by query
}

func (e *explaining) Read(ctx context.Context, f func(store.Reader) error) error {
	return e.Store.Read(ctx, func(r store.Reader) error { return f(explainingReader{r, e}) })
}

type explainingReader struct {
	store.Reader
	e *explaining
}

func (r explainingReader) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	explain := "EXPLAIN "
	if r.e.Dialect() == store.SQLite {
		explain = "EXPLAIN QUERY PLAN "
	}
	rows, err := r.Reader.Query(ctx, explain+query, args...)
	if err != nil {
		return nil, err
	}
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var plan []string
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		var line string
		values[len(values)-1] = &line
		if err := rows.Scan(values...); err != nil {
			return nil, err
		}
		plan = append(plan, line)
	}
	if err := rows.Close(); err != nil {
		return nil, err
	}
	r.e.plans[query] = strings.Join(plan, "\n")
	return r.Reader.Query(ctx, query, args...)
}

// TestListsGoAlongAnIndex gives the planner the worst statistics there are, taken when the history was empty but its
// tables large, and then good ones. Reading a whole history to sort it would make a page cost more with every execution.
func TestListsGoAlongAnIndex(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		e := &explaining{Store: st, plans: map[string]string{}}
		b := newBelt(t, st, func(o *flow.Options) { o.Store = e })
		id := b.create(site("web"))
		b.await("web", id, pipeline.StatusSucceeded)
		b.age(2000)
		b.forget()
		b.analyze()
		b.age(2000)
		b.look(e, id, "stale statistics")
		b.analyze()
		b.look(e, id, "fresh statistics")
	})
}

func (b *belt) analyze() {
	b.t.Helper()
	err := b.store.InTx(b.t.Context(), func(tx store.Tx) error {
		_, err := tx.Exec(b.t.Context(), `ANALYZE`)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *belt) look(e *explaining, id, when string) {
	b.t.Helper()
	clear(e.plans)
	ctx := b.t.Context()
	for _, stage := range []string{"", "Build"} {
		page := flow.Page{Max: 100}
		for range 2 {
			list, next, err := b.ListExecutions(ctx, "web", stage, page)
			if err != nil || len(list) != 100 {
				b.t.Fatalf("%d executions, %v", len(list), err)
			}
			page.Token = next
		}
	}
	for _, filter := range []flow.ActionFilter{{}, {ExecutionID: id}, {ExecutionID: id, LatestOnly: true}} {
		if _, _, err := b.ListActionExecutions(ctx, "web", filter, flow.Page{}); err != nil {
			b.t.Fatal(err)
		}
	}
	if len(e.plans) != 5 {
		b.t.Errorf("%d different queries, want 5", len(e.plans))
	}
	for query, plan := range e.plans {
		for _, bad := range []string{"Sort", "Seq Scan", "TEMP B-TREE", "SCAN "} {
			if strings.Contains(plan, bad) {
				b.t.Errorf("with %s, %s\nis planned as\n%s", when, query, plan)
			}
		}
	}
}
