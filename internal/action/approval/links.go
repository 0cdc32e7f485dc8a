package approval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/conveyor-cd/conveyor/internal/approvallink"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/topic"
)

// Kind is that of the messages a Renderer writes.
const Kind = "approval"

// decidable is what a Renderer needs: a link that is nobody's yet.
func (n *notification) decidable() string {
	job := n.job
	expires := n.expires()
	if life := n.provider.o.LinkLife; life > 0 && job.Started.Add(life).Before(expires) {
		expires = job.Started.UTC().Add(life)
	}
	text, err := json.Marshal(approvallink.Link{
		Pipeline: job.Pipeline, Execution: job.ExecutionID, Stage: job.Stage, Action: job.Action, Token: job.Token, Expires: expires,
	})
	if err != nil { // plain data always marshals
		panic(err)
	}
	return string(text)
}

// Users finds the users that subscriptions are bound to; *iam.Directory is one.
type Users interface {
	ByID(ctx context.Context, id string) (iam.Entity, error)
}

// Renderer gives the subscribers of a topic who are bound to a user the links by which that user decides. They are made
// at the time of delivery and nowhere stored.
type Renderer struct {
	Links *approvallink.Links
	Users Users
}

// Render implements topic.Renderer. A user who is gone gets no links, as everybody else.
func (r Renderer) Render(ctx context.Context, m topic.Message, to topic.Subscription) (subject, body string, err error) {
	subject, body = m.Subject, m.BodyFor(to)
	id := to.Attributes[topic.Approver]
	if id == "" {
		return subject, body, nil
	}
	user, err := r.Users.ByID(ctx, id)
	if errors.Is(err, iam.ErrNoSuchEntity) {
		return subject, body, nil
	}
	var link approvallink.Link
	if err = errors.Join(err, json.Unmarshal([]byte(m.Data), &link)); err != nil {
		return "", "", err
	}
	link.User = user.ID
	approve, reject, err := r.Links.URLs(ctx, link)
	if err != nil {
		return "", "", err
	}
	if body != m.Body { // a text for people
		return subject, body + sentence(user, link, approve, reject), nil
	}
	body, err = withLinks(body, approve, reject)
	return subject, body, err
}

func sentence(user iam.Entity, link approvallink.Link, approve, reject string) string {
	return fmt.Sprintf("\nApprove: %s\nReject: %s\nThe links decide in the name of %s, until %s: keep them to yourself.\n",
		approve, reject, user.Name, link.Expires.Format("2006-01-02 15:04 UTC"))
}

func withLinks(document, approve, reject string) (string, error) {
	var n notice
	if err := json.Unmarshal([]byte(document), &n); err != nil {
		return "", fmt.Errorf("the message about an approval is unreadable: %w", err)
	}
	n.Approval.ApproveLink, n.Approval.RejectLink = approve, reject
	text, err := json.Marshal(n)
	return string(text), err
}
