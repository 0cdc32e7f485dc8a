package build

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// SetPolicy keeps the resource policy of a project or a report group, by its ARN; "" takes it away. ErrNoProject,
// ErrNoReportGroup, *InvalidError. There is one account: such a policy is given back and shares nothing.
func (s *Service) SetPolicy(ctx context.Context, arn, policy string) error {
	return s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		if policy == "" {
			_, err := tx.Exec(ctx, `DELETE FROM build_policies WHERE resource = $1`, arn)
			return err
		}
		if err := s.shareable(ctx, tx, arn); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO build_policies (resource, policy) VALUES ($1, $2)
			ON CONFLICT (resource) DO UPDATE SET policy = EXCLUDED.policy`, arn, policy)
		return err
	})
}

// shareable finds what a policy would be about.
func (s *Service) shareable(ctx context.Context, r store.Reader, arn string) error {
	kind, name, _ := strings.Cut(strings.TrimPrefix(arn, s.cfg.Place.arn("")), "/")
	var err error
	switch {
	case !strings.HasPrefix(arn, s.cfg.Place.arn("")) || kind != "project" && kind != "report-group":
		err = Invalidf("%s is not the ARN of a project or a report group of this server", arn)
	case kind == "project":
		_, err = project(ctx, r, name)
	default:
		_, err = reportGroup(ctx, r, name)
	}
	return err
}

// Policy reads the resource policy of a project or a report group, "" when it has none. ErrNoProject, ErrNoReportGroup,
// *InvalidError.
func (s *Service) Policy(ctx context.Context, arn string) (policy string, err error) {
	err = s.cfg.Store.Read(ctx, func(r store.Reader) error {
		if err := s.shareable(ctx, r, arn); err != nil {
			return err
		}
		err := r.QueryRow(ctx, `SELECT policy FROM build_policies WHERE resource = $1`, arn).Scan(&policy)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return policy, err
}
