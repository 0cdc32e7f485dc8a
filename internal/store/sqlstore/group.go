package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// group is one transaction of the database in which calls of InTx that come at the same time run one after another.
// What makes changes durable, a sync of the disk, is then done once for all of them. Each is a savepoint: one that fails
// takes back what it did and nothing else. None returns before the group has been committed, since what it read, also
// to refuse something, may come from one before it.
//
// All fields but done and err belong to whoever has the turn.
type group struct {
	conn   *sql.Conn
	until  time.Time     // when it should end
	runs   int           // calls that have run in it
	closed bool          // it was committed or undone
	done   chan struct{} // closed after err was set
	err    error         // why all of it was undone
}

// A group ends when nobody waits, and at the latest after this many calls or, if the store is not told otherwise, this
// much time.
const (
	longestGroup = 64
	oldestGroup  = 4 * time.Millisecond
)

func (s *lite) beginGroup(ctx context.Context) (*group, error) {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		discard(conn) // which may have begun just when ctx ended
		_ = conn.Close()
		return nil, fmt.Errorf("begin a transaction: %w", err)
	}
	return &group{conn: conn, until: time.Now().Add(s.oldest), done: make(chan struct{})}, nil
}

// run runs f as the group's next member. What it did is in the group when run returns nil, and is not when it returns
// an error, when f panics or when f calls runtime.Goexit.
func (g *group) run(ctx context.Context, t *tx, f func(store.Tx) error) (err error) {
	first, kept := g.runs == 0, false
	g.runs++
	defer func() {
		t.closeResults()
		if kept {
			return
		}
		if first {
			g.undo(nil)
		} else if undone := g.exec(ctx, "ROLLBACK TO member"); undone != nil {
			// SQLite undoes the whole transaction after some errors, that of a full disk among them.
			g.undo(errors.Join(undone, t.failed))
		}
	}()
	if err := ctx.Err(); err != nil {
		return err
	}
	if !first { // a transaction alone is spared the savepoint
		if err := g.exec(ctx, "SAVEPOINT member"); err != nil {
			return err
		}
	}
	if err := t.outcome(ctx, t.run(ctx, f)); err != nil {
		return err
	}
	if !first {
		if err := g.exec(ctx, "RELEASE member"); err != nil {
			return err
		}
	}
	kept = true
	return nil
}

func (g *group) exec(ctx context.Context, statement string) error {
	_, err := g.conn.ExecContext(context.WithoutCancel(ctx), statement)
	return err
}

// full tells whether the group should be committed even though others wait.
func (g *group) full() bool {
	return g.closed || g.runs >= longestGroup || !time.Now().Before(g.until)
}

// commit makes what is in the group durable, unless it was undone.
func (g *group) commit(ctx context.Context) {
	if g.closed {
		return
	}
	if err := g.exec(ctx, "COMMIT"); err != nil {
		g.undo(fmt.Errorf("commit: %w", err))
		return
	}
	g.close(nil)
}

// undo takes back all of the group. Its members fail with err.
func (g *group) undo(err error) {
	if g.closed {
		return
	}
	if failed := g.exec(context.Background(), sqlRollback); failed != nil && !noTransaction(failed) {
		discard(g.conn)
	}
	g.close(err)
}

func (g *group) close(err error) {
	_ = g.conn.Close()
	g.closed, g.err = true, err
	close(g.done)
}
