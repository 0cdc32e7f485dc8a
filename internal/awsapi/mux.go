package awsapi

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/aws/smithy-go"
	"github.com/google/uuid"
)

// DefaultMaxBody is how long a request may be when neither the server nor the operation says otherwise.
const DefaultMaxBody = 6 << 20

// Mux serves APIs of the JSON, CBOR and query protocols on one port.
type Mux struct {
	verifier   *Verifier
	authorizer Authorizer
	log        *slog.Logger
	maxBody    int64
	json       map[string]API      // by target prefix
	query      map[string]QueryAPI // by the name in credential scopes
	rest       map[string]RESTAPI  // by the name in credential scopes
	buffers    sync.Pool           // of *[]byte, for answers
}

// MuxOptions is what a Mux needs.
type MuxOptions struct {
	Verifier *Verifier
	// Authorizer decides what callers other than root may do; without one they may do nothing.
	Authorizer Authorizer
	Log        *slog.Logger
	// MaxBody replaces DefaultMaxBody when it is positive.
	MaxBody int64
}

// NewMux makes a Mux that serves nothing yet.
func NewMux(o MuxOptions) *Mux {
	m := &Mux{verifier: o.Verifier, authorizer: o.Authorizer, log: o.Log, maxBody: o.MaxBody, json: map[string]API{}, query: map[string]QueryAPI{}, rest: map[string]RESTAPI{}}
	if m.authorizer == nil {
		m.authorizer = rootOnly{}
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if m.maxBody <= 0 {
		m.maxBody = DefaultMaxBody
	}
	return m
}

// Add makes the Mux serve APIs of the JSON protocol, and in CBOR. Add everything before serving.
func (m *Mux) Add(apis ...API) {
	for _, a := range apis {
		m.json[a.TargetPrefix] = a
	}
}

// AddQuery makes the Mux serve APIs of the query protocol. Add everything before serving.
func (m *Mux) AddQuery(apis ...QueryAPI) {
	for _, a := range apis {
		m.query[a.scope] = a
	}
}

// Matches reports whether r is in one of the Mux's protocols, so that a server can tell it from S3's requests on the
// same port: it has X-Amz-Target or Smithy-Protocol, it is signed for a REST service, or it is at the root and has a JSON service's body, a form, or an Action in its query.
func (m *Mux) Matches(r *http.Request) bool {
	if r.Header.Get("X-Amz-Target") != "" || isCBOR(r) || m.isREST(r) {
		return true
	}
	return r.URL.Path == "/" && (isJSON(r) || isForm(r) || r.URL.Query().Has("Action"))
}

// call is one request on its way through the Mux.
type call struct {
	*Mux
	w       http.ResponseWriter
	r       *http.Request
	id      string // the request's
	service string
	scope   string // the service's name in signatures
	name    string // the operation's
	caller  Identity
	about   About
	status  int
	size    int
}

// protocol is how answers are written.
type protocol interface {
	refuse(c *call, err smithy.APIError, status int)
	auth(err *AuthError) *Error
}

type requestIDKey struct{}

// RequestID is the id the client was told for the request being served; empty outside one.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// ServeHTTP answers one request of any of the APIs.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := uuid.NewString()
	w.Header().Set("X-Amzn-Requestid", id)
	r = r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id))
	c := &call{Mux: m, w: w, r: r, id: id}
	start := time.Now()
	defer c.logAccess(start)
	if r.Header.Get("X-Amz-Target") != "" || isJSON(r) {
		c.serve(jsonProtocol{}, c.serveJSON)
		return
	}
	if isCBOR(r) {
		c.serve(cborProtocol{}, c.serveCBOR)
		return
	}
	if api, ok := m.restAPI(r); ok {
		c.serve(restProtocol{api.statuses}, c.serveREST)
		return
	}
	c.serve(queryProtocol{}, c.serveQuery)
}

func (c *call) logAccess(start time.Time) {
	c.log.Debug("request", "service", c.service, "operation", c.name, "caller", c.caller.Arn, "status", c.status,
		"bytes", c.size, "duration", time.Since(start), "requestId", c.id)
}

// serve runs f and turns what it returns, or its panic, into an answer.
func (c *call) serve(p protocol, f func() error) {
	defer func() {
		if v := recover(); v != nil {
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
			c.log.Error("operation panicked", "service", c.service, "operation", c.name, "requestId", c.id, "panic", v, "stack", string(debug.Stack()))
			c.refuse(p, internalFailure(c.id))
		}
	}()
	if err := f(); err != nil {
		c.refuse(p, c.exception(p, err))
	}
}

