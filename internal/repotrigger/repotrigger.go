// Package repotrigger keeps the triggers of repositories: topics and functions that are told of pushes.
//
// A push and the jobs that tell of it are one transaction, so a push that was acknowledged is told of, at least once, also
// after a crash.
package repotrigger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// The events a trigger may be for; All is every one of them.
const (
	All     = "all"
	Created = "createReference"
	Updated = "updateReference"
	Deleted = "deleteReference"
)

// Trigger is one of a repository's, as the API shows it.
type Trigger struct {
	Name        string   `json:"name"`
	Destination string   `json:"destinationArn"` // a topic or a function
	CustomData  string   `json:"customData,omitempty"`
	Branches    []string `json:"branches"` // none: all refs
	Events      []string `json:"events"`
}

// wants tells whether t is for a push.
func (t Trigger) wants(p gitrepo.Push) bool {
	event := Updated
	switch {
	case p.Created:
		event = Created
	case p.Deleted:
		event = Deleted
	}
	if !slices.Contains(t.Events, All) && !slices.Contains(t.Events, event) {
		return false
	}
	return len(t.Branches) == 0 || p.Branch != "" && slices.Contains(t.Branches, p.Branch)
}

// ErrGone is what a Sender wraps when trying again is of no use.
var ErrGone = errors.New("nobody is there to be told")

// Sender hands a message to a topic or a function, which deliver it durably themselves.
type Sender interface {
	Send(ctx context.Context, destination, subject string, message []byte) error
}

// Queue is what a Store needs of the queue. Implemented by *queue.Queue.
type Queue interface {
	queue.Enqueuer
	Handle(kind string, h queue.Handler, o queue.Options)
}

// Options tune a Store. Region is required.
type Options struct {
	Region string
	Log    *slog.Logger // default: nothing is logged
}

// Store keeps triggers. Its methods may be called from many goroutines.
type Store struct {
	db     store.Store
	queue  Queue
	sender Sender
	opts   Options
}

const jobTell = "repository.trigger"

// New makes a Store and registers its jobs, before the queue starts.
func New(db store.Store, q Queue, s Sender, o Options) *Store {
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	t := &Store{db: db, queue: q, sender: s, opts: o}
	q.Handle(jobTell, t.tell, queue.Options{})
	return t
}

// Put replaces the triggers of a repository and returns the id of their new state.
func (s *Store) Put(ctx context.Context, repositoryID string, list []Trigger) (string, error) {
	text, err := json.Marshal(list)
	if err != nil {
		return "", err
	}
	id := uuid.NewString()
	err = s.db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO repository_triggers (repository_id, configuration, triggers) VALUES ($1, $2, $3)
			ON CONFLICT (repository_id) DO UPDATE SET configuration = excluded.configuration, triggers = excluded.triggers`, repositoryID, id, string(text))
		return err
	})
	return id, err
}

// Get reads the triggers of a repository and the id of their state; none when it never had any.
func (s *Store) Get(ctx context.Context, repositoryID string) (id string, list []Trigger, err error) {
	err = s.db.Read(ctx, func(r store.Reader) error {
		id, list, err = read(ctx, r, repositoryID)
		return err
	})
	return id, list, err
}

func read(ctx context.Context, r store.Reader, repositoryID string) (id string, list []Trigger, err error) {
	var text string
	err = r.QueryRow(ctx, `SELECT configuration, triggers FROM repository_triggers WHERE repository_id = $1`, repositoryID).Scan(&id, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &list)
	}
	return id, list, err
}

// telling is the payload of a job.
type telling struct {
	Trigger Trigger
	Record  Record
}

// Pushed enqueues what triggers are to tell of a push, in the transaction that records it.
func (s *Store) Pushed(ctx context.Context, tx store.Tx, p gitrepo.Push) error {
	id, list, err := read(ctx, tx, p.RepositoryID)
	if err != nil {
		return fmt.Errorf("read the triggers of %s: %w", p.Repository, err)
	}
	for _, t := range list {
		if !t.wants(p) {
			continue
		}
		payload, err := json.Marshal(telling{t, s.recordOf(p, t, id)})
		if err != nil {
			return err
		}
		if _, err := s.queue.Enqueue(ctx, tx, queue.Job{Kind: jobTell, Payload: payload, Group: p.Repository}); err != nil {
			return err
		}
	}
	return nil
}

// tell hands a message over. A destination that is gone is not waited for.
func (s *Store) tell(ctx context.Context, job queue.Job) (queue.Completion, error) {
	var t telling
	if err := json.Unmarshal(job.Payload, &t); err != nil {
		return nil, queue.Permanent(err)
	}
	err := s.send(ctx, t.Trigger, t.Record)
	if errors.Is(err, ErrGone) {
		s.opts.Log.WarnContext(ctx, "a trigger could not tell of a push; change its destination with put-repository-triggers",
			"repository", t.Record.Repository, "trigger", t.Trigger.Name, "destination", t.Trigger.Destination, "error", err)
		return nil, nil
	}
	return nil, err
}

func (s *Store) send(ctx context.Context, t Trigger, r Record) error {
	message, err := json.Marshal(Message{[]Record{r}})
	if err != nil {
		return err
	}
	return s.sender.Send(ctx, t.Destination, "UPDATE: AWS CodeCommit "+s.opts.Region+" push: "+nameOf(r.Repository), message)
}

// Test tells the destination of t of a push that never was: that of commit to the first of t's branches, or to branch.
func (s *Store) Test(ctx context.Context, repo gitrepo.Repository, t Trigger, branch, commit string) error {
	if len(t.Branches) > 0 {
		branch = t.Branches[0]
	}
	r := s.recordOf(gitrepo.Push{Arn: repo.Arn, Ref: "refs/heads/" + branch, New: commit}, t, uuid.NewString())
	r.Name = "TriggerEventTest"
	return s.send(ctx, t, r)
}
