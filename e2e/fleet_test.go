package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	buildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

// TestTwoServersAreOneService lets two real servers share a PostgreSQL database and a data directory. Clients push,
// approve, put and read through both in turn, while one server after the other is killed: at any moment, right before and
// right after commits of every kind, or it stands still for longer than its leases; or its connections to the database
// are cut. In the end every change that was acknowledged has had its effect, once.
//
// The strikes go on for 40 seconds, or for CONVEYOR_TEST_FLEET, as in 10m.
func TestTwoServersAreOneService(t *testing.T) {
	if postgresURL() == "" {
		t.Skip("CONVEYOR_TEST_POSTGRES is not set (make test sets it)")
	}
	if _, err := exec.LookPath("flock"); err != nil {
		t.Skip("flock (of util-linux) is not installed")
	}
	strikes := 40 * time.Second
	if text := os.Getenv("CONVEYOR_TEST_FLEET"); text != "" {
		var err error
		if strikes, err = time.ParseDuration(text); err != nil {
			t.Fatalf("CONVEYOR_TEST_FLEET: %v", err)
		}
	}
	f := newFleet(t)
	f.furnish()
	f.approving.Go(f.approve)
	f.await(deadline) // the executions that came with the pipelines fetch the first page, not a later one
	ctx, cancel := context.WithTimeout(t.Context(), strikes)
	defer cancel()
	var work errgroup.Group
	for _, repository := range []string{"built", "approved"} {
		work.Go(func() error { return f.push(ctx, repository) })
	}
	work.Go(func() error { return f.put(ctx) })
	f.strikes(ctx)
	if err := work.Wait(); err != nil {
		t.Error(err)
	}
	for _, n := range f.nodes {
		n.revive()
	}
	f.await(3 * deadline)
	close(f.end)
	f.approving.Wait()
	f.check()
}

// fleet is two servers and what was acknowledged by either.
type fleet struct {
	t         *testing.T
	dir       string // of the test; DIR/data is the servers'
	dsn       string
	nodes     [2]*node
	keys      aws.CredentialsProvider
	http      *http.Client
	end       chan struct{} // closed when all executions have ended
	approving sync.WaitGroup

	mu       sync.Mutex
	commits  map[string][]string // by repository: those whose push was acknowledged, in order
	objects  map[string][32]byte // by key: those whose put was acknowledged
	approved map[string]int      // by token: how often a result was acknowledged
	covered  map[string]int      // by kind of commit and side: how often it was struck
}

// node is one server, which dies and comes back.
type node struct {
	f      *fleet
	name   string
	listen string
	proxy  *pgProxy
	log    string

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
	up     atomic.Bool
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{
		t: t, dir: t.TempDir(), end: make(chan struct{}), commits: map[string][]string{}, objects: map[string][32]byte{},
		approved: map[string]int{}, covered: map[string]int{},
		http: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}},
	}
	name := fmt.Sprintf("fleet_%d", os.Getpid())
	if err := execSQL(fmt.Sprintf("CREATE DATABASE %q", name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := execSQL(fmt.Sprintf("DROP DATABASE %q WITH (FORCE)", name)); err != nil {
			t.Log(err)
		}
	})
	u, err := url.Parse(postgresURL())
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	f.dsn = u.String()
	for i := range f.nodes {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		n := &node{f: f, name: string(rune('A' + i)), listen: listener.Addr().String(), proxy: startProxy(t, u.Host)}
		n.log = filepath.Join(f.dir, n.name+".log")
		_ = listener.Close()
		f.nodes[i] = n
		t.Cleanup(n.kill)
	}
	// Both at once: tables, credentials and the directory are made by whoever comes first.
	var starting errgroup.Group
	for _, n := range f.nodes {
		starting.Go(n.start)
	}
	if err := starting.Wait(); err != nil {
		t.Fatal(err)
	}
	f.readCredentials()
	t.Cleanup(f.showLogs)
	return f
}

func (f *fleet) data() string { return filepath.Join(f.dir, "data") }

