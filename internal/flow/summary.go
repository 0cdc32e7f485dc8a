package flow

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Head is what a long list of pipelines is searched and sorted by: a name and the newest execution.
type Head struct {
	Name    string
	Status  pipeline.Status // "" when it has never run
	Started int64           // microseconds
	// Sources are the newest source revisions, for a search in them.
	Sources []engine.SourceRevision
}

// Heads lists every pipeline, in the order of names. With sought it lists those whose name, or whose newest execution,
// contains it in whatever case, and reads their revisions. Who asks sees to it that nobody learns by a search what they
// may not read.
func (s *Service) Heads(ctx context.Context, sought string) ([]Head, error) {
	query, args := `SELECT p.name, e.status, e.started, NULL FROM pipelines p `+newestExecution+` ORDER BY p.name`, []any(nil)
	if sought != "" {
		query = `SELECT p.name, e.status, e.started, e.record FROM pipelines p ` + newestExecution +
			` WHERE LOWER(p.name) LIKE $1 ESCAPE '\' OR LOWER(e.record) LIKE $1 ESCAPE '\' ORDER BY p.name`
		args = []any{"%" + likeEscaper.Replace(strings.ToLower(sought)) + "%"}
	}
	var list []Head
	err := s.store.Read(ctx, func(r store.Reader) error {
		rows, err := r.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		list = nil
		for rows.Next() {
			var h Head
			var status, record sql.NullString
			var started sql.NullInt64
			if err := rows.Scan(&h.Name, &status, &started, &record); err != nil {
				return err
			}
			h.Status, h.Started = pipeline.Status(status.String), started.Int64
			if record.Valid {
				var e engine.ExecutionRecord
				if err := json.Unmarshal([]byte(record.String), &e); err != nil {
					return fmt.Errorf("a record of history is unreadable: %w", err)
				}
				h.Sources = e.Revisions
			}
			list = append(list, h)
		}
		return rows.Err()
	})
	return list, err
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

const newestExecution = `LEFT JOIN executions e ON e.pipeline_id = p.id
	AND e.number = (SELECT n.number FROM executions n WHERE n.pipeline_id = p.id ORDER BY n.number DESC LIMIT 1)`

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

// Summaries reads pipelines, each with its newest executions, in one query; names that are no pipeline's are left out.
func (s *Service) Summaries(ctx context.Context, names []string, recent int) (map[string]*Summary, error) {
	found := map[string]*Summary{}
	if len(names) == 0 {
		return found, nil
	}
	args := make([]any, 0, len(names)+1)
	args = append(args, recent-1)
	marks := make([]string, len(names))
	for i, name := range names {
		args = append(args, name)
		marks[i] = fmt.Sprintf("$%d", i+2)
	}
	err := s.store.Read(ctx, func(r store.Reader) error {
		clear(found)
		rows, err := r.Query(ctx, `
			SELECT p.name, p.version, p.pipeline_type, p.execution_mode, p.created, p.updated, e.record
			FROM pipelines p
			LEFT JOIN executions e ON e.pipeline_id = p.id AND e.number >= COALESCE((
				SELECT n.number FROM executions n WHERE n.pipeline_id = p.id ORDER BY n.number DESC LIMIT 1 OFFSET $1),
				(SELECT MIN(n.number) FROM executions n WHERE n.pipeline_id = p.id))
			WHERE p.name IN (`+strings.Join(marks, ", ")+`) ORDER BY p.name, e.number DESC`, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		return scanSummaries(rows, found)
	})
	return found, err
}

func scanSummaries(rows *sql.Rows, found map[string]*Summary) error {
	for rows.Next() {
		one := &Summary{Recent: []engine.ExecutionRecord{}}
		var record sql.NullString
		if err := rows.Scan(&one.Name, &one.Version, &one.Type, &one.Mode, &one.Created, &one.Updated, &record); err != nil {
			return err
		}
		if known := found[one.Name]; known != nil {
			one = known
		}
		found[one.Name] = one
		if !record.Valid {
			continue
		}
		var e engine.ExecutionRecord
		if err := json.Unmarshal([]byte(record.String), &e); err != nil {
			return fmt.Errorf("a record of history is unreadable: %w", err)
		}
		e.Variables = nil // whoever lists pipelines need not see them
		one.Recent = append(one.Recent, e)
	}
	return rows.Err()
}
