package webhook

import (
	"crypto/hmac"
	"crypto/sha1" // what GitHub signed with before X-Hub-Signature-256; HMAC does not need a collision-free hash
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net/netip"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// FromAllowedAddress tells whether a webhook accepts requests of a peer. Only those that are authenticated by address
// look at it.
func FromAllowedAddress(w pipeline.Webhook, peer netip.Addr) bool {
	if w.Authentication != pipeline.WebhookIP {
		return true
	}
	allowed, err := netip.ParsePrefix(w.AuthenticationConfiguration.AllowedIPRange)
	return err == nil && allowed.Contains(peer.Unmap())
}

// Signature is what a request says about its body: "sha1=..." and "sha256=..." in hexadecimal digits, or nothing.
type Signature struct {
	SHA1   string // X-Hub-Signature
	SHA256 string // X-Hub-Signature-256
}

// Signed tells whether the body was signed with the webhook's secret. Only webhooks that are authenticated by a
// signature look at it. Of two signatures the stronger decides.
func Signed(w pipeline.Webhook, s Signature, body []byte) bool {
	if w.Authentication != pipeline.WebhookHMAC {
		return true
	}
	secret := w.AuthenticationConfiguration.SecretToken
	if secret == "" {
		return false
	}
	if s.SHA256 != "" {
		return equal(s.SHA256, "sha256=", sha256.New, secret, body)
	}
	return equal(s.SHA1, "sha1=", sha1.New, secret, body)
}

// equal compares in constant time.
func equal(given, prefix string, algorithm func() hash.Hash, secret string, body []byte) bool {
	digits, ok := strings.CutPrefix(given, prefix)
	sum, err := hex.DecodeString(digits)
	if !ok || err != nil {
		return false
	}
	mac := hmac.New(algorithm, []byte(secret))
	mac.Write(body)
	return hmac.Equal(sum, mac.Sum(nil))
}
