package function

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"
)

// serve offers Lambda's runtime interface to the program of a sandbox, and to nobody else: only this server's user may
// connect, for an invocation's payload may hold credentials.
func (sb *sandbox) serve() {
	const prefix = "/2018-06-01/runtime/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+prefix+"invocation/next", sb.serveNext)
	mux.HandleFunc("POST "+prefix+"invocation/{id}/response", sb.serveResponse)
	mux.HandleFunc("POST "+prefix+"invocation/{id}/error", sb.serveError)
	mux.HandleFunc("POST "+prefix+"init/error", sb.serveInitError)
	sb.server = &http.Server{Handler: ownUserOnly(mux), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = sb.server.Serve(sb.listener) }() // ends with release
}

// serveNext hands the program its next invocation, however long that takes to come.
func (sb *sandbox) serveNext(w http.ResponseWriter, r *http.Request) {
	sb.mu.Lock()
	sb.current = nil
	sb.mu.Unlock()
	select {
	case <-r.Context().Done():
	case inv := <-sb.next:
		sb.mu.Lock()
		sb.current = inv
		sb.mu.Unlock()
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(sb.timeout()).UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", sb.s.ARN(sb.function.Name))
		h.Set("Lambda-Runtime-Trace-Id", "Root=1-"+strconv.FormatInt(time.Now().Unix(), 16)+"-000000000000000000000000;Sampled=0")
		h.Set("Content-Length", strconv.Itoa(len(inv.payload)))
		_, _ = w.Write(inv.payload) // a program that went away is noticed by its end
	}
}

func (sb *sandbox) serveResponse(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxPayload+1))
	switch {
	case err != nil:
		sb.refuse(w, http.StatusBadRequest, "RuntimeError", err.Error())
	case len(body) > MaxPayload:
		sb.answer(r.PathValue("id"), failure("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (%d bytes).", MaxPayload))
		sb.refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The response is longer than "+strconv.Itoa(MaxPayload)+" bytes.")
	case r.Trailer.Get("Lambda-Runtime-Function-Error-Type") != "": // of a streamed response that failed halfway
		sb.accept(w, r, outcome{payload: body, errorType: r.Trailer.Get("Lambda-Runtime-Function-Error-Type")})
	default:
		sb.accept(w, r, outcome{payload: body})
	}
}

func (sb *sandbox) serveError(w http.ResponseWriter, r *http.Request) {
	if o, ok := sb.readFailure(w, r); ok {
		sb.accept(w, r, o)
	}
}

// serveInitError is how a program says that it cannot start. It is expected to end then.
func (sb *sandbox) serveInitError(w http.ResponseWriter, r *http.Request) {
	o, ok := sb.readFailure(w, r)
	if !ok {
		return
	}
	sb.mu.Lock()
	sb.failed = &o
	sb.mu.Unlock()
	accepted(w)
}

func (sb *sandbox) readFailure(w http.ResponseWriter, r *http.Request) (outcome, bool) {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxEventPayload))
	if err != nil {
		sb.refuse(w, http.StatusBadRequest, "RuntimeError", err.Error())
		return outcome{}, false
	}
	kind := r.Header.Get("Lambda-Runtime-Function-Error-Type")
	var told struct{ ErrorType string }
	if !json.Valid(body) {
		o := failure("Runtime.UnknownReason", "%s", body)
		body = o.payload
	} else if json.Unmarshal(body, &told) == nil && kind == "" {
		kind = told.ErrorType
	}
	if kind == "" {
		kind = "Runtime.UnknownReason"
	}
	return outcome{payload: body, errorType: kind}, true
}

func (sb *sandbox) accept(w http.ResponseWriter, r *http.Request, o outcome) {
	if !sb.answer(r.PathValue("id"), o) {
		sb.refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return
	}
	accepted(w)
}

// answer ends the current invocation; false when it is another one, or has been answered.
func (sb *sandbox) answer(id string, o outcome) bool {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	if sb.current == nil || sb.current.id != id {
		return false
	}
	sb.current.answer <- o // has room: it is answered once
	sb.current = nil
	return true
}

func accepted(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func (sb *sandbox) refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"errorType": kind, "errorMessage": message})
}
