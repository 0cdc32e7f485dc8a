// Package mail brings messages to people by SMTP.
package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/config"
	"github.com/conveyor-cd/conveyor/internal/topic"
)

// Transport implements topic.Transport for one of the protocols email and email-json.
type Transport struct {
	server config.Mail
	asJSON bool
}

var _ topic.Transport = Transport{}

// New makes a Transport that sends by the server of those settings.
func New(server config.Mail, asJSON bool) Transport { return Transport{server, asJSON} }

// Check implements topic.Transport: an endpoint is one bare address.
func (t Transport) Check(endpoint string, _ map[string]string) string {
	a, err := mail.ParseAddress(endpoint)
	if err != nil || a.Name != "" || a.Address != endpoint || len(endpoint) > 254 || strings.ContainsAny(endpoint, "\r\n\" ") {
		return "Email address: it must be like name@example.com"
	}
	return ""
}

// Confirms implements topic.Transport.
func (Transport) Confirms(map[string]string) bool { return true }

// Deliver implements topic.Transport.
func (t Transport) Deliver(ctx context.Context, d topic.Delivery) error {
	message, err := t.compose(d)
	if err != nil {
		return err
	}
	return plain(t.send(ctx, d.Subscription.Endpoint, message))
}

// plain tells what can never work from what may later.
func plain(err error) error {
	if e, ok := errors.AsType[*textproto.Error](err); ok && e.Code >= 550 && e.Code < 560 {
		return topic.Permanent(fmt.Errorf("the mail server refuses the message: %w", err))
	}
	return err
}

// compose writes a mail. Nothing in a header is taken as it came: subjects are encoded, addresses were checked, ids are
// this server's own.
func (t Transport) compose(d topic.Delivery) ([]byte, error) {
	subject, body, err := t.text(d)
	if err != nil {
		return nil, err
	}
	from, err := mail.ParseAddress(t.server.From)
	if err != nil {
		return nil, err
	}
	if name := d.Topic.Attributes[topic.DisplayName]; name != "" {
		from.Name = name
	}
	var b bytes.Buffer
	header := func(name, value string) { b.WriteString(name + ": " + oneLine(value) + "\r\n") }
	header("From", from.String())
	header("To", d.Subscription.Endpoint)
	header("Subject", mime.QEncoding.Encode("utf-8", oneLine(subject)))
	header("Date", d.Published.UTC().Format(time.RFC1123Z))
	// The same on every try, so that a mail that arrives twice is seen to be one.
	header("Message-ID", "<"+d.ID+from.Address[strings.LastIndexByte(from.Address, '@'):]+">")
	header("Auto-Submitted", "auto-generated")
	if d.Type == topic.Notification {
		header("List-Unsubscribe", "<"+d.AskURL+">")
		header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	}
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	header("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	_, err = w.Write([]byte(strings.ReplaceAll(strings.ReplaceAll(body, "\r\n", "\n"), "\n", "\r\n")))
	return b.Bytes(), errors.Join(err, w.Close())
}

func (t Transport) text(d topic.Delivery) (subject, body string, err error) {
	if d.Type != topic.Notification {
		subject = "Confirm the subscription to " + d.Topic.Name
		if d.Type == topic.UnsubscribeConfirmation {
			subject = "The subscription to " + d.Topic.Name + " has ended"
		}
		body, _, _ = strings.Cut(d.Body, "\n")
		return subject, body + "\n\nTo subscribe, open this page and press the button (within 3 days):\n" + d.AskURL +
			"\n\nIf this is not what you want, do nothing.\n", nil
	}
	subject = d.Subject
	if subject == "" {
		subject = "Notification of " + d.Topic.Name
	}
	if t.asJSON {
		document, err := json.MarshalIndent(map[string]any{
			"Type": d.Type, "MessageId": d.MessageID, "TopicArn": d.Topic.Arn, "Subject": d.Subject, "Message": d.Body,
			"Timestamp": d.Published.UTC().Format("2006-01-02T15:04:05.000Z"), "MessageAttributes": d.Attributes, "UnsubscribeURL": d.AskURL,
		}, "", "  ")
		return subject, string(document) + "\n", err
	}
	return subject, d.Body + "\n\n--\nTo get no more of these, open: " + d.AskURL + "\n", nil
}

// oneLine keeps a value from ending its header.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// send hands a message to the SMTP server. ctx bounds the whole conversation.
func (t Transport) send(ctx context.Context, to string, message []byte) error {
	host, _, err := net.SplitHostPort(t.server.Host)
	if err != nil {
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.server.Host)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if t.server.TLS == "tls" {
		conn = tls.Client(conn, &tls.Config{ServerName: host})
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := t.greet(c, host); err != nil {
		return err
	}
	from, err := mail.ParseAddress(t.server.From)
	if err != nil {
		return err
	}
	if err := c.Mail(from.Address); err != nil {
		return err
	}
	if err := c.Rcpt(to); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err = w.Write(message); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_ = c.Quit() // it was taken; how the conversation ends no longer matters
	return nil
}

// greet encrypts the connection and signs in. A password never travels in clear, except to this machine itself.
func (t Transport) greet(c *smtp.Client, host string) error {
	if t.server.TLS == "starttls" {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return errors.New("the SMTP server does not offer STARTTLS; set smtp-tls to tls or, for a server that may be trusted, to none")
		}
		if err := c.StartTLS(&tls.Config{ServerName: host}); err != nil {
			return err
		}
	}
	if t.server.User == "" {
		return nil
	}
	return c.Auth(smtp.PlainAuth("", t.server.User, t.server.Password, host))
}