func (f *fleet) readCredentials() {
	text, err := os.ReadFile(filepath.Join(f.data(), "credentials"))
	if err != nil {
		f.t.Fatal(err)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, "="); ok {
			values[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	f.keys = credentials.NewStaticCredentialsProvider(values["aws_access_key_id"], values["aws_secret_access_key"], "")
}

func (f *fleet) showLogs() {
	for _, n := range f.nodes {
		text, err := os.ReadFile(n.log)
		if err == nil && bytes.Contains(text, []byte("DATA RACE")) {
			f.t.Errorf("server %s reports a data race", n.name)
		}
		if f.t.Failed() {
			kept, err := os.CreateTemp("", "conveyor-fleet-"+n.name+"-*.log")
			if err == nil {
				_, _ = kept.Write(text)
				_ = kept.Close()
				f.t.Logf("the log of server %s is in %s", n.name, kept.Name())
			}
		}
	}
}

// start starts the server and waits until it is ready.
func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	u, err := url.Parse(n.f.dsn)
	if err != nil {
		return err
	}
	u.Host = n.proxy.addr()
	cmd := exec.Command(binary, "server", "--data", n.f.data(), "--listen", n.listen, "--database", u.String(), "--build-slots", "2")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + n.f.dir, "GORACE=" + raceOptions}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	n.cmd, n.exited = cmd, exited
	for end := time.Now().Add(deadline); time.Now().Before(end); {
		if resp, err := n.f.http.Get("http://" + n.listen + "/readyz"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				n.up.Store(true)
				return nil
			}
		}
		select {
		case <-exited:
			return fmt.Errorf("server %s ended at once; its log is %s", n.name, n.log)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("server %s did not become ready", n.name)
}

// kill is kill -9: of the server alone, or, as a container ends, of its git processes too, in the middle of whatever they do.
func (n *node) kill() {
	n.up.Store(false)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd != nil {
		if rand.N(2) == 0 {
			_ = syscall.Kill(-n.cmd.Process.Pid, syscall.SIGKILL)
		}
		_ = n.cmd.Process.Kill()
		<-n.exited
		n.cmd = nil
	}
}

func (n *node) signal(s syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd != nil {
		_ = n.cmd.Process.Signal(s)
	}
}

// revive starts the server unless it runs.
func (n *node) revive() {
	n.proxy.onCommit(nil)
	n.mu.Lock()
	dead := n.cmd == nil
	n.mu.Unlock()
	if dead {
		if err := n.start(); err != nil {
			n.f.t.Error(err)
		}
	}
}

// stop ends the server in order.
func (n *node) stop() {
	n.up.Store(false)
	n.signal(syscall.SIGTERM)
	select {
	case <-n.exited:
	case <-time.After(20 * time.Second):
		n.f.t.Errorf("server %s did not stop", n.name)
	}
	n.kill()
}

func (n *node) config() aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String("http://" + n.listen), Credentials: n.f.keys, HTTPClient: n.f.http,
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// any is one of the servers that run, by chance.
func (f *fleet) any() *node {
	i := rand.N(len(f.nodes))
	if n := f.nodes[i]; n.up.Load() {
		return n
	}
	return f.nodes[1-i]
}

func (f *fleet) other(n *node) *node {
	if n == f.nodes[0] {
		return f.nodes[1]
	}
	return f.nodes[0]
}

// eventually tries through changing servers until try succeeds.
func (f *fleet) eventually(what string, try func(n *node) error) error {
	var err error
	for end := time.Now().Add(2 * deadline); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = try(f.any()); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s: not within %s: %w", what, 2*deadline, err)
}

const fleetBuildspec = `version: 0.2
phases:
  build:
    commands:
      # Two attempts of one build never run at the same time.
      - flock -n "$LOCKS/$CODEBUILD_BUILD_ID" sleep 0.4 || echo "$CODEBUILD_BUILD_ID" >> "$LOCKS/overlaps"
      - mkdir out && cp index.html out/
artifacts:
  base-directory: out
  files: ['**/*']
`

// furnish makes two belts. built: source, build, site. approved: source, approval, site.
func (f *fleet) furnish() {
	ctx := f.t.Context()
	must := func(err error) {
		f.t.Helper()
		if err != nil {
			f.t.Fatal(err)
		}
	}
	locks := filepath.Join(f.dir, "locks")
	must(os.Mkdir(locks, 0o700))
	a, b := f.nodes[0].config(), f.nodes[1].config()
	must(makeBucket(ctx, a, "artifacts"))
	must(makeBucket(ctx, b, "things")) // what one server has made the other has at once
	_, err := objects(a).HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String("things")})
	must(err)
	must(makeProject(ctx, a, "built"))
	_, err = codebuild.NewFromConfig(b).UpdateProject(ctx, &codebuild.UpdateProjectInput{
		Name: aws.String("built"), Environment: &buildtypes.ProjectEnvironment{
			Type: buildtypes.EnvironmentTypeLinuxContainer, ComputeType: buildtypes.ComputeTypeBuildGeneral1Small,
			Image:                aws.String("aws/codebuild/standard:7.0"),
			EnvironmentVariables: []buildtypes.EnvironmentVariable{{Name: aws.String("LOCKS"), Value: &locks}},
		},
	})
	must(err)
	for i, name := range []string{"built", "approved"} {
		here, there := a, b
		if i == 1 {
			here, there = b, a
		}
		_, err := codecommit.NewFromConfig(here).CreateRepository(ctx, &codecommit.CreateRepositoryInput{RepositoryName: &name})
		must(err)
		must(makeSite(ctx, there, name))
		_, err = objects(there).PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
			Bucket: &name, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
		})
		must(err)
		work := filepath.Join(f.dir, name)
		must(os.Mkdir(work, 0o700))
		must(os.WriteFile(filepath.Join(work, "buildspec.yml"), []byte(fleetBuildspec), 0o600))
		_, err = f.git(name, "init", "-q", "-b", "main")
		must(err)
		must(f.commit(name, 0))
		must(f.pushTo(f.nodes[i], name))
		_, err = codepipeline.NewFromConfig(there).CreatePipeline(ctx, &codepipeline.CreatePipelineInput{Pipeline: belt(name)})
		must(err)
	}
}

