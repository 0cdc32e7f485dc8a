package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The configuration keys by which a manual approval says who may decide it. AWS does not have them.
const (
	KeyApprovers         = "ConveyorApprovers"
	KeyRequiredApprovals = "ConveyorRequiredApprovals"
	KeyForbidAuthor      = "ConveyorForbidAuthor"
)

// MaxRequiredApprovals is more than anybody would wait for.
const MaxRequiredApprovals = 20

// ApprovalPolicy is what a manual approval asks of those who decide it, beside the permission to. The zero policy asks
// nothing.
type ApprovalPolicy struct {
	// Approvers are names or ARNs of users, roles and groups, one of which a decider must be, or be in. None: anybody.
	Approvers []string `json:"approvers,omitempty"`
	// Required is how many must approve; less than 2 is one.
	Required int `json:"required,omitempty"`
	// ForbidAuthor keeps who started the execution, or pushed its revision, from approving it.
	ForbidAuthor bool `json:"forbidAuthor,omitempty"`
}

// ApprovalPolicyOf reads the policy from the configuration of an approval that was validated.
func ApprovalPolicyOf(configuration map[string]string) ApprovalPolicy {
	required, _ := strconv.Atoi(configuration[KeyRequiredApprovals])
	return ApprovalPolicy{
		Approvers: commaList(configuration[KeyApprovers]), Required: required, ForbidAuthor: configuration[KeyForbidAuthor] == "true",
	}
}

// Asks tells whether the policy asks for anything.
func (p ApprovalPolicy) Asks() bool { return len(p.Approvers) > 0 || p.Required > 1 || p.ForbidAuthor }

func commaList(text string) []string {
	var list []string
	for _, entry := range strings.Split(text, ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			list = append(list, entry)
		}
	}
	return list
}

var (
	approverName = regexp.MustCompile(`^[\w+=.@-]{1,128}$`)
	approverARN  = regexp.MustCompile(`^arn:aws[\w-]*:iam::[0-9]{12}:(user|role|group)/[\w+=,.@/-]{1,600}$`)
)

// ApproversProblem says what the value of KeyApprovers should have been, or "".
func ApproversProblem(text string) string {
	for _, entry := range strings.Split(text, ",") {
		if entry = strings.TrimSpace(entry); !approverName.MatchString(entry) && !approverARN.MatchString(entry) {
			return fmt.Sprintf("names or ARNs of users, roles and groups with commas between; %q is neither", entry)
		}
	}
	return ""
}

// RequiredApprovalsProblem says what the value of KeyRequiredApprovals should have been, or "".
func RequiredApprovalsProblem(text string) string {
	if n, err := strconv.Atoi(text); err != nil || n < 1 || n > MaxRequiredApprovals {
		return fmt.Sprintf("a number from 1 to %d", MaxRequiredApprovals)
	}
	return ""
}

// ApprovalPolicyProblem says what is wrong with a policy whose keys are each fine, or "". Policies cannot hold variables:
// who may decide must not depend on what an earlier action, or whoever starts the pipeline, says.
func ApprovalPolicyProblem(configuration map[string]string) string {
	for _, key := range []string{KeyApprovers, KeyRequiredApprovals, KeyForbidAuthor} {
		if len(References(configuration[key])) > 0 {
			return key + " cannot hold variables: write its value out"
		}
	}
	p := ApprovalPolicyOf(configuration)
	several := func(entry string) bool { return !approverARN.MatchString(entry) || strings.Contains(entry, ":group/") }
	if n := len(p.Approvers); n > 0 && n < p.Required && !slices.ContainsFunc(p.Approvers, several) {
		return fmt.Sprintf("%s lists %d, and %s asks for %d approvals, which could never be given", KeyApprovers, n, KeyRequiredApprovals, p.Required)
	}
	return ""
}
