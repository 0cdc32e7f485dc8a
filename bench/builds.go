package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// buildCommands note when the first and the last command of a build ran; the artifact brings the times back.
const buildCommands = `version: 0.2
phases:
  build:
    commands:
      - date +%s%N > times
      - date +%s%N >> times
artifacts:
  files: [times]
`

const (
	buildsInARow  = 30
	buildsAtOnce  = 50
	slotsAtOnce   = 2
	buildProject  = "bench"
	buildArtifact = "made/times"
)

// measureBuilds looks at what a build costs beside its commands: before the first, after the last, and when many wait for
// two slots. The rival is a shell that runs the same commands in a fresh directory and zips the same file.
func measureBuilds(ctx context.Context) ([]row, error) {
	s, err := startServer(ctx, "--build-slots", strconv.Itoa(slotsAtOnce), "--build-runner", "host")
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if err := makeBuildProject(ctx, s); err != nil {
		return nil, err
	}
	var before, after []time.Duration
	for n := range warmUp + buildsInARow {
		started, stored, err := oneBuild(ctx, s)
		if err != nil {
			return nil, err
		}
		if n >= warmUp {
			before, after = append(before, started), append(after, stored)
		}
	}
	shell, err := shellRuns(ctx, s.dir, buildsInARow, 1)
	if err != nil {
		return nil, err
	}
	rival := "sh and zip, all of it: " + ms(shell/buildsInARow)
	rows := []row{
		under("build: StartBuild sent -> first command", before, 50*time.Millisecond, rival),
		under("build: last command -> artifact stored", after, 50*time.Millisecond, rival),
	}
	many, err := buildsTogether(ctx, s)
	if err != nil {
		return nil, err
	}
	shell, err = shellRuns(ctx, s.dir, buildsAtOnce, slotsAtOnce)
	return append(rows, row{
		what: fmt.Sprintf("%d builds, %d slots", buildsAtOnce, slotsAtOnce), figure: ms(many), budget: "<= 5000.0 ms", met: many <= 5*time.Second,
		rival: fmt.Sprintf("xargs -P%d sh: %s", slotsAtOnce, ms(shell)),
	}), err
}

func makeBuildProject(ctx context.Context, s *server) error {
	if _, err := s.objects().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("made")}); err != nil {
		return err
	}
	_, err := codebuild.NewFromConfig(s.config()).CreateProject(ctx, &codebuild.CreateProjectInput{
		Name: aws.String(buildProject), ServiceRole: aws.String(role),
		Source: &types.ProjectSource{Type: types.SourceTypeNoSource, Buildspec: aws.String(buildCommands)},
		Artifacts: &types.ProjectArtifacts{
			Type: types.ArtifactsTypeS3, Location: aws.String("made"), Name: aws.String("made"), Packaging: types.ArtifactPackagingNone,
		},
		Environment: &types.ProjectEnvironment{
			Type: types.EnvironmentTypeLinuxContainer, ComputeType: types.ComputeTypeBuildGeneral1Small, Image: aws.String("aws/codebuild/standard:7.0"),
		},
	})
	return err
}

func (s *server) objects() *s3.Client {
	return s3.NewFromConfig(s.config(), func(o *s3.Options) { o.UsePathStyle = true })
}

// oneBuild runs a build and tells how long it took to its first command, and from its last one until it was stored.
func oneBuild(ctx context.Context, s *server) (started, stored time.Duration, err error) {
	client := codebuild.NewFromConfig(s.config())
	sent := time.Now()
	b, err := client.StartBuild(ctx, &codebuild.StartBuildInput{ProjectName: aws.String(buildProject)})
	if err != nil {
		return 0, 0, err
	}
	done, err := awaitBuild(ctx, client, *b.Build.Id)
	if err != nil {
		return 0, 0, err
	}
	object, err := s.objects().GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("made"), Key: aws.String(buildArtifact)})
	if err != nil {
		return 0, 0, err
	}
	defer object.Body.Close()
	text, err := io.ReadAll(object.Body)
	if err != nil {
		return 0, 0, err
	}
	var first, last int64
	if _, err := fmt.Sscan(string(text), &first, &last); err != nil {
		return 0, 0, fmt.Errorf("the artifact holds %q: %w", text, err)
	}
	for _, p := range done.Phases {
		if p.PhaseType == types.BuildPhaseTypeUploadArtifacts {
			return time.Unix(0, first).Sub(sent), p.EndTime.Sub(time.Unix(0, last)), nil
		}
	}
	return 0, 0, errors.New("the build stored nothing")
}

func awaitBuild(ctx context.Context, client *codebuild.Client, id string) (*types.Build, error) {
	for {
		out, err := client.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{id}})
		if err != nil {
			return nil, err
		}
		if b := &out.Builds[0]; b.BuildComplete {
			if b.BuildStatus != types.StatusTypeSucceeded {
				return nil, fmt.Errorf("the build ended %s", b.BuildStatus)
			}
			return b, nil
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
}

// buildsTogether starts many builds and waits for the end of the last.
func buildsTogether(ctx context.Context, s *server) (time.Duration, error) {
	client := codebuild.NewFromConfig(s.config())
	start := time.Now()
	var ids []string
	for range buildsAtOnce {
		b, err := client.StartBuild(ctx, &codebuild.StartBuildInput{ProjectName: aws.String(buildProject)})
		if err != nil {
			return 0, err
		}
		ids = append(ids, *b.Build.Id)
	}
	// The processors are the builds': all are asked for at once, and not all the time.
	for len(ids) > 0 {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
		out, err := client.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: ids})
		if err != nil {
			return 0, err
		}
		ids = nil
		for _, b := range out.Builds {
			switch {
			case !b.BuildComplete:
				ids = append(ids, *b.Id)
			case b.BuildStatus != types.StatusTypeSucceeded:
				return 0, fmt.Errorf("a build ended %s", b.BuildStatus)
			}
		}
	}
	return time.Since(start), nil
}

// shellRuns has sh run the same commands, each time in a fresh directory, and zip what they made.
func shellRuns(ctx context.Context, dir string, runs, atOnce int) (time.Duration, error) {
	const script = `d=$(mktemp -d -p "$0") && cd "$d" && date +%s%N > times && date +%s%N >> times && zip -q times.zip times`
	scratch := filepath.Join(dir, fmt.Sprintf("sh-%d", runs))
	if err := os.MkdirAll(scratch, 0o700); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, "xargs", "-P", strconv.Itoa(atOnce), "-n", "1", "sh", "-c", script, scratch)
	cmd.Stdin, cmd.Stderr = strings.NewReader(strings.Repeat("x\n", runs)), os.Stderr
	start := time.Now()
	err := cmd.Run()
	return time.Since(start), err
}
