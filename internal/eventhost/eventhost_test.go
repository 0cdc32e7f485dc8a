package eventhost_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/event"
	"github.com/conveyor-cd/conveyor/internal/eventhost"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

type keys struct{}

func (keys) AccessKey(_ context.Context, id string) (iam.AccessKey, error) {
	switch id {
	case "AKIAROOT":
		return iam.AccessKey{ID: id, Secret: "secret", Principal: iam.Principal{Arn: "arn:aws:iam::000000000000:root", Root: true}}, nil
	case "AKIALISTENER":
		return iam.AccessKey{ID: id, Secret: "secret", Principal: iam.Principal{Arn: "arn:aws:iam::000000000000:user/listener"}}, nil
	case "AKIAGUEST":
		return iam.AccessKey{ID: id, Secret: "secret", Principal: iam.Principal{Arn: "arn:aws:iam::000000000000:user/guest"}}, nil
	}
	return iam.AccessKey{}, iam.ErrNoAccessKey
}

// rights are those of root, and of a listener who may see one pipeline.
type rights struct{}

func (rights) Authorize(_ context.Context, id awsapi.Identity, action string, resources []string) error {
	asked := action + " " + strings.Join(resources, " ")
	switch asked {
	case eventhost.ActionListen + " arn:aws:events:us-east-1:000000000000:event-bus/default",
		"codepipeline:GetPipelineState arn:aws:codepipeline:us-east-1:000000000000:site":
		if strings.HasSuffix(id.Arn, "user/listener") {
			return nil
		}
	}
	if id.Root && len(resources) == 1 && (action == "codepipeline:GetPipelineState" || strings.HasSuffix(asked, " arn:aws:events:us-east-1:000000000000:event-bus/default")) {
		return nil
	}
	return &awsapi.Error{Code: "AccessDeniedException", Message: action, Status: http.StatusBadRequest}
}

type world struct {
	*testing.T
	st     store.Store
	events *event.Service
	host   *eventhost.Handler
	url    string
}

func newWorld(t *testing.T, o eventhost.Options) *world {
	w := &world{T: t, st: sqltest.SQLite(t)}
	q := queue.New(w.st, queue.Config{})
	w.events = event.New(event.Options{Store: w.st, Jobs: q})
	o.Events, o.Verifier, o.Authorizer = w.events, awsapi.NewVerifier(keys{}, awsapi.Place{}), rights{}
	w.host = eventhost.New(o)
	server := httptest.NewServer(w.host)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *world) publish(source, pipeline string, n int) {
	w.Helper()
	err := w.st.InTx(w.Context(), func(tx store.Tx) error {
		return w.events.Publish(w.Context(), tx, event.Event{Source: source, DetailType: "T", Pipeline: pipeline, Detail: n})
	})
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) do(key, method, path string, header ...string) *http.Response {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), method, w.url+path, nil)
	if err != nil {
		w.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if key != "" {
		err := v4.NewSigner().SignHTTP(w.Context(), aws.Credentials{AccessKeyID: key, SecretAccessKey: "secret"}, r, awsapi.HashPayload(nil),
			eventhost.Service, "us-east-1", time.Now())
		if err != nil {
			w.Fatal(err)
		}
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { response.Body.Close() })
	return response
}

// lines reads a stream's lines that begin with a word.
func lines(t *testing.T, in *bufio.Reader, word string, n int) []string {
	t.Helper()
	var got []string
	for len(got) < n {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("after %q: %v", got, err)
		}
		if strings.HasPrefix(line, word) {
			got = append(got, strings.TrimSpace(line))
		}
	}
	return got
}

func TestStream(t *testing.T) {
	w := newWorld(t, eventhost.Options{Heartbeat: 20 * time.Millisecond})
	w.publish("a", "", 0)
	first := w.do("AKIAROOT", http.MethodGet, eventhost.Path+"?source=a&source=b&pipeline=site")
	if ct := first.Header.Get("Content-Type"); ct != "text/event-stream" {
		t.Fatal(ct)
	}
	in := bufio.NewReader(first.Body)
	if got := lines(t, in, ":", 1); got[0] != ": still here" {
		t.Error(got)
	}
	for n, source := range []string{"a", "b", "c", "a"} {
		w.publish(source, "site", n+1)
	}
	w.publish("a", "other", 5)
	w.publish("a", "site", 6)
	got := lines(t, in, "data:", 4)
	for i, n := range []int{1, 2, 4, 6} {
		var e struct{ Detail int }
		if err := json.Unmarshal([]byte(strings.TrimPrefix(got[i], "data: ")), &e); err != nil || e.Detail != n {
			t.Errorf("%s, want %d: %v", got[i], n, err)
		}
	}
	// Resumed, by header and by query.
	for _, again := range []*http.Response{
		w.do("AKIAROOT", http.MethodGet, eventhost.Path, "Last-Event-ID", "5"), w.do("AKIAROOT", http.MethodGet, eventhost.Path+"?last-event-id=5"),
	} {
		if ids := lines(t, bufio.NewReader(again.Body), "id:", 2); ids[0] != "id: 6" || ids[1] != "id: 7" {
			t.Error(ids)
		}
	}
	w.host.Close() // the server stops
	if _, err := io.Copy(io.Discard, in); err != nil {
		t.Error(err)
	}
}

