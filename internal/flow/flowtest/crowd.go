// Package flowtest makes the state of a busy server out of that of a quiet one, for tests and for a look at the console.
package flowtest

import (
	"context"

	"github.com/conveyor-cd/conveyor/internal/store"
)

const count = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) `

// padded is the number i with leading zeros, for both databases.
const padded = `SUBSTR('00000' || i, LENGTH(CAST(i AS TEXT)) + 1)`

// Pipelines copies a pipeline n times, at most 99,999, with its definition and its newest executions, as NAME-00001 and so on.
func Pipelines(ctx context.Context, st store.Store, model string, n int) error {
	return run(ctx, st,
		statement{count + `INSERT INTO pipelines (name, version, pipeline_type, execution_mode, created, updated, seq, state)
			SELECT name || '-' || ` + padded + `, version, pipeline_type, execution_mode, created, updated, seq, state FROM pipelines, n WHERE name = $2`, []any{n, model}},
		statement{`INSERT INTO pipeline_versions (pipeline_id, version, definition, created, created_by)
			SELECT q.id, v.version, REPLACE(v.definition, '"name":"' || p.name || '"', '"name":"' || q.name || '"'), v.created, v.created_by
			FROM pipelines p JOIN pipeline_versions v ON v.pipeline_id = p.id AND v.version = p.version
			JOIN pipelines q ON q.name LIKE p.name || '-_____' WHERE p.name = $1`, []any{model}},
		statement{`INSERT INTO executions (pipeline_id, number, id, version, status, started, record)
			SELECT q.id, e.number, e.id || '-' || q.id, e.version, e.status, e.started, REPLACE(e.record, e.id, e.id || '-' || q.id)
			FROM pipelines p JOIN executions e ON e.pipeline_id = p.id
			JOIN pipelines q ON q.name LIKE p.name || '-_____' WHERE p.name = $1`, []any{model}},
	)
}

// Executions gives a pipeline n executions more, copies of its newest that are older than it by seconds.
func Executions(ctx context.Context, st store.Store, pipeline string, n int) error {
	const newest = `(SELECT * FROM executions WHERE pipeline_id = (SELECT id FROM pipelines WHERE name = $2) ORDER BY number DESC LIMIT 1) e`
	const newID = `SUBSTR(e.id, 1, 28) || SUBSTR('00000000' || i, LENGTH(CAST(i AS TEXT)) + 1)`
	return run(ctx, st, statement{count + `INSERT INTO executions (pipeline_id, number, id, version, status, started, record)
		SELECT pipeline_id, -i, ` + newID + `, version, status, started - CAST(i AS BIGINT) * 1000000, REPLACE(record, e.id, ` + newID + `)
		FROM ` + newest + `, n`, []any{n, pipeline}})
}

type statement struct {
	text string
	args []any
}

func run(ctx context.Context, st store.Store, list ...statement) error {
	return st.InTx(ctx, func(tx store.Tx) error {
		for _, s := range list {
			if _, err := tx.Exec(ctx, s.text, s.args...); err != nil {
				return err
			}
		}
		return nil
	})
}