// belt is a pipeline whose executions queue, so that none is superseded.
func belt(name string) *types.PipelineDeclaration {
	id := func(category types.ActionCategory, provider string) *types.ActionTypeId {
		return &types.ActionTypeId{Category: category, Owner: types.ActionOwnerAws, Provider: &provider, Version: aws.String("1")}
	}
	source := types.StageDeclaration{Name: aws.String("Source"), Actions: []types.ActionDeclaration{{
		Name: aws.String("Source"), ActionTypeId: id(types.ActionCategorySource, "CodeCommit"),
		Configuration:   map[string]string{"RepositoryName": name, "BranchName": "main"},
		OutputArtifacts: []types.OutputArtifact{{Name: aws.String("Source")}},
	}}}
	middle := types.StageDeclaration{Name: aws.String("Approve"), Actions: []types.ActionDeclaration{{
		Name: aws.String("Approve"), ActionTypeId: id(types.ActionCategoryApproval, "Manual"),
	}}}
	artifact := "Source"
	if name == "built" {
		artifact = "Built"
		middle = types.StageDeclaration{Name: aws.String("Build"), Actions: []types.ActionDeclaration{{
			Name: aws.String("Build"), ActionTypeId: id(types.ActionCategoryBuild, "CodeBuild"),
			Configuration:   map[string]string{"ProjectName": name},
			InputArtifacts:  []types.InputArtifact{{Name: aws.String("Source")}},
			OutputArtifacts: []types.OutputArtifact{{Name: &artifact}},
		}}}
	}
	deploy := types.StageDeclaration{Name: aws.String("Deploy"), Actions: []types.ActionDeclaration{{
		Name: aws.String("Deploy"), ActionTypeId: id(types.ActionCategoryDeploy, "S3"),
		Configuration:  map[string]string{"BucketName": name, "Extract": "true"},
		InputArtifacts: []types.InputArtifact{{Name: &artifact}},
	}}}
	return &types.PipelineDeclaration{
		Name: &name, RoleArn: aws.String("arn:aws:iam::000000000000:role/conveyor"),
		PipelineType: types.PipelineTypeV2, ExecutionMode: types.ExecutionModeQueued,
		ArtifactStore: &types.ArtifactStore{Type: types.ArtifactStoreTypeS3, Location: aws.String("artifacts")},
		Stages:        []types.StageDeclaration{source, middle, deploy},
	}
}

