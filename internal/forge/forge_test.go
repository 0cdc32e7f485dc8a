package forge_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/forge/forgetest"
	"github.com/conveyor-cd/conveyor/internal/trigger"
)

var (
	tip   = strings.Repeat("c", 40)
	older = strings.Repeat("b", 40)
)

// nameAt is the name of the repository at a kind of forge.
func nameAt(kind forge.Kind) string {
	if kind == forge.GitLab {
		return "group/sub/site"
	}
	return "acme/site"
}

func double(t *testing.T, kind forge.Kind) (*forgetest.Double, *forgetest.Repo) {
	t.Helper()
	d := forgetest.New(kind, "s3cret")
	t.Cleanup(d.Server.Close)
	return d, d.Add(nameAt(kind), d.Server.URL+"/"+nameAt(kind)+".git", map[string]string{"main": tip, "feature/x": older})
}

// each runs a test at every kind of forge, with a token and, where there is such a thing, as an app.
func each(t *testing.T, test func(t *testing.T, d *forgetest.Double, repo *forgetest.Repo, f forge.Forge)) {
	for _, kind := range forge.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			d, repo := double(t, kind)
			test(t, d, repo, open(t, d, forge.Credentials{Token: "s3cret"}))
		})
	}
	t.Run("github app", func(t *testing.T) {
		d, repo := double(t, forge.GitHub)
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		d.App = &key.PublicKey
		test(t, d, repo, open(t, d, forge.Credentials{AppID: "7", PrivateKey: forgetest.AppKey(key)}))
	})
}

