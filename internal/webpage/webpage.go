// Package webpage makes the few pages that people open from a message, without the web console: in the language their
// browser asks for, without scripts, and with nothing in them that is not theirs.
package webpage

import (
	_ "embed"
	"html/template"
	"net/http"
	"strings"

	"golang.org/x/text/language"
)

// StylePath is where the pages' style sheet is.
const StylePath = "/conveyor/page.css"

//go:embed page.css
var style []byte

//go:embed layout.html
var layout string

// languages are those the pages are written in; the first is for everybody else.
var languages = language.NewMatcher([]language.Tag{language.English, language.Korean})

// Language is the index of the language of a request: 0 is English, 1 Korean.
func Language(r *http.Request) int {
	_, index := language.MatchStrings(languages, r.Header.Get("Accept-Language"))
	return index
}

// Page is a page in every language.
type Page [2]*template.Template

// MustParse makes a Page of the templates "title" and "body". In them {{t "English" "Korean"}} is a text in the page's
// language.
func MustParse(text string) Page {
	var p Page
	for i := range p {
		translate := func(texts ...string) string { return texts[i] }
		p[i] = template.Must(template.New("page").Funcs(template.FuncMap{"t": translate}).Parse(layout + text))
	}
	return p
}

// Write answers a request with the page.
func (p Page) Write(w http.ResponseWriter, r *http.Request, status int, data any) error {
	var b strings.Builder
	if err := p[Language(r)].Execute(&b, data); err != nil {
		return err
	}
	Protect(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Vary", "Accept-Language")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(b.String())) // a client that went away is its own affair
	return nil
}

// Protect keeps what is answered from being anything but what it is, and its address, which is a secret, from others.
func Protect(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Robots-Tag", "noindex")
}

// Style serves the style sheet.
func Style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "max-age=3600")
	_, _ = w.Write(style)
}
