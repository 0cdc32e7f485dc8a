package forgehost

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

func isErr(err, kind error) bool { return errors.Is(err, kind) }

// escapeLike makes a text mean itself in LIKE. (Addresses hold no backslash.)
func escapeLike(s string) string { return strings.NewReplacer("%", "_").Replace(s) }

// hook is a webhook at a forge, as stored.
type hook struct {
	id         int64
	connection string
	repository string
	token      string // sealed
	secret     string // sealed
	remoteID   string
	remoteURL  string
	problem    string
	refused    string
	received   int64
}

const selectHook = `SELECT id, connection_id, repository, token, secret, remote_id, remote_url, problem, refused, received FROM forge_hooks `

func scanHook(row interface{ Scan(...any) error }) (hook, error) {
	var k hook
	err := row.Scan(&k.id, &k.connection, &k.repository, &k.token, &k.secret, &k.remoteID, &k.remoteURL, &k.problem, &k.refused, &k.received)
	return k, err
}

// reconcile brings what is registered and polled in line with what pipelines watch.
func (h *Host) reconcile(ctx context.Context, job queue.Job) (queue.Completion, error) {
	var s source
	if err := json.Unmarshal(job.Payload, &s); err != nil {
		return nil, queue.Permanent(err)
	}
	watched, polled, err := h.wishes(ctx, s)
	if err != nil {
		return nil, err
	}
	var problem string
	if s.Provider == flow.ProviderConnection {
		if problem, err = h.reconcileHook(ctx, s, watched); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, tx store.Tx) error {
		if err := h.noteHook(ctx, tx, s, problem); err != nil {
			return err
		}
		if err := h.schedulePoll(ctx, tx, s, polled); err != nil {
			return err
		}
		// What has changed meanwhile could not enqueue a job of its own beside this one.
		list, err := h.flow.Watchers(ctx, tx, s.Provider, s.Resource)
		if err != nil {
			return err
		}
		if w, p := wishesOf(list); w != watched || p != polled {
			return h.Watched(ctx, tx, s.Provider, s.Resource)
		}
		return nil
	}, nil
}

// wishes tells whether a source is watched at all, and whether it is to be asked.
func (h *Host) wishes(ctx context.Context, s source) (watched, polled bool, err error) {
	err = h.o.Store.Read(ctx, func(r store.Reader) error {
		list, err := h.flow.Watchers(ctx, r, s.Provider, s.Resource)
		watched, polled = wishesOf(list)
		return err
	})
	return watched, polled, err
}

func wishesOf(list []flow.Watcher) (watched, polled bool) {
	for _, w := range list {
		polled = polled || w.Poll > 0
	}
	return len(list) > 0, polled
}

// split is the connection and the repository of a resource.
func split(resource string) (connectionID, repository string) {
	connectionID, repository, _ = strings.Cut(resource, " ")
	return connectionID, repository
}

// reconcileHook registers the webhook of a repository that is watched, and removes that of one that is not. It returns why
// it could not; an error is worth another try.
func (h *Host) reconcileHook(ctx context.Context, s source, watched bool) (problem string, err error) {
	id, repository := split(s.Resource)
	k, err := h.hookOf(ctx, id, repository, watched)
	if err != nil || k.id == 0 {
		return "", err
	}
	f, err := h.o.Connections.Forge(ctx, id)
	if !watched {
		return "", h.removeHook(ctx, f, err, k)
	}
	if err == nil {
		err = forge.CheckName(f.Kind(), repository)
	}
	if err == nil {
		if problem = h.unreachable(ctx, id); problem != "" {
			return problem, nil
		}
		err = h.register(ctx, f, k)
	}
	switch {
	case errors.Is(err, forge.ErrUnavailable):
		return "", err
	case err != nil:
		return err.Error(), nil
	}
	return "", nil
}

// hookOf reads the webhook of a repository; with make it is made when there is none. Without one its id is 0.
func (h *Host) hookOf(ctx context.Context, connectionID, repository string, make bool) (k hook, err error) {
	token, secret := rand.Text(), rand.Text()
	sealedToken, err := h.o.Box.Seal([]byte(token), tokenPurpose)
	if err != nil {
		return k, err
	}
	sealedSecret, err := h.o.Box.Seal([]byte(secret), secretPurpose)
	if err != nil {
		return k, err
	}
	err = h.o.Store.InTx(ctx, func(tx store.Tx) error {
		if make {
			_, err := tx.Exec(ctx, `INSERT INTO forge_hooks (connection_id, repository, address, token, secret, remote_id, remote_url, problem, refused, received)
				VALUES ($1, $2, $3, $4, $5, '', '', '', '', 0) ON CONFLICT (connection_id, repository) DO NOTHING`,
				connectionID, repository, digest(token), sealedToken, sealedSecret)
			if err != nil {
				return err
			}
		}
		k, err = scanHook(tx.QueryRow(ctx, selectHook+`WHERE connection_id = $1 AND repository = $2`, connectionID, repository))
		if errors.Is(err, sql.ErrNoRows) {
			k, err = hook{}, nil
		}
		return err
	})
	return k, err
}

// What the seals of webhooks are for.
const (
	tokenPurpose  = "forge hook token"
	secretPurpose = "forge hook secret"
)

