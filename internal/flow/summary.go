package flow

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Summary is a pipeline and its newest executions: what a list of pipelines shows of each.
type Summary struct {
	Name    string                   `json:"name"`
	Version int                      `json:"version"`
	Type    string                   `json:"pipelineType"`
	Mode    string                   `json:"executionMode"`
	Created int64                    `json:"created"` // microseconds
	Updated int64                    `json:"updated"`
	Recent  []engine.ExecutionRecord `json:"recent"` // newest first
}

// Summaries lists at most limit pipelines whose names come after one, each with its newest executions, in one query.
func (s *Service) Summaries(ctx context.Context, after string, limit, recent int) ([]Summary, error) {
	list := []Summary{}
	err := s.store.Read(ctx, func(r store.Reader) error {
		rows, err := r.Query(ctx, `
			SELECT p.name, p.version, p.pipeline_type, p.execution_mode, p.created, p.updated, e.record
			FROM (SELECT * FROM pipelines WHERE name > $1 ORDER BY name LIMIT $2) p
			LEFT JOIN executions e ON e.pipeline_id = p.id AND e.number >= COALESCE((
				SELECT n.number FROM executions n WHERE n.pipeline_id = p.id ORDER BY n.number DESC LIMIT 1 OFFSET $3), 0)
			ORDER BY p.name, e.number DESC`, after, limit, recent-1)
		if err != nil {
			return err
		}
		defer rows.Close()
		list, err = scanSummaries(rows)
		return err
	})
	return list, err
}

func scanSummaries(rows *sql.Rows) ([]Summary, error) {
	list := []Summary{}
	for rows.Next() {
		one := Summary{Recent: []engine.ExecutionRecord{}}
		var record sql.NullString
		if err := rows.Scan(&one.Name, &one.Version, &one.Type, &one.Mode, &one.Created, &one.Updated, &record); err != nil {
			return nil, err
		}
		if len(list) == 0 || list[len(list)-1].Name != one.Name {
			list = append(list, one)
		}
		if !record.Valid {
			continue
		}
		var e engine.ExecutionRecord
		if err := json.Unmarshal([]byte(record.String), &e); err != nil {
			return nil, err
		}
		e.Variables = nil // whoever lists pipelines need not see them
		last := &list[len(list)-1]
		last.Recent = append(last.Recent, e)
	}
	return list, rows.Err()
}
