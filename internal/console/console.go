// Package console answers a person's browser. Until the web console is here it says what this address is and how to use
// it; it shows nothing that needs signing in.
package console

import (
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed welcome.html
var welcomeText string

// Handler serves the page for a server that clients reach at publicURL.
func Handler(publicURL string) http.Handler {
	page := template.Must(template.New("welcome").Parse(welcomeText))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		_ = page.Execute(w, publicURL) // the client has gone if this fails
	})
}
