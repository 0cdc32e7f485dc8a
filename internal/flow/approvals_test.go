package flow_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// Two servers get the approvals of many people at once, each twice: two people are counted, whoever they are.
func TestSeveralMustApprove(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		id := b.create(withPolicy(site("web"), pipeline.KeyRequiredApprovals, "3"))
		token := b.awaitToken("web", "Gate", "Approve")
		servers := []*flow.Service{b.Service, newBelt(t, st).Service}
		var counted atomic.Int64
		var all sync.WaitGroup
		for i := range 12 {
			all.Go(func() {
				by := iam.Principal{Arn: fmt.Sprintf("arn:aws:sts::000000000000:assumed-role/r%d/session%d", i%6, i)}
				_, err := servers[i%2].Approve(t.Context(), flow.Approval{Pipeline: "web", Stage: "Gate", Action: "Approve", Token: token, Approved: true, Summary: "fine", By: by})
				if err == nil {
					counted.Add(1)
				} else if pipeline.KindOf(err) != pipeline.ApprovalAlreadyCompleted {
					t.Error(err)
				}
			})
		}
		all.Wait()
		b.await("web", id, pipeline.StatusSucceeded)
		a := b.latest("web", "Gate", "Approve")
		if counted.Load() != 3 || len(a.Approval.Given) != 3 || !strings.HasPrefix(a.Summary, "3 of 3 approvals (r") || !strings.HasSuffix(a.Summary, "): fine") {
			t.Errorf("%d were counted: %+v, %+v", counted.Load(), a, a.Approval)
		}
	})
}

func TestWhoMayNotDecideIsToldWhy(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		people := iam.New(st)
		for _, e := range []iam.Entity{{Kind: iam.User, Name: "eve"}, {Kind: iam.User, Name: "bob"}, {Kind: iam.Group, Name: "ops"}} {
			if _, err := people.Create(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		if err := people.AddToGroup(t.Context(), "ops", "eve"); err != nil {
			t.Fatal(err)
		}
		b := newBelt(t, st, func(o *flow.Options) { o.People = people })
		id := b.create(withPolicy(site("web"), pipeline.KeyApprovers, "ops, arn:aws:iam::000000000000:user/ann", pipeline.KeyForbidAuthor, "true"))
		decide := flow.Approval{Pipeline: "web", Stage: "Gate", Action: "Approve", Token: b.awaitToken("web", "Gate", "Approve"), Approved: true}
		for name, says := range map[string]string{"bob": "ops, arn:aws:iam::000000000000:user/ann", "ann": pipeline.KeyForbidAuthor} {
			decide.By = iam.Principal{Arn: "arn:aws:iam::000000000000:user/" + name}
			_, err := b.Approve(t.Context(), decide)
			wantKind(t, err, pipeline.AccessDenied)
			if !strings.Contains(fmt.Sprint(err), says) {
				t.Errorf("%s: %v", name, err)
			}
		}
		eve, err := people.Get(t.Context(), iam.User, "eve")
		if err != nil {
			t.Fatal(err)
		}
		decide.By = iam.Principal{Arn: eve.Arn, UserID: eve.ID}
		if _, err := b.Approve(t.Context(), decide); err != nil {
			t.Fatal(err)
		}
		b.await("web", id, pipeline.StatusSucceeded)
	})
}
