package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/action/approval"
	"github.com/conveyor-cd/conveyor/internal/approvallink"
	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/egress"
	"github.com/conveyor-cd/conveyor/internal/event"
	"github.com/conveyor-cd/conveyor/internal/keyring"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/topic"
	"github.com/conveyor-cd/conveyor/internal/topic/mail"
	"github.com/conveyor-cd/conveyor/internal/topic/post"
)

// openTopics opens the room of topics, with the protocols that this server's settings make possible.
func (r *rooms) openTopics(db store.Store, place awsapi.Place) error {
	box, err := secret.Open(r.config.Data)
	if err != nil {
		return err
	}
	keys := keyring.New(db, box)
	r.topics = topic.New(db, r.queue, keys, topic.Options{
		Region: place.Region, Account: place.Account, PublicURL: r.config.PublicURL, Logger: r.log.With("room", "topics"),
	})
	r.signer = post.NewSigner(keys)
	r.links = approvallink.New(keys, r.config.PublicURL)
	r.topics.RegisterRenderer(approval.Kind, approval.Renderer{Links: r.links, Users: r.identities}.Render)
	client := egress.NewClient(egress.Options{ForbidPrivate: r.config.ForbidPrivateAddresses})
	for _, protocol := range []string{"http", "https"} {
		r.topics.Register(protocol, post.New(protocol, client, r.signer, r.config.PublicURL))
	}
	if r.config.Mail.Host != "" {
		r.topics.Register("email", mail.New(r.config.Mail, false))
		r.topics.Register("email-json", mail.New(r.config.Mail, true))
	}
	return nil
}

// topicTarget lets rules of events publish to topics.
type topicTarget struct{ topics *topic.Store }

// Check refuses what is no topic's ARN. The topic may be made later, as on AWS.
func (t topicTarget) Check(_ context.Context, spec event.TargetSpec) error {
	if name, ok := strings.CutPrefix(spec.ARN, t.topics.ARN("")); !ok || name == "" || strings.Contains(name, ":") {
		return fmt.Errorf("%s is not the ARN of a topic of this server; one is like %s", spec.ARN, t.topics.ARN("NAME"))
	}
	return nil
}

// Deliver publishes what the target gets. A repeated delivery publishes again: topics promise at least once.
func (t topicTarget) Deliver(ctx context.Context, d event.Delivery) error {
	_, err := t.topics.Publish(ctx, d.Target.ARN, topic.Message{Body: string(d.Input)})
	_, mistake := errors.AsType[*topic.Invalid](err)
	if mistake || errors.Is(err, topic.ErrNoTopic) {
		return event.Permanent(fmt.Errorf("%s: %w", d.Target.ARN, err))
	}
	return err
}
