package event

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/egress"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// SignatureHeader carries the signature of what is sent: t=UNIX-SECONDS,v1=HEX, where HEX is the HMAC-SHA256 of the time,
// a dot and the body under the secret. A connection of the type API_KEY whose key is named so has its value used as the
// secret, instead of being sent.
const SignatureHeader = "X-Conveyor-Signature"

// HTTP delivers to API destinations.
type HTTP struct {
	events *Service
	client *http.Client
	rates  rates
	tokens tokens
	now    func() time.Time
}

// sendTimeout is how long an endpoint has to answer; five seconds on AWS.
const sendTimeout = 10 * time.Second

// NewHTTP makes the target for API destinations. It follows no redirects and never reaches link-local addresses, where
// clouds keep the credentials of their machines, nor, when told so, private ones.
func NewHTTP(events *Service, forbidPrivate bool) *HTTP {
	client := egress.NewClient(egress.Options{Timeout: sendTimeout, ForbidPrivate: forbidPrivate})
	return &HTTP{events: events, client: client, now: time.Now}
}

// Check refuses what names no API destination. One that does not exist yet may be named.
func (h *HTTP) Check(_ context.Context, t TargetSpec) error {
	if _, ok := h.events.nameIn(t.ARN, "api-destination/"); !ok {
		return fmt.Errorf("%s is not the ARN of an API destination of this server; other event buses and the like cannot be targets", t.ARN)
	}
	return nil
}

// endpoint is what a destination's definition says.
type endpoint struct {
	InvocationEndpoint           string
	HttpMethod                   string
	InvocationRateLimitPerSecond int
}

// authorization is what a connection's secret says.
type authorization struct {
	BasicAuthParameters  *struct{ Username, Password string }
	ApiKeyAuthParameters *struct{ ApiKeyName, ApiKeyValue string }
	OAuthParameters      *oauth

	InvocationHttpParameters *parameters

	version string // of the connection
}

// parameters are what a connection adds to requests.
type parameters struct {
	HeaderParameters, QueryStringParameters, BodyParameters []struct{ Key, Value string }
}

// additions is what a target adds to its requests.
type additions struct {
	HttpParameters *struct {
		PathParameterValues   []string
		HeaderParameters      map[string]string
		QueryStringParameters map[string]string
	}
}

// Deliver sends a request. As on AWS, 409, 429 and 5xx are tried again, as is no answer; other answers than 2xx are final.
func (h *HTTP) Deliver(ctx context.Context, d Delivery) error {
	to, auth, err := h.lookUp(ctx, d.Target.ARN)
	if err != nil {
		return err
	}
	var extra additions
	if err := json.Unmarshal(d.Target.Wire, &extra); err != nil {
		return Permanent(err)
	}
	r, err := request(ctx, to, auth, extra, d)
	if err != nil {
		return Permanent(err)
	}
	if wait := h.rates.take(d.Target.ARN, to.InvocationRateLimitPerSecond, h.now()); wait > 0 {
		return Later(wait)
	}
	if auth.OAuthParameters != nil {
		return h.sendWithToken(r, auth)
	}
	status, err := h.send(r)
	if err != nil {
		return err
	}
	return verdict(status)
}

