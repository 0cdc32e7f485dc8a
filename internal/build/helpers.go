package build

import (
	"context"
	"embed"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
)

// helperFiles are the programs that a buildspec may call because CodeBuild has them. They need nothing but a POSIX shell, so
// that they run wherever the build does.
//
//go:embed helpers
var helperFiles embed.FS

// helpersDir is where they lie in a workspace.
const helpersDir = "helpers"

// putHelpers puts the programs into the workspace when the buildspec, or what it may call, could need them, and into the
// commands' reach.
func (r *run) putHelpers(ctx context.Context) error {
	part := r.rec.Settings.Batch
	if (part == nil || part.Shards == 0) && !callsHelper(r.spec) {
		return nil
	}
	dir := filepath.Join(r.ws.Root(), helpersDir)
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the build's user reads it
		return err
	}
	list, err := helperFiles.ReadDir("helpers")
	if err != nil {
		return err
	}
	for _, f := range list {
		text, err := helperFiles.ReadFile(path.Join("helpers", f.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name()), text, 0o755); err != nil { //nolint:gosec // the build's user runs it
			return err
		}
	}
	values, err := r.session.Getenv(ctx, []string{"PATH"})
	if err != nil {
		return err
	}
	return r.session.Setenv(ctx, "PATH", r.ws.Path(helpersDir)+":"+values["PATH"])
}

// callsHelper tells whether a command names one of the programs.
func callsHelper(spec *buildspec.Spec) bool {
	for _, c := range spec.Phases {
		for _, command := range slices.Concat(c.Commands, c.Finally) {
			if strings.Contains(command, "codebuild-tests-run") || strings.Contains(command, "codebuild-glob-search") {
				return true
			}
		}
	}
	return false
}
