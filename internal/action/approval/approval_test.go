package approval_test

import (
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/action/actiontest"
	"github.com/conveyor-cd/conveyor/internal/action/approval"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

const token = "1a2b3c4d-0000-4000-8000-000000000001"

func job() action.Job {
	return action.Job{
		Pipeline: "site", Stage: "Gate", Action: "Ask", ActionExecutionID: "e1", Token: token, TypeID: approval.New().Type().ID,
		Configuration: map[string]string{"CustomData": "look at the page", "ExternalEntityLink": "https://example.com/page"},
	}
}

func TestSuite(t *testing.T) {
	actiontest.Run(t, func(*testing.T) actiontest.Fixture {
		return actiontest.Fixture{
			Provider: approval.New(), Job: job,
			Mistakes: []actiontest.Mistake{
				{Name: "a link that is a script", Make: func(j *action.Job) { j.Configuration["ExternalEntityLink"] = "javascript:alert(1)" }, Says: "http", Code: pipeline.ConfigurationError},
				{Name: "a link without a host", Make: func(j *action.Job) { j.Configuration["ExternalEntityLink"] = "https:page" }, Says: "web page", Code: pipeline.ConfigurationError},
			},
		}
	})
}

func TestTheTokenIsTheExternalID(t *testing.T) {
	got, err := approval.New().Start(t.Context(), job())
	if err != nil {
		t.Fatal(err)
	}
	if want := (action.Wait{ExternalID: token, ExternalURL: "https://example.com/page"}); got != want {
		t.Errorf("got %+v", got)
	}
}

func TestAnApprovalWithoutTokenIsNotStarted(t *testing.T) {
	j := job()
	j.Token = ""
	if got, err := approval.New().Start(t.Context(), j); err == nil {
		t.Errorf("nobody could ever decide %+v", got)
	}
}

func TestAMissingNotificationIsVisible(t *testing.T) {
	j := job()
	j.Configuration["NotificationArn"] = "arn:aws:sns:us-east-1:000000000000:approvals"
	got, err := approval.New().Start(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	if w, ok := got.(action.Wait); !ok || !strings.Contains(w.Summary, "No notification was sent to arn:aws:sns") {
		t.Errorf("got %+v", got)
	}
}
