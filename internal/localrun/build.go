package localrun

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/worktree"
)

const (
	buildStage   = "Build"    // the directory of a single build's artifacts
	primaryName  = "Artifact" // and, in it, of the one that has no identifier
	sourceKey    = "source.zip"
	outputPrefix = "out/"
)

// build runs one build of the working tree.
func (r *run) build(ctx context.Context) error {
	if err := r.api.makeBucket(ctx, artifactBucket); err != nil {
		return err
	}
	if err := r.uploadSource(ctx); err != nil {
		return err
	}
	p := r.plan.Projects[r.plan.Build]
	artifacts, more := r.artifacts(p)
	source := &types.ProjectSource{Type: types.SourceTypeS3, Location: aws.String(artifactBucket + "/" + sourceKey)}
	if err := r.api.makeProject(ctx, p, r.Env, source, artifacts, more); err != nil {
		return plain(err)
	}
	started, err := r.api.builds.StartBuild(ctx, &codebuild.StartBuildInput{ProjectName: aws.String(p.Name)})
	if err != nil {
		return plain(err)
	}
	r.View.Begin(p.Name, []string{buildStage})
	end, err := r.followBuild(ctx, aws.ToString(started.Build.Id), p.Name, true)
	if err != nil {
		return err
	}
	if err := r.fetchOutputs(ctx); err != nil {
		return err
	}
	return r.conclude(string(end.BuildStatus), build.FailureReason(end))
}

// uploadSource packs the working tree into the server's bucket.
func (r *run) uploadSource(ctx context.Context) error {
	f, err := os.Create(filepath.Join(r.server.Temp, sourceKey))
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it lies in a directory that goes anyway
	defer f.Close()
	if err := worktree.Pack(ctx, r.Dir, f, worktree.Options{History: r.History, LeaveOut: r.leaveOut(r.Dir)}); err != nil {
		return fmt.Errorf("packing %s: %w", r.Dir, err)
	}
	if _, err := f.Seek(0, 0); err != nil {
		return err
	}
	_, err = r.api.objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(artifactBucket), Key: aws.String(sourceKey), Body: f})
	return err
}

// artifacts asks for whatever the buildspec defines, as zips, which keep what is executable and what is a link.
func (r *run) artifacts(p *Project) (*types.ProjectArtifacts, []types.ProjectArtifacts) {
	none := &types.ProjectArtifacts{Type: types.ArtifactsTypeNoArtifacts}
	spec := r.plan.Spec
	if spec == nil {
		spec = specOf(r.Dir, p.Source.Buildspec)
	}
	if spec == nil || spec.Artifacts == nil {
		return none, nil
	}
	to := func(name string) types.ProjectArtifacts {
		return types.ProjectArtifacts{
			Type: types.ArtifactsTypeS3, Location: aws.String(artifactBucket), Path: aws.String(outputPrefix), Name: aws.String(name),
			Packaging: types.ArtifactPackagingZip, NamespaceType: types.ArtifactNamespaceNone,
		}
	}
	var more []types.ProjectArtifacts
	for _, s := range spec.Artifacts.Secondary {
		a := to(s.ID)
		a.ArtifactIdentifier = aws.String(s.ID)
		more = append(more, a)
	}
	if len(spec.Artifacts.Files) == 0 {
		return none, more
	}
	primary := to(primaryName)
	return &primary, more
}

// specOf is the buildspec that a project's setting means; nil when it cannot be read, which the build itself then tells.
func specOf(dir, setting string) *buildspec.Spec {
	kind, value := buildspec.Locate(setting)
	text := []byte(value)
	if kind != buildspec.Inline {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil
		}
		defer root.Close() //nolint:errcheck // read only
		if text, err = root.ReadFile(value); err != nil {
			return nil
		}
	}
	spec, err := buildspec.Parse(text)
	if err != nil {
		return nil
	}
	return spec
}

// followBuild shows the build's log, until it ends when follow is set.
func (r *run) followBuild(ctx context.Context, id, name string, follow bool) (*types.Build, error) {
	began := time.Now()
	r.View.Action(buildStage, name, inProgress, "")
	var log *tail
	for {
		out, err := r.api.builds.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{id}})
		if err != nil {
			return nil, interrupted(ctx, err)
		}
		if len(out.Builds) != 1 {
			return nil, fmt.Errorf("there is no build %s", id)
		}
		b := &out.Builds[0]
		if log == nil && b.Logs != nil {
			if t, ok := tailOf(aws.ToString(b.Logs.CloudWatchLogsArn)); ok {
				log = t
			}
		}
		if err := r.showLines(ctx, name, log); err != nil {
			return nil, interrupted(ctx, err)
		}
		if b.BuildComplete {
			r.View.Action(buildStage, name, status(b.BuildStatus), build.FailureReason(b))
		}
		if b.BuildComplete || !follow {
			return b, nil
		}
		if err := r.pause(ctx, refresh(began)); err != nil {
			return nil, err
		}
	}
}

// showLines shows what is new in a build's log; nil: it has none.
func (r *run) showLines(ctx context.Context, name string, log *tail) error {
	if log == nil {
		return nil
	}
	lines, err := r.api.lines(ctx, log)
	if err == nil {
		r.View.Log(buildStage, name, lines)
	}
	return err
}

// status is a build's status in the words of actions.
func status(s types.StatusType) string {
	switch s {
	case types.StatusTypeSucceeded:
		return succeeded
	case types.StatusTypeInProgress:
		return inProgress
	}
	return failed
}
