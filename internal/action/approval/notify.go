package approval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/topic"
)

// problem is how an approval fails whose topic cannot be published to: nobody would hear of it, and it would wait in vain.
func (p Provider) problem(ctx context.Context, arn string, job action.Job) (action.Result, error) {
	if p.o.Topics == nil {
		return action.Fail(pipeline.ConfigurationError, "The approval %s names a topic (%s), and this server has no topics.", job.Action, keyNotify), nil
	}
	_, err := p.o.Topics.Get(ctx, arn)
	_, malformed := errors.AsType[*topic.Invalid](err)
	switch {
	case malformed:
		return action.Fail(pipeline.ConfigurationError, "The %s of the approval %s is wrong: %v", keyNotify, job.Action, err), nil
	case errors.Is(err, topic.ErrNoTopic):
		return action.Fail(pipeline.ConfigurationError, "The topic %s, which the approval %s is announced to, does not exist. Make it with "+
			"`aws sns create-topic`, or correct the %s, and retry the stage.", arn, job.Action, keyNotify), nil
	}
	return nil, err
}

// notification tells a topic of an approval.
type notification struct {
	provider Provider
	arn      string
	job      action.Job
}

// Do implements action.Effect. A topic that was deleted since Start looked makes the job run again, which then fails the
// action.
func (n *notification) Do(ctx context.Context, tx store.Tx) error {
	_, err := n.provider.o.Topics.PublishTx(ctx, tx, n.arn, n.message())
	return err
}

// notice is AWS's approval message.
type notice struct {
	Region      string `json:"region"`
	ConsoleLink string `json:"consoleLink"`
	Approval    struct {
		Pipeline string  `json:"pipelineName"`
		Stage    string  `json:"stageName"`
		Action   string  `json:"actionName"`
		Token    string  `json:"token"`
		Expires  string  `json:"expires"`
		Link     *string `json:"externalEntityLink"`
		Review   string  `json:"approvalReviewLink"`
		Data     *string `json:"customData"`
		// Of the subscription of a person who may decide: see links.go.
		ApproveLink string `json:"ConveyorApproveLink,omitempty"`
		RejectLink  string `json:"ConveyorRejectLink,omitempty"`
	} `json:"approval"`
}

// longestSubject is SNS's.
const longestSubject = 100

func (n *notification) message() topic.Message {
	job := n.job
	subject := fmt.Sprintf("APPROVAL NEEDED: AWS CodePipeline %s for action %s", job.Pipeline, job.Action)
	return topic.Message{
		Subject: action.Cut(subject, longestSubject), Body: n.document(),
		Bodies: map[string]string{"email": n.text(), topic.FormatSlack: n.text()},
		Kind:   Kind, Data: n.decidable(),
	}
}

func (n *notification) document() string {
	job := n.job
	var m notice
	m.Region, m.ConsoleLink = job.Region, n.page()
	m.Approval.Pipeline, m.Approval.Stage, m.Approval.Action, m.Approval.Token = job.Pipeline, job.Stage, job.Action, job.Token
	m.Approval.Expires = n.expires().Format("2006-01-02T15:04Z")
	m.Approval.Link, m.Approval.Data = optional(job.Configuration[keyLink]), optional(job.Configuration[keyData])
	m.Approval.Review = m.ConsoleLink // where the approval can be given
	text, err := json.Marshal(m)
	if err != nil { // plain data always marshals
		panic(err)
	}
	return string(text)
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// page is the pipeline's page in the console.
func (n *notification) page() string {
	return n.provider.o.PublicURL + "/conveyor/pipelines/" + url.PathEscape(n.job.Pipeline)
}

// expires is when the approval fails if nobody has decided.
func (n *notification) expires() time.Time {
	minutes := n.job.TimeoutMinutes
	if minutes == 0 {
		minutes = sevenDays
	}
	return n.job.Started.UTC().Add(time.Duration(minutes) * time.Minute)
}

// text is for people. The token is not in it: deciding takes permission, and who has it finds the token in the pipeline's
// state.
func (n *notification) text() string {
	job := n.job
	var b strings.Builder
	fmt.Fprintf(&b, "The pipeline %s waits for an approval: action %s of stage %s.\n", job.Pipeline, job.Action, job.Stage)
	if data := job.Configuration[keyData]; data != "" {
		fmt.Fprintf(&b, "\n%s\n", data)
	}
	if link := job.Configuration[keyLink]; link != "" {
		fmt.Fprintf(&b, "\nLook at: %s\n", link)
	}
	fmt.Fprintf(&b, "\nIt expires at %s.\nPipeline: %s\nDecide with: aws codepipeline put-approval-result --pipeline-name %s --stage-name %s --action-name %s "+
		"--result status=Approved,summary=... --token (from aws codepipeline get-pipeline-state --name %[3]s)\n",
		n.expires().Format("2006-01-02 15:04 UTC"), n.page(), job.Pipeline, job.Stage, job.Action)
	return b.String()
}
