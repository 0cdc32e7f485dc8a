package app

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/container"
	"github.com/conveyor-cd/conveyor/internal/build/disk"
	"github.com/conveyor-cd/conveyor/internal/build/host"
	"github.com/conveyor-cd/conveyor/internal/config"
)

// places are runners with an engine that is away just now, or none.
func places(t *testing.T, mode string, engine bool) *runners {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	d, err := disk.New(t.TempDir(), log)
	if err != nil {
		t.Fatal(err)
	}
	images, err := container.ParseImages("aws/codebuild/standard:*=example/builder:1")
	if err != nil {
		t.Fatal(err)
	}
	r := &runners{mode: mode, images: images, host: host.On(d, nil, nil, log)}
	if engine {
		e, err := container.NewEngine(filepath.Join(t.TempDir(), "engine.sock"))
		if err != nil {
			t.Fatal(err)
		}
		r.container = container.New(container.Config{Engine: e, Disk: d, Images: images, Log: log})
	}
	return r
}

// The log's first line always says where a build runs and what becomes of its image.
func TestWhereBuildsRun(t *testing.T) {
	for _, test := range []struct {
		mode   string
		engine bool
		image  string
		notice string
	}{
		{config.RunnerHost, false, "golang:1", "directly on the host of the Conveyor server; the image golang:1 is not used"},
		{config.RunnerAuto, false, "golang:1", "directly on the host of the Conveyor server; the image golang:1 is not used"},
		{config.RunnerAuto, true, "golang:1", "in a container of the image golang:1 "},
		{config.RunnerAuto, true, "aws/codebuild/standard:7.0", "in a container of the image example/builder:1, which stands for aws/codebuild/standard:7.0 "},
		{config.RunnerAuto, true, "aws/codebuild/other:1", "directly on the host of the Conveyor server; the image aws/codebuild/other:1 is not used; to have such builds run in containers, "},
		{config.RunnerAuto, true, "host", "directly on the host of the Conveyor server; the image host is not used"},
		{config.RunnerContainer, true, "host", "in a container of the image host "},
		{config.RunnerContainer, true, "aws/codebuild/other:1", "in a container"},
	} {
		if got := places(t, test.mode, test.engine).Notice(build.Needs{Image: test.image}); !strings.Contains(got, test.notice) {
			t.Errorf("%s, engine %v, %s: %s", test.mode, test.engine, test.image, got)
		}
	}
}

func TestImagesThatProjectsCanName(t *testing.T) {
	var names []string
	for _, image := range places(t, config.RunnerAuto, true).list() {
		names = append(names, image.Name)
	}
	if got := strings.Join(names, " "); got != "host example/builder:1" {
		t.Errorf("they are %s", got)
	}
}
