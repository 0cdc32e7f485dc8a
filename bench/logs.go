package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	buildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// chatter prints a gigabyte as a compiler would, line by line.
const chatter = `seq 1 20000000 | sed 's|.*|[&] CC src/module/file.c -O2 -Wall -o out/&.o|' | head -c 1000000000`

// measureLog has a build print a gigabyte: its log must neither fill the server's memory nor make the build wait for long.
func measureLog(ctx context.Context) ([]row, error) {
	s, err := startServer(ctx, "--build-runner", "host")
	if err != nil {
		return nil, err
	}
	defer s.stop()
	plain := filepath.Join(s.dir, "plain")
	start := time.Now()
	sh := exec.CommandContext(ctx, "sh", "-c", chatter+` >"$0"; sync "$0"`, plain)
	if out, err := sh.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the rival: %w\n%s", err, out)
	}
	rival := time.Since(start)
	work := sh.ProcessState.UserTime() + sh.ProcessState.SystemTime()
	_ = os.Remove(plain)

	c := codebuild.NewFromConfig(s.config())
	if _, err := c.CreateProject(ctx, &codebuild.CreateProjectInput{
		Name: aws.String("chatter"), ServiceRole: aws.String(role),
		Source:    &buildtypes.ProjectSource{Type: buildtypes.SourceTypeNoSource, Buildspec: aws.String("version: 0.2\nphases:\n  build:\n    commands:\n      - " + chatter)},
		Artifacts: &buildtypes.ProjectArtifacts{Type: buildtypes.ArtifactsTypeNoArtifacts},
		Environment: &buildtypes.ProjectEnvironment{
			Type: buildtypes.EnvironmentTypeLinuxContainer, ComputeType: buildtypes.ComputeTypeBuildGeneral1Small, Image: aws.String("none"),
		},
	}); err != nil {
		return nil, err
	}
	before, err := residentBytes(s.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	idle, err := processorTime(s.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	start = time.Now()
	most, err := s.buildToEnd(ctx, c, "chatter")
	if err != nil {
		return nil, err
	}
	took := time.Since(start)
	busy, err := processorTime(s.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	const budget = 200 << 20
	return []row{{
		what:   "a build's log of 1 GB",
		figure: fmt.Sprintf("%.1f s; the server was busy for %.1f s and grew from %d to %d MB", took.Seconds(), (busy - idle).Seconds(), before>>20, most>>20),
		budget: fmt.Sprintf("<= %d MB", budget>>20), met: most <= budget,
		rival: fmt.Sprintf("sh > file, synced: %.1f s, busy for %.1f s", rival.Seconds(), work.Seconds()),
	}}, nil
}

// buildToEnd runs a project and returns how large the server was at most meanwhile.
func (s *server) buildToEnd(ctx context.Context, c *codebuild.Client, project string) (most int64, err error) {
	started, err := c.StartBuild(ctx, &codebuild.StartBuildInput{ProjectName: &project})
	if err != nil {
		return 0, err
	}
	for {
		now, err := residentBytes(s.cmd.Process.Pid)
		if err != nil {
			return 0, err
		}
		most = max(most, now)
		out, err := c.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{*started.Build.Id}})
		if err != nil {
			return 0, err
		}
		if b := out.Builds[0]; b.BuildComplete {
			if b.BuildStatus != buildtypes.StatusTypeSucceeded {
				return 0, fmt.Errorf("the build ended %s", b.BuildStatus)
			}
			return most, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// processorTime is how long a process, without its children, has kept processors busy.
func processorTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	var user, system time.Duration
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // a name may hold blanks
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, fmt.Errorf("read /proc/%d/stat: %w", pid, err)
	}
	const tick = 10 * time.Millisecond // the kernel's USER_HZ is 100 wherever Go runs
	return (user + system) * tick, nil
}
