package build

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// reportLife is how long a report is kept (AWS: 30 days).
const reportLife = 30 * 24 * time.Hour

// Details are what a report holds: test cases or source files.
type Details struct {
	Cases []types.TestCase     `json:"cases,omitempty"`
	Files []types.CodeCoverage `json:"files,omitempty"`
}

// ReportARN names a report by its group and its uuid.
func (p Place) ReportARN(group, id string) string { return p.arn("report/" + group + ":" + id) }

// ParseReportARN reads the group and the uuid of a report; ok is false when the ARN is not that of one.
func ParseReportARN(arn string) (group, id string, ok bool) {
	_, rest, ok := strings.Cut(arn, ":report/")
	if !ok || !strings.HasPrefix(arn, "arn:") {
		return "", "", false
	}
	group, id, ok = strings.Cut(rest, ":")
	parsed, err := uuid.Parse(id)
	return group, id, ok && group != "" && err == nil && parsed.String() == id
}

// AddReport implements Reports.
func (s *Service) AddReport(ctx context.Context, g types.ReportGroup, id string, r *types.Report, d Details) error {
	return s.cfg.Store.InTx(ctx, func(tx store.Tx) error { return s.addReport(ctx, tx, g, id, r, d) })
}

// addReport stores a report of a group, which is made unless it exists. The same run of a build may store its report again.
func (s *Service) addReport(ctx context.Context, tx store.Tx, g types.ReportGroup, id string, r *types.Report, d Details) error {
	// The update locks the group's row: one that is being deleted is waited for, and made anew.
	n, err := tx.Exec(ctx, `UPDATE report_groups SET name = name WHERE name = $1`, *g.Name)
	if err == nil && n == 0 {
		_, err = s.addReportGroup(ctx, tx, &g)
	}
	if err != nil {
		return err
	}
	now := tx.Now()
	r.Created, r.Expired = aws.Time(now), aws.Time(now.Add(reportLife))
	for i := range d.Cases {
		d.Cases[i].Expired = r.Expired
	}
	for i := range d.Files {
		d.Files[i].Expired = r.Expired
	}
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	details, err := json.Marshal(d)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO reports (id, report_group, status, body, details, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET status = EXCLUDED.status, body = EXCLUDED.body,
		details = EXCLUDED.details, created_at = EXCLUDED.created_at, expires_at = EXCLUDED.expires_at`,
		id, *g.Name, string(r.Status), string(body), string(details), store.Micros(now), store.Micros(*r.Expired))
	return err
}

// Report reads a report by its ARN. ErrNoReport.
func (s *Service) Report(ctx context.Context, arn string) (r types.Report, err error) {
	err = s.readReport(ctx, arn, "body", &r)
	return r, err
}

// ReportDetails reads what a report holds. ErrNoReport.
func (s *Service) ReportDetails(ctx context.Context, arn string) (d Details, err error) {
	err = s.readReport(ctx, arn, "details", &d)
	return d, err
}

func (s *Service) readReport(ctx context.Context, arn, column string, to any) error {
	group, id, ok := ParseReportARN(arn)
	if !ok {
		return fmt.Errorf("%w: %s", ErrNoReport, arn)
	}
	var body string
	err := s.cfg.Store.Read(ctx, func(r store.Reader) error {
		return r.QueryRow(ctx, `SELECT `+column+` FROM reports WHERE id = $1 AND report_group = $2`, id, group).Scan(&body)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: %s", ErrNoReport, arn)
	}
	if err == nil {
		err = json.Unmarshal([]byte(body), to)
	}
	if err != nil {
		return fmt.Errorf("read the report %s: %w", arn, err)
	}
	return nil
}

// ReportQuery chooses reports.
type ReportQuery struct {
	Group     string                 // "": of all groups
	Status    types.ReportStatusType // "": of any
	Ascending bool                   // the oldest first
	After     string                 // the cursor of the page before
	Limit     int
}

// ListReports returns a page of ARNs and the cursor of the next one, "" at the end.
func (s *Service) ListReports(ctx context.Context, q ReportQuery) (arns []string, next string, err error) {
	query, args := `SELECT report_group, id, created_at FROM reports WHERE 1 = 1`, []any{}
	where := func(column, value string) {
		if value != "" {
			args = append(args, value)
			query += fmt.Sprintf(` AND %s = $%d`, column, len(args))
		}
	}
	where("report_group", q.Group)
	where("status", string(q.Status))
	arns, next, err = s.listPage(ctx, query, "created_at", q.Ascending, q.After, q.Limit, args...)
	for i, id := range arns {
		arns[i] = s.cfg.Place.arn("report/" + id)
	}
	return arns, next, err
}

// DeleteReport forgets a report. Deleting one that does not exist changes nothing.
func (s *Service) DeleteReport(ctx context.Context, arn string) error {
	group, id, _ := ParseReportARN(arn)
	return s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM reports WHERE id = $1 AND report_group = $2`, id, group)
		return err
	})
}

// PruneReports forgets the reports whose time is over.
func (s *Service) PruneReports(ctx context.Context, now time.Time) error {
	for {
		var n int64
		err := s.cfg.Store.InTx(ctx, func(tx store.Tx) (err error) {
			n, err = tx.Exec(ctx, `DELETE FROM reports WHERE id IN (SELECT id FROM reports WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`,
				store.Micros(now), pruneBatch)
			return err
		})
		if err != nil || n < pruneBatch {
			return err
		}
	}
}
