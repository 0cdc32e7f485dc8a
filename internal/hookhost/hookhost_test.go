package hookhost_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/hookhost"
	"github.com/conveyor-cd/conveyor/internal/intake"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// hosted is a server with the pipeline site, whose source action Code builds the branch main.
type hosted struct {
	t    testing.TB
	flow *flow.Service
	http *httptest.Server

	mu  sync.Mutex
	log bytes.Buffer
}

func (s *hosted) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

func serve(t testing.TB, o hookhost.Options) *hosted {
	t.Helper()
	s := &hosted{t: t}
	st := sqltest.SQLite(t)
	q := queue.New(st, queue.Config{})
	s.flow = flow.New(flow.Options{Store: st, Jobs: q, Providers: sources{}})
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := q.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	o.Log = slog.New(slog.NewTextHandler(s, nil))
	s.http = httptest.NewServer(hookhost.New(s.flow, o))
	t.Cleanup(s.http.Close)
	if _, err := s.flow.CreatePipeline(t.Context(), site, nil, "arn:aws:iam::000000000000:root"); err != nil {
		t.Fatal(err)
	}
	return s
}

// sources is a registry with a source, and an approval that waits.
type sources struct{}

var (
	typeCode   = pipeline.ActionTypeID{Category: "Source", Owner: "AWS", Provider: "CodeCommit", Version: "1"}
	typeManual = pipeline.ActionTypeID{Category: "Approval", Owner: "AWS", Provider: "Manual", Version: "1"}
	site       = pipeline.Definition{
		Name: "site", RoleArn: "arn:aws:iam::000000000000:role/pipeline",
		ArtifactStore: &pipeline.ArtifactStore{Type: "S3", Location: "artifacts"},
		Stages: []pipeline.Stage{
			{Name: "Source", Actions: []pipeline.Action{{
				Name: "Code", ActionTypeID: typeCode, Configuration: map[string]string{"RepositoryName": "site", "BranchName": "main"},
				OutputArtifacts: []pipeline.OutputArtifact{{Name: "Code"}},
			}}},
			{Name: "Gate", Actions: []pipeline.Action{{Name: "Approve", ActionTypeID: typeManual}}},
		},
	}
)

func (sources) Types() []action.Type {
	return []action.Type{
		{ID: typeCode, Outputs: action.Count{Min: 1, Max: 1}, Properties: []action.Property{{Name: "RepositoryName"}, {Name: "BranchName"}}},
		{ID: typeManual},
	}
}

