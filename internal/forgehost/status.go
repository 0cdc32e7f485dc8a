package forgehost

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/url"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Stepped notes, in the transaction of a step, what is to be shown on commits.
func (h *Host) Stepped(ctx context.Context, tx store.Tx, s flow.Step) error {
	sources := shownOn(s.Definition)
	if len(sources) == 0 {
		return nil
	}
	for i := range s.Announcements {
		a := &s.Announcements[i]
		if a.Action == nil || a.Stage == nil {
			continue
		}
		state, ok := stateOf(a.Action.Status)
		if !ok {
			continue
		}
		status := forge.Status{
			State: state, Context: "conveyor/" + s.Pipeline + "/" + a.Stage.Name + "/" + a.Action.Name,
			Description: describe(a.Action), URL: h.page(s.Pipeline, a.Execution.ID),
		}
		for _, src := range sources {
			if commit := commitOf(&a.Execution, src.Name); commit != "" {
				if err := h.want(ctx, tx, src, commit, status); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// shownOn are the source actions whose commits show how a pipeline's actions stand.
func shownOn(d *pipeline.Definition) []*pipeline.Action {
	var list []*pipeline.Action
	for i := range d.Stages {
		for j := range d.Stages[i].Actions {
			a := &d.Stages[i].Actions[j]
			if a.IsSource() && a.ActionTypeID.Provider == flow.ProviderConnection && a.Configuration["ConveyorCommitStatus"] != "false" {
				list = append(list, a)
			}
		}
	}
	return list
}

func stateOf(s pipeline.Status) (forge.State, bool) {
	switch s {
	case pipeline.StatusInProgress:
		return forge.Pending, true
	case pipeline.StatusSucceeded:
		return forge.Success, true
	case pipeline.StatusFailed, pipeline.StatusStopped, pipeline.StatusAbandoned, pipeline.StatusCancelled:
		return forge.Failure, true
	}
	return "", false
}

func describe(a *engine.ActionExecution) string {
	switch {
	case a.Error != nil && a.Error.Message != "":
		return a.Error.Message
	case a.Summary != "" && a.Status == pipeline.StatusSucceeded:
		return a.Summary
	}
	return a.Reason
}

// commitOf is the commit that an execution has fetched, or is to fetch, of a source action; "" while nobody knows.
func commitOf(e *engine.ExecutionRecord, action string) string {
	for _, r := range e.Revisions {
		if r.Action == action {
			return r.Revision.ID
		}
	}
	for _, o := range e.Overrides {
		if o.ActionName == action {
			return o.RevisionValue
		}
	}
	return ""
}

// page is where a person sees an execution.
func (h *Host) page(pipelineName, execution string) string {
	return h.o.PublicURL + "/conveyor/pipelines/" + url.PathEscape(pipelineName) + "?execution=" + url.QueryEscape(execution)
}

// want notes what is to be shown on a commit and enqueues the job that tells the forge. While such a job waits or runs there
// is no second one: it tells what is wanted by then.
func (h *Host) want(ctx context.Context, tx store.Tx, src *pipeline.Action, commit string, s forge.Status) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	connectionID, repository := split(flow.RemoteResource(src))
	id := digest(connectionID, repository, commit, s.Context)
	_, err = tx.Exec(ctx, `INSERT INTO commit_statuses (id, connection_id, repository, commit_id, context, wanted, shown, problem, updated)
		VALUES ($1, $2, $3, $4, $5, $6, '', '', $7)
		ON CONFLICT (id) DO UPDATE SET wanted = excluded.wanted, updated = excluded.updated`,
		id, connectionID, repository, commit, s.Context, string(text), store.Micros(tx.Now()))
	if err != nil {
		return err
	}
	return h.enqueue(ctx, tx, queue.Job{Kind: jobStatus, Key: id, Group: connectionID}, id)
}

// shownStatus is a row of commit_statuses.
type shownStatus struct{ connection, repository, commit, wanted, shown string }

func readStatus(ctx context.Context, r store.Reader, id string) (s shownStatus, err error) {
	err = r.QueryRow(ctx, `SELECT connection_id, repository, commit_id, wanted, shown FROM commit_statuses WHERE id = $1`, id).
		Scan(&s.connection, &s.repository, &s.commit, &s.wanted, &s.shown)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return s, err
}

// tellStatus tells a forge what is to be shown on a commit.
func (h *Host) tellStatus(ctx context.Context, job queue.Job) (queue.Completion, error) {
	var id string
	if err := json.Unmarshal(job.Payload, &id); err != nil {
		return nil, queue.Permanent(err)
	}
	var s shownStatus
	err := h.o.Store.Read(ctx, func(r store.Reader) (err error) {
		s, err = readStatus(ctx, r, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	problem := ""
	if s.wanted != s.shown {
		if err := h.show(ctx, s); errors.Is(err, forge.ErrUnavailable) || err != nil && ctx.Err() != nil {
			return nil, err
		} else if err != nil {
			h.o.Log.Warn("a commit does not show how an action stands", "repository", s.repository, "commit", s.commit, "error", err)
			problem = err.Error()
		}
	}
	return func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE commit_statuses SET shown = $2, problem = $3 WHERE id = $1`, id, s.wanted, problem); err != nil {
			return err
		}
		now, err := readStatus(ctx, tx, id)
		if err != nil || now.wanted == s.wanted {
			return err
		}
		return h.enqueue(ctx, tx, queue.Job{Kind: jobStatus, Key: id, Group: s.connection}, id)
	}, nil
}

func (h *Host) show(ctx context.Context, s shownStatus) error {
	var status forge.Status
	if err := json.Unmarshal([]byte(s.wanted), &status); err != nil {
		return err
	}
	f, err := h.o.Connections.Forge(ctx, s.connection)
	if err != nil {
		return err
	}
	if err := forge.CheckName(f.Kind(), s.repository); err != nil {
		return err
	}
	return f.SetStatus(ctx, s.repository, s.commit, status)
}

// giveUpStatus notes why a forge could not be told.
func (h *Host) giveUpStatus(ctx context.Context, tx store.Tx, job queue.Job, cause error) error {
	var id string
	if err := json.Unmarshal(job.Payload, &id); err != nil {
		return nil // it never was one
	}
	_, err := tx.Exec(ctx, `UPDATE commit_statuses SET problem = $2 WHERE id = $1`, id, cause.Error())
	return err
}
