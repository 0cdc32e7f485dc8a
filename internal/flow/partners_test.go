package flow_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

var typePartner = pipeline.ActionTypeID{Category: "Build", Owner: "ThirdParty", Provider: "Mill", Version: "1"}

// byPartner registers an action type of a partner by the executor and makes a pipeline whose build it does.
func (b *belt) byPartner(executor string, configuration map[string]string) pipeline.Definition {
	b.t.Helper()
	p := flow.PartnerType{ID: typePartner, Inputs: flow.PartnerCount{Max: 1}, Outputs: flow.PartnerCount{Max: 1}}
	if err := json.Unmarshal([]byte(executor), &p.Executor); err != nil {
		b.t.Fatal(err)
	}
	if err := b.PutPartnerType(b.t.Context(), p); err != nil {
		b.t.Fatal(err)
	}
	d := site("web")
	d.Stages[1].Actions[0].ActionTypeID, d.Stages[1].Actions[0].Configuration = typePartner, configuration
	return d
}

// A worker that takes a job and is silent for longer than the declaration says fails the action.
func TestAPartnersJobHasItsTime(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		claim := flow.Claim{Partner: true, Token: "t"}
		id := b.create(b.byPartner(`{"type": "JobWorker", "jobTimeout": 60, "configuration": {}}`, map[string]string{
			"ConveyorClientId": "0e1c0f2a-7a3e-4d7b-9f0e-3d5b1d0c9a11", "ConveyorClientToken": "t",
		}))
		var jobs []flow.WorkerJob
		b.until(func() bool {
			var err error
			if jobs, err = b.PollForPartnerJobs(t.Context(), typePartner, 1); err != nil {
				t.Fatal(err)
			}
			return len(jobs) == 1
		}, func() string { return "no job is handed out" })
		if state, err := b.AcknowledgeJob(t.Context(), jobs[0].ID, jobs[0].Nonce, claim); err != nil || state != flow.JobInProgress {
			t.Fatal(state, err)
		}
		if err := b.EndSilence(t.Context(), jobs[0].ID); err != nil {
			t.Fatal(err)
		}
		b.await("web", id, pipeline.StatusFailed)
		if a := b.actions("web", id)[1].Action; a.Error == nil || !strings.Contains(a.Error.Message, "within 1 minutes, the jobTimeout") {
			t.Errorf("the action shows %+v", a.Error)
		}
		wantKind(t, b.PutJobResult(t.Context(), jobs[0].ID, claim, flow.JobResult{}), pipeline.InvalidJobState)
	})
}

// A partner may have the work done by a function, which reports as that of a Lambda action does.
func TestAPartnersFunction(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		called := make(chan [2]string, 10)
		b := newBelt(t, st, func(o *flow.Options) {
			o.Sessions = iam.New(st)
			o.Functions = func(_ context.Context, function string, payload []byte) (string, error) {
				called <- [2]string{function, string(payload)}
				return "", nil
			}
		})
		id := b.create(b.byPartner(`{"type": "Lambda", "configuration": {"lambdaExecutorConfiguration":
			{"lambdaFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:grind:1"}}}`, nil))
		var call [2]string
		select {
		case call = <-called:
		case <-time.After(patience):
			t.Fatal("the function is not called")
		}
		var event struct {
			Job struct{ ID string } `json:"CodePipeline.job"`
		}
		if err := json.Unmarshal([]byte(call[1]), &event); err != nil || call[0] != "grind" {
			t.Fatal(call, err)
		}
		_, err := b.PollForPartnerJobs(t.Context(), typePartner, 1)
		wantKind(t, err, pipeline.Validation)
		if err := b.PutJobResult(t.Context(), event.Job.ID, flow.Claim{}, flow.JobResult{Summary: "ground"}); err != nil {
			t.Fatal(err)
		}
		b.await("web", id, pipeline.StatusSucceeded)
	})
}
