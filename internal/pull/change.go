package pull

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// maxOpen is how many pull requests of a repository may be open at once.
const maxOpen = 1000

// NewRequest is a pull request to be opened.
type NewRequest struct {
	Repository, Title, Description string
	Source, Destination            string // branches; "" for the default one as destination
	Author, Token                  string
}

// Create opens a pull request. A repeated request with the same token returns what the first one made. The error for a
// branch that does not exist is gitrepo.ErrNoRef. ErrSameBranch, ErrTooMany, ErrTokenReused, gitrepo.ErrNoRepository.
func (s *Service) Create(ctx context.Context, n NewRequest) (Request, error) {
	asked := mustJSON(n)
	if p, found, err := s.repeated(ctx, n, asked); err != nil || found {
		return p, err
	}
	repo, err := s.repos.Get(ctx, n.Repository)
	if err != nil {
		return Request{}, err
	}
	if n.Destination == "" {
		n.Destination = repo.DefaultBranch
	}
	if n.Source == n.Destination {
		return Request{}, ErrSameBranch
	}
	source, err := s.repos.Head(ctx, n.Repository, n.Source)
	if err != nil {
		return Request{}, err
	}
	destination, err := s.repos.Head(ctx, n.Repository, n.Destination)
	if err != nil {
		return Request{}, err
	}
	p := Request{
		RepositoryID: repo.ID, Repository: repo.Name, Title: n.Title, Description: n.Description, Source: n.Source, Destination: n.Destination,
		SourceCommit: source.ID, DestinationCommit: destination.ID, Open: true, Author: n.Author, Token: n.Token,
	}
	var id int64
	err = s.db.InTx(ctx, func(tx store.Tx) error {
		id, err = s.insert(ctx, tx, p, asked)
		return err
	})
	if store.IsUnique(err) { // the same request, a moment ago
		p, found, err := s.repeated(ctx, n, asked)
		if err == nil && !found {
			err = ErrTokenReused
		}
		return p, err
	}
	if err != nil {
		return Request{}, err
	}
	return s.Get(ctx, id)
}

// repeated finds the pull request that an earlier request with the same token made.
func (s *Service) repeated(ctx context.Context, n NewRequest, asked string) (p Request, found bool, err error) {
	if n.Token == "" {
		return Request{}, false, nil
	}
	var id int64
	var before string
	err = s.db.Read(ctx, func(r store.Reader) error {
		return r.QueryRow(ctx, `SELECT id, request FROM pull_requests WHERE author = $1 AND token = $2`, n.Author, n.Token).Scan(&id, &before)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Request{}, false, nil
	case err != nil:
		return Request{}, false, err
	case before != asked:
		return Request{}, false, ErrTokenReused
	}
	p, err = s.Get(ctx, id)
	return p, true, err
}

// insert stores a new pull request with the rules that templates give it.
func (s *Service) insert(ctx context.Context, tx store.Tx, p Request, asked string) (int64, error) {
	// The row that orders the pushes of a repository: none of them is missed.
	var open int
	if _, err := tx.Exec(ctx, `UPDATE repositories SET name = name WHERE id = $1`, p.RepositoryID); err != nil {
		return 0, err
	}
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM pull_requests WHERE repository_id = $1 AND is_open = 1`, p.RepositoryID).Scan(&open); err != nil {
		return 0, err
	}
	if open >= maxOpen {
		return 0, ErrTooMany
	}
	p.Revision, p.Created = newRevision(), tx.Now()
	err := tx.QueryRow(ctx, `INSERT INTO pull_requests (repository_id, title, description, source, destination, source_commit,
		destination_commit, revision, author, token, request, created_at, active_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) RETURNING id`,
		p.RepositoryID, p.Title, p.Description, p.Source, p.Destination, p.SourceCommit, p.DestinationCommit, p.Revision, p.Author,
		p.Token, asked, store.Micros(p.Created)).Scan(&p.ID)
	if err != nil {
		return 0, err
	}
	if p.Rules, err = applyTemplates(ctx, tx, p); err != nil {
		return 0, err
	}
	created := Event{Kind: EventCreated, Actor: p.Author, EventBody: EventBody{Source: p.SourceCommit, Destination: p.DestinationCommit}}
	if err := s.note(ctx, tx, p, created, ""); err != nil {
		return 0, err
	}
	for _, r := range p.Rules {
		made := Event{Kind: EventRuleCreated, Actor: p.Author, EventBody: EventBody{RuleID: r.ID, RuleName: r.Name, RuleContent: r.Content}}
		if err := s.note(ctx, tx, p, made, ""); err != nil {
			return 0, err
		}
	}
	// A push that was recorded before this row is there told it nothing.
	return p.ID, s.enqueue(ctx, tx, looking{Pull: p.ID})
}

// newRevision makes the id of a revision; it must not be guessed by who has not seen the pull request.
func newRevision() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// SetTitle replaces the title. ErrNoRequest, ErrClosed.
func (s *Service) SetTitle(ctx context.Context, id int64, title string) (Request, error) {
	return s.set(ctx, id, "title", title)
}

// SetDescription replaces the description. ErrNoRequest, ErrClosed.
func (s *Service) SetDescription(ctx context.Context, id int64, description string) (Request, error) {
	return s.set(ctx, id, "description", description)
}

func (s *Service) set(ctx context.Context, id int64, column, value string) (Request, error) {
	err := s.db.InTx(ctx, func(tx store.Tx) error {
		if _, err := lockOpen(ctx, tx, id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE pull_requests SET `+column+` = $2, active_at = $3 WHERE id = $1`, id, value, store.Micros(tx.Now()))
		return err
	})
	if err != nil {
		return Request{}, err
	}
	return s.Get(ctx, id)
}

