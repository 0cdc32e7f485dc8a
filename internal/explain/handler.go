// Package explain tells why an execution of a pipeline is where it is and what would release it: over HTTP, as JSON, and
// in words, for a terminal. AWS has nothing like it.
package explain

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Prefix is where explanations are: Prefix + PIPELINE explains all that is in flight, the newest execution and the newest
// one that has ended; Prefix + PIPELINE/EXECUTION that one.
const Prefix = "/conveyor/explain/"

// Service is the name requests are signed for.
const Service = "codepipeline"

// Answer is what a request gets.
type Answer struct {
	Explanations []flow.Explanation `json:"explanations"`
}

// Explainer explains. Implemented by *flow.Service.
type Explainer interface {
	Explain(ctx context.Context, name, executionID string) ([]flow.Explanation, error)
	ARN(pipeline string) string
}

// Handler answers signed GET requests below Prefix. Whoever may do GetPipelineState on the pipeline may read them.
type Handler struct {
	Explainer  Explainer
	Verifier   *awsapi.Verifier
	Authorizer awsapi.Authorizer
	Log        *slog.Logger
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := h.answer(r)
	status, body := http.StatusOK, any(answer)
	if err != nil {
		status, body = h.problem(r.Context(), err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that went away is its own affair
}

func (h *Handler) answer(r *http.Request) (Answer, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return Answer{}, &awsapi.Error{Code: "MethodNotAllowed", Message: "Explanations are read with GET.", Status: http.StatusMethodNotAllowed}
	}
	caller, err := h.Verifier.Verify(r, Service, awsapi.HashPayload(nil))
	if err != nil {
		return Answer{}, err
	}
	name, execution, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, Prefix), "/")
	if name == "" || strings.Contains(execution, "/") {
		return Answer{}, awsapi.Errorf("ValidationException", "The path must be %sPIPELINE or %sPIPELINE/EXECUTION.", Prefix, Prefix)
	}
	ctx := awsapi.WithConditions(awsapi.WithCaller(r.Context(), caller), r)
	if err := h.Authorizer.Authorize(ctx, caller, Service+":GetPipelineState", []string{h.Explainer.ARN(name)}); err != nil {
		return Answer{}, err
	}
	list, err := h.Explainer.Explain(ctx, name, execution)
	return Answer{Explanations: list}, err
}

func (h *Handler) problem(ctx context.Context, err error) (int, any) {
	if e, ok := errors.AsType[*pipeline.Error](err); ok {
		return http.StatusBadRequest, awsapi.Problem{Type: string(e.Kind), Message: e.Message}
	}
	status, p, known := awsapi.ProblemOf(err)
	if !known {
		h.Log.ErrorContext(ctx, "explaining failed", "error", err)
	}
	return status, p
}

// URL is where a server explains.
func URL(endpoint, pipelineName, executionID string) (string, error) {
	parts := []string{strings.TrimSuffix(Prefix, "/"), url.PathEscape(pipelineName)}
	if executionID != "" {
		parts = append(parts, url.PathEscape(executionID))
	}
	return url.JoinPath(endpoint, parts...)
}
