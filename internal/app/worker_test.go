package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	buildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	committypes "github.com/aws/aws-sdk-go-v2/service/codecommit/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/conveyor-cd/conveyor/internal/config"
	iamroom "github.com/conveyor-cd/conveyor/internal/iam"
)

// far is a server, and what of it can be reached: through a wire that can be cut.
type far struct {
	t      *testing.T
	aws    aws.Config
	cut    atomic.Bool
	broken atomic.Int32 // requests that found the wire cut
	wire   *httptest.Server
}

func newFar(t *testing.T) *far {
	data := t.TempDir()
	c, err := config.Of(map[string]string{"data": data, "listen": "127.0.0.1:0", "build-runner": config.RunnerHost})
	if err != nil {
		t.Fatal(err)
	}
	server, err := Open(t.Context(), *c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	run(t, server.Run)
	root, err := iamroom.ReadRoot(data)
	if err != nil {
		t.Fatal(err)
	}
	f := &far{t: t, aws: aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL()), Credentials: credentials.NewStaticCredentialsProvider(root.ID, root.Secret, ""),
	}}
	address, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(address)
		r.Out.Host = r.In.Host
	}, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	f.wire = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.cut.Load() {
			f.broken.Add(1)
			panic(http.ErrAbortHandler) // as a lost connection looks
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(f.wire.Close)
	return f
}

// run runs something until the test ends, or stop is called.
func run(t *testing.T, what func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- what(ctx) }()
	done := false
	stop = func() {
		if cancel(); done {
			return
		}
		done = true
		if err := <-ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// key makes a user who may take builds with the label arm64, and do nothing else.
func (f *far) key() aws.Credentials {
	f.t.Helper()
	users := iam.NewFromConfig(f.aws)
	ctx, name := f.t.Context(), aws.String("worker")
	if _, err := users.CreateUser(ctx, &iam.CreateUserInput{UserName: name}); err != nil {
		f.t.Fatal(err)
	}
	if _, err := users.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: name, PolicyName: name, PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"codebuild:ConveyorTakeBuild","Resource":"arn:aws:codebuild:*:*:label/arm64"}]}`)}); err != nil {
		f.t.Fatal(err)
	}
	made, err := users.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name})
	if err != nil {
		f.t.Fatal(err)
	}
	return aws.Credentials{AccessKeyID: *made.AccessKey.AccessKeyId, SecretAccessKey: *made.AccessKey.SecretAccessKey}
}

func (f *far) worker(labels ...string) (stop func()) {
	f.t.Helper()
	c, err := config.Of(map[string]string{"data": f.t.TempDir(), "build-runner": config.RunnerHost, "build-slots": "1"})
	if err != nil {
		f.t.Fatal(err)
	}
	w, err := OpenWorker(f.t.Context(), *c, WorkerOptions{
		Name: "far-away", Labels: labels, Server: f.wire.URL, Region: "us-east-1", Credentials: f.key(), Drain: time.Minute,
	}, slog.New(slog.NewTextHandler(f.t.Output(), nil)))
	if err != nil {
		f.t.Fatal(err)
	}
	return run(f.t, w.Run)
}

// project makes a repository with files, and a project that builds it on a worker and stores its artifact as a folder.
func (f *far) project(buildspec string) {
	f.t.Helper()
	ctx := f.t.Context()
	repositories := codecommit.NewFromConfig(f.aws)
	repository, err := repositories.CreateRepository(ctx, &codecommit.CreateRepositoryInput{RepositoryName: aws.String("code")})
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := repositories.CreateCommit(ctx, &codecommit.CreateCommitInput{
		RepositoryName: aws.String("code"), BranchName: aws.String("main"), PutFiles: []committypes.PutFileEntry{
			{FilePath: aws.String("buildspec.yml"), FileContent: []byte(buildspec)}, {FilePath: aws.String("text"), FileContent: []byte("from the repository\n")},
		},
	}); err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.objects().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("made")}); err != nil {
		f.t.Fatal(err)
	}
	if _, err := codebuild.NewFromConfig(f.aws).CreateProject(ctx, &codebuild.CreateProjectInput{
		Name: aws.String("far"), ServiceRole: aws.String("arn:aws:iam::000000000000:role/r"),
		Source:    &buildtypes.ProjectSource{Type: buildtypes.SourceTypeCodecommit, Location: repository.RepositoryMetadata.CloneUrlHttp},
		Artifacts: &buildtypes.ProjectArtifacts{Type: buildtypes.ArtifactsTypeS3, Location: aws.String("made"), Name: aws.String("out")},
		Environment: &buildtypes.ProjectEnvironment{
			Type: buildtypes.EnvironmentTypeLinuxContainer, ComputeType: buildtypes.ComputeTypeBuildGeneral1Small, Image: aws.String("x"),
			EnvironmentVariables: []buildtypes.EnvironmentVariable{{Name: aws.String("ConveyorLabels"), Value: aws.String("arm64")}},
		},
	}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *far) objects() *s3.Client {
	return s3.NewFromConfig(f.aws, func(o *s3.Options) { o.UsePathStyle = true })
}

func (f *far) start(variables ...buildtypes.EnvironmentVariable) string {
	f.t.Helper()
	b, err := codebuild.NewFromConfig(f.aws).StartBuild(f.t.Context(), &codebuild.StartBuildInput{ProjectName: aws.String("far"), EnvironmentVariablesOverride: variables})
	if err != nil {
		f.t.Fatal(err)
	}
	return *b.Build.Id
}

func (f *far) build(id string) buildtypes.Build {
	f.t.Helper()
	out, err := codebuild.NewFromConfig(f.aws).BatchGetBuilds(f.t.Context(), &codebuild.BatchGetBuildsInput{Ids: []string{id}})
	if err != nil || len(out.Builds) != 1 {
		f.t.Fatalf("the build: %v, %v", out, err)
	}
	return out.Builds[0]
}

func (f *far) eventually(what string, ok func() bool) {
	f.t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			f.t.Fatalf("timed out waiting for %s", what)
		}
	}
}

func (f *far) log(b buildtypes.Build) string {
	f.t.Helper()
	out, err := cloudwatchlogs.NewFromConfig(f.aws).GetLogEvents(f.t.Context(), &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: b.Logs.GroupName, LogStreamName: b.Logs.StreamName, StartFromHead: aws.Bool(true),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	var text strings.Builder
	for _, e := range out.Events {
		text.WriteString(*e.Message + "\n")
	}
	return text.String()
}

// A build runs on a worker whose key may take builds of its label only, through a connection that is lost meanwhile: its
// repository, its log and its artifact go over the wire, each once.
func TestABuildRunsFarAway(t *testing.T) {
	f := newFar(t)
	gate := filepath.Join(t.TempDir(), "gate")
	if err := os.Mkdir(gate, 0o700); err != nil {
		t.Fatal(err)
	}
	f.project(fmt.Sprintf(`