// send sends a request and returns the status of its answer.
func (h *HTTP) send(r *http.Request) (int, error) {
	answer, err := h.client.Do(r)
	if err != nil {
		return 0, egress.Plain(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection can be used again
	return answer.StatusCode, nil
}

// verdict says what an answer means for the delivery.
func verdict(status int) error {
	answered := fmt.Errorf("the endpoint answered %d %s", status, http.StatusText(status))
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusConflict || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= 500:
		return answered
	default:
		return Permanent(answered)
	}
}

func (h *HTTP) lookUp(ctx context.Context, arn string) (to endpoint, auth authorization, err error) {
	name, _ := h.events.nameIn(arn, "api-destination/")
	var d Destination
	var c Connection
	err = h.events.store.Read(ctx, func(r store.Reader) error {
		if d, err = h.events.destination(ctx, r, name); err != nil {
			return err
		}
		c, err = h.events.connection(ctx, r, d.Connection)
		return err
	})
	switch {
	case errors.Is(err, ErrNoDestination), err == nil && d.ARN != arn:
		return to, auth, Permanent(fmt.Errorf("the API destination %s does not exist any more", arn))
	case errors.Is(err, ErrNoConnection):
		return to, auth, Permanent(fmt.Errorf("the connection of the API destination %s does not exist any more", name))
	case err != nil:
		return to, auth, err
	}
	if err := h.events.open(&c); err != nil {
		return to, auth, err
	}
	auth.version = c.version()
	return to, auth, errors.Join(json.Unmarshal(d.Definition, &to), json.Unmarshal(c.Secret, &auth))
}

func request(ctx context.Context, to endpoint, auth authorization, extra additions, d Delivery) (*http.Request, error) {
	address, err := fillIn(to.InvocationEndpoint, extra)
	if err != nil {
		return nil, err
	}
	body, err := withMembers(d.Input, auth)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, to.HttpMethod, address.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("User-Agent", "Conveyor/EventBridge/ApiDestinations")
	r.Header.Set("X-Conveyor-Delivery", d.ID)
	if p := extra.HttpParameters; p != nil {
		for name, value := range p.HeaderParameters {
			r.Header.Set(name, value)
		}
	}
	query := r.URL.Query()
	if p := extra.HttpParameters; p != nil {
		for name, value := range p.QueryStringParameters {
			query.Set(name, value)
		}
	}
	if p := auth.InvocationHttpParameters; p != nil {
		for _, a := range p.HeaderParameters {
			r.Header.Set(a.Key, a.Value)
		}
		for _, a := range p.QueryStringParameters {
			query.Set(a.Key, a.Value)
		}
	}
	r.URL.RawQuery = query.Encode()
	auth.prove(r, body, time.Now())
	return r, nil
}

// prove says who is calling.
func (a authorization) prove(r *http.Request, body []byte, now time.Time) {
	if b := a.BasicAuthParameters; b != nil {
		r.SetBasicAuth(b.Username, b.Password)
	}
	k := a.ApiKeyAuthParameters
	switch {
	case k == nil:
	case strings.EqualFold(k.ApiKeyName, SignatureHeader):
		r.Header.Set(SignatureHeader, Sign([]byte(k.ApiKeyValue), body, now))
	default:
		r.Header.Set(k.ApiKeyName, k.ApiKeyValue)
	}
}

// Sign is the value of SignatureHeader.
func Sign(secret, body []byte, at time.Time) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// fillIn puts the target's values in place of the stars of the endpoint's path.
func fillIn(address string, extra additions) (*url.URL, error) {
	if p := extra.HttpParameters; p != nil {
		for _, value := range p.PathParameterValues {
			address = strings.Replace(address, "*", url.PathEscape(value), 1)
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the endpoint's address cannot be read")
	}
	return u, nil
}

// withMembers adds the connection's body parameters to an input that is an object.
func withMembers(input json.RawMessage, auth authorization) ([]byte, error) {
	if auth.InvocationHttpParameters == nil || len(auth.InvocationHttpParameters.BodyParameters) == 0 {
		return input, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(input, &object); err != nil || object == nil {
		return nil, errors.New("the connection adds members to the body, and the input is not a JSON object")
	}
	for _, p := range auth.InvocationHttpParameters.BodyParameters {
		value, err := json.Marshal(p.Value)
		if err != nil {
			return nil, err
		}
		object[p.Key] = value
	}
	return json.Marshal(object)
}

// CheckEndpoint refuses addresses that nothing can be sent to.
func CheckEndpoint(address string) error {
	u, err := url.Parse(strings.ReplaceAll(address, "*", "x"))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.Fragment != "" {
		return errors.New("it must be like https://host/path (http:// is accepted, too), without a user and a fragment")
	}
	return nil
}
