package app

import (
	"net/http"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/approvallink"
	"github.com/conveyor-cd/conveyor/internal/awsapi/codeconnections"
	"github.com/conveyor-cd/conveyor/internal/build/remote"
	"github.com/conveyor-cd/conveyor/internal/console"
	"github.com/conveyor-cd/conveyor/internal/eventhost"
	"github.com/conveyor-cd/conveyor/internal/explain"
	"github.com/conveyor-cd/conveyor/internal/forgehost"
	"github.com/conveyor-cd/conveyor/internal/githost"
	"github.com/conveyor-cd/conveyor/internal/hookhost"
	"github.com/conveyor-cd/conveyor/internal/shellhost"
	"github.com/conveyor-cd/conveyor/internal/topichost"
	"github.com/conveyor-cd/conveyor/internal/webpage"
	"github.com/conveyor-cd/conveyor/internal/website"
	"github.com/conveyor-cd/conveyor/internal/workerhost"
)

// front shares the one public port among everything that is served. Requests are told apart by what each kind of client
// cannot help sending: a target header, a form, a repository path, a website's host.
type front struct {
	health      http.Handler             // /healthz, /readyz
	explain     http.Handler             // below explain.Prefix
	events      http.Handler             // eventhost.Path and below
	api         http.Handler             // X-Amz-Target, and Action=... for IAM and STS
	isAPI       func(*http.Request) bool // whether the request is in a protocol of api
	git         http.Handler             // /v1/repos/
	webhooks    http.Handler             // below hookhost.Prefix
	forges      http.Handler             // what forges post, below forgehost.Prefix
	buildHooks  http.Handler             // what forges post that starts builds, below remote.Prefix
	connections http.Handler             // below codeconnections.Prefix
	workers     http.Handler             // see workerhost.Matches
	shells      http.Handler             // below shellhost.Prefix
	topics      http.Handler             // see topichost.Wants
	approvals   http.Handler             // below approvallink.Prefix
	websites    http.Handler             // by host, or below website.Prefix
	isWebsite   func(*http.Request) bool // whether the request is for a website
	console     http.Handler             // a person's browser
	s3          http.Handler             // everything else
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.pick(r).ServeHTTP(w, r)
}

// sandboxed keeps what others have put here from acting as a page of the console, which has the same origin. A website
// with a host of its own has an origin of its own and needs no fence.
func sandboxed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, own := website.Match(r.Host); r.Method == http.MethodGet && !own && r.Header.Get("Authorization") == "" {
			w.Header().Set("Content-Security-Policy", "sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads")
		}
		h.ServeHTTP(w, r)
	})
}

func (f *front) pick(r *http.Request) http.Handler {
	path := r.URL.Path
	switch {
	case console.IsConsole(r) && (!isClient(r) || console.IsSigned(r)) && !f.isWebsite(r):
		return f.console
	case r.Header.Get("X-Amz-Target") != "":
		return f.api
	case isHealth(r):
		return f.health
	case strings.HasPrefix(path, explain.Prefix) && isClient(r):
		return f.explain
	case strings.HasPrefix(path, codeconnections.Prefix) && isClient(r):
		return f.connections
	case eventhost.Matches(r, isClient(r)):
		return f.events
	case workerhost.Matches(r, isClient(r)):
		return f.workers
	case strings.HasPrefix(path, shellhost.Prefix) && isClient(r):
		return f.shells
	case isWebhook(r):
		return f.webhooks
	case r.Method == http.MethodPost && strings.HasPrefix(path, forgehost.Prefix) && !isClient(r):
		return f.forges
	case r.Method == http.MethodPost && strings.HasPrefix(path, remote.Prefix) && !isClient(r):
		return f.buildHooks
	case topichost.Wants(r, isSigned(r)):
		return f.topics
	case strings.HasPrefix(path, approvallink.Prefix) && !isClient(r):
		return f.approvals
	case path == webpage.StylePath && r.Method == http.MethodGet && !isClient(r):
		return http.HandlerFunc(webpage.Style)
	case f.isWebsite(r) && !(isSigned(r) && strings.HasPrefix(path, website.Prefix)) && !isClient(r):
		return f.websites
	case strings.HasPrefix(path, "/v1/repos/"):
		return f.git
	case f.isAPI(r):
		return f.api
	case isBrowser(r):
		return f.console
	default:
		return f.s3
	}
}

// isHealth recognises a probe. A signed request for the same path, or one that is no GET, is for a bucket of that name.
func isHealth(r *http.Request) bool {
	return (r.URL.Path == "/healthz" || r.URL.Path == "/readyz") &&
		(r.Method == http.MethodGet || r.Method == http.MethodHead) && !isSigned(r)
}

// isWebhook recognises what is posted to a webhook, whatever else it carries, at any host: no website takes a POST. A
// request with AWS's signature is for an object of a bucket named conveyor.
func isWebhook(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, hookhost.Prefix) && !isClient(r)
}

// isSigned tells whether a request carries a signature, in its header or as a presigned URL.
func isSigned(r *http.Request) bool {
	q := r.URL.Query()
	return r.Header.Get("Authorization") != "" || q.Has("X-Amz-Signature") || q.Has("Signature")
}

// isClient recognises what no visitor of a website sends: a signature of AWS's, or git's protocol. Whoever may make a
// bucket may give it the name of this server's host and make it a website; that must not keep clients from the server.
func isClient(r *http.Request) bool {
	path, q := r.URL.Path, r.URL.Query()
	if strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") || q.Has("X-Amz-Signature") || q.Has("AWSAccessKeyId") {
		return true
	}
	return strings.HasPrefix(path, githost.Prefix) && (strings.HasPrefix(q.Get("service"), "git-") ||
		strings.HasSuffix(path, "/git-upload-pack") || strings.HasSuffix(path, "/git-receive-pack"))
}

// isBrowser recognises a person who opened the address: an unsigned GET of the root or of the console's paths that
// prefers HTML, or of what its pages consist of. S3 clients never ask for HTML and always sign a listing of buckets.
func isBrowser(r *http.Request) bool {
	if r.Method != http.MethodGet || isSigned(r) {
		return false
	}
	if strings.HasPrefix(r.URL.Path, console.Pages+"assets/") || r.URL.Path == console.Pages+"logo.svg" || r.URL.Path == console.Pages+"licences.txt" {
		return true
	}
	return (r.URL.Path == "/" || strings.HasPrefix(r.URL.Path, console.Pages)) && strings.Contains(r.Header.Get("Accept"), "text/html")
}
