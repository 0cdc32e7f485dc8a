package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/config"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// serviceFile holds the id of the service whose bodies and repositories lie in a data directory. Its database has the
// same id.
const serviceFile = "service"

// together makes sure that database and data directory belong to each other. A second server that was given the database
// but a directory of its own would acknowledge what the first one cannot read. A database that is a file in the directory
// needs no check.
func together(ctx context.Context, c config.Config, db store.Store) error {
	if _, ok := c.SQLite(); ok {
		return nil
	}
	inDatabase, err := serviceOf(ctx, db)
	if err != nil {
		return err
	}
	path := filepath.Join(c.Data, serviceFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && inDatabase == "" {
		text, err = makeServiceFile(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("find out which service the data directory belongs to: %w", err)
	}
	inDirectory := strings.TrimSpace(string(text))
	if inDatabase == "" {
		if inDatabase, err = claimDatabase(ctx, db, inDirectory); err != nil {
			return err
		}
	}
	if inDirectory != inDatabase {
		return fmt.Errorf("the database belongs with another data directory than %s: all servers on one PostgreSQL database share one "+
			"data directory (give this server that directory with --data, or a database of its own; the directory you look for has the "+
			"text %s in its file %s)", c.Data, inDatabase, serviceFile)
	}
	return nil
}

func serviceOf(ctx context.Context, db store.Store) (id string, err error) {
	err = db.Read(ctx, func(r store.Reader) error {
		ids, err := store.Strings(ctx, r, `SELECT id FROM service`)
		if len(ids) > 0 {
			id = ids[0]
		}
		return err
	})
	return id, err
}

// claimDatabase gives a new database the id of its directory. Of two servers that do so at once one wins.
func claimDatabase(ctx context.Context, db store.Store, id string) (string, error) {
	err := db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO service (one, id) VALUES (1, $1) ON CONFLICT (one) DO NOTHING`, id)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("note which data directory belongs to the database: %w", err)
	}
	return serviceOf(ctx, db)
}

// makeServiceFile makes the file, whole and durable, unless another server was faster, and returns its text.
func makeServiceFile(path string) ([]byte, error) {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+serviceFile+"-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(temp.Name()) }() // the link keeps what counts
	_, err = temp.WriteString(uuid.NewString() + "\n")
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(temp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path)
}
