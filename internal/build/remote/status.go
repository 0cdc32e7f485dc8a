package remote

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// jobStatus is the queued job that shows on a commit how a build stands.
const jobStatus = "build.status"

// statusTries is how often a forge is told that does not answer.
const statusTries = 12

// reported is a build whose commit shows how it stands.
type reported struct {
	ID    string `json:"id"`
	Group string `json:"group,omitempty"` // in its batch, whose builds are of one commit
}

// Changed notes, in the transaction of the change, that the commit of a build is to show how it stands, when its project wants
// that.
func (s *Service) Changed(ctx context.Context, tx store.Tx, c build.Change) error {
	src := c.Build.Source
	if src == nil || !build.IsRemote(src.Type) || !aws.ToBool(src.ReportBuildStatus) || c.Build.ResolvedSourceVersion == nil {
		return nil
	}
	known := c.State && c.Build.BuildComplete
	for _, p := range c.Ended {
		known = known || p.PhaseType == types.BuildPhaseTypeDownloadSource
	}
	if !known {
		return nil
	}
	payload, err := json.Marshal(reported{*c.Build.Id, c.Group})
	if err != nil {
		return err
	}
	_, err = s.jobs.Enqueue(ctx, tx, queue.Job{Kind: jobStatus, Key: *c.Build.Id, Payload: payload, Group: *c.Build.ProjectName})
	return err
}

// tellStatus tells the forge how a build stands now, which may be later than when the job was made.
func (s *Service) tellStatus(ctx context.Context, job queue.Job) (queue.Completion, error) {
	var r reported
	if err := json.Unmarshal(job.Payload, &r); err != nil {
		return nil, queue.Permanent(err)
	}
	b, err := s.builds.Get(ctx, r.ID)
	if errors.Is(err, build.ErrNoBuild) {
		return nil, nil
	}
	if err == nil {
		err = s.show(ctx, &b, r.Group)
	}
	if err != nil && (errors.Is(err, forge.ErrUnavailable) || ctx.Err() != nil) {
		return nil, err
	}
	if err != nil {
		s.o.Log.Warn("a commit does not show how a build stands", "build", r.ID, "error", err)
	}
	return func(ctx context.Context, tx store.Tx) error {
		// The end of the build could not make a job of its own beside this one.
		now, err := s.builds.Get(ctx, r.ID)
		if err != nil || now.BuildStatus == b.BuildStatus {
			return nil //nolint:nilerr // what was deleted meanwhile is shown nowhere
		}
		_, err = s.jobs.Enqueue(ctx, tx, queue.Job{Kind: jobStatus, Key: r.ID, Payload: job.Payload, Group: job.Group})
		return err
	}, nil
}

func (s *Service) show(ctx context.Context, b *types.Build, group string) error {
	f, at, err := s.signedIn(ctx, b.Source)
	if err != nil || f == nil {
		return errors.Join(err, errors.New("there are no credentials to report with"))
	}
	status := forge.Status{
		State: forge.Failure, Context: "AWS CodeBuild " + s.o.Region + " (" + *b.ProjectName + ")",
		Description: "Build " + *b.Id + ": " + string(b.BuildStatus), URL: s.o.PublicURL + "/conveyor/builds/" + *b.Id,
	}
	switch b.BuildStatus {
	case types.StatusTypeInProgress:
		status.State = forge.Pending
	case types.StatusTypeSucceeded:
		status.State = forge.Success
	}
	if c := b.Source.BuildStatusConfig; c != nil {
		if aws.ToString(c.Context) != "" {
			status.Context = *c.Context
		}
		if aws.ToString(c.TargetUrl) != "" {
			status.URL = *c.TargetUrl
		}
	}
	if group != "" {
		status.Context += " " + group
	}
	return f.SetStatus(ctx, at.Repository, aws.ToString(b.ResolvedSourceVersion), status)
}
