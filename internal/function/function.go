// Package function keeps functions and runs them: programs that are called with one JSON document and answer with another.
//
// A function is a zip whose program speaks Lambda's runtime interface (GET /2018-06-01/runtime/invocation/next and its
// relatives), or a Python or Node.js module that a small client bundled here speaks it for, or a URL that is posted to.
// Programs run in places that Hosts prepares, one invocation at a time each, and are kept warm for the next.
package function

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/egress"
	"github.com/conveyor-cd/conveyor/internal/logstore"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// What callers must be able to tell apart. Throttled means that every place was taken for as long as a caller may wait.
var (
	ErrNotFound  = errors.New("there is no such function")
	ErrExists    = errors.New("there is a function of that name")
	ErrThrottled = errors.New("as many functions run as may")
	ErrStale     = errors.New("the function was changed meanwhile")
)

// URLVariable is the environment variable that makes a function one that is called at a URL: nothing is run here.
const URLVariable = "ConveyorUrl"

// Limits of payloads, as on AWS.
const (
	MaxPayload      = 6 << 20
	MaxEventPayload = 256 << 10
	MaxCode         = 50 << 20  // zipped
	MaxUnpacked     = 250 << 20 // and unpacked
)

// Function is what its owner said of it. It is stored as JSON.
type Function struct {
	Name          string
	Description   string
	Runtime       string
	Handler       string
	Role          string
	Timeout       int // seconds
	Memory        int // MiB
	Ephemeral     int // MiB of temporary disk; told, not enforced
	Environment   map[string]string
	Architecture  string
	Tracing       string
	Code          string // names the file; "" for a URL without one
	CodeSHA256    string // base64, as AWS tells it
	CodeSize      int64
	Modified      time.Time
	Revision      string // changes with every change
	Tags          map[string]string
	Policy        []Statement
	PolicyVersion string // its revision
}

// Statement is one permission in a function's resource policy. It is kept and told; nothing is called from outside the
// account.
type Statement struct {
	ID   string
	Text json.RawMessage
}

// URL is where the function is called, "" when it is a program.
func (f *Function) URL() string { return f.Environment[URLVariable] }

// LogGroup is where a function's output goes.
func (f *Function) LogGroup() string { return "/aws/lambda/" + f.Name }

// Hosts prepares places in which functions run. Everything started in one ends with it, also after a crash of this server.
type Hosts interface {
	// Prepare makes an empty place; id is a uuid.
	Prepare(ctx context.Context, id string) (Host, error)
}

// Host is one place: a directory, and the processes of one command.
type Host interface {
	// Root is the place's directory.
	Root() string
	// Run starts a shell command in a directory with an environment, and returns once it has ended, with its exit status,
	// or ctx has; everything it started has ended then, too. It is called once. output is written to by one goroutine.
	Run(ctx context.Context, dir string, env []string, output io.Writer, command string) (int, error)
	// Drain returns when everything written before the call has been passed to output.
	Drain()
	// Resident is how much memory the place's processes hold.
	Resident() int64
	// Discard ends what runs and removes the directory.
	Discard(ctx context.Context) error
}

// Jobs is what the room needs of the queue. Implemented by *queue.Queue.
type Jobs interface {
	queue.Enqueuer
	Handle(kind string, h queue.Handler, o queue.Options)
}

// Options configure a Service. All but the last group are required.
type Options struct {
	Store store.Store
	Jobs  Jobs
	Logs  *logstore.Store
	Hosts Hosts
	Dir   string // of the functions' code; servers that share a database share it
	// Region, Account and Endpoint are what functions are told of where they run.
	Region, Account, Endpoint string

	// Credentials gives the variables with which a function reaches this server in its role; nil gives it none. They must
	// be good for longer than MaxAge.
	Credentials func(ctx context.Context, f *Function) (map[string]string, error)
	Log         *slog.Logger
	// ForbidPrivate keeps functions that are URLs from being in private networks.
	ForbidPrivate bool
	// Concurrency is how many invocations run at once on this server; default 16. Patience is how long one waits for its
	// turn; default 10 s.
	Concurrency int
	Patience    time.Duration
	// Idle is how long a program waits for another invocation before it is ended, MaxAge how old it gets; defaults 5
	// minutes and an hour.
	Idle, MaxAge time.Duration
	// Retries are the pauses before an event is tried again whose function failed; default 5 and 20 s.
	Retries []time.Duration
}

