package topic

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
)

const selectTopic = `SELECT id, name, attributes, tags, created FROM topics `

func (s *Store) scanTopic(row interface{ Scan(...any) error }) (Topic, error) {
	var t Topic
	var attributes, tags string
	var created int64
	err := row.Scan(&t.id, &t.Name, &attributes, &tags, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return t, ErrNoTopic
	}
	if err != nil {
		return t, err
	}
	if err := errors.Join(json.Unmarshal([]byte(attributes), &t.Attributes), json.Unmarshal([]byte(tags), &t.Tags)); err != nil {
		return t, fmt.Errorf("the topic %s is unreadable: %w", t.Name, err)
	}
	t.Arn, t.Created = s.ARN(t.Name), store.FromMicros(created)
	return t, nil
}

// find reads a topic by its ARN, or reports ErrNoTopic.
func (s *Store) find(ctx context.Context, r store.Reader, arn string) (Topic, error) {
	name, err := s.nameOf(arn)
	if err != nil {
		return Topic{}, err
	}
	return s.scanTopic(r.QueryRow(ctx, selectTopic+`WHERE name = $1`, name))
}

// hold is find for a transaction that changes what belongs to the topic: others that do wait for it, or run again.
func (s *Store) hold(ctx context.Context, tx store.Tx, arn string) (Topic, error) {
	t, err := s.find(ctx, tx, arn)
	if err != nil {
		return t, err
	}
	n, err := tx.Exec(ctx, `UPDATE topics SET name = name WHERE id = $1`, t.id)
	if err == nil && n == 0 {
		err = ErrNoTopic
	}
	return t, err
}

// Exists reports whether there is a topic, inside a transaction or a snapshot: nil, ErrNoTopic, or an Invalid ARN.
func (s *Store) Exists(ctx context.Context, r store.Reader, arn string) error {
	_, err := s.find(ctx, r, arn)
	return err
}

// Create makes a topic. One that exists is returned as it is, unless it was asked for with other attributes or tags.
func (s *Store) Create(ctx context.Context, name string, attributes, tags map[string]string) (Topic, error) {
	if problem := nameProblem(name); problem != "" {
		return Topic{}, invalid("Topic Name: %s", problem)
	}
	attributes, err := checkTopicAttributes(attributes)
	if err != nil {
		return Topic{}, err
	}
	if err := checkTags(nil, tags); err != nil {
		return Topic{}, err
	}
	var t Topic
	err = s.db.InTx(ctx, func(tx store.Tx) error {
		var err error
		t, err = s.find(ctx, tx, s.ARN(name))
		if errors.Is(err, ErrNoTopic) {
			t, err = s.insert(ctx, tx, name, attributes, tags)
		} else if err == nil {
			err = sameTopic(t, attributes, tags)
		}
		return err
	})
	return t, err
}

func sameTopic(t Topic, attributes, tags map[string]string) error {
	for name, value := range attributes {
		if had, ok := t.Attributes[name]; value != had && (ok || value != topicDefaults[name]) {
			return invalid("Attributes Reason: Topic already exists with different attributes")
		}
	}
	if len(tags) > 0 && !maps.Equal(tags, t.Tags) {
		return invalid("Tags Reason: Topic already exists with different tags")
	}
	return nil
}

