package remote_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/remote"
	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/forge/forgetest"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
	"github.com/conveyor-cd/conveyor/internal/vcs"
	"github.com/conveyor-cd/conveyor/internal/vcs/vcstest"
)

// world is a forge with the repository acme/site, whose git asks for the password t0ken.
type world struct {
	t           *testing.T
	st          store.Store
	dir         string
	connections *connection.Store
	remotes     *remote.Service
	double      *forgetest.Double
	url         string
	main, pull  string       // commits
	asked       atomic.Int64 // how often git asked the forge
}

// secretTexts are secrets by their ARN.
type secretTexts map[string]string

func (secretTexts) Parameter(context.Context, string) (string, error) { return "", build.ErrNoSecret }

func (s secretTexts) Secret(_ context.Context, ref buildspec.SecretRef) (string, error) {
	if text, ok := s[ref.ID]; ok {
		return text, nil
	}
	return "", build.ErrNoSecret
}

type everybody struct{}

func (everybody) Permit(context.Context, string, string) error { return nil }

func newWorld(t *testing.T, st store.Store) *world {
	t.Helper()
	w := &world{t: t, st: st, dir: t.TempDir()}
	data := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	w.shell(`git init -q --bare -b main acme/site.git; git init -q -b main work; cd work; echo one > file; git add -A; git commit -q -m One; git tag v1
		echo two > file; git commit -q -a -m Two; git push -q ../acme/site.git main v1 HEAD~:refs/heads/feature/x
		git switch -q -c pull; git commit -q --allow-empty -m Pull; git push -q ../acme/site.git HEAD:refs/pull/7/head HEAD:refs/merge-requests/8/head`)
	w.main, w.pull = w.shell("git -C work rev-parse main"), w.shell("git -C work rev-parse pull")
	box, err := secret.Open(data)
	must(err)
	runner, err := vcs.NewRunner(vcs.Options{Home: filepath.Join(data, "home")})
	must(err)
	mirrors, err := gitrepo.OpenMirrors(filepath.Join(data, "mirrors"), runner)
	must(err)
	t.Cleanup(func() { mirrors.Close() })
	w.double = forgetest.New(forge.GitHub, "t0ken")
	t.Cleanup(w.double.Server.Close)
	git, err := vcstest.GitHTTP(w.dir, "t0ken")
	must(err)
	w.double.ServeGit(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.asked.Add(1); git.ServeHTTP(rw, r) }))
	w.url = w.double.Server.URL + "/acme/site.git"
	w.double.Add("acme/site", w.url, map[string]string{"main": w.main})
	w.connections = connection.New(st, box, connection.Options{})
	w.remotes = remote.New(remote.Options{
		Store: st, Connections: w.connections, Mirrors: mirrors, Runner: runner, Box: box, Roles: everybody{},
		PublicURL: "http://127.0.0.1:4566",
		Secrets:   secretTexts{"arn:aws:secretsmanager:us-east-1:000000000000:secret:git": `{"ServerType":"GITHUB_ENTERPRISE","AuthType":"PERSONAL_ACCESS_TOKEN","Token":"t0ken"}`},
	})
	return w
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

func (w *world) source(kind types.SourceType, auth *types.SourceAuth) types.ProjectSource {
	return types.ProjectSource{Type: kind, Location: aws.String(w.url), Auth: auth}
}

// fails checks that a fetch fails because of something that the user can mend.
func (w *world) fails(what string, src types.ProjectSource, version, text string) {
	w.t.Helper()
	_, err := w.remotes.Fetch(w.t.Context(), src, version)
	if f, ok := errors.AsType[*build.Failure](err); !ok || !strings.Contains(f.Message, text) {
		w.t.Errorf("%s: %v; want a failure with %q", what, err, text)
	}
	if err != nil && strings.Contains(err.Error(), "t0ken") {
		w.t.Errorf("%s: the error holds the token: %v", what, err)
	}
}