version: 0.2
env: {exported-variables: [MADE]}
phases:
  build:
    commands:
      - touch %[1]s/begun; until test -e %[1]s/go; do sleep 0.05; done
      - for i in $(seq 300); do echo "line $i"; done
      - export MADE=7; mkdir -p dist/deep; cp text dist/deep/a; touch dist/empty
artifacts: {base-directory: dist, files: ['**/*']}
`, gate))
	id := f.start()
	if b := f.build(id); *b.CurrentPhase != "QUEUED" {
		t.Errorf("without a worker the build is in %s", *b.CurrentPhase)
	}
	stop := f.worker("arm64")
	f.eventually("the first command", func() bool { _, err := os.Stat(filepath.Join(gate, "begun")); return err == nil })
	f.cut.Store(true)
	if err := os.WriteFile(filepath.Join(gate, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.eventually("requests on the cut wire", func() bool { return f.broken.Load() > 3 })
	f.cut.Store(false)
	f.eventually("the end of the build", func() bool { return f.build(id).BuildComplete })

	b := f.build(id)
	if b.BuildStatus != buildtypes.StatusTypeSucceeded || len(b.ExportedEnvironmentVariables) != 1 || len(aws.ToString(b.ResolvedSourceVersion)) != 40 {
		t.Errorf("the build is %s, %+v of %s", b.BuildStatus, b.ExportedEnvironmentVariables, aws.ToString(b.ResolvedSourceVersion))
	}
	log := f.log(b)
	for _, line := range []string{"This build runs on the worker far-away", "\nline 1\n", "\nline 150\n", "\nline 300\n"} {
		if strings.Count(log, line) != 1 {
			t.Errorf("the log has %q %d times:\n%s", line, strings.Count(log, line), log)
		}
	}
	for key, want := range map[string]string{"out/deep/a": "from the repository\n", "out/empty": ""} {
		o, err := f.objects().GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("made"), Key: aws.String(key)})
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(o.Body); err != nil || string(text) != want {
			t.Errorf("%s holds %q, %v", key, text, err)
		}
		o.Body.Close()
	}
	stop()
}
