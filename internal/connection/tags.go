package connection

import (
	"context"

	"github.com/conveyor-cd/conveyor/internal/store"
)

func connectionTags(id string) string { return "connection/" + id }
func hostTags(id string) string       { return "host/" + id }

// exists reports ErrNotFound for the end of an ARN, connection/ID or host/ID, that nothing has.
func exists(ctx context.Context, r store.Reader, resource string) error {
	var n int
	err := r.QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM connections WHERE 'connection/' || id = $1)
		+ (SELECT COUNT(*) FROM connection_hosts WHERE 'host/' || id = $1)`, resource).Scan(&n)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// Tag changes the tags of the end of an ARN. check sees the tags that are there before anything is changed. ErrNotFound.
func (s *Store) Tag(ctx context.Context, resource string, add map[string]string, remove []string, check func(have map[string]string) error) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		if err := exists(ctx, tx, resource); err != nil {
			return err
		}
		have, err := readTags(ctx, tx, resource)
		if err != nil {
			return err
		}
		if check != nil {
			if err := check(have); err != nil {
				return err
			}
		}
		for _, key := range remove {
			if _, err := tx.Exec(ctx, `DELETE FROM connection_tags WHERE resource = $1 AND name = $2`, resource, key); err != nil {
				return err
			}
		}
		return setTags(ctx, tx, resource, add)
	})
}

// Tags reads the tags of the end of an ARN. ErrNotFound.
func (s *Store) Tags(ctx context.Context, resource string) (map[string]string, error) {
	err := s.db.Read(ctx, func(r store.Reader) error { return exists(ctx, r, resource) })
	if err != nil {
		return nil, err
	}
	return s.tags(ctx, resource)
}

func (s *Store) tags(ctx context.Context, resource string) (tags map[string]string, err error) {
	err = s.db.Read(ctx, func(r store.Reader) error {
		tags, err = readTags(ctx, r, resource)
		return err
	})
	return tags, err
}

func readTags(ctx context.Context, r store.Reader, resource string) (map[string]string, error) {
	return store.Pairs(ctx, r, `SELECT name, value FROM connection_tags WHERE resource = $1`, resource)
}

func setTags(ctx context.Context, tx store.Tx, resource string, tags map[string]string) error {
	for key, value := range tags {
		_, err := tx.Exec(ctx, `INSERT INTO connection_tags (resource, name, value) VALUES ($1, $2, $3)
			ON CONFLICT (resource, name) DO UPDATE SET value = excluded.value`, resource, key, value)
		if err != nil {
			return err
		}
	}
	return nil
}

func dropTags(ctx context.Context, tx store.Tx, resource string) error {
	_, err := tx.Exec(ctx, `DELETE FROM connection_tags WHERE resource = $1`, resource)
	return err
}
