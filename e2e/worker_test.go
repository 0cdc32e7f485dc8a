package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	buildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/iam"
)

// island is a network namespace with one cable to this machine.
type island struct {
	t                 *testing.T
	name, here, there string // of the namespace, and the ends of the cable
	hereIP, thereIP   string
}

func newIsland(t *testing.T) *island {
	if os.Getuid() != 0 {
		t.Skip("making a network namespace needs root")
	}
	n := os.Getpid() % 250
	i := &island{
		t: t, name: fmt.Sprintf("conveyor-%d", os.Getpid()), here: fmt.Sprintf("cvh%d", n), there: fmt.Sprintf("cvt%d", n),
		hereIP: fmt.Sprintf("10.213.%d.1", n), thereIP: fmt.Sprintf("10.213.%d.2", n),
	}
	if out, err := exec.Command("ip", "netns", "add", i.name).CombinedOutput(); err != nil {
		t.Skipf("this machine makes no network namespaces: %v %s", err, out)
	}
	t.Cleanup(func() { i.ip("netns", "delete", i.name) })
	if out, err := exec.Command("ip", "link", "add", i.here, "type", "veth", "peer", "name", i.there, "netns", i.name).CombinedOutput(); err != nil {
		t.Skipf("this machine makes no pairs of virtual interfaces: %v %s", err, out)
	}
	i.ip("addr", "add", i.hereIP+"/30", "dev", i.here)
	i.ip("link", "set", i.here, "up")
	i.ip("-n", i.name, "addr", "add", i.thereIP+"/30", "dev", i.there)
	i.ip("-n", i.name, "link", "set", i.there, "up")
	return i
}

func (i *island) ip(args ...string) {
	i.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		i.t.Errorf("ip %s: %v %s", strings.Join(args, " "), err, out)
	}
}

// notes is what a process writes, to be looked at while it runs.
type notes struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.buf.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.buf.String()
}

// launch runs a program until the test ends.
func launch(t *testing.T, env []string, args ...string) (*exec.Cmd, *notes) {
	t.Helper()
	cmd, said := exec.Command(args[0], args[1:]...), &notes{}
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), env...), said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", args, said)
		}
	})
	return cmd, said
}

func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}

// A worker on a machine whose only way to the world is a cable to the server runs a build, and the cable is pulled out
// meanwhile: the build goes on, and what it wrote arrives, once.
func TestAWorkerBehindACable(t *testing.T) {
	i := newIsland(t)
	dir := t.TempDir()
	listener, err := net.Listen("tcp", i.hereIP+":0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	listener.Close()
	launch(t, nil, binary, "server", "--data", filepath.Join(dir, "server"), "--listen", strings.TrimPrefix(url, "http://"))
	within(t, "the server", func() bool {
		resp, err := http.Get(url + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	root, err := iam.ReadRoot(filepath.Join(dir, "server"))
	if err != nil {
		t.Fatal(err)
	}
	_, said := launch(t, []string{"AWS_ACCESS_KEY_ID=" + root.ID, "AWS_SECRET_ACCESS_KEY=" + root.Secret},
		"ip", "netns", "exec", i.name, binary, "worker", "--server", url, "--label", "island", "--data", filepath.Join(dir, "worker"), "--build-runner", "host")

	c := aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(url), Credentials: credentials.NewStaticCredentialsProvider(root.ID, root.Secret, "")}
	builds := codebuild.NewFromConfig(c)
	begun, goOn := filepath.Join(dir, "begun"), filepath.Join(dir, "go-on")
	spec := fmt.Sprintf(`{version: 0.2, phases: {build: {commands: ["cut -d: -f1 -s /proc/net/dev; touch %s", "until test -e %s; do sleep 0.05; done", "echo on the way"]}}}`, begun, goOn)
	if _, err := builds.CreateProject(t.Context(), &codebuild.CreateProjectInput{
		Name: aws.String("island"), ServiceRole: aws.String("arn:aws:iam::000000000000:role/r"),
		Source:    &buildtypes.ProjectSource{Type: buildtypes.SourceTypeNoSource, Buildspec: &spec},
		Artifacts: &buildtypes.ProjectArtifacts{Type: buildtypes.ArtifactsTypeNoArtifacts},
		Environment: &buildtypes.ProjectEnvironment{
			Type: buildtypes.EnvironmentTypeLinuxContainer, ComputeType: buildtypes.ComputeTypeBuildGeneral1Small, Image: aws.String("any"),
			EnvironmentVariables: []buildtypes.EnvironmentVariable{{Name: aws.String("ConveyorLabels"), Value: aws.String("island")}},
		},
	}); err != nil {
		t.Fatal(err)
	}
	started, err := builds.StartBuild(t.Context(), &codebuild.StartBuildInput{ProjectName: aws.String("island")})
	if err != nil {
		t.Fatal(err)
	}
	within(t, "the first command", func() bool { _, err := os.Stat(begun); return err == nil })
	i.ip("link", "set", i.here, "down")
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	within(t, "the worker to miss the server", func() bool { return strings.Contains(said.String(), "out of reach") })
	i.ip("link", "set", i.here, "up")

	var b buildtypes.Build
	within(t, "the end of the build", func() bool {
		out, err := builds.BatchGetBuilds(t.Context(), &codebuild.BatchGetBuildsInput{Ids: []string{*started.Build.Id}})
		if err != nil {
			t.Fatal(err)
		}
		b = out.Builds[0]
		return b.BuildComplete
	})
	out, err := cloudwatchlogs.NewFromConfig(c).GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: b.Logs.GroupName, LogStreamName: b.Logs.StreamName, StartFromHead: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	for _, e := range out.Events {
		log.WriteString(strings.TrimSpace(*e.Message) + "\n")
	}
	if b.BuildStatus != buildtypes.StatusTypeSucceeded || strings.Count(log.String(), "\non the way\n") != 1 || !strings.Contains(log.String(), "\n"+i.there+"\n") {
		t.Errorf("the build is %s; its log:\n%s", b.BuildStatus, &log)
	}
}
