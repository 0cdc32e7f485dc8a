package event

import (
	"errors"
	"net/http"
	"time"
)

// IsPermanent is what tests look at from outside.
var IsPermanent = isPermanent

// Client is what endpoints are called with.
func (h *HTTP) Client() *http.Client { return h.client }

// SetClock has the rates of API destinations follow another clock.
func (h *HTTP) SetClock(now func() time.Time) { h.now = now }

// IsLater tells of an error that nothing was tried, and how long to wait.
func IsLater(err error) (after time.Duration, ok bool) {
	l, ok := errors.AsType[later](err)
	return l.after, ok
}

// Events is where destinations and connections are kept.
func (h *HTTP) Events() *Service { return h.events }
