package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/logstore"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// fullDisk refuses every write once it is full.
type fullDisk struct {
	store.Store
	full bool
}

func (d *fullDisk) InTx(ctx context.Context, f func(store.Tx) error) error {
	if d.full {
		return errors.New("database or disk is full")
	}
	return d.Store.InTx(ctx, f)
}

// A server whose disk is full can be stopped like any other; it says what it could not keep.
func TestAFullDiskDoesNotKeepTheServerFromStopping(t *testing.T) {
	ctx := t.Context()
	db := &fullDisk{Store: sqltest.SQLite(t)}
	logs, err := logstore.New(db, logstore.Options{Delay: time.Hour, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w, err := logs.Writer(ctx, "group", "stream")
	if err != nil {
		t.Fatal(err)
	}
	db.full = true
	if _, err := w.Write([]byte("the last line\n")); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- closeWithin(50*time.Millisecond, logs.Close)() }()
	select {
	case err := <-closed:
		if err == nil || !strings.Contains(err.Error(), "logs") {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it did not end")
	}
}
