package flow

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/webhook"
)

// Receiver is what whoever receives requests for a webhook has to know of it. It holds secrets.
type Receiver struct {
	id int64
	pipeline.Webhook
}

// ID tells the webhook from all others there ever are.
func (r *Receiver) ID() int64 { return r.id }

// WebhookAt finds the webhook whose URL ends with token. There is none: the kind is pipeline.WebhookNotFound.
func (s *Service) WebhookAt(ctx context.Context, token string) (*Receiver, error) {
	var found *webhookRow
	err := s.store.Read(ctx, func(r store.Reader) (err error) {
		found, err = scanWebhook(r.QueryRow(ctx, selectWebhook+`WHERE address = $1`, webhookAddress(token)))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, pipeline.Errorf(pipeline.WebhookNotFound, "There is no webhook at this address")
	}
	if err != nil {
		return nil, err
	}
	return &Receiver{id: found.id, Webhook: found.definition}, nil
}

// webhookAddress is what a token is looked up by.
func webhookAddress(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// WebhookTarget is what the filters of a webhook may name. The kind of the error is pipeline.PipelineNotFound or
// pipeline.Validation when what the webhook was made for is no longer there.
func (s *Service) WebhookTarget(ctx context.Context, w *Receiver) (webhook.Target, error) {
	var target webhook.Target
	err := s.store.Read(ctx, func(r store.Reader) (err error) {
		target, err = s.webhookTarget(ctx, r, w.Webhook)
		return err
	})
	return target, err
}

// Delivery is one request that has passed a webhook's authentication and filters.
type Delivery struct {
	// ID names the delivery, if its sender names deliveries: one that was seen before starts nothing.
	ID string
	// SignedBody is the body whose signature proved the sender, if one did. Nothing signs the ID, so whoever overheard a
	// delivery could send it again under another or none; hence a body that came with an ID is not accepted again.
	SignedBody []byte
}

// marks are what a delivery is recognised by.
func (d Delivery) marks() []string {
	var marks []string
	if d.ID != "" {
		marks = append(marks, "id "+webhookAddress(d.ID))
	}
	if d.SignedBody != nil {
		marks = append(marks, "body "+webhookAddress(string(d.SignedBody)))
	}
	return marks
}

// DeliverWebhook asks for one execution of the webhook's pipeline. It is durable when it returns. started is false for a
// delivery that was seen before. The kind of the error is pipeline.WebhookNotFound when the webhook was deleted
// meanwhile, pipeline.PipelineNotFound when its pipeline was.
func (s *Service) DeliverWebhook(ctx context.Context, w *Receiver, d Delivery) (started bool, err error) {
	err = s.store.InTx(ctx, func(tx store.Tx) error {
		id, _, err := s.identify(ctx, tx, w.TargetPipeline)
		if err != nil {
			return err
		}
		if started, err = remember(ctx, tx, w.id, d); err != nil || !started {
			return err
		}
		if err := s.triggered(ctx, tx, w); err != nil {
			return err
		}
		return s.requestChange(ctx, tx, watchingPipeline{id: id, name: w.TargetPipeline}, SourceChange{Provider: providerWebhook, Resource: s.webhookARN(w.Name)})
	})
	return started, err
}

// triggered notes that a webhook works, unless it was deleted. The time is kept to the second, so that a storm of
// deliveries does not meet in its row.
func (s *Service) triggered(ctx context.Context, tx store.Tx, w *Receiver) error {
	now := s.at(tx).Truncate(time.Second)
	n, err := tx.Exec(ctx, `UPDATE webhooks SET last_triggered = $2, error_code = '', error_message = ''
		WHERE id = $1 AND (last_triggered < $2 OR error_code <> '')`, w.id, store.Micros(now))
	if err != nil || n > 0 {
		return err
	}
	var there bool
	err = tx.QueryRow(ctx, `SELECT COUNT(*) > 0 FROM webhooks WHERE id = $1`, w.id).Scan(&there)
	if err == nil && !there {
		return pipeline.Errorf(pipeline.WebhookNotFound, "There is no webhook at this address")
	}
	return err
}

// remember notes a delivery that has an id and tells whether it is new. One without is compared only.
func remember(ctx context.Context, tx store.Tx, webhookID int64, d Delivery) (fresh bool, err error) {
	for _, mark := range d.marks() {
		var n int64
		if d.ID == "" {
			err = tx.QueryRow(ctx, `SELECT 1 - COUNT(*) FROM webhook_deliveries WHERE webhook_id = $1 AND mark = $2`, webhookID, mark).Scan(&n)
		} else {
			n, err = tx.Exec(ctx, `INSERT INTO webhook_deliveries (webhook_id, mark, at) VALUES ($1, $2, $3)
				ON CONFLICT (webhook_id, mark) DO NOTHING`, webhookID, mark, store.Micros(tx.Now()))
		}
		if err != nil || n == 0 {
			return false, err
		}
	}
	return true, nil
}

// WebhookFailed notes for the owner of a webhook why a request was refused. code is the HTTP status it was answered
// with.
func (s *Service) WebhookFailed(ctx context.Context, w *Receiver, code, message string) error {
	return s.store.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE webhooks SET error_code = $2, error_message = $3
			WHERE id = $1 AND (error_code <> $2 OR error_message <> $3)`, w.id, code, message)
		return err
	})
}

// deliveryRetention is how long deliveries are remembered: GitHub offers to repeat one for three days.
const deliveryRetention = 7 * 24 * time.Hour

func (s *Service) pruneDeliveries(ctx context.Context, now time.Time) error {
	err := s.sweep(ctx, `DELETE FROM webhook_deliveries WHERE (webhook_id, mark) IN
		(SELECT webhook_id, mark FROM webhook_deliveries WHERE at < $1 ORDER BY at LIMIT $2)`, store.Micros(now.Add(-deliveryRetention)))
	if err != nil {
		return err
	}
	return s.sweep(ctx, `DELETE FROM webhook_deliveries WHERE (webhook_id, mark) IN
		(SELECT webhook_id, mark FROM
			(SELECT webhook_id, mark, ROW_NUMBER() OVER (PARTITION BY webhook_id ORDER BY at DESC) AS n FROM webhook_deliveries) AS d
		WHERE n > $1 LIMIT $2)`, s.deliveries)
}
