// Package approvallink makes the links by which a person decides a manual approval without signing in, and takes them
// apart again. A link holds what it is about, signed with a key of this server's; nothing of it is stored.
package approvallink

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/keyring"
)

// Prefix is where links lie: Prefix, a Decision, a slash, and the text of the link.
const Prefix = "/conveyor/approvals/"

// Decision is what a link suggests. Whoever may do one may do the other, so it is not signed.
type Decision string

// The decisions.
const (
	Approve Decision = "approve"
	Reject  Decision = "reject"
)

// Link says which approval is decided, and with whose rights.
type Link struct {
	Pipeline  string    `json:"p"`
	Execution string    `json:"e"`
	Stage     string    `json:"s"`
	Action    string    `json:"a"`
	Token     string    `json:"t"` // the approval's; a retry has another
	User      string    `json:"u"` // the id of an IAM user, which nobody else is ever given
	Expires   time.Time `json:"x"`
}

// ErrForged says that a text is not that of a link, or was changed.
var ErrForged = errors.New("this is not a link of this server, or it was changed")

// Links makes links and opens them.
type Links struct {
	keys      *keyring.Ring
	publicURL string
}

// New makes Links; they begin with publicURL.
func New(keys *keyring.Ring, publicURL string) *Links { return &Links{keys, publicURL} }

// key names the key of signatures.
const key = "approval.link"

// encoding has one text for every content.
var encoding = base64.RawURLEncoding.Strict()

// longest bounds a link's text. The names in it have at most 100 characters each.
const longest = 4 << 10

// URLs are the addresses of a link that suggest to approve and to reject.
func (l *Links) URLs(ctx context.Context, link Link) (approve, reject string, err error) {
	text, err := l.seal(ctx, link)
	begin := l.publicURL + Prefix
	return begin + string(Approve) + "/" + text, begin + string(Reject) + "/" + text, err
}

func (l *Links) seal(ctx context.Context, link Link) (string, error) {
	content, err := json.Marshal(link)
	if err != nil {
		return "", err
	}
	text := encoding.EncodeToString(content)
	mac, err := l.keys.MAC(ctx, key, text)
	return text + "." + encoding.EncodeToString(mac), err
}

// Open is the link of a text, which may have expired, or ErrForged.
func (l *Links) Open(ctx context.Context, text string) (Link, error) {
	content, signature, signed := strings.Cut(text, ".")
	mac, err := encoding.DecodeString(signature)
	if !signed || err != nil || len(text) > longest {
		return Link{}, ErrForged
	}
	right, err := l.keys.MAC(ctx, key, content)
	if err != nil {
		return Link{}, err
	}
	if !hmac.Equal(mac, right) {
		return Link{}, ErrForged
	}
	var link Link
	plain, err := encoding.DecodeString(content)
	if err != nil || json.Unmarshal(plain, &link) != nil {
		return Link{}, ErrForged
	}
	return link, nil
}
