package build

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Builds whose environment has the variable LabelsVariable, or a fleet, are for workers on other machines that have all its
// labels, and the fleet's name for one.
// Such a build has a row in remote_builds instead of a queued job. A worker takes it for as long as it says, again and
// again, that it lives; once it has not for RemoteLease the build is anybody's again. What a worker may do is bound to the
// token it got with the build, which ends with the lease.
const (
	// LabelsVariable is the variable whose value, labels with commas between them, keeps a build for workers.
	LabelsVariable = "ConveyorLabels"
	// RemoteLease is how long a worker may be out of reach before its build is given to another.
	RemoteLease = 20 * time.Second
	// RemoteChannel is where servers hear that there is a build for a worker.
	RemoteChannel = "builds_remote"

	maxRemoteRuns = 3 // a build that takes workers with it is given up after that many
	maxOffers     = 200
)

// ErrNotLeased says that a build is not, or no longer, the worker's that asks.
var ErrNotLeased = errors.New("the build is not leased to this worker")

// Assignment is a build as a worker gets it: enough to run it, and nothing of whoever waits for it.
type Assignment struct {
	ID       string          `json:"id"`
	Token    string          `json:"token"`
	Build    json.RawMessage `json:"build"`
	Settings json.RawMessage `json:"settings"`
	Place    Place           `json:"place"`
	Attempt  int             `json:"attempt"` // 1 for the first worker that has it
}

// offer makes a build wait for a worker.
func (s *Service) offer(ctx context.Context, tx store.Tx, id string, labels []string) error {
	_, err := tx.Exec(ctx, `INSERT INTO remote_builds (id, labels, created_at) VALUES ($1, $2, $3)`, id, strings.Join(labels, ","), store.Micros(tx.Now()))
	if err != nil {
		return err
	}
	return s.cfg.Store.Notify(ctx, tx, RemoteChannel)
}

// Take gives a worker the oldest build that waits and that its labels suffice for; false when there is none.
func (s *Service) Take(ctx context.Context, worker string, labels []string) (a Assignment, found bool, err error) {
	err = s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		a, found = Assignment{}, false
		id, err := waiting(ctx, tx, labels)
		if err != nil || id == "" {
			return err
		}
		token := rand.Text()
		var attempt int
		err = tx.QueryRow(ctx, `UPDATE remote_builds SET worker = $2, lease = $3, lease_until = $4, attempt = attempt + 1, log_lines = 0
			WHERE id = $1 AND worker = '' RETURNING attempt`, id, worker, hashed(token), store.Micros(tx.Now().Add(s.lease))).Scan(&attempt)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // another worker was faster
		}
		if err != nil {
			return err
		}
		rec, err := load(ctx, tx, id)
		if err != nil {
			return err
		}
		if _, err := save(ctx, tx, id, &rec.Build); err != nil { // it counts as started from now on
			return err
		}
		a, err = s.assignment(rec, token)
		a.Attempt, found = attempt, err == nil
		return err
	})
	return a, found, err
}

// waiting is the id of the oldest build that nobody runs and that labels suffice for.
func waiting(ctx context.Context, r store.Reader, labels []string) (string, error) {
	rows, err := r.Query(ctx, `SELECT r.id, r.labels FROM remote_builds r JOIN builds b ON b.id = r.id
		WHERE r.worker = '' AND b.status = 'IN_PROGRESS' AND b.stop = 0 ORDER BY r.created_at, r.id LIMIT $1`, maxOffers)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	for rows.Next() {
		var id, asked string
		if err := rows.Scan(&id, &asked); err != nil {
			return "", err
		}
		if offers(labels, strings.Split(asked, ",")) {
			return id, nil
		}
	}
	return "", rows.Err()
}

func (s *Service) assignment(rec record, token string) (a Assignment, err error) {
	a = Assignment{ID: rec.ID, Token: token, Place: s.cfg.Place}
	rec.Settings.OnFinish, rec.Build.AutoRetryConfig = nil, nil
	if a.Build, err = json.Marshal(rec.Build); err == nil {
		a.Settings, err = json.Marshal(rec.Settings)
	}
	return a, err
}

func hashed(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Renew keeps a build with its worker, stores its state, and reports whether somebody asked to stop it. ErrNotLeased.
func (s *Service) Renew(ctx context.Context, id, token string, state *types.Build) (stop bool, err error) {
	err = s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE remote_builds SET lease_until = $3 WHERE id = $1 AND lease = $2`,
			id, hashed(token), store.Micros(tx.Now().Add(s.lease)))
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNotLeased
		}
		rec, err := load(ctx, tx, id)
		if err != nil {
			return err
		}
		if rec.Build.BuildComplete {
			return ErrNotLeased
		}
		stop = rec.Stop
		if state == nil {
			return nil
		}
		told := ended(&rec.Build)
		b := progressOf(rec.Build, state)
		if _, err := save(ctx, tx, id, &b); err != nil {
			return err
		}
		return s.tell(ctx, tx, rec.Settings, &b, told, false)
	})
	return stop, err
}

// FinishRemote stores the end of a build that its worker reports. ErrNotLeased.
func (s *Service) FinishRemote(ctx context.Context, id, token string, end *types.Build) error {
	if !end.BuildComplete || end.BuildStatus == types.StatusTypeInProgress {
		return Invalidf("the build has not ended")
	}
	return s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM remote_builds WHERE id = $1 AND lease = $2`, id, hashed(token))
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNotLeased
		}
		rec, err := load(ctx, tx, id)
		if err != nil {
			return err
		}
		b := progressOf(rec.Build, end)
		_, err = s.finish(ctx, tx, rec, &b, ended(&rec.Build))
		return err
	})
}

