package container_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/buildtest"
	"github.com/conveyor-cd/conveyor/internal/build/container"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// heard is the log of all builds.
type heard struct{ buildtest.Log }

func (h *heard) Stream(context.Context, string, string) (build.LogStream, error) { return h, nil }

func (h *heard) Append(_ context.Context, text []byte) error {
	_, err := h.Write(text)
	return err
}

func (h *heard) Close(context.Context) error { return nil }

// serve runs a server's builds, in containers of the engine behind a socket, from the queue in a directory.
func serve(t *testing.T, socket, dir string) (*build.Service, store.Store, *heard) {
	t.Helper()
	e, err := container.NewEngine(socket)
	if err != nil {
		t.Fatal(err)
	}
	db := sqltest.Open(t, "sqlite:"+filepath.Join(dir, "db"), sqlstore.Options{})
	q := queue.New(db, queue.Config{Lease: 2 * time.Second})
	log := &heard{}
	builds := build.New(build.Config{
		Store: db, Queue: q, Runner: newRunner(t, filepath.Join(dir, "builds"), func(c *container.Config) { c.Engine = e }), Logs: log,
		Place: build.Place{Region: "us-east-1", Account: "000000000000"}, Log: slog.New(slog.DiscardHandler),
	})
	builds.Register(q)
	if err := builds.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := q.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return builds, db, log
}

func TestQueueHelper(t *testing.T) {
	socket := os.Getenv(serverSocket)
	if socket == "" {
		t.Skip("only for TestAQueuedBuildOutlivesItsServer")
	}
	builds, db, _ := serve(t, socket, os.Getenv("BUILDS"))
	_, err := builds.CreateProject(t.Context(), types.Project{
		Name: aws.String("p"), Artifacts: &types.ProjectArtifacts{Type: types.ArtifactsTypeNoArtifacts},
		Source: &types.ProjectSource{Type: types.SourceTypeNoSource, Buildspec: aws.String(
			`{version: 0.2, phases: {build: {commands: ["touch ../begun; until test -e ../go; do sleep 0.02; done; echo through"]}}}`)},
		Environment: &types.ProjectEnvironment{Type: types.EnvironmentTypeLinuxContainer, ComputeType: types.ComputeTypeBuildGeneral1Small, Image: aws.String(testImage)},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.InTx(t.Context(), func(tx store.Tx) error {
		b, err := builds.Start(t.Context(), tx, build.Request{Input: codebuild.StartBuildInput{ProjectName: aws.String("p")}, Initiator: "tester"})
		if err == nil {
			fmt.Println("build " + *b.Id)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	<-t.Context().Done() // it is killed
}

// A server is killed in the middle of a build that it took from the queue: its container ends, and the next server runs the
// build again from its beginning, once.
func TestAQueuedBuildOutlivesItsServer(t *testing.T) {
	needEngine(t)
	dir := t.TempDir()
	server := exec.Command(os.Args[0], "-test.run", "TestQueueHelper$", "-test.v")
	server.Env = append(os.Environ(), serverSocket+"="+engine.Socket(), "BUILDS="+dir)
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	id, said := "", bufio.NewScanner(out)
	for id == "" && said.Scan() {
		if rest, ok := strings.CutPrefix(said.Text(), "build "); ok {
			id = rest
		}
	}
	_, uuid, _ := strings.Cut(id, ":")
	begun := func() (found []string) {
		found, err := filepath.Glob(filepath.Join(dir, "builds", "*", uuid, "begun"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if id != "" {
		buildtest.Eventually(t, "the build's command", func() bool { return len(begun()) == 1 })
	}
	first, ran := begun(), containers(t, uuid)
	if err := server.Process.Kill(); err != nil || len(ran) != 1 {
		t.Fatalf("the build %q ran in %q, %v", id, ran, err)
	}
	_ = server.Wait()

	builds, _, log := serve(t, engine.Socket(), dir)
	buildtest.Eventually(t, "the build to begin again", func() bool { now := begun(); return len(now) == 1 && now[0] != first[0] })
	if again := containers(t, uuid); len(again) != 1 || again[0] == ran[0] {
		t.Errorf("it ran in %q and runs in %q", ran, again)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(begun()[0]), "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var b types.Build
	buildtest.Eventually(t, "the end of the build", func() bool {
		if b, err = builds.Get(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		return b.BuildComplete
	})
	if b.BuildStatus != types.StatusTypeSucceeded || !strings.Contains(log.String(), "the build starts again from the beginning (attempt 2)") || strings.Count(log.String(), "\nthrough\n") != 1 {
		t.Errorf("the build is %s: %s\n%s", b.BuildStatus, build.FailureReason(&b), log)
	}
	if left := containers(t, uuid); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
}
