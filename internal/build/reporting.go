package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/archive"
	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/report"
)

// reports reads what the build's tests have left behind. It is done however the commands ended, since a report matters most
// of tests that failed. Whatever goes wrong is said in the log and changes nothing about the build.
func (r *run) reports(ctx context.Context) {
	for _, what := range r.spec.Reports {
		arn, err := r.report(ctx, what)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			r.log.Printf("Warning: there is no report %s: %s", what.Name, reason(err))
			continue
		}
		r.set(func(b *types.Build) {
			if !slices.Contains(b.ReportArns, arn) {
				b.ReportArns = append(b.ReportArns, arn)
			}
		})
	}
}

// reason is what an error says to the author of a buildspec.
func reason(err error) string {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.Message
	}
	return err.Error()
}

// report makes one report: it finds the files, reads and exports them, and stores what they say.
func (r *run) report(ctx context.Context, what buildspec.Report) (arn string, err error) {
	if err := r.expandReport(ctx, &what); err != nil {
		return "", err
	}
	format := report.Format(what.FileFormat)
	g, err := r.reportGroup(ctx, what.Name, format)
	if err != nil {
		return "", err
	}
	c := &collector{root: r.ws.Root(), source: srcDir, see: r.ws.Path, warn: r.log.Printf}
	files, err := c.collect(buildspec.Artifacts{Files: what.Files, BaseDirectory: what.BaseDirectory, DiscardPaths: what.DiscardPaths})
	if err != nil {
		return "", err
	}
	r.log.Printf("Preparing the %s report %s from %d file(s)", g.Type, *g.Name, len(files))
	id := reportID(r.rec.ID, *g.Name)
	rep := types.Report{Truncated: aws.Bool(false)}
	nameReport(&rep, r.s.cfg.Place, g, id, &r.rec.Build)
	details := r.readReports(ctx, format, files, &rep)
	if err := r.exportReport(ctx, g, id, files); err != nil {
		r.log.Printf("Warning: the files of the report %s could not be exported: %s", *g.Name, reason(err))
	}
	err = r.again(ctx, func() error { return r.s.cfg.Reports.AddReport(ctx, g, id, &rep, details) })
	return *rep.Arn, err
}

// reportID is the id of a build's report in a group: a second run of the build replaces the first one's.
func reportID(build, group string) string {
	return uuid.NewSHA1(uuid.MustParse(build), []byte(group)).String()
}

// nameReport says in a report what it is: of which build, in which group.
func nameReport(rep *types.Report, place Place, g types.ReportGroup, id string, b *types.Build) {
	rep.Arn, rep.Name = aws.String(place.ReportARN(*g.Name, id)), aws.String(*g.Name+":"+id)
	rep.ReportGroupArn, rep.Type, rep.ExportConfig = g.Arn, g.Type, g.ExportConfig
	rep.ExecutionId = b.Arn
}

// expandReport replaces variables.
func (r *run) expandReport(ctx context.Context, what *buildspec.Report) error {
	values, err := r.session.Getenv(ctx, buildspec.References(append([]string{what.Name, what.BaseDirectory}, what.Files...)...))
	if err != nil {
		return err
	}
	what.Name, what.BaseDirectory = buildspec.Expand(what.Name, values), buildspec.Expand(what.BaseDirectory, values)
	what.Files = slices.Clone(what.Files)
	for i, f := range what.Files {
		what.Files[i] = buildspec.Expand(f, values)
	}
	return nil
}

// groupName is what a report group may be called.
var groupName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{1,127}$`)

// reportGroup is the group a report belongs to: the one of that ARN, or the project's own of that name, which may be about
// to be made.
func (r *run) reportGroup(ctx context.Context, name string, format report.Format) (types.ReportGroup, error) {
	kind := types.ReportTypeTest
	if format.IsCoverage() {
		kind = types.ReportTypeCodeCoverage
	}
	var own bool
	arn := name
	if own = !strings.HasPrefix(name, "arn:"); own {
		arn = r.s.cfg.Place.ReportGroupARN(*r.rec.Build.ProjectName + "-" + name)
	}
	if name = ReportGroupName(arn); arn != r.s.cfg.Place.ReportGroupARN(name) || !groupName.MatchString(name) {
		return types.ReportGroup{}, clientFailure("%s cannot be the name of a report group", name)
	}
	return groupFor(ctx, r.s.cfg.Reports, r.permit, arn, own, kind)
}

// groupFor is the report group with an ARN, for a report of a kind that permit lets the build add to it. When there is none
// of the project's own it is about to be made.
func groupFor(ctx context.Context, reports Reports, permit func(ctx context.Context, action, arn string) error, arn string, own bool, kind types.ReportType) (types.ReportGroup, error) {
	name := ReportGroupName(arn)
	g, err := reports.ReportGroup(ctx, name)
	switch {
	case errors.Is(err, ErrNoReportGroup) && own:
		if err := permit(ctx, "codebuild:CreateReportGroup", arn); err != nil {
			return g, err
		}
		g = types.ReportGroup{
			Name: aws.String(name), Arn: aws.String(arn), Type: kind,
			ExportConfig: &types.ReportExportConfig{ExportConfigType: types.ReportExportConfigTypeNoExport},
		}
	case err != nil:
		return g, err
	case g.Type != kind:
		return g, clientFailure("the report group %s is of the type %s, and this is a report of the type %s", name, g.Type, kind)
	}
	put := "codebuild:BatchPutTestCases"
	if kind == types.ReportTypeCodeCoverage {
		put = "codebuild:BatchPutCodeCoverages"
	}
	return g, errors.Join(permit(ctx, "codebuild:CreateReport", arn), permit(ctx, put, arn))
}

// permit asks the build's role.
func (r *run) permit(ctx context.Context, action, arn string) error {
	if r.s.cfg.Roles == nil {
		return nil
	}
	return denied(r.s.cfg.Roles.Permit(ctx, action, arn))
}

// readReports reads all files of a report, and says in rep what they add up to. A file that cannot be read leaves the report
// INCOMPLETE.
func (r *run) readReports(ctx context.Context, format report.Format, files []archive.Entry, rep *types.Report) Details {
	rep.Status = types.ReportStatusTypeSucceeded
	var tests report.Tests
	var coverage report.Coverage
	for _, f := range files {
		if ctx.Err() != nil {
			break // the build has been stopped; its report is not stored
		}
		err := r.readFile(f.Path, func(in io.Reader) error {
			if format.IsCoverage() {
				return report.ReadCoverage(format, in, coverage.Add)
			}
			return report.ReadTests(format, in, func(c report.Case) {
				c.File = f.Name
				tests.Add(c)
			})
		})
		if err != nil {
			rep.Status = types.ReportStatusTypeIncomplete
			r.log.Printf("Warning: the report file %s cannot be read as %s: %v", f.Name, format, err)
		}
	}
	if format.IsCoverage() {
		return coverageDetails(&coverage, rep)
	}
	return testDetails(&tests, rep)
}

// readFile opens a file of the workspace. A build's command may still run and put something else in its place, so that
// opening must not wait.
func (r *run) readFile(name string, read func(io.Reader) error) error {
	root, err := os.OpenRoot(r.ws.Root())
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // read only
	f, err := root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return errors.Join(err, fmt.Errorf("%s is not a file", path.Base(name)))
	}
	return read(f)
}
