// Package workerhost gives builds to workers on other machines, and does for them on the server what their builds may do:
// read sources, store artifacts, write logs. The protocol is that of internal/build/away; AWS has nothing like it.
package workerhost

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/away"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Action is what a caller must be allowed on every label it offers, as arn:aws:codebuild:REGION:ACCOUNT:label/LABEL.
const Action = "codebuild:ConveyorTakeBuild"

// Limits of what workers send.
const (
	maxDocument  = 16 << 20
	maxReport    = 64 << 20 // with as many files, of names as long, as there may be in one
	maxLabels    = 50
	maxLabel     = 64
	takePatience = 20 * time.Second // how long a worker is kept waiting for a build
	takePoll     = 2 * time.Second  // how often it is looked for one beside the news of them
)

// Options are what a Handler is made of.
type Options struct {
	Builds     *build.Service
	Store      store.Store
	Verifier   *awsapi.Verifier
	Authorizer awsapi.Authorizer
	Place      awsapi.Place
	Log        *slog.Logger
}

// Handler answers workers below away.Prefix.
type Handler struct {
	Options
	mu   sync.Mutex
	news chan struct{} // closed, and made anew, when there may be a build to take
}

// New makes a Handler.
func New(o Options) *Handler { return &Handler{Options: o, news: make(chan struct{})} }

// Matches recognises a worker's request.
func Matches(r *http.Request, signed bool) bool {
	if r.URL.Path == away.Take {
		return signed && r.Method == http.MethodPost
	}
	return strings.HasPrefix(r.URL.Path, away.Builds) && strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ")
}

// Watch hears of builds to take until ctx ends.
func (h *Handler) Watch(ctx context.Context) {
	h.Store.Listen(ctx, build.RemoteChannel, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		close(h.news)
		h.news = make(chan struct{})
	})
}

func (h *Handler) heard() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.news
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	var err error
	if r.URL.Path == away.Take {
		err = h.take(w, r)
	} else {
		err = h.errand(w, r)
	}
	if err != nil {
		h.refuse(w, r, err)
	}
}

// take gives the caller a build, after a while if there is none yet.
func (h *Handler) take(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxDocument))
	if err != nil {
		return err
	}
	caller, err := h.Verifier.Verify(r, "codebuild", awsapi.HashPayload(body))
	if err != nil {
		return err
	}
	var asked away.Request
	if err := json.Unmarshal(body, &asked); err != nil || len(asked.Labels) == 0 || len(asked.Labels) > maxLabels {
		return awsapi.Errorf("ValidationException", "A worker must offer 1 to %d labels.", maxLabels)
	}
	var arns []string
	for _, label := range asked.Labels {
		if label == "" || len(label) > maxLabel || strings.ContainsAny(label, ", *?/:") {
			return awsapi.Errorf("ValidationException", "%q cannot be a label.", label)
		}
		arns = append(arns, h.Place.ARN("codebuild", "label/"+label))
	}
	ctx := awsapi.WithConditions(awsapi.WithCaller(r.Context(), caller), r)
	if err := h.Authorizer.Authorize(ctx, caller, Action, arns); err != nil {
		return err
	}
	worker := caller.Arn + " (" + asked.Name + ")"
	if err := h.Builds.Seen(ctx, worker, asked.Labels); err != nil {
		return err
	}
	a, found, err := h.await(ctx, worker, asked.Labels)
	if err != nil {
		return err
	}
	if !found {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return answer(w, a)
}

func (h *Handler) await(ctx context.Context, worker string, labels []string) (build.Assignment, bool, error) {
	end := time.NewTimer(takePatience)
	defer end.Stop()
	for {
		news := h.heard()
		a, found, err := h.Builds.Take(ctx, worker, labels)
		if err != nil || found {
			return a, found, err
		}
		select {
		case <-ctx.Done():
			return a, false, nil
		case <-end.C:
			return a, false, nil
		case <-news:
		case <-time.After(takePoll):
		}
	}
}

func answer(w http.ResponseWriter, body any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(body)
}

// refuse tells a worker what is wrong, in words it can act on.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, p := http.StatusBadRequest, away.Problem{Message: err.Error()}
	failure, unfit := errors.AsType[*build.Failure](err)
	if e, ok := errors.AsType[*awsapi.AuthError](err); ok {
		err = e.JSON()
	}
	known, isKnown := errors.AsType[*awsapi.Error](err)
	invalid, isInvalid := errors.AsType[*build.InvalidError](err)
	switch {
	case errors.Is(err, build.ErrNotLeased):
		status, p.Type = http.StatusConflict, away.NotLeased
	case unfit:
		p = away.Problem{Type: away.Unfit, Message: failure.Message}
	case errors.Is(err, build.ErrNoBucket):
		p.Type = away.NoBucket
	case errors.Is(err, build.ErrNoObject):
		p.Type = away.NoObject
	case errors.Is(err, build.ErrNoSecret):
		p.Type = away.NoSecret
	case errors.Is(err, build.ErrNoRepository):
		p.Type = away.NoRepo
	case errors.Is(err, build.ErrNoReportGroup):
		p.Type = away.NoGroup
	case isInvalid:
		p = away.Problem{Type: "ValidationException", Message: invalid.Message}
	case isKnown:
		p = away.Problem{Type: known.Code, Message: known.Message}
		if known.Status != 0 {
			status = known.Status
		}
	default:
		if r.Context().Err() == nil {
			h.Log.ErrorContext(r.Context(), "a worker's request failed", "path", r.URL.Path, "error", err)
		}
		status, p = http.StatusInternalServerError, away.Problem{
			Type: "InternalFailure", Message: "The server could not answer because of a fault of its own. Its log tells more.",
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(p) // a worker that went away is its own affair
}
