package app

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	codecommittypes "github.com/aws/aws-sdk-go-v2/service/codecommit/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/pflag"

	"github.com/conveyor-cd/conveyor/internal/config"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// TestTriggerTable plays the story of testdata/trigger_table.txtar with real git: behind every step stand the pipelines it
// starts, and with which trigger. With -update they are written anew.
func TestTriggerTable(t *testing.T) {
	file := filepath.Join("testdata", "trigger_table.txtar")
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w := newTable(t)
	for line := range strings.Lines(string(archive.Files[0].Data)) {
		w.pipeline(line)
	}
	var got bytes.Buffer
	for line := range strings.Lines(string(archive.Files[1].Data)) {
		switch {
		case strings.HasPrefix(line, "> "):
			got.WriteString(line)
			for command := range strings.SplitSeq(strings.TrimSpace(line[2:]), "; ") {
				w.play(strings.Fields(command))
			}
			for _, started := range w.started() {
				got.WriteString("    " + started + "\n")
			}
		case !strings.HasPrefix(line, "    "): // what was started before is told anew
			got.WriteString(line)
		}
	}
	if *update {
		archive.Files[1].Data = got.Bytes()
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got.String() != string(archive.Files[1].Data) {
		t.Errorf("the story went otherwise:\n%s", got.String())
	}
}

// table is a running server with pipelines that watch the repository site, and a clone of it.
type table struct {
	t     *testing.T
	url   string
	dir   string
	db    *sql.DB
	repos *codecommit.Client
	belts *codepipeline.Client
	names []string
	known map[string]bool // executions
}

func newTable(t *testing.T) *table {
	t.Helper()
	var c config.Config
	data, fs := t.TempDir(), pflag.NewFlagSet("", pflag.ContinueOnError)
	c.Bind(fs)
	if err := errors.Join(fs.Parse([]string{"--data", data, "--listen", "127.0.0.1:0"}), c.Load(fs, nil)); err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	key, err := iam.ReadRoot(data)
	db, errDB := sql.Open("sqlite", filepath.Join(data, "conveyor.db"))
	if err := errors.Join(err, errDB); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	m := matrix{url: a.config.PublicURL}
	as := m.as(aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret})
	as.RetryMaxAttempts = 5
	w := &table{t: t, dir: t.TempDir(), db: db, repos: codecommit.NewFromConfig(as), belts: codepipeline.NewFromConfig(as), known: map[string]bool{}}
	w.url = strings.Replace(m.url, "http://", "http://"+key.ID+":"+strings.NewReplacer("/", "%2F", "+", "%2B").Replace(key.Secret)+"@", 1) + "/v1/repos/site"
	_, err = w.repos.CreateRepository(t.Context(), &codecommit.CreateRepositoryInput{RepositoryName: aws.String("site")})
	w.must(err)
	w.must(a.rooms.objects.CreateBucket(t.Context(), "artifacts", "000000000000", nil))
	w.git("init", "-q", "-b", "main")
	return w
}

func (w *table) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *table) git(args ...string) string {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), "git", args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// pipeline makes one of a line like "name: push branches=a,!b files=c" or "name: pull CLOSED branches=main"; several filters
// are separated by bars, and one without any watches main.
func (w *table) pipeline(line string) {
	w.t.Helper()
	name, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
	if !ok {
		return
	}
	d := &types.PipelineDeclaration{
		Name: &name, RoleArn: aws.String("arn:aws:iam::000000000000:role/belt"), PipelineType: types.PipelineTypeV2,
		ArtifactStore: &types.ArtifactStore{Type: types.ArtifactStoreTypeS3, Location: aws.String("artifacts")},
		Stages: []types.StageDeclaration{
			{Name: aws.String("Source"), Actions: []types.ActionDeclaration{{
				Name: aws.String("Code"), OutputArtifacts: []types.OutputArtifact{{Name: aws.String("src")}}, ActionTypeId: actionTypeOf("Source", "CodeCommit"),
				Configuration: map[string]string{"RepositoryName": "site", "BranchName": "main"},
			}}},
			{Name: aws.String("Approve"), Actions: []types.ActionDeclaration{{Name: aws.String("Ask"), ActionTypeId: actionTypeOf("Approval", "Manual")}}},
		},
	}
	configuration := &types.GitConfiguration{SourceActionName: aws.String("Code")}
	for filter := range strings.SplitSeq(rest, "|") {
		addFilter(configuration, strings.Fields(filter))
	}
	if len(configuration.Push)+len(configuration.PullRequest) > 0 {
		d.Triggers = []types.PipelineTriggerDeclaration{{ProviderType: types.PipelineTriggerProviderTypeCodeStarSourceConnection, GitConfiguration: configuration}}
	}
	_, err := w.belts.CreatePipeline(w.t.Context(), &codepipeline.CreatePipelineInput{Pipeline: d})
	w.must(err)
	w.names = append(w.names, name)
	w.started() // by being made
}

func actionTypeOf(category types.ActionCategory, provider string) *types.ActionTypeId {
	return &types.ActionTypeId{Category: category, Owner: types.ActionOwnerAws, Provider: &provider, Version: aws.String("1")}
}

