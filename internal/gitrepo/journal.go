package gitrepo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Push is one ref that was created, changed or deleted, by a git client or through the API.
type Push struct {
	EventID      int64  // grows; for one ref, in the order in which it was changed
	ID           string // the push; several refs changed by one push share it
	RepositoryID string
	Repository   string
	Arn          string
	Ref          string // refs/heads/x, refs/tags/x, ...
	Branch, Tag  string // the short name, when Ref is one
	Old, New     string // "" when the ref was created, or deleted
	Created      bool
	Deleted      bool
	PusherArn    string
	At           time.Time
}

// PushHook is told of every push event, in the transaction that records it. An error undoes the record, not the push;
// it is tried again until it works.
type PushHook func(ctx context.Context, tx store.Tx, p Push) error

// OnPush sets the hook. Call it before Recover and before the first push.
func (s *Store) OnPush(h PushHook) { s.onPush = h }

// RefUpdate is a change of a ref that someone wants. Old and New are full ids; "" stands for "does not exist".
type RefUpdate struct{ Ref, Old, New string }

// Intent is a push under way whose updates are in the journal.
//
// The journal works like this. Intend records what a push wants before git may touch a ref. When git has ended, Landed
// turns the updates that happened into push events, and drops the rest, in one transaction; only then the client may be
// told. If the server dies in between, Recover finds the intents and compares them with the refs. A git process that
// outlives the server holds the intent's lock file, so that Recover waits for it.
type Intent struct {
	s     *Store
	repo  Repository
	id    string
	refs  []string
	since time.Time
	lock  *os.File
}

