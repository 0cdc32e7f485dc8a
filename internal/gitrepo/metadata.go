package gitrepo

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/conveyor-cd/conveyor/internal/store"
)

const columns = `id, name, description, default_branch, kms_key, tags, created_at, modified_at, pushed_at`

// scan reads a row of columns.
func (s *Store) scan(row interface{ Scan(...any) error }) (Repository, error) {
	var r Repository
	var tags string
	var created, modified, pushed int64
	if err := row.Scan(&r.ID, &r.Name, &r.Description, &r.DefaultBranch, &r.KMSKey, &tags, &created, &modified, &pushed); err != nil {
		return Repository{}, err
	}
	if err := json.Unmarshal([]byte(tags), &r.Tags); err != nil {
		return Repository{}, fmt.Errorf("tags of repository %s: %w", r.Name, err)
	}
	r.Arn = s.Arn(r.Name)
	r.Created, r.Modified, r.Pushed = store.FromMicros(created), store.FromMicros(modified), store.FromMicros(pushed)
	return r, nil
}

// insert adds the row of a new repository. ErrRepositoryExists.
func (s *Store) insert(ctx context.Context, r Repository) error {
	tags, err := tagsJSON(r.Tags)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, `INSERT INTO repositories (id, name, description, kms_key, tags, created_at, modified_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name) DO NOTHING`,
			r.ID, r.Name, r.Description, r.KMSKey, tags, store.Micros(r.Created), store.Micros(r.Modified))
		if err == nil && n == 0 {
			err = fmt.Errorf("repository %s: %w", r.Name, ErrRepositoryExists)
		}
		return err
	})
}

func tagsJSON(tags map[string]string) (string, error) {
	if tags == nil {
		tags = map[string]string{}
	}
	b, err := json.Marshal(tags)
	return string(b), err
}

// List returns up to limit repositories whose names follow after, by name.
func (s *Store) List(ctx context.Context, after string, limit int) ([]Repository, error) {
	return s.list(ctx, `SELECT `+columns+` FROM repositories WHERE name > $1 ORDER BY name LIMIT $2`, after, limit)
}

func (s *Store) list(ctx context.Context, query string, args ...any) ([]Repository, error) {
	var all []Repository
	err := s.db.Read(ctx, func(q store.Reader) error {
		all = nil
		rows, err := q.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			r, err := s.scan(rows)
			if err != nil {
				return err
			}
			all = append(all, r)
		}
		return rows.Err()
	})
	return all, err
}

// Update changes what change changes: Name, Description, KMSKey and Tags; the rest stays. change may be called more than
// once. ErrNoRepository, ErrBadName, ErrRepositoryExists.
func (s *Store) Update(ctx context.Context, name string, change func(*Repository) error) (Repository, error) {
	var r Repository
	err := s.db.InTx(ctx, func(tx store.Tx) error {
		var err error
		if r, err = s.lock(ctx, tx, name); err != nil {
			return err
		}
		r.Tags = maps.Clone(r.Tags)
		if err := change(&r); err != nil {
			return err
		}
		if err := s.rename(ctx, tx, name, r.Name); err != nil {
			return err
		}
		tags, err := tagsJSON(r.Tags)
		if err != nil {
			return err
		}
		r.Modified, r.Arn = tx.Now(), s.Arn(r.Name)
		_, err = tx.Exec(ctx, `UPDATE repositories SET name = $2, description = $3, kms_key = $4, tags = $5, modified_at = $6 WHERE id = $1`,
			r.ID, r.Name, r.Description, r.KMSKey, tags, store.Micros(r.Modified))
		return err
	})
	return r, err
}

// rename checks that a repository may be called what it is about to be called.
func (s *Store) rename(ctx context.Context, tx store.Tx, from, to string) error {
	if from == to {
		return nil
	}
	if err := ValidName(to); err != nil {
		return err
	}
	var taken int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM repositories WHERE name = $1`, to).Scan(&taken); err != nil {
		return err
	}
	if taken > 0 {
		return fmt.Errorf("repository %s: %w", to, ErrRepositoryExists)
	}
	return nil
}

// lock reads a repository in a transaction and keeps others from changing it until the end.
func (s *Store) lock(ctx context.Context, tx store.Tx, name string) (Repository, error) {
	r, err := s.scan(tx.QueryRow(ctx, `UPDATE repositories SET name = name WHERE name = $1 RETURNING `+columns, name))
	if errors.Is(err, sql.ErrNoRows) {
		return Repository{}, fmt.Errorf("repository %s: %w", name, ErrNoRepository)
	}
	return r, err
}
