package codeconnections

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/vcs"
)

// Prefix is where connections are given credentials, which AWS leaves to its console, and where logins are kept:
//
//	PUT    Prefix + authorizations/ARN   an Authorization: the connection becomes available
//	GET    Prefix                        all connections and what is known of their webhooks
//	GET    Prefix + logins               the names of stored logins
//	PUT    Prefix + logins/NAME          a vcs.Login
//	DELETE Prefix + logins/NAME
//
// Requests are signed for the service codeconnections.
const Prefix = "/conveyor/connections/"

// longestBody bounds an authorization or a login: keys are a few kilobytes.
const longestBody = 256 << 10

// Overview is what GET Prefix answers.
type Overview struct {
	Connections []Shown `json:"connections"`
	Hooks       any     `json:"webhooks"`
	Polls       any     `json:"polls"`
}

// Shown is a connection with its ARN.
type Shown struct {
	ARN string `json:"arn"`
	connection.Connection
}

// Handler answers requests below Prefix.
type Handler struct {
	Store      *connection.Store
	Place      awsapi.Place
	Verifier   *awsapi.Verifier
	Authorizer awsapi.Authorizer
	// Authorized is told of a connection that has become available.
	Authorized func(ctx context.Context, id string) error
	// Watched tells what is known of webhooks at forges, and of sources that are polled.
	Watched func(ctx context.Context) (hooks, polls any, err error)
	Log     *slog.Logger
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := h.answer(r)
	status := http.StatusOK
	if err != nil {
		status, answer = h.problem(r.Context(), err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // a client that went away is its own affair
}

func (h *Handler) answer(r *http.Request) (any, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, longestBody+1))
	if err != nil {
		return nil, invalid("The body did not arrive whole.")
	}
	if len(body) > longestBody {
		return nil, invalid("The body is longer than %d bytes.", longestBody)
	}
	caller, err := h.Verifier.Verify(r, Name, awsapi.HashPayload(body))
	if err != nil {
		return nil, err
	}
	ctx := awsapi.WithConditions(awsapi.WithCaller(r.Context(), caller), r)
	allow := func(action, arn string) error {
		return h.Authorizer.Authorize(ctx, caller, Name+":"+action, []string{arn})
	}
	kind, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, Prefix), "/")
	switch {
	case r.Method == http.MethodPut && kind == "authorizations":
		return h.authorize(ctx, name, body, allow)
	case r.Method == http.MethodGet && kind == "":
		return h.overview(ctx, allow)
	case kind == "logins":
		return h.logins(ctx, r.Method, name, body, allow)
	}
	return nil, &awsapi.Error{Code: "UnknownOperationException", Message: "There is nothing at this path that could be asked so.", Status: http.StatusNotFound}
}

type allowed func(action, arn string) error

// authorize gives a connection credentials. The permission is what AWS asks of whoever finishes a connection in its console.
func (h *Handler) authorize(ctx context.Context, arn string, body []byte, allow allowed) (any, error) {
	if err := allow("UpdateConnectionInstallation", arn); err != nil {
		return nil, err
	}
	id := resourceOf(h.Place, arn, "connection")
	if id == "" {
		return nil, notFound("The connection " + arn)
	}
	var a connection.Authorization
	if err := strict(body, &a); err != nil {
		return nil, err
	}
	c, err := h.Store.Authorize(ctx, id, a)
	if refused, ok := errors.AsType[*connection.RefusedError](err); ok {
		return nil, invalid("%s", refused.Why)
	}
	if err != nil {
		return nil, exception(err, "The connection "+arn)
	}
	if h.Authorized != nil {
		if err := h.Authorized(ctx, id); err != nil {
			return nil, err
		}
	}
	return Shown{arn, c}, nil
}

func (h *Handler) overview(ctx context.Context, allow allowed) (any, error) {
	if err := allow("ListConnections", "*"); err != nil {
		return nil, err
	}
	list, err := h.Store.List(ctx, connection.Query{Limit: 10_000})
	if err != nil {
		return nil, err
	}
	o := Overview{Connections: []Shown{}}
	for _, c := range list {
		o.Connections = append(o.Connections, Shown{h.Place.ARN(c.Service, "connection/"+c.ID), c})
	}
	if h.Watched != nil {
		o.Hooks, o.Polls, err = h.Watched(ctx)
	}
	return o, err
}

// logins lists, puts and deletes logins. Nobody can read a password back.
func (h *Handler) logins(ctx context.Context, method, name string, body []byte, allow allowed) (any, error) {
	action, ok := map[string]string{http.MethodGet: "ConveyorListLogins", http.MethodPut: "ConveyorPutLogin", http.MethodDelete: "ConveyorDeleteLogin"}[method]
	if !ok || (method == http.MethodGet) != (name == "") {
		return nil, &awsapi.Error{Code: "MethodNotAllowed", Message: "Logins are listed with GET, and put and deleted by name.", Status: http.StatusMethodNotAllowed}
	}
	if err := allow(action, h.Place.ARN(Name, "login/"+name)); err != nil {
		return nil, err
	}
	switch method {
	case http.MethodGet:
		list, err := h.Store.Logins(ctx)
		return map[string]any{"logins": list}, err
	case http.MethodDelete:
		return struct{}{}, exception(h.Store.DeleteLogin(ctx, name), "The login "+name)
	}
	var l vcs.Login
	if err := strict(body, &l); err != nil {
		return nil, err
	}
	err := h.Store.PutLogin(ctx, name, l)
	if refused, ok := errors.AsType[*connection.RefusedError](err); ok {
		return nil, invalid("%s", refused.Why)
	}
	return struct{}{}, err
}

// strict reads a body whose members are all known. What it holds is secret and not repeated.
func strict(body []byte, into any) error {
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return invalid("The body is not the JSON that is expected here, or has members that are not known.")
	}
	return nil
}

func (h *Handler) problem(ctx context.Context, err error) (int, any) {
	status, p, known := awsapi.ProblemOf(err)
	if known {
		return status, p
	}
	var api interface {
		ErrorCode() string
		ErrorMessage() string
	}
	if errors.As(err, &api) {
		return http.StatusBadRequest, awsapi.Problem{Type: api.ErrorCode(), Message: api.ErrorMessage()}
	}
	h.Log.ErrorContext(ctx, "a request about connections failed", "error", err)
	return status, p
}
