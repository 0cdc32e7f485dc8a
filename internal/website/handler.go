// Package website serves buckets as static websites, the way S3's website endpoints do.
//
// Nothing is cached between requests: each one reads the bucket's configuration and the object's metadata, so the first
// request after a publish has committed shows the new page. Bodies are immutable files, which the kernel sends.
package website

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/objectstore"
)

// Options are the optional parts of a Handler.
type Options struct {
	Region string // default us-east-1; website hosts that name another region are refused
	// Hosts are the server's own host names, which are no website's, whatever buckets are called.
	Hosts  []string
	Logger *slog.Logger
}

// Handler serves websites. Mount it without http.ServeMux, which would clean paths that are keys.
type Handler struct {
	store  *objectstore.Store
	region string
	hosts  []string
	log    *slog.Logger
}

// New makes a Handler of all buckets in s.
func New(s *objectstore.Store, o Options) *Handler {
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Handler{store: s, region: o.Region, hosts: o.Hosts, log: o.Logger}
}

// Wants tells whether a request is for a website: by its path, by a website host, or by a host that is the name of a
// bucket with a website configuration (the last costs a look-up, only for hosts with a dot that are not an address).
func (h *Handler) Wants(r *http.Request) bool {
	if strings.HasPrefix(r.URL.Path, Prefix) {
		return true
	}
	if _, ok := Match(r.Host); ok {
		return true
	}
	return h.bound(r.Context(), bare(r.Host))
}

// bound tells whether host is the name of a bucket that is a website.
func (h *Handler) bound(ctx context.Context, host string) bool {
	if !strings.Contains(host, ".") || slices.Contains(h.hosts, host) || objectstore.CheckBucketName(host) != nil {
		return false
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	_, err := h.store.Document(ctx, host, objectstore.Website)
	return err == nil
}

// ServeHTTP serves the website that the request's path or host names.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rest, ok := strings.CutPrefix(r.URL.Path, Prefix); ok {
		bucket, _, slash := strings.Cut(rest, "/")
		if !slash { // links relative to the first page need the slash
			http.Redirect(w, r, Prefix+url.PathEscape(bucket)+"/", http.StatusMovedPermanently)
			return
		}
		h.serve(w, r, site{bucket: bucket, base: Prefix + bucket})
		return
	}
	bucket, in, ok := split(r.Host)
	switch {
	case !ok:
		h.serve(w, r, site{bucket: bare(r.Host)})
	case bucket == "":
		w.Header().Set("Location", "https://aws.amazon.com/s3/")
		setIDs(w.Header())
		w.WriteHeader(http.StatusMovedPermanently)
	case in != "" && in != h.region:
		wrongRegion(bucket+marker+"-"+h.region).page(w, r, setIDs(w.Header()), nil)
	default:
		h.serve(w, r, site{bucket: bucket})
	}
}

// site is the website a request is for; base is what precedes keys in its URLs' paths, without the final slash.
type site struct {
	bucket, base string
}

// visit is one request to a website.
type visit struct {
	*Handler
	site
	w      http.ResponseWriter
	r      *http.Request
	key    string // as requested
	config configuration
	rules  Rules
	ids    ids
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, s site) {
	v := &visit{Handler: h, site: s, w: w, r: r, ids: setIDs(w.Header())}
	v.key = strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, s.base), "/")
	docs, err := h.store.Documents(r.Context(), s.bucket, append([]string{objectstore.Website, objectstore.CORS}, ruleKinds...)...)
	switch {
	case errors.Is(err, objectstore.ErrNoSuchBucket):
		v.fail(noSuchBucket(s.bucket))
		return
	case err != nil:
		v.broken("read the bucket", err)
		return
	}
	preflight := v.cors(docs[objectstore.CORS])
	switch {
	case r.Method == http.MethodOptions && preflight:
		w.WriteHeader(http.StatusOK)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		v.fail(methodNotAllowed(r.Method))
		return
	case docs[objectstore.Website] == nil:
		v.fail(noConfiguration(s.bucket))
		return
	}
	if v.config, err = parseConfiguration(docs[objectstore.Website]); err != nil {
		v.broken("read the website configuration", err)
		return
	}
	v.rules = rulesOf(docs)
	v.answer()
}

func (v *visit) broken(what string, err error) {
	if v.r.Context().Err() != nil {
		return
	}
	v.log.ErrorContext(v.r.Context(), "a website request failed", "bucket", v.bucket, "key", v.key, "while", what, "error", err)
	v.fail(internalError())
}

func (v *visit) fail(f *failure) { f.page(v.w, v.r, v.ids, nil) }

