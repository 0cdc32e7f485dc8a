package forgehost

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/trigger"
)

// maxTries is how often an event is looked at that cannot be, because the forge does not answer: about half an hour.
const maxTries = 15

// pendingEvent is a stored event.
type pendingEvent struct {
	id int64
	forge.Event
}

// takeEvents turns the oldest event of a webhook into a change of a source.
func (h *Host) takeEvents(ctx context.Context, job queue.Job) (queue.Completion, error) {
	var hookID int64
	if err := json.Unmarshal(job.Payload, &hookID); err != nil {
		return nil, queue.Permanent(err)
	}
	k, e, err := h.oldest(ctx, hookID)
	if err != nil {
		return nil, err
	}
	if e == nil {
		return func(ctx context.Context, tx store.Tx) error { return h.moreEvents(ctx, tx, hookID) }, nil
	}
	change, err := h.changeOf(ctx, k, e.Event)
	if err != nil && (permanent(err) || job.Attempt >= maxTries) {
		h.o.Log.Error("an event of a forge is lost: its commit cannot be fetched", "repository", k.repository, "event", e.Kind, "ref", e.Name, "commit", e.After, "error", err)
		change, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM forge_events WHERE id = $1`, e.id); err != nil {
			return err
		}
		if change != nil {
			if err := h.flow.SourceChanged(ctx, tx, *change); err != nil {
				return err
			}
		}
		return h.moreEvents(ctx, tx, hookID)
	}, nil
}

// moreEvents lets the next event be looked at, if there is one.
func (h *Host) moreEvents(ctx context.Context, tx store.Tx, hookID int64) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM forge_events WHERE hook_id = $1`, hookID).Scan(&n); err != nil || n == 0 {
		return err
	}
	return h.lookAt(ctx, tx, hookID)
}

// oldest reads the oldest event of a webhook; nil when there is none.
func (h *Host) oldest(ctx context.Context, hookID int64) (k hook, e *pendingEvent, err error) {
	err = h.o.Store.Read(ctx, func(r store.Reader) error {
		e = nil
		k, err = scanHook(r.QueryRow(ctx, selectHook+`WHERE id = $1`, hookID))
		if err != nil {
			return err
		}
		var text string
		found := &pendingEvent{}
		if err := r.QueryRow(ctx, `SELECT id, event FROM forge_events WHERE hook_id = $1 ORDER BY id LIMIT 1`, hookID).Scan(&found.id, &text); err != nil {
			return err
		}
		e = found
		return json.Unmarshal([]byte(text), &found.Event)
	})
	if errors.Is(err, sql.ErrNoRows) { // it is gone with its webhook, or was taken before
		err = nil
	}
	return k, e, err
}

// changeOf fetches what an event is about, so that the source action finds it here; nil when nobody waits for it or when it
// is gone.
func (h *Host) changeOf(ctx context.Context, k hook, e forge.Event) (*flow.SourceChange, error) {
	c := &flow.SourceChange{
		Provider: flow.ProviderConnection, Resource: k.connection + " " + k.repository, Ref: e.Name, Tag: e.Kind == trigger.TagPushed,
		Before: e.Before, Actor: e.Actor,
	}
	filtered, err := h.concerns(ctx, *c, e)
	if err != nil || filtered == nil {
		return nil, err
	}
	f, origin, err := h.o.Connections.Connected(ctx, k.connection, k.repository)
	if err != nil {
		return nil, err
	}
	commit, err := h.o.Mirrors.Fetch(ctx, origin, gitrepo.Wanted{Commit: e.After, Ref: e.HeadRef})
	if errors.Is(err, gitrepo.ErrNoRef) {
		h.o.Log.Warn("an event is about a commit that is gone", "repository", k.repository, "commit", e.After)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("fetch commit %s of %s: %w", e.After, k.repository, err)
	}
	c.Revision = commit.ID
	if e.PullRequest != "" {
		c.Event, c.PullRequest, c.Source = e.Kind, e.PullRequest, e.Source
		c.Files, err = f.PullRequestFiles(ctx, k.repository, e.PullRequest, trigger.MaxFiles)
		return c, err
	}
	if *filtered {
		c.Files, err = h.o.Mirrors.Changed(ctx, origin, e.Before, commit.ID, false, trigger.MaxFiles)
	}
	return c, err
}

// concerns tells whether an event may start anything, and then whether filters will ask for its files.
func (h *Host) concerns(ctx context.Context, c flow.SourceChange, e forge.Event) (filtered *bool, err error) {
	err = h.o.Store.Read(ctx, func(r store.Reader) error {
		filtered = nil
		list, err := h.flow.Watchers(ctx, r, c.Provider, c.Resource)
		for _, w := range list {
			if w.Filtered || e.Kind == trigger.BranchPushed && w.Action.Configuration["BranchName"] == e.Name {
				some := w.Filtered || filtered != nil && *filtered
				filtered = &some
			}
		}
		return err
	})
	return filtered, err
}
