package approvalhost

import (
	_ "embed"
	"net/http"
	"time"

	"github.com/conveyor-cd/conveyor/internal/approvallink"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/webpage"
)

//go:embed page.html
var text string

var pages = webpage.MustParse(text)

// outcome is what became of a request; the page has a paragraph for each.
type outcome string

const (
	waiting     outcome = ""            // the approval waits, and the form is shown
	decided     outcome = "decided"     // by this very request
	counted     outcome = "counted"     // by this very request, and others have to approve, too
	twice       outcome = "twice"       // others have to approve; this user has before
	notYours    outcome = "notYours"    // the approval's policy keeps this user from it
	used        outcome = "used"        // decided before, by this link or otherwise
	expired     outcome = "expired"     // nobody decided in time, or the link's own time is over
	superseded  outcome = "superseded"  // the execution does not wait for it any more
	notAllowed  outcome = "notAllowed"  // the user has lost the right
	noUser      outcome = "noUser"      // the user was deleted
	forged      outcome = "forged"      // it is no link of this server's
	badForm     outcome = "badForm"     // what was posted is not what the form posts
	wrongMethod outcome = "wrongMethod" // neither opened nor posted
	broken      outcome = "broken"      // the server's own fault
)

func (o outcome) status() int {
	switch o {
	case waiting, decided, counted:
		return http.StatusOK
	case used, twice:
		return http.StatusConflict
	case expired, superseded:
		return http.StatusGone
	case notAllowed, notYours, noUser, forged:
		return http.StatusForbidden
	case badForm:
		return http.StatusBadRequest
	case wrongMethod:
		return http.StatusMethodNotAllowed
	default:
		return http.StatusInternalServerError
	}
}

// view is what a page shows.
type view struct {
	Outcome outcome
	Reject  bool   // what the link suggests, or what was done
	User    string // whose rights the link acts with

	Link      approvallink.Link
	Started   string
	Deadline  string
	Revisions []revision
	Data      string   // the pipeline's message to the reviewer
	Entity    string   // what the reviewer should look at
	Approvers []string // whom the approval's policy lists
	Progress  string   // how many have approved, of an approval that several must
	Status    string   // of an approval that was decided: Succeeded or Failed
	By        string
	At        string
	Comment   string
}

type revision struct{ Source, ID, Summary, URL string }

// show takes over what is known of the approval.
func (v *view) show(link approvallink.Link, a *flow.ApprovalDetail) {
	v.Link, v.Started = link, minute(a.Action.Started)
	v.Deadline = minute(earlier(a.Action.Deadline, link.Expires))
	v.Revisions = nil
	v.Data, v.Entity = a.Configuration["CustomData"], a.Configuration["ExternalEntityLink"]
	for _, r := range a.Execution.Revisions {
		v.Revisions = append(v.Revisions, revision{r.Action, r.Revision.ID, r.Revision.Summary, r.Revision.URL})
	}
	v.Status, v.By, v.At, v.Comment = string(a.Action.Status), a.Action.By, minute(a.Action.Updated), a.Action.Summary
	if policy := a.Action.Approval; policy != nil {
		v.Approvers = policy.Approvers
	}
	v.Progress = ""
	if v.Outcome = standing(a); v.Outcome == waiting {
		v.Progress = a.Action.Summary
	}
}

// standing says whether an approval can still be decided and, if not, why.
func standing(a *flow.ApprovalDetail) outcome {
	switch {
	case a.Action.Status == pipeline.StatusInProgress:
		return waiting
	case a.Action.Status == pipeline.StatusAbandoned:
		return superseded
	case a.Action.Error != nil && a.Action.Error.Code == pipeline.ActionTimeOut:
		return expired
	case a.Action.By == "": // it failed by itself
		return superseded
	}
	return used
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