// answer is the algorithm of the website endpoint, in its order.
func (v *visit) answer() {
	if all := v.config.RedirectAll; all != nil {
		v.redirect(http.StatusMovedPermanently, v.absolute(all.Protocol, all.HostName, v.key, true))
		return
	}
	if r := v.config.before(v.key); r != nil {
		v.follow(r)
		return
	}
	key := v.key
	if key == "" || strings.HasSuffix(key, "/") {
		key += v.config.suffix()
	}
	f := v.object(key)
	if f == nil {
		return
	}
	if f.status == http.StatusNotFound && v.key != "" && !strings.HasSuffix(v.key, "/") && v.exists(v.key+"/"+v.config.suffix()) {
		v.redirect(http.StatusFound, v.path(v.key+"/"))
		return
	}
	if f.status < 500 {
		if r := v.config.after(v.key, f.status); r != nil {
			v.follow(r)
			return
		}
	}
	v.errorDocument(f)
}

// object answers with an object, or returns why it cannot.
func (v *visit) object(key string) *failure {
	body, f := v.open(key)
	if f != nil {
		return f
	}
	defer body.Body.Close()
	if to := body.WebsiteRedirect; to != "" {
		v.redirectObject(to)
		return nil
	}
	objectHeaders(v.w.Header(), body.Object)
	if body.ContentEncoding != "" && plain(v.r) {
		// ServeContent leaves the length of encoded bodies out, for it cannot know that they are stored that way.
		v.w.Header().Set("Content-Length", strconv.FormatInt(body.Size, 10))
	}
	http.ServeContent(v.w, v.r, "", body.LastModified, body.Body)
	return nil
}

// plain tells whether a request asks for the whole body without conditions.
func plain(r *http.Request) bool {
	for _, h := range []string{"Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	return true
}

// open opens an object that everybody may read.
func (v *visit) open(key string) (*objectstore.Reader, *failure) {
	if objectstore.CheckKey(key) != nil {
		return nil, noSuchKey(key)
	}
	body, err := v.store.Get(v.r.Context(), v.bucket, key, "")
	switch {
	case errors.Is(err, objectstore.ErrNoSuchKey):
		return nil, noSuchKey(key)
	case errors.Is(err, objectstore.ErrNoSuchBucket):
		return nil, noSuchBucket(v.bucket)
	case err != nil:
		if v.r.Context().Err() == nil {
			v.log.ErrorContext(v.r.Context(), "a website request failed", "bucket", v.bucket, "key", key, "error", err)
		}
		return nil, internalError()
	}
	if !v.rules.MayRead(body.Object, Conditions(v.r)) {
		_ = body.Body.Close()
		return nil, accessDenied()
	}
	return body, nil
}

func (v *visit) exists(key string) bool {
	if objectstore.CheckKey(key) != nil {
		return false
	}
	_, err := v.store.Head(v.r.Context(), v.bucket, key, "")
	return err == nil
}

// errorDocument shows the bucket's error document with the status of the error, or else the plain page.
func (v *visit) errorDocument(f *failure) {
	if v.config.Error == nil || v.config.Error.Key == "" || f.status < 400 || f.status >= 500 {
		v.fail(f)
		return
	}
	body, why := v.open(v.config.Error.Key)
	if why != nil {
		f.page(v.w, v.r, v.ids, why)
		return
	}
	defer body.Body.Close()
	if to := body.WebsiteRedirect; to != "" {
		v.redirectObject(to)
		return
	}
	objectHeaders(v.w.Header(), body.Object)
	f.headers(v.w.Header())
	v.w.Header().Set("Content-Length", strconv.FormatInt(body.Size, 10))
	v.w.WriteHeader(f.status)
	if v.r.Method != http.MethodHead {
		_, _ = io.Copy(v.w, body.Body)
	}
}

func (v *visit) redirect(status int, location string) {
	v.w.Header().Set("Location", location)
	v.w.Header().Set("Content-Length", "0")
	v.w.WriteHeader(status)
}

// redirectObject follows x-amz-website-redirect-location.
func (v *visit) redirectObject(to string) {
	to = headerText(to)
	if strings.HasPrefix(to, "/") {
		to = v.base + to
	}
	v.redirect(http.StatusMovedPermanently, to)
}

// follow obeys a routing rule.
func (v *visit) follow(r *rule) {
	v.redirect(r.status(), v.absolute(r.Redirect.Protocol, r.Redirect.HostName, r.target(v.key), false))
}

// path is the path of a key on this site.
func (v *visit) path(key string) string {
	return (&url.URL{Path: v.base + "/" + key}).EscapedPath()
}

// absolute is the URL of a key on this site, or on another host.
func (v *visit) absolute(protocol, host, key string, query bool) string {
	u := url.URL{Scheme: protocol, Host: host, Path: "/" + key}
	if protocol == "" {
		u.Scheme = "http"
		if v.r.TLS != nil {
			u.Scheme = "https"
		}
	}
	if host == "" {
		u.Host, u.Path = v.r.Host, v.base+"/"+key
	}
	if query {
		u.RawQuery = v.r.URL.RawQuery
	}
	return u.String()
}
