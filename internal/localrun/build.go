package localrun

import (
	"context"
	"errors"
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
	if r.Batch {
		return r.batch(ctx, p)
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

// artifacts asks for whatever the buildspec defines, or those of a batch do, as zips, which keep what is executable and what
// is a link.
func (r *run) artifacts(p *Project) (*types.ProjectArtifacts, []types.ProjectArtifacts) {
	to := func(name string) types.ProjectArtifacts {
		return types.ProjectArtifacts{
			Type: types.ArtifactsTypeS3, Location: aws.String(artifactBucket), Path: aws.String(outputPrefix), Name: aws.String(name),
			Packaging: types.ArtifactPackagingZip, NamespaceType: types.ArtifactNamespaceNone,
		}
	}
	primary := &types.ProjectArtifacts{Type: types.ArtifactsTypeNoArtifacts}
	var more []types.ProjectArtifacts
	known := map[string]bool{}
	for _, spec := range r.specs(p) {
		if spec.Artifacts == nil {
			continue
		}
		if len(spec.Artifacts.Files) > 0 {
			a := to(primaryName)
			primary = &a
		}
		for _, s := range spec.Artifacts.Secondary {
			if known[s.ID] {
				continue
			}
			known[s.ID] = true
			a := to(s.ID)
			a.ArtifactIdentifier = aws.String(s.ID)
			more = append(more, a)
		}
	}
	return primary, more
}

// specs are the buildspecs that the builds of p run. One that cannot be read is left out: the build itself tells.
func (r *run) specs(p *Project) []*buildspec.Spec {
	switch spec := r.plan.Spec; {
	case r.Batch:
		return r.batchSpecs()
	case spec != nil:
		return []*buildspec.Spec{spec}
	}
	spec, err := readSpec(r.Dir, p.Source.Buildspec)
	if err != nil {
		return nil
	}
	return []*buildspec.Spec{spec}
}

// readSpec reads the buildspec that a project's setting means.
func readSpec(dir, setting string) (*buildspec.Spec, error) {
	kind, value := buildspec.Locate(setting)
	text := []byte(value)
	switch kind {
	case buildspec.Inline:
	case buildspec.S3:
		return nil, fmt.Errorf("%s lies in a bucket, which does not exist here", value)
	default:
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		defer root.Close() //nolint:errcheck // read only
		if text, err = root.ReadFile(value); err != nil {
			return nil, err
		}
	}
	return buildspec.Parse(text)
}

var errNoBuild = errors.New("there is no build")

// followBuild shows the build's log, until it ends when follow is set.
func (r *run) followBuild(ctx context.Context, id, name string, follow bool) (*types.Build, error) {
	began := time.Now()
	w := &shownBuild{}
	for {
		out, err := r.api.builds.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{id}})
		if err != nil {
			return nil, interrupted(ctx, err)
		}
		if len(out.Builds) != 1 {
			return nil, fmt.Errorf("%w %s", errNoBuild, id)
		}
		b := &out.Builds[0]
		if err := r.showBuild(ctx, buildStage, name, status(b.BuildStatus), b, w); err != nil {
			return nil, interrupted(ctx, err)
		}
		if b.BuildComplete || !follow {
			return b, nil
		}
		if err := r.pause(ctx, refresh(began)); err != nil {
			return nil, err
		}
	}
}

// showBuild shows what is new of a build: that it has begun, its log, and that it has ended, with that status.
func (r *run) showBuild(ctx context.Context, stage, name, end string, b *types.Build, w *shownBuild) error {
	if w.status == "" && (b.BuildComplete || !queued(b)) {
		w.status = inProgress
		r.View.Action(stage, name, inProgress, "")
	}
	if w.log == nil && b.Logs != nil {
		if t, ok := tailOf(aws.ToString(b.Logs.CloudWatchLogsArn)); ok {
			w.log = t
		}
	}
	if err := r.showLines(ctx, stage, name, w.log); err != nil || !b.BuildComplete {
		return err
	}
	w.status = end
	r.View.Action(stage, name, end, build.FailureReason(b))
	return nil
}

func queued(b *types.Build) bool {
	phase := types.BuildPhaseType(aws.ToString(b.CurrentPhase))
	return phase == types.BuildPhaseTypeSubmitted || phase == types.BuildPhaseTypeQueued
}

// showLines shows what is new in a build's log; nil: it has none.
func (r *run) showLines(ctx context.Context, stage, name string, log *tail) error {
	if log == nil {
		return nil
	}
	lines, err := r.api.lines(ctx, log)
	if err == nil {
		r.View.Log(stage, name, lines)
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
