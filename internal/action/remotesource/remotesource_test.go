package remotesource_test

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/action/actiontest"
	"github.com/conveyor-cd/conveyor/internal/action/remotesource"
	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/forge/forgetest"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
	"github.com/conveyor-cd/conveyor/internal/vcs"
	"github.com/conveyor-cd/conveyor/internal/vcs/vcstest"
)

// remotes are where sources come from: a forge with the repository acme/site, and the same one at a Git server.
type remotes struct {
	t      *testing.T
	dir    string // of repositories
	double *forgetest.Double
	git    string
	head   string
}

func newRemotes(t *testing.T) *remotes {
	t.Helper()
	w := &remotes{t: t, dir: t.TempDir()}
	w.shell(`git init -q --bare -b main acme/site.git; git init -q -b main work; cd work; echo hello > index.html; ln -s index.html link; git add -A
		git commit -q -m 'First page'; git push -q ../acme/site.git main; git switch -q -c feature; git commit -q --allow-empty -m Feature; git push -q ../acme/site.git HEAD:refs/pull/7/head`)
	w.head = w.shell("git -C acme/site.git rev-parse main")
	w.double = forgetest.New(forge.GitHub, "t0ken")
	t.Cleanup(w.double.Server.Close)
	closed, err := vcstest.GitHTTP(w.dir, "t0ken")
	if err != nil {
		t.Fatal(err)
	}
	w.double.ServeGit(closed)
	w.double.Add("acme/site", w.double.Server.URL+"/acme/site.git", map[string]string{"main": w.head})
	open, err := vcstest.GitHTTP(w.dir, "")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(open)
	t.Cleanup(server.Close)
	w.git = server.URL + "/acme/site.git"
	return w
}

// world is a server's part: a connection to the forge, the providers, and a bucket for artifacts.
type world struct {
	*remotes
	t           *testing.T
	objects     *objectstore.Store
	connections *connection.Store
	sources     *remotesource.Sources
	arn         string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newRemotes(t).world(t)
}

// world is a new one that fetches from these.
func (r *remotes) world(t *testing.T) *world {
	t.Helper()
	w := &world{remotes: r, t: t}
	db, data := sqltest.SQLite(t), t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	w.objects, err = objectstore.Open(t.Context(), db, filepath.Join(data, "objects"), objectstore.Options{})
	must(err)
	must(w.objects.EnsureBucket(t.Context(), "artifacts"))
	box, err := secret.Open(data)
	must(err)
	runner, err := vcs.NewRunner(vcs.Options{Home: filepath.Join(data, "home")})
	must(err)
	mirrors, err := gitrepo.OpenMirrors(filepath.Join(data, "mirrors"), runner)
	must(err)
	t.Cleanup(func() { mirrors.Close() })
	w.connections = connection.New(db, box, connection.Options{})
	c, err := w.connections.Create(t.Context(), connection.Connection{Service: "codeconnections", Name: "hub", Provider: "GitHub"}, nil)
	must(err)
	_, err = w.connections.Authorize(t.Context(), c.ID, connection.Authorization{Endpoint: w.double.Server.URL, Credentials: forge.Credentials{Token: "t0ken"}})
	must(err)
	w.arn = "arn:aws:codeconnections:us-east-1:000000000000:connection/" + c.ID
	w.sources, err = remotesource.New(remotesource.Options{
		Connections: w.connections, Mirrors: mirrors, Runner: runner, Objects: w.objects, Box: box, Dir: filepath.Join(data, "mirrors"), GitHub: w.double.Server.URL,
	})
	must(err)
	return w
}

func (w *remotes) shell(script string) string {
	w.t.Helper()
	cmd := exec.Command("sh", "-ec", script)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "HGUSER=eve", "HGRCPATH=", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=a@example.com",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z")
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s: %v: %s", script, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (w *world) provider(name string) action.Provider {
	list := w.sources.Providers()
	return list[slices.IndexFunc(list, func(p action.Provider) bool { return p.Type().ID.Provider == name })]
}

