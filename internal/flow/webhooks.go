package flow

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/webhook"
)

// WebhookPath is what the paths of webhooks begin with. What follows cannot be guessed.
const WebhookPath = "/conveyor/webhooks/"

// Webhook is a stored webhook as its owner sees it: its secret is masked.
type Webhook struct {
	pipeline.Webhook
	ARN           string
	URL           string
	Tags          map[string]string
	LastTriggered time.Time // zero: never
	ErrorCode     string    // of the newest request that failed since, or ""
	ErrorMessage  string
}

// webhookRow is a webhook as stored, with its secret.
type webhookRow struct {
	id            int64
	definition    pipeline.Webhook
	token         string
	lastTriggered int64
	errorCode     string
	errorMessage  string
}

const selectWebhook = `SELECT id, definition, token, last_triggered, error_code, error_message FROM webhooks `

func scanWebhook(row interface{ Scan(...any) error }) (*webhookRow, error) {
	w := new(webhookRow)
	var text string
	if err := row.Scan(&w.id, &text, &w.token, &w.lastTriggered, &w.errorCode, &w.errorMessage); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(text), &w.definition); err != nil {
		return nil, fmt.Errorf("webhook %d is unreadable: %w", w.id, err)
	}
	return w, nil
}

// webhookNamed reads a webhook; nil when there is none of that name.
func webhookNamed(ctx context.Context, r store.Reader, name string) (*webhookRow, error) {
	w, err := scanWebhook(r.QueryRow(ctx, selectWebhook+`WHERE name = $1`, name))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return w, err
}

// showWebhook is a stored webhook with its tags, without its secret.
func (s *Service) showWebhook(ctx context.Context, r store.Reader, w *webhookRow) (Webhook, error) {
	tags, err := readTags(ctx, r, webhookTags(w.id))
	return Webhook{
		Webhook: w.definition.Masked(), ARN: s.webhookARN(w.definition.Name), URL: s.publicURL + WebhookPath + w.token, Tags: tags,
		LastTriggered: store.FromMicros(w.lastTriggered), ErrorCode: w.errorCode, ErrorMessage: w.errorMessage,
	}, err
}

const webhookResource = "webhook:"

func (s *Service) webhookARN(name string) string { return s.ARN(webhookResource + name) }

// PutWebhook stores a webhook. One of that name is replaced and keeps its URL, its tags beside those given, and, when w
// carries the mask, its secret.
func (s *Service) PutWebhook(ctx context.Context, w pipeline.Webhook, tags map[string]string) (Webhook, error) {
	if w.Filters == nil {
		w.Filters = []pipeline.WebhookFilter{}
	}
	token := rand.Text()
	var put Webhook
	err := s.store.InTx(ctx, func(tx store.Tx) error {
		old, err := webhookNamed(ctx, tx, w.Name)
		if err != nil {
			return err
		}
		given, have := w, map[string]string{}
		if old != nil {
			given = w.RestoreSecret(old.definition)
			if have, err = readTags(ctx, tx, webhookTags(old.id)); err != nil {
				return err
			}
		}
		target, err := s.webhookTarget(ctx, tx, given)
		if err != nil {
			return err
		}
		if err := webhook.Check(given, target); err != nil {
			return err
		}
		if err := pipeline.CheckTags(have, tags); err != nil {
			return err
		}
		stored, err := s.saveWebhook(ctx, tx, old, given, token)
		if err != nil {
			return err
		}
		if err := setTags(ctx, tx, webhookTags(stored.id), tags); err != nil {
			return err
		}
		put, err = s.showWebhook(ctx, tx, stored)
		return err
	})
	return put, err
}

