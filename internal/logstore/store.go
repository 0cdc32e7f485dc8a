package logstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Errors of Store.
var (
	ErrNoGroup  = errors.New("log group does not exist")
	ErrNoStream = errors.New("log stream does not exist")
	ErrExists   = errors.New("already exists")
	ErrClosed   = errors.New("log store is closed")
)

const (
	// chunkTarget is how large a chunk grows before the next one begins: enough to compress well, small enough to be
	// written anew a few times while it grows slowly.
	chunkTarget = 256 << 10
	// MaxMessage is the longest message of one event, as in CloudWatch Logs; writers split longer lines.
	MaxMessage = 1<<20 - 26
	maxChunk   = chunkTarget + 2*MaxMessage
	// maxUnsaved is how much of one stream may wait for the disk before its writer has to wait too.
	maxUnsaved = 2 << 20
)

// Options tune a Store. The zero value is right for servers.
type Options struct {
	Delay time.Duration    // how long an event may wait in memory before it is written; default 500 ms
	Now   func() time.Time // default time.Now
	Log   *slog.Logger     // default: discard
}

// Store keeps log groups and streams. All methods may be called from many goroutines.
type Store struct {
	db    store.Store
	delay time.Duration
	now   func() time.Time
	log   *slog.Logger
	codec codec

	openMu sync.Mutex // one appender is opened at a time; held during I/O

	mu        sync.Mutex
	appenders map[int64]*appender // by stream id
	dirty     map[int64]*appender
	flushing  bool          // a flusher goroutine runs
	urgent    chan struct{} // tells it not to wait any longer
	idle      chan struct{} // closed when the running flusher has ended
	closed    bool
	watchers  map[streamName]*watcher
}

