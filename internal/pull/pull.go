// Package pull keeps pull requests of hosted repositories: the requests themselves, who approves of them and by which
// rules, what is said about them, and what pipelines say of their commits. It also merges, pull requests and branches
// alike.
//
// A pull request follows its branches by the push events of gitrepo: the change of a branch and that of its pull requests
// are one transaction. A merge is a push, too. What is about to be merged is written down before the branch moves, and the
// event of that very commit closes the pull request; so a crash in between loses nothing, and of two merges, or of a merge
// and a push, exactly one wins.
package pull

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Errors of Service. They are wrapped with what was asked for; test with errors.Is. Those of gitrepo come through.
var (
	ErrNoRequest    = errors.New("pull request does not exist")
	ErrClosed       = errors.New("the pull request is closed")
	ErrTokenReused  = errors.New("the client request token was used for another request")
	ErrSameBranch   = errors.New("source and destination are the same branch")
	ErrTooMany      = errors.New("the repository has too many open pull requests")
	ErrOtherRepo    = errors.New("the pull request belongs to another repository")
	ErrNotCurrent   = errors.New("the revision is not the current one")
	ErrAuthor       = errors.New("the author of a pull request cannot approve of it")
	ErrOverridden   = errors.New("the rules are set aside already")
	ErrSourceMoved  = errors.New("the source branch has another tip")
	ErrConflicts    = errors.New("the merge has conflicts")
	ErrNotForward   = errors.New("the destination has commits of its own, so it cannot be fast-forwarded")
	ErrNoRule       = errors.New("approval rule does not exist")
	ErrRuleExists   = errors.New("an approval rule of that name exists already")
	ErrTooManyRules = errors.New("the pull request has too many approval rules")
	ErrFromTemplate = errors.New("the approval rule comes from a template")
	ErrOtherContent = errors.New("the content is not the one that was expected")
)

// Options tune a Service. The zero value is ready to use.
type Options struct {
	// OnChange is told of every change of a pull request, in its transaction.
	OnChange func(ctx context.Context, tx store.Tx, c Change) error
	// OnComment is told of every comment, in its transaction.
	OnComment func(ctx context.Context, tx store.Tx, c Commented) error
	// OnReaction is told of every reaction to a comment, in its transaction.
	OnReaction func(ctx context.Context, tx store.Tx, r Reacted) error
	// OnTemplate is told of every change of a template of approval rules, in its transaction.
	OnTemplate func(ctx context.Context, tx store.Tx, c TemplateChange) error
	// Now is the clock of merge commits; default time.Now.
	Now func() time.Time
	Log *slog.Logger // default: nothing is logged
}

// Queue is what a Service needs of the queue. Implemented by *queue.Queue.
type Queue interface {
	queue.Enqueuer
	Handle(kind string, h queue.Handler, o queue.Options)
}

// Service is the pull requests. All methods may be called from many goroutines, on any number of servers that share
// database and repositories.
type Service struct {
	db    store.Store
	repos *gitrepo.Store
	queue Queue
	opts  Options
}

// New makes a Service and registers its jobs, before the queue starts.
func New(db store.Store, repos *gitrepo.Store, q Queue, o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Service{db: db, repos: repos, queue: q, opts: o}
	q.Handle(jobLook, s.look, queue.Options{MaxAttempts: 1 << 30})
	return s
}

// Request is a pull request.
type Request struct {
	ID                       int64
	RepositoryID, Repository string
	Title, Description       string
	Source, Destination      string // branches
	// SourceCommit and DestinationCommit are their tips; of a request that is closed, when it was closed.
	SourceCommit, DestinationCommit string
	MergeBase                       string // "" unless Get read it, or when a commit is gone
	Revision                        string
	Open                            bool
	Author                          string // ARN
	Token                           string
	Merged                          *Merged // nil until it is
	OverriddenBy                    string  // ARN of who set the rules aside for this revision; "" when nobody did
	Created, Active                 time.Time
	Rules                           []Rule
}

// Merged is how a pull request was merged.
type Merged struct {
	By     string `json:"by"` // ARN
	Commit string `json:"commit"`
	How    How    `json:"how"`
}

// How is a way to merge, by the name the API gives it.
type How string

// The ways to merge.
const (
	FastForward How = "FAST_FORWARD_MERGE"
	Squash      How = "SQUASH_MERGE"
	ThreeWay    How = "THREE_WAY_MERGE"
)

// Event is something that happened to a pull request.
type Event struct {
	Kind  EventKind
	Actor string // ARN
	At    time.Time
	EventBody
}

// EventKind is what happened, by the name the API gives it.
type EventKind string