// Events of pipelines that a listener may not see are left out.
func TestAListenerHearsOfItsPipelines(t *testing.T) {
	w := newWorld(t, eventhost.Options{})
	for n, pipeline := range []string{"secret", "site", "", "secret", "site"} {
		w.publish("a", pipeline, n)
	}
	in := bufio.NewReader(w.do("AKIALISTENER", http.MethodGet, eventhost.Path+"?last-event-id=0").Body)
	if ids := strings.Join(lines(t, in, "id:", 3), " "); ids != "id: 2 id: 3 id: 5" {
		t.Error(ids)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, eventhost.Options{MaxListeners: 1})
	w.do("AKIAROOT", http.MethodGet, eventhost.Path)
	for _, c := range []struct {
		key, method, path string
		status            int
		says              string
	}{
		{"AKIAROOT", http.MethodGet, eventhost.Path, 503, "as many listeners"},
		{"", http.MethodGet, eventhost.Path, 400, "MissingAuthenticationToken"},
		{"AKIAGUEST", http.MethodGet, eventhost.Path, 400, eventhost.ActionListen},
		{"AKIAGUEST", http.MethodGet, eventhost.LettersPath, 400, eventhost.ActionLetters},
		{"AKIAGUEST", http.MethodPost, eventhost.LettersPath + "/1/redeliver", 400, eventhost.ActionRedeliver},
		{"AKIAROOT", http.MethodPost, eventhost.LettersPath + "/1/redeliver", 404, "no such dead letter"},
		{"AKIAROOT", http.MethodGet, eventhost.LettersPath + "?after=x", 400, "not the id"},
		{"AKIAROOT", http.MethodPost, eventhost.Path, 405, "GET"},
		{"AKIAROOT", http.MethodGet, eventhost.Path + "/else", 404, eventhost.LettersPath},
	} {
		r := w.do(c.key, c.method, c.path)
		body, _ := io.ReadAll(r.Body)
		if r.StatusCode != c.status || !strings.Contains(string(body), c.says) {
			t.Errorf("%s %s as %q: %d %s, want %d %q", c.method, c.path, c.key, r.StatusCode, body, c.status, c.says)
		}
	}
}

// Whoever has a session of the console listens without a signature.
func TestOtherAuthentication(t *testing.T) {
	w := newWorld(t, eventhost.Options{Authenticate: func(r *http.Request) (awsapi.Identity, bool, error) {
		c, err := r.Cookie("session")
		return awsapi.Identity{Root: true}, err == nil && c.Value == "good", nil
	}})
	w.publish("a", "", 1)
	ok := w.do("", http.MethodGet, eventhost.Path+"?last-event-id=0", "Cookie", "session=good")
	if got := lines(t, bufio.NewReader(ok.Body), "id:", 1); got[0] != "id: 1" {
		t.Error(got)
	}
	if bad := w.do("", http.MethodGet, eventhost.Path, "Cookie", "session=bad"); bad.StatusCode != http.StatusBadRequest {
		t.Error(bad.Status)
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		path, accept string
		signed, want bool
	}{
		{"/conveyor/events", "", true, true},
		{"/conveyor/events/dead-letters", "", true, true},
		{"/conveyor/events", "text/event-stream", false, true},
		{"/conveyor/events", "text/html", false, false},
		{"/conveyor/eventsource.js", "", true, false},
	} {
		r := httptest.NewRequest(http.MethodGet, c.path, nil)
		r.Header.Set("Accept", c.accept)
		if got := eventhost.Matches(r, c.signed); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// BenchmarkFanOut is one event on its way to a thousand listeners, from the publishing transaction to the last of them.
func BenchmarkFanOut(b *testing.B) {
	st := sqltest.SQLite(b)
	events := event.New(event.Options{Store: st, Jobs: queue.New(st, queue.Config{})})
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("listeners=%d", n), func(b *testing.B) {
			got := make(chan int, n)
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			for range n {
				l, err := events.Listen(ctx, nil, event.Filter{})
				if err != nil {
					b.Fatal(err)
				}
				go func() {
					defer l.Close()
					for {
						list, err := l.Next(ctx)
						if err != nil || ctx.Err() != nil {
							return
						}
						got <- len(list)
					}
				}()
			}
			for b.Loop() {
				err := st.InTx(ctx, func(tx store.Tx) error {
					return events.Publish(ctx, tx, event.Event{Source: "a", DetailType: "T", Detail: 1})
				})
				if err != nil {
					b.Fatal(err)
				}
				for sum := 0; sum < n; {
					sum += <-got
				}
			}
		})
	}
}
