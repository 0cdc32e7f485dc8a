package mail_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/config"
	"github.com/conveyor-cd/conveyor/internal/topic"
	"github.com/conveyor-cd/conveyor/internal/topic/mail"
)

// post is an SMTP server that takes one mail, in TLS and for eve only, or answers the recipient with a refusal.
type post struct {
	listener net.Listener
	tls      *tls.Config
	refusal  string
	got      chan string
}

func newPost(t *testing.T, refusal string) *post {
	t.Helper()
	// A certificate for 127.0.0.1, which the client is made to trust.
	web := httptest.NewTLSServer(nil)
	t.Cleanup(web.Close)
	file := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", file)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &post{listener: l, tls: &tls.Config{Certificates: web.TLS.Certificates}, refusal: refusal, got: make(chan string, 1)}
	go p.serve()
	return p
}

func (p *post) serve() {
	conn, err := p.listener.Accept()
	if err != nil {
		return
	}
	defer func() { conn.Close() }()
	in, secure, known := bufio.NewReader(conn), false, false
	say := func(line string) { fmt.Fprint(conn, line+"\r\n") }
	say("220 post")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			if !secure {
				say("250-post\r\n250 STARTTLS")
				continue
			}
			say("250-post\r\n250 AUTH PLAIN")
		case "STARTTLS":
			say("220 go ahead")
			wrapped := tls.Server(conn, p.tls)
			conn, secure = wrapped, true
			in = bufio.NewReader(conn)
		case "AUTH":
			known = secure && rest == "PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00eve\x00pa55"))
			say(map[bool]string{true: "235 welcome", false: "535 who are you"}[known])
		case "MAIL":
			say(map[bool]string{true: "250 ok", false: "530 sign in first"}[known])
		case "RCPT":
			if p.refusal != "" {
				say(p.refusal)
				continue
			}
			say("250 ok")
		case "DATA":
			say("354 go on")
			var mail strings.Builder
			for line, _ = in.ReadString('\n'); line != ".\r\n" && line != ""; line, _ = in.ReadString('\n') {
				mail.WriteString(line)
			}
			p.got <- mail.String()
			say("250 taken")
		default:
			say("221 bye")
			return
		}
	}
}

func (p *post) send(t *testing.T, password string) error {
	t.Helper()
	transport := mail.New(config.Mail{
		Host: p.listener.Addr().String(), From: "conveyor@example.com", User: "eve", Password: password, TLS: "starttls",
	}, false)
	return transport.Deliver(t.Context(), topic.Delivery{
		ID: "d1", Type: topic.Notification, Published: time.Unix(0, 0), Subject: "Hello\r\nBcc: everybody@example.com", Body: "A text.\n.\nIts end: ü",
		Topic: topic.Topic{Name: "news"}, Subscription: topic.Subscription{Endpoint: "ann@example.com"}, AskURL: "http://here/leave",
	})
}

func TestMailIsSentEncryptedAndSignedIn(t *testing.T) {
	p := newPost(t, "")
	if err := p.send(t, "pa55"); err != nil {
		t.Fatal(err)
	}
	got := <-p.got
	for _, want := range []string{"To: ann@example.com\r\n", "Message-ID: <d1@example.com>\r\n", "List-Unsubscribe: <http://here/leave>\r\n", "Its end: =C3=BC"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\nBcc:") {
		t.Errorf("a subject became a header:\n%s", got)
	}
}

func TestWhatIsRefusedForGoodIsNotTriedAgain(t *testing.T) {
	for refusal, final := range map[string]bool{"450 later": false, "451 later": false, "550 no such user": true, "554 never": true} {
		err := newPost(t, refusal).send(t, "pa55")
		if err == nil || strings.HasPrefix(err.Error(), "the mail server refuses the message") != final {
			t.Errorf("%s: %v", refusal, err)
		}
	}
	if err := newPost(t, "").send(t, "wrong"); err == nil || strings.Contains(err.Error(), "refuses the message") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a password that an operator can correct: %v", err)
	}
}
