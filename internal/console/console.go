// Package console answers a person's browser: it serves the pages of web/, keeps people signed in, and hands what they
// ask to the AWS services.
//
// The console has no powers of its own. A request with a session's cookie is signed with the access key of whoever
// signed in and passed on; the services verify and authorise it like every other. The cookie is valid below Prefix only,
// so that it never reaches websites, buckets or repositories, which share the port.
package console

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/logstore"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Prefix is where the console's pages talk to the server.
const Prefix = "/conveyor/console/"

// Pages is where the console's pages are.
const Pages = "/conveyor/"

// Pipelines is what the console asks of flow. Implemented by *flow.Service.
type Pipelines interface {
	Heads(ctx context.Context, sought string) ([]flow.Head, error)
	Summaries(ctx context.Context, names []string, recent int) (map[string]*flow.Summary, error)
	CheckPipeline(ctx context.Context, d pipeline.Definition) error
	ARN(pipeline string) string
}

// Logs is what the console asks of the log store. Implemented by *logstore.Store.
type Logs interface {
	Watch(group, stream string) (changed <-chan struct{}, stop func())
	Get(ctx context.Context, group, stream string, o logstore.GetOptions) (logstore.Page, error)
}

// Options are what a console stands on. All are required.
type Options struct {
	Store      store.Store
	Keys       Keys
	Verifier   *awsapi.Verifier
	Authorizer awsapi.Authorizer
	Pipelines  Pipelines
	Events     Events
	Logs       Logs
	// Repositories are the hosted ones.
	Repositories Repositories
	// API, Explain (below ExplainAt) and S3 take signed requests.
	API, Explain, S3 http.Handler
	ExplainAt        string
	Place            awsapi.Place
	PublicURL        string
	Log              *slog.Logger
}

// Handler serves the console.
type Handler struct {
	Options
	sessions sessions
	assets   assets
	mux      *http.ServeMux
	closing  chan struct{}
}

// New makes a console.
func New(o Options) (*Handler, error) {
	h := &Handler{Options: o, sessions: sessions{o.Store, o.Keys}, mux: http.NewServeMux(), closing: make(chan struct{})}
	var err error
	if h.assets, err = openAssets(o.PublicURL); err != nil {
		return nil, err
	}
	h.mux.HandleFunc("POST "+Prefix+"session", h.signIn)
	h.mux.HandleFunc("POST "+Prefix+"link", h.makeLink)
	h.mux.HandleFunc("GET "+Prefix+"session", h.signedIn(h.who))
	h.mux.HandleFunc("DELETE "+Prefix+"session", h.signedIn(h.signOut))
	h.mux.HandleFunc("GET "+Prefix+"summary", h.signedIn(h.summary))
	h.mux.HandleFunc("POST "+Prefix+"may", h.signedIn(h.may))
	h.mux.HandleFunc("POST "+Prefix+"check", h.signedIn(h.check))
	h.mux.HandleFunc("GET "+Prefix+"events", h.signedIn(h.events))
	h.mux.HandleFunc("GET "+Prefix+"log", h.signedIn(h.tail))
	h.mux.HandleFunc("POST "+Prefix+"aws", h.signedIn(h.callAPI))
	h.mux.HandleFunc("GET "+Prefix+"explain/", h.signedIn(h.callExplain))
	h.mux.HandleFunc("GET "+Prefix+"code/{repository}/references", h.onCode("codecommit:GetReferences", h.references))
	h.mux.HandleFunc("GET "+Prefix+"code/{repository}/commits", h.onCode("codecommit:GetCommitHistory", h.history))
	h.mux.HandleFunc("PUT "+Prefix+"code/{repository}/tags/{tag...}", h.onCode("codecommit:GitPush", h.makeTag))
	h.mux.HandleFunc("DELETE "+Prefix+"code/{repository}/tags/{tag...}", h.onCode("codecommit:GitPush", h.removeTag))
	h.mux.HandleFunc(Prefix+"s3/", h.signedIn(h.callS3))
	h.mux.HandleFunc(Prefix, func(w http.ResponseWriter, r *http.Request) {
		h.refuse(w, r, &awsapi.Error{Code: "NotFound", Message: "The console has nothing at " + r.URL.Path + ".", Status: http.StatusNotFound})
	})
	h.mux.Handle("/", &h.assets)
	return h, nil
}

// Close ends all streams, so that the server can stop. Browsers come back to another server, or after the restart.
func (h *Handler) Close() { close(h.closing) }

// untilClosed is a context that ends with ctx, or when the server stops.
func (h *Handler) untilClosed(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-h.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	protect(w.Header())
	h.mux.ServeHTTP(w, r)
}

// session is who a request acts for.
type session struct {
	token string
	key   iam.AccessKey
}

func (s session) identity(account string) awsapi.Identity {
	p := s.key.Principal
	return awsapi.Identity{AccessKeyID: s.key.ID, Arn: p.Arn, UserID: p.UserID, Account: account, Root: p.Root}
}

// signedIn lets through what the console's own pages send for a person who is signed in.
func (h *Handler) signedIn(f func(http.ResponseWriter, *http.Request, session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !fromHere(r) {
			h.refuse(w, r, &awsapi.Error{Code: "AccessDeniedException", Message: "Only the console's own pages may use its session.", Status: http.StatusForbidden})
			return
		}
		s, err := h.session(r)
		if err != nil {
			h.refuse(w, r, err)
			return
		}
		f(w, r, s)
	}
}

func (h *Handler) session(r *http.Request) (session, error) {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return session{}, errSignedOut
	}
	key, err := h.sessions.find(r.Context(), cookie.Value)
	return session{cookie.Value, key}, err
}

// allowed asks whether a person may do something, as the services do for signed requests.
func (h *Handler) allowed(r *http.Request, s session, action string, resources ...string) error {
	ctx := awsapi.WithConditions(r.Context(), r)
	return h.Authorizer.Authorize(ctx, s.identity(h.Place.Account), action, resources)
}

// refuse answers in the form of AWS's exceptions.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errSignedOut) {
		err = &awsapi.Error{Code: "SignedOut", Message: "Nobody is signed in, or the session has ended. Sign in again.", Status: http.StatusUnauthorized}
	}
	status, problem, known := awsapi.ProblemOf(err)
	if !known && r.Context().Err() == nil {
		h.Log.ErrorContext(r.Context(), "the console could not answer", "path", r.URL.Path, "error", err)
	}
	answer(w, status, problem)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that went away is its own affair
}

// IsSigned recognises the one request to the console that comes from a program: it asks for a link.
func IsSigned(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Path == Prefix+"link" && r.URL.RawQuery == ""
}

// IsConsole recognises what pages of the console send.
func IsConsole(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, Prefix) }
