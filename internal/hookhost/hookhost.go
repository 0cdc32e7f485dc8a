// Package hookhost receives what is posted to the URLs of webhooks, and starts their pipelines.
//
// These requests are the only ones from outside that start something without a signature of AWS's, so all is bounded:
// how large a body is, how much of bodies is in memory at once, how long one may take to arrive, how much work a filter
// is, and how often a webhook that asks for no signature may be called. What is answered tells a sender whether it was
// understood; only a delivery that is durably recorded is answered with 200.
package hookhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/intake"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/webhook"
)

// Prefix is where the webhooks lie.
const Prefix = flow.WebhookPath

// Webhooks is what the receiver needs to know and do; *flow.Service is one.
type Webhooks interface {
	WebhookAt(ctx context.Context, token string) (*flow.Receiver, error)
	WebhookTarget(ctx context.Context, w *flow.Receiver) (webhook.Target, error)
	DeliverWebhook(ctx context.Context, w *flow.Receiver, d flow.Delivery) (started bool, err error)
	WebhookFailed(ctx context.Context, w *flow.Receiver, code, message string) error
}

// Options tune a Host. The zero value is ready to use.
type Options struct {
	// Bodies bounds what is read of requests.
	Bodies intake.Limits
	// Rate is how many requests a second one webhook takes that no signature proves, after Burst of them at once;
	// defaults 10 and 100.
	Rate  float64
	Burst int
	Log   *slog.Logger // nil discards
}

// Host is the HTTP handler for paths below Prefix.
type Host struct {
	hooks  Webhooks
	opts   Options
	bodies *intake.Intake
	rates  *rates
}

// New makes a Host.
func New(hooks Webhooks, o Options) *Host {
	if o.Rate == 0 {
		o.Rate = 10
	}
	if o.Burst == 0 {
		o.Burst = 100
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Host{hooks: hooks, opts: o, bodies: intake.New(o.Bodies), rates: newRates(o.Rate, o.Burst)}
}

// refusal is a request that starts nothing because something is wrong with it, or with the webhook.
type refusal struct {
	status int
	text   string
	noted  bool // the webhook's owner should know
}

func (r *refusal) Error() string { return r.text }

// ServeHTTP implements http.Handler.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		say(w, http.StatusMethodNotAllowed, "webhooks are called with POST")
		return
	}
	h.bodies.Hurry(w)
	hook, err := h.hooks.WebhookAt(r.Context(), strings.TrimPrefix(r.URL.Path, Prefix))
	if pipeline.KindOf(err) == pipeline.WebhookNotFound {
		say(w, http.StatusNotFound, "there is no webhook at this address")
		return
	}
	if err != nil {
		h.broken(w, "?", err)
		return
	}
	answer, err := h.receive(w, r, hook)
	no, refused := errors.AsType[*refusal](err)
	switch {
	case err == nil:
		h.opts.Log.Info("webhook called", "webhook", hook.Name, "answer", answer)
		say(w, http.StatusOK, answer)
	case refused:
		h.refuse(w, r, hook, no)
	case r.Context().Err() != nil: // the sender is gone
	default:
		h.broken(w, hook.Name, err)
	}
}

// receive does all that a request asks for and returns what to tell its sender.
func (h *Host) receive(w http.ResponseWriter, r *http.Request, hook *flow.Receiver) (string, error) {
	if !webhook.FromAllowedAddress(hook.Webhook, peer(r)) {
		return "", &refusal{http.StatusForbidden, "the sender's address is not in the range that this webhook allows", true}
	}
	if hook.Authentication != pipeline.WebhookHMAC && !h.rates.allow(hook.ID()) {
		return "", &refusal{http.StatusTooManyRequests, "this webhook is called too often; try again later", true}
	}
	body, done, err := h.bodies.Read(w, r)
	if no, ok := errors.AsType[*intake.Refusal](err); ok {
		return "", &refusal{no.Status, no.Error(), no.Status == http.StatusRequestEntityTooLarge}
	}
	if err != nil {
		return "", err
	}
	defer done()
	signature := webhook.Signature{SHA1: r.Header.Get("X-Hub-Signature"), SHA256: r.Header.Get("X-Hub-Signature-256")}
	if !webhook.Signed(hook.Webhook, signature, body) {
		return "", &refusal{http.StatusForbidden, "the signature of the body is missing or wrong: sender and webhook need the same secret", true}
	}
	if r.Header.Get("X-GitHub-Event") == "ping" {
		return "pong: the webhook can be reached; a ping starts nothing", nil
	}
	if why, err := h.filter(r, hook, body); why != "" || err != nil {
		return why, err
	}
	return h.deliver(r, hook, body)
}

