package flow

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// GetExecution reads one execution of a pipeline.
func (s *Service) GetExecution(ctx context.Context, name, executionID string) (engine.ExecutionRecord, error) {
	var record engine.ExecutionRecord
	err := s.store.Read(ctx, func(r store.Reader) error {
		id, _, err := s.identify(ctx, r, name)
		if err != nil {
			return err
		}
		var text string
		err = r.QueryRow(ctx, `SELECT record FROM executions WHERE id = $1 AND pipeline_id = $2`, executionID, id).Scan(&text)
		if errors.Is(err, sql.ErrNoRows) {
			return noExecution(name, executionID)
		}
		if err != nil {
			return err
		}
		return json.Unmarshal([]byte(text), &record)
	})
	return record, err
}

func noExecution(name, executionID string) error {
	return pipeline.Errorf(pipeline.ExecutionNotFound, "The pipeline '%s' has no execution with the id '%s'", name, executionID)
}

// identify finds a pipeline without reading its state.
func (s *Service) identify(ctx context.Context, r store.Reader, name string) (id int64, version int, err error) {
	err = r.QueryRow(ctx, `SELECT id, version FROM pipelines WHERE name = $1`, name).Scan(&id, &version)
	if errors.Is(err, sql.ErrNoRows) {
		err = pipeline.Errorf(pipeline.PipelineNotFound, "Account '%s' does not have a pipeline with name '%s'", s.account, name)
	}
	return id, version, err
}

// readInOrder is Read for lists that go page by page along an index.
//
// PostgreSQL believes its statistics: when they say that a pipeline has a handful of rows, as after a bulk load or a
// mass deletion, it prefers to read them all and sort them, which takes half a second once there are 300,000. Without
// sorting it goes along the index, whatever the statistics say.
func (s *Service) readInOrder(ctx context.Context, f func(store.Reader) error) error {
	return s.store.Read(ctx, func(r store.Reader) error {
		if s.store.Dialect() == store.Postgres {
			var off string
			if err := r.QueryRow(ctx, `SELECT set_config('enable_sort', 'off', true)`).Scan(&off); err != nil {
				return err
			}
		}
		return f(r)
	})
}

// afterExecution is the position in a list of executions.
type afterExecution struct{ Number int64 }

// ListExecutions lists a pipeline's executions, newest first. With succeededIn only those of the current version that
// succeeded in that stage: what a rollback can go back to.
func (s *Service) ListExecutions(ctx context.Context, name, succeededIn string, page Page) ([]engine.ExecutionRecord, string, error) {
	list := "executions " + name + " " + succeededIn
	after := afterExecution{Number: 1<<63 - 1}
	if err := page.resume(list, &after); err != nil {
		return nil, "", err
	}
	limit := page.limit(100)
	var found []engine.ExecutionRecord
	err := s.readInOrder(ctx, func(r store.Reader) error {
		id, version, err := s.identify(ctx, r, name)
		if err != nil {
			return err
		}
		query, args := `SELECT record FROM executions WHERE pipeline_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3`,
			[]any{id, after.Number, limit + 1}
		if succeededIn != "" {
			query, args = `
				SELECT (SELECT record FROM executions e WHERE e.pipeline_id = s.pipeline_id AND e.number = s.number)
				FROM stage_executions s
				WHERE s.pipeline_id = $1 AND s.stage = $4 AND s.status = 'Succeeded'
				  AND (s.version, s.number) < ($5, $2) AND s.version >= $5
				ORDER BY s.version DESC, s.number DESC LIMIT $3`, append(args, succeededIn, version)
		}
		found, err = readRecords[engine.ExecutionRecord](ctx, r, query, args...)
		return err
	})
	if err != nil || len(found) <= limit {
		return found, "", err
	}
	found = found[:limit]
	after.Number = found[limit-1].Number
	return found, token(list, after), nil
}

func readRecords[T any](ctx context.Context, r store.Reader, query string, args ...any) ([]T, error) {
	rows, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var records []T
	for rows.Next() {
		var text sql.RawBytes
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		var record T
		if err := json.Unmarshal(text, &record); err != nil {
			return nil, fmt.Errorf("a record of history is unreadable: %w", err)
		}
		records = append(records, record)
	}
	return records, rows.Err()
}

