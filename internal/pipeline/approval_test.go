package pipeline_test

import (
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

func TestApprovalPolicies(t *testing.T) {
	const user, group = "arn:aws:iam::000000000000:user/team/eve", "arn:aws:iam::000000000000:group/ops"
	for _, test := range []struct{ approvers, required, problem string }{
		{"", "", ""},
		{"eve, ops", "20", ""},
		{user + "," + group, "3", ""},
		{"eve,,ops", "", `"" is neither`},
		{"eve ops", "", `"eve ops" is neither`},
		{"*", "", `"*" is neither`},
		{"arn:aws:sts::000000000000:assumed-role/deploy/s1", "", "is neither"},
		{"#{variables.who}", "", "cannot hold variables"},
		{"", "0", "from 1 to 20"},
		{"", "21", "from 1 to 20"},
		{"", "two", "from 1 to 20"},
		{"", "#{variables.n}", "cannot hold variables"},
		{user, "2", "could never be given"},
	} {
		configuration := map[string]string{pipeline.KeyApprovers: test.approvers, pipeline.KeyRequiredApprovals: test.required}
		problem := pipeline.ApprovalPolicyProblem(configuration)
		if problem == "" && test.approvers != "" {
			problem = pipeline.ApproversProblem(test.approvers)
		}
		if problem == "" && test.required != "" {
			problem = pipeline.RequiredApprovalsProblem(test.required)
		}
		if (test.problem == "") != (problem == "") || !strings.Contains(problem, test.problem) {
			t.Errorf("%q %q: %q, want %q", test.approvers, test.required, problem, test.problem)
		}
	}
}
