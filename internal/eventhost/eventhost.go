// Package eventhost serves what EventBridge has nothing for: the log of events as a stream of server-sent events, which a
// listener can resume where it left off, and the dead letters, which can be delivered again.
package eventhost

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/event"
)

// The paths. A dead letter is delivered again by a POST to LettersPath/ID/redeliver.
const (
	Path        = "/conveyor/events"
	LettersPath = Path + "/dead-letters"
)

// Service is the name requests are signed for.
const Service = "events"

// What callers must be allowed to do on the default event bus.
const (
	ActionListen     = "events:ConveyorListen"
	ActionLetters    = "events:ConveyorListDeadLetters"
	ActionRedeliver  = "events:ConveyorRedeliver"
	ActionSee        = "codepipeline:GetPipelineState" // on the pipeline of an event
	busResource      = "event-bus/default"
	lettersPerAnswer = 100
)

// Options configure a Handler. Events, Verifier and Authorizer are required.
type Options struct {
	Events     *event.Service
	Verifier   *awsapi.Verifier
	Authorizer awsapi.Authorizer
	Place      awsapi.Place
	// Authenticate, when set, is asked who sends a request that is not signed, such as a browser with a session. ok is
	// false when it does not know.
	Authenticate func(r *http.Request) (id awsapi.Identity, ok bool, err error)
	Log          *slog.Logger
	// Heartbeat is how often an idle stream says that it lives; default 15 s.
	Heartbeat time.Duration
	// MaxListeners is how many may listen at once; default 5000.
	MaxListeners int64
	// MaxAge is how long a stream lasts before its listener must come back and show again who it is; default an hour.
	MaxAge time.Duration
}

// Handler answers below Path.
type Handler struct {
	Options
	listeners atomic.Int64
	closing   chan struct{}
}

// New makes a Handler.
func New(o Options) *Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Heartbeat <= 0 {
		o.Heartbeat = 15 * time.Second
	}
	if o.MaxListeners <= 0 {
		o.MaxListeners = 5000
	}
	if o.MaxAge <= 0 {
		o.MaxAge = time.Hour
	}
	o.Place = o.Place.WithDefaults()
	return &Handler{Options: o, closing: make(chan struct{})}
}

// Close ends all streams, so that the server can stop. Their listeners come back to another server, or after the restart.
func (h *Handler) Close() { close(h.closing) }

// Matches recognises the requests that are for this handler. Those of browsers are not signed; they ask for a stream.
func Matches(r *http.Request, signed bool) bool {
	if r.URL.Path != Path && !strings.HasPrefix(r.URL.Path, Path+"/") {
		return false
	}
	return signed || strings.HasPrefix(r.Header.Get("Accept"), "text/event-stream")
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	err := h.serve(w, r)
	if err == nil {
		return
	}
	status, problem := h.problem(r.Context(), err)
	answer(w, status, problem)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) error {
	id, redeliver := redelivered(r)
	switch {
	case r.URL.Path == Path && r.Method == http.MethodGet:
		return h.stream(w, r)
	case r.URL.Path == LettersPath && r.Method == http.MethodGet:
		return h.letters(w, r)
	case redeliver && r.Method == http.MethodPost:
		return h.redeliver(w, r, id)
	case r.URL.Path == Path || r.URL.Path == LettersPath || redeliver:
		return &awsapi.Error{Code: "MethodNotAllowed", Message: "Events and dead letters are read with GET; dead letters are delivered again with POST.", Status: http.StatusMethodNotAllowed}
	}
	return &awsapi.Error{Code: "NotFound", Message: "There is " + Path + ", " + LettersPath + " and " + LettersPath + "/ID/redeliver.", Status: http.StatusNotFound}
}

// redelivered is the id in LettersPath/ID/redeliver.
func redelivered(r *http.Request) (int64, bool) {
	rest, ok := strings.CutPrefix(r.URL.Path, LettersPath+"/")
	text, isRedeliver := strings.CutSuffix(rest, "/redeliver")
	id, err := strconv.ParseInt(text, 10, 64)
	return id, ok && isRedeliver && err == nil
}

// admit finds out who asks and whether they may.
func (h *Handler) admit(r *http.Request, action string) (awsapi.Identity, error) {
	caller, known, err := awsapi.Identity{}, false, error(nil)
	if h.Authenticate != nil && r.Header.Get("Authorization") == "" && !r.URL.Query().Has("X-Amz-Signature") {
		caller, known, err = h.Authenticate(r)
	}
	if err == nil && !known {
		caller, err = h.Verifier.Verify(r, Service, awsapi.HashPayload(nil))
	}
	if err != nil {
		return caller, err
	}
	ctx := awsapi.WithConditions(awsapi.WithCaller(r.Context(), caller), r)
	return caller, h.Authorizer.Authorize(ctx, caller, action, []string{h.Place.ARN(Service, busResource)})
}

func (h *Handler) letters(w http.ResponseWriter, r *http.Request) error {
	if _, err := h.admit(r, ActionLetters); err != nil {
		return err
	}
	after, err := number(r.URL.Query().Get("after"))
	if err != nil {
		return err
	}
	list, err := h.Events.DeadLetters(r.Context(), after, lettersPerAnswer)
	if err != nil {
		return err
	}
	if list == nil {
		list = []event.DeadLetter{}
	}
	answer(w, http.StatusOK, Letters{list})
	return nil
}

// Letters is what a request for dead letters gets: at most 100, oldest first. ?after=ID asks for those that follow.
type Letters struct {
	DeadLetters []event.DeadLetter `json:"deadLetters"`
}

func (h *Handler) redeliver(w http.ResponseWriter, r *http.Request, id int64) error {
	if _, err := h.admit(r, ActionRedeliver); err != nil {
		return err
	}
	err := h.Events.Redeliver(r.Context(), id)
	switch {
	case errors.Is(err, event.ErrNoLetter):
		return &awsapi.Error{Code: "ResourceNotFoundException", Message: err.Error() + ". It may have been delivered again already.", Status: http.StatusNotFound}
	case errors.Is(err, event.ErrNoTarget):
		return awsapi.Errorf("ValidationException", "%v. Put the target back to deliver to it.", err)
	case err != nil:
		return err
	}
	answer(w, http.StatusOK, struct{}{})
	return nil
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that went away is its own affair
}

func number(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, awsapi.Errorf("ValidationException", "%q is not the id of an event.", text)
	}
	return n, nil
}

func (h *Handler) problem(ctx context.Context, err error) (int, awsapi.Problem) {
	status, p, known := awsapi.ProblemOf(err)
	if !known {
		h.Log.ErrorContext(ctx, "a request about events failed", "error", err)
	}
	return status, p
}