// ActionDetail is one action execution in history. The configuration is masked.
type ActionDetail struct {
	ExecutionID   string
	Version       int
	Stage         string
	Declaration   pipeline.Action
	Action        engine.ActionExecution
	Configuration map[string]string // resolved
	Variables     map[string]string
}

// RuleDetail is one rule execution in history.
type RuleDetail struct {
	ExecutionID   string
	Version       int
	Stage         string
	Condition     engine.ConditionType
	Declaration   pipeline.Rule
	Rule          engine.RuleExecution
	Configuration map[string]string // resolved
}

// ActionFilter chooses action or rule executions.
type ActionFilter struct {
	ExecutionID string // only those of this execution
	LatestOnly  bool   // and of those only the last attempt of each action or rule
}

type afterAction struct {
	Started int64
	ID      string
}

// pastWork is a table of history that is listed newest first, and how its rows are read.
type pastWork[T any] struct {
	table, columns string
	same           string // whether rows a and b are attempts of the same thing
	scan           func(*sql.Rows) (T, error)
	mask           func(*T, pipeline.Catalog)
	position       func(*T) (started time.Time, id string)
}

var pastActions = pastWork[ActionDetail]{
	table: "action_executions", columns: "execution_id, version, stage, declaration, record, configuration, variables",
	same:     "b.stage = a.stage AND b.action = a.action",
	scan:     scanAction,
	mask:     (*ActionDetail).mask,
	position: func(d *ActionDetail) (time.Time, string) { return d.Action.Started, d.Action.ID },
}

var pastRules = pastWork[RuleDetail]{
	table: "rule_executions", columns: "execution_id, version, stage, slot, declaration, record, configuration",
	same:     "b.stage = a.stage AND b.slot = a.slot AND b.rule = a.rule",
	scan:     scanRule,
	mask:     (*RuleDetail).mask,
	position: func(d *RuleDetail) (time.Time, string) { return d.Rule.Started, d.Rule.ID },
}

// ListActionExecutions lists action executions, newest first.
func (s *Service) ListActionExecutions(ctx context.Context, name string, filter ActionFilter, page Page) ([]ActionDetail, string, error) {
	return listWork(ctx, s, &pastActions, name, filter, page)
}

// ListRuleExecutions lists rule executions, newest first.
func (s *Service) ListRuleExecutions(ctx context.Context, name string, filter ActionFilter, page Page) ([]RuleDetail, string, error) {
	return listWork(ctx, s, &pastRules, name, filter, page)
}

func listWork[T any](ctx context.Context, s *Service, past *pastWork[T], name string, filter ActionFilter, page Page) ([]T, string, error) {
	list := fmt.Sprint(past.table, " ", name, " ", filter)
	after := afterAction{Started: 1<<63 - 1}
	if err := page.resume(list, &after); err != nil {
		return nil, "", err
	}
	limit := page.limit(100)
	var found []T
	err := s.readInOrder(ctx, func(r store.Reader) error {
		id, _, err := s.identify(ctx, r, name)
		if err != nil {
			return err
		}
		query := `SELECT ` + past.columns + ` FROM ` + past.table + ` a WHERE pipeline_id = $1 AND (started, id) < ($2, $3)`
		args := []any{id, after.Started, after.ID, limit + 1}
		if filter.ExecutionID != "" {
			number, err := s.executionNumber(ctx, r, id, name, filter.ExecutionID)
			if err != nil {
				return err
			}
			query += ` AND number = $5`
			args = append(args, number)
		}
		if filter.LatestOnly {
			query += ` AND NOT EXISTS (SELECT 1 FROM ` + past.table + ` b` + s.byNumber(past.table) + `
				WHERE b.pipeline_id = a.pipeline_id AND b.number = a.number AND ` + past.same + ` AND b.attempt > a.attempt)`
		}
		found, err = readWork(ctx, s, r, past, query+` ORDER BY started DESC, id DESC LIMIT $4`, args...)
		return err
	})
	if err != nil || len(found) <= limit {
		return found, "", err
	}
	found = found[:limit]
	started, id := past.position(&found[limit-1])
	return found, token(list, afterAction{Started: store.Micros(started), ID: id}), nil
}

