package forgehost_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/forge/forgetest"
	"github.com/conveyor-cd/conveyor/internal/forgehost"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
	"github.com/conveyor-cd/conveyor/internal/trigger"
	"github.com/conveyor-cd/conveyor/internal/vcs"
	"github.com/conveyor-cd/conveyor/internal/vcs/vcstest"
)

// world is a server with a connection to a forge that has the repository acme/site.
type world struct {
	t           *testing.T
	store       store.Store
	flow        *flow.Service
	host        *forgehost.Host
	http        *httptest.Server
	connections *connection.Store
	double      *forgetest.Double
	repo        *forgetest.Repo
	connection  string
	dir         string
	git         string
}

func newWorld(t *testing.T, st store.Store, kind forge.Kind, change ...func(*forgehost.Options)) *world {
	t.Helper()
	w := &world{t: t, store: st, dir: t.TempDir()}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	data := t.TempDir()
	box, err := secret.Open(data)
	must(err)
	runner, err := vcs.NewRunner(vcs.Options{Home: filepath.Join(data, "home")})
	must(err)
	mirrors, err := gitrepo.OpenMirrors(filepath.Join(data, "mirrors"), runner)
	must(err)
	t.Cleanup(func() { mirrors.Close() })
	q := queue.New(st, queue.Config{Backoff: func(int) time.Duration { return 10 * time.Millisecond }})
	w.connections = connection.New(st, box, connection.Options{})
	w.http = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.host.ServeHTTP(rw, r) }))
	t.Cleanup(w.http.Close)
	o := forgehost.Options{
		Store: st, Jobs: q, Connections: w.connections, Mirrors: mirrors, Runner: runner, Box: box, PublicURL: w.http.URL, Minute: 20 * time.Millisecond,
	}
	for _, c := range change {
		c(&o)
	}
	w.host = forgehost.New(o)
	w.flow = flow.New(flow.Options{Store: st, Jobs: q, Providers: registry{}, OnStep: w.host.Stepped, OnWatch: w.host.Watched})
	w.host.Serve(w.flow)
	must(q.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := q.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	w.shell("git init -q --bare -b main acme/site.git; git init -q -b main work")
	w.double = forgetest.New(kind, "t0ken")
	t.Cleanup(w.double.Server.Close)
	git, err := vcstest.GitHTTP(w.dir, "t0ken")
	must(err)
	w.double.ServeGit(git)
	w.repo = w.double.Add("acme/site", w.double.Server.URL+"/acme/site.git", nil)
	open, err := vcstest.GitHTTP(w.dir, "")
	must(err)
	server := httptest.NewServer(open)
	t.Cleanup(server.Close)
	w.git = server.URL + "/acme/site.git"
	c, err := w.connections.Create(t.Context(), connection.Connection{Service: "codeconnections", Name: "hub", Provider: "GitHub"}, nil)
	must(err)
	w.connection = c.ID
	return w
}

