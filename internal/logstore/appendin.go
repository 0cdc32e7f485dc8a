package logstore

import (
	"context"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// AppendLines adds the lines of a text to a stream as a part of tx: they are there if and only if what tx does besides is. The
// stream and its group are made if need be. Writers that have the stream open go on after these lines.
func (s *Store) AppendLines(ctx context.Context, tx store.Tx, group, stream string, text []byte) error {
	if len(text) == 0 {
		return nil
	}
	if _, err := s.makeGroup(ctx, tx, group, "{}"); err != nil {
		return err
	}
	if _, err := s.makeStream(ctx, tx, group, stream); err != nil {
		return err
	}
	st, err := streamByName(ctx, tx, group, stream)
	if err != nil {
		return err
	}
	b := &batch{a: &appender{id: st.id}, writer: uuid.NewString()}
	var next, key int64
	// The stream is claimed first, which locks its row and fences off whoever else writes it.
	err = tx.QueryRow(ctx, `UPDATE log_streams SET writer = $1 WHERE id = $2 RETURNING next_seq, key_ms`, b.writer, st.id).Scan(&next, &key)
	if err != nil {
		return err
	}
	now := s.now().UnixMilli()
	for len(text) > 0 {
		c := newChunk(next, key)
		text = c.addLines(max(now, key), now, text)
		c.packed = s.codec.pack(c.raw)
		b.chunks = append(b.chunks, *c)
		next, key, b.events, b.bytes = next+c.events, c.key, b.events+c.events, b.bytes+c.bytes
	}
	b.nextSeq = next
	tx.AfterCommit(func() { s.wake(streamName{group, stream}) })
	return b.save(ctx, tx)
}
