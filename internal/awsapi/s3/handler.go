// Package s3 serves the S3 protocol over the object store.
//
// The protocol itself (signatures, streaming uploads, XML, conditions) is versitygw's; this package is the storage
// behind it (objects), who may use it (identities), and a front that answers the few sub-resources versitygw leaves
// out: what Terraform reads of every bucket, object ACLs, and tags through S3 Control.
package s3

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/versity/versitygw/s3api/utils"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/website"
)

// Options are what a Handler needs.
type Options struct {
	Store    *objectstore.Store
	Verifier *awsapi.Verifier
	Keys     awsapi.Keys
	Decider  awsapi.Decider // nil: only root may do anything
	Place    awsapi.Place
	// Domains are further host names under which BUCKET.domain addresses a bucket, besides localhost and s3.localhost.
	Domains []string
	// RuntimeDir holds the private directory with the socket; default os.TempDir(). Its path must be short: a socket's is
	// limited to about 100 bytes.
	RuntimeDir string
	Logger     *slog.Logger
	Clock      func() time.Time
}

// Handler serves S3. Mount it without http.ServeMux, which would clean paths that are keys.
type Handler struct {
	store      *objectstore.Store
	verifier   *awsapi.Verifier
	keys       awsapi.Keys
	now        func() time.Time
	authorizer awsapi.Authorizer
	place      awsapi.Place
	hosts      domains
	gateway    *gateway
	stop       context.CancelFunc
	log        *slog.Logger
}

// New starts the server behind the handler; Close stops it.
func New(ctx context.Context, o Options) (*Handler, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.RuntimeDir == "" {
		o.RuntimeDir = os.TempDir()
	}
	place := o.Place.WithDefaults()
	base, stop := context.WithCancel(context.WithoutCancel(ctx))
	h := &Handler{
		store: o.Store, verifier: o.Verifier, keys: o.Keys, now: o.Clock, authorizer: authorizer(o.Decider), place: place,
		hosts: newDomains(place.Region, o.Domains), stop: stop, log: o.Logger,
	}
	be := &objects{store: o.Store, owner: place.Account, base: base, log: o.Logger}
	ids := &identities{base: base, keys: o.Keys, decider: o.Decider, owner: ownerOf(place.Account), now: o.Clock}
	var err error
	if h.gateway, err = startGateway(ctx, be, ids, place.Region, o.RuntimeDir, h.hosts, o.Logger); err != nil {
		stop()
		return nil, err
	}
	return h, nil
}

// Close lets running requests end for some seconds, then stops.
func (h *Handler) Close() error {
	h.gateway.close()
	h.stop()
	return nil
}

const serverName = "AmazonS3"

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if arn, ok := strings.CutPrefix(r.URL.Path, "/v20180820/tags/"); ok {
		h.serveControlTags(w, r, arn)
		return
	}
	at, err := h.hosts.locate(r)
	if err != nil {
		writeError(w, r, &apiError{Code: "InvalidURI", Message: "Couldn't parse the specified URI.", Status: http.StatusBadRequest})
		return
	}
	if at.key != "" && !utils.IsObjectNameValid(at.key) { // the gateway's own rule, whose answer would not say which
		writeError(w, r, refuse(http.StatusBadRequest, "InvalidURI", "Couldn't parse the specified URI: the key %q, read as a path, is not one within the bucket.", at.key))
		return
	}
	if presignedV2(r) {
		again, err := h.resign(r, at)
		if err != nil {
			writeError(w, r, h.asAPIError(r, at, err))
			return
		}
		r = again
	}
	if serve := h.ownResource(r, at); serve != nil {
		serve(w, r, at)
		return
	}
	if !bound(w, r, at) {
		writeError(w, r, tooLong())
		return
	}
	h.gateway.serve(w, r, h.publicRead(r, at))
}

// ownResource finds the handler of a request the front answers itself.
func (h *Handler) ownResource(r *http.Request, at address) func(http.ResponseWriter, *http.Request, address) {
	if at.bucket == "" || r.URL.RawQuery == "" {
		return nil
	}
	q := r.URL.Query()
	if at.key != "" {
		if q.Has("acl") && (r.Method == http.MethodGet || r.Method == http.MethodPut) {
			return h.serveObjectACL
		}
		return nil
	}
	for name, s := range subresources {
		if q.Has(name) && r.Method != http.MethodOptions {
			return func(w http.ResponseWriter, r *http.Request, at address) { h.serveSubresource(w, r, at, s) }
		}
	}
	return nil
}

// anonymous tells whether a request carries no signature at all.
func anonymous(r *http.Request) bool {
	if r.Header.Get("Authorization") != "" {
		return false
	}
	q := r.URL.Query()
	return !q.Has("X-Amz-Algorithm") && !q.Has("X-Amz-Credential") && !q.Has("AWSAccessKeyId")
}

// publicRead tells whether r reads an object that everybody may read, so that the gateway need not ask. When in doubt
// it does not, and the gateway decides.
func (h *Handler) publicRead(r *http.Request, at address) bool {
	if at.key == "" || r.Method != http.MethodGet && r.Method != http.MethodHead || !anonymous(r) {
		return false
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return false // the gateway may read it otherwise
	}
	for name := range q {
		if name != "x-id" && name != "partNumber" {
			return false // other versions, other resources and changed headers are not for everybody
		}
	}
	rules, err := website.LoadRules(r.Context(), h.store, at.bucket)
	if err != nil {
		return false
	}
	o, err := h.store.Head(r.Context(), at.bucket, at.key, "")
	return err == nil && rules.MayRead(o, website.Conditions(r))
}

func authorizer(d awsapi.Decider) awsapi.Authorizer {
	if d == nil {
		return rootOnly{}
	}
	return awsapi.NewAuthorizer(d)
}

// rootOnly is the authorizer of a server without policies.
type rootOnly struct{}

// Authorize implements awsapi.Authorizer.
func (rootOnly) Authorize(_ context.Context, id awsapi.Identity, action string, _ []string) error {
	if id.Root {
		return nil
	}
	return refuse(http.StatusForbidden, "AccessDenied", "User: %s is not authorized to perform: %s", id.Arn, action)
}
