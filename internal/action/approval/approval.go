// Package approval is the provider of manual approvals: the belt waits for a person.
package approval

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/topic"
)

// Configuration keys.
const (
	keyData   = "CustomData"
	keyLink   = "ExternalEntityLink"
	keyNotify = "NotificationArn"
)

// sevenDays is how long an approval waits unless its declaration says otherwise. The engine's timer ends it.
const sevenDays = 7 * 24 * 60

// Topics is what the provider needs of topics; *topic.Store is one.
type Topics interface {
	Get(ctx context.Context, arn string) (topic.Topic, error)
	PublishTx(ctx context.Context, tx store.Tx, arn string, m topic.Message) (string, error)
}

// Options tune a Provider.
type Options struct {
	Topics    Topics // nil: approvals that name a topic fail
	PublicURL string // where reviewers reach this server
	// LinkLife bounds how long the links in messages work; 0: as long as the approval waits.
	LinkLife time.Duration
}

// Provider implements action.Provider.
type Provider struct{ o Options }

var _ action.Provider = Provider{}

// New makes a Provider.
func New(o Options) Provider { return Provider{o} }

// Type implements action.Provider.
func (Provider) Type() action.Type {
	return action.Type{
		ID: pipeline.ActionTypeID{Category: "Approval", Owner: "AWS", Provider: "Manual", Version: "1"},
		Properties: []action.Property{
			{Name: keyNotify, Type: "String", Description: "The SNS topic that is told about the approval."},
			{Name: keyLink, Type: "String", Description: "A page that the reviewer should look at."},
			{Name: keyData, Type: "String", Description: "What the reviewer should know."},
			{Name: pipeline.KeyApprovers, Type: "String", Check: pipeline.ApproversProblem, Description: "Who may decide, beside having the permission: users, roles and groups, with commas between."},
			{Name: pipeline.KeyRequiredApprovals, Type: "Number", Check: pipeline.RequiredApprovalsProblem, Description: "How many must approve; one by default."},
			{Name: pipeline.KeyForbidAuthor, Type: "Boolean", Values: []string{"true", "false"}, Description: "Whether who started the execution or pushed its revision may not approve it."},
		},
		Whole:          pipeline.ApprovalPolicyProblem,
		TimeoutMinutes: sevenDays,
		TimeoutSetable: true,
	}
}

// Start leaves the approval waiting. Its token, by which a reviewer decides, comes from the engine and is the same on
// every delivery; the decision itself is an event of the pipeline and does not pass through here. Whoever listens to the
// topic in NotificationArn is told in the transaction in which the approval begins to wait.
func (p Provider) Start(ctx context.Context, job action.Job) (action.Result, error) {
	if job.Token == "" {
		return nil, fmt.Errorf("approval %s of pipeline %s came without a token", job.Action, job.Pipeline)
	}
	link := job.Configuration[keyLink]
	if link != "" && !isWebPage(link) {
		return action.Fail(pipeline.ConfigurationError, "The %s of the approval %s is not the address of a web page: it must begin with http:// or https://.", keyLink, job.Action), nil
	}
	w := action.Wait{ExternalID: job.Token, ExternalURL: link}
	arn := job.Configuration[keyNotify]
	if arn == "" {
		return w, nil
	}
	failed, err := p.problem(ctx, arn, job)
	if failed != nil || err != nil {
		return failed, err
	}
	w.Then = &notification{p, arn, job}
	return w, nil
}

// isWebPage keeps addresses out of the console that would run as a script there.
func isWebPage(link string) bool {
	u, err := url.Parse(link)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// Cancel implements action.Provider. Nothing was started outside: the engine forgets the token.
func (Provider) Cancel(context.Context, action.Job) error { return nil }
