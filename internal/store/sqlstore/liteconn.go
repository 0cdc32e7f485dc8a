package sqlstore

import (
	"context"
	"database/sql/driver"
	"fmt"
)

// liteConnector opens SQLite connections that keep their prepared statements: parsing SQL costs more than running most
// of our statements. A statement's rows must be closed before it runs again, which reader sees to.
type liteConnector struct{ driver.Connector }

func (c liteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	full, ok := inner.(innerConn)
	if !ok {
		_ = inner.Close()
		return nil, fmt.Errorf("the SQLite driver's connection (%T) lacks an interface this package needs", inner)
	}
	return &liteConn{innerConn: full, stmts: map[string]innerStmt{}}, nil
}

type innerConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type innerStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// Statements longer than maxCachedText (scripts, long lists of values) are not kept, and when maxCached are kept the
// next one starts the cache anew.
const (
	maxCached     = 500
	maxCachedText = 4000
)

type liteConn struct {
	innerConn
	stmts map[string]innerStmt
}

func (c *liteConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	st, release, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	defer release()
	return st.ExecContext(ctx, args)
}

func (c *liteConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	st, release, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(ctx, args)
	if err != nil {
		release()
		return nil, err
	}
	return &liteRows{Rows: rows, release: release}, nil
}

// statement is the prepared form of query, and what to call when it is no longer in use.
func (c *liteConn) statement(ctx context.Context, query string) (innerStmt, func(), error) {
	if st, ok := c.stmts[query]; ok {
		return st, func() {}, nil
	}
	prepared, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, nil, err
	}
	st, ok := prepared.(innerStmt)
	if !ok {
		_ = prepared.Close()
		return nil, nil, fmt.Errorf("the SQLite driver's statement (%T) lacks an interface this package needs", prepared)
	}
	if len(query) > maxCachedText {
		return st, func() { _ = st.Close() }, nil
	}
	if len(c.stmts) >= maxCached {
		c.forget()
	}
	c.stmts[query] = st
	return st, func() {}, nil
}

func (c *liteConn) forget() {
	for _, st := range c.stmts {
		_ = st.Close()
	}
	clear(c.stmts)
}

func (c *liteConn) Close() error {
	c.forget()
	return c.innerConn.Close()
}

// liteRows closes a statement that is not kept when its rows are closed.
type liteRows struct {
	driver.Rows
	release func()
}

func (r *liteRows) Close() error {
	defer r.release()
	return r.Rows.Close()
}