// git runs the client in a repository's working tree, or elsewhere with an absolute path.
func (f *fleet) git(dir string, args ...string) (string, error) {
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(f.dir, dir)
	}
	key, err := f.keys.Retrieve(context.Background())
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", append([]string{
		"-C", dir, "-c", "user.name=Eve", "-c", "user.email=eve@example.com", "-c", "gc.auto=0",
		"-c", "credential.helper=!f() { echo username=$KEY; echo password=$SECRET; }; f",
	}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"KEY="+key.AccessKeyID, "SECRET="+key.SecretAccessKey)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// commit commits page n.
func (f *fleet) commit(repository string, n int) error {
	if err := os.WriteFile(filepath.Join(f.dir, repository, "index.html"), fmt.Appendf(nil, "page %d\n", n), 0o600); err != nil {
		return err
	}
	_, err := f.git(repository, "add", "-A")
	if err == nil {
		_, err = f.git(repository, "commit", "-q", "-m", fmt.Sprintf("page %d", n))
	}
	return err
}

func (n *node) repository(name string) string { return "http://" + n.listen + "/v1/repos/" + name }

func (f *fleet) pushTo(n *node, repository string) error {
	_, err := f.git(repository, "push", "-q", n.repository(repository), "main")
	return err
}

// push pushes page after page, through changing servers, and notes what was acknowledged. It keeps some pages ahead of
// the belt, so that something always moves.
func (f *fleet) push(ctx context.Context, repository string) error {
	for n := 1; ctx.Err() == nil; n++ {
		if err := f.commit(repository, n); err != nil {
			return err
		}
		id, err := f.git(repository, "rev-parse", "HEAD")
		if err != nil {
			return err
		}
		var by *node
		if err := f.eventually("push", func(n *node) error { by = n; return f.pushTo(n, repository) }); err != nil {
			return err
		}
		f.mu.Lock()
		f.commits[repository] = append(f.commits[repository], id)
		f.mu.Unlock()
		if seen, err := f.git(repository, "ls-remote", f.other(by).repository(repository), "refs/heads/main"); err == nil && !strings.Contains(seen, id) {
			return fmt.Errorf("server %s acknowledged %s, and the other one does not have it: %s", by.name, id, seen)
		}
		for ctx.Err() == nil && f.waiting(repository) > 4 {
			time.Sleep(50 * time.Millisecond)
		}
	}
	return nil
}

// waiting is how many of the newest executions have not ended.
func (f *fleet) waiting(name string) int {
	n := 0
	_ = f.eventually("list", func(node *node) error {
		out, err := codepipeline.NewFromConfig(node.config()).ListPipelineExecutions(context.Background(), &codepipeline.ListPipelineExecutionsInput{PipelineName: &name})
		if err != nil {
			return err
		}
		n = 0
		for _, e := range out.PipelineExecutionSummaries {
			if e.Status == types.PipelineExecutionStatusInProgress {
				n++
			}
		}
		return nil
	})
	return n
}

