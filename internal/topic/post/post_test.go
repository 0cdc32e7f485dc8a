package post_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/egress"
	"github.com/conveyor-cd/conveyor/internal/keyring"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
	"github.com/conveyor-cd/conveyor/internal/topic"
	"github.com/conveyor-cd/conveyor/internal/topic/post"
)

type received struct {
	header http.Header
	body   string
}

func receiver(t *testing.T, status *int) (string, chan received) {
	t.Helper()
	got := make(chan received, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- received{r.Header, string(body)}
		w.WriteHeader(*status)
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

func transport(t *testing.T) (*post.Transport, *post.Signer) {
	t.Helper()
	box, err := secret.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	signer := post.NewSigner(keyring.New(sqltest.SQLite(t), box))
	return post.New("http", egress.NewClient(egress.Options{}), signer, "http://here"), signer
}

func delivery(endpoint string) topic.Delivery {
	return topic.Delivery{
		ID: "d", Type: topic.Notification, MessageID: "m", Published: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC),
		Topic:        topic.Topic{Arn: "arn:aws:sns:r:a:news"},
		Subscription: topic.Subscription{Arn: "arn:aws:sns:r:a:news:1", Endpoint: endpoint},
		Subject:      "a <subject>", Body: "a & b\nc", UnsubscribeURL: "http://here/?x",
	}
}

// A receiver that knows nothing but the certificate's address can tell that the message is this server's.
func TestTheSignatureIsSNSs(t *testing.T) {
	status := 200
	url, got := receiver(t, &status)
	p, signer := transport(t)
	for version, hash := range map[string]crypto.Hash{"1": crypto.SHA1, "2": crypto.SHA256} {
		d := delivery(url)
		d.Topic.Attributes = map[string]string{topic.SignatureVersion: version}
		if err := p.Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		r := <-got
		if r.header.Get("x-amz-sns-message-type") != "Notification" || r.header.Get("x-amz-sns-subscription-arn") != d.Subscription.Arn {
			t.Errorf("%v", r.header)
		}
		var m map[string]string
		if err := json.Unmarshal([]byte(r.body), &m); err != nil {
			t.Fatal(err)
		}
		file, certificate, err := signer.Certificate(t.Context())
		if err != nil || m["SigningCertURL"] != "http://here/conveyor/topics/"+file || m["SignatureVersion"] != version {
			t.Errorf("%v, %v", m, err)
		}
		block, _ := pem.Decode(certificate)
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		text := "Message\na & b\nc\nMessageId\nm\nSubject\na <subject>\nTimestamp\n2026-01-02T03:04:05.006Z\nTopicArn\narn:aws:sns:r:a:news\nType\nNotification\n"
		var sum []byte
		if hash == crypto.SHA1 {
			s := sha1.Sum([]byte(text))
			sum = s[:]
		} else {
			s := sha256.Sum256([]byte(text))
			sum = s[:]
		}
		signature, err := base64.StdEncoding.DecodeString(m["Signature"])
		if err != nil {
			t.Fatal(err)
		}
		if err := rsa.VerifyPKCS1v15(c.PublicKey.(*rsa.PublicKey), hash, sum, signature); err != nil {
			t.Errorf("version %s: %v", version, err)
		}
	}
}

func TestRawAndSlack(t *testing.T) {
	status := 200
	url, got := receiver(t, &status)
	p, _ := transport(t)
	for _, c := range []struct{ attribute, value, body, want string }{
		{topic.RawMessageDelivery, "true", "as <is>", "as <is>"},
		{topic.Format, topic.FormatSlack, "a <b> & c", `{"text":"*a \u0026lt;subject\u0026gt;*\na \u0026lt;b\u0026gt; \u0026amp; c"}`},
		{topic.Format, topic.FormatSlack, `{"blocks":[]}`, `{"blocks":[]}`},
	} {
		d := delivery(url)
		d.Body, d.Subscription.Attributes = c.body, map[string]string{c.attribute: c.value}
		if err := p.Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if r := <-got; r.body != c.want {
			t.Errorf("%s, want %s", r.body, c.want)
		}
	}
}

func TestWhatIsTriedAgain(t *testing.T) {
	var status int
	url, _ := receiver(t, &status)
	p, _ := transport(t)
	for s, want := range map[int]string{204: "", 500: "answered 500", 429: "answered 429", 404: "never take", 302: "not followed"} {
		status = s
		err := p.Deliver(t.Context(), delivery(url))
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%d: %v", s, err)
		}
	}
}

func TestEndpoints(t *testing.T) {
	p, _ := transport(t)
	for endpoint, fine := range map[string]bool{
		"http://x/y": true, "http://u:p@x": true, "https://x": false, "http://": false, "x": false, "http:x": false, "http://x#y": false, "http://x\n": false,
	} {
		if problem := p.Check(endpoint, nil); (problem == "") != fine {
			t.Errorf("%q: %q", endpoint, problem)
		}
	}
	for endpoint, want := range map[string]string{"https://u:p@x/y": "https://u:****@x/y", "https://x/y": "https://x/y", "a@example.com": "a@example.com"} {
		if got := post.Redacted(endpoint); got != want {
			t.Errorf("%s is shown as %s", endpoint, got)
		}
	}
}
