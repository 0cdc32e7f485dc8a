package approvalhost_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/approvalhost"
	"github.com/conveyor-cd/conveyor/internal/approvallink"
	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/keyring"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

var now = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)

// belt has one approval, which it lets be decided once.
type belt struct {
	detail  flow.ApprovalDetail
	fault   error
	refuses pipeline.ErrorKind
	got     []flow.Approval
}

func (b *belt) ARN(name string) string { return "arn:aws:codepipeline:us-east-1:000000000000:" + name }

func (b *belt) GetApproval(_ context.Context, name, _, _, _, _ string) (flow.ApprovalDetail, error) {
	if name != "site" {
		return flow.ApprovalDetail{}, pipeline.Errorf(pipeline.PipelineNotFound, "gone")
	}
	return b.detail, b.fault
}

func (b *belt) Approve(_ context.Context, a flow.Approval) (time.Time, error) {
	if b.detail.Action.Status != pipeline.StatusInProgress {
		return now, pipeline.Errorf(pipeline.ApprovalAlreadyCompleted, "decided")
	}
	if b.refuses != "" {
		return now, pipeline.Errorf(b.refuses, "refused")
	}
	b.got = append(b.got, a)
	if b.detail.Action.Approval != nil && a.Approved {
		b.detail.Action.Summary, b.refuses = "1 of 2 approvals (eve)", pipeline.ApprovalAlreadyCompleted
		return now, nil
	}
	b.detail.Action.Status, b.detail.Action.By, b.detail.Action.Summary = pipeline.StatusSucceeded, a.By.Arn, a.Summary
	return now, nil
}

type world struct {
	t     *testing.T
	belt  *belt
	users *iam.Directory
	links *approvallink.Links
	host  *approvalhost.Host
	link  approvallink.Link
}

func start(t *testing.T) *world {
	t.Helper()
	st := sqltest.SQLite(t)
	box, err := secret.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, belt: &belt{}, users: iam.New(st), links: approvallink.New(keyring.New(st, box), "")}
	w.belt.detail.Action = engine.ActionExecution{Status: pipeline.StatusInProgress, Started: now.Add(-time.Hour), Deadline: now.Add(time.Hour)}
	w.belt.detail.Configuration = map[string]string{"CustomData": "<b>Is it good?</b>", "ExternalEntityLink": "https://example.com/page"}
	w.belt.detail.Execution.Revisions = []engine.SourceRevision{{Action: "Source", Revision: pipeline.Revision{ID: "abc123", Summary: "a fix"}}}
	user, err := w.users.Create(t.Context(), iam.Entity{Kind: iam.User, Name: "eve"})
	if err != nil {
		t.Fatal(err)
	}
	w.allow(`"arn:aws:codepipeline:us-east-1:000000000000:site/Gate/Ask"`)
	w.link = approvallink.Link{Pipeline: "site", Execution: "e1", Stage: "Gate", Action: "Ask", Token: "t1", User: user.ID, Expires: now.Add(time.Hour)}
	w.host = &approvalhost.Host{
		Links: w.links, Approvals: w.belt, Users: w.users, Authorizer: awsapi.NewAuthorizer(w.users),
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
	}
	return w
}

