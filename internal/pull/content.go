package pull

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Content is the content of an approval rule, or of a template for such rules.
type Content struct {
	Version               string      `json:"Version"`
	DestinationReferences []string    `json:"DestinationReferences,omitempty"` // of a template: the refs whose pull requests get it
	Statements            []Statement `json:"Statements"`
}

// Statement asks for a number of approvals by members of a pool; an empty pool is everybody.
type Statement struct {
	Type                    string   `json:"Type"`
	NumberOfApprovalsNeeded int      `json:"NumberOfApprovalsNeeded"`
	ApprovalPoolMembers     []string `json:"ApprovalPoolMembers,omitempty"`
}

const (
	contentVersion = "2018-11-08"
	approvers      = "Approvers"
	maxContent     = 3000
	maxApprovals   = 30
	maxPool        = 100
)

// pipelineMember is what the members of a pool begin with that are pipelines.
const pipelineMember = "arn:aws:codepipeline:"

var (
	memberByName = regexp.MustCompile(`^CodeCommitApprovers:[0-9]{12}:[\w+=,.@*/-]{1,200}$`)
	memberByARN  = regexp.MustCompile(`^arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:[\w+=,.@*/-]{1,512}$`)
	memberByLine = regexp.MustCompile(`^arn:aws:codepipeline:[a-z0-9-]{4,30}:[0-9]{12}:[A-Za-z0-9.@_*-]{1,100}$`)
)

// ParseContent reads the content of an approval rule or, with template, of a template. Its errors say what is wrong.
func ParseContent(text string, template bool) (Content, error) {
	var c Content
	if len(text) > maxContent {
		return c, fmt.Errorf("it is longer than %d characters", maxContent)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("it is not the JSON of an approval rule: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return c, errors.New("something follows the JSON of the approval rule")
	}
	switch {
	case c.Version != contentVersion:
		return c, fmt.Errorf("its Version must be %s", contentVersion)
	case len(c.Statements) == 0:
		return c, errors.New("it has no Statements")
	case len(c.DestinationReferences) > 0 && !template:
		return c, errors.New("DestinationReferences belong into templates only")
	}
	for _, ref := range c.DestinationReferences {
		if !strings.HasPrefix(ref, "refs/heads/") {
			return c, fmt.Errorf("the destination reference %q does not begin with refs/heads/", ref)
		}
	}
	for _, s := range c.Statements {
		if err := s.check(); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (s Statement) check() error {
	switch {
	case s.Type != approvers:
		return fmt.Errorf("the Type of a statement must be %s", approvers)
	case s.NumberOfApprovalsNeeded < 1 || s.NumberOfApprovalsNeeded > maxApprovals:
		return fmt.Errorf("NumberOfApprovalsNeeded must be from 1 to %d", maxApprovals)
	case len(s.ApprovalPoolMembers) > maxPool:
		return fmt.Errorf("a pool has at most %d members", maxPool)
	}
	for _, m := range s.ApprovalPoolMembers {
		if !memberByName.MatchString(m) && !memberByARN.MatchString(m) && !memberByLine.MatchString(m) {
			return fmt.Errorf("%q is not an ApprovalPoolMember: use CodeCommitApprovers:ACCOUNT:NAME, or the ARN of a user, a role's session or a pipeline", m)
		}
	}
	return nil
}

// appliesTo tells whether a template is for pull requests into a branch.
func (c Content) appliesTo(branch string) bool {
	return len(c.DestinationReferences) == 0 || slices.ContainsFunc(c.DestinationReferences, func(ref string) bool {
		return wild(ref, "refs/heads/"+branch)
	})
}

// satisfied tells whether every statement has its approvals. approvals are the ARNs of those who approve, pipelines that
// have succeeded among them. A pipeline counts only where a pool asks for it, never as one of any.
func (c Content) satisfied(approvals []string) bool {
	return !slices.ContainsFunc(c.Statements, func(s Statement) bool { return s.count(approvals) < s.NumberOfApprovalsNeeded })
}

func (s Statement) count(approvals []string) int {
	n := 0
	for _, who := range approvals {
		if len(s.ApprovalPoolMembers) == 0 && !strings.HasPrefix(who, pipelineMember) ||
			slices.ContainsFunc(s.ApprovalPoolMembers, func(m string) bool { return isMember(m, who) }) {
			n++
		}
	}
	return n
}

// isMember tells whether a member of a pool stands for an identity.
func isMember(member, arn string) bool {
	named, ok := strings.CutPrefix(member, "CodeCommitApprovers:")
	if !ok {
		return wild(member, arn)
	}
	account, name, _ := strings.Cut(named, ":")
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[4] != account || parts[2] != "iam" && parts[2] != "sts" {
		return false
	}
	kind, rest, _ := strings.Cut(parts[5], "/")
	switch kind {
	case "user", "federated-user", "assumed-role": // of a session it is ROLE/SESSION
		return wild(name, rest)
	}
	return wild(name, parts[5])
}

// wild matches a text against a pattern in which * stands for any text.
func wild(pattern, text string) bool {
	first, rest, any := strings.Cut(pattern, "*")
	if !any {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	for {
		part, more, again := strings.Cut(rest, "*")
		if !again {
			return strings.HasSuffix(text, rest)
		}
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text, rest = text[at+len(part):], more
	}
}
