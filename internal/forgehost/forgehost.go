// Package forgehost keeps pipelines and the places their sources lie at in touch: it registers webhooks at forges, takes
// what they post, asks the places that cannot tell by themselves, and shows on commits how the actions of pipelines stand.
//
// Everything that talks to somebody else is a queued job. What a forge posts is durable before it is answered, and becomes
// changes of sources in the order in which it arrived.
package forgehost

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/intake"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/vcs"
)

// Flow is what is needed of pipelines; *flow.Service is one.
type Flow interface {
	SourceChanged(ctx context.Context, tx store.Tx, c flow.SourceChange) error
	Watchers(ctx context.Context, r store.Reader, provider, resource string) ([]flow.Watcher, error)
}

// Jobs is what is needed of the queue; *queue.Queue is one.
type Jobs interface {
	queue.Enqueuer
	Handle(kind string, h queue.Handler, o queue.Options)
}

// Options are what a Host works with. The first block is required.
type Options struct {
	Store       store.Store
	Jobs        Jobs
	Connections *connection.Store
	Mirrors     *gitrepo.Mirrors
	Runner      *vcs.Runner
	Box         secret.Sealer
	PublicURL   string

	Log *slog.Logger // nil discards
	// Minute is how long a minute of ConveyorPollMinutes is; default a minute.
	Minute time.Duration
	// Bodies bounds what is read of what forges post.
	Bodies intake.Limits
}

// Host is all of it. Make it with New, give it the pipelines with Serve before the queue starts. It is the HTTP handler of
// what forges post.
type Host struct {
	o      Options
	flow   Flow
	bodies *intake.Intake
}

// The kinds of jobs.
const (
	jobWatch  = "source.watch"
	jobEvents = "forge.events"
	jobPoll   = "source.poll"
	jobStatus = "forge.status"
)

// New makes a Host.
func New(o Options) *Host {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Minute == 0 {
		o.Minute = time.Minute
	}
	return &Host{o: o, bodies: intake.New(o.Bodies)}
}

// Serve gives the host the pipelines and registers its jobs.
func (h *Host) Serve(f Flow) {
	h.flow = f
	h.o.Jobs.Handle(jobWatch, h.reconcile, queue.Options{Workers: 2, GiveUp: h.giveUpWatch})
	h.o.Jobs.Handle(jobEvents, h.takeEvents, queue.Options{Workers: 4, MaxAttempts: forever})
	h.o.Jobs.Handle(jobPoll, h.poll, queue.Options{Workers: 2, MaxAttempts: forever})
	h.o.Jobs.Handle(jobStatus, h.tellStatus, queue.Options{Workers: 4, MaxAttempts: 12, GiveUp: h.giveUpStatus})
}

// forever is for jobs that end by themselves.
const forever = 1 << 30

func (h *Host) enqueue(ctx context.Context, tx store.Tx, job queue.Job, payload any) error {
	text, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	job.Payload = text
	_, err = h.o.Jobs.Enqueue(ctx, tx, job)
	return err
}

// source names a source elsewhere, as flow does.
type source struct {
	Provider string `json:"provider"`
	Resource string `json:"resource"`
}

func (s source) key() string { return digest(s.Provider, s.Resource) }

// digest is a short name for some texts.
func digest(texts ...string) string {
	sum := sha256.New()
	for _, t := range texts {
		length := sha256.Sum256([]byte(t))
		sum.Write(length[:])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Watched notes, in the transaction of a change of a pipeline, that the watchers of a source may have changed.
func (h *Host) Watched(ctx context.Context, tx store.Tx, provider, resource string) error {
	s := source{provider, resource}
	return h.enqueue(ctx, tx, queue.Job{Kind: jobWatch, Key: s.key()}, s)
}

// Authorized lets what could not be done with a connection be tried again.
func (h *Host) Authorized(ctx context.Context, connectionID string) error {
	return h.again(ctx, `SELECT repository FROM forge_hooks WHERE connection_id = $1`, connectionID, func(repository string) string {
		return connectionID + " " + repository
	})
}

// Begin lets webhooks be registered that carry another address than this server's.
func (h *Host) Begin(ctx context.Context) error {
	return h.again(ctx, `SELECT connection_id || ' ' || repository FROM forge_hooks WHERE remote_url NOT LIKE $1`, escapeLike(h.o.PublicURL+Prefix)+"%",
		func(resource string) string { return resource })
}

func (h *Host) again(ctx context.Context, query, argument string, resource func(string) string) error {
	return h.o.Store.InTx(ctx, func(tx store.Tx) error {
		list, err := store.Strings(ctx, tx, query, argument)
		if err != nil {
			return err
		}
		for _, r := range list {
			if err := h.Watched(ctx, tx, flow.ProviderConnection, resource(r)); err != nil {
				return err
			}
		}
		return nil
	})
}

const (
	// keepDeliveries is how long deliveries are remembered, keepStatuses how long what was shown on commits is.
	keepDeliveries = 7 * 24 * time.Hour
	keepStatuses   = 30 * 24 * time.Hour
)

// Prune forgets what is old.
func (h *Host) Prune(ctx context.Context, now time.Time) error {
	return h.o.Store.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM forge_deliveries WHERE at < $1`, store.Micros(now.Add(-keepDeliveries))); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM commit_statuses WHERE updated < $1`, store.Micros(now.Add(-keepStatuses)))
		return err
	})
}

// permanent tells whether trying again does not help.
func permanent(err error) bool {
	for _, kind := range []error{forge.ErrDenied, forge.ErrNotFound, connection.ErrNotFound, connection.ErrPending, secret.ErrCannotOpen} {
		if isErr(err, kind) {
			return true
		}
	}
	return false
}
