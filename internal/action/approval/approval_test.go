package approval_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/action/actiontest"
	"github.com/conveyor-cd/conveyor/internal/action/approval"
	"github.com/conveyor-cd/conveyor/internal/approvallink"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/keyring"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
	"github.com/conveyor-cd/conveyor/internal/topic"
)

const token = "1a2b3c4d-0000-4000-8000-000000000001"

func job() action.Job {
	return action.Job{
		Pipeline: "site", Stage: "Gate", Action: "Ask", ActionExecutionID: "e1", Token: token, TypeID: approval.New(approval.Options{}).Type().ID,
		Configuration: map[string]string{"CustomData": "look at the page", "ExternalEntityLink": "https://example.com/page"},
	}
}

func TestSuite(t *testing.T) {
	actiontest.Run(t, func(*testing.T) actiontest.Fixture {
		return actiontest.Fixture{
			Provider: approval.New(approval.Options{}), Job: job,
			Mistakes: []actiontest.Mistake{
				{Name: "a link that is a script", Make: func(j *action.Job) { j.Configuration["ExternalEntityLink"] = "javascript:alert(1)" }, Says: "http", Code: pipeline.ConfigurationError},
				{Name: "a link without a host", Make: func(j *action.Job) { j.Configuration["ExternalEntityLink"] = "https:page" }, Says: "web page", Code: pipeline.ConfigurationError},
			},
		}
	})
}

func TestTheTokenIsTheExternalID(t *testing.T) {
	got, err := approval.New(approval.Options{}).Start(t.Context(), job())
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
	if got, err := approval.New(approval.Options{}).Start(t.Context(), j); err == nil {
		t.Errorf("nobody could ever decide %+v", got)
	}
}

// board is topics of which one exists.
type board struct{ got []topic.Message }

const known = "arn:aws:sns:us-east-1:000000000000:approvals"

func (b *board) Get(_ context.Context, arn string) (topic.Topic, error) {
	if arn != known {
		return topic.Topic{}, topic.ErrNoTopic
	}
	return topic.Topic{}, nil
}

func (b *board) PublishTx(_ context.Context, _ store.Tx, _ string, m topic.Message) (string, error) {
	b.got = append(b.got, m)
	return "id", nil
}

func TestTheTopicIsToldWhenTheApprovalWaits(t *testing.T) {
	b := &board{}
	j := job()
	j.Started, j.Region = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), "us-east-1"
	j.Configuration["NotificationArn"] = known
	got, err := approval.New(approval.Options{Topics: b, PublicURL: "http://here"}).Start(t.Context(), j)
	w, ok := got.(action.Wait)
	if err != nil || !ok || len(b.got) > 0 {
		t.Fatalf("%+v, %v, told too early: %v", got, err, b.got)
	}
	if err := w.Then.Do(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	m := b.got[0]
	want := `{"region":"us-east-1","consoleLink":"http://here/conveyor/pipelines/site","approval":{"pipelineName":"site","stageName":"Gate","actionName":"Ask",` +
		`"token":"` + token + `","expires":"2026-01-08T00:00Z","externalEntityLink":"https://example.com/page",` +
		`"approvalReviewLink":"http://here/conveyor/pipelines/site","customData":"look at the page"}}`
	if m.Body != want || m.Subject != "APPROVAL NEEDED: AWS CodePipeline site for action Ask" {
		t.Errorf("%s: %s", m.Subject, m.Body)
	}
	if text := m.Bodies["email"]; !strings.Contains(text, "look at the page") || strings.Contains(text, token) {
		t.Errorf("%s", text)
	}
}

func TestATopicThatDoesNotExistFailsTheApproval(t *testing.T) {
	j := job()
	j.Configuration["NotificationArn"] = known + "2"
	got, err := approval.New(approval.Options{Topics: &board{}}).Start(t.Context(), j)
	if f, ok := got.(action.Failed); err != nil || !ok || !strings.Contains(f.Message, known+"2") {
		t.Errorf("%+v, %v", got, err)
	}
}

// people knows one user.
type people struct{}

func (people) ByID(_ context.Context, id string) (iam.Entity, error) {
	if id != "AIDAEVE" {
		return iam.Entity{}, iam.ErrNoSuchEntity
	}
	return iam.Entity{ID: id, Name: "eve"}, nil
}

func TestLinksAreForWhoASubscriptionIsBoundTo(t *testing.T) {
	box, err := secret.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	b, j := &board{}, job()
	j.Started, j.ExecutionID, j.Configuration["NotificationArn"] = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), "x1", known
	links := approvallink.New(keyring.New(sqltest.SQLite(t), box), "http://here")
	got, err := approval.New(approval.Options{Topics: b, PublicURL: "http://here", LinkLife: time.Hour}).Start(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.(action.Wait).Then.Do(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	render := func(protocol, user, format string) string {
		t.Helper()
		_, body, err := approval.Renderer{Links: links, Users: people{}}.Render(t.Context(), b.got[0], topic.Subscription{
			Protocol: protocol, Attributes: map[string]string{topic.Approver: user, topic.Format: format},
		})
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	for _, user := range []string{"", "AIDAGONE"} {
		for _, protocol := range []string{"email", "https"} {
			if body := render(protocol, user, ""); strings.Contains(body, approvallink.Prefix) {
				t.Errorf("%s to %q: %s", protocol, user, body)
			}
		}
	}
	const begin = "http://here" + approvallink.Prefix + "approve/"
	for _, body := range []string{render("email", "AIDAEVE", ""), render("https", "AIDAEVE", "slack"), render("https", "AIDAEVE", ""), render("email-json", "AIDAEVE", "")} {
		_, rest, ok := strings.Cut(body, begin)
		if !ok {
			t.Errorf("no link: %s", body)
			continue
		}
		link, err := links.Open(t.Context(), rest[:strings.IndexAny(rest, "\"\n")])
		want := approvallink.Link{
			Pipeline: "site", Execution: "x1", Stage: "Gate", Action: "Ask", Token: token, User: "AIDAEVE", Expires: j.Started.Add(time.Hour),
		}
		if err != nil || link != want {
			t.Errorf("%+v, %v", link, err)
		}
	}
	if body := render("email", "AIDAEVE", ""); !strings.Contains(body, "in the name of eve, until 2026-01-01 01:00 UTC") {
		t.Error(body)
	}
}
