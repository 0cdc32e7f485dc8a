// Package away lets a worker run builds of a server on another machine: it takes builds, and stands in for the rooms
// that a build needs (objects, repositories, secrets, credentials, logs) by asking the server for them, over HTTP.
//
// A build is taken with a signed request, by whoever may. Everything after that carries the token that came with the
// build, which is good for this build alone and ends with it. Whatever the network loses is sent again: the server takes
// each thing once.
package away

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// Paths and headers of the protocol between workers and servers.
const (
	Prefix     = "/conveyor/workers/"
	Take       = Prefix + "take"
	Builds     = Prefix + "builds/" // + id + "/" + what
	Attributes = "X-Conveyor-Attributes"
	Commit     = "X-Conveyor-Commit"
)

// Request is what a worker asks a server for a build with.
type Request struct {
	Name   string   `json:"name"`
	Labels []string `json:"labels"`
}

// Problem is what a refused request gets.
type Problem struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
}

// Types of problems that are told apart.
const (
	NotLeased = "ConveyorNotLeased"
	NoBucket  = "NoSuchBucket"
	NoObject  = "NoSuchKey"
	NoSecret  = "ConveyorNoSecret"
	NoRepo    = "RepositoryDoesNotExistException"
	NoGroup   = "ConveyorNoReportGroup"
	Unfit     = "ConveyorClientError" // the build's own fault
)

// Client speaks to one server.
type Client struct {
	URL         string
	Region      string
	Credentials aws.Credentials
	HTTP        *http.Client
}

// takePatience is longer than a server keeps a worker waiting for a build.
const takePatience = time.Minute

// Take waits a while for a build; false when there was none.
func (c *Client) Take(ctx context.Context, r Request) (a build.Assignment, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, takePatience)
	defer cancel()
	body, err := json.Marshal(r)
	if err != nil {
		return a, false, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address(Take), bytes.NewReader(body))
	if err != nil {
		return a, false, err
	}
	if err := v4.NewSigner().SignHTTP(ctx, c.Credentials, req, hash(body), "codebuild", c.Region, time.Now()); err != nil {
		return a, false, err
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return a, false, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusNoContent:
		return a, false, nil
	case http.StatusOK:
		return a, true, json.NewDecoder(resp.Body).Decode(&a)
	}
	return a, false, refusal(resp)
}

func (c *Client) address(path string) string { return strings.TrimSuffix(c.URL, "/") + path }

// Refusal is an answer that asking again would not change.
type Refusal struct {
	Status int
	Problem
}

func (r *Refusal) Error() string { return r.Type + ": " + r.Message }

func refusal(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	r := &Refusal{Status: resp.StatusCode}
	if json.Unmarshal(body, &r.Problem) != nil || r.Type == "" {
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	if resp.StatusCode >= http.StatusInternalServerError {
		return errors.New(r.Error()) // perhaps the next try works
	}
	switch r.Type {
	case NotLeased:
		return fmt.Errorf("%w: %w", build.ErrNotLeased, r)
	case NoBucket:
		return fmt.Errorf("%w: %w", build.ErrNoBucket, r)
	case NoObject:
		return fmt.Errorf("%w: %w", build.ErrNoObject, r)
	case NoSecret:
		return fmt.Errorf("%w: %s", build.ErrNoSecret, r.Message)
	case NoRepo:
		return fmt.Errorf("%w: %w", build.ErrNoRepository, r)
	case NoGroup:
		return fmt.Errorf("%w: %w", build.ErrNoReportGroup, r)
	case Unfit:
		return &build.Failure{Code: "CLIENT_ERROR", Message: r.Message}
	}
	return r
}

// Lease is a build that this worker has.
type Lease struct {
	client *Client
	id     string
	token  string
	dir    string // for files of the build
}

// Lease makes the lease of an assignment. dir is the build's own, for what is fetched and stored.
func (c *Client) Lease(a build.Assignment, dir string) *Lease {
	return &Lease{client: c, id: a.ID, token: a.Token, dir: dir}
}

const (
	againPause = 100 * time.Millisecond // before the second try; doubling up to longestPause
	maxPause   = 3 * time.Second
	// patience is how long a server may be out of reach before something that a build waits for fails. The lease ends
	// sooner, and then the server says so.
	patience = 2 * time.Minute
)

// request is what is sent for a build. body, when set, opens its body anew for every try; read, when set, reads the answer.
type request struct {
	method, what string
	query        url.Values
	header       http.Header
	body         func() (io.ReadCloser, error)
	read         func(*http.Response) error
	limit        time.Duration // of one try; 0: none, because what is sent may be large
}

// send sends a request, again and again while the server is out of reach.
func (l *Lease) send(ctx context.Context, q request) error {
	began := time.Now()
	for wait := againPause; ; wait = min(2*wait, maxPause) {
		err := l.once(ctx, q)
		if err == nil || final(err) || ctx.Err() != nil || time.Since(began) > patience {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

// final tells what asking again would not change.
func final(err error) bool {
	_, refused := errors.AsType[*Refusal](err)
	_, failed := errors.AsType[*build.Failure](err)
	return refused || failed || errors.Is(err, build.ErrNoSecret)
}

func (l *Lease) once(ctx context.Context, q request) error {
	if q.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, q.limit)
		defer cancel()
	}
	var content io.ReadCloser
	if q.body != nil {
		var err error
		if content, err = q.body(); err != nil {
			return err
		}
	}
	address := l.client.address(Builds) + l.id + "/" + q.what
	if len(q.query) > 0 {
		address += "?" + q.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, q.method, address, content)
	if err != nil {
		return err
	}
	for name, values := range q.header {
		req.Header[name] = values
	}
	req.Header.Set("Authorization", "Bearer "+l.token)
	resp, err := l.client.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return refusal(resp)
	}
	if q.read == nil {
		return nil
	}
	return q.read(resp)
}

// document is a request with a JSON body, and one for an answer unless out is nil.
func document(what string, in, out any, limit time.Duration) (request, error) {
	text, err := json.Marshal(in)
	q := request{
		method: http.MethodPost, what: what, limit: limit,
		body: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil },
	}
	if out != nil {
		q.read = func(resp *http.Response) error { return json.NewDecoder(resp.Body).Decode(out) }
	}
	return q, err
}

// documentLimit is how long one try of a small request may take; renewLimit that of a heartbeat, which the next one follows.
const (
	documentLimit = 20 * time.Second
	renewLimit    = 5 * time.Second
)

// call posts a document and reads the answer's, unless that is nil.
func (l *Lease) call(ctx context.Context, what string, in, out any) error {
	q, err := document(what, in, out, documentLimit)
	if err != nil {
		return err
	}
	return l.send(ctx, q)
}

// State is what a worker tells of its build; Stop is what it hears.
type (
	State struct {
		Build *types.Build `json:"build"`
	}
	Stop struct {
		Stop bool `json:"stop"`
	}
)

// Renew keeps the build and reports whether it is to be stopped. It is tried once: the next heartbeat is the next try.
func (l *Lease) Renew(ctx context.Context, b *types.Build) (stop bool, err error) {
	var answer Stop
	q, err := document("renew", State{b}, &answer, renewLimit)
	if err == nil {
		err = l.once(ctx, q)
	}
	return answer.Stop, err
}

// Finish reports the end of the build.
func (l *Lease) Finish(ctx context.Context, b *types.Build) error {
	return l.call(ctx, "finish", State{b}, nil)
}

// GiveBack lets another worker have the build.
func (l *Lease) GiveBack(ctx context.Context) error { return l.call(ctx, "give-back", struct{}{}, nil) }
