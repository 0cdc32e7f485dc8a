package objectstore

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Store keeps buckets and objects. Its methods may be called from many goroutines and many processes at once.
type Store struct {
	db       store.Store
	bodyDir  string
	stageDir string
	now      func() time.Time
	log      *slog.Logger
	onPut    Hook
	onDelete DeleteHook
	grace    time.Duration

	orphans     sync.Mutex
	lastOrphans time.Time // guarded by orphans
	hosts       []string
}

var _ Objects = (*Store)(nil)

// Hook hears of every object that becomes the newest version of its key, inside the transaction that stores it. An
// error undoes the put. A hook may run more than once for one put (when the transaction is repeated), so it does
// nothing but SQL.
type Hook func(ctx context.Context, tx store.Tx, o Object) error

// DeleteHook is as a Hook, for every deletion of an object, of a version, or by a delete marker.
type DeleteHook func(ctx context.Context, tx store.Tx, bucket string, d Deleted) error

// Options are the optional parts of a Store.
type Options struct {
	Clock    func() time.Time // default time.Now
	Logger   *slog.Logger     // default: discard
	OnPut    Hook
	OnDelete DeleteHook
	// Grace is how long a body stays after the last object that referred to it is gone, so that readers which just
	// looked it up can still open it. Default one hour.
	Grace time.Duration
	// Hosts are the server's own host names. No bucket gets the name of one: its website would take the server's place.
	Hosts []string
}

// Open makes dir ready and returns the store. The directory belongs to this store; it must be on a local file system.
func Open(ctx context.Context, st store.Store, dir string, o Options) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := makeDirs(abs); err != nil {
		return nil, fmt.Errorf("prepare the object directory: %w", err)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Grace <= 0 {
		o.Grace = time.Hour
	}
	return &Store{
		db:       st,
		bodyDir:  filepath.Join(abs, "bodies"),
		stageDir: filepath.Join(abs, "stage"),
		now:      func() time.Time { return o.Clock().UTC() },
		log:      o.Logger,
		onPut:    o.OnPut,
		onDelete: o.OnDelete,
		grace:    o.Grace,
		hosts:    o.Hosts,
	}, ctx.Err()
}

// StageDir implements Objects.
func (s *Store) StageDir() string { return s.stageDir }

// errRetry makes inTx run its function again: what it had relied on changed under it.
var errRetry = errors.New("changed meanwhile")

var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// newID is an opaque 32 character id for versions and uploads; ids made later sort later, as far as clocks agree.
func (s *Store) newID() string {
	var b [20]byte
	us := uint64(s.now().UnixMicro()) // wraps in 584,000 years
	for i := range 8 {
		b[i] = byte(us >> (56 - 8*i))
	}
	_, _ = rand.Read(b[8:]) // never fails
	return idEncoding.EncodeToString(b[:])
}

// placeholders is "($1,$2),($3,$4)" for rows of width columns, numbered from first.
func placeholders(first, rows, width int) string {
	var b strings.Builder
	n := first
	for r := range rows {
		if r > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('(')
		for c := range width {
			if c > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "$%d", n)
			n++
		}
		b.WriteByte(')')
	}
	return b.String()
}

// maxRuns bounds how often a transaction that met another one is repeated.
const maxRuns = 20

// inTx is InTx of the database for writes. PostgreSQL reports a race for a key or bucket that was new or gone as a
// violated constraint; on a fresh snapshot the same transaction finds out what happened.
func (s *Store) inTx(ctx context.Context, f func(store.Tx) error) error {
	for run := 1; ; run++ {
		err := s.db.InTx(ctx, f)
		var sqlErr interface{ SQLState() string }
		if run == maxRuns || !errors.As(err, &sqlErr) || ctx.Err() != nil {
			return err
		}
		if state := sqlErr.SQLState(); state != uniqueViolation && state != foreignKeyViolation {
			return err
		}
	}
}

const (
	uniqueViolation     = "23505"
	foreignKeyViolation = "23503"
)
