package event_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/event"
)

// guarded is an API destination that takes the newest token of an authorization endpoint and no other.
type guarded struct {
	*testing.T
	*event.HTTP
	spec   event.TargetSpec
	now    time.Time
	asked  []*http.Request // for tokens, with their forms
	answer http.HandlerFunc
	valid  string   // what the destination takes
	got    []string // what it was sent
}

func newGuarded(t *testing.T, parameters string) *guarded {
	t.Helper()
	g := &guarded{T: t, now: time.Now()}
	g.answer = func(w http.ResponseWriter, _ *http.Request) {
		g.valid = fmt.Sprint("token-", len(g.asked))
		fmt.Fprintf(w, `{"access_token": %q, "token_type": "bearer", "expires_in": 3600}`, g.valid)
	}
	authorization := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		g.asked = append(g.asked, r)
		g.answer(w, r)
	}))
	t.Cleanup(authorization.Close)
	auth := strings.NewReplacer("URL", authorization.URL).Replace(parameters)
	g.HTTP, g.spec = endpoint(t, auth, func(w http.ResponseWriter, r *http.Request) {
		g.got = append(g.got, r.Header.Get("Authorization"))
		if r.Header.Get("Authorization") != "Bearer "+g.valid {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	g.SetClock(func() time.Time { return g.now })
	return g
}

const clientCredentials = `{"OAuthParameters":{"AuthorizationEndpoint":"URL/token?tenant=t","HttpMethod":"POST",
	"ClientParameters":{"ClientID":"c/1","ClientSecret":"hu sh"},
	"OAuthHttpParameters":{"HeaderParameters":[{"Key":"X-One","Value":"1"}],"QueryStringParameters":[{"Key":"q","Value":"2"}],
	"BodyParameters":[{"Key":"scope","Value":"a b"}]}}}`

func (g *guarded) deliver() error {
	return g.Deliver(g.Context(), event.Delivery{Target: g.spec, Input: json.RawMessage(`{}`)})
}

// delivered delivers and checks how many tokens were asked for so far.
func (g *guarded) delivered(tokens int) {
	g.Helper()
	if err := g.deliver(); err != nil {
		g.Fatal(err)
	}
	if len(g.asked) != tokens {
		g.Fatalf("%d tokens were asked for, want %d", len(g.asked), tokens)
	}
}

// A token is used until shortly before it expires, it is refused, or the connection is changed.
func TestTokensAreKept(t *testing.T) {
	g := newGuarded(t, clientCredentials)
	g.delivered(1)
	g.delivered(1)
	g.now = g.now.Add(time.Hour - time.Minute)
	g.delivered(1)
	g.now = g.now.Add(time.Minute)
	g.delivered(2)

	g.valid = "another"
	if err := g.deliver(); err == nil || event.IsPermanent(err) || strings.Contains(err.Error(), "token-") {
		t.Errorf("a refused token: %v", err)
	}
	g.delivered(3)

	_, err := g.Events().UpdateConnection(t.Context(), "c", func(*event.Connection) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	g.delivered(4)
	if want := []string{"Bearer token-1", "Bearer token-1", "Bearer token-1", "Bearer token-2", "Bearer token-2", "Bearer token-3", "Bearer token-4"}; !slices.Equal(g.got, want) {
		t.Errorf("the endpoint got %q", g.got)
	}
}

func TestHowTokensAreAskedFor(t *testing.T) {
	inBody := strings.Replace(clientCredentials, `"BodyParameters":[`, `"BodyParameters":[{"Key":"client_secret","Value":"body"},`, 1)
	for _, c := range []struct{ parameters, method, form, query, user string }{
		{clientCredentials, "POST", "grant_type=client_credentials&scope=a+b", "q=2&tenant=t", "c%2F1 hu+sh"},
		{strings.Replace(clientCredentials, "POST", "GET", 1), "GET", "", "grant_type=client_credentials&q=2&scope=a+b&tenant=t", "c%2F1 hu+sh"},
		{inBody, "POST", "client_secret=body&grant_type=client_credentials&scope=a+b", "q=2&tenant=t", " "},
	} {
		g := newGuarded(t, c.parameters)
		g.delivered(1)
		r := g.asked[0]
		user, password, _ := r.BasicAuth()
		if r.Method != c.method || r.PostForm.Encode() != c.form || r.URL.RawQuery != c.query || user+" "+password != c.user || r.Header.Get("X-One") != "1" {
			t.Errorf("%s %s %v, form %v", r.Method, r.URL, r.Header, r.PostForm)
		}
	}
}

// Without a token nothing is delivered. It is tried again, and nothing of the answer is told.
func TestAnswersWithoutAToken(t *testing.T) {
	g := newGuarded(t, clientCredentials)
	for says, answer := range map[string]http.HandlerFunc{
		"401 Unauthorized": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "hu sh", http.StatusUnauthorized) },
		"503 Service":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"302 Found":        func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"more than":        func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"access_token": "%0100000d"}`, 1) },
		"another type than Bearer": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"access_token": "x", "token_type": "mac"}`)
		},
		"that has an access_token":  func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"error": "hu sh"}`) },
		"a JSON object":             func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `access_token=hu sh`) },
		"answer with a JSON object": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"access_token": "x\nX-Forged: 1"}`) },
	} {
		g.answer = answer
		err := g.deliver()
		if err == nil || event.IsPermanent(err) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hu sh") {
			t.Errorf("%v, want one that says %q", err, says)
		}
		if len(g.got) > 0 {
			t.Errorf("%s: the endpoint was called", says)
		}
	}
}

// A token that does not say how long it is good is not used for long.
func TestTokensWithoutAnEnd(t *testing.T) {
	g := newGuarded(t, clientCredentials)
	g.answer = func(w http.ResponseWriter, _ *http.Request) {
		g.valid = "x"
		fmt.Fprint(w, `{"access_token": "x"}`)
	}
	g.delivered(1)
	g.now = g.now.Add(time.Minute)
	g.delivered(1)
	g.now = g.now.Add(10 * time.Minute)
	g.delivered(2)
}

func TestTokensAreNotAskedForAtPrivateAddresses(t *testing.T) {
	g := newGuarded(t, clientCredentials)
	strict := event.NewHTTP(g.Events(), true)
	err := strict.Deliver(t.Context(), event.Delivery{Target: g.spec, Input: json.RawMessage(`{}`)})
	if err == nil || !strings.Contains(err.Error(), "forbid-private-addresses") || len(g.asked) > 0 {
		t.Errorf("%v; %d tokens were asked for", err, len(g.asked))
	}
}