func open(t *testing.T, d *forgetest.Double, c forge.Credentials) forge.Forge {
	t.Helper()
	f, err := forge.Open(d.Kind, d.Server.URL, c, forge.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRepositoriesAndBranches(t *testing.T) {
	each(t, func(t *testing.T, d *forgetest.Double, repo *forgetest.Repo, f forge.Forge) {
		ctx, name := t.Context(), nameAt(d.Kind)
		if who, err := f.Whoami(ctx); err != nil || who != "robot" && who != "conveyor[bot]" {
			t.Errorf("%q, %v", who, err)
		}
		r, err := f.Repository(ctx, name)
		if err != nil || r.Name != name || r.CloneURL != repo.CloneURL || r.DefaultBranch != "main" || r.WebURL == "" {
			t.Errorf("%+v, %v", r, err)
		}
		for branch, want := range map[string]string{"main": tip, "feature/x": older} {
			if id, err := f.Head(ctx, name, branch); err != nil || id != want {
				t.Errorf("%s: %q, %v", branch, id, err)
			}
		}
		if _, err := f.Head(ctx, name, "nope"); !errors.Is(err, forge.ErrNotFound) {
			t.Errorf("no branch: %v", err)
		}
		if _, err := f.Repository(ctx, "acme/none"); !errors.Is(err, forge.ErrNotFound) {
			t.Errorf("no repository: %v", err)
		}
		if url := f.CommitURL(name, tip); !strings.HasPrefix(url, d.Server.URL+"/") || !strings.HasSuffix(url, "/"+tip) {
			t.Error(url)
		}
		if l, err := f.Login(ctx, name); err != nil || l.User == "" || l.Password != "s3cret" {
			t.Errorf("%+v, %v", l, err)
		}
	})
}

func TestHooks(t *testing.T) {
	each(t, func(t *testing.T, d *forgetest.Double, repo *forgetest.Repo, f forge.Forge) {
		ctx, name := t.Context(), nameAt(d.Kind)
		first, err := f.EnsureHook(ctx, name, forge.Hook{URL: "https://cd.example.com/conveyor/forges/1", Secret: "one"})
		if err != nil || first == "" {
			t.Fatal(first, err)
		}
		second, err := f.EnsureHook(ctx, name, forge.Hook{URL: "https://cd.example.com/conveyor/forges/2", Secret: "two"})
		if err != nil || second == first {
			t.Fatal(second, err)
		}
		again, err := f.EnsureHook(ctx, name, forge.Hook{URL: "https://cd.example.com/conveyor/forges/1", Secret: "three"})
		if err != nil || again != first || len(repo.Hooks) != 2 {
			t.Errorf("%s instead of %s, %v, %d hooks", again, first, err, len(repo.Hooks))
		}
		secrets := map[string]bool{}
		for _, h := range repo.Hooks {
			secrets[h.Secret] = true
		}
		if !secrets["two"] || !secrets["three"] {
			t.Errorf("secrets %v", secrets)
		}
		for range 2 { // removing what is gone is fine
			if err := f.DeleteHook(ctx, name, first); err != nil {
				t.Error(err)
			}
		}
		if len(repo.Hooks) != 1 {
			t.Errorf("%d hooks are left", len(repo.Hooks))
		}
	})
}

func TestStatuses(t *testing.T) {
	each(t, func(t *testing.T, d *forgetest.Double, repo *forgetest.Repo, f forge.Forge) {
		long := strings.Repeat("é", 300)
		for _, s := range []forge.State{forge.Pending, forge.Success, forge.Failure} {
			err := f.SetStatus(t.Context(), nameAt(d.Kind), tip, forge.Status{State: s, Context: "conveyor/site/Build/Compile", Description: long, URL: "https://cd.example.com/x"})
			if err != nil {
				t.Error(err)
			}
		}
		if len(repo.Statuses) != 3 {
			t.Fatalf("%+v", repo.Statuses)
		}
		for _, s := range repo.Statuses {
			if s.Commit != tip || s.Context != "conveyor/site/Build/Compile" || s.URL != "https://cd.example.com/x" || !strings.HasPrefix(long, s.Description) {
				t.Errorf("%+v", s)
			}
		}
	})
}

func TestFilesOfPullRequests(t *testing.T) {
	each(t, func(t *testing.T, d *forgetest.Double, repo *forgetest.Repo, f forge.Forge) {
		want := []string{"docs/a.md", "src/b.go"}
		repo.Files["7"] = want
		if got, err := f.PullRequestFiles(t.Context(), nameAt(d.Kind), "7", 100); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q, %v", got, err)
		}
		if got, err := f.PullRequestFiles(t.Context(), nameAt(d.Kind), "7", 1); err != nil || !slices.Equal(got, want[:1]) {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestRefusalsAreToldApart(t *testing.T) {
	for _, kind := range forge.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			d, _ := double(t, kind)
			f := open(t, d, forge.Credentials{Token: "wr0ng-token"})
			_, err := f.Whoami(t.Context())
			if !errors.Is(err, forge.ErrDenied) {
				t.Errorf("a wrong token: %v", err)
			}
			if strings.Contains(fmt.Sprint(err), "wr0ng-token") {
				t.Errorf("the token is in %v", err)
			}
			d.Broken = 1
			if _, err := open(t, d, forge.Credentials{Token: "s3cret"}).Repository(t.Context(), nameAt(kind)); !errors.Is(err, forge.ErrUnavailable) {
				t.Errorf("a broken forge: %v", err)
			}
			d.Server.Close()
			if _, err := f.Whoami(t.Context()); !errors.Is(err, forge.ErrUnavailable) {
				t.Errorf("no forge: %v", err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := f.Whoami(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
		})
	}
}

func TestCredentialsStayWithTheirHost(t *testing.T) {
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s was asked with %q", r.URL, r.Header.Get("Authorization"))
	}))
	defer thief.Close()
	bent := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusFound))
	defer bent.Close()
	f, err := forge.Open(forge.Gitea, bent.URL, forge.Credentials{Token: "s3cret"}, forge.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Whoami(t.Context()); err == nil {
		t.Error("it was followed")
	}
}

func TestProbe(t *testing.T) {
	for _, kind := range forge.Kinds() {
		if kind == forge.Bitbucket { // is in one place only
			continue
		}
		d, _ := double(t, kind)
		if got, err := forge.Probe(t.Context(), d.Server.URL, forge.Options{}); err != nil || got != kind {
			t.Errorf("%s was taken for %q, %v", kind, got, err)
		}
	}
	closed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "sign in", http.StatusUnauthorized) }))
	defer closed.Close()
	if got, err := forge.Probe(t.Context(), closed.URL, forge.Options{}); err == nil {
		t.Errorf("what only asks for a password was taken for %s", got)
	}
	nothing := httptest.NewServer(http.NotFoundHandler())
	defer nothing.Close()
	if _, err := forge.Probe(t.Context(), nothing.URL, forge.Options{}); err == nil {
		t.Error("a forge was found where there is none")
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		kind     forge.Kind
		endpoint string
		creds    forge.Credentials
		says     string
	}{
		{forge.GitHub, "", forge.Credentials{}, "token is needed"},
		{forge.GitLab, "", forge.Credentials{AppID: "1", PrivateKey: "x"}, "GitHub's"},
		{forge.GitHub, "", forge.Credentials{AppID: "1"}, "both"},
		{forge.GitHub, "", forge.Credentials{AppID: "1", PrivateKey: "x"}, "PEM"},
		{forge.GitHub, "", forge.Credentials{Token: "a\r\nHost: b"}, "cannot be sent"},
		{forge.Gitea, "", forge.Credentials{Token: "a"}, "address"},
		{forge.Gitea, "ftp://x", forge.Credentials{Token: "a"}, "address"},
		{forge.Gitea, "https://user:pw@x", forge.Credentials{Token: "a"}, "neither user"},
		{"svn", "https://x", forge.Credentials{Token: "a"}, "no forge"},
	} {
		if _, err := forge.Open(c.kind, c.endpoint, c.creds, forge.Options{}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for kind, names := range map[forge.Kind][]string{
		forge.GitHub: {"", "a", "a/", "/a", "a/b/c", "a/..", "a/b c", "a/b?x", "a/%2e", "../b"},
		forge.GitLab: {"a", "a//b", "a/./b", "a/b\n"},
	} {
		for _, name := range names {
			if forge.CheckName(kind, name) == nil {
				t.Errorf("%s takes %q", kind, name)
			}
		}
	}
	if err := forge.CheckName(forge.GitLab, "a/b/c"); err != nil {
		t.Error(err)
	}
}

// events are one of each kind.
func events(kind forge.Kind) []forge.Event {
	name := nameAt(kind)
	head := map[forge.Kind]string{
		forge.GitHub: "refs/pull/7/head", forge.Gitea: "refs/pull/7/head", forge.GitLab: "refs/merge-requests/7/head",
		forge.BitbucketServer: "refs/pull-requests/7/from",
	}[kind]
	before, after := older, tip
	if kind == forge.GitLab {
		before = "" // it does not say
	}
	if kind == forge.Bitbucket {
		before, after = before[:12], after[:12]
	}
	pull := func(k trigger.Kind, fork bool) forge.Event {
		return forge.Event{Kind: k, Repository: name, Name: "main", Before: before, After: after, Actor: "ada", PullRequest: "7", Source: "feature/x", HeadRef: head, Fork: fork}
	}
	closed := pull(trigger.PullRequestClosed, false)
	closed.Merged = true
	return []forge.Event{
		{Kind: trigger.BranchPushed, Repository: name, Name: "feature/x", Before: older, After: tip, Actor: "ada"},
		{Kind: trigger.BranchPushed, Repository: name, Name: "new", After: tip, Actor: "ada"},
		{Kind: trigger.TagPushed, Repository: name, Name: "v1", After: tip, Actor: "ada"},
		pull(trigger.PullRequestOpened, false), pull(trigger.PullRequestUpdated, false), closed, pull(trigger.PullRequestOpened, true),
	}
}

// releases are what forges that know releases tell of them: the first is one for everybody.
func releases(kind forge.Kind) []forge.Event {
	e := forge.Event{Kind: forge.Released, Repository: nameAt(kind), Name: "v1", Release: "Version one", Actor: "ada"}
	pre := e
	pre.Prerelease = true
	switch known, both := forge.TellsReleases(kind); {
	case !known:
		return nil
	case !both: // GitLab, which tells the commit and not who made it
		e.Actor, e.After = "", tip
		return []forge.Event{e}
	}
	return []forge.Event{e, pre}
}

func TestEventsAreReadAsTheyAreDocumented(t *testing.T) {
	for _, kind := range forge.Kinds() {
		for _, e := range append(events(kind), releases(kind)...) {
			h, body := forgetest.Payload(kind, e, "d-1")
			d, err := forge.Receive(kind, h, body)
			if err != nil || d.ID != "d-1" || len(d.Events) != 1 || d.Events[0] != e {
				t.Errorf("%s: %+v, %v\nwant %+v\n%s", kind, d, err, e, body)
			}
		}
		h, body := forgetest.Payload(kind, forge.Event{Kind: trigger.BranchPushed, Repository: nameAt(kind), Name: "old", Before: tip}, "d-2")
		if d, err := forge.Receive(kind, h, body); err != nil || len(d.Events) != 0 {
			t.Errorf("%s: a deletion is %+v, %v", kind, d, err)
		}
		if _, err := forge.Receive(kind, h, []byte(`[`)); !errors.Is(err, forge.ErrPayload) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestOnlyWhoKnowsTheSecretIsBelieved(t *testing.T) {
	for _, kind := range forge.Kinds() {
		h, body := forgetest.Payload(kind, events(kind)[0], "d-1")
		if forge.Signed(kind, h, "s3cret", body) {
			t.Errorf("%s: without a signature", kind)
		}
		forgetest.Sign(kind, h, "s3cret", body)
		if !forge.Signed(kind, h, "s3cret", body) {
			t.Errorf("%s: its signature is not recognised", kind)
		}
		if forge.Signed(kind, h, "other", body) || forge.Signed(kind, h, "", body) {
			t.Errorf("%s: with another secret", kind)
		}
		if kind != forge.GitLab && forge.Signed(kind, h, "s3cret", append(body, ' ')) {
			t.Errorf("%s: with another body", kind)
		}
	}
}

func FuzzReceive(f *testing.F) {
	for i, kind := range forge.Kinds() {
		for _, e := range events(kind) {
			h, body := forgetest.Payload(kind, e, "d-1")
			f.Add(i, first(h), body)
		}
	}
	f.Fuzz(func(t *testing.T, i int, event string, body []byte) {
		kinds := forge.Kinds()
		kind := kinds[((i%len(kinds))+len(kinds))%len(kinds)]
		h := http.Header{}
		for _, name := range eventHeaders {
			h.Set(name, event)
		}
		d, err := forge.Receive(kind, h, body)
		if err != nil && (!errors.Is(err, forge.ErrPayload) || len(d.Events) > 0) {
			t.Errorf("%+v, %v", d, err)
		}
		for _, e := range d.Events {
			if e.Repository == "" || e.Name == "" || e.Kind == "" || strings.Trim(e.After, "0123456789abcdef") != "" {
				t.Errorf("%+v", e)
			}
		}
	})
}

var eventHeaders = []string{"X-GitHub-Event", "X-Gitea-Event", "X-Event-Key"}

func first(h http.Header) string {
	for _, name := range eventHeaders {
		if v := h.Get(name); v != "" {
			return v
		}
	}
	return ""
}
