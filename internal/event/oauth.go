package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/conveyor-cd/conveyor/internal/egress"
)

const (
	// longestToken bounds what an authorization endpoint may answer.
	longestToken = 64 << 10
	// tokenLife is how long a token is used that does not say how long it is good.
	tokenLife = 5 * time.Minute
	// tokenMargin is how long before its end a token is not used any more.
	tokenMargin = 10 * time.Second
	// maxTokens bounds the connections whose tokens are kept.
	maxTokens = 4096
)

// oauth is how a connection gets its tokens: the grant client_credentials of RFC 6749.
type oauth struct {
	AuthorizationEndpoint string
	HttpMethod            string
	ClientParameters      struct{ ClientID, ClientSecret string }
	OAuthHttpParameters   *parameters
}

// tokens keeps the tokens of connections in memory until they expire. Its zero value is ready.
type tokens struct {
	mu  sync.Mutex
	all map[string]token // by Connection.version
}

type token struct {
	value string
	until time.Time
}

// version is another after each change of a connection, so that a changed one gets a new token.
func (c Connection) version() string { return c.id + " " + c.Modified.Format(time.RFC3339Nano) }

func (t *tokens) get(key string, now time.Time) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept, ok := t.all[key]
	return kept.value, ok && now.Before(kept.until)
}

func (t *tokens) put(key string, fresh token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil || len(t.all) >= maxTokens {
		t.all = map[string]token{} // of connections changed or deleted long ago, mostly
	}
	t.all[key] = fresh
}

// drop forgets a token that was refused, unless another has taken its place.
func (t *tokens) drop(key, value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all[key].value == value {
		delete(t.all, key)
	}
}

// sendWithToken sends a request with its connection's token. An endpoint that refuses it gets a new one at the next try.
func (h *HTTP) sendWithToken(r *http.Request, auth authorization) error {
	bearer, err := h.bearer(r.Context(), auth)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	status, err := h.send(r)
	switch {
	case err != nil:
		return err
	case status == http.StatusUnauthorized || status == http.StatusProxyAuthRequired:
		h.tokens.drop(auth.version, bearer)
		return fmt.Errorf("the endpoint answered %d to the token of the authorization endpoint", status)
	}
	return verdict(status)
}

// bearer is the token of a connection: one that is kept, or one that is fetched.
func (h *HTTP) bearer(ctx context.Context, auth authorization) (string, error) {
	now := h.now()
	if value, ok := h.tokens.get(auth.version, now); ok {
		return value, nil
	}
	r, err := auth.OAuthParameters.request(ctx)
	if err != nil {
		return "", Permanent(err)
	}
	answer, err := h.client.Do(r)
	if err != nil {
		return "", fmt.Errorf("the authorization endpoint gives no token: %w", egress.Plain(err))
	}
	defer answer.Body.Close()
	fresh, err := readToken(answer, now)
	if err != nil {
		return "", err
	}
	h.tokens.put(auth.version, fresh)
	return fresh.value, nil
}

// request asks for a token. The client proves itself with the header Authorization, which every authorization server has to
// understand; where the connection's body parameters have a client_secret, they do that instead.
func (o *oauth) request(ctx context.Context) (*http.Request, error) {
	var extra parameters
	if o.OAuthHttpParameters != nil {
		extra = *o.OAuthHttpParameters
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	for _, p := range extra.BodyParameters {
		form.Set(p.Key, p.Value)
	}
	address, body, err := o.address(extra, form)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, o.HttpMethod, address, strings.NewReader(body))
	if err != nil {
		return nil, errors.New("the authorization endpoint cannot be asked: its address or method is not valid")
	}
	r.Header.Set("Accept", "application/json")
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, p := range extra.HeaderParameters {
		r.Header.Set(p.Key, p.Value)
	}
	if !form.Has("client_secret") {
		r.SetBasicAuth(url.QueryEscape(o.ClientParameters.ClientID), url.QueryEscape(o.ClientParameters.ClientSecret))
	}
	return r, nil
}

// address is where a token is asked for, and the body to send. A GET has none: the form is in its address.
func (o *oauth) address(extra parameters, form url.Values) (address, body string, err error) {
	u, err := url.Parse(o.AuthorizationEndpoint)
	if err != nil {
		return "", "", errors.New("the authorization endpoint's address cannot be read")
	}
	query := u.Query()
	for _, p := range extra.QueryStringParameters {
		query.Set(p.Key, p.Value)
	}
	if o.HttpMethod == http.MethodGet {
		maps.Copy(query, form)
	} else {
		body = form.Encode()
	}
	u.RawQuery = query.Encode()
	return u.String(), body, nil
}

// readToken reads what an authorization endpoint answers. Nothing of it is quoted: it may hold secrets.
func readToken(answer *http.Response, now time.Time) (token, error) {
	body, err := io.ReadAll(io.LimitReader(answer.Body, longestToken+1))
	if err != nil {
		return token{}, fmt.Errorf("the authorization endpoint's answer ends early: %w", egress.Plain(err))
	}
	if answer.StatusCode != http.StatusOK {
		return token{}, fmt.Errorf("the authorization endpoint answered %d %s instead of a token", answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	var given struct {
		AccessToken string      `json:"access_token"`
		TokenType   string      `json:"token_type"`
		ExpiresIn   json.Number `json:"expires_in"`
	}
	switch err := json.Unmarshal(body, &given); {
	case len(body) > longestToken:
		return token{}, fmt.Errorf("the authorization endpoint answered more than %d bytes", longestToken)
	case err != nil || given.AccessToken == "" || strings.ContainsFunc(given.AccessToken, func(r rune) bool { return r <= ' ' || r > '~' }):
		return token{}, errors.New("the authorization endpoint did not answer with a JSON object that has an access_token")
	case given.TokenType != "" && !strings.EqualFold(given.TokenType, "bearer"):
		return token{}, errors.New("the authorization endpoint gives tokens of another type than Bearer")
	}
	life := tokenLife
	if seconds, err := given.ExpiresIn.Int64(); err == nil {
		life = time.Duration(min(max(seconds, 0), 365*24*3600))*time.Second - tokenMargin
	}
	return token{given.AccessToken, now.Add(life)}, nil
}
