package post

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // signature version 1 is what SNS made it
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/conveyor-cd/conveyor/internal/keyring"
)

// Signer signs what is posted, as SNS does: with an RSA key whose certificate receivers can fetch. All servers on one
// database have the same key.
type Signer struct {
	keys *keyring.Ring

	mu   sync.Mutex
	pair *pair
}

// NewSigner makes a Signer.
func NewSigner(keys *keyring.Ring) *Signer { return &Signer{keys: keys} }

type pair struct {
	key         *rsa.PrivateKey
	certificate []byte // PEM
	name        string
}

// keyName is that of the key in the ring.
const keyName = "topic.signature"

// Certificate is the certificate of the key, in PEM, and the name of the file it is served as.
func (s *Signer) Certificate(ctx context.Context) (file string, certificate []byte, err error) {
	p, err := s.open(ctx)
	if err != nil {
		return "", nil, err
	}
	return p.name, p.certificate, nil
}

func (s *Signer) open(ctx context.Context) (*pair, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pair != nil {
		return s.pair, nil
	}
	text, err := s.keys.Get(ctx, keyName, freshPair)
	if err != nil {
		return nil, err
	}
	s.pair, err = parsePair([]byte(text))
	return s.pair, err
}

// freshPair makes a key and its certificate, in PEM.
func freshPair() (string, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return "", err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "sns.conveyor"}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.AddDate(20, 0, 0), BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})), nil
}

func parsePair(text []byte) (*pair, error) {
	private, rest := pem.Decode(text)
	certificate, _ := pem.Decode(rest)
	if private == nil || certificate == nil {
		return nil, errors.New("the key that messages are signed with is unreadable")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(private.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the key that messages are signed with is unreadable: %w", err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the key that messages are signed with is no RSA key")
	}
	sum := sha256.Sum256(certificate.Bytes)
	return &pair{key, pem.EncodeToMemory(certificate), "SimpleNotificationService-" + hex.EncodeToString(sum[:16]) + ".pem"}, nil
}

// sign signs an envelope: over its members in the order of their names, each as name and value on lines of their own.
func (s *Signer) sign(ctx context.Context, version string, e *envelope) (string, error) {
	p, err := s.open(ctx)
	if err != nil {
		return "", err
	}
	text := []byte(e.signed())
	var signature []byte
	if version == "2" {
		sum := sha256.Sum256(text)
		signature, err = rsa.SignPKCS1v15(nil, p.key, crypto.SHA256, sum[:])
	} else {
		sum := sha1.Sum(text)
		signature, err = rsa.SignPKCS1v15(nil, p.key, crypto.SHA1, sum[:])
	}
	return base64.StdEncoding.EncodeToString(signature), err
}

// envelope is what SNS posts. Members that are absent stay away.
type envelope struct {
	Type              string
	MessageId         string
	Token             string `json:",omitempty"`
	TopicArn          string
	Subject           string `json:",omitempty"`
	Message           string
	SubscribeURL      string `json:",omitempty"`
	Timestamp         string
	SignatureVersion  string
	Signature         string
	SigningCertURL    string
	UnsubscribeURL    string               `json:",omitempty"`
	MessageAttributes map[string]attribute `json:",omitempty"`
}

type attribute struct{ Type, Value string }

func (e *envelope) signed() string {
	var b strings.Builder
	for _, m := range [][2]string{
		{"Message", e.Message},
		{"MessageId", e.MessageId},
		{"Subject", e.Subject},
		{"SubscribeURL", e.SubscribeURL},
		{"Timestamp", e.Timestamp},
		{"Token", e.Token},
		{"TopicArn", e.TopicArn},
		{"Type", e.Type},
	} {
		if m[1] != "" || m[0] == "Message" {
			b.WriteString(m[0] + "\n" + m[1] + "\n")
		}
	}
	return b.String()
}
