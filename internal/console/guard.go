package console

import (
	"net/http"
	"net/url"
	"strings"
)

// contentSecurityPolicy lets pages use what this server serves and nothing else.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// protect sets the headers of everything the console answers.
func protect(h http.Header) {
	h.Set("Content-Security-Policy", contentSecurityPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// fromHere tells whether one of the console's own pages sent r. A cookie alone does not show that: pages of websites
// below the same host send it, too. What changes something must name its origin, as every browser does; what reads is
// refused when the browser says that another site asks.
func fromHere(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return false
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return r.Header.Get("Origin") == "" || sameOrigin(r)
	}
	return sameOrigin(r)
}

func sameOrigin(r *http.Request) bool {
	origin, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && origin.Host != "" && strings.EqualFold(origin.Host, r.Host)
}