func (w *world) allow(resource string) {
	w.t.Helper()
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"codepipeline:PutApprovalResult","Resource":` + resource + `}]}`
	if err := w.users.PutPolicy(w.t.Context(), iam.User, "eve", "decides", policy); err != nil {
		w.t.Fatal(err)
	}
}

// visit opens the link that rejects, or posts a form to it.
func (w *world) visit(form url.Values) (int, string) {
	w.t.Helper()
	_, reject, err := w.links.URLs(w.t.Context(), w.link)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.open(reject, form)
}

func (w *world) open(address string, form url.Values) (int, string) {
	r := httptest.NewRequest(http.MethodGet, address, nil)
	if form != nil {
		r = httptest.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer := httptest.NewRecorder()
	w.host.ServeHTTP(answer, r)
	return answer.Code, answer.Body.String()
}

func (w *world) want(status int, says string, form url.Values) {
	w.t.Helper()
	got, page := w.visit(form)
	if got != status || !strings.Contains(page, says) {
		w.t.Errorf("%d, want %d with %q:\n%s", got, status, says, page)
	}
}

var approve = url.Values{"decision": {"approve"}, "comment": {"looks\r\ngood"}}

func TestOnlyTheFormDecides(t *testing.T) {
	w := start(t)
	for _, says := range []string{"Reject: site / Ask", "abc123", "a fix", "&lt;b&gt;Is it good?", "https://example.com/page", "2026-01-02 01:00 UTC", "eve"} {
		w.want(http.StatusOK, says, nil)
	}
	if len(w.belt.got) > 0 {
		t.Fatal("opening the link has decided")
	}
	w.want(http.StatusBadRequest, "no button", url.Values{"decision": {"maybe"}})
	w.want(http.StatusBadRequest, "512", url.Values{"decision": {"approve"}, "comment": {strings.Repeat("아", 513)}})
	w.want(http.StatusOK, "Approved", approve)
	want := flow.Approval{
		Pipeline: "site", Stage: "Gate", Action: "Ask", Token: "t1", Approved: true, Summary: "looks\ngood",
		By: iam.Principal{Arn: "arn:aws:iam::000000000000:user/eve", UserID: w.link.User},
	}
	if len(w.belt.got) != 1 || w.belt.got[0] != want {
		t.Fatalf("%+v", w.belt.got)
	}
	w.want(http.StatusConflict, "decided already", approve)
	w.want(http.StatusConflict, "user/eve", nil)
	if len(w.belt.got) != 1 {
		t.Error("it decided twice")
	}
}

func TestALinkThatDecidesNothingSaysWhy(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*world)
		status int
		says   string
	}{
		{"its time is over", func(w *world) { w.link.Expires = now }, http.StatusGone, "expired"},
		{"the approval's time is over", func(w *world) {
			w.belt.detail.Action.Status = pipeline.StatusFailed
			w.belt.detail.Action.Error = &pipeline.ErrorDetails{Code: pipeline.ActionTimeOut}
		}, http.StatusGone, "expired"},
		{"the execution was stopped", func(w *world) { w.belt.detail.Action.Status = pipeline.StatusAbandoned }, http.StatusGone, "stopped, changed or deleted"},
		{"the pipeline is gone", func(w *world) { w.link.Pipeline = "old" }, http.StatusForbidden, "may not decide"},
		{"the pipeline is gone, and all are allowed", func(w *world) { w.allow(`"*"`); w.link.Pipeline = "old" }, http.StatusGone, "deleted"},
		{"the right was taken away", func(w *world) { w.allow(`"arn:aws:codepipeline:us-east-1:000000000000:other/*"`) }, http.StatusForbidden, "codepipeline:PutApprovalResult"},
		{"the user is gone", func(w *world) { w.link.User = "AIDAGONE" }, http.StatusForbidden, "does not exist"},
		{"the server is broken", func(w *world) { w.belt.fault = errors.New("the disk is full") }, http.StatusInternalServerError, "could not answer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := start(t)
			test.change(w)
			w.want(test.status, test.says, nil)
			w.want(test.status, test.says, approve)
			if len(w.belt.got) > 0 {
				t.Error("it has decided")
			}
		})
	}
	w := start(t)
	for _, forged := range []string{"approve/x.y", "approve/", "", "reject/" + strings.Repeat("a", 10_000)} {
		if status, page := w.open(approvallink.Prefix+forged, approve); status != http.StatusForbidden || !strings.Contains(page, "not valid") {
			t.Errorf("%s: %d %s", forged, status, page)
		}
	}
}

func TestSeveralMustApprove(t *testing.T) {
	w := start(t)
	w.belt.detail.Action.Approval = &engine.Approval{ApprovalPolicy: pipeline.ApprovalPolicy{Required: 2, Approvers: []string{"ops", "eve"}}}
	w.belt.detail.Action.Summary = "0 of 2 approvals"
	w.want(http.StatusOK, "0 of 2 approvals", nil)
	w.want(http.StatusOK, "ops\neve", nil)
	w.want(http.StatusOK, "Your approval counts", approve)
	w.want(http.StatusConflict, "1 of 2 approvals (eve)", approve)
	w.belt.refuses = pipeline.AccessDenied
	w.want(http.StatusForbidden, "It is for others", approve)
}
