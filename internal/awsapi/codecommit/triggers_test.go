package codecommit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
)

// triggerOf is a trigger that would be taken.
func triggerOf(name string, change func(*types.RepositoryTrigger)) types.RepositoryTrigger {
	t := types.RepositoryTrigger{
		Name: str(name), DestinationArn: str("arn:aws:sns:us-east-1:000000000000:pushes"), Branches: []string{"main"}, CustomData: str("words"),
		Events: []types.RepositoryTriggerEventEnum{types.RepositoryTriggerEventEnumCreateReference, types.RepositoryTriggerEventEnumDeleteReference},
	}
	change(&t)
	return t
}

func same(*types.RepositoryTrigger) {}

func TestRepositoryTriggers(t *testing.T) {
	each(t, func(t *testing.T, c operations, _ *gitrepo.Store) {
		ctx := t.Context()
		if _, err := c.CreateRepository(ctx, &sdk.CreateRepositoryInput{RepositoryName: str("site")}); err != nil {
			t.Fatal(err)
		}
		none, err := c.GetRepositoryTriggers(ctx, &sdk.GetRepositoryTriggersInput{RepositoryName: str("site")})
		if err != nil || len(none.Triggers) != 0 {
			t.Errorf("%+v, %v", none, err)
		}
		function := triggerOf("function", func(t *types.RepositoryTrigger) {
			t.DestinationArn, t.Branches = str("arn:aws:lambda:us-east-1:000000000000:function:pushed"), []string{}
			t.Events = []types.RepositoryTriggerEventEnum{types.RepositoryTriggerEventEnumAll}
		})
		list := []types.RepositoryTrigger{triggerOf("topic", same), function}
		put, err := c.PutRepositoryTriggers(ctx, &sdk.PutRepositoryTriggersInput{RepositoryName: str("site"), Triggers: list})
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.GetRepositoryTriggers(ctx, &sdk.GetRepositoryTriggersInput{RepositoryName: str("site")})
		if err != nil || *got.ConfigurationId != *put.ConfigurationId || len(got.Triggers) != 2 || *got.Triggers[0].Name != "topic" ||
			*got.Triggers[0].CustomData != "words" || !slices.Equal(got.Triggers[0].Branches, []string{"main"}) || !slices.Equal(got.Triggers[0].Events, list[0].Events) ||
			*got.Triggers[1].DestinationArn != *function.DestinationArn || len(got.Triggers[1].Branches) != 0 {
			t.Errorf("%+v, %v", got, err)
		}
		gone := triggerOf("gone", func(t *types.RepositoryTrigger) { t.DestinationArn = str("arn:aws:sns:us-east-1:000000000000:gone") })
		tested, err := c.TestRepositoryTriggers(ctx, &sdk.TestRepositoryTriggersInput{RepositoryName: str("site"), Triggers: append(list, gone)})
		if err != nil || !slices.Equal(tested.SuccessfulExecutions, []string{"topic", "function"}) || len(tested.FailedExecutions) != 1 ||
			*tested.FailedExecutions[0].Trigger != "gone" || !strings.Contains(*tested.FailedExecutions[0].FailureMessage, "nobody is there") {
			t.Errorf("%+v, %v", tested, err)
		}
		if _, err := c.PutRepositoryTriggers(ctx, &sdk.PutRepositoryTriggersInput{RepositoryName: str("site"), Triggers: []types.RepositoryTrigger{}}); err != nil {
			t.Error(err)
		}
		if got, err = c.GetRepositoryTriggers(ctx, &sdk.GetRepositoryTriggersInput{RepositoryName: str("site")}); err != nil || len(got.Triggers) != 0 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestRepositoryTriggersRefused(t *testing.T) {
	var many []types.RepositoryTrigger
	for i := range 11 {
		many = append(many, triggerOf(fmt.Sprint("t", i), same))
	}
	one := func(change func(*types.RepositoryTrigger)) []types.RepositoryTrigger {
		return []types.RepositoryTrigger{triggerOf("t", change)}
	}
	lists := map[string][]types.RepositoryTrigger{
		"MaximumRepositoryTriggersExceeded":       many,
		"RepositoryTriggerNameRequired":           one(func(t *types.RepositoryTrigger) { t.Name = str("") }),
		"InvalidRepositoryTriggerName":            {triggerOf("t", same), triggerOf("t", same)},
		"InvalidRepositoryTriggerCustomData":      one(func(t *types.RepositoryTrigger) { t.CustomData = str(strings.Repeat("x", 1001)) }),
		"MaximumBranchesExceeded":                 one(func(t *types.RepositoryTrigger) { t.Branches = slices.Repeat([]string{"b"}, 11) }),
		"InvalidRepositoryTriggerBranchName":      one(func(t *types.RepositoryTrigger) { t.Branches = []string{"a..b"} }),
		"RepositoryTriggerDestinationArnRequired": one(func(t *types.RepositoryTrigger) { t.DestinationArn = str("") }),
		"InvalidRepositoryTriggerRegion":          one(func(t *types.RepositoryTrigger) { t.DestinationArn = str("arn:aws:sns:eu-west-1:000000000000:t") }),
		"InvalidRepositoryTriggerDestinationArn":  one(func(t *types.RepositoryTrigger) { t.DestinationArn = str("arn:aws:sqs:us-east-1:000000000000:q") }),
		"RepositoryTriggerEventsListRequired":     one(func(t *types.RepositoryTrigger) { t.Events = []types.RepositoryTriggerEventEnum{} }),
		"InvalidRepositoryTriggerEvents": one(func(t *types.RepositoryTrigger) {
			t.Events = []types.RepositoryTriggerEventEnum{"all", "updateReference"}
		}),
	}
	each(t, func(t *testing.T, c operations, _ *gitrepo.Store) {
		_, err := c.CreateRepository(t.Context(), &sdk.CreateRepositoryInput{RepositoryName: str("site")})
		is(t, "create", err, "")
		for exception, list := range lists {
			_, err = c.PutRepositoryTriggers(t.Context(), &sdk.PutRepositoryTriggersInput{RepositoryName: str("site"), Triggers: list})
			is(t, "put", err, exception)
			_, err = c.TestRepositoryTriggers(t.Context(), &sdk.TestRepositoryTriggersInput{RepositoryName: str("site"), Triggers: list})
			is(t, "test", err, exception)
			_, err = c.PutRepositoryTriggers(t.Context(), &sdk.PutRepositoryTriggersInput{RepositoryName: str("other"), Triggers: list})
			is(t, "put elsewhere", err, "RepositoryDoesNotExist")
		}
	})
}

func TestListFileCommitHistory(t *testing.T) {
	each(t, func(t *testing.T, c operations, _ *gitrepo.Store) {
		ctx := t.Context()
		if _, err := c.CreateRepository(ctx, &sdk.CreateRepositoryInput{RepositoryName: str("site")}); err != nil {
			t.Fatal(err)
		}
		var parent *string
		for i := range 3 {
			made, err := c.PutFile(ctx, &sdk.PutFileInput{
				RepositoryName: str("site"), BranchName: str("main"), FilePath: str("a/page"), FileContent: []byte(fmt.Sprint(i)), ParentCommitId: parent,
			})
			if err != nil {
				t.Fatal(err)
			}
			parent = made.CommitId
		}
		first, err := c.ListFileCommitHistory(ctx, &sdk.ListFileCommitHistoryInput{RepositoryName: str("site"), FilePath: str("/a/page"), MaxResults: aws.Int32(2)})
		if err != nil || len(first.RevisionDag) != 2 || first.NextToken == nil {
			t.Fatalf("%+v, %v", first, err)
		}
		newest := first.RevisionDag[0]
		if *newest.Commit.CommitId != *parent || *newest.Path != "a/page" || len(newest.RevisionChildren) != 0 ||
			!slices.Equal(first.RevisionDag[1].RevisionChildren, []string{*parent}) {
			t.Errorf("%+v", first.RevisionDag)
		}
		rest, err := c.ListFileCommitHistory(ctx, &sdk.ListFileCommitHistoryInput{RepositoryName: str("site"), FilePath: str("a/page"), MaxResults: aws.Int32(2), NextToken: first.NextToken})
		if err != nil || len(rest.RevisionDag) != 1 || rest.NextToken != nil {
			t.Errorf("%+v, %v", rest, err)
		}
		for exception, in := range map[string]*sdk.ListFileCommitHistoryInput{
			"RepositoryDoesNotExist":   {RepositoryName: str("other"), FilePath: str("a")},
			"CommitDoesNotExist":       {RepositoryName: str("site"), FilePath: str("a"), CommitSpecifier: str("nothing")},
			"InvalidContinuationToken": {RepositoryName: str("site"), FilePath: str("a/page"), NextToken: str("no")},
		} {
			_, err := c.ListFileCommitHistory(ctx, in)
			is(t, "history", err, exception)
		}
	})
}
