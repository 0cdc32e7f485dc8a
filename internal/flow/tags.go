package flow

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Tags reads the tags of the pipeline with this ARN.
func (s *Service) Tags(ctx context.Context, arn string) (map[string]string, error) {
	var tags map[string]string
	err := s.store.Read(ctx, func(r store.Reader) error {
		id, err := s.resource(ctx, r, arn)
		if err != nil {
			return err
		}
		tags, err = readTags(ctx, r, id)
		return err
	})
	return tags, err
}

// Tag adds tags to the pipeline with this ARN, or replaces their values.
func (s *Service) Tag(ctx context.Context, arn string, tags map[string]string) error {
	return s.store.InTx(ctx, func(tx store.Tx) error {
		id, err := s.resource(ctx, tx, arn)
		if err != nil {
			return err
		}
		have, err := readTags(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := pipeline.CheckTags(have, tags); err != nil {
			return err
		}
		return setTags(ctx, tx, id, tags)
	})
}

// Untag removes tags; those that are not there do not matter.
func (s *Service) Untag(ctx context.Context, arn string, names []string) error {
	return s.store.InTx(ctx, func(tx store.Tx) error {
		id, err := s.resource(ctx, tx, arn)
		if err != nil {
			return err
		}
		for _, n := range names {
			if _, err := tx.Exec(ctx, `DELETE FROM pipeline_tags WHERE pipeline_id = $1 AND name = $2`, id, n); err != nil {
				return err
			}
		}
		return nil
	})
}

// resource finds the pipeline an ARN names.
func (s *Service) resource(ctx context.Context, r store.Reader, arn string) (int64, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "codepipeline" || parts[5] == "" {
		return 0, pipeline.Errorf(pipeline.InvalidArn, "'%s' is not the ARN of a resource of CodePipeline", arn)
	}
	missing := pipeline.Errorf(pipeline.ResourceNotFound, "There is no resource with the ARN '%s'", arn)
	if parts[3] != s.region || parts[4] != s.account {
		return 0, missing
	}
	var id int64
	err := r.QueryRow(ctx, `SELECT id FROM pipelines WHERE name = $1`, parts[5]).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, missing
	}
	return id, err
}

func readTags(ctx context.Context, r store.Reader, pipelineID int64) (map[string]string, error) {
	rows, err := r.Query(ctx, `SELECT name, value FROM pipeline_tags WHERE pipeline_id = $1`, pipelineID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	tags := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		tags[name] = value
	}
	return tags, rows.Err()
}

func setTags(ctx context.Context, tx store.Tx, pipelineID int64, tags map[string]string) error {
	for name, value := range tags {
		if _, err := tx.Exec(ctx, `
			INSERT INTO pipeline_tags (pipeline_id, name, value) VALUES ($1, $2, $3)
			ON CONFLICT (pipeline_id, name) DO UPDATE SET value = excluded.value`, pipelineID, name, value); err != nil {
			return err
		}
	}
	return nil
}
