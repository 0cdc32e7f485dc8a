package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func exec(t testing.TB, st store.Store, query string, args ...any) {
	t.Helper()
	err := st.InTx(context.Background(), func(tx store.Tx) error {
		_, err := tx.Exec(context.Background(), query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func number(t testing.TB, st store.Store, query string) (n int) {
	t.Helper()
	err := st.Read(context.Background(), func(r store.Reader) error {
		return r.QueryRow(context.Background(), query).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Accounts hold a fixed sum that transactions move about, so a copy that is not of one moment shows.
func TestABackupIsTheStateOfOneMomentWhileWritersGoOn(t *testing.T) {
	ctx := t.Context()
	dsn := sqltest.SQLiteDSN(t)
	st := sqltest.Open(t, dsn, sqlstore.Options{Synchronous: "off"})
	exec(t, st, "CREATE TABLE accounts (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, pad TEXT NOT NULL)")
	exec(t, st, "WITH RECURSIVE i (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 2000) INSERT INTO accounts SELECT i, 100, $1 FROM i",
		strings.Repeat("x", 500))

	stop := make(chan struct{})
	var writers sync.WaitGroup
	moves := 0
	writers.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			err := st.InTx(ctx, func(tx store.Tx) error {
				if _, err := tx.Exec(ctx, "UPDATE accounts SET n = n - 1 WHERE id = $1", 1+i%2000); err != nil {
					return err
				}
				_, err := tx.Exec(ctx, "UPDATE accounts SET n = n + 1 WHERE id = $1", 1+(i*7+13)%2000)
				return err
			})
			if err != nil {
				t.Error(err)
			}
			moves++
		}
	})
	for i := range 5 {
		dest := filepath.Join(t.TempDir(), fmt.Sprintf("backup%d.db", i))
		var err error
		if i%2 == 0 {
			err = sqlstore.Backup(ctx, st, dest)
		} else {
			err = sqlstore.BackupFile(ctx, strings.TrimPrefix(dsn, "sqlite:"), dest)
		}
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(dest); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		restored := sqltest.Open(t, "sqlite:"+dest, sqlstore.Options{})
		if sum := number(t, restored, "SELECT sum(n) FROM accounts"); sum != 200_000 {
			t.Errorf("backup %d holds %d in all", i, sum)
		}
		if bad := number(t, restored, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"); bad != 0 {
			t.Errorf("backup %d is damaged", i)
		}
	}
	close(stop)
	writers.Wait()
	if moves == 0 {
		t.Error("nothing was written meanwhile")
	}
}

func TestABackupNeverReplacesAFile(t *testing.T) {
	st := sqltest.SQLite(t)
	dest := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(dest, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sqlstore.Backup(t.Context(), st, dest); err == nil {
		t.Error("it did")
	}
	if text, _ := os.ReadFile(dest); string(text) != "precious" {
		t.Errorf("it holds %q", text)
	}
	if err := sqlstore.Backup(t.Context(), st, filepath.Join(t.TempDir(), "missing", "b.db")); err == nil {
		t.Error("it was written into a directory that does not exist")
	}
	missing := filepath.Join(t.TempDir(), "missing.db")
	if err := sqlstore.BackupFile(t.Context(), missing, filepath.Join(t.TempDir(), "b.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a database that does not exist: %v", err)
	}
}

func TestTheDatabaseFileIsSecret(t *testing.T) {
	dsn := sqltest.SQLiteDSN(t)
	st := sqltest.Open(t, dsn, sqlstore.Options{})
	exec(t, st, "CREATE TABLE texts (s TEXT)")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(strings.TrimPrefix(dsn, "sqlite:") + suffix)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%q: %v, %v", suffix, info, err)
		}
	}
}

func TestSQLiteIsSetUpToKeepWhatItAcknowledged(t *testing.T) {
	for _, tt := range []struct {
		option string
		want   int
	}{{"", 2}, {"normal", 1}} {
		st := sqltest.Open(t, sqltest.SQLiteDSN(t), sqlstore.Options{Synchronous: tt.option})
		err := st.InTx(t.Context(), func(tx store.Tx) error {
			var synchronous int
			var journal string
			if err := tx.QueryRow(t.Context(), "SELECT synchronous FROM pragma_synchronous").Scan(&synchronous); err != nil {
				return err
			}
			err := tx.QueryRow(t.Context(), "SELECT journal_mode FROM pragma_journal_mode").Scan(&journal)
			if synchronous != tt.want || journal != "wal" {
				t.Errorf("option %q: synchronous %d, journal %s", tt.option, synchronous, journal)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestSQLitesClockIsInjected(t *testing.T) {
	at := time.Date(2031, 5, 6, 7, 8, 9, 123456789, time.FixedZone("KST", 9*3600))
	st := sqltest.Open(t, sqltest.SQLiteDSN(t), sqlstore.Options{Clock: func() time.Time { return at }})
	err := st.InTx(t.Context(), func(tx store.Tx) error {
		if want := time.Date(2031, 5, 5, 22, 8, 9, 123456000, time.UTC); tx.Now() != want {
			t.Errorf("it is %v, want %v", tx.Now(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSQLitePathsMayHoldAnyCharacter(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?c#d%20한국&e=f")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "data.db")
	st := sqltest.Open(t, "sqlite:"+path, sqlstore.Options{})
	exec(t, st, "CREATE TABLE t (a TEXT)")
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestOpenRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, dsn := range []string{"", "mysql://root:s3cret@host/db", "sqlite:", "sqlite::memory:", "postgres://u:s3cret@%zz/db"} {
		_, err := sqlstore.Open(t.Context(), dsn, sqlstore.Options{})
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", dsn, err)
		}
	}
	missing := filepath.Join(t.TempDir(), "missing", "x.db")
	if _, err := sqlstore.Open(t.Context(), "sqlite:"+missing, sqlstore.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestADataDirectoryHasOneServer(t *testing.T) {
	dir := t.TempDir()
	unlock, err := sqlstore.LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = sqlstore.LockDir(dir)
	if !errors.Is(err, sqlstore.ErrDirInUse) || !strings.Contains(err.Error(), fmt.Sprintf("process %d;", os.Getpid())) {
		t.Errorf("the second got %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	unlock, err = sqlstore.LockDir(dir)
	if err != nil {
		t.Fatalf("after the first has gone: %v", err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	if _, err := sqlstore.LockDir(filepath.Join(dir, "missing")); err == nil || errors.Is(err, sqlstore.ErrDirInUse) {
		t.Errorf("a directory that does not exist: %v", err)
	}
}