// put stores objects through one server, some of them in parts through both, and reads each through the other at once.
func (f *fleet) put(ctx context.Context) error {
	for n := 0; ctx.Err() == nil; n++ {
		key := fmt.Sprintf("object-%d", n)
		body := make([]byte, 1+rand.N(200_000))
		for i := range body {
			body[i] = byte(rand.N(256))
		}
		var by *node
		err := f.eventually("put", func(node *node) error {
			by = node
			if n%5 == 4 {
				return f.putParts(key, body)
			}
			_, err := objects(node.config()).PutObject(context.Background(), &s3.PutObjectInput{Bucket: aws.String("things"), Key: &key, Body: bytes.NewReader(body)})
			return err
		})
		if err != nil {
			return err
		}
		want := sha256.Sum256(body)
		f.mu.Lock()
		f.objects[key] = want
		f.mu.Unlock()
		if there := f.other(by); there.up.Load() {
			if got, err := f.read(there, "things", key); err == nil && got != want {
				return fmt.Errorf("%s, put through server %s, is another one on the other", key, by.name)
			} else if missing := (*s3types.NoSuchKey)(nil); errors.As(err, &missing) {
				return fmt.Errorf("%s, put through server %s, is not on the other: %w", key, by.name, err)
			}
		}
		time.Sleep(time.Duration(rand.N(50)) * time.Millisecond)
	}
	return nil
}

// putParts uploads in two parts, each step through whatever server comes.
func (f *fleet) putParts(key string, body []byte) error {
	ctx, bucket := context.Background(), aws.String("things")
	client := func() *s3.Client { return objects(f.any().config()) }
	up, err := client().CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: &key})
	if err != nil {
		return err
	}
	first := make([]byte, 5<<20) // S3's least size of a part that is not the last
	var parts []s3types.CompletedPart
	for i, text := range [][]byte{first, body} {
		part, err := client().UploadPart(ctx, &s3.UploadPartInput{
			Bucket: bucket, Key: &key, UploadId: up.UploadId, PartNumber: aws.Int32(int32(i + 1)), Body: bytes.NewReader(text),
		})
		if err != nil {
			return err
		}
		parts = append(parts, s3types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: part.ETag})
	}
	_, err = client().CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: bucket, Key: &key, UploadId: up.UploadId, MultipartUpload: &s3types.CompletedMultipartUpload{Parts: parts},
	})
	return err
}

