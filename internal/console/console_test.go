package console_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/console"
	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/event"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/logstore"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
)

const host = "console.test:4566"

// belt stands for flow.
type belt struct{}

func (belt) Heads(context.Context, string) ([]flow.Head, error) {
	secret := []engine.SourceRevision{{Revision: pipeline.Revision{ID: "abc", Summary: "secret"}}}
	return []flow.Head{{Name: "open", Status: "Failed", Started: 1, Sources: secret}, {Name: "shut", Status: "Failed", Started: 2, Sources: secret}}, nil
}

func (belt) Summaries(_ context.Context, names []string, _ int) (map[string]*flow.Summary, error) {
	found := map[string]*flow.Summary{}
	for _, name := range names {
		found[name] = &flow.Summary{Name: name, Recent: []engine.ExecutionRecord{{ID: "e"}}}
	}
	return found, nil
}

func (belt) CheckPipeline(_ context.Context, d pipeline.Definition) error {
	if len(d.Stages) < 2 {
		return pipeline.Errorf(pipeline.InvalidStructure, "too few stages")
	}
	return nil
}

func (belt) ARN(name string) string { return "arn:aws:codepipeline:us-east-1:000000000000:" + name }

// house is a console with a root and the user mina.
type house struct {
	*console.Handler
	users  *iam.Directory
	root   iam.AccessKey
	store  store.Store
	events *event.Service
	repos  *gitrepo.Store
	seen   *http.Request // what a service behind it got
}