// New returns a Store over db. Close writes what is still in memory.
func New(db store.Store, o Options) (*Store, error) {
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	s := &Store{
		db: db, delay: o.Delay, now: o.Now, log: o.Log, codec: c,
		appenders: map[int64]*appender{}, dirty: map[int64]*appender{},
		urgent: make(chan struct{}, 1), watchers: map[streamName]*watcher{},
	}
	if s.delay == 0 {
		s.delay = 500 * time.Millisecond
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s, nil
}

// Group describes a log group.
type Group struct {
	Name          string
	Created       time.Time
	RetentionDays int // 0: for ever
	Tags          map[string]string
	Bytes         int64 // of stored messages
}

// Stream describes a log stream. Times in milliseconds are 0 while there is no event.
type Stream struct {
	Group, Name   string
	Created       time.Time
	First, Last   int64 // event times
	LastIngestion int64
	Events, Bytes int64
	id, nextSeq   int64
	keyMs         int64
	writer        string
}

// CreateGroup makes a log group, or reports ErrExists.
func (s *Store) CreateGroup(ctx context.Context, name string, tags map[string]string) error {
	made, err := s.ensureGroup(ctx, name, tags)
	if err == nil && !made {
		return fmt.Errorf("log group %s: %w", name, ErrExists)
	}
	return err
}

// EnsureGroup makes a log group unless it exists.
func (s *Store) EnsureGroup(ctx context.Context, name string) error {
	if _, err := s.GroupByName(ctx, name); !errors.Is(err, ErrNoGroup) {
		return err
	}
	_, err := s.ensureGroup(ctx, name, nil)
	return err
}

func (s *Store) ensureGroup(ctx context.Context, name string, tags map[string]string) (made bool, err error) {
	text, err := encodeTags(tags)
	if err != nil {
		return false, err
	}
	err = s.db.InTx(ctx, func(tx store.Tx) (err error) {
		made, err = s.makeGroup(ctx, tx, name, text)
		return err
	})
	return made, err
}

// makeGroup makes a group unless it exists.
func (s *Store) makeGroup(ctx context.Context, tx store.Tx, name, tags string) (made bool, err error) {
	n, err := tx.Exec(ctx, `INSERT INTO log_groups (name, created, tags) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING`,
		name, store.Micros(s.now()), tags)
	return n > 0, err
}

func encodeTags(tags map[string]string) (string, error) {
	if tags == nil {
		tags = map[string]string{}
	}
	text, err := json.Marshal(tags)
	return string(text), err
}

// CreateStream makes a stream, or reports ErrNoGroup or ErrExists.
func (s *Store) CreateStream(ctx context.Context, group, stream string) error {
	var made bool
	err := s.db.InTx(ctx, func(tx store.Tx) (err error) {
		made, err = s.makeStream(ctx, tx, group, stream)
		return err
	})
	if err == nil && !made {
		return fmt.Errorf("log stream %s in %s: %w", stream, group, ErrExists)
	}
	return err
}

// makeStream makes a stream unless it exists.
func (s *Store) makeStream(ctx context.Context, tx store.Tx, group, stream string) (made bool, err error) {
	g, err := groupByName(ctx, tx, group)
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(ctx, `INSERT INTO log_streams (group_id, name, created) VALUES ($1, $2, $3)
		ON CONFLICT (group_id, name) DO NOTHING`, g.id, stream, store.Micros(s.now()))
	return n > 0, err
}

type groupRow struct {
	id int64
	Group
}

func groupByName(ctx context.Context, r store.Reader, name string) (groupRow, error) {
	g := groupRow{Group: Group{Name: name}}
	var created int64
	var tags string
	err := r.QueryRow(ctx, `SELECT id, created, retention_days, tags FROM log_groups WHERE name = $1`, name).
		Scan(&g.id, &created, &g.RetentionDays, &tags)
	if errors.Is(err, sql.ErrNoRows) {
		return g, fmt.Errorf("%w: %s", ErrNoGroup, name)
	}
	if err != nil {
		return g, err
	}
	g.Created = store.FromMicros(created)
	return g, json.Unmarshal([]byte(tags), &g.Tags)
}

// GroupByName reads one group (without Bytes), or reports ErrNoGroup.
func (s *Store) GroupByName(ctx context.Context, name string) (Group, error) {
	var g groupRow
	err := s.db.Read(ctx, func(r store.Reader) (err error) {
		g, err = groupByName(ctx, r, name)
		return err
	})
	return g.Group, err
}

const streamColumns = `s.id, s.name, s.created, s.writer, s.next_seq, s.key_ms, s.events, s.bytes, s.first_ms, s.last_ms, s.ingest_ms`

func scanStream(scan func(...any) error, group string) (Stream, error) {
	st := Stream{Group: group}
	var created int64
	err := scan(&st.id, &st.Name, &created, &st.writer, &st.nextSeq, &st.keyMs, &st.Events, &st.Bytes, &st.First, &st.Last, &st.LastIngestion)
	st.Created = store.FromMicros(created)
	return st, err
}

func streamByName(ctx context.Context, r store.Reader, group, name string) (Stream, error) {
	row := r.QueryRow(ctx, `SELECT `+streamColumns+` FROM log_streams s JOIN log_groups g ON g.id = s.group_id
		WHERE g.name = $1 AND s.name = $2`, group, name)
	st, err := scanStream(row.Scan, group)
	if !errors.Is(err, sql.ErrNoRows) {
		return st, err
	}
	if _, err := groupByName(ctx, r, group); err != nil {
		return st, err
	}
	return st, fmt.Errorf("%w: %s in %s", ErrNoStream, name, group)
}

// StreamByName reads one stream, or reports ErrNoGroup or ErrNoStream.
func (s *Store) StreamByName(ctx context.Context, group, name string) (Stream, error) {
	var st Stream
	err := s.db.Read(ctx, func(r store.Reader) (err error) {
		st, err = streamByName(ctx, r, group, name)
		return err
	})
	if err != nil {
		return Stream{}, err
	}
	s.addUnsaved(&st)
	return st, nil
}

// addUnsaved brings a stream's numbers up to what its appender holds in memory.
func (s *Store) addUnsaved(st *Stream) {
	s.mu.Lock()
	a := s.appenders[st.id]
	s.mu.Unlock()
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil || a.appended == 0 {
		return
	}
	if st.First == 0 || a.minMs < st.First {
		st.First = a.minMs
	}
	st.Last, st.LastIngestion = max(st.Last, a.maxMs), max(st.LastIngestion, a.ingestMs)
	if more := a.base + a.appended - st.nextSeq; more > 0 {
		st.Events += more
	}
}
