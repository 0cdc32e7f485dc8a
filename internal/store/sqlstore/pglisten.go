package sqlstore

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// pgListener receives PostgreSQL's notifications on one connection of its own, made when the first listener comes and
// made again whenever it is lost.
type pgListener struct {
	local  // who listens
	config *pgx.ConnConfig
	schema string
	log    *slog.Logger

	start   sync.Once
	done    chan struct{} // closed when the connection's goroutine has ended
	changed chan struct{} // there are new channels
	ctx     context.Context
	cancel  context.CancelFunc
}

func newPGListener(config *pgx.ConnConfig, schema string, log *slog.Logger) *pgListener {
	ctx, cancel := context.WithCancel(context.Background())
	return &pgListener{
		config: config, schema: schema, log: log, ctx: ctx, cancel: cancel,
		done: make(chan struct{}), changed: make(chan struct{}, 1),
	}
}

// wireName is the name of a channel in PostgreSQL, whose channels belong to the database and not to the schema. It is
// short enough for an identifier whatever the channel's own name.
func (l *pgListener) wireName(channel string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(l.schema + "/" + channel))
	return fmt.Sprintf("conveyor_%016x", h.Sum64())
}

// Listen implements store.Store.
func (l *pgListener) Listen(ctx context.Context, channel string, wake func()) {
	l.local.Listen(ctx, channel, wake)
	l.start.Do(func() { go l.run() })
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// Notify implements store.Store.
func (l *pgListener) Notify(ctx context.Context, tx store.Tx, channel string) error {
	_, err := tx.Exec(ctx, "SELECT pg_notify($1, '')", l.wireName(channel))
	return err
}

func (l *pgListener) stop() {
	l.cancel()
	l.start.Do(func() { close(l.done) })
	<-l.done
}

func (l *pgListener) run() {
	defer close(l.done)
	pause := 50 * time.Millisecond
	for l.ctx.Err() == nil {
		began := time.Now()
		err := l.session()
		if l.ctx.Err() != nil {
			return
		}
		l.log.Warn("lost the connection that listens for the database's notifications; connecting again", "error", err)
		if time.Since(began) > time.Minute {
			pause = 50 * time.Millisecond
		}
		select {
		case <-time.After(pause):
		case <-l.ctx.Done():
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// session listens until the connection is lost.
func (l *pgListener) session() error {
	conn, err := pgx.ConnectConfig(l.ctx, l.config)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	names := map[string]string{} // wire name to channel
	for {
		if err := l.listenNew(conn, names); err != nil {
			return err
		}
		wire, err := l.wait(conn)
		if err != nil {
			return err
		}
		if wire != "" {
			l.wake(names[wire])
		}
	}
}

// listenNew listens to the channels that were added, and wakes their listeners once: what was sent before is missed.
func (l *pgListener) listenNew(conn *pgx.Conn, names map[string]string) error {
	for _, channel := range l.channels() {
		wire := l.wireName(channel)
		if _, ok := names[wire]; ok {
			continue
		}
		if _, err := conn.Exec(l.ctx, "LISTEN "+pgx.Identifier{wire}.Sanitize()); err != nil {
			return err
		}
		names[wire] = channel
		l.wake(channel)
	}
	return nil
}

// wait returns the wire name of the next notification, or "" when channels were added. Once a minute it makes sure
// that the connection is alive.
func (l *pgListener) wait(conn *pgx.Conn) (string, error) {
	ctx, cancel := context.WithTimeout(l.ctx, time.Minute)
	defer cancel()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-l.changed:
			cancel()
		case <-ctx.Done():
		}
	}()
	n, err := conn.WaitForNotification(ctx)
	cancel()
	<-watched
	switch {
	case err == nil:
		return n.Channel, nil
	case l.ctx.Err() != nil:
		return "", l.ctx.Err()
	case ctx.Err() != nil && !conn.IsClosed():
		return "", conn.Ping(l.ctx)
	default:
		return "", err
	}
}