func open(t *testing.T) *house {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	h := &house{root: iam.AccessKey{ID: "AKIAROOTROOTROOTROOT", Secret: "root-secret"}, store: db}
	h.events = event.New(event.Options{Store: db, Jobs: queue.New(db, queue.Config{})})
	h.users = iam.New(db, iam.WithRoot(h.root))
	logs, err := logstore.New(db, logstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = logs.Close(context.Background()) })
	if h.repos, err = gitrepo.Open(filepath.Join(t.TempDir(), "repositories"), db, gitrepo.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.repos.Close() })
	verifier := awsapi.NewVerifier(h.users, awsapi.Place{})
	service := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.seen = r
		body, _ := io.ReadAll(r.Body)
		hash := awsapi.HashPayload(body)
		if v := r.Header.Get("X-Amz-Content-Sha256"); v != "" {
			hash = v
		}
		who, err := verifier.Verify(r, "", hash)
		if err != nil {
			t.Errorf("the service behind refused %s %s: %v", r.Method, r.URL, err)
		}
		_, _ = io.WriteString(w, who.Arn)
	})
	h.Handler, err = console.New(console.Options{
		Store: db, Keys: h.users, Verifier: verifier, Authorizer: awsapi.NewAuthorizer(h.users), Pipelines: belt{}, Events: h.events, Logs: logs, Repositories: h.repos,
		API: service, Explain: service, ExplainAt: "/conveyor/explain/", S3: service, Place: awsapi.Place{}.WithDefaults(), PublicURL: "http://" + host, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// user makes a user with a policy and returns an access key.
func (h *house) user(t *testing.T, policy string) iam.AccessKey {
	t.Helper()
	if _, err := h.users.Create(t.Context(), iam.Entity{Kind: iam.User, Name: "mina"}); err != nil {
		t.Fatal(err)
	}
	if err := h.users.PutPolicy(t.Context(), iam.User, "mina", "own", policy); err != nil {
		t.Fatal(err)
	}
	key, _, err := h.users.CreateAccessKey(t.Context(), "mina")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// ask sends what a page of the console would.
func (h *house) ask(method, path, cookie, body string, header map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://"+host+path, strings.NewReader(body))
	r.Header.Set("Origin", "http://"+host)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Content-Type", "application/json")
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func (h *house) signIn(t *testing.T, key iam.AccessKey) string {
	t.Helper()
	w := h.ask("POST", "/conveyor/console/session", "", `{"accessKeyId":"`+key.ID+`","secretAccessKey":"`+key.Secret+`"}`, nil)
	if w.Code != http.StatusOK {
		t.Fatalf("sign-in: %d %s", w.Code, w.Body)
	}
	set := w.Header().Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/conveyor/console/"} {
		if !strings.Contains(set, want) {
			t.Errorf("the cookie %q lacks %s", set, want)
		}
	}
	cookie, _, _ := strings.Cut(set, ";")
	return cookie
}

var call = map[string]string{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "CodePipeline_20150709.ListPipelines"}

func TestASessionActsAsWhoeverSignedIn(t *testing.T) {
	h := open(t)
	cookie := h.signIn(t, h.user(t, nothing))
	w := h.ask("POST", "/conveyor/console/aws", cookie, "{}", call)
	if got := w.Body.String(); w.Code != http.StatusOK || got != "arn:aws:iam::000000000000:user/mina" {
		t.Errorf("%d %s", w.Code, got)
	}
	if h.seen.Header.Get("Cookie") != "" {
		t.Error("the cookie went on to the service")
	}
	for _, path := range []string{"/conveyor/console/explain/site", "/conveyor/console/s3/bucket/a%2Fb%20c?list-type=2"} {
		if w := h.ask("GET", path, cookie, "", nil); w.Code != http.StatusOK || !strings.HasSuffix(w.Body.String(), "user/mina") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if h.seen.URL.EscapedPath() != "/bucket/a%2Fb%20c" {
		t.Errorf("the key arrived as %s", h.seen.URL.EscapedPath())
	}
}

func TestAServiceIsCalledByItsTargetWhateverItsName(t *testing.T) {
	h := open(t)
	cookie := h.signIn(t, h.root)
	for _, target := range []string{"CodeBuild_20161006.ListBuilds", "com.amazonaws.codeconnections.CodeConnections_20231201.ListConnections"} {
		all := map[string]string{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
		if w := h.ask("POST", "/conveyor/console/aws", cookie, "{}", all); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}

func TestOnlyTheConsolesPagesUseASession(t *testing.T) {
	h := open(t)
	cookie := h.signIn(t, h.root)
	for what, header := range map[string]map[string]string{
		"another origin":                  {"Origin": "http://evil.test"},
		"a sandboxed page":                {"Origin": "null"},
		"no origin":                       {"Origin": ""},
		"another port":                    {"Origin": "http://console.test:1"},
		"a sister site":                   {"Sec-Fetch-Site": "same-site"},
		"a form":                          {"Content-Type": "text/plain"},
		"a service the console calls not": {"X-Amz-Target": "Nothing_1.List"},
	} {
		all := map[string]string{}
		for _, m := range []map[string]string{call, header} {
			for k, v := range m {
				all[k] = v
			}
		}
		h.seen = nil
		if w := h.ask("POST", "/conveyor/console/aws", cookie, "{}", all); w.Code < 400 || h.seen != nil {
			t.Errorf("%s was let through: %d", what, w.Code)
		}
	}
	if w := h.ask("GET", "/conveyor/console/summary", cookie, "", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": ""}); w.Code != http.StatusForbidden {
		t.Errorf("another site read: %d", w.Code)
	}
	if w := h.ask("POST", "/conveyor/console/aws", "conveyor_session=guess", "{}", call); w.Code != http.StatusUnauthorized {
		t.Errorf("a guessed cookie: %d", w.Code)
	}
}

func TestWrongSecretsAndEndedSessionsAreRefused(t *testing.T) {
	h := open(t)
	for _, body := range []string{
		`{"accessKeyId":"` + h.root.ID + `","secretAccessKey":"no"}`, `{"accessKeyId":"AKIANOBODYNOBODYNOBO","secretAccessKey":""}`, `{}`,
		`{"link":"x"}`,
	} {
		if w := h.ask("POST", "/conveyor/console/session", "", body, nil); w.Code != http.StatusForbidden || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %d", body, w.Code)
		}
	}
	key := h.user(t, nothing)
	cookie, second := h.signIn(t, key), h.signIn(t, key)
	if w := h.ask("DELETE", "/conveyor/console/session", cookie, "", nil); w.Code != http.StatusNoContent {
		t.Fatalf("signing out: %d", w.Code)
	}
	if w := h.ask("GET", "/conveyor/console/session", cookie, "", nil); w.Code != http.StatusUnauthorized {
		t.Errorf("after signing out: %d", w.Code)
	}
	if err := h.users.DeleteAccessKey(t.Context(), "mina", key.ID); err != nil {
		t.Fatal(err)
	}
	if w := h.ask("GET", "/conveyor/console/session", second, "", nil); w.Code != http.StatusUnauthorized {
		t.Errorf("after the access key was deleted: %d", w.Code)
	}
}

func TestALinkSignsInOnce(t *testing.T) {
	h := open(t)
	r := httptest.NewRequest(http.MethodPost, "http://"+host+"/conveyor/console/link", nil)
	if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: h.root.ID, SecretAccessKey: h.root.Secret}, r,
		awsapi.HashPayload(nil), console.Service, "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	_, token, ok := strings.Cut(w.Body.String(), "/conveyor/sign-in#")
	if !ok {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	token, _, _ = strings.Cut(token, `"`)
	for i, want := range []int{http.StatusOK, http.StatusForbidden} {
		if w := h.ask("POST", "/conveyor/console/session", "", `{"link":"`+token+`"}`, nil); w.Code != want {
			t.Errorf("use %d: %d %s", i+1, w.Code, w.Body)
		}
	}
	unsigned := h.ask("POST", "/conveyor/console/link", h.signIn(t, h.root), "", nil)
	if unsigned.Code < 400 {
		t.Errorf("a page made a link: %d", unsigned.Code)
	}
}

const listsOpen = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"codepipeline:ListPipelines","Resource":"*"},
	{"Effect":"Allow","Action":"codepipeline:*","Resource":"arn:aws:codepipeline:*:*:open"}]}`

func TestTheSummaryTellsWhatMayBeKnown(t *testing.T) {
	h := open(t)
	mina, root := h.signIn(t, h.user(t, listsOpen)), h.signIn(t, h.root)
	for _, c := range []struct{ cookie, query, want string }{
		{mina, "", "open:1 shut:0 of 2"},
		{root, "", "shut:1 open:1 of 2"}, // what ran last comes first
		{root, "?sort=name", "open:1 shut:1 of 2"},
		{root, "?sort=name&descending=true&limit=1", "shut:1 of 2"},
		{root, "?sort=name&limit=1&offset=1", "shut:1 of 2"},
		{root, "?offset=7", "of 2"},
		{mina, "?status=Failed", "open:1 of 1"}, // a filter tells no more than the list
		{mina, "?search=SECRET", "open:1 of 1"},
		{root, "?search=SECRET", "shut:1 open:1 of 2"},
		{mina, "?search=shu", "shut:0 of 1"},
		{root, "?search=bc", "of 0"},
	} {
		var page struct {
			Pipelines []struct {
				Name   string
				Recent []any
			}
			Matching int
		}
		w := h.ask("GET", "/conveyor/console/summary"+c.query, c.cookie, "", nil)
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, p := range page.Pipelines {
			got += fmt.Sprintf("%s:%d ", p.Name, len(p.Recent))
		}
		if got += fmt.Sprint("of ", page.Matching); got != c.want {
			t.Errorf("%s: %s, want %s", c.query, got, c.want)
		}
	}
}

func TestWhatOneMayDoIsToldAtOnce(t *testing.T) {
	h := open(t)
	body := `{"questions":[{"action":"codepipeline:StopPipelineExecution","resource":"` + h.Pipelines.ARN("open") + `"},
		{"action":"codepipeline:StopPipelineExecution","resource":"` + h.Pipelines.ARN("shut") + `"},{"action":"iam:CreateUser","resource":"*"}]}`
	mina, root := h.signIn(t, h.user(t, listsOpen)), h.signIn(t, h.root)
	for cookie, want := range map[string]string{mina: "[true,false,false]", root: "[true,true,true]"} {
		if w := h.ask("POST", "/conveyor/console/may", cookie, body, nil); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%d %s, want %s", w.Code, w.Body, want)
		}
	}
	many := `{"questions":[` + strings.Repeat(`{},`, 200) + `{}]}`
	if w := h.ask("POST", "/conveyor/console/may", root, many, nil); w.Code != http.StatusBadRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestADefinitionIsCheckedForWhoeverMayReadIt(t *testing.T) {
	h := open(t)
	mina := h.signIn(t, h.user(t, listsOpen))
	for body, want := range map[string]string{
		`{"pipeline":{"name":"open","stages":[{},{}]}}`: `{}`,
		`{"pipeline":{"name":"open","stages":[{}]}}`:    `{"message":"too few stages","problem":"InvalidStructureException"}`,
		`{"pipeline":{"name":"shut","stages":[{}]}}`:    `AccessDeniedException`,
		`{"pipeline":{"name":1}}`:                       `ValidationException`,
	} {
		if w := h.ask("POST", "/conveyor/console/check", mina, body, nil); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s, want %s", body, w.Code, w.Body, want)
		}
	}
}

func TestTheStreamTellsWhatMayBeKnown(t *testing.T) {
	h := open(t)
	cookie := h.signIn(t, h.user(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["codepipeline:*","codebuild:*"],"Resource":["arn:aws:codepipeline:*:*:open*","arn:aws:codebuild:*:*:project/open"]}]}`))
	for _, e := range []event.Event{
		{Source: "aws.codepipeline", Detail: map[string]string{"pipeline": "shut"}},
		{Source: "aws.codepipeline", Detail: map[string]string{"pipeline": "open"}},
		{Source: "conveyor", Detail: map[string]string{"pipeline": "open-2"}},
		{Source: "aws.codebuild", Detail: map[string]string{"project-name": "shut"}},
		{Source: "conveyor", Detail: map[string]string{"project-name": "open"}},
		{Source: "somebody.else", Detail: map[string]string{"pipeline": "open"}},
	} {
		if err := h.store.InTx(t.Context(), func(tx store.Tx) error { return h.events.Publish(t.Context(), tx, e) }); err != nil {
			t.Fatal(err)
		}
	}
	lines := h.listen(t, cookie, 3)
	if got, want := strings.Join(lines, "\n"), `data: {"source":"aws.codepipeline","name":"open"}
data: {"source":"aws.codepipeline","name":"open-2"}
data: {"source":"aws.codebuild","name":"open"}`; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestTheStreamEndsWithTheSessionAndTheServer(t *testing.T) {
	h := open(t)
	cookie := h.signIn(t, h.root)
	h.Close()
	if w := h.ask("GET", "/conveyor/console/events", cookie, "", nil); !strings.Contains(w.Body.String(), "event: look") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	h.ask("DELETE", "/conveyor/console/session", cookie, "", nil)
	if w := h.ask("GET", "/conveyor/console/events", cookie, "", nil); w.Code != http.StatusUnauthorized {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// listen follows the log of events from its beginning and returns the first changes the stream tells of.
func (h *house) listen(t *testing.T, cookie string, n int) []string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/conveyor/console/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", cookie)
	r.Header.Set("Last-Event-ID", "0")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var got []string
	for in := bufio.NewScanner(response.Body); len(got) < n && in.Scan(); {
		if strings.HasPrefix(in.Text(), "data: ") {
			got = append(got, in.Text())
		}
	}
	return got
}

func TestPagesAreServedUnderAStrictPolicy(t *testing.T) {
	h := open(t)
	w := h.ask("GET", "/conveyor/pipelines/x", "", "", map[string]string{"Accept": "text/html", "Accept-Encoding": "br"})
	if w.Header().Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		t.Error(w.Header())
	}
	w = h.ask("GET", "/", "", "", map[string]string{"Accept": "text/html"})
	built := w.Code == http.StatusSeeOther
	if !built && !strings.Contains(w.Body.String(), "Conveyor is running") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

const nothing = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`
