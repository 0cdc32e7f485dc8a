package event_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/event"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// endpoint is a service with an API destination that leads to a handler.
func endpoint(t *testing.T, auth string, h http.HandlerFunc) (*event.HTTP, event.TargetSpec) {
	t.Helper()
	return limitedEndpoint(t, auth, 0, h)
}

// limitedEndpoint is one that may be called so often in a second; 0 leaves it to the default.
func limitedEndpoint(t *testing.T, auth string, perSecond int, h http.HandlerFunc) (*event.HTTP, event.TargetSpec) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	st := sqltest.SQLite(t)
	box, err := secret.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := event.New(event.Options{Store: st, Jobs: queue.New(st, queue.Config{}), Sealer: box})
	if _, err := s.CreateConnection(t.Context(), event.Connection{Name: "c", Definition: json.RawMessage(`{}`), Secret: json.RawMessage(auth)}); err != nil {
		t.Fatal(err)
	}
	definition, _ := json.Marshal(map[string]any{
		"InvocationEndpoint": server.URL + "/in/*?a=1", "HttpMethod": "PUT", "InvocationRateLimitPerSecond": perSecond,
	})
	d, err := s.PutDestination(t.Context(), event.Destination{Name: "d", Connection: "c", Definition: definition}, false)
	if err != nil {
		t.Fatal(err)
	}
	return event.NewHTTP(s, false), event.TargetSpec{ARN: d.ARN, Wire: json.RawMessage(`{}`)}
}

func TestRequestsToAnEndpoint(t *testing.T) {
	var got *http.Request
	var body string
	h, spec := endpoint(t, `{"BasicAuthParameters":{"Username":"eve","Password":"pa55"},"InvocationHttpParameters":{
		"HeaderParameters":[{"Key":"X-One","Value":"1"}],"QueryStringParameters":[{"Key":"q","Value":"a b"}],"BodyParameters":[{"Key":"token","Value":"t"}]}}`,
		func(_ http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			got, body = r, string(text)
		})
	spec.Wire = json.RawMessage(`{"HttpParameters":{"PathParameterValues":["x/y"],"HeaderParameters":{"X-Two":"2"},"QueryStringParameters":{"z":"3"}}}`)
	if err := h.Deliver(t.Context(), event.Delivery{ID: "id-1", Target: spec, Input: json.RawMessage(`{"n":1}`)}); err != nil {
		t.Fatal(err)
	}
	user, password, _ := got.BasicAuth()
	if got.Method != http.MethodPut || got.URL.EscapedPath() != "/in/x%2Fy" || got.URL.RawQuery != "a=1&q=a+b&z=3" || user != "eve" || password != "pa55" ||
		got.Header.Get("X-One") != "1" || got.Header.Get("X-Two") != "2" || got.Header.Get("X-Conveyor-Delivery") != "id-1" || body != `{"n":1,"token":"t"}` {
		t.Errorf("%s %s %v %s", got.Method, got.URL, got.Header, body)
	}
}

func TestSignedRequests(t *testing.T) {
	var header http.Header
	h, spec := endpoint(t, `{"ApiKeyAuthParameters":{"ApiKeyName":"x-conveyor-signature","ApiKeyValue":"s3cret"}}`,
		func(_ http.ResponseWriter, r *http.Request) { header = r.Header })
	if err := h.Deliver(t.Context(), event.Delivery{Target: spec, Input: json.RawMessage(`{}`)}); err != nil {
		t.Fatal(err)
	}
	signature := header.Get(event.SignatureHeader)
	if !strings.HasPrefix(signature, "t=") || len(signature) < 64 {
		t.Error(signature)
	}
	for _, values := range header {
		if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, "s3cret") }) {
			t.Error("the secret was sent")
		}
	}
}

// What the endpoint answers decides whether it is tried again. Redirects are not followed.
func TestAnswersOfEndpoints(t *testing.T) {
	for status, want := range map[int]string{
		200: "done", 204: "done", 302: "dead", 400: "dead", 401: "dead", 404: "dead", 409: "again", 429: "again", 500: "again", 503: "again",
	} {
		h, spec := endpoint(t, `{}`, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://169.254.169.254/")
			w.WriteHeader(status)
		})
		got := "done"
		if err := h.Deliver(t.Context(), event.Delivery{Target: spec, Input: json.RawMessage(`1`)}); err != nil {
			got = "again"
			if event.IsPermanent(err) {
				got = "dead"
			}
		}
		if got != want {
			t.Errorf("%d: %s, want %s", status, got, want)
		}
	}
}

// An API destination is called as often in a second as it says, and 300 times when it says nothing; the clock stands still.
func TestTheRateOfAnEndpoint(t *testing.T) {
	for perSecond, want := range map[int]int{2: 2, 0: 300} {
		calls := 0
		h, spec := limitedEndpoint(t, `{}`, perSecond, func(http.ResponseWriter, *http.Request) { calls++ })
		now := time.Now()
		h.SetClock(func() time.Time { return now })
		deliver := func() error { return h.Deliver(t.Context(), event.Delivery{Target: spec, Input: json.RawMessage(`1`)}) }
		for range want {
			if err := deliver(); err != nil {
				t.Fatal(err)
			}
		}
		var after time.Duration
		for range 3 { // asking again does not make the wait longer
			var ok bool
			if after, ok = event.IsLater(deliver()); !ok || after <= 0 || after > time.Second/time.Duration(want)+time.Microsecond || calls != want {
				t.Fatalf("of %d calls in a second %d came through, the next is to wait for %s", want, calls, after)
			}
		}
		now = now.Add(after)
		if err := deliver(); err != nil || calls != want+1 {
			t.Errorf("after the wait: %v, %d calls", err, calls)
		}
	}
}

func TestWhereNothingIsSent(t *testing.T) {
	for _, address := range []string{"", "ftp://x/", "https://", "/x", "https://eve:pa55@x/", "https://x/#y", "https://[::"} {
		if event.CheckEndpoint(address) == nil {
			t.Errorf("%q is accepted", address)
		}
	}
	if err := event.CheckEndpoint("https://example.com/*/in?x=*"); err != nil {
		t.Error(err)
	}
	client := event.NewHTTP(nil, false).Client()
	const refused = "link-local or multicast"
	for _, address := range []string{"169.254.169.254:80", "[fe80::1]:80", "224.0.0.1:80", "[::ffff:169.254.169.254]:80"} {
		if _, err := client.Get("http://" + address); err == nil || !strings.Contains(err.Error(), refused) {
			t.Errorf("%s may be called: %v", address, err)
		}
	}
	here := httptest.NewServer(http.NotFoundHandler())
	defer here.Close()
	answer, err := client.Get(here.URL)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if _, err := event.NewHTTP(nil, true).Client().Get(here.URL); err == nil || !strings.Contains(err.Error(), "forbid-private-addresses") {
		t.Errorf("a private address may be called: %v", err)
	}
}