func (c *call) refuse(p protocol, err smithy.APIError) {
	if c.status != 0 {
		return // the answer has begun: nothing can be taken back
	}
	p.refuse(c, err, statusOf(err))
}

func statusOf(err smithy.APIError) int {
	var own *Error
	switch {
	case errors.As(err, &own):
		return own.status()
	case err.ErrorFault() == smithy.FaultServer:
		return http.StatusInternalServerError
	default:
		return http.StatusBadRequest
	}
}

// exception finds what to tell the client: exceptions as they are, and nothing but the request id of anything else.
func (c *call) exception(p protocol, err error) smithy.APIError {
	var refused *AuthError
	if errors.As(err, &refused) {
		return p.auth(refused)
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return api
	}
	if c.r.Context().Err() != nil {
		c.log.Debug("client went away", "service", c.service, "operation", c.name, "requestId", c.id, "error", err)
		return &Error{Code: "RequestCanceledException", Message: "The request was cancelled by its client."}
	}
	c.log.Error("operation failed", "service", c.service, "operation", c.name, "requestId", c.id, "error", err)
	return internalFailure(c.id)
}

func internalFailure(id string) *Error {
	return &Error{
		Code:    "InternalFailure",
		Message: "The server could not process this request because of a fault of its own. Its log tells more under the request id " + id + ".",
		Status:  http.StatusInternalServerError,
	}
}

// write sends an answer, compressed when it is worth it and wanted.
func (c *call) write(status int, contentType string, body []byte) {
	h := c.w.Header()
	h.Set("Content-Type", contentType)
	body = compress(h, c.r, body)
	c.status, c.size = status, len(body)
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // a client that went away is its own affair
}

// largestBuffer bounds what is kept for the next answer.
const largestBuffer = 1 << 20

func (m *Mux) buffer() *[]byte {
	if b, ok := m.buffers.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
}

func (m *Mux) release(b *[]byte) {
	if cap(*b) <= largestBuffer {
		m.buffers.Put(b)
	}
}

// drained is how much of a refused body is read anyway: a client that is still sending would otherwise see a broken
// connection instead of the answer, and try again.
const drained = 64 << 20

// body reads a request's body of at most limit bytes.
func (c *call) body(limit int64) ([]byte, error) {
	tooLong := func() error {
		_, _ = io.CopyN(io.Discard, c.r.Body, drained)
		c.w.Header().Set("Connection", "close")
		return &Error{
			Code:    "RequestEntityTooLargeException",
			Message: "The request body is longer than " + number(float64(limit)) + " bytes, the most " + c.name + " takes.",
			Status:  http.StatusRequestEntityTooLarge,
		}
	}
	if c.r.ContentLength > limit {
		return nil, tooLong()
	}
	body, err := io.ReadAll(io.LimitReader(c.r.Body, limit+1))
	if err != nil {
		return nil, Errorf("IncompleteBodyException", "The request body could not be read to its end: %v", err)
	}
	if int64(len(body)) > limit {
		return nil, tooLong()
	}
	return body, nil
}

// limit is the longest body of an operation.
func (c *call) limit(o Operation) int64 {
	if o.limit > 0 {
		return o.limit // of operations that carry files
	}
	return c.maxBody
}

// screen refuses strangers before their bodies are kept; what they send is read past, as above.
func (c *call) screen() error {
	_, _, err := c.verifier.screen(c.r, c.scope)
	if err != nil {
		_, _ = io.CopyN(io.Discard, c.r.Body, drained)
	}
	return err
}

func (c *call) verify(payload string) error {
	id, err := c.verifier.Verify(c.r, c.scope, payload)
	if err != nil {
		return err
	}
	c.caller = id
	return nil
}

// perform authorises, checks and runs an operation on its decoded input.
func (c *call) perform(o Operation, tree map[string]any, text bool, violation string) (any, error) {
	in := o.newInput()
	if err := bind(tree, in, text); err != nil {
		return nil, err
	}
	ctx := WithConditions(WithCaller(c.r.Context(), c.caller), c.r)
	if err := c.permitted(ctx, in); err != nil {
		return nil, err
	}
	if found := violations(o.facts, tree); len(found) > 0 {
		return nil, &Error{Code: violation, Message: violationText(found)}
	}
	return o.call(ctx, in)
}

func hasMediaType(r *http.Request, types ...string) bool {
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	return has(types, mediaType)
}

func isJSON(r *http.Request) bool {
	return hasMediaType(r, "application/x-amz-json-1.1", "application/x-amz-json-1.0")
}

func isForm(r *http.Request) bool {
	return r.Method == http.MethodPost && hasMediaType(r, "application/x-www-form-urlencoded")
}
