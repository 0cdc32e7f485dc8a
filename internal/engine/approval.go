package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Approval is what an approval asks of those who decide it, and who has approved so far.
type Approval struct {
	pipeline.ApprovalPolicy
	Given []Approver `json:"given,omitempty"`
}

// Approver is somebody who has approved.
type Approver struct {
	Who string    `json:"who"` // see Person
	By  string    `json:"by"`
	At  time.Time `json:"at"`
}

// newApproval is nil when the declaration asks nothing of whoever decides.
func newApproval(declared *pipeline.Action) *Approval {
	if policy := pipeline.ApprovalPolicyOf(declared.Configuration); policy.Asks() {
		return &Approval{ApprovalPolicy: policy}
	}
	return nil
}

// apply decides an approval (E7), or counts one of several approvals it needs.
func (ev ApprovalGiven) apply(m *machine) {
	e, a := m.approval(ev.Token)
	if a == nil || ev.problem(&e.Execution, a) != nil {
		return
	}
	comment := clip(ev.Summary, maxApprovalSummary)
	switch {
	case !ev.Approved:
		a.Summary = comment
		m.fail(e, a, rejection(ev), ev.By)
	case !a.Approval.count(ev):
		a.Summary, a.By = a.Approval.progress(), ev.By
		a.Reason = fmt.Sprintf("Has %s. Waits for %d more, or a rejection, until %s.", a.Summary, a.Approval.missing(), clock(a.Deadline))
		m.setAction(e, a, Announce{Word: Progress})
	default:
		a.Summary = comment
		if a.Approval.several() {
			a.Summary = strings.TrimSuffix(a.Approval.progress()+": "+comment, ": ")
		}
		m.succeed(e, a, nil, nil, ev.By)
	}
	m.advance(e)
}

// problem is why somebody may not decide an approval that waits, or nil.
func (ev ApprovalGiven) problem(e *Execution, a *ActionExecution) error {
	p := a.Approval
	if p == nil {
		return nil
	}
	who := ev.who()
	switch {
	case len(p.Approvers) > 0 && !slices.ContainsFunc(p.Approvers, ev.goesBy):
		return refuse(AccessDenied, "%s may not decide the approval %s: its %s are %s.",
			orSomebody(ev.By), a.Name, pipeline.KeyApprovers, strings.Join(p.Approvers, ", "))
	case !ev.Approved:
		return nil
	case p.ForbidAuthor && slices.Contains(e.Authors, who):
		return refuse(AccessDenied, "%s may not approve %s: they started this execution or pushed its revision, and %s is true. "+
			"Somebody else has to approve it.", orSomebody(ev.By), a.Name, pipeline.KeyForbidAuthor)
	case slices.ContainsFunc(p.Given, func(g Approver) bool { return g.Who == who }):
		return refuse(ApprovalAlreadyCompleted, "%s has approved %s before. It has %s; somebody else has to approve it, too.",
			orSomebody(ev.By), a.Name, p.progress())
	}
	return nil
}

// goesBy tells whether a list of approvers means whoever decides by this entry.
func (ev ApprovalGiven) goesBy(entry string) bool {
	return entry == ev.By || slices.Contains(ev.As, entry)
}

// who tells one decider from another.
func (ev ApprovalGiven) who() string {
	if ev.Who != "" {
		return ev.Who
	}
	return Person(ev.By)
}

// count takes an approval into account and tells whether it was the last one needed. It leaves the old list alone.
func (p *Approval) count(ev ApprovalGiven) bool {
	if p == nil {
		return true
	}
	p.Given = append(slices.Clip(p.Given), Approver{Who: ev.who(), By: ev.By, At: clean(ev.At)})
	return p.missing() <= 0
}

func (p *Approval) several() bool { return p != nil && p.Required > 1 }

func (p *Approval) missing() int { return max(p.Required, 1) - len(p.Given) }

// progress is like "1 of 2 approvals (eve)".
func (p *Approval) progress() string {
	text := fmt.Sprintf("%d of %d approvals", len(p.Given), max(p.Required, 1))
	var names []string
	for _, g := range p.Given {
		names = append(names, g.Who[strings.LastIndexByte(g.Who, '/')+1:])
	}
	if len(names) > 0 {
		text += " (" + strings.Join(names, ", ") + ")"
	}
	return text
}

// Person is the one behind an ARN: user/NAME, or role/NAME, whose sessions are one. Other ARNs stand for themselves.
func Person(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return arn
	}
	kind, path, _ := strings.Cut(parts[5], "/")
	switch {
	case parts[2] == "sts" && kind == "assumed-role":
		role, _, _ := strings.Cut(path, "/")
		return "role/" + role
	case parts[2] == "iam" && (kind == "user" || kind == "role"):
		return kind + "/" + path[strings.LastIndexByte(path, '/')+1:]
	}
	return arn
}

// wrote notes who is behind an execution, so that they can be kept from approving it.
func (e *Execution) wrote(arns ...string) {
	for _, arn := range arns {
		if who := Person(arn); arn != "" && !slices.Contains(e.Authors, who) && len(e.Authors) < maxAuthors {
			e.Authors = append(slices.Clip(e.Authors), clip(who, maxURL))
		}
	}
}

func rejection(ev ApprovalGiven) pipeline.ErrorDetails {
	message := "Rejected by " + orSomebody(ev.By) + "."
	if ev.Summary != "" {
		message = "Rejected by " + orSomebody(ev.By) + ": " + clip(ev.Summary, maxApprovalSummary)
	}
	return pipeline.ErrorDetails{Code: pipeline.JobFailed, Message: message}
}

// approval finds the waiting approval of a token, for changing.
func (m *machine) approval(token string) (*exec, *ActionExecution) {
	for _, e := range m.execs {
		i := waitingApproval(&e.Execution, token)
		if i < 0 {
			continue
		}
		a := &m.inside(e).Actions[i]
		if a.Approval != nil {
			own := *a.Approval
			a.Approval = &own
		}
		return e, a
	}
	return nil, nil
}

func waitingApproval(e *Execution, token string) int {
	if e.Stage == nil || token == "" {
		return -1
	}
	return slices.IndexFunc(e.Stage.Actions, func(a ActionExecution) bool {
		return a.Token == token && a.Status == pipeline.StatusInProgress
	})
}
