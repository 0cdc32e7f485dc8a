// Package githost serves the repositories of gitrepo over Git's smart HTTP protocol.
//
// A URL is http://HOST/v1/repos/NAME, with or without .git. The protocol itself is the system's git's; this package
// proves who is there, streams requests and answers, and makes sure that a push is in the journal before git sees it and
// recorded as an event before the client hears that it worked.
package githost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Prefix is where the repositories lie.
const Prefix = gitrepo.URLPrefix

// Push is one ref that was changed.
type Push = gitrepo.Push

// Hook is told of every push event in the transaction that records it; see gitrepo.Store.OnPush.
type Hook = func(ctx context.Context, tx store.Tx, p Push) error

var _ gitrepo.PushHook = Hook(nil)

// Authenticator proves who sent a request. *awsapi.Verifier is one.
type Authenticator interface {
	// VerifyGit checks a user name and password. path is the repository's, as the client sees it; host may carry a port.
	// awsapi.ErrGitCredentials: they are wrong.
	VerifyGit(ctx context.Context, username, password, path, host string) (awsapi.Identity, error)
}

// Options tune a Host. The zero value is ready to use.
type Options struct {
	// Allow, when set, decides whether caller may do action (codecommit:GitPull, codecommit:GitPush) with the
	// repository of that ARN. Its error is shown to the client.
	Allow func(ctx context.Context, caller awsapi.Identity, action, arn string) error
	// Idle is how long a client may let a request rest before it is given up; default 2 minutes.
	Idle time.Duration
	// MaxProcesses bounds the git processes that serve clients at one time; others wait. Default 128.
	MaxProcesses int
	// MaxRequest bounds the body of a fetch, in bytes; default 64 MiB. Packs are bounded by gitrepo.Options.MaxPack.
	MaxRequest int64
	Log        *slog.Logger
}

// Host is the HTTP handler.
type Host struct {
	repos *gitrepo.Store
	auth  Authenticator
	opts  Options
	slots chan struct{}
}

// New makes a Host.
func New(repos *gitrepo.Store, auth Authenticator, o Options) *Host {
	if o.Idle == 0 {
		o.Idle = 2 * time.Minute
	}
	if o.MaxProcesses == 0 {
		o.MaxProcesses = 128
	}
	if o.MaxRequest == 0 {
		o.MaxRequest = 64 << 20
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Host{repos: repos, auth: auth, opts: o, slots: make(chan struct{}, o.MaxProcesses)}
}

// request is one request whose sender and repository are known.
type request struct {
	*http.Request
	repo   gitrepo.Repository
	caller awsapi.Identity
	log    *slog.Logger
}

// The paths below a repository.
const (
	infoRefs    = "/info/refs"
	uploadPack  = "/git-upload-pack"
	receivePack = "/git-receive-pack"
)

// ServeHTTP implements http.Handler for paths below Prefix.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	base, verb := splitPath(r.URL.Path)
	service := verb
	if verb == infoRefs {
		service = "/" + r.URL.Query().Get("service")
	}
	if service != uploadPack && service != receivePack {
		say(w, http.StatusNotFound, "There is nothing here for a browser. Clone it: git clone "+base)
		return
	}
	if want := methodOf(verb); r.Method != want {
		w.Header().Set("Allow", want)
		say(w, http.StatusMethodNotAllowed, "method "+r.Method+" is not allowed here")
		return
	}
	req, ok := h.admit(w, r, base, service)
	if !ok {
		return
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-r.Context().Done():
		return
	}
	// The deadlines that reading and writing move along must not outlive the request.
	rc := http.NewResponseController(w)
	defer func() { _ = errors.Join(rc.SetReadDeadline(time.Time{}), rc.SetWriteDeadline(time.Time{})) }()
	switch verb {
	case infoRefs:
		h.advertise(w, req, strings.TrimPrefix(service, "/git-"))
	case uploadPack:
		h.upload(w, req)
	case receivePack:
		h.receive(w, req)
	}
}

func methodOf(verb string) string {
	if verb == infoRefs {
		return http.MethodGet
	}
	return http.MethodPost
}

// splitPath splits a URL's path into that of the repository and what follows.
func splitPath(path string) (base, verb string) {
	for _, verb := range []string{infoRefs, uploadPack, receivePack} {
		if base, ok := strings.CutSuffix(path, verb); ok {
			return base, verb
		}
	}
	return path, ""
}

// admit finds out who asks for which repository. When it returns false it has answered.
func (h *Host) admit(w http.ResponseWriter, r *http.Request, base, service string) (*request, bool) {
	user, password, ok := r.BasicAuth()
	if !ok {
		challenge(w, "sign in with `aws codecommit credential-helper`, or with an access key id and its secret")
		return nil, false
	}
	caller, err := h.auth.VerifyGit(r.Context(), user, password, base, r.Host)
	if errors.Is(err, awsapi.ErrGitCredentials) {
		challenge(w, err.Error())
		return nil, false
	}
	if err != nil {
		h.broken(w, r, fmt.Errorf("verify credentials: %w", err))
		return nil, false
	}
	name := strings.TrimSuffix(strings.TrimPrefix(strings.TrimRight(base, "/"), Prefix), ".git")
	repo, err := h.find(r.Context(), name)
	if errors.Is(err, gitrepo.ErrNoRepository) {
		say(w, http.StatusNotFound, fmt.Sprintf("repository %q does not exist; create it first: aws codecommit create-repository --repository-name NAME", name))
		return nil, false
	}
	if err != nil {
		h.broken(w, r, err)
		return nil, false
	}
	if err := h.allow(r, caller, service, repo, nil); err != nil {
		say(w, http.StatusForbidden, err.Error())
		return nil, false
	}
	return &request{Request: r, repo: repo, caller: caller, log: h.opts.Log.With("repository", repo.Name, "caller", caller.Arn)}, true
}

// allow asks whether the sender of r may do what service does, under more conditions than those of every request.
func (h *Host) allow(r *http.Request, caller awsapi.Identity, service string, repo gitrepo.Repository, more map[string][]string) error {
	if h.opts.Allow == nil {
		return nil
	}
	action := "codecommit:GitPull"
	if service == receivePack {
		action = "codecommit:GitPush"
	}
	return h.opts.Allow(iam.WithConditions(awsapi.WithConditions(r.Context(), r), more), caller, action, repo.Arn)
}

// find looks a repository up. A name that could not be one's does not exist.
func (h *Host) find(ctx context.Context, name string) (gitrepo.Repository, error) {
	if gitrepo.ValidName(name) != nil {
		return gitrepo.Repository{}, gitrepo.ErrNoRepository
	}
	return h.repos.Get(ctx, name)
}

// challenge makes git ask its credential helper.
func challenge(w http.ResponseWriter, text string) {
	w.Header().Set("WWW-Authenticate", `Basic realm="Conveyor repositories", charset="UTF-8"`)
	say(w, http.StatusUnauthorized, text)
}

// say answers with a text, which git shows as "remote: ...".
func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}

// broken answers a request that failed through no fault of the client's.
func (h *Host) broken(w http.ResponseWriter, r *http.Request, err error) {
	h.opts.Log.Error("git request failed", "path", r.URL.Path, "error", err)
	say(w, http.StatusInternalServerError, "the server failed to serve this request; its log says why")
}
