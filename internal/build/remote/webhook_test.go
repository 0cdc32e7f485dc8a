package remote_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/remote"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/forge/forgetest"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
	"github.com/conveyor-cd/conveyor/internal/trigger"
)

// started notes which builds are started.
type started struct {
	w       *world
	batches int
	build   atomic.Pointer[types.Build]
	builds  chan build.Request
}

func (s *started) Project(_ context.Context, name string) (types.Project, error) {
	src := s.w.source(types.SourceTypeGithubEnterprise, nil)
	if name == "hosted" {
		src = types.ProjectSource{Type: types.SourceTypeCodecommit, Location: aws.String("https://x/v1/repos/a")}
	}
	return types.Project{Name: aws.String(name), Source: &src}, nil
}

func (s *started) Start(_ context.Context, tx store.Tx, r build.Request) (types.Build, error) {
	tx.AfterCommit(func() { s.builds <- r })
	return types.Build{}, nil
}

func (s *started) StartBatch(ctx context.Context, tx store.Tx, r build.BatchRequest) (types.BuildBatch, error) {
	s.batches++
	_, err := s.Start(ctx, tx, r.Request)
	return types.BuildBatch{}, err
}

func (s *started) Get(context.Context, string) (types.Build, error) { return *s.build.Load(), nil }

// hooked is a world whose webhooks start builds.
func hooked(t *testing.T, st store.Store) (*world, *started) {
	t.Helper()
	w := newWorld(t, st)
	s := &started{w: w, builds: make(chan build.Request, 10)}
	q := queue.New(st, queue.Config{Backoff: func(int) time.Duration { return time.Millisecond }})
	w.remotes.Serve(s, q)
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Stop(context.Background()) })
	if err := w.remotes.Import(t.Context(), remote.Given{Server: types.ServerTypeGithubEnterprise, Auth: types.AuthTypePersonalAccessToken, Token: "t0ken"}, true); err != nil {
		t.Fatal(err)
	}
	return w, s
}

// post is what the forge sends to its only webhook.
func (w *world) post(e forge.Event, id, secret string) (int, string) {
	w.t.Helper()
	w.double.Lock()
	defer w.double.Unlock()
	for _, h := range w.double.Repos["acme/site"].Hooks {
		header, body := forgetest.Payload(forge.GitHub, e, id)
		if secret == "" {
			secret = h.Secret
		}
		forgetest.Sign(forge.GitHub, header, secret, body)
		r := httptest.NewRequest(http.MethodPost, h.URL, bytes.NewReader(body))
		r.Header = header
		rec := httptest.NewRecorder()
		w.remotes.ServeHTTP(rec, r)
		return rec.Code, rec.Body.String()
	}
	w.t.Fatal("no webhook is registered")
	return 0, ""
}

func (s *started) next(t *testing.T) build.Request {
	t.Helper()
	select {
	case r := <-s.builds:
		return r
	case <-time.After(60 * time.Second):
		t.Fatal("no build was started")
		return build.Request{}
	}
}

func filters(pairs ...string) []types.WebhookFilter {
	var list []types.WebhookFilter
	for i := 0; i < len(pairs); i += 2 {
		name, not := strings.CutPrefix(pairs[i], "!")
		list = append(list, types.WebhookFilter{Type: types.WebhookFilterType(name), Pattern: aws.String(pairs[i+1]), ExcludeMatchedPattern: aws.Bool(not)})
	}
	return list
}

