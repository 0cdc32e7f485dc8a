package build

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Errand is what the worker that has a build may do on this server: read the build's sources, store its artifacts, write
// its log, and fetch what its role allows. Everything is done as the build's role.
type Errand struct {
	s     *Service
	rec   record
	lease string // the hash of the token
}

// Errand finds the build that a worker's token is for. ErrNotLeased.
func (s *Service) Errand(ctx context.Context, id, token string) (*Errand, error) {
	e := &Errand{s: s, lease: hashed(token)}
	err := s.cfg.Store.Read(ctx, func(r store.Reader) error {
		var found string
		err := r.QueryRow(ctx, `SELECT id FROM remote_builds WHERE id = $1 AND lease = $2`, id, e.lease).Scan(&found)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotLeased
		}
		if err == nil {
			e.rec, err = load(ctx, r, id)
		}
		return err
	})
	if err == nil && e.rec.Build.BuildComplete {
		err = ErrNotLeased
	}
	return e, err
}

// Acting is ctx for what is done on the errand.
func (e *Errand) Acting(ctx context.Context) context.Context {
	return iam.ActingFor(ctx, roleOf(e.s.cfg.Place, e.rec))
}

// Parameter and Secret fetch what the build's role allows.
func (e *Errand) Parameter(ctx context.Context, name string) (string, error) {
	if e.s.cfg.Secrets == nil {
		return "", ErrNoSecret
	}
	return e.s.cfg.Secrets.Parameter(e.Acting(ctx), name)
}

// Secret is described at Parameter.
func (e *Errand) Secret(ctx context.Context, ref buildspec.SecretRef) (string, error) {
	if e.s.cfg.Secrets == nil {
		return "", ErrNoSecret
	}
	return e.s.cfg.Secrets.Secret(e.Acting(ctx), ref)
}

// Credentials are temporary ones of the build's role; the zero AccessKey when no role limits it.
func (e *Errand) Credentials(ctx context.Context, name string, life time.Duration) (iam.AccessKey, error) {
	if e.s.cfg.Roles == nil {
		return iam.AccessKey{}, nil
	}
	longest := time.Duration(aws.ToInt32(e.rec.Build.TimeoutInMinutes))*time.Minute + afterwards
	return e.s.cfg.Roles.ServiceCredentials(ctx, roleOf(e.s.cfg.Place, e.rec), name, min(life, longest))
}

// EndCredentials ends those that Credentials made.
func (e *Errand) EndCredentials(ctx context.Context, id string) error {
	if e.s.cfg.Roles == nil {
		return nil
	}
	return e.s.cfg.Roles.EndSession(ctx, id)
}

// Permit is nil when the build's role allows action on resource.
func (e *Errand) Permit(ctx context.Context, action, resource string) error {
	if e.s.cfg.Roles == nil {
		return nil
	}
	return denied(e.s.cfg.Roles.Permit(e.Acting(ctx), action, resource))
}

// AppendLog writes lines of the build's log. first is how many lines the worker has handed in before; those that it hands
// in again, because the answer was lost, are written once. ErrNotLeased.
func (e *Errand) AppendLog(ctx context.Context, first int64, lines []string) error {
	if e.s.cfg.WorkerLogs == nil || aws.ToString(e.rec.Build.Logs.GroupName) == "" {
		return nil
	}
	// Lines and their number are stored in one transaction: a crash between them would lose lines, or write them twice.
	return e.s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		var have int64
		// The update comes first because it locks the row.
		err := tx.QueryRow(ctx, `UPDATE remote_builds SET lease = lease WHERE id = $1 AND lease = $2 RETURNING log_lines`, e.rec.ID, e.lease).Scan(&have)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotLeased
		}
		end := first + int64(len(lines))
		if err != nil || end <= have {
			return err
		}
		text := strings.ToValidUTF8(strings.Join(lines[max(0, have-first):], "\n"), replacement) + "\n"
		if err := e.s.cfg.WorkerLogs.AppendLines(ctx, tx, *e.rec.Build.Logs.GroupName, *e.rec.Build.Logs.StreamName, []byte(text)); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE remote_builds SET log_lines = $2 WHERE id = $1`, e.rec.ID, end)
		return err
	})
}