// Close closes a pull request without merging it. ErrNoRequest, ErrClosed.
func (s *Service) Close(ctx context.Context, id int64, by string) (Request, error) {
	err := s.db.InTx(ctx, func(tx store.Tx) error {
		p, err := lockOpen(ctx, tx, id)
		if err != nil {
			return err
		}
		return s.close(ctx, tx, p, by, nil)
	})
	if err != nil {
		return Request{}, err
	}
	return s.Get(ctx, id)
}

// close closes a locked pull request, merged or not.
func (s *Service) close(ctx context.Context, tx store.Tx, p Request, by string, merged *Merged) error {
	text := ""
	if merged != nil {
		text = mustJSON(merged)
	}
	if _, err := tx.Exec(ctx, `UPDATE pull_requests SET is_open = 0, merged = $2 WHERE id = $1`, p.ID, text); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM pull_merges WHERE pull_id = $1`, p.ID); err != nil {
		return err
	}
	p.Open, p.Merged = false, merged
	if merged != nil {
		if err := s.note(ctx, tx, p, Event{Kind: EventMerged, Actor: by, EventBody: EventBody{Merged: merged}}, p.DestinationCommit); err != nil {
			return err
		}
	}
	return s.note(ctx, tx, p, Event{Kind: EventStatus, Actor: by, EventBody: EventBody{Open: false, Merged: merged}}, p.DestinationCommit)
}

// Pushed lets the pull requests of a branch follow it. It is told of every push, in the transaction that records it.
func (s *Service) Pushed(ctx context.Context, tx store.Tx, push gitrepo.Push) error {
	if push.Branch == "" {
		return nil
	}
	ids, err := int64s(ctx, tx, `SELECT id FROM pull_requests WHERE repository_id = $1 AND is_open = 1 AND (source = $2 OR destination = $2)
		ORDER BY id`, push.RepositoryID, push.Branch)
	if err != nil {
		return err
	}
	for _, id := range ids {
		p, err := lock(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := s.follow(ctx, tx, p, push); err != nil {
			return err
		}
	}
	return nil
}

// follow lets one locked pull request follow a push to one of its branches.
func (s *Service) follow(ctx context.Context, tx store.Tx, p Request, push gitrepo.Push) error {
	switch {
	case !p.Open:
		return nil
	case push.Deleted:
		return s.close(ctx, tx, p, push.PusherArn, nil)
	case push.Branch == p.Source:
		return s.sourceMoved(ctx, tx, p, push.New, push.PusherArn)
	}
	var how string
	err := tx.QueryRow(ctx, `SELECT how FROM pull_merges WHERE pull_id = $1 AND commit_id = $2`, p.ID, push.New).Scan(&how)
	if err == nil { // of several who wanted to merge it as this commit, the pusher is the one who did
		return s.close(ctx, tx, p, push.PusherArn, &Merged{By: push.PusherArn, Commit: push.New, How: How(how)})
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE pull_requests SET destination_commit = $2 WHERE id = $1`, p.ID, push.New); err != nil {
		return err
	}
	return s.enqueue(ctx, tx, looking{Pull: p.ID, Before: push.Old, After: push.New, Pusher: push.PusherArn})
}

// sourceMoved is a new revision of a locked pull request: whoever approved of the one before has not seen this one.
func (s *Service) sourceMoved(ctx context.Context, tx store.Tx, p Request, commit, by string) error {
	if p.SourceCommit == commit {
		return nil
	}
	before := p.SourceCommit
	p.SourceCommit, p.Revision, p.OverriddenBy = commit, newRevision(), ""
	if _, err := tx.Exec(ctx, `UPDATE pull_requests SET source_commit = $2, revision = $3, overridden_by = '' WHERE id = $1`,
		p.ID, p.SourceCommit, p.Revision); err != nil {
		return err
	}
	return s.note(ctx, tx, p, Event{Kind: EventSource, Actor: by, EventBody: EventBody{
		Before: before, Source: commit, Destination: p.DestinationCommit,
	}}, "")
}

// jobLook is the job that looks at the commits of a pull request, which no transaction may do.
const jobLook = "pull.look"

// looking is what a job looks at: whether a push to the destination brought the commits of the source there or, without
// After, whether the branches are where the pull request believes they are.
type looking struct {
	Pull   int64  `json:"pull"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	Pusher string `json:"pusher,omitempty"`
}

func (s *Service) enqueue(ctx context.Context, tx store.Tx, l looking) error {
	_, err := s.queue.Enqueue(ctx, tx, queue.Job{Kind: jobLook, Payload: []byte(mustJSON(l)), Group: fmt.Sprintf("pull %d", l.Pull)})
	return err
}