func (s *Service) saveWebhook(ctx context.Context, tx store.Tx, old *webhookRow, w pipeline.Webhook, token string) (*webhookRow, error) {
	if old == nil {
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM webhooks`).Scan(&n); err != nil {
			return nil, err
		}
		if n >= s.webhooks {
			return nil, pipeline.Errorf(pipeline.LimitExceeded, "Account '%s' already has %d webhooks, and can have no more. Delete one first", s.account, n)
		}
	}
	// What went wrong before says nothing about the webhook as it is now.
	return scanWebhook(tx.QueryRow(ctx, `
		INSERT INTO webhooks (name, definition, token, address, last_triggered, error_code, error_message)
		VALUES ($1, $2, $3, $4, 0, '', '')
		ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, error_code = '', error_message = ''
		RETURNING id, definition, token, last_triggered, error_code, error_message`,
		w.Name, mustJSON(w), token, webhookAddress(token)))
}

// webhookTarget finds the source action a webhook belongs to. (No variables stand in the configuration of one.)
func (s *Service) webhookTarget(ctx context.Context, r store.Reader, w pipeline.Webhook) (webhook.Target, error) {
	none := webhook.Target{}
	id, version, err := s.identify(ctx, r, w.TargetPipeline)
	if err != nil {
		return none, err
	}
	d, err := s.definition(ctx, r, id, version)
	if err != nil {
		return none, err
	}
	a := sourceAction(d, w.TargetAction)
	if a == nil {
		return none, pipeline.Errorf(pipeline.Validation, "The target action '%s' of webhook '%s' is not a source action of pipeline '%s'. "+
			"Name one of its source actions", w.TargetAction, w.Name, d.Name)
	}
	t := webhook.Target{Configuration: a.Configuration, Secret: map[string]bool{}}
	t.GitHub = a.ActionTypeID.Owner == "ThirdParty" && a.ActionTypeID.Provider == "GitHub"
	types := s.pastCatalog(ctx, r)
	facts, _ := types.facts(a.ActionTypeID)
	for _, p := range facts.Properties {
		t.Secret[p.Name] = p.Secret
	}
	return t, types.err
}

func sourceAction(d *pipeline.Definition, name string) *pipeline.Action {
	for i := range d.Stages {
		if a := d.Stages[i].Action(name); a != nil && a.IsSource() {
			return a
		}
	}
	return nil
}

// ListWebhooks lists the webhooks by name.
func (s *Service) ListWebhooks(ctx context.Context, page Page) ([]Webhook, string, error) {
	after := struct{ Name string }{}
	if err := page.resume("webhooks", &after); err != nil {
		return nil, "", err
	}
	limit := page.limit(100)
	var list []Webhook
	err := s.store.Read(ctx, func(r store.Reader) error {
		rows, err := webhooksAfter(ctx, r, after.Name, limit+1)
		if err != nil {
			return err
		}
		for _, row := range rows {
			w, err := s.showWebhook(ctx, r, row)
			if err != nil {
				return err
			}
			list = append(list, w)
		}
		return nil
	})
	if err != nil || len(list) <= limit {
		return list, "", err
	}
	list = list[:limit]
	after.Name = list[limit-1].Name
	return list, token("webhooks", after), nil
}

func webhooksAfter(ctx context.Context, r store.Reader, name string, limit int) ([]*webhookRow, error) {
	rows, err := r.Query(ctx, selectWebhook+`WHERE name > $1 ORDER BY name LIMIT $2`, name, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []*webhookRow
	for rows.Next() {
		w, err := scanWebhook(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	return list, rows.Err()
}

// DeleteWebhook removes a webhook, and its URL with it. Deleting one that does not exist is fine.
func (s *Service) DeleteWebhook(ctx context.Context, name string) error {
	return s.store.InTx(ctx, func(tx store.Tx) error {
		w, err := webhookNamed(ctx, tx, name)
		if err != nil || w == nil {
			return err
		}
		// What is known of its deliveries is swept with age: ids are never used again.
		if _, err := tx.Exec(ctx, `DELETE FROM webhook_tags WHERE webhook_id = $1`, w.id); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM webhooks WHERE id = $1`, w.id)
		return err
	})
}

// ThirdParty connects webhooks with the service their events come from.
type ThirdParty interface {
	// RegisterHook makes the service that a source action of the provider GitHub (version 1) names post its pushes to a URL,
	// signed with a secret; with remove it stops that.
	RegisterHook(ctx context.Context, configuration map[string]string, url, secret string, remove bool) error
}

// RegisterThirdParty connects a webhook with GitHub, with the token of its target action, or, with remove, disconnects it.
// What GitHub refuses is the webhook's error from then on.
func (s *Service) RegisterThirdParty(ctx context.Context, name string, remove bool) error {
	var w *webhookRow
	var target webhook.Target
	err := s.store.Read(ctx, func(r store.Reader) (err error) {
		if w, err = webhookNamed(ctx, r, name); err != nil {
			return err
		}
		if w == nil {
			return pipeline.Errorf(pipeline.WebhookNotFound, "Account '%s' does not have a webhook with name '%s'", s.account, name)
		}
		target, err = s.webhookTarget(ctx, r, w.definition)
		return err
	})
	if err != nil {
		return err
	}
	secret := w.definition.AuthenticationConfiguration.SecretToken
	if !target.GitHub || s.thirdParty == nil {
		return pipeline.Errorf(pipeline.Validation, "Webhook '%s' cannot be registered with a third party or be removed from one: its target, action "+
			"'%s' of pipeline '%s', is no source action of GitHub (version 1). Enter the webhook's URL and secret at the sender yourself, or "+
			"remove them there", name, w.definition.TargetAction, w.definition.TargetPipeline)
	}
	if secret == "" {
		return pipeline.Errorf(pipeline.Validation, "Webhook '%s' cannot be registered with GitHub: it has no secret to sign with. Put it with the "+
			"authentication %s", name, pipeline.WebhookHMAC)
	}
	if err := s.thirdParty.RegisterHook(ctx, target.Configuration, s.publicURL+WebhookPath+w.token, secret, remove); err != nil {
		s.log.Warn("GitHub did not take a webhook", "webhook", name, "error", err)
		return s.WebhookFailed(ctx, &Receiver{id: w.id, Webhook: w.definition}, "GitHub", err.Error())
	}
	return nil
}