func (w *world) authorize() {
	w.t.Helper()
	_, err := w.connections.Authorize(w.t.Context(), w.connection, connection.Authorization{
		Endpoint: w.double.Server.URL, Software: w.double.Kind, Credentials: forge.Credentials{Token: "t0ken"},
	})
	if err == nil {
		err = w.host.Authorized(w.t.Context(), w.connection)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) shell(script string) string {
	w.t.Helper()
	cmd := exec.Command("sh", "-ec", script)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s: %v: %s", script, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit changes a file and pushes to a ref; it returns the commit.
func (w *world) commit(file, ref string) string {
	return w.shell("cd work; date +%N > " + file + "; git add -A; git commit -q -m change; git push -q ../acme/site.git HEAD:" + ref + "; git rev-parse HEAD")
}

// registry is a source of every kind and an approval that waits.
type registry struct{}

var (
	typeForge  = pipeline.ActionTypeID{Category: "Source", Owner: "AWS", Provider: "CodeStarSourceConnection", Version: "1"}
	typeGit    = pipeline.ActionTypeID{Category: "Source", Owner: "AWS", Provider: "ConveyorGit", Version: "1"}
	typeManual = pipeline.ActionTypeID{Category: "Approval", Owner: "AWS", Provider: "Manual", Version: "1"}
)

func (registry) Types() []action.Type {
	keys := func(names ...string) (list []action.Property) {
		for _, n := range names {
			list = append(list, action.Property{Name: n})
		}
		return list
	}
	one := action.Count{Min: 1, Max: 1}
	return []action.Type{
		{ID: typeForge, Outputs: one, Properties: keys("ConnectionArn", "FullRepositoryId", "BranchName", "DetectChanges", "ConveyorCommitStatus", "ConveyorPollMinutes")},
		{ID: typeGit, Outputs: one, Properties: keys("ConveyorUrl", "BranchName", "ConveyorPollMinutes")},
		{ID: typeManual},
	}
}

func (r registry) Lookup(id pipeline.ActionTypeID) (action.Provider, bool) {
	for _, t := range r.Types() {
		if t.ID == id {
			return provider{t}, true
		}
	}
	return nil, false
}

type provider struct{ typ action.Type }

func (p provider) Type() action.Type                        { return p.typ }
func (p provider) Cancel(context.Context, action.Job) error { return nil }
func (p provider) Start(_ context.Context, job action.Job) (action.Result, error) {
	if p.typ.ID == typeManual {
		return action.Wait{ExternalID: job.Token}, nil
	}
	if len(job.Revision) == 0 {
		return action.Done{Revision: &pipeline.Revision{ID: strings.Repeat("d", 40)}}, nil
	}
	return action.Done{Revision: &pipeline.Revision{ID: job.Revision[0].RevisionValue}}, nil
}

// pipeline makes one that watches main of acme/site through the connection.
func (w *world) pipeline(name string, change ...func(*pipeline.Definition)) {
	w.t.Helper()
	d := pipeline.Definition{
		Name: name, RoleArn: "arn:aws:iam::000000000000:role/pipeline", PipelineType: "V2",
		ArtifactStore: &pipeline.ArtifactStore{Type: "S3", Location: "artifacts"},
		Stages: []pipeline.Stage{
			{Name: "Source", Actions: []pipeline.Action{{
				Name: "Code", ActionTypeID: typeForge, OutputArtifacts: []pipeline.OutputArtifact{{Name: "Code"}},
				Configuration: map[string]string{
					"ConnectionArn": "arn:aws:codeconnections:us-east-1:000000000000:connection/" + w.connection, "FullRepositoryId": "acme/site", "BranchName": "main",
				},
			}}},
			{Name: "Gate", Actions: []pipeline.Action{{Name: "Approve", ActionTypeID: typeManual}}},
		},
	}
	for _, c := range change {
		c(&d)
	}
	if _, err := w.flow.CreatePipeline(w.t.Context(), d, nil, "arn:aws:iam::000000000000:root"); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(5 * time.Millisecond) { // polls, with a deadline
		if time.Now().After(deadline) {
			w.t.Fatalf("not within 30 s: %s", what)
		}
	}
}

func (w *world) hooks() map[string]forgetest.Hook {
	w.double.Lock()
	defer w.double.Unlock()
	m := map[string]forgetest.Hook{}
	for k, h := range w.repo.Hooks {
		m[k] = h
	}
	return m
}

// commits are those that executions of a pipeline were started for, the oldest first.
func (w *world) commits(name string) []string {
	w.t.Helper()
	list, _, err := w.flow.ListExecutions(w.t.Context(), name, "", flow.Page{})
	if err != nil {
		w.t.Fatal(err)
	}
	var commits []string
	for _, e := range slices.Backward(list) {
		if len(e.Overrides) == 1 {
			commits = append(commits, e.Overrides[0].RevisionValue)
		}
	}
	return commits
}

func (w *world) states() ([]forgehost.HookState, []forgehost.PollState) {
	w.t.Helper()
	hooks, polls, err := w.host.States(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return hooks, polls
}

func (w *world) deliver(e forge.Event, id string) string {
	w.t.Helper()
	e.Repository, e.Actor = "acme/site", "ada"
	answers, err := w.double.Deliver(e, id)
	if err != nil || len(answers) != 1 {
		w.t.Fatal(answers, err)
	}
	return answers[0]
}

func TestWebhooksComeAndGoWithThosePipelines(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st, forge.GitLab)
		w.pipeline("one")
		w.until("that the pending connection is noted", func() bool {
			hooks, _ := w.states()
			return len(hooks) == 1 && !hooks[0].Registered && strings.Contains(hooks[0].Problem, "pending")
		})
		w.authorize()
		w.until("a webhook", func() bool { return len(w.hooks()) == 1 })
		w.until("that nothing is wrong", func() bool { hooks, _ := w.states(); return hooks[0].Registered && hooks[0].Problem == "" })
		w.pipeline("two")
		w.pipeline("still", func(d *pipeline.Definition) { d.Stages[0].Actions[0].Configuration["DetectChanges"] = "false" })
		for _, name := range []string{"one", "two"} {
			if len(w.hooks()) != 1 {
				t.Errorf("%d webhooks", len(w.hooks()))
			}
			if err := w.flow.DeletePipeline(t.Context(), name, ""); err != nil {
				t.Fatal(err)
			}
		}
		w.until("no webhook", func() bool { return len(w.hooks()) == 0 })
		w.until("nothing left", func() bool { hooks, _ := w.states(); return len(hooks) == 0 })
	})
}

