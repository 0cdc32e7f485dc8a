// Package approvalhost answers the links by which people decide manual approvals. Opening one shows what is to be decided;
// only the form on that page decides, since programs that look into mail open every link. A link gives no rights: it says
// whose rights to act with, and those are asked for anew each time.
package approvalhost

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/conveyor-cd/conveyor/internal/approvallink"
	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Approvals decides; *flow.Service does.
type Approvals interface {
	ARN(pipeline string) string
	GetApproval(ctx context.Context, name, executionID, stage, action, token string) (flow.ApprovalDetail, error)
	Approve(ctx context.Context, a flow.Approval) (time.Time, error)
}

// Users finds the users that links speak of; *iam.Directory is one.
type Users interface {
	ByID(ctx context.Context, id string) (iam.Entity, error)
}

// Host is the handler of everything below approvallink.Prefix.
type Host struct {
	Links      *approvallink.Links
	Approvals  Approvals
	Users      Users
	Authorizer awsapi.Authorizer
	Log        *slog.Logger
	Now        func() time.Time // nil: time.Now
}

const (
	// longestForm bounds what is posted.
	longestForm = 64 << 10
	// longestComment is AWS's bound of a summary, in characters.
	longestComment = 512
)

// ServeHTTP implements http.Handler.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, longestForm)
	decision, text, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, approvallink.Prefix), "/")
	v := &view{Reject: approvallink.Decision(decision) == approvallink.Reject}
	var err error
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, HEAD, POST")
		v.Outcome = wrongMethod
	default:
		err = h.answer(r, v, text)
	}
	if err != nil {
		h.Log.Error("a link of an approval failed", "error", err)
		v.Outcome = broken
	}
	if err := pages.Write(w, r, v.Outcome.status(), v); err != nil {
		h.Log.Error("a page about an approval could not be written", "error", err)
	}
}

// answer fills in what the page shows, and decides when the form was posted.
func (h *Host) answer(r *http.Request, v *view, text string) error {
	link, err := h.Links.Open(r.Context(), text)
	if errors.Is(err, approvallink.ErrForged) {
		v.Outcome = forged
		return nil
	}
	if err != nil {
		return err
	}
	user, err := h.Users.ByID(r.Context(), link.User)
	if errors.Is(err, iam.ErrNoSuchEntity) {
		v.Outcome = noUser
		return nil
	}
	if err != nil {
		return err
	}
	ctx := awsapi.WithConditions(r.Context(), r)
	id := awsapi.Identity{Arn: user.Arn, UserID: user.ID}
	arn := h.Approvals.ARN(link.Pipeline) + "/" + link.Stage + "/" + link.Action
	err = h.Authorizer.Authorize(ctx, id, "codepipeline:PutApprovalResult", []string{arn})
	if _, refused := errors.AsType[*awsapi.Error](err); refused {
		v.Outcome, v.User = notAllowed, user.Name
		return nil
	}
	if err != nil {
		return err
	}
	v.User = user.Name
	if err := h.look(ctx, v, link); err != nil || v.Outcome != waiting || r.Method != http.MethodPost {
		return err
	}
	return h.decide(r.WithContext(ctx), v, link, id)
}

// look says how the approval stands.
func (h *Host) look(ctx context.Context, v *view, link approvallink.Link) error {
	found, err := h.Approvals.GetApproval(ctx, link.Pipeline, link.Execution, link.Stage, link.Action, link.Token)
	if pipeline.KindOf(err) != "" {
		v.Outcome = superseded // the pipeline, or its history, is gone
		return nil
	}
	if err != nil {
		return err
	}
	v.show(link, &found)
	if v.Outcome == waiting && !h.now().Before(link.Expires) {
		v.Outcome = expired
	}
	return nil
}

// decide does what the form says.
func (h *Host) decide(r *http.Request, v *view, link approvallink.Link, id awsapi.Identity) error {
	decision, comment := approvallink.Decision(r.PostFormValue("decision")), r.PostFormValue("comment")
	comment = strings.TrimSpace(strings.ReplaceAll(comment, "\r\n", "\n"))
	if (decision != approvallink.Approve && decision != approvallink.Reject) || !utf8.ValidString(comment) || utf8.RuneCountInString(comment) > longestComment {
		v.Outcome = badForm
		return nil
	}
	v.Reject = decision == approvallink.Reject
	_, err := h.Approvals.Approve(r.Context(), flow.Approval{
		Pipeline: link.Pipeline, Stage: link.Stage, Action: link.Action, Token: link.Token,
		Approved: !v.Reject, Summary: comment, By: id.Principal(),
	})
	if err != nil && pipeline.KindOf(err) == "" {
		return err
	}
	if found := h.look(r.Context(), v, link); found != nil {
		return found
	}
	if err == nil {
		h.Log.Info("an approval was decided by link", "pipeline", link.Pipeline, "stage", link.Stage, "action", link.Action, "approved", !v.Reject, "by", id.Arn)
	}
	v.Outcome = after(v.Outcome, err)
	return nil
}

// after is how a decision ended that was taken or refused with err, by how the approval stands now.
func after(stands outcome, err error) outcome {
	switch {
	case err == nil && stands == waiting:
		return counted
	case err == nil:
		return decided
	case stands == waiting && pipeline.KindOf(err) == pipeline.ApprovalAlreadyCompleted:
		return twice
	case stands == waiting:
		return notYours
	}
	return stands // somebody or something else was faster
}

func (h *Host) now() time.Time {
	if h.Now != nil {
		return h.Now()
	}
	return time.Now()
}
