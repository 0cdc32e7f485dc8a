package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Config tunes a Queue; the zero value is right for a server. There is no clock in it: what is due and whose lease has
// expired is judged by the database's clock alone.
type Config struct {
	// Owner names this process in the jobs table. It must differ from every other process, also from earlier runs of
	// this one; default host:pid:random.
	Owner  string
	Logger *slog.Logger // nil discards
	// Lease is how long a job stays with a process that no longer renews; default 30 s. It is renewed three times as
	// often.
	Lease time.Duration
	// Poll is how often PostgreSQL is asked for work that no notification told of; default 1 s.
	Poll time.Duration
	// Grace is how long Stop lets handlers end by themselves before it cancels them; default 0.
	Grace time.Duration
	// Backoff is the pause before the attempt that follows the n-th failure; default 0.25 s, doubling up to 5 minutes,
	// with jitter.
	Backoff func(failures int) time.Duration
	// KeepFailed is how long jobs that were given up stay in the table to be looked at; default 7 days.
	KeepFailed time.Duration
}

// Queue runs jobs in this process and enqueues them for all. Make it with New, register every Handle, then Start.
type Queue struct {
	st     store.Store
	config Config
	log    *slog.Logger

	wake chan struct{} // the claimer should look at the kinds marked as having a backlog
	look chan struct{} // the claimer should ask the database what there is to do
	beat chan struct{} // the leases should be renewed now

	stopping  chan struct{} // closed when Stop begins
	stopLoops context.CancelFunc
	loops     sync.WaitGroup

	mu    sync.Mutex
	phase phase
	kinds map[string]*kind
	held  map[int64]*held // the jobs this process owns, by id
	alarm time.Time       // when the next scheduled job is due, on this process's monotonic clock; zero: none
	empty *sync.Cond      // held has become empty
	base  context.Context // of all handlers
}

type phase int

const (
	idle phase = iota
	started
	ended
)

// kind is one kind of job this process runs. Its fields below the handler are guarded by Queue.mu.
type kind struct {
	name    string
	handler Handler
	Options
	free int // workers that run nothing
	// backlog: jobs may be waiting in the table, so a new one must queue behind them.
	backlog bool
	// served is the group whose turn was last.
	served string
}

// held is a job this process owns. Fields below attempt are guarded by Queue.mu.
type held struct {
	job      Job
	kind     *kind
	failures int // before this attempt
	attempt  int

	launched  bool // the transaction that made it ours has committed
	ending    bool // the handler has returned
	cancelled bool
	cancel    context.CancelCauseFunc // nil until the handler runs
	cause     error                   // why the handler should not run on
	expires   time.Time               // when the lease ends unless it is renewed, on the monotonic clock, pessimistic
}

// New makes a queue over st. Without Start it only enqueues.
func New(st store.Store, config Config) *Queue {
	if config.Owner == "" {
		host, _ := os.Hostname()
		config.Owner = fmt.Sprintf("%s:%d:%s", host, os.Getpid(), uuid.NewString()[:8])
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Backoff == nil {
		config.Backoff = backoff
	}
	setDefault(&config.Lease, 30*time.Second)
	setDefault(&config.Poll, time.Second)
	setDefault(&config.KeepFailed, 7*24*time.Hour)
	q := &Queue{
		st: st, config: config, log: config.Logger,
		wake: make(chan struct{}, 1), look: make(chan struct{}, 1), beat: make(chan struct{}, 1),
		stopping: make(chan struct{}),
		kinds:    map[string]*kind{}, held: map[int64]*held{},
	}
	q.empty = sync.NewCond(&q.mu)
	return q
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}

// backoff doubles from a quarter of a second to five minutes; up to half of it is left to chance, so that what failed
// together does not try again together.
func backoff(failures int) time.Duration {
	d := 5 * time.Minute
	if failures < 12 {
		d = min(d, 250*time.Millisecond<<max(0, failures-1))
	}
	return d - rand.N(d/2)
}

// Owner is the name of this process in the jobs table.
func (q *Queue) Owner() string { return q.config.Owner }

// Handle registers the handler of a kind of job. Call it before Start; a kind has one handler.
func (q *Queue) Handle(name string, h Handler, o Options) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.phase != idle {
		panic("queue: Handle(" + name + ") after Start")
	}
	if _, ok := q.kinds[name]; ok || name == "" {
		panic("queue: Handle: no kind, or a second handler for it: " + name)
	}
	if o.Workers <= 0 {
		o.Workers = 4
	}
	if o.MaxAttempts <= 0 {
		o.MaxAttempts = 20
	}
	q.kinds[name] = &kind{name: name, handler: h, Options: o, free: o.Workers, backlog: true}
}

