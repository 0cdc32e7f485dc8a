// Package approval is the provider of manual approvals: the belt waits for a person.
package approval

import (
	"context"
	"fmt"
	"net/url"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Configuration keys.
const (
	keyData   = "CustomData"
	keyLink   = "ExternalEntityLink"
	keyNotify = "NotificationArn"
)

// sevenDays is how long an approval waits unless its declaration says otherwise. The engine's timer ends it.
const sevenDays = 7 * 24 * 60

// Provider implements action.Provider.
type Provider struct{}

var _ action.Provider = Provider{}

// New makes a Provider.
func New() Provider { return Provider{} }

// Type implements action.Provider.
func (Provider) Type() action.Type {
	return action.Type{
		ID: pipeline.ActionTypeID{Category: "Approval", Owner: "AWS", Provider: "Manual", Version: "1"},
		Properties: []action.Property{
			{Name: keyNotify, Type: "String", Description: "The SNS topic that is told about the approval."},
			{Name: keyLink, Type: "String", Description: "A page that the reviewer should look at."},
			{Name: keyData, Type: "String", Description: "What the reviewer should know."},
		},
		TimeoutMinutes: sevenDays,
		TimeoutSetable: true,
	}
}

// Start leaves the approval waiting. Its token, by which a reviewer decides, comes from the engine and is the same on
// every delivery; the decision itself is an event of the pipeline and does not pass through here.
//
// A notification cannot be delivered yet. The approval is still good without it, since whoever looks at the pipeline sees
// it, so it is not refused; its summary says that nobody was told.
func (Provider) Start(_ context.Context, job action.Job) (action.Result, error) {
	if job.Token == "" {
		return nil, fmt.Errorf("approval %s of pipeline %s came without a token", job.Action, job.Pipeline)
	}
	link := job.Configuration[keyLink]
	if link != "" && !isWebPage(link) {
		return action.Fail(pipeline.ConfigurationError, "The %s of the approval %s is not the address of a web page: it must begin with http:// or https://.", keyLink, job.Action), nil
	}
	w := action.Wait{ExternalID: job.Token, ExternalURL: link}
	if topic := job.Configuration[keyNotify]; topic != "" {
		w.Summary = "Waits for a decision. No notification was sent to " + topic + ": this server cannot deliver notifications."
	}
	return w, nil
}

// isWebPage keeps addresses out of the console that would run as a script there.
func isWebPage(link string) bool {
	u, err := url.Parse(link)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// Cancel implements action.Provider. Nothing was started outside: the engine forgets the token.
func (Provider) Cancel(context.Context, action.Job) error { return nil }
