package alarm

import (
	"context"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Tag changes an alarm's tags, or reports ErrNotFound. check sees the tags that are there before anything is changed.
func (s *Store) Tag(ctx context.Context, name string, add map[string]string, remove []string, check func(have map[string]string) error) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		if _, err := s.Find(ctx, tx, name); err != nil { // of two that add tags, the second counts those of the first
			return err
		}
		id, _, err := find(ctx, tx, name)
		if err != nil {
			return err
		}
		if check != nil {
			have, err := readTags(ctx, tx, id)
			if err != nil {
				return err
			}
			if err := check(have); err != nil {
				return err
			}
		}
		for _, key := range remove {
			if _, err := tx.Exec(ctx, `DELETE FROM alarm_tags WHERE alarm_id = $1 AND name = $2`, id, key); err != nil {
				return err
			}
		}
		return setTags(ctx, tx, id, add)
	})
}

// Tags reads an alarm's tags, or reports ErrNotFound.
func (s *Store) Tags(ctx context.Context, name string) (map[string]string, error) {
	var tags map[string]string
	err := s.db.Read(ctx, func(r store.Reader) error {
		id, _, err := find(ctx, r, name)
		if err != nil {
			return err
		}
		tags, err = readTags(ctx, r, id)
		return err
	})
	return tags, err
}

func setTags(ctx context.Context, tx store.Tx, id int64, tags map[string]string) error {
	for key, value := range tags {
		_, err := tx.Exec(ctx, `INSERT INTO alarm_tags (alarm_id, name, value) VALUES ($1, $2, $3)
			ON CONFLICT (alarm_id, name) DO UPDATE SET value = excluded.value`, id, key, value)
		if err != nil {
			return err
		}
	}
	return nil
}

func readTags(ctx context.Context, r store.Reader, id int64) (map[string]string, error) {
	return store.Pairs(ctx, r, `SELECT name, value FROM alarm_tags WHERE alarm_id = $1`, id)
}
