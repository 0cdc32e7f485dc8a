package build_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
	"github.com/conveyor-cd/conveyor/internal/variables"
)

// commands is a request as a pipeline's Commands action makes it.
func (s *server) commands(c build.Commands, inputs, outputs []pipeline.Artifact) build.Request {
	s.keys++
	key := fmt.Sprintf("action-%d", s.keys)
	p := &build.Pipeline{Name: "pipe", Inputs: inputs, Outputs: outputs}
	if len(inputs) > 0 {
		p.Primary = inputs[0].Name
	}
	payload, _ := json.Marshal(key)
	return build.Request{
		Key: key, Initiator: "codepipeline/pipe", Pipeline: p, Commands: &c,
		OnFinish: &queue.Job{Kind: "test.finished", Payload: payload},
	}
}

func exported(b types.Build) map[string]string {
	vars := map[string]string{}
	for _, v := range b.ExportedEnvironmentVariables {
		vars[*v.Name] = *v.Value
	}
	return vars
}

// Commands run exactly as written, in the first artifact, and what one leaves behind is there for the next.
func TestCommands(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	app := s.putZip("App", map[string]string{"f": "from App\n", "sub/g": "g\n"})
	lib := s.putZip("Lib", map[string]string{"f": "from Lib\n"})
	out := s.out("Out")
	r := s.commands(build.Commands{
		Lines: []string{
			"cat f; cat $CODEBUILD_SRC_DIR_Lib/f",
			"cd sub",
			`say() { printf '%s|' "$@"; echo; }`,
			`export MADE="it's \"$GIVEN\" \\ and $(cat g)"`,
			`say 'a  b' "$MADE" \$HOME # #{not.a.reference} %s`,
			"echo made >made",
		},
		Export: []string{"MADE", "UNSET", "CODEBUILD_BUILD_ID"},
		Files:  []string{"sub/*"},
	}, []pipeline.Artifact{app, lib}, []pipeline.Artifact{out})
	r.Input = codebuild.StartBuildInput{EnvironmentVariablesOverride: []types.EnvironmentVariable{{Name: aws.String("GIVEN"), Value: aws.String(`$x "y" 'z'`)}}}
	b := s.expect(s.wait(*s.start(r).Id), types.StatusTypeSucceeded)
	made := `it's "$x "y" 'z'" \ and g`
	if want := "from App\nfrom Lib\na  b|" + made + "|$HOME|\n"; s.said(b) != want {
		t.Errorf("the commands printed %q, want %q", s.said(b), want)
	}
	if got, want := exported(b), map[string]string{"MADE": made, "CODEBUILD_BUILD_ID": *b.Id}; !maps.Equal(got, want) {
		t.Errorf("variables %q, want %q", got, want)
	}
	if got, want := s.unzip(out.Key), map[string]string{"sub/g": "g\n", "sub/made": "made\n"}; !maps.Equal(got, want) {
		t.Errorf("the artifact holds %q, want %q", got, want)
	}
	if *b.Logs.GroupName != "/aws/codepipeline/pipe" || !strings.HasPrefix(*b.Id, "codepipeline/pipe:") || *b.TimeoutInMinutes != 55 {
		t.Errorf("the build is %s with the log group %s and a timeout of %d minutes", *b.Id, *b.Logs.GroupName, *b.TimeoutInMinutes)
	}
	s.eventually("the report of the end", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.finished) == 1 })
}

// The first command that fails ends the build: no other runs, and neither artifact nor variables are handed over.
func TestFailingCommand(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	out := s.out("Out")
	r := s.commands(build.Commands{Lines: []string{"export A=1", "echo before; (exit 3)", "echo never"}, Export: []string{"A"}},
		[]pipeline.Artifact{s.putZip("App", map[string]string{"f": "f"})}, []pipeline.Artifact{out})
	b := s.expect(s.wait(*s.start(r).Id), types.StatusTypeFailed)
	want := "phase BUILD: COMMAND_EXECUTION_ERROR: Error while executing command: echo before; (exit 3). Reason: exit status 3\nThe last lines of its output:\nbefore"
	if got := build.FailureReason(&b); got != want {
		t.Errorf("the reason is %q, want %q", got, want)
	}
	if s.said(b) != "before\n" || s.object(out.Key) != nil || len(exported(b)) != 0 {
		t.Errorf("after the failure: printed %q, variables %q, artifact %q", s.said(b), exported(b), s.object(out.Key))
	}
}