// progressOf is a build with what a worker may change of it: how far it is, and what it made.
func progressOf(b types.Build, from *types.Build) types.Build {
	b.BuildStatus, b.BuildComplete, b.EndTime = from.BuildStatus, from.BuildComplete, from.EndTime
	b.CurrentPhase, b.Phases = from.CurrentPhase, from.Phases
	b.ResolvedSourceVersion, b.ExportedEnvironmentVariables = from.ResolvedSourceVersion, from.ExportedEnvironmentVariables
	b.Artifacts, b.SecondaryArtifacts = from.Artifacts, from.SecondaryArtifacts
	return b
}

// GiveBack lets another worker have a build whose worker is about to end. It does not count as a run.
func (s *Service) GiveBack(ctx context.Context, id, token string) error {
	return s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE remote_builds SET attempt = attempt - 1 WHERE id = $1 AND lease = $2`, id, hashed(token))
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNotLeased
		}
		return s.release(ctx, tx, id)
	})
}

// release takes a build from its worker and back to the queue.
func (s *Service) release(ctx context.Context, tx store.Tx, id string) error {
	if _, err := tx.Exec(ctx, `UPDATE remote_builds SET worker = '', lease = '', lease_until = 0 WHERE id = $1`, id); err != nil {
		return err
	}
	rec, err := load(ctx, tx, id)
	if err != nil {
		return err
	}
	if rec.Stop {
		return s.endQueued(ctx, tx, rewound(rec), types.StatusTypeStopped, nil)
	}
	rec = rewound(rec)
	if _, err := save(ctx, tx, id, &rec.Build); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE builds SET started = 0 WHERE id = $1`, id); err != nil { // it waits as one that never ran
		return err
	}
	return s.cfg.Store.Notify(ctx, tx, RemoteChannel)
}

func rewound(rec record) record {
	rewind(&rec.Build)
	rec.Build.CurrentPhase = aws.String(string(buildspec.Queued))
	return rec
}

// loseWorkers takes builds from workers that are out of reach, and forgets the rows of builds that have ended.
func (s *Service) loseWorkers(ctx context.Context) error {
	var lost []string
	var stale int64
	err := s.cfg.Store.Read(ctx, func(r store.Reader) (err error) {
		if lost, err = store.Strings(ctx, r, `SELECT id FROM remote_builds WHERE worker <> '' AND lease_until < $1 LIMIT 100`, store.Micros(r.Now())); err != nil {
			return err
		}
		return r.QueryRow(ctx, `SELECT count(*) FROM remote_builds r JOIN builds b ON b.id = r.id WHERE b.status <> 'IN_PROGRESS'`).Scan(&stale)
	})
	for _, id := range lost {
		err = errors.Join(err, s.cfg.Store.InTx(ctx, func(tx store.Tx) error { return s.loseWorker(ctx, tx, id) }))
	}
	if err != nil || stale == 0 {
		return err
	}
	return s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM remote_builds WHERE id IN (SELECT id FROM builds WHERE status <> 'IN_PROGRESS')`)
		return err
	})
}

func (s *Service) loseWorker(ctx context.Context, tx store.Tx, id string) error {
	var worker string
	var attempt int
	// The update comes first because it locks the row.
	err := tx.QueryRow(ctx, `UPDATE remote_builds SET log_lines = 0 WHERE id = $1 AND worker <> '' AND lease_until < $2 RETURNING worker, attempt`,
		id, store.Micros(tx.Now())).Scan(&worker, &attempt)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	rec, err := load(ctx, tx, id)
	if err != nil || rec.Build.BuildComplete {
		return err
	}
	s.cfg.Log.Warn("a worker is out of reach; its build starts again elsewhere", "worker", worker, "build", id, "attempt", attempt)
	if attempt < maxRemoteRuns || rec.Stop {
		return s.release(ctx, tx, id)
	}
	why := fmt.Sprintf("the build was given up: %d workers that ran it were lost, at last %s, which did not answer for %s", attempt, worker, s.lease)
	rec = rewound(rec)
	p := newProgress(&rec.Build, tx.Now)
	p.leave(types.StatusTypeSucceeded, nil)
	p.enter(buildspec.Provisioning)
	p.leave(types.StatusTypeFault, &Failure{Code: codeInternal, Message: why})
	p.complete(types.StatusTypeFault)
	_, err = s.finish(ctx, tx, rec, p.build, submitted)
	return err
}