func TestAServerThatMovedRegistersAgain(t *testing.T) {
	st := sqltest.SQLite(t)
	w := newWorld(t, st, forge.GitHub)
	w.authorize()
	w.pipeline("site")
	w.until("a webhook", func() bool { hooks, _ := w.states(); return len(hooks) == 1 && hooks[0].Registered })
	before := w.hooks()
	err := st.InTx(t.Context(), func(tx store.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE forge_hooks SET remote_url = 'http://before.example.com/conveyor/forges/x'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.host.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.until("another webhook in place of the old one", func() bool {
		now := w.hooks()
		for key := range before {
			delete(now, key)
		}
		return len(w.hooks()) == 1 && len(now) == 1
	})
}

func TestAForgeThatCannotReachUsIsToldNothing(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t), forge.GitHub)
	w.authorize()
	err := w.store.InTx(t.Context(), func(tx store.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE connections SET endpoint = 'https://git.example.com'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.pipeline("site")
	w.until("the advice", func() bool {
		hooks, _ := w.states()
		return len(hooks) == 1 && strings.Contains(hooks[0].Problem, "--public-url") && strings.Contains(hooks[0].Problem, "ConveyorPollMinutes")
	})
}

func TestPushesStartPipelinesInTheirOrderAndOnce(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st, forge.GitHub)
		w.authorize()
		w.pipeline("site")
		w.until("a webhook", func() bool { return len(w.hooks()) == 1 })
		var want []string
		before := ""
		for i := range 6 {
			after := w.commit(fmt.Sprint("f", i), "main")
			if got := w.deliver(forge.Event{Kind: trigger.BranchPushed, Name: "main", Before: before, After: after}, fmt.Sprint("d", i)); got != "200 received" {
				t.Error(got)
			}
			want, before = append(want, after), after
		}
		if got := w.deliver(forge.Event{Kind: trigger.BranchPushed, Name: "main", Before: want[0], After: want[1]}, "d1"); got != "200 nothing started: this delivery was received before" {
			t.Error(got)
		}
		if got := w.deliver(forge.Event{Kind: trigger.BranchPushed, Name: "main", Before: want[0], After: want[1]}, "d9"); got != "200 nothing started: this delivery was received before" {
			t.Errorf("the same body: %s", got)
		}
		// Another branch, a tag, and a commit that is gone start nothing.
		w.deliver(forge.Event{Kind: trigger.BranchPushed, Name: "dev", Before: want[0], After: want[1]}, "x1")
		w.deliver(forge.Event{Kind: trigger.TagPushed, Name: "v1", After: want[1]}, "x2")
		w.deliver(forge.Event{Kind: trigger.BranchPushed, Name: "main", Before: want[0], After: strings.Repeat("e", 40)}, "x3")
		last := w.commit("last", "main")
		w.deliver(forge.Event{Kind: trigger.BranchPushed, Name: "main", Before: before, After: last}, "last")
		want = append(want, last)
		w.until("the last push", func() bool { return slices.Contains(w.commits("site"), last) })
		if got := w.commits("site"); !slices.Equal(got, want) {
			t.Errorf("started for %q\nwant        %q", got, want)
		}
	})
}

