package parameter

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Label moves labels to a version of a parameter, 0 being the newest, and returns the version's number. A label is on one
// version at most.
func (s *Store) Label(ctx context.Context, name string, number int64, labels []string) (int64, error) {
	err := s.eachVersion(ctx, name, &number, func(version int64, have []string) ([]string, error) {
		have = slices.DeleteFunc(have, func(l string) bool { return slices.Contains(labels, l) })
		if version == number {
			have = append(have, labels...)
		}
		if len(have) > MaxLabels {
			return nil, ErrLabels
		}
		return have, nil
	})
	return number, err
}

// Unlabel takes labels from a version and returns those it had.
func (s *Store) Unlabel(ctx context.Context, name string, number int64, labels []string) (removed []string, err error) {
	err = s.eachVersion(ctx, name, &number, func(version int64, have []string) ([]string, error) {
		if version != number {
			return have, nil
		}
		removed = nil
		return slices.DeleteFunc(have, func(l string) bool {
			taken := slices.Contains(labels, l)
			if taken {
				removed = append(removed, l)
			}
			return taken
		}), nil
	})
	return removed, err
}

// eachVersion gives every version of a parameter the labels that f answers. *number must be one of them; 0 becomes the
// newest.
func (s *Store) eachVersion(ctx context.Context, name string, number *int64, f func(version int64, have []string) ([]string, error)) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		var newest int64
		err := tx.QueryRow(ctx, `UPDATE parameters SET version = version WHERE name = $1 RETURNING version`, name).Scan(&newest)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if *number == 0 {
			*number = newest
		}
		before, err := labels(ctx, tx, name)
		if err != nil {
			return err
		}
		if _, ok := before[*number]; !ok {
			return ErrNoVersion
		}
		for version, have := range before {
			if err := setLabels(ctx, tx, name, version, have, f); err != nil {
				return err
			}
		}
		return nil
	})
}

func setLabels(ctx context.Context, tx store.Tx, name string, version int64, have []string, f func(int64, []string) ([]string, error)) error {
	after, err := f(version, slices.Clone(have))
	if err != nil || slices.Equal(have, after) {
		return err
	}
	text, err := json.Marshal(append([]string{}, after...))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE parameter_versions SET labels = $3 WHERE name = $1 AND version = $2`, name, version, string(text))
	return err
}

func labels(ctx context.Context, tx store.Tx, name string) (map[int64][]string, error) {
	rows, err := tx.Query(ctx, `SELECT version, labels FROM parameter_versions WHERE name = $1`, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[int64][]string{}
	for rows.Next() {
		var version int64
		var text string
		var list []string
		if err := rows.Scan(&version, &text); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			return nil, err
		}
		out[version] = list
	}
	return out, rows.Err()
}
