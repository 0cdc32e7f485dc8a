package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/conveyor-cd/conveyor/internal/event"
	"github.com/conveyor-cd/conveyor/internal/function"
	"github.com/conveyor-cd/conveyor/internal/repotrigger"
	"github.com/conveyor-cd/conveyor/internal/topic"
)

// triggerSender lets the triggers of repositories reach topics and functions.
type triggerSender struct{ r *rooms }

func (s triggerSender) Send(ctx context.Context, destination, subject string, message []byte) error {
	if name, ok := (functionTarget{s.r.functions}).name(destination); ok {
		_, err := s.r.functions.SendEvent(ctx, name, message)
		return gone(err, errors.Is(err, function.ErrNotFound))
	}
	if (topicTarget{s.r.topics}).Check(ctx, event.TargetSpec{ARN: destination}) != nil {
		return fmt.Errorf("%w: %s is neither a topic nor a function of this server", repotrigger.ErrGone, destination)
	}
	_, err := s.r.topics.Publish(ctx, destination, topic.Message{Subject: subject, Body: string(message)})
	_, mistake := errors.AsType[*topic.Invalid](err)
	return gone(err, mistake || errors.Is(err, topic.ErrNoTopic))
}

func gone(err error, isGone bool) error {
	if isGone {
		return fmt.Errorf("%w: %w", repotrigger.ErrGone, err)
	}
	return err
}
