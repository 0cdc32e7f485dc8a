package flow_test

import (
	"testing"

	"github.com/conveyor-cd/conveyor/internal/flow/flowtest"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func TestSummaries(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		b.await("web", b.create(site("web")), pipeline.StatusSucceeded)
		if err := flowtest.Executions(t.Context(), st, "web", 20); err != nil {
			t.Fatal(err)
		}
		if err := flowtest.Pipelines(t.Context(), st, "web", 300); err != nil {
			t.Fatal(err)
		}
		newest := b.await("web", b.start("web"), pipeline.StatusSucceeded)
		for sought, want := range map[string]int{"": 301, "WEB-0029": 10, "web-_": 0, "A change": 301, "nothing": 0, "100%": 0, `\`: 0} {
			heads, err := b.Heads(t.Context(), sought)
			if err != nil || len(heads) != want {
				t.Errorf("%q: %d heads, want %d: %v", sought, len(heads), want, err)
				continue
			}
			if sought == "A change" && (heads[0].Name != "web" || heads[0].Status != pipeline.StatusSucceeded || heads[0].Started != store.Micros(newest.Started) || len(heads[0].Sources) != 1) {
				t.Errorf("%+v", heads[0])
			}
		}
		found, err := b.Summaries(t.Context(), []string{"web-00007", "web", "none"}, 10)
		if err != nil || len(found) != 2 {
			t.Fatalf("%d found: %v", len(found), err)
		}
		if web := found["web"]; len(web.Recent) != 10 || web.Recent[0].ID != newest.ID || web.Recent[1].Started.Before(web.Recent[2].Started) {
			t.Errorf("%+v", web.Recent)
		}
		if few, err := b.Summaries(t.Context(), []string{"web-00300"}, 100); err != nil || len(few["web-00300"].Recent) != 21 {
			t.Errorf("%+v: %v", few, err)
		}
	})
}