func (w *world) job(provider string, configuration map[string]string) action.Job {
	c := map[string]string{}
	for k, v := range configuration {
		c[k] = v
	}
	return action.Job{
		Pipeline: "p", ExecutionID: "e", Stage: "Source", Action: "Fetch", ActionExecutionID: "x1", TypeID: w.provider(provider).Type().ID,
		Configuration: c, Outputs: []pipeline.Artifact{{Name: "src", Bucket: "artifacts", Key: "p/src/abc1234"}},
	}
}

func (w *world) has(t *testing.T, a pipeline.Artifact) bool {
	_, err := w.objects.Head(t.Context(), a.Bucket, a.Key, "")
	return err == nil
}

func pin(commit string) func(*action.Job) {
	return func(j *action.Job) {
		j.Revision = []pipeline.SourceRevisionOverride{{ActionName: "Fetch", RevisionType: "COMMIT_ID", RevisionValue: commit}}
	}
}

func configure(key, value string) func(*action.Job) {
	return func(j *action.Job) { j.Configuration[key] = value }
}

func TestProviders(t *testing.T) {
	const nowhere = "arn:aws:codestar-connections:us-east-1:000000000000:connection/11111111-2222-3333-4444-555555555555"
	none := strings.Repeat("e", 40)
	gitMistakes := []actiontest.Mistake{
		{Name: "no branch", Make: configure("BranchName", "nope"), Says: "nope", Code: pipeline.RevisionUnavailable},
		{Name: "option as branch", Make: configure("BranchName", "--upload-pack=x"), Says: "--upload-pack=x"},
		{Name: "no commit", Make: pin(none), Says: none, Code: pipeline.RevisionUnavailable},
		{Name: "not a commit", Make: pin("HEAD~1"), Says: "HEAD~1", Code: pipeline.RevisionUnavailable},
	}
	from := newRemotes(t)
	for provider, world := range map[string]func(w *world) (map[string]string, []actiontest.Mistake){
		"CodeStarSourceConnection": func(w *world) (map[string]string, []actiontest.Mistake) {
			return map[string]string{"ConnectionArn": w.arn, "FullRepositoryId": "acme/site", "BranchName": "main"}, append(gitMistakes,
				actiontest.Mistake{Name: "no connection", Make: configure("ConnectionArn", nowhere), Says: nowhere, Code: pipeline.ConfigurationError},
				actiontest.Mistake{Name: "no repository", Make: configure("FullRepositoryId", "acme/none"), Says: "acme/none", Code: pipeline.ConfigurationError},
				actiontest.Mistake{Name: "path as repository", Make: configure("FullRepositoryId", "../x"), Says: "../x"})
		},
		"ConveyorGit": func(w *world) (map[string]string, []actiontest.Mistake) {
			return map[string]string{"ConveyorUrl": w.git, "BranchName": "main"}, append(gitMistakes,
				actiontest.Mistake{Name: "no repository", Make: configure("ConveyorUrl", w.git+"x"), Says: w.git + "x", Code: pipeline.JobFailed},
				actiontest.Mistake{Name: "a file", Make: configure("ConveyorUrl", "file://"+w.dir+"/acme/site.git"), Says: "file://"},
				actiontest.Mistake{Name: "a program", Make: configure("ConveyorUrl", "ext::id"), Says: "ext::id"},
				actiontest.Mistake{Name: "both", Make: configure("ConveyorTag", "v1"), Says: "either BranchName or ConveyorTag"},
				actiontest.Mistake{Name: "no login", Make: configure("ConveyorCredentials", "nobody"), Says: "nobody", Code: pipeline.ConfigurationError})
		},
		"GitHub": func(w *world) (map[string]string, []actiontest.Mistake) {
			return map[string]string{"Owner": "acme", "Repo": "site", "Branch": "main", "OAuthToken": "t0ken"}, []actiontest.Mistake{
				{Name: "wrong token", Make: configure("OAuthToken", "wr0ng"), Says: "refuses access", Code: pipeline.PermissionError},
				{Name: "lost token", Make: configure("OAuthToken", "****"), Says: "Enter OAuthToken again", Code: pipeline.ConfigurationError},
				{Name: "path as owner", Make: configure("Owner", "a/b"), Says: "a/b"},
			}
		},
	} {
		t.Run(provider, func(t *testing.T) {
			actiontest.Run(t, func(t *testing.T) actiontest.Fixture {
				w := from.world(t)
				c, mistakes := world(w)
				return actiontest.Fixture{Provider: w.provider(provider), Job: func() action.Job { return w.job(provider, c) }, Mistakes: mistakes, Has: w.has}
			})
		})
	}
}