func TestCommandsWithoutFilesOrInputs(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	out := s.out("Out")
	app := s.putZip("App", map[string]string{"f": "f", "d/.hidden": "h"})
	b := s.start(s.commands(build.Commands{Lines: []string{"rm f; echo new >n"}}, []pipeline.Artifact{app}, []pipeline.Artifact{out}))
	s.expect(s.wait(*b.Id), types.StatusTypeSucceeded)
	if got, want := s.unzip(out.Key), map[string]string{"d/.hidden": "h", "n": "new\n"}; !maps.Equal(got, want) {
		t.Errorf("without files the artifact holds %q, want %q", got, want)
	}
	b = s.start(s.commands(build.Commands{Lines: []string{"ls -A", "echo $CODEBUILD_SRC_DIR"}}, nil, nil))
	b = s.expect(s.wait(*b.Id), types.StatusTypeSucceeded)
	if got := s.said(b); !strings.HasSuffix(got, "/src\n") || strings.Count(got, "\n") != 1 {
		t.Errorf("without inputs the commands saw %q", got)
	}
}

func TestCommandsAreRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	for name, c := range map[string]struct {
		commands build.Commands
		want     string
	}{
		"none":         {build.Commands{}, "no commands"},
		"NUL":          {build.Commands{Lines: []string{"a\x00b"}}, "NUL"},
		"injection":    {build.Commands{Lines: []string{"true"}, Export: []string{"A;touch x"}}, `"A;touch x" is not a variable name`},
		"credentials":  {build.Commands{Lines: []string{"true"}, Export: []string{"AWS_REGION"}}, "AWS_REGION"},
		"climbing":     {build.Commands{Lines: []string{"true"}, Files: []string{"../*"}}, `".."`},
		"from outside": {build.Commands{Lines: []string{"true"}, Files: []string{"/etc/passwd"}}, "absolute"},
	} {
		_, err := s.tryStart(s.commands(c.commands, nil, nil))
		if e, ok := errors.AsType[*build.InvalidError](err); !ok || !strings.Contains(e.Message, c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// An artifact's name is a directory's name at most, whatever it is made of.
func TestCommandsStayInTheirWorkspace(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	app, evil := s.putZip("App", nil), s.putZip("../../evil", map[string]string{"f": "f"})
	b := s.start(s.commands(build.Commands{Lines: []string{"echo never"}}, []pipeline.Artifact{app, evil}, nil))
	b = s.expect(s.wait(*b.Id), types.StatusTypeFailed)
	expectFailure(t, b, "DOWNLOAD_SOURCE", "cannot be the name of a directory")
	if left, _ := filepath.Glob(filepath.Join(s.dir, "evil*")); left != nil {
		t.Errorf("%q was made", left)
	}
	out := s.out("Out")
	b = s.start(s.commands(build.Commands{Lines: []string{"ln -s /etc/passwd link; P=/etc"}, Files: []string{"link", "$P/passwd"}},
		[]pipeline.Artifact{app}, []pipeline.Artifact{out}))
	b = s.expect(s.wait(*b.Id), types.StatusTypeFailed)
	expectFailure(t, b, "UPLOAD_ARTIFACTS", "")
	if s.object(out.Key) != nil {
		t.Error("an artifact was stored")
	}
}

func TestTooManyVariables(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	out := s.out("Out")
	for size, want := range map[int]types.StatusType{variables.MaxOutput - 1: types.StatusTypeSucceeded, variables.MaxOutput: types.StatusTypeFailed} {
		r := s.commands(build.Commands{Lines: []string{fmt.Sprintf("V=$(head -c %d /dev/zero | tr '\\0' x)", size)}, Export: []string{"V"}},
			[]pipeline.Artifact{s.putZip("App", map[string]string{"f": "f"})}, []pipeline.Artifact{out})
		b := s.expect(s.wait(*s.start(r).Id), want)
		if want == types.StatusTypeFailed {
			expectFailure(t, b, "POST_BUILD", "The output variables have 122881 bytes; at most 122880 are allowed")
			if len(b.ExportedEnvironmentVariables) != 0 {
				t.Error("they were kept")
			}
		}
	}
}

// A server that has lost its lease, without noticing, and its successor start the same commands at once.
func TestTwoServersStartTheSameCommands(t *testing.T) {
	t.Parallel()
	st := sqltest.Postgres(t) // SQLite runs one transaction after the other
	q := queue.New(st, queue.Config{})
	s := &server{t: t, ctx: context.Background(), st: st, queue: q}
	s.builds = build.New(build.Config{Store: st, Queue: q, Log: slog.New(slog.DiscardHandler)})
	r := s.commands(build.Commands{Lines: []string{"true"}}, nil, nil)
	started, looked := make(chan struct{}), make(chan struct{})
	var first types.Build
	var wg sync.WaitGroup
	wg.Go(func() {
		err := st.InTx(s.ctx, func(tx store.Tx) (err error) {
			first, err = s.builds.Start(s.ctx, tx, r)
			close(started)
			<-looked
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-started
	look := sync.OnceFunc(func() { close(looked) })
	err := st.InTx(s.ctx, func(tx store.Tx) error {
		var builds int // the snapshot in which the second looks for the first
		err := tx.QueryRow(s.ctx, `SELECT COUNT(*) FROM builds`).Scan(&builds)
		look()
		if err == nil {
			_, err = s.builds.Start(s.ctx, tx, r)
		}
		return err
	})
	wg.Wait()
	if err == nil {
		t.Error("the second did not notice the first")
	}
	if again := s.start(r); *again.Id != *first.Id { // as the second's job is tried again
		t.Errorf("%s was started beside %s", *again.Id, *first.Id)
	}
}

// Nobody but their pipeline sees such builds; they meet by key and are forgotten in the end.
func TestBuildsOfPipelines(t *testing.T) {
	t.Parallel()
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		// Nothing runs here: the queue is never started.
		q := queue.New(st, queue.Config{})
		s := &server{t: t, ctx: context.Background(), st: st, queue: q}
		s.builds = build.New(build.Config{Store: st, Queue: q, Log: slog.New(slog.DiscardHandler)})
		s.project("p", spec("true"))
		s.start(request("p"))
		r := s.commands(build.Commands{Lines: []string{"true"}}, nil, nil)
		b := s.start(r)
		if again := s.start(r); *again.Id != *b.Id {
			t.Errorf("%s was started beside %s", *again.Id, *b.Id)
		}
		if !build.OfPipeline(*b.Id) || !build.OfPipeline(*b.Arn) || build.OfPipeline("p:"+strings.Repeat("0", 8)) {
			t.Errorf("OfPipeline does not know %s", *b.Id)
		}
		if found, err := s.builds.Find(s.ctx, r.Key); err != nil || *found.Id != *b.Id {
			t.Errorf("Find: %v", err)
		}
		if listed, _, err := s.builds.List(s.ctx, false, ""); err != nil || len(listed) != 1 || build.OfPipeline(listed[0]) {
			t.Errorf("List shows %q, %v", listed, err)
		}
		prune := func(before time.Duration) {
			t.Helper()
			if err := s.builds.Prune(s.ctx, time.Now().Add(before)); err != nil {
				t.Fatal(err)
			}
		}
		prune(time.Hour)
		if _, err := s.builds.Get(s.ctx, *b.Id); err != nil {
			t.Errorf("a build in progress was forgotten: %v", err)
		}
		if _, err := s.builds.Stop(s.ctx, *b.Id); err != nil {
			t.Fatal(err)
		}
		prune(-time.Hour)
		if _, err := s.builds.Get(s.ctx, *b.Id); err != nil {
			t.Errorf("a young build was forgotten: %v", err)
		}
		prune(time.Hour)
		if _, err := s.builds.Get(s.ctx, *b.Id); !errors.Is(err, build.ErrNoBuild) {
			t.Errorf("an old build is kept: %v", err)
		}
		if listed, _, err := s.builds.List(s.ctx, false, ""); err != nil || len(listed) != 1 {
			t.Errorf("after that List shows %q, %v", listed, err)
		}
	})
}