// Service keeps functions and runs them. Its methods may be called from many goroutines, on any number of servers.
type Service struct {
	o      Options
	pool   *pool
	store  store.Store
	client *http.Client // posts to the URLs of functions
}

// longestPost is longer than any function may take; each has a timeout of its own.
const longestPost = 16 * time.Minute

// New makes a Service and registers its job handlers.
func New(o Options) (*Service, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Concurrency, o.Patience = positive(o.Concurrency, 16), positive(o.Patience, 10*time.Second)
	o.Idle, o.MaxAge = positive(o.Idle, 5*time.Minute), positive(o.MaxAge, time.Hour)
	if o.Retries == nil {
		o.Retries = []time.Duration{5 * time.Second, 20 * time.Second}
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("functions directory: %w", err)
	}
	s := &Service{o: o, store: o.Store, client: egress.NewClient(egress.Options{Timeout: longestPost, ForbidPrivate: o.ForbidPrivate})}
	s.pool = newPool(s)
	o.Jobs.Handle(jobEvent, s.deliver, queue.Options{Workers: o.Concurrency, MaxAttempts: 1 << 30})
	return s, nil
}

func positive[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Close ends the programs that wait for invocations, and those that run.
func (s *Service) Close() error { return s.pool.close() }

// ARN is a function's Amazon resource name.
func (s *Service) ARN(name string) string {
	return "arn:aws:lambda:" + s.o.Region + ":" + s.o.Account + ":function:" + name
}

// Named reads what users call a function by: its name, ACCOUNT:function:NAME or its ARN, each with or without :QUALIFIER.
func Named(text string) (name, qualifier string) {
	parts := strings.Split(text, ":")
	switch {
	case len(parts) > 6 && parts[0] == "arn" && parts[5] == "function":
		parts = parts[6:]
	case len(parts) > 2 && parts[1] == "function":
		parts = parts[2:]
	}
	name, qualifier, _ = strings.Cut(strings.Join(parts, ":"), ":")
	return name, qualifier
}

// Create stores a function and its code, or reports ErrExists.
func (s *Service) Create(ctx context.Context, f Function, code []byte) (*Function, error) {
	if err := s.keep(&f, code); err != nil {
		return nil, err
	}
	err := s.store.InTx(ctx, func(tx store.Tx) error {
		s.touch(tx, &f)
		n, err := tx.Exec(ctx, `INSERT INTO functions (name, code, definition) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING`, f.Name, f.Code, encode(&f))
		if err == nil && n == 0 {
			err = ErrExists
		}
		return err
	})
	if err != nil {
		s.discardCode(f.Code)
		return nil, err
	}
	return &f, nil
}

func (s *Service) touch(tx store.Tx, f *Function) {
	f.Modified, f.Revision = tx.Now().UTC().Truncate(time.Millisecond), uuid.NewString()
}

func encode(f *Function) string {
	text, err := json.Marshal(f)
	if err != nil { // plain data always marshals
		panic(err)
	}
	return string(text)
}

// Get reads a function, or reports ErrNotFound.
func (s *Service) Get(ctx context.Context, name string) (*Function, error) {
	var f *Function
	err := s.store.Read(ctx, func(r store.Reader) (err error) {
		f, err = find(ctx, r, name)
		return err
	})
	return f, err
}

func find(ctx context.Context, r store.Reader, name string) (*Function, error) {
	var text string
	err := r.QueryRow(ctx, `SELECT definition FROM functions WHERE name = $1`, name).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, name)
	}
	if err != nil {
		return nil, err
	}
	return decode(text)
}

func decode(text string) (*Function, error) {
	f := new(Function)
	if err := json.Unmarshal([]byte(text), f); err != nil {
		return nil, fmt.Errorf("a function is unreadable: %w", err)
	}
	return f, nil
}