// read is the hash of an object. Of one in parts it is that of the second.
func (f *fleet) read(n *node, bucket, key string) (sum [32]byte, err error) {
	out, err := objects(n.config()).GetObject(context.Background(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return sum, err
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		return sum, err
	}
	if len(body) > 5<<20 {
		body = body[5<<20:]
	}
	return sha256.Sum256(body), nil
}

// approve approves whatever waits, through both servers at once: one of them is told that it was too late.
func (f *fleet) approve() {
	name, where := aws.String("approved"), aws.String("Approve")
	for {
		select {
		case <-f.end:
			return
		case <-time.After(50 * time.Millisecond):
		}
		token := ""
		state, err := codepipeline.NewFromConfig(f.any().config()).GetPipelineState(context.Background(), &codepipeline.GetPipelineStateInput{Name: name})
		if err != nil {
			continue
		}
		for _, s := range state.StageStates {
			if a := s.ActionStates[0].LatestExecution; *s.StageName == *where && a != nil && a.Status == types.ActionExecutionStatusInProgress {
				token = aws.ToString(a.Token)
			}
		}
		if token == "" {
			continue
		}
		var both sync.WaitGroup
		for _, n := range f.nodes {
			both.Go(func() {
				_, err := codepipeline.NewFromConfig(n.config()).PutApprovalResult(context.Background(), &codepipeline.PutApprovalResultInput{
					PipelineName: name, StageName: where, ActionName: where, Token: &token,
					Result: &types.ApprovalResult{Status: types.ApprovalStatusApproved, Summary: aws.String("by " + n.name)},
				})
				if err == nil {
					f.mu.Lock()
					f.approved[token]++
					f.mu.Unlock()
				}
			})
		}
		both.Wait()
	}
}

// strikes hits one server after the other until ctx ends. Two strikes in three look for a kind of commit, and a side of
// it, that was not hit before.
func (f *fleet) strikes(ctx context.Context) {
	for round := 0; ctx.Err() == nil; round++ {
		n := f.nodes[rand.N(len(f.nodes))]
		switch {
		case round%12 == 6:
			f.standStill(ctx, n)
		case round%12 == 3:
			n.stop()
		case round%12 == 9: // nobody is left to take over
			f.other(n).kill()
			n.kill()
			f.other(n).revive()
		case round%3 == 2:
			pause(ctx, time.Duration(rand.N(1000))*time.Millisecond)
			n.kill()
		default:
			f.strikeCommit(ctx, n, round%2 == 0)
		}
		pause(ctx, time.Duration(rand.N(700))*time.Millisecond)
		n.revive()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var kinds []string
	for kind, times := range f.covered {
		kinds = append(kinds, fmt.Sprintf("%d x %s", times, kind))
	}
	slices.Sort(kinds)
	f.t.Logf("commits struck:\n%s", strings.Join(kinds, "\n"))
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// strikeCommit waits for a commit of n that was struck least often, kills n there, or only cuts its connection, and waits
// a little.
func (f *fleet) strikeCommit(ctx context.Context, n *node, kill bool) {
	struck := make(chan struct{})
	var once sync.Once
	began := time.Now()
	n.proxy.onCommit(func(kind string, side side) bool {
		f.mu.Lock()
		label := side.String() + " " + kind
		// New kinds at once; after a while any will do. Leases are renewed all the time.
		wanted := kind != "UPDATE jobs" && (f.covered[label] == 0 || time.Since(began) > 2*time.Second)
		f.mu.Unlock()
		hit := false
		if wanted {
			once.Do(func() {
				hit = true
				f.mu.Lock()
				f.covered[label]++
				f.mu.Unlock()
				if kill {
					n.kill()
				}
				close(struck)
			})
		}
		return hit
	})
	select {
	case <-struck:
	case <-ctx.Done():
	case <-time.After(5 * time.Second):
	}
	n.proxy.onCommit(nil)
	if !kill {
		n.proxy.cutAll()
	}
}

// standStill stops n for longer than its leases: the other takes its jobs over, and n finds out when it goes on.
func (f *fleet) standStill(ctx context.Context, n *node) {
	n.up.Store(false)
	n.signal(syscall.SIGSTOP)
	pause(ctx, 13*time.Second)
	n.signal(syscall.SIGCONT)
	n.up.Store(true)
}

// await waits until every execution has ended.
func (f *fleet) await(limit time.Duration) {
	f.t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(100 * time.Millisecond) {
		left := f.waiting("built") + f.waiting("approved")
		if left == 0 {
			return
		}
		if time.Now().After(end) {
			f.t.Errorf("%d executions hang", left)
			return
		}
	}
}

// check compares what there is with what was acknowledged.
func (f *fleet) check() {
	f.checkJobs()
	for i, name := range []string{"built", "approved"} {
		executions := f.checkExecutions(f.nodes[i], name)
		f.checkReleases(f.nodes[1-i], name, executions)
		f.checkRepository(name)
	}
	f.checkBuilds()
	f.checkObjects()
	f.checkLeftovers()
	for token, n := range f.approved {
		if n > 1 {
			f.t.Errorf("the approval %s was acknowledged %d times", token, n)
		}
	}
	f.t.Logf("%d pushes built, %d approved (%d approvals acknowledged), %d objects",
		len(f.commits["built"]), len(f.commits["approved"]), len(f.approved), len(f.objects))
}

// checkJobs expects that nothing was given up and nothing is owed.
func (f *fleet) checkJobs() {
	db, err := sql.Open("pgx", f.dsn)
	if err != nil {
		f.t.Fatal(err)
	}
	defer db.Close()
	for query, what := range map[string]string{
		`SELECT count(*) FROM jobs WHERE state = 'failed'`:                                  "jobs given up",
		`SELECT count(*) FROM jobs WHERE state <> 'scheduled' AND kind <> 'pipeline.prune'`: "jobs left over",
		`SELECT count(*) FROM push_intents`:                                                 "pushes unsettled",
		`SELECT count(*) FROM source_changes`:                                               "changes that started nothing",
		`SELECT count(*) FROM builds WHERE status = 'IN_PROGRESS'`:                          "builds that did not end",
	} {
		var n int
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) { // the last jobs end a moment after the last execution
			if err := db.QueryRow(query).Scan(&n); err != nil {
				f.t.Fatal(err)
			}
			if n == 0 || time.Now().After(end) {
				break
			}
		}
		if n > 0 {
			f.t.Errorf("%d %s", n, what)
		}
	}
}

// checkExecutions expects one successful execution of every push, in order, each of whose actions ran once.
func (f *fleet) checkExecutions(n *node, name string) (executions int) {
	ctx, c := context.Background(), codepipeline.NewFromConfig(n.config())
	var revisions []string
	pages := codepipeline.NewListPipelineExecutionsPaginator(c, &codepipeline.ListPipelineExecutionsInput{PipelineName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, e := range page.PipelineExecutionSummaries {
			executions++
			if e.Status != types.PipelineExecutionStatusSucceeded {
				f.t.Errorf("%s: execution %s is %s: %s", name, *e.PipelineExecutionId, e.Status, aws.ToString(e.StatusSummary))
			}
			if len(e.SourceRevisions) == 1 {
				revisions = append(revisions, *e.SourceRevisions[0].RevisionId)
			}
		}
	}
	slices.Reverse(revisions)
	if want := f.commits[name]; len(revisions) == 0 || !slices.Equal(revisions[1:], want) { // the first came with the pipeline
		f.t.Errorf("%s: pushed and acknowledged:\n%s\nexecuted:\n%s", name, strings.Join(want, "\n"), strings.Join(revisions[min(1, len(revisions)):], "\n"))
	}
	type action struct{ execution, name string }
	runs := map[action]int{}
	actions := codepipeline.NewListActionExecutionsPaginator(c, &codepipeline.ListActionExecutionsInput{PipelineName: &name})
	for actions.HasMorePages() {
		page, err := actions.NextPage(ctx)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, a := range page.ActionExecutionDetails {
			runs[action{*a.PipelineExecutionId, *a.ActionName}]++
			if a.Status != types.ActionExecutionStatusSucceeded {
				f.t.Errorf("%s: action %s is %s", name, *a.ActionName, a.Status)
			}
		}
	}
	for a, n := range runs {
		if n != 1 {
			f.t.Errorf("%s: execution %s ran its action %s %d times", name, a.execution, a.name, n)
		}
	}
	if len(runs) != 3*executions {
		f.t.Errorf("%s: %d executions, %d actions", name, executions, len(runs))
	}
	return executions
}

// checkReleases expects that every execution released its page once, in order, and that the last one is served.
func (f *fleet) checkReleases(n *node, name string, executions int) {
	ctx, c := context.Background(), objects(n.config())
	versions := s3.NewListObjectVersionsPaginator(c, &s3.ListObjectVersionsInput{Bucket: &name, Prefix: aws.String("index.html")})
	var pages []string
	for versions.HasMorePages() {
		page, err := versions.NextPage(ctx)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, v := range page.Versions {
			out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: &name, Key: v.Key, VersionId: v.VersionId})
			if err != nil {
				f.t.Fatal(err)
			}
			body, err := io.ReadAll(out.Body)
			_ = out.Body.Close()
			if err != nil {
				f.t.Fatal(err)
			}
			pages = append(pages, strings.TrimSpace(string(body)))
		}
	}
	slices.Reverse(pages)
	var want []string
	for i := range executions {
		want = append(want, fmt.Sprintf("page %d", i))
	}
	if !slices.Equal(pages, want) {
		f.t.Errorf("%s: released %q, want %d pages, each once", name, pages, executions)
	}
	for _, n := range f.nodes {
		body, err := get(ctx, "http://"+n.listen+"/conveyor/websites/"+name+"/")
		if err != nil || !strings.HasSuffix(strings.TrimSpace(body), want[len(want)-1]) {
			f.t.Errorf("%s: server %s serves %q, %v", name, n.name, body, err)
		}
	}
}

// checkBuilds expects one successful build of every execution, with its log, and no attempts side by side.
func (f *fleet) checkBuilds() {
	ctx := context.Background()
	c := codebuild.NewFromConfig(f.nodes[0].config())
	count := 0
	pages := codebuild.NewListBuildsForProjectPaginator(c, &codebuild.ListBuildsForProjectInput{ProjectName: aws.String("built")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			f.t.Fatal(err)
		}
		out, err := c.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: page.Ids})
		if err != nil {
			f.t.Fatal(err)
		}
		for _, b := range out.Builds {
			count++
			if b.BuildStatus != buildtypes.StatusTypeSucceeded {
				f.t.Errorf("build %s is %s", *b.Id, b.BuildStatus)
			}
			f.checkLog(f.nodes[count%2], b)
		}
	}
	if want := len(f.commits["built"]) + 1; count != want {
		f.t.Errorf("%d builds of %d executions", count, want)
	}
	if text, err := os.ReadFile(filepath.Join(f.dir, "locks", "overlaps")); err == nil {
		f.t.Errorf("builds that ran beside another attempt of themselves:\n%s", text)
	}
}