func TestFiltersOfPullRequestsTagsAndFiles(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t), forge.Gitea)
	w.authorize()
	w.pipeline("site", func(d *pipeline.Definition) {
		d.Triggers = []pipeline.Trigger{{ProviderType: "CodeStarSourceConnection", GitConfiguration: &pipeline.GitConfiguration{
			SourceActionName: "Code",
			Push: []pipeline.GitPushFilter{
				{Tags: &pipeline.GlobFilter{Includes: []string{"v*"}}},
				{Branches: &pipeline.GlobFilter{Includes: []string{"release/*"}}, FilePaths: &pipeline.GlobFilter{Includes: []string{"src-*"}}},
			},
			PullRequest: []pipeline.PullRequestFilter{{Events: []string{"OPEN", "UPDATED", "CLOSED"}, Branches: &pipeline.GlobFilter{Includes: []string{"main"}}, FilePaths: &pipeline.GlobFilter{Includes: []string{"src-*"}}}},
		}}}
	})
	w.until("a webhook", func() bool { return len(w.hooks()) == 1 })
	base := w.commit("base", "main")
	docs := w.commit("docs", "release/1")
	src := w.commit("src-a", "release/1")
	push := func(name, before, after, id string) {
		w.deliver(forge.Event{Kind: trigger.BranchPushed, Name: name, Before: before, After: after}, id)
	}
	push("main", "", base, "1")
	push("release/1", base, docs, "2")
	push("release/1", docs, src, "3") // starts
	w.deliver(forge.Event{Kind: trigger.TagPushed, Name: "beta", After: base}, "4")
	w.deliver(forge.Event{Kind: trigger.TagPushed, Name: "v1", After: base}, "5") // starts

	head := w.commit("src-b", "refs/pull/7/head")
	pull := func(kind trigger.Kind, number, target, after string, fork bool, id string) string {
		return w.deliver(forge.Event{Kind: kind, Name: target, Before: base, After: after, PullRequest: number, Source: "feature", Fork: fork}, id)
	}
	w.double.Lock()
	w.repo.Files["7"], w.repo.Files["8"] = []string{"src-b"}, []string{"docs"}
	w.double.Unlock()
	if got := pull(trigger.PullRequestOpened, "7", "main", head, true, "6"); !strings.Contains(got, "from a fork") {
		t.Errorf("a fork: %s", got)
	}
	if got := w.deliver(forge.Event{Kind: forge.Released, Name: "v1", Release: "one"}, "release"); !strings.Contains(got, "starts no pipeline") {
		t.Errorf("a release: %s", got)
	}
	pull(trigger.PullRequestOpened, "8", "main", head, false, "7")
	pull(trigger.PullRequestOpened, "7", "dev", head, false, "8")
	pull(trigger.PullRequestOpened, "7", "main", head, false, "9") // starts
	if got := pull(trigger.PullRequestUpdated, "7", "main", head, false, "10"); !strings.Contains(got, "nothing new") {
		t.Errorf("a new title: %s", got)
	}
	pull(trigger.PullRequestClosed, "7", "main", head, false, "11") // starts
	want := []string{src, base, head, head}
	w.until("the last event", func() bool { return len(w.commits("site")) >= len(want) })
	if got := w.commits("site"); !slices.Equal(got, want) {
		t.Errorf("started for %q\nwant        %q", got, want)
	}
	list, _, err := w.flow.ListExecutions(t.Context(), "site", "", flow.Page{})
	if err != nil {
		t.Fatal(err)
	}
	g, ok := list[0].Trigger.Git()
	if !ok || g.PullRequest != "7" || g.Branch != "feature" || g.Destination != "main" || g.Event != "CLOSED" || g.Repository != "acme/site" {
		t.Errorf("trigger %+v", list[0].Trigger)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t), forge.GitHub, func(o *forgehost.Options) { o.Bodies.MaxBody = 10_000 })
	w.authorize()
	w.pipeline("site")
	w.until("a webhook", func() bool { return len(w.hooks()) == 1 })
	var hook forgetest.Hook
	for _, h := range w.hooks() {
		hook = h
	}
	header, body := forgetest.Payload(forge.GitHub, forge.Event{Kind: trigger.BranchPushed, Repository: "acme/site", Name: "main", After: strings.Repeat("e", 40)}, "1")
	post := func(url string, change func(h http.Header), body []byte) int {
		r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header.Clone()
		forgetest.Sign(forge.GitHub, r.Header, hook.Secret, body)
		change(r.Header)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return resp.StatusCode
	}
	same := func(http.Header) {}
	for _, c := range []struct {
		what   string
		url    string
		change func(http.Header)
		body   []byte
		want   int
	}{
		{"another address", hook.URL + "x", same, body, http.StatusNotFound},
		{"no signature", hook.URL, func(h http.Header) { h.Del("X-Hub-Signature-256") }, body, http.StatusForbidden},
		{"a wrong signature", hook.URL, func(h http.Header) { h.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64)) }, body, http.StatusForbidden},
		{"another forge's signature", hook.URL, func(h http.Header) {
			h.Del("X-Hub-Signature-256")
			h.Set("X-Gitlab-Token", hook.Secret)
		}, body, http.StatusForbidden},
		{"no JSON", hook.URL, same, []byte("["), http.StatusBadRequest},
		{"too much", hook.URL, same, bytes.Repeat([]byte("x"), 20_000), http.StatusRequestEntityTooLarge},
		{"a ping", hook.URL, func(h http.Header) { h.Set("X-GitHub-Event", "ping") }, body, http.StatusOK},
		{"another event", hook.URL, func(h http.Header) { h.Set("X-GitHub-Event", "star") }, body, http.StatusOK},
	} {
		if got := post(c.url, c.change, c.body); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
	hooks, _ := w.states()
	if hooks[0].Refused == "" {
		t.Error("the owner cannot see that something was refused")
	}
}