// filter returns why a body starts nothing, or "". Without filters the body may be anything.
func (h *Host) filter(r *http.Request, hook *flow.Receiver, body []byte) (string, error) {
	target, err := h.hooks.WebhookTarget(r.Context(), hook)
	if err != nil {
		return "", gone(hook, err)
	}
	if len(hook.Filters) == 0 {
		return "", nil
	}
	document, err := webhook.Document(r.Header.Get("Content-Type"), body)
	if errors.Is(err, webhook.ErrContentType) {
		return "", &refusal{http.StatusUnsupportedMediaType, err.Error(), true}
	}
	if err != nil {
		return "", &refusal{http.StatusBadRequest, err.Error(), true}
	}
	if ok, why := webhook.Match(hook.Webhook, target, document); !ok {
		return "nothing started: " + why, nil
	}
	return "", nil
}

// longestDeliveryID bounds what a sender may call a delivery.
const longestDeliveryID = 128

func (h *Host) deliver(r *http.Request, hook *flow.Receiver, body []byte) (string, error) {
	d := flow.Delivery{ID: r.Header.Get("X-GitHub-Delivery")}
	if len(d.ID) > longestDeliveryID {
		return "", &refusal{http.StatusBadRequest, fmt.Sprintf("X-GitHub-Delivery is longer than %d characters", longestDeliveryID), true}
	}
	if hook.Authentication == pipeline.WebhookHMAC {
		d.SignedBody = body
	}
	started, err := h.hooks.DeliverWebhook(r.Context(), hook, d)
	switch {
	case err != nil:
		return "", gone(hook, err)
	case !started:
		return "nothing started: this delivery was received before", nil
	}
	return "started pipeline " + hook.TargetPipeline, nil
}

// gone tells what is wrong when a webhook, or what it was made for, is no longer there.
func gone(hook *flow.Receiver, err error) error {
	switch pipeline.KindOf(err) {
	case pipeline.WebhookNotFound:
		return &refusal{status: http.StatusNotFound, text: "there is no webhook at this address"}
	case pipeline.PipelineNotFound:
		return &refusal{http.StatusNotFound, "the pipeline " + hook.TargetPipeline + " of this webhook does not exist", true}
	case pipeline.Validation:
		return &refusal{http.StatusNotFound, "the action " + hook.TargetAction + " of this webhook is no longer a source action of pipeline " +
			hook.TargetPipeline, true}
	}
	return err
}

// refuse answers a request that starts nothing, and tells the owner why: at a bounded rate, since whoever knows the URL
// can cause it.
func (h *Host) refuse(w http.ResponseWriter, r *http.Request, hook *flow.Receiver, no *refusal) {
	h.opts.Log.Warn("webhook refused a request", "webhook", hook.Name, "status", no.status, "reason", no.text)
	if no.noted && h.rates.note(hook.ID()) {
		ctx := context.WithoutCancel(r.Context())
		if err := h.hooks.WebhookFailed(ctx, hook, strconv.Itoa(no.status), no.text); err != nil {
			h.opts.Log.Error("noting why a webhook refused a request", "webhook", hook.Name, "error", err)
		}
	}
	if no.status == http.StatusTooManyRequests || no.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "10")
	}
	say(w, no.status, no.text)
}

// peer is the address at the other end of the connection. Headers that claim another one prove nothing.
func peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().WithZone("")
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}

// broken answers a request that failed through no fault of the sender's.
func (h *Host) broken(w http.ResponseWriter, name string, err error) {
	h.opts.Log.Error("a webhook's request failed", "webhook", name, "error", err)
	say(w, http.StatusInternalServerError, "the server failed to take this request; its log says why")
}
