package flow

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// tagged is a resource that has tags: the table that holds them, and what they belong to there.
type tagged struct {
	table, owner string
	id           int64
}

func pipelineTags(id int64) tagged { return tagged{"pipeline_tags", "pipeline_id", id} }
func webhookTags(id int64) tagged  { return tagged{"webhook_tags", "webhook_id", id} }
func customTags(id int64) tagged   { return tagged{"custom_action_type_tags", "type_id", id} }

// Tags reads the tags of the resource with this ARN: a pipeline, a webhook or a custom action type.
func (s *Service) Tags(ctx context.Context, arn string) (map[string]string, error) {
	var tags map[string]string
	err := s.store.Read(ctx, func(r store.Reader) error {
		t, err := s.resource(ctx, r, arn)
		if err != nil {
			return err
		}
		tags, err = readTags(ctx, r, t)
		return err
	})
	return tags, err
}

// Tag adds tags to the resource with this ARN, or replaces their values.
func (s *Service) Tag(ctx context.Context, arn string, tags map[string]string) error {
	return s.store.InTx(ctx, func(tx store.Tx) error {
		t, err := s.resource(ctx, tx, arn)
		if err != nil {
			return err
		}
		have, err := readTags(ctx, tx, t)
		if err != nil {
			return err
		}
		if err := pipeline.CheckTags(have, tags); err != nil {
			return err
		}
		return setTags(ctx, tx, t, tags)
	})
}

// Untag removes tags; those that are not there do not matter.
func (s *Service) Untag(ctx context.Context, arn string, names []string) error {
	return s.store.InTx(ctx, func(tx store.Tx) error {
		t, err := s.resource(ctx, tx, arn)
		if err != nil {
			return err
		}
		for _, n := range names {
			if _, err := tx.Exec(ctx, `DELETE FROM `+t.table+` WHERE `+t.owner+` = $1 AND name = $2`, t.id, n); err != nil {
				return err
			}
		}
		return nil
	})
}

// resource finds what an ARN names.
func (s *Service) resource(ctx context.Context, r store.Reader, arn string) (tagged, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "codepipeline" || parts[5] == "" {
		return tagged{}, pipeline.Errorf(pipeline.InvalidArn, "'%s' is not the ARN of a resource of CodePipeline", arn)
	}
	missing := pipeline.Errorf(pipeline.ResourceNotFound, "There is no resource with the ARN '%s'", arn)
	if parts[3] != s.region || parts[4] != s.account {
		return tagged{}, missing
	}
	name, tags, query := parts[5], pipelineTags, `SELECT id FROM pipelines WHERE name = $1`
	if webhook, ok := strings.CutPrefix(name, webhookResource); ok { // no pipeline's name has a colon
		name, tags, query = webhook, webhookTags, `SELECT id FROM webhooks WHERE name = $1`
	}
	if custom, ok := strings.CutPrefix(name, customResource); ok {
		t, err := customTypeNamed(ctx, r, custom)
		switch {
		case err != nil:
			return tagged{}, err
		case t == nil || t.deleted:
			return tagged{}, missing
		}
		return customTags(t.row), nil
	}
	var id int64
	err := r.QueryRow(ctx, query, name).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return tagged{}, missing
	}
	return tags(id), err
}

func readTags(ctx context.Context, r store.Reader, t tagged) (map[string]string, error) {
	return store.Pairs(ctx, r, `SELECT name, value FROM `+t.table+` WHERE `+t.owner+` = $1`, t.id)
}

func setTags(ctx context.Context, tx store.Tx, t tagged, tags map[string]string) error {
	for name, value := range tags {
		if _, err := tx.Exec(ctx, `
			INSERT INTO `+t.table+` (`+t.owner+`, name, value) VALUES ($1, $2, $3)
			ON CONFLICT (`+t.owner+`, name) DO UPDATE SET value = excluded.value`, t.id, name, value); err != nil {
			return err
		}
	}
	return nil
}
