// Package topichost answers what those who get messages of topics ask for without a signature of AWS's: the certificate
// that messages are signed with, and the links that confirm and end subscriptions. It also lists dead letters and sends
// them again, which takes a signature.
package topichost

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/topic"
	"github.com/conveyor-cd/conveyor/internal/topic/post"
	"github.com/conveyor-cd/conveyor/internal/webpage"
)

// Prefix is where the pages lie. DeadLetters is below it.
const (
	Prefix      = topic.ConfirmPath
	DeadLetters = Prefix + "dead-letters"
)

// Service is the name requests for dead letters are signed for.
const Service = "sns"

// Wants tells whether a request is for this handler: it is below Prefix, or it is a link as SNS makes them, to the root,
// with a token instead of a signature.
func Wants(r *http.Request, signed bool) bool {
	if strings.HasPrefix(r.URL.Path, Prefix) {
		return true
	}
	if signed || r.URL.Path != "/" || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
		return false
	}
	q := r.URL.Query()
	action := q.Get("Action")
	return q.Has("Token") && (action == "ConfirmSubscription" || action == "Unsubscribe")
}

// Host is the handler.
type Host struct {
	Topics     *topic.Store
	Signer     *post.Signer
	Verifier   *awsapi.Verifier
	Authorizer awsapi.Authorizer
	Log        *slog.Logger
}

// ServeHTTP implements http.Handler.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	webpage.Protect(w.Header())
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	switch rest := strings.TrimPrefix(r.URL.Path, Prefix); {
	case r.URL.Path == "/":
		h.link(w, r)
	case r.URL.Path == DeadLetters:
		h.deadLetters(w, r)
	case rest == "confirm" || rest == "unsubscribe":
		h.ask(w, r, rest)
	case strings.HasSuffix(rest, ".pem") && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		h.certificate(w, r, rest)
	default:
		http.Error(w, "there is nothing at this address", http.StatusNotFound)
	}
}

func (h *Host) certificate(w http.ResponseWriter, r *http.Request, file string) {
	name, certificate, err := h.Signer.Certificate(r.Context())
	switch {
	case err != nil:
		h.broken(w, err)
	case file != name:
		http.Error(w, "there is no such certificate", http.StatusNotFound)
	default:
		w.Header().Set("Content-Type", "application/x-pem-file")
		_, _ = w.Write(certificate)
	}
}

// act does what a link is for.
func (h *Host) act(r *http.Request, confirm bool) (arn string, err error) {
	q := r.URL.Query()
	if confirm {
		sub, err := h.Topics.Confirm(r.Context(), q.Get("TopicArn"), q.Get("Token"), false, false)
		return sub.Arn, err
	}
	return "", h.Topics.UnsubscribeWith(r.Context(), q.Get("SubscriptionArn"), q.Get("Token"))
}

// link answers programs, which follow SubscribeURL and UnsubscribeURL, as SNS does.
func (h *Host) link(w http.ResponseWriter, r *http.Request) {
	action := r.URL.Query().Get("Action")
	arn, err := h.act(r, action == "ConfirmSubscription")
	if err != nil && !h.isRefusal(err) {
		h.broken(w, err)
		return
	}
	const namespace = "http://sns.amazonaws.com/doc/2010-03-31/"
	type result struct {
		SubscriptionArn string `xml:",omitempty"`
	}
	w.Header().Set("Content-Type", "text/xml")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		_ = xml.NewEncoder(w).Encode(struct {
			XMLName xml.Name `xml:"http://sns.amazonaws.com/doc/2010-03-31/ ErrorResponse"`
			Type    string   `xml:"Error>Type"`
			Code    string   `xml:"Error>Code"`
			Message string   `xml:"Error>Message"`
			ID      string   `xml:"RequestId"`
		}{Type: "Sender", Code: "InvalidParameter", Message: "Invalid parameter: Token", ID: uuid.NewString()})
		return
	}
	e := xml.NewEncoder(w)
	top := xml.StartElement{Name: xml.Name{Space: namespace, Local: action + "Response"}}
	_ = e.EncodeToken(top)
	_ = e.EncodeElement(result{arn}, xml.StartElement{Name: xml.Name{Local: action + "Result"}})
	_ = e.EncodeElement(struct{ RequestId string }{uuid.NewString()}, xml.StartElement{Name: xml.Name{Local: "ResponseMetadata"}})
	_ = e.EncodeToken(top.End())
	_ = e.Flush() // a client that went away is its own affair
}

// isRefusal: the link is wrong, has expired, or what it was for is gone.
func (h *Host) isRefusal(err error) bool {
	_, mistake := errors.AsType[*topic.Invalid](err)
	return mistake || errors.Is(err, topic.ErrToken) || errors.Is(err, topic.ErrNoTopic) || errors.Is(err, topic.ErrNoSubscription)
}

// deadLetters lists what could not be delivered (GET), or sends it again (POST; all of the topic without an Id).
func (h *Host) deadLetters(w http.ResponseWriter, r *http.Request) {
	answer, err := h.letters(r)
	status, body := http.StatusOK, answer
	if err != nil {
		status, body = h.problem(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// Letters is a list of dead letters; Redelivered how many were sent again.
type (
	Letters     struct{ DeadLetters []topic.DeadLetter }
	Redelivered struct{ Redelivered int }
)

func (h *Host) letters(r *http.Request) (any, error) {
	action := "ListSubscriptionsByTopic"
	switch r.Method {
	case http.MethodGet:
	case http.MethodPost:
		action = "Publish"
	default:
		return nil, &awsapi.Error{Code: "MethodNotAllowed", Message: "Dead letters are listed with GET and sent again with POST.", Status: http.StatusMethodNotAllowed}
	}
	caller, err := h.Verifier.Verify(r, Service, awsapi.HashPayload(nil))
	if err != nil {
		return nil, err
	}
	arn := r.URL.Query().Get("TopicArn")
	ctx := awsapi.WithConditions(awsapi.WithCaller(r.Context(), caller), r)
	if err := h.Authorizer.Authorize(ctx, caller, Service+":"+action, []string{arn}); err != nil {
		return nil, err
	}
	if r.Method == http.MethodGet {
		list, err := h.Topics.DeadLetters(ctx, arn)
		for i := range list {
			list[i].Endpoint = post.Redacted(list[i].Endpoint)
		}
		return Letters{list}, err
	}
	n, err := h.Topics.Redeliver(ctx, arn, r.URL.Query().Get("Id"))
	return Redelivered{n}, err
}

func (h *Host) problem(err error) (int, any) {
	status, p, known := awsapi.ProblemOf(err)
	switch {
	case known:
	case h.isRefusal(err) || errors.Is(err, topic.ErrNoDelivery):
		return http.StatusBadRequest, awsapi.Problem{Type: "InvalidParameter", Message: err.Error()}
	default:
		h.Log.Error("dead letters", "error", err)
	}
	return status, p
}

func (h *Host) broken(w http.ResponseWriter, err error) {
	h.Log.Error("a link of a topic failed", "error", err)
	http.Error(w, "the server failed to take this request; its log says why", http.StatusInternalServerError)
}