func addFilter(c *types.GitConfiguration, words []string) {
	if len(words) == 0 {
		return
	}
	globs := map[string][2][]string{}
	var events []types.GitPullRequestEventType
	for _, word := range words[1:] {
		key, list, ok := strings.Cut(word, "=")
		if !ok {
			events = append(events, types.GitPullRequestEventType(word))
			continue
		}
		var lists [2][]string // included, excluded
		for glob := range strings.SplitSeq(list, ",") {
			not, excluded := strings.CutPrefix(glob, "!")
			at := map[bool]int{true: 1}[excluded]
			lists[at] = append(lists[at], not)
		}
		globs[key] = lists
	}
	var branches *types.GitBranchFilterCriteria
	var files *types.GitFilePathFilterCriteria
	var tags *types.GitTagFilterCriteria
	if l, ok := globs["branches"]; ok {
		branches = &types.GitBranchFilterCriteria{Includes: l[0], Excludes: l[1]}
	}
	if l, ok := globs["files"]; ok {
		files = &types.GitFilePathFilterCriteria{Includes: l[0], Excludes: l[1]}
	}
	if l, ok := globs["tags"]; ok {
		tags = &types.GitTagFilterCriteria{Includes: l[0], Excludes: l[1]}
	}
	if words[0] == "push" {
		c.Push = append(c.Push, types.GitPushFilter{Branches: branches, FilePaths: files, Tags: tags})
		return
	}
	c.PullRequest = append(c.PullRequest, types.GitPullRequestFilter{Branches: branches, FilePaths: files, Events: events})
}

// play does one command: commit FILE..., open SOURCE DESTINATION, merge ID, close ID, or one of git's. Pushes and pulls are those of site.
func (w *table) play(words []string) {
	w.t.Helper()
	ctx, args := w.t.Context(), words[1:]
	var err error
	switch words[0] {
	case "commit":
		for _, name := range args {
			path := filepath.Join(w.dir, name)
			f, errOpen := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			if errOpen != nil {
				w.must(os.MkdirAll(filepath.Dir(path), 0o700))
				f, errOpen = os.Create(path)
			}
			w.must(errOpen)
			_, err = fmt.Fprintln(f, "more")
			w.must(errors.Join(err, f.Close()))
		}
		w.git("add", "-A")
		w.git("commit", "-q", "-m", strings.Join(args, " "))
	case "open":
		_, err = w.repos.CreatePullRequest(ctx, &codecommit.CreatePullRequestInput{Title: aws.String("change"), Targets: []codecommittypes.Target{
			{RepositoryName: aws.String("site"), SourceReference: &args[0], DestinationReference: &args[1]},
		}})
	case "merge":
		_, err = w.repos.MergePullRequestByThreeWay(ctx, &codecommit.MergePullRequestByThreeWayInput{RepositoryName: aws.String("site"), PullRequestId: &args[0], AuthorName: aws.String("a"), Email: aws.String("a@b")})
	case "close":
		_, err = w.repos.UpdatePullRequestStatus(ctx, &codecommit.UpdatePullRequestStatusInput{PullRequestId: &args[0], PullRequestStatus: codecommittypes.PullRequestStatusEnumClosed})
	case "push", "pull":
		w.git(append([]string{words[0], "-q", w.url}, args...)...)
	default:
		w.git(words...)
	}
	w.must(err)
}

// started waits until every change has been looked at, and tells what was started since the last time.
func (w *table) started() []string {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		var open int
		w.must(w.db.QueryRowContext(w.t.Context(), `SELECT (SELECT COUNT(*) FROM jobs WHERE kind IN ('pipeline.change', 'pull.look') AND state <> 'failed') +
			(SELECT COUNT(*) FROM source_changes)`).Scan(&open))
		if open == 0 {
			break
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%d changes are left", open)
		}
	}
	var list []string
	for _, name := range w.names {
		out, err := w.belts.ListPipelineExecutions(w.t.Context(), &codepipeline.ListPipelineExecutionsInput{PipelineName: &name})
		w.must(err)
		for _, e := range slices.Backward(out.PipelineExecutionSummaries) {
			if !w.known[*e.PipelineExecutionId] {
				w.known[*e.PipelineExecutionId] = true
				list = append(list, name+": "+w.tell(e.Trigger))
			}
		}
	}
	return list
}

// tell is a trigger in few words; commits are called by their messages.
func (w *table) tell(t *types.ExecutionTrigger) string {
	g, ok := pipeline.ExecutionTrigger{TriggerType: string(t.TriggerType), TriggerDetail: aws.ToString(t.TriggerDetail)}.Git()
	if !ok {
		return string(t.TriggerType) + " " + aws.ToString(t.TriggerDetail)
	}
	w.git("fetch", "-q", w.url, "+refs/heads/*:refs/seen/*")
	text := fmt.Sprintf("%s commit %q", t.TriggerType, w.git("log", "-1", "--format=%s", g.Commit))
	for _, part := range [][2]string{{" branch ", g.Branch}, {" tag ", g.Tag}, {" pull request ", g.PullRequest}, {" ", g.Event}, {" into ", g.Destination}} {
		if part[1] != "" {
			text += part[0] + part[1]
		}
	}
	return text
}
