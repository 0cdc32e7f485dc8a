package forge

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/trigger"
)

// Event is something that happened in a repository.
type Event struct {
	Kind       trigger.Kind `json:"kind"`
	Repository string       `json:"repository"`
	// Name is the branch or tag that was pushed; of a pull request the branch it is to go into.
	Name string `json:"name"`
	// Before and After are the commits that the branch or tag named and names; "" for none. For a pull request After is its
	// newest commit, and may be abbreviated.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	Actor  string `json:"actor,omitempty"` // the user's name at the forge
	// ActorID is what the forge calls the user for good.
	ActorID string `json:"actorId,omitempty"`

	PullRequest string `json:"pullRequest,omitempty"` // its number
	Source      string `json:"source,omitempty"`      // the branch a pull request comes from
	HeadRef     string `json:"headRef,omitempty"`     // the ref at the forge that leads to its newest commit; "" when there is none
	Fork        bool   `json:"fork,omitempty"`        // it comes from another repository
	Reopened    bool   `json:"reopened,omitempty"`    // rather than opened
	Merged      bool   `json:"merged,omitempty"`      // rather than closed without

	Release    string `json:"release,omitempty"`    // what a release is called, whose tag is Name
	Prerelease bool   `json:"prerelease,omitempty"` // it is not for everybody yet
}

// Released is the kind of a release that was published. It starts builds whose webhooks say so, and no pipelines.
const Released trigger.Kind = "RELEASE"

// released is the event of a release; none for one without a tag.
func released(e Event, name, tag string, pre bool) Delivery {
	if tag == "" {
		return Delivery{}
	}
	e.Kind, e.Name, e.Release, e.Prerelease = Released, tag, name, pre
	return Delivery{Events: []Event{e}}
}

// Delivery is one request of a forge.
type Delivery struct {
	ID     string // the forge's name for it, if it has one
	Ping   bool   // it only asks whether somebody is there
	Events []Event
}

// ErrPayload says that a request is not what the forge's documentation promises.
var ErrPayload = errors.New("the body is not one of this forge's events")

// Signed tells whether a request was made by somebody who knows the secret.
func Signed(kind Kind, h http.Header, secret string, body []byte) bool {
	if secret == "" {
		return false
	}
	switch kind {
	case GitLab:
		return subtle.ConstantTimeCompare([]byte(h.Get("X-Gitlab-Token")), []byte(secret)) == 1
	case Gitea:
		return isMAC(first(h, "X-Forgejo-Signature", "X-Gitea-Signature"), secret, body)
	case GitHub:
		return isPrefixedMAC(h.Get("X-Hub-Signature-256"), secret, body)
	default:
		return isPrefixedMAC(h.Get("X-Hub-Signature"), secret, body)
	}
}

func isPrefixedMAC(signature, secret string, body []byte) bool {
	sum, ok := strings.CutPrefix(signature, "sha256=")
	return ok && isMAC(sum, secret, body)
}

func isMAC(signature, secret string, body []byte) bool {
	given, err := hex.DecodeString(signature)
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hmac.Equal(given, mac.Sum(nil))
}

func first(h http.Header, names ...string) string {
	for _, n := range names {
		if v := h.Get(n); v != "" {
			return v
		}
	}
	return ""
}

// Receive reads a request that is Signed. Events that no pipeline could care about are left out. ErrPayload.
func Receive(kind Kind, h http.Header, body []byte) (Delivery, error) {
	var d Delivery
	var err error
	switch kind {
	case GitHub:
		d, err = receiveGitHub(h.Get("X-GitHub-Event"), body)
		d.ID = h.Get("X-GitHub-Delivery")
	case Gitea:
		d, err = receiveGitea(first(h, "X-Forgejo-Event", "X-Gitea-Event"), body)
		d.ID = first(h, "X-Forgejo-Delivery", "X-Gitea-Delivery")
	case GitLab:
		d, err = receiveGitLab(body)
		d.ID = first(h, "Webhook-Id", "Idempotency-Key", "X-Gitlab-Event-UUID")
	case Bitbucket:
		d, err = receiveBitbucket(h.Get("X-Event-Key"), body)
		d.ID = h.Get("X-Request-UUID")
	case BitbucketServer:
		d, err = receiveBitbucketServer(h.Get("X-Event-Key"), body)
		d.ID = h.Get("X-Request-Id")
	default:
		err = fmt.Errorf("%q is no forge", kind)
	}
	if err == nil {
		err = d.check()
	}
	if err != nil {
		return Delivery{}, fmt.Errorf("%w: %w", ErrPayload, err)
	}
	return d, nil
}

// check refuses what cannot be: what is read here later names refs and commits.
func (d Delivery) check() error {
	for _, e := range d.Events {
		switch {
		case e.Repository == "" || e.Name == "" || len(e.Name) > 1024:
			return errors.New("an event names no repository, or no branch or tag")
		case !isCommit(e.Before) || !isCommit(e.After):
			return errors.New("an event names a commit that is none")
		case e.PullRequest != "" && strings.Trim(e.PullRequest, "0123456789") != "":
			return errors.New("a pull request has no number")
		}
	}
	return nil
}

func isCommit(id string) bool {
	return len(id) <= 64 && strings.Trim(id, "0123456789abcdef") == ""
}

// unmarshal reads a body.
func unmarshal(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return errors.New("it is not the JSON it should be")
	}
	return nil
}

// orNone replaces the id that stands for no commit.
func orNone(id string) string {
	if strings.Trim(id, "0") == "" {
		return ""
	}
	return id
}

// numbered is the text of a number that stands for something; "" when there is none.
func numbered(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}

// pushed is the event of a ref that moved; ok is false for refs that are neither branch nor tag, and for deletions, which
// leave nothing to build.
func pushed(repository, ref, before, after, actor string) (Event, bool) {
	e := Event{Repository: repository, Before: orNone(before), After: orNone(after), Actor: actor, Kind: trigger.BranchPushed}
	name, branch := strings.CutPrefix(ref, "refs/heads/")
	if !branch {
		if name, branch = strings.CutPrefix(ref, "refs/tags/"); !branch {
			return Event{}, false
		}
		e.Kind = trigger.TagPushed
	}
	e.Name = name
	return e, e.After != ""
}