func TestSubversionProvider(t *testing.T) {
	if p := vcstest.Missing("svn", "svnserve", "svnadmin"); p != "" {
		t.Skipf("%s is not installed: not tried against its server", p)
	}
	from := newRemotes(t)
	from.shell("mkdir svn; svnadmin create svn/site; svn import -q -m 'First page' work file://$PWD/svn/site/trunk")
	s, err := vcstest.SVN(filepath.Join(from.dir, "svn"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	actiontest.Run(t, func(t *testing.T) actiontest.Fixture {
		w := from.world(t)
		return actiontest.Fixture{
			Provider: w.provider("ConveyorSubversion"), Has: w.has,
			Job: func() action.Job {
				return w.job("ConveyorSubversion", map[string]string{"ConveyorUrl": s.URL + "/site/trunk"})
			},
			Mistakes: []actiontest.Mistake{
				{Name: "no path", Make: configure("ConveyorUrl", s.URL+"/site/none"), Says: "/site/none", Code: pipeline.RevisionUnavailable},
				{Name: "no revision", Make: pin("99"), Says: "revision", Code: pipeline.RevisionUnavailable},
				{Name: "a file", Make: configure("ConveyorUrl", "file:///x"), Says: "file:///x"},
			},
		}
	})
}

func TestMercurialProvider(t *testing.T) {
	if p := vcstest.Missing("hg"); p != "" {
		t.Skipf("%s is not installed: not tried against its server", p)
	}
	from := newRemotes(t)
	from.shell("hg init hg; cd hg; echo hello > index.html; hg commit -q -A -m 'First page'")
	s, err := vcstest.Hg(filepath.Join(from.dir, "hg"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	actiontest.Run(t, func(t *testing.T) actiontest.Fixture {
		w := from.world(t)
		return actiontest.Fixture{
			Provider: w.provider("ConveyorMercurial"), Has: w.has,
			Job: func() action.Job { return w.job("ConveyorMercurial", map[string]string{"ConveyorUrl": s.URL}) },
			Mistakes: []actiontest.Mistake{
				{Name: "no branch", Make: configure("BranchName", "nope"), Says: "nope", Code: pipeline.RevisionUnavailable},
				{Name: "an expression", Make: configure("BranchName", "file(**)"), Says: "file(**)"},
				{Name: "no commit", Make: pin(strings.Repeat("e", 40)), Says: "eeee", Code: pipeline.RevisionUnavailable},
			},
		}
	})
}

func TestAConnectionsArtifact(t *testing.T) {
	w := newWorld(t)
	c := map[string]string{"ConnectionArn": w.arn, "FullRepositoryId": "acme/site", "BranchName": "main"}
	j := w.job("CodeStarSourceConnection", c)
	result, err := w.provider("CodeStarSourceConnection").Start(t.Context(), j)
	done, ok := result.(action.Done)
	if err != nil || !ok {
		t.Fatalf("%+v, %v", result, err)
	}
	for name, want := range map[string]string{
		"CommitId": w.head, "BranchName": "main", "CommitMessage": "First page\n", "ConnectionArn": w.arn, "FullRepositoryName": "acme/site", "AuthorDate": "2026-01-02T03:04:05Z",
	} {
		if done.Variables[name] != want {
			t.Errorf("%s is %q, want %q", name, done.Variables[name], want)
		}
	}
	if done.ExternalURL != w.double.Server.URL+"/acme/site/commit/"+w.head {
		t.Error(done.ExternalURL)
	}
	z, err := zip.NewReader(bytes.NewReader(w.artifact(j)), int64(len(w.artifact(j))))
	if err != nil || len(z.File) != 2 {
		t.Fatalf("%v, %v", z, err)
	}

	// What is here already is not asked for again.
	w.double.ServeGit(nil)
	pin(w.head)(&j)
	if result, err := w.provider("CodeStarSourceConnection").Start(t.Context(), j); err != nil {
		t.Errorf("%+v, %v", result, err)
	} else if _, ok := result.(action.Done); !ok {
		t.Errorf("%+v", result)
	}
}

func (w *world) artifact(j action.Job) []byte {
	w.t.Helper()
	r, err := w.objects.Get(w.t.Context(), j.Outputs[0].Bucket, j.Outputs[0].Key, "")
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Body.Close()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return data
}

func TestAPullRequestsCommit(t *testing.T) {
	w := newWorld(t)
	head := w.shell("git -C work rev-parse feature")
	j := w.job("CodeStarSourceConnection", map[string]string{"ConnectionArn": w.arn, "FullRepositoryId": "acme/site", "BranchName": "main"})
	pin(head)(&j)
	j.Trigger = pipeline.GitTrigger{SourceAction: "Fetch", Commit: head, Branch: "feature", PullRequest: "7", Event: "OPEN", Destination: "main"}.Trigger()
	result, err := w.provider("CodeStarSourceConnection").Start(t.Context(), j)
	done, ok := result.(action.Done)
	if err != nil || !ok || done.Variables["PullRequestId"] != "7" || done.Variables["BranchName"] != "feature" || done.Variables["CommitId"] != head {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestACloneReferenceCannotBeMadeUp(t *testing.T) {
	w := newWorld(t)
	j := w.job("ConveyorGit", map[string]string{"ConveyorUrl": w.git, "BranchName": "main", "OutputArtifactFormat": "CODEBUILD_CLONE_REF"})
	if result, err := w.provider("ConveyorGit").Start(t.Context(), j); err != nil {
		t.Fatalf("%+v, %v", result, err)
	}
	ref, ok, err := gitrepo.ParseCloneRef(w.artifact(j))
	if err != nil || !ok || ref.Commit != w.head || ref.CloneURL != w.git || ref.Mirror == "" {
		t.Fatalf("%+v, %v, %v", ref, ok, err)
	}
	dir, err := w.sources.MirrorPath(t.Context(), ref.Mirror)
	if err != nil || w.shell("git -C "+dir+" rev-parse refs/heads/main") != w.head {
		t.Errorf("%s, %v", dir, err)
	}
	for _, made := range []string{`{"owner":"connection/x","url":"` + w.git + `","commit":"` + w.head + `"}`, ref.Mirror[:len(ref.Mirror)-2], ""} {
		if _, err := w.sources.MirrorPath(t.Context(), made); err == nil {
			t.Errorf("%q was believed", made)
		}
	}
}

func TestAPendingConnectionSaysWhatToDo(t *testing.T) {
	w := newWorld(t)
	c, err := w.connections.Create(t.Context(), connection.Connection{Service: "codestar-connections", Name: "new", Provider: "GitHub"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	arn := "arn:aws:codestar-connections:us-east-1:000000000000:connection/" + c.ID
	j := w.job("CodeStarSourceConnection", map[string]string{"ConnectionArn": arn, "FullRepositoryId": "acme/site", "BranchName": "main"})
	result, err := w.provider("CodeStarSourceConnection").Start(t.Context(), j)
	if f, ok := result.(action.Failed); err != nil || !ok || !strings.Contains(f.Message, "conveyor connection authorize "+arn) {
		t.Errorf("%+v, %v", result, err)
	}
}

// Nothing of a login is ever on a command line, where every user of the machine can read it.
func TestARevokedTokenSaysWhatToDo(t *testing.T) {
	w := newWorld(t)
	w.double.Lock()
	w.double.Token = "another"
	w.double.Unlock()
	job := w.job("CodeStarSourceConnection", map[string]string{"ConnectionArn": w.arn, "FullRepositoryId": "acme/site", "BranchName": "main"})
	result, err := w.provider("CodeStarSourceConnection").Start(t.Context(), job)
	failed, ok := result.(action.Failed)
	if err != nil || !ok || failed.Code != pipeline.PermissionError || !strings.Contains(failed.Message, "conveyor connection authorize "+w.arn) {
		t.Errorf("%+v, %v", result, err)
	}
}

// TestAServerThatIsAwayIsTriedAgain: an error makes the queue run the action again; a result would be its end.
func TestAServerThatIsAwayIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	result, err := w.provider("ConveyorGit").Start(t.Context(), w.job("ConveyorGit", map[string]string{"ConveyorUrl": away.URL + "/site.git", "BranchName": "main"}))
	if err == nil || result != nil {
		t.Errorf("%+v, %v", result, err)
	}
	w.double.Lock()
	w.double.Broken = 1
	w.double.Unlock()
	job := w.job("CodeStarSourceConnection", map[string]string{"ConnectionArn": w.arn, "FullRepositoryId": "acme/site", "BranchName": "main"})
	if result, err := w.provider("CodeStarSourceConnection").Start(t.Context(), job); err == nil || result != nil {
		t.Errorf("%+v, %v", result, err)
	}
	if result, err := w.provider("CodeStarSourceConnection").Start(t.Context(), job); err != nil {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestCredentialsAreNotOnCommandLines(t *testing.T) {
	w := newWorld(t)
	bin, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho \"$0 $*\" >> " + log + "\nexec " + git + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte(script), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	j := w.job("CodeStarSourceConnection", map[string]string{"ConnectionArn": w.arn, "FullRepositoryId": "acme/site", "BranchName": "main"})
	if result, err := w.provider("CodeStarSourceConnection").Start(t.Context(), j); err != nil {
		t.Fatalf("%+v, %v", result, err)
	}
	text, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(text), "fetch") {
		t.Fatalf("%s, %v", text, err)
	}
	if strings.Contains(string(text), "t0ken") || strings.Contains(string(text), strings.TrimPrefix(forgetest.Basic("x-access-token", "t0ken"), "Basic ")) {
		t.Errorf("git was called with %s", text)
	}
}

func TestGitHubIsToldOfAWebhook(t *testing.T) {
	w := newWorld(t)
	c := map[string]string{"Owner": "acme", "Repo": "site", "Branch": "main", "OAuthToken": "t0ken"}
	hook := forge.Hook{URL: "https://cd.example.com/conveyor/webhooks/x", Secret: "s3cret"}
	hooks := func() int {
		w.double.Lock()
		defer w.double.Unlock()
		return len(w.double.Repos["acme/site"].Hooks)
	}
	for range 2 { // registering twice is fine
		if err := w.sources.RegisterHook(t.Context(), c, hook, false); err != nil || hooks() != 1 {
			t.Fatalf("%d, %v", hooks(), err)
		}
	}
	if err := w.sources.RegisterHook(t.Context(), c, hook, true); err != nil || hooks() != 0 {
		t.Errorf("%d, %v", hooks(), err)
	}
	c["OAuthToken"] = "wr0ng"
	if err := w.sources.RegisterHook(t.Context(), c, hook, false); err == nil || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("a wrong token: %v", err)
	}
}