func (s sources) Lookup(id pipeline.ActionTypeID) (action.Provider, bool) {
	for _, t := range s.Types() {
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
	return action.Done{Revision: &pipeline.Revision{ID: "newest"}}, nil
}

var (
	secret = pipeline.WebhookCredentials{SecretToken: "s3cret"}
	nobody = pipeline.WebhookCredentials{}
	branch = pipeline.WebhookFilter{JSONPath: "$.ref", MatchEquals: "refs/heads/{BranchName}"}
)

// hook makes a webhook and returns its path.
func (s *hosted) hook(name string, by pipeline.WebhookAuthentication, c pipeline.WebhookCredentials, filters ...pipeline.WebhookFilter) string {
	s.t.Helper()
	w, err := s.flow.PutWebhook(s.t.Context(), pipeline.Webhook{
		Name: name, TargetPipeline: "site", TargetAction: "Code", Filters: filters, Authentication: by, AuthenticationConfiguration: c,
	}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return w.URL
}

// shown is a webhook as its owner sees it.
func (s *hosted) shown(name string) flow.Webhook {
	s.t.Helper()
	list, _, err := s.flow.ListWebhooks(s.t.Context(), flow.Page{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, w := range list {
		if w.Name == name {
			return w
		}
	}
	s.t.Fatalf("there is no webhook %s", name)
	return flow.Webhook{}
}

// post sends a request; headers are names and values in turn.
func (s *hosted) post(path string, body io.Reader, headers ...string) (status int, answer string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.http.URL+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func (s *hosted) want(what string, wantStatus int, wantAnswer, path, body string, headers ...string) {
	s.t.Helper()
	status, answer := s.post(path, strings.NewReader(body), headers...)
	if status != wantStatus || !strings.Contains(answer, wantAnswer) {
		s.t.Errorf("%s: %d %q, want %d %q", what, status, answer, wantStatus, wantAnswer)
	}
}

// wantRuns waits for the executions there are to be, besides the first.
func (s *hosted) wantRuns(n int) {
	s.t.Helper()
	var got int
	for limit := time.Now().Add(15 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		list, _, err := s.flow.ListExecutions(s.t.Context(), "site", "", flow.Page{})
		if err != nil {
			s.t.Fatal(err)
		}
		if got = len(list) - 1; got == n {
			return
		}
		if time.Now().After(limit) {
			s.t.Fatalf("%d executions were started, want %d", got, n)
		}
	}
}

func mac(algorithm func() hash.Hash, secret, body string) string {
	m := hmac.New(algorithm, []byte(secret))
	m.Write([]byte(body))
	return hex.EncodeToString(m.Sum(nil))
}

func signed(body string) []string {
	return []string{"Content-Type", "application/json", "X-Hub-Signature-256", "sha256=" + mac(sha256.New, "s3cret", body)}
}

const (
	main = `{"ref": "refs/heads/main"}`
	dev  = `{"ref": "refs/heads/dev"}`
)

func TestSignedRequests(t *testing.T) {
	s := serve(t, hookhost.Options{})
	path := s.hook("push", pipeline.WebhookHMAC, secret, branch)
	s.want("no signature", 403, "signature", path, main)
	s.want("a wrong one", 403, "signature", path, main, "X-Hub-Signature-256", "sha256="+mac(sha256.New, "wrong", main))
	s.want("that of another body", 403, "signature", path, main, signed(dev)...)
	if w := s.shown("push"); w.ErrorCode != "403" || !strings.Contains(w.ErrorMessage, "signature") || !w.LastTriggered.IsZero() {
		t.Errorf("the owner sees %+v", w)
	}
	s.want("another branch", 200, "filter 1 ($.ref) does not match", path, dev, signed(dev)...)
	s.want("the branch", 200, "started pipeline site", path, main, signed(main)...)
	s.want("GitHub's old signature", 200, "started", path, main, "X-Hub-Signature", "sha1="+mac(sha1.New, "s3cret", main))
	if w := s.shown("push"); w.ErrorCode != "" || w.LastTriggered.IsZero() {
		t.Errorf("the owner sees %+v", w)
	}
	form := "payload=" + url.QueryEscape(main)
	s.want("a form", 200, "started", path, form, "Content-Type", "application/x-www-form-urlencoded", "X-Hub-Signature-256", "sha256="+mac(sha256.New, "s3cret", form))

	github := append(signed(main+" "), "X-GitHub-Event", "push", "X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
	s.want("a delivery", 200, "started", path, main+" ", github...)
	s.want("it again", 200, "received before", path, main+" ", github...)
	github[len(github)-1] = "another"
	s.want("it under another id", 200, "received before", path, main+" ", github...)
	s.want("it without an id", 200, "received before", path, main+" ", signed(main+" ")...)
	s.want("a ping", 200, "pong", path, main, append(signed(main), "X-GitHub-Event", "ping")...)
	s.want("a forged ping", 403, "signature", path, main, "X-GitHub-Event", "ping")
	s.wantRuns(4)

	if err := s.flow.DeleteWebhook(t.Context(), "push"); err != nil {
		t.Fatal(err)
	}
	s.want("a deleted one", 404, "no webhook", path, main, signed(main)...)
	s.want("a guess", 404, "no webhook", hookhost.Prefix+"AAAA", main)
	s.wantRuns(4)
	if log := s.log.String(); strings.Contains(log, "s3cret") || strings.Contains(log, strings.TrimPrefix(path, hookhost.Prefix)) || !strings.Contains(log, "webhook=push") {
		t.Errorf("the log tells too much, or too little:\n%s", log)
	}
}

func TestRequestsByAddress(t *testing.T) {
	s := serve(t, hookhost.Options{})
	near := s.hook("near", pipeline.WebhookIP, pipeline.WebhookCredentials{AllowedIPRange: "127.0.0.0/8"})
	far := s.hook("far", pipeline.WebhookIP, pipeline.WebhookCredentials{AllowedIPRange: "192.0.2.0/24"})
	s.want("an address in the range", 200, "started", near, "")
	s.want("one that is not", 403, "address", far, "")
	s.want("one that claims to be", 403, "address", far, "", "X-Forwarded-For", "192.0.2.7", "Forwarded", "for=192.0.2.7", "X-Real-Ip", "192.0.2.7")
	s.wantRuns(1)
}

func TestRequestsThatNobodySigned(t *testing.T) {
	s := serve(t, hookhost.Options{})
	open := s.hook("open", pipeline.WebhookUnauthenticated, nobody)
	filtered := s.hook("filtered", pipeline.WebhookUnauthenticated, nobody, branch)
	s.want("nothing at all", 200, "started", open, "")
	s.want("anything", 200, "started", open, "<xml/>", "Content-Type", "text/xml")
	s.want("a ping", 200, "pong", open, "", "X-GitHub-Event", "ping")
	s.want("a delivery", 200, "started", open, "x", "X-GitHub-Delivery", "1")
	s.want("it again", 200, "before", open, "x", "X-GitHub-Delivery", "1")
	s.want("the same body of another", 200, "started", open, "x", "X-GitHub-Delivery", "2")
	s.want("a long id", 400, "X-GitHub-Delivery", open, "x", "X-GitHub-Delivery", strings.Repeat("1", 129))
	s.want("what curl -d sends", 200, "started", filtered, main, "Content-Type", "application/x-www-form-urlencoded")
	s.want("no JSON", 400, "not JSON", filtered, "{", "Content-Type", "application/json")
	s.want("XML", 415, "application/json", filtered, main, "Content-Type", "text/xml")
	s.wantRuns(5)
	if w := s.shown("filtered"); w.ErrorCode != "415" {
		t.Errorf("the owner sees %+v", w)
	}
	resp, err := http.Get(s.http.URL + open)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %s", resp.Status)
	}
}

func TestAWebhookWhosePipelineHasChanged(t *testing.T) {
	s := serve(t, hookhost.Options{})
	path := s.hook("open", pipeline.WebhookUnauthenticated, nobody)
	renamed := site
	renamed.Stages = append([]pipeline.Stage{{Name: "Source", Actions: []pipeline.Action{site.Stages[0].Actions[0]}}}, site.Stages[1:]...)
	renamed.Stages[0].Actions[0].Name = "Checkout"
	if _, err := s.flow.UpdatePipeline(t.Context(), renamed, "arn:aws:iam::000000000000:root"); err != nil {
		t.Fatal(err)
	}
	s.want("its action is gone", 404, "Code of this webhook is no longer a source action", path, "")
	s.wantRuns(0)
	if err := s.flow.DeletePipeline(t.Context(), "site", "arn:aws:iam::000000000000:root"); err != nil {
		t.Fatal(err)
	}
	s.want("its pipeline is gone", 404, "the pipeline site of this webhook does not exist", path, "")
	if w := s.shown("open"); w.ErrorCode != "404" || !strings.Contains(w.ErrorMessage, "does not exist") {
		t.Errorf("the owner sees %+v", w)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	s := serve(t, hookhost.Options{Bodies: intake.Limits{MaxBody: 1000}})
	path := s.hook("push", pipeline.WebhookHMAC, secret)
	large := strings.Repeat("x", 1001)
	s.want("a large body", 413, "1000 bytes", path, large, signed(large)...)
	fits := large[1:]
	s.want("one that fits", 200, "started", path, fits, signed(fits)...)
	// Without a length, the body is cut off while it arrives.
	status, answer := s.post(path, io.MultiReader(strings.NewReader(large)), signed(large)...)
	if status != 413 {
		t.Errorf("a large body without a length: %d %s", status, answer)
	}
	if status, answer := s.post(path, io.MultiReader(strings.NewReader(fits)), signed(fits)...); status != 200 {
		t.Errorf("a body without a length: %d %s", status, answer)
	}
	s.wantRuns(2)
}

// A sender that says much and sends little holds memory for a while only, and others are told to come again.
func TestSlowBodiesAreCutOff(t *testing.T) {
	s := serve(t, hookhost.Options{Bodies: intake.Limits{MaxBody: 1000, MaxInMemory: 1000, Patience: 300 * time.Millisecond}})
	path := s.hook("push", pipeline.WebhookHMAC, secret)
	conn, err := net.Dial("tcp", s.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf", path); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(15 * time.Second)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 12)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "HTTP/1.1 400" {
		t.Errorf("the slow sender is answered %q, %v", answer, err)
	}
	s.want("another, afterwards", 200, "started", path, main, signed(main)...)
	s.wantRuns(1)
}

func TestManyAtOnceWaitForMemory(t *testing.T) {
	s := serve(t, hookhost.Options{Bodies: intake.Limits{MaxBody: 1000, MaxInMemory: 1000}})
	path := s.hook("push", pipeline.WebhookHMAC, secret)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			body := fmt.Sprintf("%0900d", i)
			s.want("one of many", 200, "started", path, body, signed(body)...)
		})
	}
	wg.Wait()
	s.wantRuns(20)

	open, err := net.Dial("tcp", s.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	open.Close() // connections that send nothing hold nothing
	s.want("one more", 200, "started", path, main, signed(main)...)
}

func TestCallsWithoutASignatureAreRare(t *testing.T) {
	s := serve(t, hookhost.Options{Rate: 0.001, Burst: 2})
	open := s.hook("open", pipeline.WebhookUnauthenticated, nobody)
	push := s.hook("push", pipeline.WebhookHMAC, secret)
	s.want("the first", 200, "started", open, "")
	s.want("the second", 200, "started", open, "")
	s.want("the third", 429, "too often", open, "")
	for i := range 4 {
		body := fmt.Sprint(i)
		s.want("a signed one", 200, "started", push, body, signed(body)...)
	}
	s.want("one of another webhook", 200, "started", s.hook("other", pipeline.WebhookUnauthenticated, nobody), "")
	s.wantRuns(7)
}

// A database that is away is the server's fault: the sender is to try again.
func TestAFaultIsNoSuccess(t *testing.T) {
	front := httptest.NewServer(hookhost.New(broken{}, hookhost.Options{}))
	defer front.Close()
	resp, err := http.Post(front.URL+hookhost.Prefix+"x", "application/json", strings.NewReader(main))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusInternalServerError || strings.Contains(string(text), "disk") {
		t.Errorf("%s %s", resp.Status, text)
	}
}

type broken struct{ hookhost.Webhooks }

func (broken) WebhookAt(context.Context, string) (*flow.Receiver, error) {
	return nil, errors.New("the disk is full")
}