// Change changes a function, or reports ErrNotFound, or what change says. A change of what runs ends its programs once
// they are idle. revision, when it is not empty, must be the function's.
func (s *Service) Change(ctx context.Context, name, revision string, change func(*Function) error) (*Function, error) {
	return s.change(ctx, name, revision, "", func(f *Function) error {
		if err := change(f); err != nil {
			return err
		}
		f.Revision = ""
		return nil
	})
}

// Retag changes what has no bearing on how a function runs: its tags and its policy. Its revision stays.
func (s *Service) Retag(ctx context.Context, name string, change func(*Function) error) (*Function, error) {
	return s.change(ctx, name, "", "", change)
}

// ChangeCode gives a function other code.
func (s *Service) ChangeCode(ctx context.Context, name, revision string, code []byte, change func(*Function) error) (*Function, error) {
	var next Function
	if err := s.keep(&next, code); err != nil {
		return nil, err
	}
	f, err := s.change(ctx, name, revision, next.Code, func(f *Function) error {
		f.Code, f.CodeSHA256, f.CodeSize, f.Revision = next.Code, next.CodeSHA256, next.CodeSize, ""
		return change(f)
	})
	if err != nil {
		s.discardCode(next.Code)
	}
	return f, err
}

func (s *Service) change(ctx context.Context, name, revision, code string, change func(*Function) error) (*Function, error) {
	var f *Function
	err := s.store.InTx(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE functions SET name = name WHERE name = $1`, name) // excludes every other change
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("%w: %s", ErrNotFound, name)
		}
		if f, err = find(ctx, tx, name); err != nil {
			return err
		}
		if revision != "" && revision != f.Revision {
			return ErrStale
		}
		before := f.Code
		if err := change(f); err != nil {
			return err
		}
		if f.Revision == "" {
			s.touch(tx, f)
		}
		if _, err := tx.Exec(ctx, `UPDATE functions SET code = $2, definition = $3 WHERE name = $1`, name, f.Code, encode(f)); err != nil {
			return err
		}
		if code != "" {
			tx.AfterCommit(func() { s.discardCode(before) })
		}
		return nil
	})
	return f, err
}

// Delete deletes a function, or reports ErrNotFound. What runs of it runs to its end; its log stays.
func (s *Service) Delete(ctx context.Context, name string) error {
	return s.store.InTx(ctx, func(tx store.Tx) error {
		f, err := find(ctx, tx, name)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM functions WHERE name = $1`, name); err != nil {
			return err
		}
		tx.AfterCommit(func() { s.discardCode(f.Code) })
		return nil
	})
}

// List lists at most limit functions in the order of their names, those after a name.
func (s *Service) List(ctx context.Context, after string, limit int) ([]Function, error) {
	var list []Function
	err := s.store.Read(ctx, func(r store.Reader) error {
		list = nil
		rows, err := r.Query(ctx, `SELECT definition FROM functions WHERE name > $1 ORDER BY name LIMIT $2`, after, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				return err
			}
			f, err := decode(text)
			if err != nil {
				return err
			}
			list = append(list, *f)
		}
		return rows.Err()
	})
	return list, err
}

// Prune removes files of code that belong to no function: a crash left them between the file and the row. Files younger
// than a day may still be about to get theirs.
func (s *Service) Prune(ctx context.Context, before time.Time) error {
	known := map[string]bool{}
	err := s.store.Read(ctx, func(r store.Reader) error {
		rows, err := r.Query(ctx, `SELECT code FROM functions`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var code string
			if err := rows.Scan(&code); err != nil {
				return err
			}
			known[code+codeSuffix] = true
		}
		return rows.Err()
	})
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(s.o.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || known[e.Name()] || info.ModTime().After(before) || !(strings.HasSuffix(e.Name(), codeSuffix) || strings.HasSuffix(e.Name(), ".tmp")) {
			continue
		}
		if err := os.Remove(filepath.Join(s.o.Dir, e.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// environment is a map as NAME=value, sorted.
func environment(m map[string]string) []string {
	list := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, k+"="+m[k])
	}
	return list
}
