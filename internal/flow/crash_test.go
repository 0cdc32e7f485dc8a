package flow_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store/crashtest"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// The crash tests run this test binary again as a server, which kills itself (kill -9) at a chosen moment. A second run
// on the same database must then bring the execution to its end, whatever the moment was.
const (
	childDSN  = "CONVEYOR_FLOW_CHILD"       // the database of the server to be
	childKill = "CONVEYOR_FLOW_CHILD_KILLS" // when it is to die, "<where> <nth>"
)

// The moments: inside the n-th transaction that enqueues a job, right after its commit and before the job runs, or in
// the middle of the n-th action.
var moments = []string{crashtest.BeforeCommit, crashtest.AfterCommit, "in-action"}

func TestKilledAtAnyMomentTheBeltGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	t.Parallel() // it mostly waits for leases to expire
	sqltest.EachDSN(t, func(t *testing.T, dsn string) {
		stride := 1
		if strings.HasPrefix(dsn, "postgres") {
			stride = 2 // there each death costs a lease
		}
		for _, moment := range moments {
			died := 0
			for nth := 1; nth <= 12; nth += stride {
				if _, killed := runChild(t, dsn, fmt.Sprint(moment, " ", nth)); !killed {
					break // the pipeline ended before its n-th moment
				}
				died++
				out, killed := runChild(t, dsn, "")
				if killed || !strings.Contains(out, "ended Succeeded") {
					t.Fatalf("killed %s %d, the next server said (killed: %v):\n%s", moment, nth, killed, out)
				}
				if want := "Code Succeeded, Build Succeeded, Approve Succeeded, Publish Succeeded"; !strings.Contains(out, want) {
					t.Errorf("killed %s %d: the history is not %q:\n%s", moment, nth, want, out)
				}
			}
			if died < 2 {
				t.Errorf("died %s only %d times: the test tests little", moment, died)
			}
		}
	})
}

func runChild(t *testing.T, dsn, kill string) (out string, killed bool) {
	t.Helper()
	return crashtest.RunChild(t, 2*patience, childDSN+"="+dsn, childKill+"="+kill)
}

// TestCrashChild is not a test but the server of the crash tests: it brings one new execution to its end, or goes on
// with the one it finds.
func TestCrashChild(t *testing.T) {
	dsn := os.Getenv(childDSN)
	if dsn == "" {
		t.Skip("the server of the crash tests")
	}
	st, err := sqlstore.Open(t.Context(), dsn, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	d := crashtest.NewDeath(os.Getenv(childKill))
	b := &belt{t: t, store: st, providers: newProviders(), clock: new(clock)}
	b.queue = queue.New(st, queue.Config{Lease: 300 * time.Millisecond, Poll: 50 * time.Millisecond})
	for _, name := range []string{"Code", "Build", "Publish"} {
		b.providers.on(name, func(_ context.Context, job action.Job) (action.Result, error) {
			d.At("in-action")
			return action.Done{Revision: &pipeline.Revision{ID: "1"}, Variables: map[string]string{"CommitId": "1"}}, nil
		})
	}
	b.Service = flow.New(flow.Options{Store: st, Jobs: crashtest.Jobs{Queue: b.queue, Death: d}, Providers: b.providers})
	if err := b.queue.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	id := b.resume(os.Getenv(childKill) != "")
	b.until(func() bool {
		if a := b.latest("web", "Gate", "Approve"); a != nil && a.Status == pipeline.StatusInProgress {
			for _, by := range []iam.Principal{ann, bob} { // who may have approved before the crash
				_, err := b.Approve(t.Context(), flow.Approval{Pipeline: "web", Stage: "Gate", Action: "Approve", Token: a.Token, Approved: true, By: by})
				if err != nil && pipeline.KindOf(err) == "" {
					t.Fatal(err)
				}
			}
		}
		return b.execution("web", id).Status.Terminal()
	}, func() string { return "it never ended: " + b.outline("web", id) })
	fmt.Println("ended", b.execution("web", id).Status, b.outline("web", id))
	if err := b.queue.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// resume finds the execution to bring to its end, or starts one.
func (b *belt) resume(fresh bool) string {
	b.t.Helper()
	_, err := b.GetPipeline(b.t.Context(), "web", 0)
	if pipeline.KindOf(err) == pipeline.PipelineNotFound {
		return b.create(withPolicy(site("web"), pipeline.KeyRequiredApprovals, "2"))
	}
	if err != nil {
		b.t.Fatal(err)
	}
	if fresh {
		return b.start("web")
	}
	return b.newest("web").ID
}