func (f *fleet) checkLog(n *node, b buildtypes.Build) {
	out, err := cloudwatchlogs.NewFromConfig(n.config()).GetLogEvents(context.Background(), &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: b.Logs.GroupName, LogStreamName: b.Logs.StreamName, StartFromHead: aws.Bool(true),
	})
	if err != nil {
		f.t.Errorf("the log of build %s: %v", *b.Id, err)
		return
	}
	var text strings.Builder
	for _, e := range out.Events {
		text.WriteString(*e.Message)
	}
	if !strings.Contains(text.String(), "Phase complete: UPLOAD_ARTIFACTS State: SUCCEEDED") {
		f.t.Errorf("the log of build %s lacks its end:\n%s", *b.Id, text.String())
	}
}

func (f *fleet) checkRepository(name string) {
	out, err := codecommit.NewFromConfig(f.nodes[0].config()).GetRepository(context.Background(), &codecommit.GetRepositoryInput{RepositoryName: &name})
	if err != nil {
		f.t.Fatal(err)
	}
	id := *out.RepositoryMetadata.RepositoryId
	found, err := filepath.Glob(filepath.Join(f.data(), "repositories", id[:2], id+".git"))
	if err != nil || len(found) != 1 {
		f.t.Fatalf("repository %s is not in the data directory: %q, %v", name, found, err)
	}
	if said, err := f.git(found[0], "fsck", "--full", "--strict", "--no-dangling"); err != nil || said != "" {
		f.t.Errorf("repository %s: %s %v", name, said, err)
	}
	if tip, err := f.git(found[0], "rev-parse", "main"); err != nil || tip != f.commits[name][len(f.commits[name])-1] {
		f.t.Errorf("repository %s: its tip is %s, %v", name, tip, err)
	}
}