// Intend journals updates of repo's refs by pusher. The caller ends it with Landed, Unknown or Abandon.
func (s *Store) Intend(ctx context.Context, repo Repository, pusher string, updates []RefUpdate) (*Intent, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	in := &Intent{s: s, repo: repo, id: id.String(), since: time.Now()}
	for _, u := range updates {
		in.refs = append(in.refs, u.Ref)
	}
	if in.lock, err = s.lockPush(in.id, os.O_CREATE|os.O_EXCL); err != nil {
		return nil, fmt.Errorf("record push: %w", err)
	}
	err = s.db.InTx(ctx, func(tx store.Tx) error {
		for _, u := range updates {
			if _, err := tx.Exec(ctx, `INSERT INTO push_intents (push_id, repository_id, ref, old_id, new_id, pusher_arn, created_at)
				VALUES ($1, $2, $3, $4, $5, $6, $7)`, in.id, repo.ID, u.Ref, orZero(u.Old), orZero(u.New), pusher, store.Micros(tx.Now())); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		in.release()
		return nil, fmt.Errorf("record push: %w", err)
	}
	return in, nil
}

// Lock is a file for the git process to inherit (exec.Cmd.ExtraFiles): while it lives, nobody else settles the intent.
func (in *Intent) Lock() *os.File { return in.lock }

// Landed records push events for the updates of refs, which happened, and forgets the others, which did not. When it
// returns nil the objects, the refs and the events are durable. After an error the journal keeps trying in the
// background. ErrNoRepository: the repository was deleted meanwhile.
func (in *Intent) Landed(ctx context.Context, refs []string) error {
	ctx = context.WithoutCancel(ctx)
	if len(refs) > 0 {
		if err := in.s.sync(in.repo.ID, refs, in.since); err != nil {
			in.later()
			return fmt.Errorf("sync push: %w", err)
		}
	}
	landed := make(map[string]bool, len(refs))
	for _, r := range refs {
		landed[r] = true
	}
	err := in.s.settle(ctx, in.repo.ID, in.id, anyEvent, func(i intent) outcome { return outcome{happened: landed[i.ref]} })
	if err != nil && !errors.Is(err, ErrNoRepository) {
		in.later()
		return fmt.Errorf("record push: %w", err)
	}
	in.release()
	return err
}

// Unknown settles an intent whose git process did not say what it did, by looking at the refs.
func (in *Intent) Unknown(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if err := in.s.resolve(ctx, in.id); err != nil {
		in.later()
		return fmt.Errorf("record push: %w", err)
	}
	in.release()
	return nil
}

// later leaves the intent to the background.
func (in *Intent) later() {
	in.lock.Close()
	in.s.background(func(ctx context.Context) { in.s.resolveUntilDone(ctx, in.id) })
}

// release gives the lock up and removes its file.
func (in *Intent) release() {
	_ = os.Remove(in.lock.Name()) // what stays is swept later
	in.lock.Close()
}

// lockPush opens and locks the lock file of a push. unix.EWOULDBLOCK: its git process lives.
func (s *Store) lockPush(id string, flags int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(s.dir, pushDir, id), os.O_RDWR|flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// intent is a row of push_intents.
type intent struct {
	id                         int64
	push, ref, old, new, actor string
}

const intentColumns = `id, push_id, ref, old_id, new_id, pusher_arn`

func intents(ctx context.Context, q store.Reader, where string, args ...any) ([]intent, error) {
	rows, err := q.Query(ctx, `SELECT `+intentColumns+` FROM push_intents WHERE `+where+` ORDER BY id`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []intent
	for rows.Next() {
		var i intent
		if err := rows.Scan(&i.id, &i.push, &i.ref, &i.old, &i.new, &i.actor); err != nil {
			return nil, err
		}
		all = append(all, i)
	}
	return all, rows.Err()
}

// outcome is what is known about one intent: that git did it, or what its ref is now, or nothing (it did not happen).
type outcome struct {
	happened bool
	now      string
}

// anyEvent lets settle run whatever was recorded meanwhile.
const anyEvent = -1

// errMoved says that another push of the repository was recorded while the refs were looked at.
var errMoved = errors.New("another push was recorded meanwhile")

// settle turns the intents of one push into events, as far as verdict says that they happened. Every pending update
// that must have happened before, also of other pushes, is recorded first, so that the events of a ref are in the order
// of its changes. When lastEvent is not anyEvent and no longer the repository's last, it does nothing but return
// errMoved.
func (s *Store) settle(ctx context.Context, repositoryID, push string, lastEvent int64, verdict func(intent) outcome) error {
	var before, head string
	err := s.db.InTx(ctx, func(tx store.Tx) error {
		repo, err := s.scan(tx.QueryRow(ctx, `UPDATE repositories SET pushed_at = $2 WHERE id = $1 RETURNING `+columns,
			repositoryID, store.Micros(tx.Now())))
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("repository with id %s: %w", repositoryID, ErrNoRepository)
		}
		if err != nil {
			return err
		}
		before = repo.DefaultBranch
		if lastEvent != anyEvent {
			if now, err := lastEventOf(ctx, tx, repo.ID); err != nil || now != lastEvent {
				return errors.Join(err, errMoved)
			}
		}
		mine, err := intents(ctx, tx, `push_id = $1`, push)
		if err != nil {
			return err
		}
		for _, i := range mine {
			happened, err := history(ctx, tx, repo.ID, i, verdict(i))
			if err != nil {
				return err
			}
			for _, h := range happened {
				if err := s.record(ctx, tx, &repo, h); err != nil {
					return err
				}
			}
		}
		head = repo.DefaultBranch
		_, err = tx.Exec(ctx, `DELETE FROM push_intents WHERE push_id = $1`, push)
		return err
	})
	if err != nil {
		return err
	}
	if head != before {
		return s.moveHead(ctx, repositoryID)
	}
	return s.pointHead(ctx, repositoryID, head)
}

// lastEventOf is the id of the newest event of a repository, 0 when there is none.
func lastEventOf(ctx context.Context, q store.Reader, repositoryID string) (id int64, err error) {
	err = q.QueryRow(ctx, `SELECT coalesce(max(id), 0) FROM push_events WHERE repository_id = $1`, repositoryID).Scan(&id)
	return id, err
}

// history is which pending updates of own's ref have happened since the last recorded one, oldest first.
func history(ctx context.Context, tx store.Tx, repositoryID string, own intent, o outcome) ([]intent, error) {
	if !o.happened && o.now == "" {
		return nil, nil
	}
	pending, err := intents(ctx, tx, `repository_id = $1 AND ref = $2`, repositoryID, own.ref)
	if err != nil {
		return nil, err
	}
	others := slices.DeleteFunc(slices.Clone(pending), func(i intent) bool { return i == own })
	settled := len(others) == len(pending) // a later update of the ref was settled first and has recorded this one
	if o.happened && settled {
		return nil, nil
	}
	last := zeroID
	err = tx.QueryRow(ctx, `SELECT new_id FROM push_events WHERE repository_id = $1 AND ref = $2 ORDER BY id DESC LIMIT 1`,
		repositoryID, own.ref).Scan(&last)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	switch {
	case o.happened:
		path := append(chain(others, last, own.old), own)
		if last == own.new && path[0].old != last {
			return nil, nil // somebody who wanted the same looked at the ref, and has recorded it as another's
		}
		return path, nil
	case !settled: // that one did not hear from git that it was its own doing: if others wanted the same, it was theirs
		others = append(others, own)
	}
	return chain(others, last, o.now), nil
}

// chain is the updates that led from last to value: each one's new value is the next one's old value.
func chain(pending []intent, last, value string) []intent {
	var found []intent
	for value != last {
		k := slices.IndexFunc(pending, func(i intent) bool { return i.new == value })
		if k < 0 {
			break
		}
		found = append(found, pending[k])
		value = pending[k].old
		pending = slices.Delete(slices.Clone(pending), k, k+1)
	}
	slices.Reverse(found)
	return found
}

// record turns one intent into an event and tells the hook.
func (s *Store) record(ctx context.Context, tx store.Tx, repo *Repository, i intent) error {
	p := Push{
		ID: i.push, RepositoryID: repo.ID, Repository: repo.Name, Arn: repo.Arn, Ref: i.ref, Old: orNone(i.old), New: orNone(i.new),
		PusherArn: i.actor, At: tx.Now(),
	}
	p.describe()
	err := tx.QueryRow(ctx, `INSERT INTO push_events (push_id, repository_id, ref, old_id, new_id, pusher_arn, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id`,
		i.push, repo.ID, i.ref, i.old, i.new, i.actor, store.Micros(p.At)).Scan(&p.EventID)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM push_intents WHERE id = $1`, i.id); err != nil {
		return err
	}
	if p.Branch != "" && !p.Deleted && repo.DefaultBranch == "" {
		repo.DefaultBranch = p.Branch
		if _, err := tx.Exec(ctx, `UPDATE repositories SET default_branch = $2 WHERE id = $1`, repo.ID, p.Branch); err != nil {
			return err
		}
	}
	if s.onPush == nil {
		return nil
	}
	return s.onPush(ctx, tx, p)
}

// describe fills in what follows from Ref, Old and New.
func (p *Push) describe() {
	p.Branch, _ = strings.CutPrefix(p.Ref, "refs/heads/")
	if p.Branch == p.Ref {
		p.Branch = ""
	}
	p.Tag, _ = strings.CutPrefix(p.Ref, "refs/tags/")
	if p.Tag == p.Ref {
		p.Tag = ""
	}
	p.Created, p.Deleted = p.Old == "", p.New == ""
}

// Pushes lists recorded push events of a repository, oldest first, from the one after event id after.
func (s *Store) Pushes(ctx context.Context, repository string, after int64, limit int) ([]Push, error) {
	repo, err := s.Get(ctx, repository)
	if err != nil {
		return nil, err
	}
	var all []Push
	err = s.db.Read(ctx, func(q store.Reader) error {
		all = nil
		rows, err := q.Query(ctx, `SELECT id, push_id, ref, old_id, new_id, pusher_arn, created_at FROM push_events
			WHERE repository_id = $1 AND id > $2 ORDER BY id LIMIT $3`, repo.ID, after, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			p := Push{RepositoryID: repo.ID, Repository: repo.Name, Arn: repo.Arn}
			var at int64
			if err := rows.Scan(&p.EventID, &p.ID, &p.Ref, &p.Old, &p.New, &p.PusherArn, &at); err != nil {
				return err
			}
			p.Old, p.New, p.At = orNone(p.Old), orNone(p.New), store.FromMicros(at)
			p.describe()
			all = append(all, p)
		}
		return rows.Err()
	})
	return all, err
}

func orZero(id string) string {
	if id == "" {
		return zeroID
	}
	return id
}

func orNone(id string) string {
	if id == zeroID {
		return ""
	}
	return id
}
