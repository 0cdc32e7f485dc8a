// Package intake reads the bodies that strangers post into memory: none larger than may be, not more at one time than there
// is room for, none slower than anyone has patience for.
package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"
)

// Limits are an Intake's. The zero value has all defaults.
type Limits struct {
	// MaxBody is the size of the largest body, in bytes; default 25 MiB, which is more than the 25 MB GitHub sends at most.
	MaxBody int64
	// MaxInMemory bounds the bodies that are in memory at one time, in bytes; others wait. Default 64 MiB, and at least
	// MaxBody.
	MaxInMemory int64
	// Patience is how long a request may wait for memory, and then its body for the network; default 15 s.
	Patience time.Duration
}

// Intake reads bodies. Many goroutines may use it.
type Intake struct {
	limits Limits
	memory *semaphore.Weighted
}

// New makes an Intake.
func New(l Limits) *Intake {
	if l.MaxBody == 0 {
		l.MaxBody = 25 << 20
	}
	if l.MaxInMemory == 0 {
		l.MaxInMemory = 64 << 20
	}
	if l.Patience == 0 {
		l.Patience = 15 * time.Second
	}
	return &Intake{limits: l, memory: semaphore.NewWeighted(max(l.MaxInMemory, l.MaxBody))}
}

// Refusal is a body that was not read: 413 when it is too large, 503 when there is no room, 400 when it did not arrive.
type Refusal struct {
	Status int
	text   string
}

func (r *Refusal) Error() string { return r.text }

// Hurry bounds how long the rest of a request may take, also a body that nobody reads.
func (i *Intake) Hurry(w http.ResponseWriter) {
	// A connection that cannot have a deadline is a test's.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(i.limits.Patience))
}

// Read reads a body when there is room for it; done gives the room back. An error is a *Refusal.
func (i *Intake) Read(w http.ResponseWriter, r *http.Request) (body []byte, done func(), err error) {
	tooLarge := &Refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", i.limits.MaxBody)}
	size := r.ContentLength
	if size > i.limits.MaxBody {
		return nil, nil, tooLarge
	}
	if size < 0 { // it does not say
		size = i.limits.MaxBody
	}
	ctx, cancel := context.WithTimeout(r.Context(), i.limits.Patience)
	defer cancel()
	if i.memory.Acquire(ctx, size) != nil {
		return nil, nil, &Refusal{http.StatusServiceUnavailable, "too many webhooks are called at once; try again later"}
	}
	done = func() { i.memory.Release(size) }
	i.Hurry(w)
	body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, i.limits.MaxBody))
	if err == nil {
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // it must not outlive the body
		return body, done, nil
	}
	done()
	w.Header().Set("Connection", "close") // rather than wait for the rest
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, nil, tooLarge
	}
	return nil, nil, &Refusal{http.StatusBadRequest, "the body did not arrive whole"}
}
