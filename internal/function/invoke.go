package function

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Answer is how an invocation ended.
type Answer struct {
	RequestID string
	Payload   []byte // JSON: what the function answered, or how it failed
	Failed    string // the kind of failure; "" when it went well
	Log       []byte // the last 4 KB the invocation wrote
}

// Problem says how the function failed, for people; "" when it did not.
func (a *Answer) Problem() string {
	if a.Failed == "" {
		return ""
	}
	var told struct{ ErrorMessage string }
	if json.Unmarshal(a.Payload, &told) != nil || told.ErrorMessage == "" {
		return a.Failed
	}
	return a.Failed + ": " + told.ErrorMessage
}

// Invoke calls a function and waits for its answer. That the function failed is an Answer, not an error; ErrNotFound and
// ErrThrottled are.
func (s *Service) Invoke(ctx context.Context, name string, payload []byte) (*Answer, error) {
	return s.invoke(ctx, name, uuid.NewString(), payload)
}

func (s *Service) invoke(ctx context.Context, name, id string, payload []byte) (*Answer, error) {
	f, err := s.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	if err := s.pool.enter(ctx); err != nil {
		return nil, err
	}
	defer s.pool.leave()
	if f.URL() != "" {
		return s.post(ctx, f, id, payload)
	}
	return s.runIn(ctx, f, id, payload)
}

func (s *Service) runIn(ctx context.Context, f *Function, id string, payload []byte) (*Answer, error) {
	began := time.Now()
	sb, cold, err := s.pool.take(ctx, f)
	if err != nil {
		return nil, err
	}
	started := time.Now()
	sb.tail.take()
	out := outputs{sb.log, sb.tail}
	fmt.Fprintf(out, "START RequestId: %s Version: $LATEST\n", id)
	inv := &invocation{id: id, payload: payload, answer: make(chan outcome, 1)}
	o, most, fit := sb.invoke(ctx, inv)
	if o.errorType != "" {
		fmt.Fprintf(out, "%s\n", (&Answer{Payload: o.payload, Failed: o.errorType}).Problem())
	}
	report(out, f, id, time.Since(started), started.Sub(began), cold, most)
	a := &Answer{RequestID: id, Payload: o.payload, Failed: o.errorType, Log: sb.tail.take()}
	s.pool.give(sb, fit)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return a, nil
}

// report ends an invocation's log as AWS does.
func report(out io.Writer, f *Function, id string, took, init time.Duration, cold bool, most int64) {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	line := fmt.Sprintf("END RequestId: %s\nREPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %.0f ms\tMemory Size: %d MB\tMax Memory Used: %d MB",
		id, id, ms(took), ms(took)+0.5, f.Memory, most>>20)
	if cold {
		line += fmt.Sprintf("\tInit Duration: %.2f ms", ms(init))
	}
	fmt.Fprintf(out, "%s\t\n", line)
}

// post calls a function that is a URL. A status other than 2xx means that it failed.
func (s *Service) post(ctx context.Context, f *Function, id string, payload []byte) (*Answer, error) {
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, time.Duration(f.Timeout)*time.Second)
	defer cancel()
	o := s.exchange(limited, f, id, payload)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	a := &Answer{RequestID: id, Payload: o.payload, Failed: o.errorType}
	var log bytes.Buffer
	fmt.Fprintf(&log, "START RequestId: %s Version: $LATEST\n", id)
	if a.Failed != "" {
		fmt.Fprintf(&log, "%s\n", a.Problem())
	}
	report(&log, f, id, time.Since(began), 0, false, 0)
	a.Log = log.Bytes()
	w, err := s.o.Logs.Writer(ctx, f.LogGroup(), time.Now().UTC().Format("2006/01/02/")+"[$LATEST]"+s.o.Account)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(a.Log)
	return a, errors.Join(err, w.Close(ctx))
}

func (s *Service) exchange(ctx context.Context, f *Function, id string, payload []byte) outcome {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.URL(), bytes.NewReader(payload))
	if err != nil {
		return failure("Function.Unreachable", "The %s is malformed", URLVariable)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Lambda-Runtime-Aws-Request-Id", id)
	r.Header.Set("Lambda-Runtime-Invoked-Function-Arn", s.ARN(f.Name))
	response, err := s.client.Do(r)
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return failure("Sandbox.Timedout", "RequestId: %s Error: Task timed out after %d.00 seconds", id, f.Timeout)
		}
		if wrapped := new(url.Error); errors.As(err, &wrapped) { // its text holds the URL, which may hold a password
			err = wrapped.Err
		}
		return failure("Function.Unreachable", "The function's URL could not be reached: %v", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, MaxPayload+1))
	switch {
	case err != nil:
		return failure("Function.Unreachable", "The answer could not be read: %v", err)
	case len(body) > MaxPayload:
		return failure("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (%d bytes).", MaxPayload)
	case response.StatusCode < 200 || response.StatusCode > 299:
		return failure("Function.HTTPStatus", "The function's URL answered with the status %s", response.Status)
	case len(body) == 0:
		body = []byte("null")
	case !json.Valid(body):
		body, _ = json.Marshal(string(body)) // a text always marshals
	}
	return outcome{payload: body}
}

const jobEvent = "function.event"

// event is the payload of an asynchronous invocation's job.
type event struct {
	Function string          `json:"function"`
	Request  string          `json:"request"`
	Payload  json.RawMessage `json:"payload"`
	Failures int             `json:"failures"`
}

// Send calls a function later, once tx has committed: for certain, and again when it fails (Options.Retries). It returns
// the id of the request. The function must be there.
func (s *Service) Send(ctx context.Context, tx store.Tx, name string, payload []byte) (string, error) {
	if _, err := find(ctx, tx, name); err != nil {
		return "", err
	}
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	id := uuid.NewString()
	return id, s.enqueue(ctx, tx, event{Function: name, Request: id, Payload: payload}, 0)
}

// SendEvent is Send in a transaction of its own.
func (s *Service) SendEvent(ctx context.Context, name string, payload []byte) (id string, err error) {
	err = s.store.InTx(ctx, func(tx store.Tx) error {
		id, err = s.Send(ctx, tx, name, payload)
		return err
	})
	return id, err
}

func (s *Service) enqueue(ctx context.Context, tx store.Tx, e event, wait time.Duration) error {
	payload, err := json.Marshal(e)
	if err != nil {
		return err
	}
	job := queue.Job{Kind: jobEvent, Payload: payload, Group: e.Function}
	if wait > 0 {
		job.RunAt = tx.Now().Add(wait)
	}
	_, err = s.o.Jobs.Enqueue(ctx, tx, job)
	return err
}

// deliver carries an asynchronous invocation out.
func (s *Service) deliver(ctx context.Context, job queue.Job) (queue.Completion, error) {
	var e event
	if err := json.Unmarshal(job.Payload, &e); err != nil {
		return nil, queue.Permanent(err)
	}
	a, err := s.invoke(ctx, e.Function, e.Request, e.Payload)
	switch {
	case errors.Is(err, ErrNotFound): // deleted meanwhile
		return nil, nil
	case err != nil:
		return nil, err // the queue tries again
	case a.Failed == "":
		return nil, nil
	case e.Failures >= len(s.o.Retries):
		s.o.Log.Warn("a function failed and is not tried again", "function", e.Function, "requestId", e.Request, "failure", a.Failed)
		return nil, nil
	}
	wait := s.o.Retries[e.Failures]
	e.Failures++
	return func(ctx context.Context, tx store.Tx) error { return s.enqueue(ctx, tx, e, wait) }, nil
}