// Start begins to run jobs. ctx bounds the start only; its values reach the handlers. A SQLite database has one server,
// so whatever another owner was running there when it ended is made available at once.
func (q *Queue) Start(ctx context.Context) error {
	q.mu.Lock()
	if q.phase != idle {
		q.mu.Unlock()
		return errors.New("the queue was started before")
	}
	q.phase = started
	q.base = context.WithoutCancel(ctx)
	q.mu.Unlock()

	if q.st.Dialect() == store.SQLite {
		if err := q.freeForeign(ctx); err != nil {
			return fmt.Errorf("free the jobs of the server that ran before: %w", err)
		}
	}
	loopCtx, cancel := context.WithCancel(q.base)
	q.stopLoops = cancel
	q.st.Listen(loopCtx, workChannel, func() { signal(q.look) })
	q.st.Listen(loopCtx, cancelChannel, func() { signal(q.beat) })
	signal(q.look)
	q.loops.Go(func() { q.claimLoop(loopCtx) })
	q.loops.Go(func() { q.leaseLoop(loopCtx) })
	return nil
}

// signal never blocks: a signal that is pending already says the same.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Stop claims no more jobs, gives running handlers Config.Grace, then cancels their contexts and waits for them. Jobs
// that did not end are released, so that another server, or this one after its restart, runs them again. When ctx ends
// before all handlers have returned, their jobs are released all the same, their late results will be refused, and the
// error names them.
func (q *Queue) Stop(ctx context.Context) error {
	q.mu.Lock()
	was := q.phase
	q.phase = ended
	q.mu.Unlock()
	if was != started {
		return nil
	}
	close(q.stopping)

	grace, cancel := context.WithTimeout(ctx, q.config.Grace)
	q.waitEmpty(grace)
	cancel()
	q.interruptAll(ErrStopping)
	left := q.waitEmpty(ctx)
	q.stopLoops()
	q.loops.Wait()
	if len(left) == 0 {
		return nil
	}
	err := q.releaseAll(context.WithoutCancel(ctx))
	return errors.Join(fmt.Errorf("these jobs did not stop in time and were released: %s", strings.Join(left, ", ")), err)
}

// waitEmpty waits until this process owns no job or ctx ends, and names the jobs it still owns.
func (q *Queue) waitEmpty(ctx context.Context) []string {
	stop := context.AfterFunc(ctx, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.empty.Broadcast()
	})
	defer stop()
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.held) > 0 && ctx.Err() == nil {
		q.empty.Wait()
	}
	var names []string
	for id, h := range q.held {
		names = append(names, fmt.Sprintf("%s %d", h.kind.name, id))
	}
	slices.Sort(names)
	return names
}

func (q *Queue) interruptAll(cause error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, h := range q.held {
		h.interrupt(cause)
	}
}

// interrupt ends the context of a handler, or keeps one that has not begun from running. A handler that has returned
// is left to store its end. The caller holds Queue.mu.
func (h *held) interrupt(cause error) {
	if h.ending {
		return
	}
	if h.cause == nil {
		h.cause = cause
	}
	if h.cancel != nil {
		h.cancel(cause)
	}
}
