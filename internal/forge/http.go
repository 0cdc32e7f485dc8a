package forge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// longestAnswer bounds what is read of a forge's answer.
const longestAnswer = 8 << 20

// api asks one forge.
type api struct {
	client *http.Client
	now    func() time.Time
	who    Kind
	base   string // of the API
	sign   func(ctx context.Context, r *http.Request) error
	accept string
	extra  map[string]string
}

// newClient never carries credentials to another host: it follows redirects within one host only.
func newClient(o Options) *http.Client {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	return &http.Client{
		Transport: o.Transport, Timeout: o.Timeout,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if first := via[0]; r.URL.Host != first.URL.Host || r.URL.Scheme != first.URL.Scheme || len(via) > 5 {
				return errors.New("it redirects to another host, which is not followed")
			}
			return nil
		},
	}
}

// answerError is an answer that is no success.
type answerError struct {
	status int
	said   string
	kind   error
}

func (e *answerError) Error() string {
	text := fmt.Sprintf("%d %s", e.status, http.StatusText(e.status))
	if e.said != "" {
		text += ": " + e.said
	}
	return text
}

func (e *answerError) Unwrap() error { return e.kind }

// statusIs tells whether an error is an answer of one of these statuses.
func statusIs(err error, statuses ...int) bool {
	a, ok := errors.AsType[*answerError](err)
	if !ok {
		return false
	}
	for _, s := range statuses {
		if a.status == s {
			return true
		}
	}
	return false
}

func kindOf(status int) error {
	switch {
	case status == http.StatusNotFound || status == http.StatusGone:
		return ErrNotFound
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return ErrDenied
	case status == http.StatusTooManyRequests || status >= 500:
		return ErrUnavailable
	}
	return nil
}

// do sends in, unless it is nil, as JSON to a path of the API and reads the answer into out, unless that is nil.
func (a *api) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, a.base+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("User-Agent", "conveyor")
	r.Header.Set("Accept", "application/json")
	if a.accept != "" {
		r.Header.Set("Accept", a.accept)
	}
	for k, v := range a.extra {
		r.Header.Set(k, v)
	}
	if a.sign != nil {
		if err := a.sign(ctx, r); err != nil {
			return err
		}
	}
	if err := a.send(r, out); err != nil {
		return fmt.Errorf("%s %s at %s: %w", method, path, a.who, err)
	}
	return nil
}

func (a *api) send(r *http.Request, out any) error {
	resp, err := a.client.Do(r)
	if err != nil {
		if r.Context().Err() != nil {
			return context.Cause(r.Context())
		}
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, longestAnswer))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		kind := kindOf(resp.StatusCode)
		// GitHub says 403 when one asks too often.
		if errors.Is(kind, ErrDenied) && (resp.Header.Get("Retry-After") != "" || resp.Header.Get("X-Ratelimit-Remaining") == "0") {
			kind = ErrUnavailable
		}
		return &answerError{resp.StatusCode, said(text), kind}
	}
	if out == nil {
		return nil
	}
	if s, ok := out.(*string); ok {
		*s = string(text)
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("its answer is not what its API promises: %w", err)
	}
	return nil
}

// said is what a refusal says, in the words of any of the forges.
func said(body []byte) string {
	var m struct {
		Message json.RawMessage `json:"message"`
		Error   json.RawMessage `json:"error"`
		Errors  []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	text := ""
	if json.Unmarshal(body, &m) == nil {
		var inner struct {
			Message string `json:"message"`
		}
		switch {
		case len(m.Errors) > 0 && m.Errors[0].Message != "":
			text = m.Errors[0].Message
		case json.Unmarshal(m.Error, &inner) == nil && inner.Message != "":
			text = inner.Message
		case len(m.Message) > 0:
			text = plain(m.Message)
		default:
			text = plain(m.Error)
		}
	}
	return cut(strings.Join(strings.Fields(text), " "), 300)
}

// plain is a JSON string without its quotes, and any other document as it is.
func plain(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// cut is at most n bytes of s, without a broken character at the end.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// bearer signs with a token; user and token, when there is a user.
func bearer(c Credentials, scheme string) func(context.Context, *http.Request) error {
	return func(_ context.Context, r *http.Request) error {
		if c.User != "" {
			r.SetBasicAuth(c.User, c.Token)
			return nil
		}
		r.Header.Set("Authorization", scheme+" "+c.Token)
		return nil
	}
}

// gone takes an error that says that nothing is there for success.
func gone(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// loginAs is the login of credentials, with the user that a forge wants beside a token that has none.
func loginAs(c Credentials, user string) Login {
	if c.User != "" {
		user = c.User
	}
	return Login{user, c.Token}
}