func TestCredentials(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		w, ctx := newWorld(t, st), t.Context()
		enterprise := w.source(types.SourceTypeGithubEnterprise, nil)
		w.fails("without credentials", enterprise, "", "import-source-credentials")
		given := remote.Given{Server: types.ServerTypeGithubEnterprise, Auth: types.AuthTypePersonalAccessToken, Token: "t0ken"}
		if err := w.remotes.Import(ctx, given, false); err != nil {
			t.Fatal(err)
		}
		if err := w.remotes.Import(ctx, given, false); !errors.Is(err, remote.ErrCredentialExists) {
			t.Errorf("twice without overwrite: %v", err)
		}
		if c, err := w.remotes.Fetch(ctx, enterprise, ""); err != nil || c.Commit != w.main {
			t.Errorf("%+v, %v", c, err)
		}
		w.fails("none wanted", w.source(types.SourceTypeGithubEnterprise, &types.SourceAuth{}), "", "cannot be cloned")
		err := st.Read(ctx, func(r store.Reader) error {
			texts, err := store.Strings(ctx, r, `SELECT sealed FROM source_credentials`)
			if err == nil && (len(texts) != 1 || texts[0] == "" || strings.Contains(texts[0], "t0ken")) {
				t.Errorf("the database holds %q", texts)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		given.Token = "0ther"
		if err := w.remotes.Import(ctx, given, true); err != nil {
			t.Fatal(err)
		}
		w.fails("a token that was replaced", enterprise, "", "cannot be cloned")
		if list, err := w.remotes.List(ctx); err != nil || len(list) != 1 || list[0] != (remote.Credential{Server: given.Server, Auth: given.Auth}) {
			t.Errorf("%+v, %v", list, err)
		}
		if err := errors.Join(w.remotes.Delete(ctx, given.Server)); err != nil {
			t.Error(err)
		}
		if err := w.remotes.Delete(ctx, given.Server); !errors.Is(err, remote.ErrNoCredential) {
			t.Errorf("deleted twice: %v", err)
		}
		for text, bad := range map[string]remote.Given{
			"OAUTH cannot be imported":     {Server: types.ServerTypeGithub, Auth: types.AuthTypeOauth, Token: "x"},
			"BASIC_AUTH is for BITBUCKET":  {Server: types.ServerTypeGithub, Auth: types.AuthTypeBasicAuth, User: "u", Token: "x"},
			"username is missing":          {Server: types.ServerTypeBitbucket, Auth: types.AuthTypeBasicAuth, Token: "x"},
			"username is only for":         {Server: types.ServerTypeGithub, Auth: types.AuthTypePersonalAccessToken, User: "u", Token: "x"},
			"a character that cannot":      {Server: types.ServerTypeGithub, Auth: types.AuthTypePersonalAccessToken, Token: "x\r\nHost: y"},
			"must be the ARN of a conn":    {Server: types.ServerTypeGithub, Auth: types.AuthTypeCodeconnections, Token: "x"},
			"must be the ARN of a secret":  {Server: types.ServerTypeGithub, Auth: types.AuthTypeSecretsManager, Token: "x"},
			"connection/gone does not exi": {Server: types.ServerTypeGithub, Auth: types.AuthTypeCodeconnections, Token: "arn:aws:codeconnections:us-east-1:000000000000:connection/gone"},
		} {
			if err := w.remotes.Import(ctx, bad, true); err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%+v: %v, want %q", bad, err, text)
			}
		}
	})
}

// A token for everybody's GitHub is not sent to who else calls itself that.
func TestATokenGoesNowhereElse(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	if err := w.remotes.Import(t.Context(), remote.Given{Server: types.ServerTypeGithub, Auth: types.AuthTypePersonalAccessToken, Token: "t0ken"}, true); err != nil {
		t.Fatal(err)
	}
	w.fails("GitHub's token elsewhere", w.source(types.SourceTypeGithub, nil), "", "cannot be cloned")
}

