package website

import (
	"net/http"
	"strconv"

	"github.com/versity/versitygw/auth"
)

// cors adds the headers that the bucket's CORS configuration grants. It reports whether the request is a preflight that
// was granted.
func (v *visit) cors(doc []byte) bool {
	origin := v.r.Header.Get("Origin")
	if doc == nil || origin == "" {
		return false
	}
	config, err := auth.ParseCORSOutput(doc)
	if err != nil {
		return false
	}
	method := auth.CORSHTTPMethod(v.r.Method)
	var headers []auth.CORSHeader
	if v.r.Method == http.MethodOptions {
		method = auth.CORSHTTPMethod(v.r.Header.Get("Access-Control-Request-Method"))
		if headers, err = auth.ParseCORSHeaders(v.r.Header.Get("Access-Control-Request-Headers")); err != nil {
			return false
		}
	}
	allowed, err := config.IsAllowed(origin, method, headers, "")
	if err != nil {
		return false
	}
	h := v.w.Header()
	for name, value := range map[string]string{
		"Access-Control-Allow-Origin": allowed.Origin, "Access-Control-Allow-Methods": allowed.Methods,
		"Access-Control-Expose-Headers": allowed.ExposedHeaders, "Access-Control-Allow-Headers": allowed.AllowHeaders,
		"Access-Control-Allow-Credentials": allowed.AllowCredentials,
	} {
		if value != "" {
			h.Set(name, value)
		}
	}
	if allowed.MaxAge != nil {
		h.Set("Access-Control-Max-Age", strconv.Itoa(int(*allowed.MaxAge)))
	}
	h.Set("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
	return v.r.Method == http.MethodOptions
}
