package logstore

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// GroupQuery chooses log groups, in the order of their names.
type GroupQuery struct {
	Prefix   string
	Contains string // names that contain this
	After    string // only names after this one
	Limit    int
}

// Groups lists log groups.
func (s *Store) Groups(ctx context.Context, q GroupQuery) ([]Group, error) {
	var groups []Group
	err := s.db.Read(ctx, func(r store.Reader) error {
		groups = nil
		names, err := groupNames(ctx, r, q)
		if err != nil {
			return err
		}
		for _, name := range names {
			g, err := groupByName(ctx, r, name)
			if err != nil {
				return err
			}
			err = r.QueryRow(ctx, `SELECT COALESCE(SUM(bytes), 0) FROM log_streams WHERE group_id = $1`, g.id).Scan(&g.Bytes)
			if err != nil {
				return err
			}
			groups = append(groups, g.Group)
		}
		return nil
	})
	return groups, err
}

func groupNames(ctx context.Context, r store.Reader, q GroupQuery) ([]string, error) {
	rows, err := r.Query(ctx, `SELECT name FROM log_groups WHERE name > $1 AND substr(name, 1, length($2)) = $2 ORDER BY name`, q.After, q.Prefix)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names []string
	for rows.Next() && len(names) < q.Limit {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		if strings.Contains(name, q.Contains) {
			names = append(names, name)
		}
	}
	return names, rows.Err()
}

// StreamQuery chooses streams of a group.
type StreamQuery struct {
	Prefix     string
	ByTime     bool // in the order of last event times; otherwise of names
	Descending bool
	Offset     int
	Limit      int
}

// Streams lists a group's streams, or reports ErrNoGroup.
func (s *Store) Streams(ctx context.Context, group string, q StreamQuery) ([]Stream, error) {
	var streams []Stream
	err := s.db.Read(ctx, func(r store.Reader) error {
		streams = nil
		g, err := groupByName(ctx, r, group)
		if err != nil {
			return err
		}
		rows, err := r.Query(ctx, `SELECT `+streamColumns+` FROM log_streams s WHERE s.group_id = $1 AND substr(s.name, 1, length($2)) = $2
			ORDER BY `+q.order(), g.id, q.Prefix)
		if err != nil {
			return err
		}
		defer rows.Close()
		for skip := q.Offset; rows.Next() && len(streams) < q.Limit; {
			st, err := scanStream(rows.Scan, group)
			if err != nil {
				return err
			}
			if skip--; skip < 0 {
				streams = append(streams, st)
			}
		}
		return rows.Err()
	})
	for i := range streams {
		s.addUnsaved(&streams[i])
	}
	return streams, err
}

func (q StreamQuery) order() string {
	direction := "ASC"
	if q.Descending {
		direction = "DESC"
	}
	if q.ByTime {
		return "s.last_ms " + direction + ", s.name " + direction
	}
	return "s.name " + direction
}

// SetRetention keeps a group's events for so many days; 0 keeps them for ever. Sweep carries it out.
func (s *Store) SetRetention(ctx context.Context, group string, days int) error {
	return s.changeGroup(ctx, group, `UPDATE log_groups SET retention_days = $1 WHERE name = $2`, days, group)
}

func (s *Store) changeGroup(ctx context.Context, group, query string, args ...any) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, query, args...)
		if err == nil && n == 0 {
			err = fmt.Errorf("%w: %s", ErrNoGroup, group)
		}
		return err
	})
}

