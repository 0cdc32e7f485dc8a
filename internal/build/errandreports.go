package build

import (
	"context"
	"database/sql"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/report"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// ReportGroup reads a report group that the build's role may add reports to. ErrNoReportGroup.
func (e *Errand) ReportGroup(ctx context.Context, name string) (types.ReportGroup, error) {
	if err := e.Permit(ctx, "codebuild:CreateReport", e.s.cfg.Place.ReportGroupARN(name)); err != nil {
		return types.ReportGroup{}, err
	}
	return e.s.ReportGroup(ctx, name)
}

// AddReport stores the build's report in a group, which is made when it is one of the project's own, and says in the build
// that there is one. What a worker has no say in is replaced. ErrNotLeased.
func (e *Errand) AddReport(ctx context.Context, name string, r *types.Report, d Details) error {
	if err := checkReport(name, r, d); err != nil {
		return err
	}
	own := strings.HasPrefix(name, *e.rec.Build.ProjectName+"-")
	g, err := groupFor(ctx, e.s, e.Permit, e.s.cfg.Place.ReportGroupARN(name), own, r.Type)
	if err != nil {
		return err
	}
	id := reportID(e.rec.ID, name)
	nameReport(r, e.s.cfg.Place, g, id, &e.rec.Build)
	for i := range d.Cases {
		d.Cases[i].ReportArn = r.Arn
	}
	for i := range d.Files {
		d.Files[i].ReportARN = r.Arn
	}
	return e.s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		var found string
		// The update comes first because it locks the row.
		err := tx.QueryRow(ctx, `UPDATE remote_builds SET lease = lease WHERE id = $1 AND lease = $2 RETURNING id`, e.rec.ID, e.lease).Scan(&found)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotLeased
		}
		if err == nil {
			err = e.s.addReport(ctx, tx, g, id, r, d)
		}
		if err != nil {
			return err
		}
		rec, err := load(ctx, tx, e.rec.ID)
		if err != nil || slices.Contains(rec.Build.ReportArns, *r.Arn) {
			return err
		}
		rec.Build.ReportArns = append(rec.Build.ReportArns, *r.Arn)
		_, err = save(ctx, tx, e.rec.ID, &rec.Build)
		return err
	})
}

// checkReport refuses what no report of a build can be.
func checkReport(group string, r *types.Report, d Details) error {
	switch {
	case !groupName.MatchString(group):
		return Invalidf("%q cannot be the name of a report group", group)
	case r == nil || r.Type != types.ReportTypeTest && r.Type != types.ReportTypeCodeCoverage:
		return Invalidf("A report is of the type TEST or CODE_COVERAGE")
	case r.Status != types.ReportStatusTypeSucceeded && r.Status != types.ReportStatusTypeFailed && r.Status != types.ReportStatusTypeIncomplete:
		return Invalidf("%q is not what a report can be", r.Status)
	case len(d.Cases) > report.MaxCases || len(d.Files) > report.MaxFiles:
		return Invalidf("A report has at most %d test cases or %d files", report.MaxCases, report.MaxFiles)
	}
	return nil
}

// exports reports whether a key is where the build's report in some group is exported to, as exportReport does.
func (e *Errand) exports(ctx context.Context, bucket, key string) (bool, error) {
	parts := strings.Split(key, "/")
	for i := 0; i+1 < len(parts); i++ {
		id := reportID(e.rec.ID, parts[i])
		if parts[i+1] != id && (parts[i+1] != id+".zip" || i+2 != len(parts)) {
			continue
		}
		g, err := e.s.ReportGroup(ctx, parts[i])
		if errors.Is(err, ErrNoReportGroup) {
			return false, nil
		}
		if err != nil || g.ExportConfig == nil || g.ExportConfig.S3Destination == nil {
			return false, err
		}
		to := g.ExportConfig.S3Destination
		return aws.ToString(to.Bucket) == bucket && strings.HasPrefix(key, path.Join(strings.Trim(aws.ToString(to.Path), "/"), parts[i], id)), nil
	}
	return false, nil
}