func TestCommitsShowHowActionsStand(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st, forge.GitHub)
		w.authorize()
		w.double.Lock()
		w.double.Broken = 3 // it is told later
		w.double.Unlock()
		w.pipeline("site")
		w.pipeline("quiet", func(d *pipeline.Definition) { d.Stages[0].Actions[0].Configuration["ConveyorCommitStatus"] = "false" })
		commit := strings.Repeat("d", 40)
		shown := func(context string) (last forgetest.Status) {
			w.double.Lock()
			defer w.double.Unlock()
			for _, s := range w.repo.Statuses {
				if s.Context == context {
					last = s
				}
			}
			return last
		}
		w.until("the source's success", func() bool { return shown("conveyor/site/Source/Code").State == "success" })
		w.until("the approval waits", func() bool { return shown("conveyor/site/Gate/Approve").State == "pending" })
		s := shown("conveyor/site/Gate/Approve")
		if s.Commit != commit || !strings.HasPrefix(s.URL, w.http.URL+"/conveyor/pipelines/site?execution=") || s.Description == "" {
			t.Errorf("%+v", s)
		}
		list, _, err := w.flow.ListExecutions(t.Context(), "site", "", flow.Page{})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.flow.Stop(t.Context(), "site", list[0].ID, true, "enough", ""); err != nil {
			t.Fatal(err)
		}
		w.until("the end", func() bool { return shown("conveyor/site/Gate/Approve").State == "failure" })
		w.double.Lock()
		defer w.double.Unlock()
		for _, s := range w.repo.Statuses {
			if strings.Contains(s.Context, "quiet") {
				t.Errorf("%+v was not wanted", s)
			}
		}
	})
}

func TestSourcesThatCannotTellAreAsked(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st, forge.GitHub)
		first := w.commit("a", "main")
		w.pipeline("site", func(d *pipeline.Definition) {
			a := &d.Stages[0].Actions[0]
			a.ActionTypeID, a.Configuration = typeGit, map[string]string{"ConveyorUrl": w.git, "BranchName": "main", "ConveyorPollMinutes": "1"}
		})
		w.pipeline("tags", func(d *pipeline.Definition) {
			a := &d.Stages[0].Actions[0]
			a.ActionTypeID, a.Configuration = typeGit, map[string]string{"ConveyorUrl": w.git, "BranchName": "main", "ConveyorPollMinutes": "1"}
			d.Triggers = []pipeline.Trigger{{ProviderType: "CodeStarSourceConnection", GitConfiguration: &pipeline.GitConfiguration{
				SourceActionName: "Code", Push: []pipeline.GitPushFilter{{Tags: &pipeline.GlobFilter{Includes: []string{"v*"}}}},
			}}}
		})
		w.until("a first look", func() bool { _, polls := w.states(); return len(polls) == 1 && !polls[0].Looked.IsZero() })
		second := w.commit("b", "main")
		w.until("the push", func() bool { return slices.Equal(w.commits("site"), []string{second}) })
		w.shell("git -C work push -q ../acme/site.git " + first + ":refs/tags/v1")
		w.until("the tag", func() bool { return slices.Equal(w.commits("tags"), []string{first}) })
		w.shell("mv acme acme.gone")
		w.until("that it is gone", func() bool { _, polls := w.states(); return polls[0].Problem != "" })
		w.shell("mv acme.gone acme")
		third := w.commit("c", "main")
		w.until("the next push", func() bool { return slices.Equal(w.commits("site"), []string{second, third}) })
		for _, name := range []string{"site", "tags"} {
			if err := w.flow.DeletePipeline(t.Context(), name, ""); err != nil {
				t.Fatal(err)
			}
		}
		w.until("that nobody asks any more", func() bool { _, polls := w.states(); return len(polls) == 0 })
	})
}