// The kinds of events.
const (
	EventCreated         EventKind = "PULL_REQUEST_CREATED"
	EventStatus          EventKind = "PULL_REQUEST_STATUS_CHANGED"
	EventSource          EventKind = "PULL_REQUEST_SOURCE_REFERENCE_UPDATED"
	EventMerged          EventKind = "PULL_REQUEST_MERGE_STATE_CHANGED"
	EventRuleCreated     EventKind = "PULL_REQUEST_APPROVAL_RULE_CREATED"
	EventRuleUpdated     EventKind = "PULL_REQUEST_APPROVAL_RULE_UPDATED"
	EventRuleDeleted     EventKind = "PULL_REQUEST_APPROVAL_RULE_DELETED"
	EventRulesOverridden EventKind = "PULL_REQUEST_APPROVAL_RULE_OVERRIDDEN"
	EventApproval        EventKind = "PULL_REQUEST_APPROVAL_STATE_CHANGED"
)

// EventBody is what is known of an event beside its kind; which members are set depends on that.
type EventBody struct {
	Before      string  `json:"before,omitempty"` // of the source
	Source      string  `json:"source,omitempty"`
	Destination string  `json:"destination,omitempty"`
	Open        bool    `json:"open,omitempty"`
	Merged      *Merged `json:"merged,omitempty"`
	RuleID      string  `json:"ruleId,omitempty"`
	RuleName    string  `json:"ruleName,omitempty"`
	RuleContent string  `json:"ruleContent,omitempty"`
	Revision    string  `json:"revision,omitempty"`
	State       string  `json:"state,omitempty"` // APPROVE, REVOKE, OVERRIDE
}

// Change is an event and the request as it is since.
type Change struct {
	Request Request
	Event   Event
	// DestinationBefore is the destination's tip before a merge.
	DestinationBefore string
}

const requestColumns = `p.id, p.repository_id, r.name, p.title, p.description, p.source, p.destination, p.source_commit,
	p.destination_commit, p.revision, p.is_open, p.author, p.token, p.merged, p.overridden_by, p.created_at, p.active_at`

const requestFrom = ` FROM pull_requests p JOIN repositories r ON r.id = p.repository_id `

func scanRequest(row interface{ Scan(...any) error }) (Request, error) {
	var p Request
	var merged string
	var open int
	var created, active int64
	err := row.Scan(&p.ID, &p.RepositoryID, &p.Repository, &p.Title, &p.Description, &p.Source, &p.Destination, &p.SourceCommit,
		&p.DestinationCommit, &p.Revision, &open, &p.Author, &p.Token, &merged, &p.OverriddenBy, &created, &active)
	if err != nil {
		return Request{}, err
	}
	p.Open, p.Created, p.Active = open == 1, store.FromMicros(created), store.FromMicros(active)
	if merged != "" {
		p.Merged = &Merged{}
		if err := json.Unmarshal([]byte(merged), p.Merged); err != nil {
			return Request{}, fmt.Errorf("how pull request %d was merged is unreadable: %w", p.ID, err)
		}
	}
	return p, nil
}