func TestSecretsAndConnections(t *testing.T) {
	w, ctx := newWorld(t, sqltest.SQLite(t)), t.Context()
	c, err := w.connections.Create(ctx, connection.Connection{Service: "codeconnections", Name: "hub", Provider: "GitHub"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	arn := "arn:aws:codeconnections:us-east-1:000000000000:connection/" + c.ID
	connected := w.source(types.SourceTypeGithub, &types.SourceAuth{Type: types.SourceAuthTypeCodeconnections, Resource: aws.String(arn)})
	w.fails("a pending connection", connected, "", "conveyor connection authorize "+arn)
	_, err = w.connections.Authorize(ctx, c.ID, connection.Authorization{Endpoint: w.double.Server.URL, Credentials: forge.Credentials{Token: "t0ken"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.remotes.Fetch(ctx, connected, "main"); err != nil || got.Commit != w.main {
		t.Errorf("%+v, %v", got, err)
	}
	elsewhere := connected
	elsewhere.Location = aws.String("https://git.example.com/acme/site.git")
	w.fails("another server", elsewhere, "", "lies elsewhere")

	secret := &types.SourceAuth{Type: types.SourceAuthTypeSecretsManager, Resource: aws.String("arn:aws:secretsmanager:us-east-1:000000000000:secret:git")}
	if got, err := w.remotes.Fetch(ctx, w.source(types.SourceTypeGitlabSelfManaged, secret), "main"); err != nil || got.Commit != w.main {
		t.Errorf("%+v, %v", got, err)
	}
	secret.Resource = aws.String("arn:aws:secretsmanager:us-east-1:000000000000:secret:none")
	w.fails("no secret", w.source(types.SourceTypeGitlab, secret), "", "source credentials cannot be read")
}

func TestVersions(t *testing.T) {
	w, ctx := newWorld(t, sqltest.SQLite(t)), t.Context()
	err := w.remotes.Import(ctx, remote.Given{Server: types.ServerTypeGithubEnterprise, Auth: types.AuthTypePersonalAccessToken, Token: "t0ken"}, true)
	if err != nil {
		t.Fatal(err)
	}
	src := w.source(types.SourceTypeGithubEnterprise, nil)
	before := w.shell("git -C work rev-parse main~")
	for version, want := range map[string]string{
		"": w.main, "main": w.main, "refs/heads/main": w.main, "feature/x": before, "v1": before, "refs/tags/v1": before, before: before, before[:10]: before,
		"pr/7": w.pull, "refs/pull/7/head": w.pull, "refs/pull/7/head^{" + w.pull + "}": w.pull, w.pull: w.pull,
	} {
		if got, err := w.remotes.Fetch(ctx, src, version); err != nil || got.Commit != want {
			t.Errorf("%q: %+v, %v; want %s", version, got, err, want)
		}
	}
	for _, version := range []string{"nowhere", "pr/99", "refs/../x", "-x", strings.Repeat("0", 40)} {
		w.fails(version, src, version, "is not a branch, tag, commit or pull request")
	}
	asked := w.asked.Load()
	if _, err := w.remotes.Fetch(ctx, src, w.main); err != nil || w.asked.Load() != asked {
		t.Errorf("a commit that is here was asked for: %d times, %v", w.asked.Load()-asked, err)
	}
	w.fails("Bitbucket", types.ProjectSource{Type: types.SourceTypeBitbucket, Location: aws.String(w.url)}, "pr/7", "Bitbucket has no ref")
}

func TestCertificates(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	open, err := vcstest.GitHTTP(w.dir, "")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(open)
	defer server.Close()
	src := types.ProjectSource{Type: types.SourceTypeGitlabSelfManaged, Location: aws.String(server.URL + "/acme/site.git")}
	w.fails("an unknown certificate", src, "", "certificate")
	src.InsecureSsl = aws.Bool(true)
	if got, err := w.remotes.Fetch(t.Context(), src, "pr/8"); err != nil || got.Commit != w.pull {
		t.Errorf("%+v, %v", got, err)
	}
}