func (s *Store) insert(ctx context.Context, tx store.Tx, name string, attributes, tags map[string]string) (Topic, error) {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM topics`).Scan(&n); err != nil {
		return Topic{}, err
	}
	if n >= s.o.MaxTopics {
		return Topic{}, fmt.Errorf("%w: %d", ErrTopicLimit, n)
	}
	// There is a conflict only with one that appeared meanwhile: the transaction then runs again and finds it.
	return s.scanTopic(tx.QueryRow(ctx, `INSERT INTO topics (name, attributes, tags, created) VALUES ($1, $2, $3, $4)
		ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id, name, attributes, tags, created`,
		name, text(attributes), text(tags), store.Micros(tx.Now())))
}

// Get reads a topic.
func (s *Store) Get(ctx context.Context, arn string) (t Topic, err error) {
	err = s.db.Read(ctx, func(r store.Reader) error {
		t, err = s.find(ctx, r, arn)
		return err
	})
	return t, err
}

// Counts are how many subscriptions of a topic there are.
type Counts struct{ Confirmed, Pending, Deleted int }

// Count counts a topic's subscriptions.
func (s *Store) Count(ctx context.Context, t Topic) (c Counts, err error) {
	err = s.db.Read(ctx, func(r store.Reader) error {
		return r.QueryRow(ctx, `SELECT COALESCE(SUM(CASE WHEN confirmed > 0 AND ended = 0 THEN 1 ELSE 0 END), 0),
			COALESCE(SUM(CASE WHEN confirmed = 0 AND ended = 0 THEN 1 ELSE 0 END), 0),
			COALESCE(SUM(CASE WHEN ended > 0 THEN 1 ELSE 0 END), 0) FROM topic_subscriptions WHERE topic_id = $1`, t.id).
			Scan(&c.Confirmed, &c.Pending, &c.Deleted)
	})
	return c, err
}

// page is how many items a list has at once.
const page = 100

// List lists topics by name, after one, a page at a time.
func (s *Store) List(ctx context.Context, after string) (list []Topic, more bool, err error) {
	err = s.db.Read(ctx, func(r store.Reader) error {
		list = nil
		rows, err := r.Query(ctx, selectTopic+`WHERE name > $1 ORDER BY name LIMIT $2`, after, page+1)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			t, err := s.scanTopic(rows)
			if err != nil {
				return err
			}
			list = append(list, t)
		}
		return rows.Err()
	})
	if len(list) > page {
		return list[:page], true, err
	}
	return list, false, err
}

// Delete deletes a topic with its subscriptions and all that is on its way to them. Deleting none is fine.
func (s *Store) Delete(ctx context.Context, arn string) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		t, err := s.hold(ctx, tx, arn)
		if errors.Is(err, ErrNoTopic) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, statement := range []string{
			`DELETE FROM topic_deliveries WHERE message IN (SELECT id FROM topic_messages WHERE topic_id = $1)`,
			`DELETE FROM topic_messages WHERE topic_id = $1`,
			`DELETE FROM topic_subscriptions WHERE topic_id = $1`,
			`DELETE FROM topics WHERE id = $1`,
		} {
			if _, err := tx.Exec(ctx, statement, t.id); err != nil {
				return err
			}
		}
		return nil
	})
}

// SetAttribute changes one attribute of a topic; an empty value takes it away.
func (s *Store) SetAttribute(ctx context.Context, arn, name, value string) error {
	checked, err := checkTopicAttributes(map[string]string{name: value})
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx store.Tx) error {
		t, err := s.hold(ctx, tx, arn)
		if err != nil {
			return err
		}
		setOrDrop(&t.Attributes, name, checked[name])
		_, err = tx.Exec(ctx, `UPDATE topics SET attributes = $1 WHERE id = $2`, text(t.Attributes), t.id)
		return err
	})
}

// Tag changes a topic's tags.
func (s *Store) Tag(ctx context.Context, arn string, add map[string]string, remove []string) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		t, err := s.hold(ctx, tx, arn)
		if err != nil {
			return err
		}
		if err := checkTags(t.Tags, add); err != nil {
			return err
		}
		for _, key := range remove {
			delete(t.Tags, key)
		}
		for key, value := range add {
			if t.Tags == nil {
				t.Tags = map[string]string{}
			}
			t.Tags[key] = value
		}
		_, err = tx.Exec(ctx, `UPDATE topics SET tags = $1 WHERE id = $2`, text(t.Tags), t.id)
		return err
	})
}

func checkTags(have, add map[string]string) error {
	err := pipeline.CheckTags(have, add)
	if e, ok := errors.AsType[*pipeline.Error](err); ok {
		return invalid("Tags: %s", e.Message)
	}
	return err
}

func setOrDrop(m *map[string]string, name, value string) {
	if value == "" {
		delete(*m, name)
		return
	}
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[name] = value
}

// text is plain data as JSON.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil { // plain data always marshals
		panic(err)
	}
	return string(b)
}
