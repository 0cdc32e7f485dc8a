package flow_test

import (
	"testing"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func TestCheckingChangesNothing(t *testing.T) {
	b := newBelt(t, sqltest.SQLite(t))
	if err := b.CheckPipeline(t.Context(), site("web")); err != nil {
		t.Errorf("a new one: %v", err)
	}
	b.await("web", b.create(site("web")), pipeline.StatusSucceeded)
	bad := site("web")
	bad.Stages[1].Actions[0].InputArtifacts[0].Name = "Nowhere"
	want := pipeline.KindOf(func() error { _, err := b.UpdatePipeline(t.Context(), bad, caller); return err }())
	if got := pipeline.KindOf(b.CheckPipeline(t.Context(), bad)); got != want || got == "" {
		t.Errorf("%s, want %s", got, want)
	}
	if err := b.CheckPipeline(t.Context(), site("web")); err != nil {
		t.Errorf("an update: %v", err)
	}
	if p, err := b.GetPipeline(t.Context(), "web", 0); err != nil || p.Version != 1 {
		t.Errorf("version %d: %v", p.Version, err)
	}
}
