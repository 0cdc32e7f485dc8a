package build

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// ReportGroupARN names a report group.
func (p Place) ReportGroupARN(name string) string { return p.arn("report-group/" + name) }

// ReportGroupName is the report group's name in a name or an ARN.
func ReportGroupName(nameOrARN string) string {
	if strings.HasPrefix(nameOrARN, "arn:") {
		if _, name, ok := strings.Cut(nameOrARN, ":report-group/"); ok {
			return name
		}
	}
	return nameOrARN
}

// CreateReportGroup stores a report group. ErrReportGroupExists. ARN, status and times are the service's.
func (s *Service) CreateReportGroup(ctx context.Context, g types.ReportGroup) (types.ReportGroup, error) {
	err := s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		created, err := s.addReportGroup(ctx, tx, &g)
		if err == nil && !created {
			err = fmt.Errorf("%w: %s", ErrReportGroupExists, *g.Name)
		}
		return err
	})
	return g, err
}

// addReportGroup stores a report group unless one of its name exists.
func (s *Service) addReportGroup(ctx context.Context, tx store.Tx, g *types.ReportGroup) (created bool, err error) {
	now := tx.Now()
	g.Arn, g.Status = aws.String(s.cfg.Place.ReportGroupARN(*g.Name)), types.ReportGroupStatusTypeActive
	g.Created, g.LastModified = aws.Time(now), aws.Time(now)
	body, err := json.Marshal(g)
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(ctx, `INSERT INTO report_groups (name, body, created_at, modified_at) VALUES ($1, $2, $3, $3)
		ON CONFLICT (name) DO NOTHING`, *g.Name, string(body), store.Micros(now))
	return n == 1, err
}

// UpdateReportGroup changes a report group in one transaction. ErrNoReportGroup.
func (s *Service) UpdateReportGroup(ctx context.Context, name string, change func(*types.ReportGroup) error) (types.ReportGroup, error) {
	var g types.ReportGroup
	err := s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		// The update comes first because it locks the row.
		_, err := tx.Exec(ctx, `UPDATE report_groups SET modified_at = $2 WHERE name = $1`, name, store.Micros(tx.Now()))
		if err != nil {
			return err
		}
		if g, err = reportGroup(ctx, tx, name); err != nil {
			return err
		}
		if err := change(&g); err != nil {
			return err
		}
		g.LastModified = aws.Time(tx.Now())
		body, err := json.Marshal(g)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE report_groups SET body = $2 WHERE name = $1`, name, string(body))
		return err
	})
	return g, err
}

// ReportGroup reads a report group. ErrNoReportGroup.
func (s *Service) ReportGroup(ctx context.Context, name string) (g types.ReportGroup, err error) {
	err = s.cfg.Store.Read(ctx, func(r store.Reader) error {
		g, err = reportGroup(ctx, r, name)
		return err
	})
	return g, err
}

func reportGroup(ctx context.Context, r store.Reader, name string) (g types.ReportGroup, err error) {
	var body string
	err = r.QueryRow(ctx, `SELECT body FROM report_groups WHERE name = $1`, name).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return g, fmt.Errorf("%w: %s", ErrNoReportGroup, name)
	}
	if err != nil {
		return g, err
	}
	if err := json.Unmarshal([]byte(body), &g); err != nil {
		return g, fmt.Errorf("the stored report group %s cannot be read: %w", name, err)
	}
	return g, nil
}

// ListReportGroups returns a page of names and the cursor of the next one, "" at the end.
func (s *Service) ListReportGroups(ctx context.Context, by ProjectOrder, descending bool, after string, limit int) (names []string, next string, err error) {
	return s.listNames(ctx, "report_groups", by, descending, after, limit)
}

// DeleteReportGroup forgets a report group, and its reports when it may. A group that has reports which may not be deleted
// is refused with an *InvalidError. Deleting one that does not exist changes nothing.
func (s *Service) DeleteReportGroup(ctx context.Context, name string, reports bool) error {
	return s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		// The group goes first: a build that stores a report in it waits for its row, and then finds it gone.
		if _, err := tx.Exec(ctx, `DELETE FROM report_groups WHERE name = $1`, name); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `DELETE FROM reports WHERE report_group = $1`, name)
		if err != nil {
			return err
		}
		if n > 0 && !reports {
			return Invalidf("The report group %s has %d reports: delete them first, or set deleteReports to true", name, n)
		}
		_, err = tx.Exec(ctx, `DELETE FROM build_policies WHERE resource = $1`, s.cfg.Place.ReportGroupARN(name))
		return err
	})
}
