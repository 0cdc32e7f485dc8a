package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/config"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
)

func TestOneServerForEachSQLiteDatabase(t *testing.T) {
	mine, other := t.TempDir(), t.TempDir()
	db := filepath.Join(mine, "conveyor.db")
	if err := os.WriteFile(db, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(other, "link.db")
	if err := os.Symlink(db, link); err != nil {
		t.Fatal(err)
	}
	unlock, err := lock(config.Config{Data: mine, Database: "sqlite:" + db})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(config.Config{Data: mine, Database: "sqlite:" + filepath.Join(other, "own.db")}); !errors.Is(err, sqlstore.ErrDirInUse) {
		t.Errorf("the same directory: %v", err)
	}
	for _, path := range []string{db, link, filepath.Join(mine, ".", "conveyor.db")} {
		if _, err := lock(config.Config{Data: other, Database: "sqlite:" + path}); err == nil || !strings.Contains(err.Error(), "another server") {
			t.Errorf("the same database as %s: %v", path, err)
		}
	}
	if _, err := lock(config.Config{Data: mine, Database: "postgres://db/conveyor"}); !errors.Is(err, sqlstore.ErrDirInUse) {
		t.Errorf("the same directory with PostgreSQL: %v", err)
	}
	// What was refused has left nothing locked behind.
	free, err := lock(config.Config{Data: other, Database: "sqlite:" + filepath.Join(other, "own.db")})
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range append(free, unlock...) {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	if _, err := lock(config.Config{Data: other, Database: "sqlite:" + db}); err != nil {
		t.Errorf("after the first server's end: %v", err)
	}
}

func TestServersWithPostgreSQLShareADirectory(t *testing.T) {
	shared := config.Config{Data: t.TempDir(), Database: "postgres://db/conveyor"}
	var ends []func() error
	for range 2 {
		end, err := lock(shared)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end...)
	}
	alone := config.Config{Data: shared.Data, Database: "sqlite:" + filepath.Join(shared.Data, "conveyor.db")}
	if _, err := lock(alone); !errors.Is(err, sqlstore.ErrDirInUse) {
		t.Errorf("with SQLite the directory is not shared: %v", err)
	}
	for _, end := range ends {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	if _, err := lock(alone); err != nil {
		t.Errorf("after the others' end: %v", err)
	}
}
