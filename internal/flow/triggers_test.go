package flow_test

import (
	"context"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// pushes knows what each commit brought: a list of files by its id. A commit it does not know is gone.
type pushes map[string]string

func (p pushes) Brought(_ context.Context, _, before, after string, _ int) (gitrepo.Brought, error) {
	files, ok := p[after]
	if !ok {
		return gitrepo.Brought{}, gitrepo.ErrNoRef
	}
	b := gitrepo.Brought{Commit: gitrepo.Commit{ID: after}}
	if before != "" {
		b.Files = strings.Fields(files)
	}
	return b, nil
}

func (p pushes) BroughtTo(ctx context.Context, repository, destination, source string, limit int) (gitrepo.Brought, error) {
	return p.Brought(ctx, repository, destination, source, limit)
}

// filtered is site with a trigger.
func filtered(filters ...pipeline.GitPushFilter) pipeline.Definition {
	d := site("web")
	d.Triggers = []pipeline.Trigger{{
		ProviderType:     "CodeStarSourceConnection",
		GitConfiguration: &pipeline.GitConfiguration{SourceActionName: "Code", Push: filters},
	}}
	return d
}

func globs(includes ...string) *pipeline.GlobFilter { return &pipeline.GlobFilter{Includes: includes} }

func TestTriggersFilterPushes(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		known := pushes{"c1": "src/a.go", "c2": "docs/a.md", "c3": "src/a.go", "v1": ""}
		b := newBelt(t, st, func(o *flow.Options) { o.Repositories = known })
		first := b.create(filtered(
			pipeline.GitPushFilter{Branches: globs("release/*"), FilePaths: globs("src/**")},
			pipeline.GitPushFilter{Tags: globs("v*")},
		))
		b.await("web", first, pipeline.StatusSucceeded)
		push := func(ref, before, commit string, tag bool) {
			b.changed(flow.SourceChange{Provider: "CodeCommit", Resource: "web", Ref: ref, Tag: tag, Before: before, Revision: commit, Actor: caller})
		}
		push("release/1", "c0", "c2", false)   // other files
		push("release/new", "", "c3", false)   // a new branch differs from nothing
		push("main", "c0", "c3", false)        // the configured branch, which no filter names
		push("release/1", "c0", "gone", false) // gone since
		push("x1", "", "v1", true)             // another tag
		push("release/1", "c0", "c1", false)
		push("v1.0", "", "v1", true)
		b.until(func() bool { return b.count(`SELECT COUNT(*) FROM source_changes`) == 0 }, func() string { return "changes are left" })
		runs := b.executions("web")
		if len(runs) != 3 {
			t.Fatalf("%d executions, want those of release/1 and v1.0", len(runs)-1)
		}
		for i, want := range []pipeline.GitTrigger{
			{SourceAction: "Code", Provider: "CodeCommit", Repository: "web", Tag: "v1.0", Commit: "v1", Author: caller},
			{SourceAction: "Code", Provider: "CodeCommit", Repository: "web", Branch: "release/1", Commit: "c1", Author: caller},
		} {
			if got, ok := runs[i].Trigger.Git(); !ok || got != want {
				t.Errorf("execution %d was started by %+v, want %+v", i, runs[i].Trigger, want)
			}
			if o := runs[i].Overrides; len(o) != 1 || o[0].RevisionValue != want.Commit || o[0].ActionName != "Code" {
				t.Errorf("execution %d is to fetch %+v", i, o)
			}
		}
	})
}

// An edit that adds a filter holds for changes that were recorded before it.
func TestAFilterThatComesLater(t *testing.T) {
	b := newBelt(t, sqltest.SQLite(t), func(o *flow.Options) { o.Repositories = pushes{"c1": "docs/a.md", "c2": "src/a.go"} })
	b.await("web", b.create(site("web")), pipeline.StatusSucceeded)
	err := b.store.InTx(t.Context(), func(tx store.Tx) error {
		for _, commit := range []string{"c1", "c2"} {
			err := b.SourceChanged(t.Context(), tx, flow.SourceChange{Provider: "CodeCommit", Resource: "web", Ref: "main", Before: "c0", Revision: commit})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.UpdatePipeline(t.Context(), filtered(pipeline.GitPushFilter{Branches: globs("main"), FilePaths: globs("src/**")}), caller); err != nil {
		t.Fatal(err)
	}
	b.until(func() bool { return b.count(`SELECT COUNT(*) FROM source_changes`) == 0 }, func() string { return "changes are left" })
}

func TestAMalformedFilterIsRefused(t *testing.T) {
	b := newBelt(t, sqltest.SQLite(t))
	_, err := b.CreatePipeline(t.Context(), filtered(pipeline.GitPushFilter{Branches: globs("release/[1")}), nil, caller)
	wantKind(t, err, pipeline.InvalidStructure)
	if err == nil || !strings.Contains(err.Error(), `"release/[1" has a [ without its ]`) {
		t.Error(err)
	}
}