// request reads one pull request with its rules. ErrNoRequest.
func request(ctx context.Context, r store.Reader, id int64) (Request, error) {
	p, err := scanRequest(r.QueryRow(ctx, `SELECT `+requestColumns+requestFrom+`WHERE p.id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Request{}, noRequest(id)
	}
	if err != nil {
		return Request{}, err
	}
	p.Rules, err = rules(ctx, r, id)
	return p, err
}

func noRequest(id int64) error { return fmt.Errorf("pull request %d: %w", id, ErrNoRequest) }

// lock reads a pull request and keeps others from changing it until tx ends. ErrNoRequest.
func lock(ctx context.Context, tx store.Tx, id int64) (Request, error) {
	n, err := tx.Exec(ctx, `UPDATE pull_requests SET active_at = active_at WHERE id = $1`, id)
	if err == nil && n == 0 {
		err = noRequest(id)
	}
	if err != nil {
		return Request{}, err
	}
	return request(ctx, tx, id)
}

// lockOpen is lock for what only open pull requests allow. ErrClosed.
func lockOpen(ctx context.Context, tx store.Tx, id int64) (Request, error) {
	p, err := lock(ctx, tx, id)
	if err == nil && !p.Open {
		err = fmt.Errorf("pull request %d: %w", id, ErrClosed)
	}
	return p, err
}

// Get reads a pull request. ErrNoRequest.
func (s *Service) Get(ctx context.Context, id int64) (Request, error) {
	var p Request
	err := s.db.Read(ctx, func(r store.Reader) (err error) {
		p, err = request(ctx, r, id)
		return err
	})
	if err != nil {
		return Request{}, err
	}
	p.MergeBase, err = s.base(ctx, p.Repository, p.SourceCommit, p.DestinationCommit)
	return p, err
}

// base is what two commits both build upon, "" when that is nothing or cannot be told any more.
func (s *Service) base(ctx context.Context, repository, a, b string) (string, error) {
	base, err := s.repos.MergeBase(ctx, repository, a, b)
	if errors.Is(err, gitrepo.ErrUnrelated) || errors.Is(err, gitrepo.ErrNoRef) || errors.Is(err, gitrepo.ErrNoRepository) {
		return "", nil
	}
	return base, err
}

// Filter chooses among the pull requests of a repository.
type Filter struct {
	RepositoryID string
	Author       string // "" is anybody
	Open, Closed bool   // both false is both
	Before       int64  // only ids below it; 0 is no bound
}

// List lists ids of pull requests, the newest first.
func (s *Service) List(ctx context.Context, f Filter, limit int) ([]int64, error) {
	query, args := `SELECT id FROM pull_requests WHERE repository_id = $1`, []any{f.RepositoryID}
	add := func(condition string, arg any) {
		args = append(args, arg)
		query += fmt.Sprintf(" AND "+condition+" $%d", len(args))
	}
	if f.Author != "" {
		add("author =", f.Author)
	}
	if f.Open != f.Closed {
		add("is_open =", boolean(f.Open))
	}
	if f.Before > 0 {
		add("id <", f.Before)
	}
	query += fmt.Sprintf(" ORDER BY id DESC LIMIT %d", limit)
	var ids []int64
	err := s.db.Read(ctx, func(r store.Reader) (err error) {
		ids, err = int64s(ctx, r, query, args...)
		return err
	})
	return ids, err
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

func int64s(ctx context.Context, r store.Reader, query string, args ...any) ([]int64, error) {
	rows, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []int64
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, rows.Err()
}

// note records an event, tells the hook, and makes the request active.
func (s *Service) note(ctx context.Context, tx store.Tx, p Request, e Event, destinationBefore string) error {
	e.At = tx.Now()
	if _, err := tx.Exec(ctx, `UPDATE pull_requests SET active_at = $2 WHERE id = $1`, p.ID, store.Micros(e.At)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO pull_events (pull_id, kind, actor, body, at) VALUES ($1, $2, $3, $4, $5)`,
		p.ID, string(e.Kind), e.Actor, mustJSON(e.EventBody), store.Micros(e.At)); err != nil {
		return err
	}
	if s.opts.OnChange == nil {
		return nil
	}
	p.Active = e.At
	return s.opts.OnChange(ctx, tx, Change{Request: p, Event: e, DestinationBefore: destinationBefore})
}

// EventFilter chooses among the events of a pull request.
type EventFilter struct {
	Kind  EventKind // "" is all
	Actor string    // "" is anybody
}

// NumberedEvent is an event with its place in the order.
type NumberedEvent struct {
	Number int64
	Event
	MergeBase string // of Source and Destination
}

// Events lists what happened to a pull request, the newest first, from the event before number before (0: the newest).
// ErrNoRequest.
func (s *Service) Events(ctx context.Context, id int64, f EventFilter, before int64, limit int) ([]NumberedEvent, error) {
	var p Request
	var list []NumberedEvent
	if before == 0 {
		before = 1<<63 - 1
	}
	err := s.db.Read(ctx, func(r store.Reader) (err error) {
		if p, err = request(ctx, r, id); err != nil {
			return err
		}
		list, err = events(ctx, r, id, f, before, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, e := range list {
		if e.Source == "" || e.Destination == "" {
			continue
		}
		if list[i].MergeBase, err = s.base(ctx, p.Repository, e.Source, e.Destination); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func events(ctx context.Context, r store.Reader, id int64, f EventFilter, before int64, limit int) ([]NumberedEvent, error) {
	rows, err := r.Query(ctx, `SELECT id, kind, actor, body, at FROM pull_events
		WHERE pull_id = $1 AND id < $2 AND ($3 = '' OR kind = $3) AND ($4 = '' OR actor = $4) ORDER BY id DESC LIMIT $5`,
		id, before, string(f.Kind), f.Actor, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []NumberedEvent
	for rows.Next() {
		var e NumberedEvent
		var kind, body string
		var at int64
		if err := rows.Scan(&e.Number, &kind, &e.Actor, &body, &at); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(body), &e.EventBody); err != nil {
			return nil, fmt.Errorf("event %d of pull request %d is unreadable: %w", e.Number, id, err)
		}
		e.Kind, e.At = EventKind(kind), store.FromMicros(at)
		list = append(list, e)
	}
	return list, rows.Err()
}

func mustJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil { // plain data always marshals
		panic(err)
	}
	return string(text)
}
