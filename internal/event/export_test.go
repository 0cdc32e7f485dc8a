package event

import "net/http"

// IsPermanent is what tests look at from outside.
var IsPermanent = isPermanent

// Client is what endpoints are called with.
func (h *HTTP) Client() *http.Client { return h.client }