func (f *fleet) checkObjects() {
	for key, want := range f.objects {
		for _, n := range f.nodes {
			if got, err := f.read(n, "things", key); err != nil || got != want {
				f.t.Errorf("the object %s, read through server %s, is not what was put: %v", key, n.name, err)
			}
		}
	}
}

// checkLeftovers expects that the dead left neither processes nor files behind.
func (f *fleet) checkLeftovers() {
	look := func() (left []string) {
		builds, err := filepath.EvalSymlinks(filepath.Join(f.data(), "builds"))
		if err != nil {
			return []string{err.Error()}
		}
		environments, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, path := range environments {
			if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte("CONVEYOR_WORKSPACE="+builds)) {
				left = append(left, path)
			}
		}
		workspaces, _ := filepath.Glob(filepath.Join(builds, "*", "*-*"))
		left = append(left, workspaces...)
		for _, pattern := range []string{"run/*", "builds/*"} {
			entries, _ := filepath.Glob(filepath.Join(f.data(), pattern))
			want := len(f.nodes) // a directory of each server that runs
			if pattern == "run/*" {
				want *= 2 // and its lock
			}
			if len(entries) != want {
				left = append(left, entries...)
			}
		}
		return left
	}
	var left []string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if left = look(); len(left) == 0 {
			return
		}
	}
	f.t.Errorf("left behind: %q", left)
}
