package pull

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestContent(t *testing.T) {
	t.Parallel()
	rule := func(statements string) string { return `{"Version":"2018-11-08","Statements":[` + statements + `]}` }
	for name, c := range map[string]struct {
		text string
		want string // a part of the error; "" is none
	}{
		"anybody":            {rule(`{"Type":"Approvers","NumberOfApprovalsNeeded":2}`), ""},
		"a pool":             {rule(`{"Type":"Approvers","NumberOfApprovalsNeeded":1,"ApprovalPoolMembers":["CodeCommitApprovers:000000000000:Ada","arn:aws:sts::000000000000:assumed-role/Review/*"]}`), ""},
		"a pipeline":         {rule(`{"Type":"Approvers","NumberOfApprovalsNeeded":1,"ApprovalPoolMembers":["arn:aws:codepipeline:us-east-1:000000000000:site-*"]}`), ""},
		"no JSON":            {`approve`, "not the JSON"},
		"more than JSON":     {rule(`{"Type":"Approvers","NumberOfApprovalsNeeded":2}`) + "{}", "follows"},
		"another version":    {`{"Version":"2020-01-01","Statements":[]}`, "Version"},
		"nothing":            {rule(``), "no Statements"},
		"none needed":        {rule(`{"Type":"Approvers"}`), "NumberOfApprovalsNeeded"},
		"another type":       {rule(`{"Type":"Deniers","NumberOfApprovalsNeeded":1}`), "Type"},
		"an unknown key":     {rule(`{"Type":"Approvers","NumberOfApprovalsNeeded":1,"Pool":[]}`), "unknown field"},
		"no identity":        {rule(`{"Type":"Approvers","NumberOfApprovalsNeeded":1,"ApprovalPoolMembers":["Ada"]}`), "ApprovalPoolMember"},
		"branches of a rule": {`{"Version":"2018-11-08","DestinationReferences":["refs/heads/main"],"Statements":[{"Type":"Approvers","NumberOfApprovalsNeeded":1}]}`, "templates only"},
		"too long":           {rule(strings.Repeat(" ", 3000)), "longer"},
	} {
		_, err := ParseContent(c.text, false)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	const (
		ada      = "arn:aws:iam::000000000000:user/Ada"
		session  = "arn:aws:sts::000000000000:assumed-role/Review/Ada"
		pipeline = "arn:aws:codepipeline:us-east-1:000000000000:site"
	)
	for _, c := range []struct {
		pool []string
		who  []string
		want int
	}{
		{nil, []string{ada, session}, 2},
		{nil, []string{ada, pipeline}, 1}, // a pipeline is nobody
		{[]string{"CodeCommitApprovers:000000000000:Ada"}, []string{ada, session, pipeline}, 1},
		{[]string{"CodeCommitApprovers:000000000000:*Ada"}, []string{ada, session}, 2},
		{[]string{"CodeCommitApprovers:111111111111:Ada"}, []string{ada}, 0},
		{[]string{"CodeCommitApprovers:000000000000:*"}, []string{pipeline}, 0},
		{[]string{"arn:aws:sts::000000000000:assumed-role/Review/*"}, []string{ada, session}, 1},
		{[]string{"arn:aws:codepipeline:us-east-1:000000000000:site"}, []string{ada, pipeline, pipeline + "2"}, 1},
		{[]string{"arn:aws:codepipeline:us-east-1:000000000000:*"}, []string{ada, pipeline, pipeline + "2"}, 2},
	} {
		if got := (Statement{ApprovalPoolMembers: c.pool}).count(c.who); got != c.want {
			t.Errorf("of %v in %v there are %d, want %d", c.who, c.pool, got, c.want)
		}
	}
}

func TestWild(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"a", "a", true},
		{"a", "ab", false},
		{"*", "", true},
		{"a*c", "abc", true},
		{"a*c", "ac", true},
		{"a*c", "a", false},
		{"a*b*c", "aXbYc", true},
		{"a*b*c", "aXcYb", false},
		{"ab*ba", "aba", false},
		{"**", "x", true},
	} {
		if got := wild(c.pattern, c.text); got != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.text, got)
		}
	}
}

// FuzzContent: whatever is taken for a rule can be written and read again, and asked.
func FuzzContent(f *testing.F) {
	f.Add(`{"Version":"2018-11-08","Statements":[{"Type":"Approvers","NumberOfApprovalsNeeded":1,"ApprovalPoolMembers":["CodeCommitApprovers:000000000000:A*"]}]}`)
	f.Add(`{"Version":"2018-11-08","DestinationReferences":["refs/heads/*"],"Statements":[{"Type":"Approvers","NumberOfApprovalsNeeded":30}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseContent(text, true)
		if err != nil {
			return
		}
		again, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseContent(string(again), true); err != nil && len(again) <= maxContent {
			t.Fatalf("%s: %v", again, err)
		}
		if c.satisfied(nil) {
			t.Fatal("nobody satisfies it")
		}
		c.appliesTo("main")
	})
}