func readWork[T any](ctx context.Context, s *Service, r store.Reader, past *pastWork[T], query string, args ...any) ([]T, error) {
	rows, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		one, err := past.scan(rows)
		if err != nil {
			return nil, fmt.Errorf("a record of history is unreadable: %w", err)
		}
		list = append(list, one)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	rows.Close() // the catalog reads, too
	types := s.pastCatalog(ctx, r)
	for i := range list {
		past.mask(&list[i], types.facts)
	}
	return list, types.err
}

// byNumber keeps SQLite, when it was told that a table has few rows, from reading them all.
func (s *Service) byNumber(table string) string {
	if s.store.Dialect() == store.SQLite {
		return ` INDEXED BY ` + table + `_number`
	}
	return ""
}

func (s *Service) executionNumber(ctx context.Context, r store.Reader, pipelineID int64, name, executionID string) (int64, error) {
	var number int64
	err := r.QueryRow(ctx, `SELECT number FROM executions WHERE id = $1 AND pipeline_id = $2`, executionID, pipelineID).Scan(&number)
	if errors.Is(err, sql.ErrNoRows) {
		err = noExecution(name, executionID)
	}
	return number, err
}

func scanAction(rows *sql.Rows) (ActionDetail, error) {
	var a ActionDetail
	var declaration, record string
	var configuration, variables sql.NullString
	if err := rows.Scan(&a.ExecutionID, &a.Version, &a.Stage, &declaration, &record, &configuration, &variables); err != nil {
		return a, err
	}
	if err := errors.Join(
		json.Unmarshal([]byte(declaration), &a.Declaration), json.Unmarshal([]byte(record), &a.Action),
		decodeOptional(configuration, &a.Configuration), decodeOptional(variables, &a.Variables),
	); err != nil {
		return a, err
	}
	if a.Configuration == nil {
		a.Configuration = a.Declaration.Configuration
	}
	return a, nil
}

func (a *ActionDetail) mask(types pipeline.Catalog) {
	id := a.Declaration.ActionTypeID
	a.Configuration = pipeline.MaskConfiguration(id, a.Configuration, types)
	a.Declaration.Configuration = pipeline.MaskConfiguration(id, a.Declaration.Configuration, types)
}

// mask has nothing to do: no rule has secrets.
func (*RuleDetail) mask(pipeline.Catalog) {}

func scanRule(rows *sql.Rows) (RuleDetail, error) {
	var r RuleDetail
	var declaration, record string
	var configuration sql.NullString
	if err := rows.Scan(&r.ExecutionID, &r.Version, &r.Stage, &r.Condition, &declaration, &record, &configuration); err != nil {
		return r, err
	}
	err := errors.Join(
		json.Unmarshal([]byte(declaration), &r.Declaration), json.Unmarshal([]byte(record), &r.Rule),
		decodeOptional(configuration, &r.Configuration),
	)
	if r.Configuration == nil {
		r.Configuration = r.Declaration.Configuration
	}
	return r, err
}

// CheckActionExecution refuses an action execution that does not exist; a pipeline's name may narrow the search.
func (s *Service) CheckActionExecution(ctx context.Context, name, actionExecutionID string) error {
	return s.store.Read(ctx, func(r store.Reader) error {
		query, args := `SELECT COUNT(*) FROM action_executions WHERE id = $1`, []any{actionExecutionID}
		if name != "" {
			id, _, err := s.identify(ctx, r, name)
			if err != nil {
				return err
			}
			query, args = query+` AND pipeline_id = $2`, append(args, id)
		}
		var n int
		if err := r.QueryRow(ctx, query, args...).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			return pipeline.Errorf(pipeline.ActionExecutionNotFound, "There is no action execution with the id '%s'", actionExecutionID)
		}
		return nil
	})
}

func decodeOptional(text sql.NullString, v any) error {
	if !text.Valid {
		return nil
	}
	return json.Unmarshal([]byte(text.String), v)
}