// Tag sets and removes tags of a group.
func (s *Store) Tag(ctx context.Context, group string, set map[string]string, remove []string) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		g, err := groupByName(ctx, tx, group)
		if err != nil {
			return err
		}
		maps.Copy(g.Tags, set)
		for _, key := range remove {
			delete(g.Tags, key)
		}
		text, err := encodeTags(g.Tags)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE log_groups SET tags = $1 WHERE id = $2`, text, g.id)
		return err
	})
}

// DeleteStream deletes a stream at once; its events' space is freed by Sweep. Writers of the stream fail from then on.
func (s *Store) DeleteStream(ctx context.Context, group, stream string) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		st, err := streamByName(ctx, tx, group, stream)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO log_garbage (stream_id) VALUES ($1)`, st.id); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM log_streams WHERE id = $1`, st.id)
		return err
	})
}

// DeleteGroup deletes a group with its streams, as DeleteStream does.
func (s *Store) DeleteGroup(ctx context.Context, group string) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		g, err := groupByName(ctx, tx, group)
		if err != nil {
			return err
		}
		for _, query := range []string{
			`INSERT INTO log_garbage (stream_id) SELECT id FROM log_streams WHERE group_id = $1`,
			`DELETE FROM log_streams WHERE group_id = $1`,
			`DELETE FROM log_groups WHERE id = $1`,
		} {
			if _, err := tx.Exec(ctx, query, g.id); err != nil {
				return err
			}
		}
		return nil
	})
}

// sweepBatch is how many chunks one transaction of Sweep deletes: the database has one writer, and others wait for it.
const sweepBatch = 100

// Sweep deletes expired events and what is left of deleted streams. Call it now and then (hourly); running it on several
// servers at once does no harm. Events expire chunk by chunk, so some live a little longer than the retention says.
func (s *Store) Sweep(ctx context.Context) error {
	if err := s.sweepGarbage(ctx); err != nil {
		return fmt.Errorf("sweep deleted logs: %w", err)
	}
	if err := s.sweepExpired(ctx); err != nil {
		return fmt.Errorf("sweep expired logs: %w", err)
	}
	return nil
}

func (s *Store) sweepGarbage(ctx context.Context) error {
	ids, err := s.ids(ctx, `SELECT stream_id FROM log_garbage`)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.deleteChunks(ctx, id, `SELECT first_seq FROM log_chunks WHERE stream_id = $1`, id); err != nil {
			return err
		}
		err := s.db.InTx(ctx, func(tx store.Tx) error {
			_, err := tx.Exec(ctx, `DELETE FROM log_garbage WHERE stream_id = $1`, id)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) sweepExpired(ctx context.Context) error {
	const day = 24 * time.Hour
	days, err := s.ids(ctx, `SELECT DISTINCT retention_days FROM log_groups WHERE retention_days > 0`)
	if err != nil {
		return err
	}
	for _, n := range days {
		before := s.now().Add(-time.Duration(n) * day).UnixMilli()
		ids, err := s.ids(ctx, `SELECT s.id FROM log_streams s JOIN log_groups g ON g.id = s.group_id
			WHERE g.retention_days = $1 AND s.events > 0 AND s.first_ms < $2`, n, before)
		if err != nil {
			return err
		}
		for _, id := range ids {
			err := s.deleteChunks(ctx, id, `SELECT first_seq FROM log_chunks WHERE stream_id = $1 AND key_ms < $2`, id, before)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) ids(ctx context.Context, query string, args ...any) ([]int64, error) {
	var ids []int64
	err := s.db.Read(ctx, func(r store.Reader) error {
		ids = nil
		rows, err := r.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id int64
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return rows.Err()
	})
	return ids, err
}

// deleteChunks deletes the chunks that the query selects, a batch at a time, and keeps the stream's numbers right.
func (s *Store) deleteChunks(ctx context.Context, id int64, query string, args ...any) error {
	for {
		deleted := int64(0)
		err := s.db.InTx(ctx, func(tx store.Tx) error {
			var err error
			deleted, err = tx.Exec(ctx, `DELETE FROM log_chunks WHERE stream_id = $1 AND first_seq IN (`+query+
				fmt.Sprintf(` ORDER BY first_seq LIMIT %d)`, sweepBatch), args...)
			if err != nil || deleted == 0 {
				return err
			}
			_, err = tx.Exec(ctx, `UPDATE log_streams SET
				events = (SELECT COALESCE(SUM(events), 0) FROM log_chunks WHERE stream_id = $1),
				bytes = (SELECT COALESCE(SUM(bytes), 0) FROM log_chunks WHERE stream_id = $1),
				first_ms = (SELECT COALESCE(MIN(min_ms), 0) FROM log_chunks WHERE stream_id = $1) WHERE id = $1`, id)
			return err
		})
		if err != nil || deleted < sweepBatch {
			return err
		}
	}
}
