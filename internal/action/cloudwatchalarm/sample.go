package cloudwatchalarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/alarm"
	"github.com/conveyor-cd/conveyor/internal/egress"
)

const (
	// maxAnswer is how much of an answer is read.
	maxAnswer = 1 << 20
	// maxRedirects is how many redirects a probe follows.
	maxRedirects = 5
)

func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.Fragment == ""
}

func statusProblem(text string) string {
	if n, err := strconv.Atoi(text); err != nil || n < 200 || n > 599 {
		return "an HTTP status from 200 to 599"
	}
	return ""
}

func patternProblem(text string) string {
	if _, err := regexp.Compile(text); err != nil {
		return "a regular expression (RE2): " + err.Error()
	}
	return ""
}

// address is a URL without what may be secret in it: who asks, and the query.
func address(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "an unreadable URL"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// newClient is an HTTP client for strangers: nothing is kept between two samples, and a redirect does not lead from
// https to http or elsewhere.
func newClient(timeout time.Duration, forbidPrivate bool) *http.Client {
	c := egress.NewClient(egress.Options{Timeout: timeout, ForbidPrivate: forbidPrivate, Once: true})
	c.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		expected, _ := r.Context().Value(statusKey{}).(int)
		switch first := via[0]; {
		case expected >= 300 && expected < 400, first.Method != http.MethodGet:
			return http.ErrUseLastResponse
		case r.URL.Scheme != first.URL.Scheme:
			return errors.New("it redirects from " + first.URL.Scheme + " to " + r.URL.Scheme)
		case len(via) > maxRedirects:
			return fmt.Errorf("it redirects more than %d times", maxRedirects)
		}
		return nil
	}
	return c
}

// statusKey is where the redirect policy finds the status a probe expects.
type statusKey struct{}

// sample asks what a watch looks at. An error means that the question was cut short and is asked again later.
func (p *Provider) sample(ctx context.Context, w watch) (sample, error) {
	var s sample
	if w.Prometheus != "" {
		s = p.ask(ctx, w)
	} else {
		s = p.probe(ctx, w)
	}
	if err := context.Cause(ctx); err != nil { // the server stops: that is no news of the alarm
		return sample{}, err
	}
	return s, nil
}

// ask runs a query of Prometheus: a result is an alarm.
func (p *Provider) ask(ctx context.Context, w watch) sample {
	unknown := func(format string, args ...any) sample { return sample{Why: clip(fmt.Sprintf(format, args...))} }
	u, err := url.Parse(w.Prometheus)
	if err != nil {
		return unknown("the URL is unreadable")
	}
	form := url.Values{"query": {w.Query}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.JoinPath("api/v1/query").String(), strings.NewReader(form.Encode()))
	if err != nil {
		return unknown("the URL is unreadable")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	reply, err := p.client.Do(r)
	if err != nil {
		return unknown("%v", egress.Plain(err))
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(io.LimitReader(reply.Body, maxAnswer+1))
	switch {
	case err != nil:
		return unknown("the answer broke off: %v", egress.Plain(err))
	case len(body) > maxAnswer:
		return unknown("the answer is longer than %d bytes; let the query return less, as by count(...) > 0", maxAnswer)
	}
	return promResult(reply.StatusCode, body)
}

// promResult reads an answer of Prometheus.
func promResult(status int, body []byte) sample {
	var answer struct {
		Status string `json:"status"`
		Error  string `json:"error"`
		Data   struct {
			ResultType string            `json:"resultType"`
			Result     []json.RawMessage `json:"result"`
		} `json:"data"`
	}
	err := json.Unmarshal(body, &answer)
	switch {
	case answer.Status == "error" || err == nil && status != http.StatusOK:
		return sample{Why: clip(fmt.Sprintf("Prometheus answered with status %d: %s", status, answer.Error))}
	case err != nil || answer.Status != "success":
		return sample{Why: fmt.Sprintf("the answer, of status %d, is not one of Prometheus's API", status)}
	case answer.Data.ResultType != "vector" && answer.Data.ResultType != "matrix":
		return sample{Why: fmt.Sprintf("the query gives a %s, which is never empty; compare something, as in up == 0", clip(answer.Data.ResultType))}
	case len(answer.Data.Result) == 0:
		return sample{State: alarm.OK}
	}
	return sample{State: alarm.Alarming, Why: fmt.Sprintf("the query returns %d series", len(answer.Data.Result))}
}

// probe gets a URL: whatever is not as expected is an alarm.
func (p *Provider) probe(ctx context.Context, w watch) sample {
	failing := func(format string, args ...any) sample {
		return sample{State: alarm.Alarming, Why: clip(fmt.Sprintf(format, args...))}
	}
	r, err := http.NewRequestWithContext(context.WithValue(ctx, statusKey{}, w.Status), http.MethodGet, w.Probe, nil)
	if err != nil {
		return sample{Why: "the URL is unreadable"}
	}
	pattern, err := regexp.Compile(w.Pattern)
	if err != nil {
		return sample{Why: "the pattern is unreadable"}
	}
	reply, err := p.client.Do(r)
	if err != nil {
		return failing("%v", egress.Plain(err))
	}
	defer reply.Body.Close()
	if got := reply.StatusCode; w.Status == 0 && (got < 200 || got > 299) || w.Status != 0 && got != w.Status {
		return failing("it answered with status %d", got)
	}
	if w.Pattern == "" {
		return sample{State: alarm.OK}
	}
	body, err := io.ReadAll(io.LimitReader(reply.Body, maxAnswer))
	switch {
	case err != nil:
		return failing("its answer broke off: %v", egress.Plain(err))
	case !pattern.Match(body):
		return failing("the first %d bytes of its answer hold no match of %q", maxAnswer, w.Pattern)
	}
	return sample{State: alarm.OK}
}
