package app

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReadiness(t *testing.T) {
	fine := func(context.Context) error { return nil }
	broken := func(context.Context) error { return errors.New("gone") }
	for name, c := range map[string]struct {
		path, data string
		ready      bool
		ping       func(context.Context) error
		status     int
		says       string
	}{
		"alive while starting":  {path: "/healthz", data: t.TempDir(), ping: broken, status: 200, says: "ok"},
		"starting":              {path: "/readyz", data: t.TempDir(), ping: fine, status: 503, says: "starting or stopping"},
		"ready":                 {path: "/readyz", data: t.TempDir(), ready: true, ping: fine, status: 200, says: "ready"},
		"no database":           {path: "/readyz", data: t.TempDir(), ready: true, ping: broken, status: 503, says: "database"},
		"no room":               {path: "/readyz", data: "/proc", ready: true, ping: fine, status: 503, says: "disk"},
		"no directory any more": {path: "/readyz", data: t.TempDir() + "/gone", ready: true, ping: fine, status: 503, says: "disk"},
	} {
		t.Run(name, func(t *testing.T) {
			h := &health{ping: c.ping, data: c.data}
			h.ready.Store(c.ready)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, c.path, nil))
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
				t.Errorf("%d %s, want %d and %q", w.Code, w.Body, c.status, c.says)
			}
		})
	}
}
