package console

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestThePageSaysWhatTheAddressIs(t *testing.T) {
	w := httptest.NewRecorder()
	Handler(`http://127.0.0.1:4566/?<script>`).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	body := w.Body.String()
	if w.Code != http.StatusOK || !strings.Contains(body, "Conveyor is running") || !strings.Contains(body, "http://127.0.0.1:4566/") {
		t.Errorf("status %d: %s", w.Code, body)
	}
	if strings.Contains(body, "<script>") {
		t.Error("the URL was not escaped")
	}
	if got := w.Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
}

func TestOtherPathsAreNotFound(t *testing.T) {
	w := httptest.NewRecorder()
	Handler("http://127.0.0.1:4566").ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/conveyor/nothing", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("status %d", w.Code)
	}
}