func TestWebhook(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		w, s := hooked(t, st)
		ctx := t.Context()
		made, err := w.remotes.CreateWebhook(ctx, "site", types.Webhook{FilterGroups: [][]types.WebhookFilter{
			filters("EVENT", "PUSH", "HEAD_REF", "^refs/heads/main$", "FILE_PATH", "^file$", "!COMMIT_MESSAGE", `\[skip ci\]`),
			filters("EVENT", "PULL_REQUEST_CREATED, PULL_REQUEST_MERGED", "BASE_REF", "main"),
		}})
		if err != nil || made.Secret == nil || !strings.HasPrefix(*made.PayloadUrl, "http://127.0.0.1:4566"+remote.Prefix) {
			t.Fatalf("%+v, %v", made, err)
		}
		if shown, err := w.remotes.Webhook(ctx, "site"); err != nil || shown.Secret != nil || *shown.PayloadUrl != *made.PayloadUrl || len(shown.FilterGroups) != 2 {
			t.Errorf("%+v, %v", shown, err)
		}
		if _, err := w.remotes.CreateWebhook(ctx, "site", types.Webhook{}); !errors.Is(err, remote.ErrWebhookExists) {
			t.Errorf("a second one: %v", err)
		}
		before := w.shell("git -C work rev-parse main~")
		push := forge.Event{Kind: trigger.BranchPushed, Repository: "acme/site", Name: "main", Before: before, After: w.main, Actor: "ada"}
		if status, text := w.post(push, "1", "wr0ng"); status != http.StatusForbidden {
			t.Errorf("a wrong signature: %d %s", status, text)
		}
		other := push
		other.Name = "dev" // the filter's branch is another one
		for id, e := range map[string]forge.Event{"2": other, "3": push} {
			if status, text := w.post(e, id, ""); status != http.StatusOK || text != "received\n" {
				t.Errorf("%s: %d %s", id, status, text)
			}
		}
		r := s.next(t)
		if *r.Input.ProjectName != "site" || *r.Input.SourceVersion != w.main {
			t.Errorf("started %+v", r.Input)
		}
		got := map[string]string{}
		for _, v := range r.Variables {
			got[v.Name] = v.Value
		}
		for name, want := range map[string]string{"EVENT": "PUSH", "HEAD_REF": "refs/heads/main", "TRIGGER": "branch/main", "PREV_COMMIT": before} {
			if got["CODEBUILD_WEBHOOK_"+name] != want {
				t.Errorf("%s is %q, want %q", name, got["CODEBUILD_WEBHOOK_"+name], want)
			}
		}
		if _, text := w.post(push, "3", ""); !strings.Contains(text, "received before") {
			t.Errorf("a delivery was taken twice: %s", text)
		}
		pull := forge.Event{Kind: trigger.PullRequestOpened, Repository: "acme/site", Name: "main", Before: before, After: w.pull, Actor: "ada", PullRequest: "7", Source: "pull"}
		fork := pull
		fork.Fork = true
		if _, text := w.post(fork, "4", ""); !strings.Contains(text, "nothing started") {
			t.Errorf("a fork: %s", text)
		}
		if _, err := w.remotes.UpdateWebhook(ctx, "site", func(h *types.Webhook) { h.BuildType = types.WebhookBuildTypeBuildBatch }, true); err != nil {
			t.Fatal(err)
		}
		if status, _ := w.post(pull, "5", *made.Secret); status != http.StatusForbidden {
			t.Errorf("the old secret: %d", status)
		}
		if _, text := w.post(pull, "6", ""); text != "received\n" {
			t.Errorf("a pull request: %s", text)
		}
		if r := s.next(t); *r.Input.SourceVersion != "pr/7" || s.batches != 1 || len(s.builds) != 0 {
			t.Errorf("started %+v, %d batches", r.Input, s.batches)
		}
		if err := w.remotes.DeleteWebhook(ctx, "site"); err != nil {
			t.Error(err)
		}
		if n := len(w.double.Repos["acme/site"].Hooks); n != 0 {
			t.Errorf("%d webhooks are left at the forge", n)
		}
		if _, err := w.remotes.Webhook(ctx, "site"); !errors.Is(err, remote.ErrNoWebhook) {
			t.Errorf("deleted: %v", err)
		}
	})
}

// Releases start builds of webhooks that ask for them, and the forge is asked to tell of them only then.
func TestReleasesStartBuilds(t *testing.T) {
	w, s := hooked(t, sqltest.SQLite(t))
	ctx := t.Context()
	asked := func() string {
		w.double.Lock()
		defer w.double.Unlock()
		for _, h := range w.double.Repos["acme/site"].Hooks {
			return fmt.Sprint(h.Document["events"])
		}
		return "nothing"
	}
	if _, err := w.remotes.CreateWebhook(ctx, "site", types.Webhook{FilterGroups: [][]types.WebhookFilter{filters("EVENT", "PUSH")}}); err != nil {
		t.Fatal(err)
	}
	if got := asked(); strings.Contains(got, "release") {
		t.Errorf("without a filter about releases the forge is asked for %s", got)
	}
	made, err := w.remotes.UpdateWebhook(ctx, "site", func(h *types.Webhook) {
		h.FilterGroups = [][]types.WebhookFilter{
			filters("EVENT", "RELEASED", "TAG_NAME", `^v\d+$`, "!RELEASE_NAME", "nobody"), filters("EVENT", "PRERELEASED", "ORGANIZATION_NAME", "^acme$"),
		}
	}, false)
	if err != nil || made.Secret != nil {
		t.Fatalf("%+v, %v", made, err)
	}
	if got := asked(); !strings.Contains(got, "release") {
		t.Errorf("the forge is asked for %s", got)
	}
	release := forge.Event{Kind: forge.Released, Repository: "acme/site", Name: "v1", Release: "Version one", Actor: "ada"}
	quiet, pre := release, release
	quiet.Release, pre.Name, pre.Prerelease = "For nobody", "v2-rc1", true
	for i, e := range []forge.Event{quiet, {Kind: trigger.TagPushed, Repository: "acme/site", Name: "v1", After: w.main}, release, pre} {
		if status, text := w.post(e, fmt.Sprint(i), ""); status != http.StatusOK || text != "received\n" {
			t.Errorf("%+v: %d %s", e, status, text)
		}
	}
	for _, want := range []string{"refs/tags/v1 RELEASED tag/v1", "refs/tags/v2-rc1 PRERELEASED tag/v2-rc1"} {
		r := s.next(t)
		got := map[string]string{}
		for _, v := range r.Variables {
			got[v.Name] = v.Value
		}
		if text := *r.Input.SourceVersion + " " + got["CODEBUILD_WEBHOOK_EVENT"] + " " + got["CODEBUILD_WEBHOOK_TRIGGER"]; text != want {
			t.Errorf("started %q, want %q", text, want)
		}
	}
	if _, err := w.remotes.UpdateWebhook(ctx, "site", func(h *types.Webhook) { h.FilterGroups = nil }, false); err != nil {
		t.Fatal(err)
	}
	if got := asked(); strings.Contains(got, "release") || len(s.builds) != 0 {
		t.Errorf("without filters the forge is asked for %s, and %d builds started", got, len(s.builds))
	}
}

