// Package codebuild is the CodeBuild API: one method per operation, in the shape of the SDK's client. What a build does
// is decided in internal/build; here requests are checked, completed with AWS's defaults and refused with AWS's
// exceptions.
package codebuild

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/remote"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Service answers the operations of CodeBuild.
type Service struct {
	store  store.Store
	builds *build.Service
	Options
}

// Options are the rooms beside those of builds. Remotes is required.
type Options struct {
	Place   awsapi.Place
	Remotes *remote.Service
	Images  []Image // what ListCuratedEnvironmentImages lists
}

// New makes a Service over the projects and builds of b.
func New(st store.Store, b *build.Service, o Options) *Service {
	o.Place = o.Place.WithDefaults()
	return &Service{store: st, builds: b, Options: o}
}

// API lists the operations that are served; the others are unknown operations to the dispatcher.
func (s *Service) API() awsapi.API {
	return awsapi.NewJSON(
		"codebuild", "CodeBuild_20161006",
		awsapi.Handle(s.CreateProject),
		awsapi.Handle(s.UpdateProject),
		awsapi.Handle(s.DeleteProject),
		awsapi.Handle(s.BatchGetProjects),
		awsapi.Handle(s.ListProjects),
		awsapi.Handle(s.InvalidateProjectCache),
		awsapi.Handle(s.StartBuild),
		awsapi.Handle(s.StopBuild),
		awsapi.Handle(s.RetryBuild),
		awsapi.Handle(s.BatchGetBuilds),
		awsapi.Handle(s.BatchDeleteBuilds),
		awsapi.Handle(s.ListBuilds),
		awsapi.Handle(s.ListBuildsForProject),
		awsapi.Handle(s.StartBuildBatch),
		awsapi.Handle(s.StopBuildBatch),
		awsapi.Handle(s.RetryBuildBatch),
		awsapi.Handle(s.DeleteBuildBatch),
		awsapi.Handle(s.BatchGetBuildBatches),
		awsapi.Handle(s.ListBuildBatches),
		awsapi.Handle(s.ListBuildBatchesForProject),
		awsapi.Handle(s.UpdateProjectVisibility),
		awsapi.Handle(s.ListSharedProjects),
		awsapi.Handle(s.CreateFleet),
		awsapi.Handle(s.UpdateFleet),
		awsapi.Handle(s.DeleteFleet),
		awsapi.Handle(s.BatchGetFleets),
		awsapi.Handle(s.ListFleets),
		awsapi.Handle(s.CreateWebhook),
		awsapi.Handle(s.UpdateWebhook),
		awsapi.Handle(s.DeleteWebhook),
		awsapi.Handle(s.ListCuratedEnvironmentImages),
		awsapi.Handle(s.ImportSourceCredentials),
		awsapi.Handle(s.ListSourceCredentials),
		awsapi.Handle(s.DeleteSourceCredentials),
		awsapi.Handle(s.CreateReportGroup),
		awsapi.Handle(s.UpdateReportGroup),
		awsapi.Handle(s.DeleteReportGroup),
		awsapi.Handle(s.BatchGetReportGroups),
		awsapi.Handle(s.ListReportGroups),
		awsapi.Handle(s.ListSharedReportGroups),
		awsapi.Handle(s.GetReportGroupTrend),
		awsapi.Handle(s.BatchGetReports),
		awsapi.Handle(s.ListReports),
		awsapi.Handle(s.ListReportsForReportGroup),
		awsapi.Handle(s.DeleteReport),
		awsapi.Handle(s.DescribeTestCases),
		awsapi.Handle(s.DescribeCodeCoverages),
		awsapi.Handle(s.PutResourcePolicy),
		awsapi.Handle(s.GetResourcePolicy),
		awsapi.Handle(s.DeleteResourcePolicy),
	)
}

// exception turns an error of package build into AWS's exception; any other error stays a failure of the server.
func exception(err error) error {
	if e, ok := errors.AsType[*build.InvalidError](err); ok {
		return &types.InvalidInputException{Message: aws.String(e.Message)}
	}
	if e, ok := errors.AsType[*build.LimitError](err); ok {
		return &types.AccountLimitExceededException{Message: aws.String(e.Message)}
	}
	if e, ok := errors.AsType[*remote.ForgeError](err); ok {
		return &types.OAuthProviderException{Message: aws.String(e.Message)}
	}
	switch {
	case errors.Is(err, build.ErrNoProject):
		return &types.ResourceNotFoundException{Message: aws.String("Project cannot be found: " + detail(err))}
	case errors.Is(err, build.ErrNoBuild):
		return &types.ResourceNotFoundException{Message: aws.String("Build cannot be found: " + detail(err))}
	case errors.Is(err, build.ErrNoBatch):
		return &types.ResourceNotFoundException{Message: aws.String("Build batch cannot be found: " + detail(err))}
	case errors.Is(err, build.ErrProjectExists):
		return &types.ResourceAlreadyExistsException{Message: aws.String("Project already exists: " + detail(err))}
	case errors.Is(err, remote.ErrNoWebhook):
		return &types.ResourceNotFoundException{Message: aws.String("Webhook cannot be found: the project has none")}
	case errors.Is(err, remote.ErrWebhookExists):
		return &types.ResourceAlreadyExistsException{Message: aws.String("Webhook already exists for the project " + detail(err))}
	case errors.Is(err, remote.ErrCredentialExists):
		return &types.ResourceAlreadyExistsException{Message: aws.String("Source credentials exist already for " + detail(err) + "; give shouldOverwrite to replace them")}
	case errors.Is(err, remote.ErrNoCredential):
		return &types.ResourceNotFoundException{Message: aws.String("Source credentials cannot be found: " + detail(err))}
	case errors.Is(err, build.ErrReportGroupExists):
		return &types.ResourceAlreadyExistsException{Message: aws.String("Report group already exists: " + detail(err))}
	case errors.Is(err, build.ErrNoReportGroup):
		return &types.ResourceNotFoundException{Message: aws.String("Report group cannot be found: " + detail(err))}
	case errors.Is(err, build.ErrNoReport):
		return &types.ResourceNotFoundException{Message: aws.String("Report cannot be found: " + detail(err))}
	}
	return err
}

// detail is the name at the end of an error of package build.
func detail(err error) string {
	text := err.Error()
	if _, name, ok := strings.Cut(text, ": "); ok {
		return name
	}
	return text
}

// mine refuses the ids of builds that belong to a pipeline itself: whoever may use CodeBuild may not therefore read, stop
// or delete what CodePipeline runs.
func mine(id string) error {
	if build.OfPipeline(id) {
		return fmt.Errorf("%w: %s", build.ErrNoBuild, id)
	}
	return nil
}

func invalid(format string, args ...any) error { return exception(build.Invalidf(format, args...)) }

// initiator is who starts a build, as builds show it: the user's name, or role/session.
func initiator(ctx context.Context) string {
	id := awsapi.Caller(ctx)
	if id.Root {
		return "root"
	}
	if i := strings.LastIndex(id.Arn, ":"); i >= 0 {
		name := id.Arn[i+1:]
		for _, kind := range []string{"user/", "assumed-role/"} {
			name = strings.TrimPrefix(name, kind)
		}
		return name
	}
	return ""
}

func orderOf(o types.SortOrderType, otherwise bool) (ascending bool) {
	switch o {
	case types.SortOrderTypeAscending:
		return true
	case types.SortOrderTypeDescending:
		return false
	}
	return otherwise
}

// pageToken is nil at the end of a list.
func pageToken(next string) *string {
	if next == "" {
		return nil
	}
	return aws.String(next)
}
