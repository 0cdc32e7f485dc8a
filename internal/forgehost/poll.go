package forgehost

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/trigger"
	"github.com/conveyor-cd/conveyor/internal/vcs"
)

// schedulePoll begins to ask a source, or ends it.
func (h *Host) schedulePoll(ctx context.Context, tx store.Tx, s source, polled bool) error {
	if !polled {
		_, err := tx.Exec(ctx, `DELETE FROM source_polls WHERE id = $1`, s.key()) // its job then finds nothing and ends
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO source_polls (id, provider, resource, seen, problem, looked) VALUES ($1, $2, $3, '', '', 0) ON CONFLICT (id) DO NOTHING`,
		s.key(), s.Provider, s.Resource)
	if err != nil {
		return err
	}
	return h.enqueue(ctx, tx, queue.Job{Kind: jobPoll, Key: s.key()}, s)
}

// poll asks a source once, and enqueues the next time.
func (h *Host) poll(ctx context.Context, job queue.Job) (queue.Completion, error) {
	var s source
	if err := json.Unmarshal(job.Payload, &s); err != nil {
		return nil, queue.Permanent(err)
	}
	seen, watchers, err := h.polled(ctx, s)
	if err != nil || watchers == nil {
		return nil, err
	}
	now, changes, problem := h.look(ctx, s, watchers, seen)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	text, err := json.Marshal(now)
	if err != nil {
		return nil, err
	}
	pause := h.pause(watchers)
	return func(ctx context.Context, tx store.Tx) error {
		if problem != nil {
			h.o.Log.Warn("a source could not be asked whether something is new; it is asked again later", "provider", s.Provider, "source", s.Resource, "error", problem)
			if _, err := tx.Exec(ctx, `UPDATE source_polls SET problem = $2 WHERE id = $1`, s.key(), problem.Error()); err != nil {
				return err
			}
		} else if _, err := tx.Exec(ctx, `UPDATE source_polls SET seen = $2, problem = '', looked = $3 WHERE id = $1`, s.key(), string(text), store.Micros(tx.Now())); err != nil {
			return err
		}
		for _, c := range changes {
			if err := h.flow.SourceChanged(ctx, tx, c); err != nil {
				return err
			}
		}
		return h.enqueue(ctx, tx, queue.Job{Kind: jobPoll, Key: s.key(), RunAt: tx.Now().Add(pause)}, s)
	}, nil
}

// polled reads what is known of a source, and who watches it; nil when nobody wants it to be asked any more.
func (h *Host) polled(ctx context.Context, s source) (seen map[string]string, watchers []flow.Watcher, err error) {
	err = h.o.Store.Read(ctx, func(r store.Reader) error {
		var text string
		if err := r.QueryRow(ctx, `SELECT seen FROM source_polls WHERE id = $1`, s.key()).Scan(&text); err != nil {
			return err
		}
		if text != "" {
			if err := json.Unmarshal([]byte(text), &seen); err != nil {
				return err
			}
		}
		watchers, err = h.flow.Watchers(ctx, r, s.Provider, s.Resource)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, nil
	}
	if _, polled := wishesOf(watchers); !polled {
		watchers = nil
	}
	return seen, watchers, err
}

// pause is the time until a source is asked again: the shortest that anybody wants.
func (h *Host) pause(watchers []flow.Watcher) time.Duration {
	least := 0
	for _, w := range watchers {
		if w.Poll > 0 && (least == 0 || w.Poll < least) {
			least = w.Poll
		}
	}
	return time.Duration(least) * h.o.Minute
}

// look asks a source for its revisions and compares them with those seen before. The first time there are none, and nothing
// is new.
func (h *Host) look(ctx context.Context, s source, watchers []flow.Watcher, seen map[string]string) (now map[string]string, changes []flow.SourceChange, err error) {
	origin, now, err := h.revisions(ctx, s, watchers)
	if err != nil || seen == nil {
		return now, nil, err
	}
	filtered := slices.ContainsFunc(watchers, func(w flow.Watcher) bool { return w.Filtered })
	for _, ref := range slices.Sorted(maps.Keys(now)) {
		if now[ref] == seen[ref] {
			continue
		}
		c := flow.SourceChange{Provider: s.Provider, Resource: s.Resource, Ref: ref, Before: seen[ref], Revision: now[ref]}
		if name, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
			c.Ref, c.Tag = name, true
		}
		c.Ref = strings.TrimPrefix(c.Ref, "refs/heads/")
		if !filtered && !watchedRef(watchers, s.Provider, c) {
			continue
		}
		if filtered {
			if _, err := h.o.Mirrors.Fetch(ctx, origin, gitrepo.Wanted{Commit: c.Revision}); err != nil {
				return now, nil, fmt.Errorf("fetch %s: %w", ref, err)
			}
			if c.Files, err = h.o.Mirrors.Changed(ctx, origin, c.Before, c.Revision, false, trigger.MaxFiles); err != nil {
				return now, nil, err
			}
		}
		changes = append(changes, c)
	}
	return now, changes, nil
}

// watchedRef tells whether a change is of a ref that somebody watches.
func watchedRef(watchers []flow.Watcher, provider string, c flow.SourceChange) bool {
	if provider == flow.ProviderSubversion {
		return true
	}
	return !c.Tag && slices.ContainsFunc(watchers, func(w flow.Watcher) bool { return branchOf(w) == c.Ref })
}

func branchOf(w flow.Watcher) string {
	branch := w.Action.Configuration["BranchName"]
	if branch == "" && w.Action.ActionTypeID.Provider == flow.ProviderMercurial {
		branch = "default"
	}
	return branch
}

// revisions asks a source for the revisions of its refs.
func (h *Host) revisions(ctx context.Context, s source, watchers []flow.Watcher) (origin vcs.Origin, now map[string]string, err error) {
	owner, name := split(s.Resource)
	if s.Provider == flow.ProviderConnection {
		_, origin, err = h.o.Connections.Connected(ctx, owner, name)
	} else {
		origin, err = h.o.Connections.Named(ctx, owner, name)
	}
	if errors.Is(err, connection.ErrNotFound) {
		err = fmt.Errorf("%w: %s", err, owner)
	}
	if err != nil {
		return origin, nil, err
	}
	now = map[string]string{}
	switch s.Provider {
	case flow.ProviderSubversion:
		c, err := h.o.Runner.SVNCommit(ctx, origin.Remote, "")
		now[flow.OnlyRef] = c.ID
		return origin, now, err
	case flow.ProviderMercurial:
		for _, w := range watchers {
			if now[branchOf(w)], err = h.o.Runner.HgHead(ctx, origin.Remote, branchOf(w)); err != nil {
				return origin, nil, err
			}
		}
		return origin, now, nil
	}
	now, err = h.o.Mirrors.Refs(ctx, origin)
	return origin, now, err
}