func TestWebhookMistakes(t *testing.T) {
	w, _ := hooked(t, sqltest.SQLite(t))
	ctx := t.Context()
	for want, hook := range map[string]types.Webhook{
		"needs a filter of type EVENT":              {FilterGroups: [][]types.WebhookFilter{filters("HEAD_REF", "x")}},
		`"RELEASE" is not an event`:                 {FilterGroups: [][]types.WebhookFilter{filters("EVENT", "RELEASE")}},
		"runs no jobs of GitHub Actions: leave the": {FilterGroups: [][]types.WebhookFilter{filters("EVENT", "PUSH, WORKFLOW_JOB_QUEUED")}},
		"is not a regular expression":               {FilterGroups: [][]types.WebhookFilter{filters("EVENT", "PUSH", "HEAD_REF", "(")}},
		"type WORKFLOW_NAME is not supported":       {FilterGroups: [][]types.WebhookFilter{filters("EVENT", "PUSH", "WORKFLOW_NAME", "x")}},
		"branchFilter and filterGroups exclude":     {BranchFilter: aws.String("x"), FilterGroups: [][]types.WebhookFilter{filters("EVENT", "PUSH")}},
		"a webhook for each repository of acme":     {ScopeConfiguration: &types.ScopeConfiguration{Name: aws.String("acme"), Scope: types.WebhookScopeTypeGithubOrganization}},
		"buildType RUNNER_BUILDKITE_BUILD is not":   {BuildType: types.WebhookBuildTypeRunnerBuildkiteBuild},
		"comment approval is not supported by this": {PullRequestBuildPolicy: &types.PullRequestBuildPolicy{RequiresCommentApproval: types.PullRequestBuildCommentApprovalAllPullRequests}},
	} {
		_, err := w.remotes.CreateWebhook(ctx, "site", hook)
		if invalid, ok := errors.AsType[*build.InvalidError](err); !ok || !strings.Contains(invalid.Message, want) {
			t.Errorf("%+v: %v, want %q", hook, err, want)
		}
	}
	if _, err := w.remotes.CreateWebhook(ctx, "hosted", types.Webhook{}); err == nil || !strings.Contains(err.Error(), "make a rule of EventBridge") {
		t.Errorf("a hosted repository: %v", err)
	}
	if err := w.remotes.Delete(ctx, types.ServerTypeGithubEnterprise); err != nil {
		t.Fatal(err)
	}
	_, err := w.remotes.CreateWebhook(ctx, "site", types.Webhook{})
	if f, ok := errors.AsType[*remote.ForgeError](err); !ok || !strings.Contains(f.Message, "import-source-credentials") {
		t.Errorf("without credentials: %v", err)
	}
	if made, err := w.remotes.CreateWebhook(ctx, "site", types.Webhook{ManualCreation: aws.Bool(true)}); err != nil || made.Secret == nil {
		t.Errorf("registered by hand: %+v, %v", made, err)
	}
}

func TestCommitsShowHowBuildsStand(t *testing.T) {
	w, s := hooked(t, sqltest.SQLite(t))
	src := w.source(types.SourceTypeGithubEnterprise, nil)
	src.ReportBuildStatus = aws.Bool(true)
	b := types.Build{Id: aws.String("site:1"), ProjectName: aws.String("site"), Source: &src, ResolvedSourceVersion: aws.String(w.main), BuildStatus: types.StatusTypeInProgress}
	tell := func(change build.Change, want string) {
		t.Helper()
		now := b
		s.build.Store(&now)
		change.Build = b
		err := w.st.InTx(t.Context(), func(tx store.Tx) error { return w.remotes.Changed(t.Context(), tx, change) })
		if err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(60 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			w.double.Lock()
			list := w.double.Repos["acme/site"].Statuses
			w.double.Unlock()
			if n := len(list); n > 0 && list[n-1].State == want && list[n-1].Commit == w.main {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("the commit shows %+v, want %s", list, want)
			}
		}
	}
	tell(build.Change{Ended: []types.BuildPhase{{PhaseType: types.BuildPhaseTypeDownloadSource}}}, "pending")
	b.BuildStatus, b.BuildComplete = types.StatusTypeSucceeded, true
	tell(build.Change{State: true}, "success")
}
