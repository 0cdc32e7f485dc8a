// Package post brings messages to HTTP endpoints: in SNS's signed documents, raw, or as Slack-compatible webhooks take
// them.
package post

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/egress"
	"github.com/conveyor-cd/conveyor/internal/topic"
)

// Transport implements topic.Transport for one of the protocols http and https.
type Transport struct {
	protocol  string
	client    *http.Client
	signer    *Signer
	publicURL string
}

var _ topic.Transport = (*Transport)(nil)

// New makes a Transport. publicURL is where receivers find the signer's certificate.
func New(protocol string, client *http.Client, signer *Signer, publicURL string) *Transport {
	return &Transport{protocol: protocol, client: client, signer: signer, publicURL: publicURL}
}

// longestEndpoint bounds a URL.
const longestEndpoint = 2048

// Check implements topic.Transport.
func (t *Transport) Check(endpoint string, _ map[string]string) string {
	u, err := url.Parse(endpoint)
	switch {
	case len(endpoint) > longestEndpoint:
		return fmt.Sprintf("it is longer than %d characters", longestEndpoint)
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return "it is not a URL that can be posted to"
	case u.Scheme != t.protocol:
		return "Endpoint must match the specified protocol: it must begin with " + t.protocol + "://"
	case u.Fragment != "":
		return "it must not have a fragment (#...), which is never sent"
	}
	return ""
}

// Confirms implements topic.Transport. A chat's webhook cannot answer; whoever knows its address may post to it.
func (t *Transport) Confirms(attributes map[string]string) bool {
	return attributes[topic.Format] != topic.FormatSlack
}

// Deliver implements topic.Transport.
func (t *Transport) Deliver(ctx context.Context, d topic.Delivery) error {
	body, contentType, err := t.body(ctx, d)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.Subscription.Endpoint, bytes.NewReader(body))
	if err != nil {
		return topic.Permanent(egress.Plain(err))
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("User-Agent", "Conveyor Simple Notification Service Agent")
	if !d.Subscription.IsSlack() {
		describe(r.Header, d)
	}
	return t.send(r)
}

// describe sets the headers by which receivers tell what came without reading it.
func describe(h http.Header, d topic.Delivery) {
	h.Set("X-Amz-Sns-Message-Type", string(d.Type))
	h.Set("X-Amz-Sns-Message-Id", d.MessageID)
	h.Set("X-Amz-Sns-Topic-Arn", d.Topic.Arn)
	if d.Type != topic.SubscriptionConfirmation {
		h.Set("X-Amz-Sns-Subscription-Arn", d.Subscription.Arn)
	}
	if d.Type == topic.Notification && d.Subscription.Raw() {
		h.Set("X-Amz-Sns-Rawdelivery", "true")
	}
}

func (t *Transport) body(ctx context.Context, d topic.Delivery) ([]byte, string, error) {
	const plainText = "text/plain; charset=UTF-8"
	switch {
	case d.Subscription.IsSlack():
		return slack(d), "application/json; charset=utf-8", nil
	case d.Type == topic.Notification && d.Subscription.Raw():
		return []byte(d.Body), plainText, nil
	}
	document, err := t.document(ctx, d)
	return document, plainText, err
}

// document is SNS's JSON around a message, with its signature.
func (t *Transport) document(ctx context.Context, d topic.Delivery) ([]byte, error) {
	file, _, err := t.signer.Certificate(ctx)
	if err != nil {
		return nil, err
	}
	version := d.Topic.Attributes[topic.SignatureVersion]
	if version == "" {
		version = "1"
	}
	e := envelope{
		Type: string(d.Type), MessageId: d.MessageID, Token: d.Token, TopicArn: d.Topic.Arn, Subject: d.Subject, Message: d.Body,
		SubscribeURL: d.ConfirmURL, Timestamp: d.Published.UTC().Format("2006-01-02T15:04:05.000Z"),
		SignatureVersion: version, SigningCertURL: t.publicURL + topic.ConfirmPath + file, UnsubscribeURL: d.UnsubscribeURL,
	}
	for name, a := range d.Attributes {
		if e.MessageAttributes == nil {
			e.MessageAttributes = map[string]attribute{}
		}
		e.MessageAttributes[name] = attribute(a)
	}
	if e.Signature, err = t.signer.sign(ctx, version, &e); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err = encoder.Encode(e)
	return out.Bytes(), err
}

// longestAnswer is how much of an answer is read, so that the connection can be used again. Nobody sees it: a URL of a
// user's choice must not become a way to read what only this server reaches.
const longestAnswer = 64 << 10

func (t *Transport) send(r *http.Request) error {
	answer, err := t.client.Do(r)
	if err != nil {
		return egress.Plain(err)
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, longestAnswer)
	switch code := answer.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code >= 300 && code < 400:
		return topic.Permanent(fmt.Errorf("the endpoint answered %d and redirects elsewhere, which is not followed: subscribe the address it redirects to", code))
	case code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout:
		return fmt.Errorf("the endpoint answered %d %s", code, http.StatusText(code))
	default:
		return topic.Permanent(fmt.Errorf("the endpoint answered %d %s, so it will never take this message", code, http.StatusText(code)))
	}
}

// Redacted is an endpoint as it may be shown: without the password it may have.
func Redacted(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || u.User == nil {
		return endpoint
	}
	if _, has := u.User.Password(); !has {
		return endpoint
	}
	open := *u
	open.User = nil
	return u.Scheme + "://" + u.User.Username() + ":****@" + strings.TrimPrefix(open.String(), u.Scheme+"://")
}
