package webpage_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/webpage"
)

var page = webpage.MustParse(`{{define "title"}}{{t "Hello" "안녕"}}{{end}}{{define "body"}}<p>{{.}}</p>{{end}}`)

func TestThePageSpeaksTheBrowsersLanguage(t *testing.T) {
	for asked, want := range map[string]string{
		"": `lang="en"`, "ko-KR,ko;q=0.9,en;q=0.8": `lang="ko"`, "en-GB,ko;q=0.5": `lang="en"`, "fr-FR,ko;q=0.3": `lang="ko"`,
		"de": `lang="en"`, "\x00;;q=x": `lang="en"`,
	} {
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		r.Header.Set("Accept-Language", asked)
		if err := page.Write(w, r, http.StatusGone, "<script>"); err != nil {
			t.Fatal(err)
		}
		text := w.Body.String()
		if !strings.Contains(text, want) || strings.Contains(text, "<script>") || w.Code != http.StatusGone {
			t.Errorf("%q: %d %s", asked, w.Code, text)
		}
		if one := strings.Contains(text, "Hello") != strings.Contains(text, "안녕"); !one {
			t.Errorf("%q: not one language: %s", asked, text)
		}
		if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Error(policy)
		}
	}
}
