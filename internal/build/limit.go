package build

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// A project with a concurrentBuildLimit lets so many of its builds into the queue; the others wait, in the order of their
// numbers, without a job. Whoever ends a build, or changes the limit, lets in the next. The project's row is locked
// meanwhile, before those of builds, so that two servers let none in twice and forget none.

// maxWaiting is how many builds of a project may wait.
const maxWaiting = 10_000

const (
	countAdmitted = `SELECT count(*) FROM builds WHERE project = $1 AND status = 'IN_PROGRESS' AND waiting = 0`
	countWaiting  = `SELECT count(*) FROM builds WHERE project = $1 AND waiting = 1 AND number < $2`
)

// mustWait reports whether a new build of a project has to wait. The project's row is locked. *LimitError.
func mustWait(ctx context.Context, tx store.Tx, p types.Project, number int64) (bool, error) {
	if p.ConcurrentBuildLimit == nil {
		return false, nil
	}
	var admitted, waiting int64
	if err := tx.QueryRow(ctx, countAdmitted, *p.Name).Scan(&admitted); err != nil {
		return false, err
	}
	if err := tx.QueryRow(ctx, countWaiting, *p.Name, number).Scan(&waiting); err != nil {
		return false, err
	}
	if waiting >= maxWaiting {
		return false, &LimitError{Message: fmt.Sprintf("Cannot have more than %d builds in queue for the project %s", maxWaiting, *p.Name)}
	}
	return waiting > 0 || admitted >= int64(*p.ConcurrentBuildLimit), nil
}

// enqueue gives a build its job, or offers it to the workers whose labels it asks for.
func (s *Service) enqueue(ctx context.Context, tx store.Tx, b *types.Build, id string) error {
	if labels := s.workersFor(b); len(labels) > 0 {
		return s.offer(ctx, tx, id, labels)
	}
	payload, err := json.Marshal(runPayload{ID: id})
	if err != nil {
		return err
	}
	_, err = s.cfg.Queue.Enqueue(ctx, tx, queue.Job{Kind: JobKind, Payload: payload, Group: *b.ProjectName, Key: id})
	return err
}

// lockLimited locks the row of a project that has a limit; p is nil when it has none or is gone.
func lockLimited(ctx context.Context, tx store.Tx, name string) (p *types.Project, err error) {
	found, err := project(ctx, tx, name)
	if errors.Is(err, ErrNoProject) || err == nil && found.ConcurrentBuildLimit == nil {
		return nil, nil
	}
	if err == nil {
		p, err = lockProject(ctx, tx, name)
	}
	return p, err
}

func lockProject(ctx context.Context, tx store.Tx, name string) (*types.Project, error) {
	var body string
	err := tx.QueryRow(ctx, `UPDATE build_projects SET last_number = last_number WHERE name = $1 RETURNING body`, name).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := decodeProject(body)
	return &p, err
}

// admit lets waiting builds of a project in, as many as its limit has room for: all of them when it has none any more. Its
// row is locked, unless it is gone.
func (s *Service) admit(ctx context.Context, tx store.Tx, name string, p *types.Project) error {
	room := int64(maxWaiting)
	if p != nil && p.ConcurrentBuildLimit != nil {
		var admitted int64
		if err := tx.QueryRow(ctx, countAdmitted, name).Scan(&admitted); err != nil {
			return err
		}
		if room = int64(*p.ConcurrentBuildLimit) - admitted; room <= 0 {
			return nil
		}
	}
	ids, err := store.Strings(ctx, tx, `SELECT id FROM builds WHERE project = $1 AND waiting = 1 ORDER BY number LIMIT $2`, name, room)
	for _, id := range ids {
		if err != nil {
			break
		}
		if _, err = tx.Exec(ctx, `UPDATE builds SET waiting = 0 WHERE id = $1`, id); err != nil {
			break
		}
		var rec record
		if rec, err = load(ctx, tx, id); err == nil {
			err = s.enqueue(ctx, tx, &rec.Build, id)
		}
	}
	return err
}

// admitAll lets in what was missed: a limit that was set or taken away in the moment in which a build ended.
func (s *Service) admitAll(ctx context.Context) error {
	var projects []string
	err := s.cfg.Store.Read(ctx, func(r store.Reader) (err error) {
		projects, err = store.Strings(ctx, r, `SELECT DISTINCT project FROM builds WHERE waiting = 1`)
		return err
	})
	for _, name := range projects {
		if err != nil {
			break
		}
		err = s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
			p, err := lockProject(ctx, tx, name)
			if err != nil {
				return err
			}
			return s.admit(ctx, tx, name, p)
		})
	}
	return err
}

// whyQueued says what a build that has not begun waits for.
func (s *Service) whyQueued(ctx context.Context, r store.Reader, rec *record) (string, error) {
	b := &rec.Build
	if rec.Waiting {
		var before, admitted int64
		if err := r.QueryRow(ctx, countWaiting, *b.ProjectName, *b.BuildNumber).Scan(&before); err != nil {
			return "", err
		}
		if err := r.QueryRow(ctx, countAdmitted, *b.ProjectName).Scan(&admitted); err != nil {
			return "", err
		}
		limit := "has been lifted just now"
		if p, err := project(ctx, r, *b.ProjectName); err == nil && p.ConcurrentBuildLimit != nil {
			limit = fmt.Sprintf("is %d", *p.ConcurrentBuildLimit)
		}
		return fmt.Sprintf("Waiting for %s of this project; its concurrentBuildLimit %s", builds(before+admitted), limit), nil
	}
	if labels := s.workersFor(b); len(labels) > 0 {
		return whyNotTaken(ctx, r, labels)
	}
	var others int64
	err := r.QueryRow(ctx, `SELECT count(*) FROM builds WHERE status = 'IN_PROGRESS' AND started = 0 AND waiting = 0 AND id <> $1
		AND id NOT IN (SELECT id FROM remote_builds)`, rec.ID).Scan(&others)
	return fmt.Sprintf("Waiting for a free build slot, as are %s of all projects, which take turns; each server runs up to %d at once (build-slots)",
		builds(others), s.cfg.Slots), err
}

func builds(n int64) string {
	if n == 1 {
		return "1 other build"
	}
	return fmt.Sprintf("%d other builds", n)
}

// explainQueued writes it into the phase that a build is in.
func (s *Service) explainQueued(ctx context.Context, r store.Reader, rec *record) error {
	if rec.Started || rec.Build.BuildComplete {
		return nil
	}
	why, err := s.whyQueued(ctx, r, rec)
	if err == nil && len(rec.Build.Phases) > 0 {
		last := &rec.Build.Phases[len(rec.Build.Phases)-1]
		last.Contexts = []types.PhaseContext{{StatusCode: aws.String(""), Message: aws.String(why)}}
	}
	return err
}