func (h *Host) register(ctx context.Context, f forge.Forge, k hook) error {
	token, err := h.o.Box.Open(k.token, tokenPurpose)
	if err != nil {
		return err
	}
	secret, err := h.o.Box.Open(k.secret, secretPurpose)
	if err != nil {
		return err
	}
	address := h.o.PublicURL + Prefix + string(token)
	if k.remoteID != "" && k.remoteURL == address && k.problem == "" {
		return nil
	}
	if k.remoteID != "" && k.remoteURL != address { // this server has moved
		if err := f.DeleteHook(ctx, k.repository, k.remoteID); err != nil {
			return err
		}
	}
	remoteID, err := f.EnsureHook(ctx, k.repository, forge.Hook{URL: address, Secret: string(secret)})
	if err != nil {
		return err
	}
	h.o.Log.Info("webhook registered", "forge", f.Kind(), "repository", k.repository)
	return h.o.Store.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE forge_hooks SET remote_id = $2, remote_url = $3 WHERE id = $1`, k.id, remoteID, address)
		return err
	})
}

// removeHook removes a webhook. When the forge cannot be asked any more only this side of it goes.
func (h *Host) removeHook(ctx context.Context, f forge.Forge, unknown error, k hook) error {
	if unknown != nil && !permanent(unknown) {
		return unknown
	}
	if unknown == nil && k.remoteID != "" {
		err := f.DeleteHook(ctx, k.repository, k.remoteID)
		if errors.Is(err, forge.ErrUnavailable) || err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil {
			h.o.Log.Warn("a webhook could not be removed at the forge; it is answered with 404 from now on", "repository", k.repository, "error", err)
		}
	}
	return h.o.Store.InTx(ctx, func(tx store.Tx) error {
		for _, table := range []string{"forge_events", "forge_deliveries"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE hook_id = $1`, k.id); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `DELETE FROM forge_hooks WHERE id = $1`, k.id)
		return err
	})
}

// noteHook notes why a webhook could not be registered, or that nothing is wrong with it.
func (h *Host) noteHook(ctx context.Context, tx store.Tx, s source, problem string) error {
	if s.Provider != flow.ProviderConnection {
		return nil
	}
	if problem != "" {
		h.o.Log.Warn("a webhook could not be registered: pushes do not start pipelines", "repository", s.Resource, "problem", problem)
	}
	id, repository := split(s.Resource)
	_, err := tx.Exec(ctx, `UPDATE forge_hooks SET problem = $3 WHERE connection_id = $1 AND repository = $2`, id, repository, problem)
	return err
}

// giveUpWatch notes why a webhook could not be registered after many attempts.
func (h *Host) giveUpWatch(ctx context.Context, tx store.Tx, job queue.Job, cause error) error {
	var s source
	if err := json.Unmarshal(job.Payload, &s); err != nil {
		return nil // it never was one
	}
	return h.noteHook(ctx, tx, s, cause.Error())
}

// unreachable says why a forge cannot reach this server, or "". An address of the loopback is only good for a forge on the
// same machine.
func (h *Host) unreachable(ctx context.Context, connectionID string) string {
	c, err := h.o.Connections.Get(ctx, connectionID)
	if err != nil || !isLoopback(h.o.PublicURL) || isLoopback(c.Endpoint) {
		return ""
	}
	return fmt.Sprintf("%s cannot reach this server at %s: set --public-url to an address that it can reach, or give the source action ConveyorPollMinutes",
		c.Endpoint, h.o.PublicURL)
}

func isLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || strings.HasSuffix(u.Hostname(), ".localhost") || ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// HookState is what is known of a webhook at a forge.
type HookState struct {
	ConnectionID string    `json:"connectionId"`
	Repository   string    `json:"repository"`
	Registered   bool      `json:"registered"`
	Problem      string    `json:"problem,omitempty"`
	Refused      string    `json:"refused,omitempty"` // why the newest delivery was refused
	Received     time.Time `json:"received,omitzero"` // when an event last came
}

// PollState is what is known of a source that is asked.
type PollState struct {
	Provider string    `json:"provider"`
	Resource string    `json:"resource"`
	Problem  string    `json:"problem,omitempty"`
	Looked   time.Time `json:"looked,omitzero"`
}

// States lists what is registered at forges, and what is asked.
func (h *Host) States(ctx context.Context) (hooks []HookState, polls []PollState, err error) {
	hooks, polls = []HookState{}, []PollState{}
	err = h.o.Store.Read(ctx, func(r store.Reader) error {
		hooks, polls = hooks[:0], polls[:0]
		rows, err := r.Query(ctx, selectHook+`ORDER BY id`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			k, err := scanHook(rows)
			if err != nil {
				return err
			}
			hooks = append(hooks, HookState{k.connection, k.repository, k.remoteID != "", k.problem, k.refused, store.FromMicros(k.received)})
		}
		if err := rows.Err(); err != nil {
			return err
		}
		asked, err := r.Query(ctx, `SELECT provider, resource, problem, looked FROM source_polls ORDER BY provider, resource`)
		if err != nil {
			return err
		}
		defer asked.Close()
		for asked.Next() {
			var p PollState
			var looked int64
			if err := asked.Scan(&p.Provider, &p.Resource, &p.Problem, &looked); err != nil {
				return err
			}
			p.Resource, p.Looked = strings.TrimSpace(p.Resource), store.FromMicros(looked)
			polls = append(polls, p)
		}
		return asked.Err()
	})
	return hooks, polls, err
}
