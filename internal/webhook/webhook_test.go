package webhook

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

var target = Target{
	Configuration: map[string]string{"Branch": "main", "Owner": "ann", "OAuthToken": "hunter2"},
	Secret:        map[string]bool{"OAuthToken": true},
}

func hook(a pipeline.WebhookAuthentication, c pipeline.WebhookCredentials, filters ...pipeline.WebhookFilter) pipeline.Webhook {
	return pipeline.Webhook{
		Name: "push", TargetPipeline: "site", TargetAction: "Code", Filters: filters,
		Authentication: a, AuthenticationConfiguration: c,
	}
}

func filtered(path, equals string) pipeline.Webhook {
	return hook(pipeline.WebhookUnauthenticated, pipeline.WebhookCredentials{}, pipeline.WebhookFilter{JSONPath: path, MatchEquals: equals})
}

func TestCheck(t *testing.T) {
	const none = pipeline.ErrorKind("")
	secret := pipeline.WebhookCredentials{SecretToken: "s3cret"}
	block := pipeline.WebhookCredentials{AllowedIPRange: "192.0.2.0/24"}
	both := pipeline.WebhookCredentials{SecretToken: "s3cret", AllowedIPRange: "192.0.2.0/24"}
	for _, c := range []struct {
		what string
		hook pipeline.Webhook
		kind pipeline.ErrorKind
		says string
	}{
		{"a secret", hook(pipeline.WebhookHMAC, secret), none, ""},
		{"a block", hook(pipeline.WebhookIP, block), none, ""},
		{"a block of IPv6", hook(pipeline.WebhookIP, pipeline.WebhookCredentials{AllowedIPRange: "2001:db8::/32"}), none, ""},
		{"nothing", hook(pipeline.WebhookUnauthenticated, pipeline.WebhookCredentials{}), none, ""},
		{"a signature without a secret", hook(pipeline.WebhookHMAC, pipeline.WebhookCredentials{}), pipeline.InvalidWebhookAuthentication, "needs a SecretToken"},
		{"a signature with a block", hook(pipeline.WebhookHMAC, both), pipeline.InvalidWebhookAuthentication, "no AllowedIPRange"},
		{"a mask", hook(pipeline.WebhookHMAC, pipeline.WebhookCredentials{SecretToken: "****"}), pipeline.InvalidWebhookAuthentication, "Enter the secret"},
		{"an address without a block", hook(pipeline.WebhookIP, pipeline.WebhookCredentials{}), pipeline.InvalidWebhookAuthentication, "CIDR"},
		{"an address that is no block", hook(pipeline.WebhookIP, pipeline.WebhookCredentials{AllowedIPRange: "192.0.2.1"}), pipeline.InvalidWebhookAuthentication, "192.0.2.1"},
		{"an address with a secret", hook(pipeline.WebhookIP, both), pipeline.InvalidWebhookAuthentication, "no SecretToken"},
		{"nothing with a secret", hook(pipeline.WebhookUnauthenticated, secret), pipeline.InvalidWebhookAuthentication, "neither"},
		{"nothing with a block", hook(pipeline.WebhookUnauthenticated, block), pipeline.InvalidWebhookAuthentication, "neither"},
		{"another way", hook("BASIC", secret), pipeline.InvalidWebhookAuthentication, "BASIC"},
		{"a filter", filtered("$.ref", "refs/heads/{Branch}"), none, ""},
		{"two placeholders", filtered("$.name", "{Owner}/{Branch}"), none, ""},
		{"braces that name nothing", filtered("$.name", "{}"), none, ""},
		{"a bad path", filtered("$.", "x"), pipeline.InvalidWebhookFilterPattern, "at character 3"},
		{"an unknown key", filtered("$.ref", "{Branches}"), pipeline.InvalidWebhookFilterPattern, "{Branches}"},
		{"a secret key", filtered("$.ref", "{OAuthToken}"), pipeline.InvalidWebhookFilterPattern, "secret"},
	} {
		err := Check(c.hook, target)
		if pipeline.KindOf(err) != c.kind || (err != nil && !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %s that says %q", c.what, err, c.kind, c.says)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the message tells the secret: %v", c.what, err)
		}
	}
}

func sign(algorithm func() hash.Hash, prefix, secret, body string) string {
	mac := hmac.New(algorithm, []byte(secret))
	mac.Write([]byte(body))
	return prefix + hex.EncodeToString(mac.Sum(nil))
}

func TestSigned(t *testing.T) {
	const body = `{"ref": "refs/heads/main"}`
	w := hook(pipeline.WebhookHMAC, pipeline.WebhookCredentials{SecretToken: "s3cret"})
	right1, right256 := sign(sha1.New, "sha1=", "s3cret", body), sign(sha256.New, "sha256=", "s3cret", body)
	wrong1, wrong256 := sign(sha1.New, "sha1=", "other", body), sign(sha256.New, "sha256=", "other", body)
	for _, c := range []struct {
		what string
		s    Signature
		want bool
	}{
		{"the old one", Signature{SHA1: right1}, true},
		{"the new one", Signature{SHA256: right256}, true},
		{"both", Signature{right1, right256}, true},
		{"capitals", Signature{SHA256: "sha256=" + strings.ToUpper(right256[7:])}, true},
		{"none", Signature{}, false},
		{"a wrong old one", Signature{SHA1: wrong1}, false},
		{"a wrong new one", Signature{SHA256: wrong256}, false},
		{"a wrong new one with a right old one", Signature{right1, wrong256}, false},
		{"the new one in the old one's place", Signature{SHA1: right256}, false},
		{"the old one in the new one's place", Signature{SHA256: right1}, false},
		{"digits alone", Signature{SHA1: right1[5:]}, false},
		{"a shortened one", Signature{SHA256: right256[:len(right256)-2]}, false},
		{"no digits", Signature{SHA256: "sha256="}, false},
		{"no hexadecimal digits", Signature{SHA256: "sha256=zz"}, false},
	} {
		if got := Signed(w, c.s, []byte(body)); got != c.want {
			t.Errorf("%s: %t", c.what, got)
		}
	}
	if Signed(w, Signature{SHA256: right256}, []byte(body+" ")) {
		t.Error("a changed body passes")
	}
	empty := hook(pipeline.WebhookHMAC, pipeline.WebhookCredentials{})
	if Signed(empty, Signature{SHA256: sign(sha256.New, "sha256=", "", body)}, []byte(body)) {
		t.Error("an empty secret passes")
	}
	if !Signed(hook(pipeline.WebhookUnauthenticated, pipeline.WebhookCredentials{}), Signature{}, nil) {
		t.Error("a webhook without authentication wants a signature")
	}
}

func TestFromAllowedAddress(t *testing.T) {
	for _, c := range []struct {
		block, peer string
		want        bool
	}{
		{"192.0.2.0/24", "192.0.2.7", true},
		{"192.0.2.0/24", "192.0.3.7", false},
		{"192.0.2.0/24", "::ffff:192.0.2.7", true}, // as a socket of both families shows it
		{"192.0.2.7/32", "192.0.2.7", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"2001:db8::/32", "2001:db8::1", true},
		{"nonsense", "192.0.2.7", false},
	} {
		w := hook(pipeline.WebhookIP, pipeline.WebhookCredentials{AllowedIPRange: c.block})
		if got := FromAllowedAddress(w, netip.MustParseAddr(c.peer)); got != c.want {
			t.Errorf("%s in %s: %t", c.peer, c.block, got)
		}
	}
	if FromAllowedAddress(hook(pipeline.WebhookIP, pipeline.WebhookCredentials{AllowedIPRange: "0.0.0.0/0"}), netip.Addr{}) {
		t.Error("a peer without an address passes")
	}
	if !FromAllowedAddress(hook(pipeline.WebhookHMAC, pipeline.WebhookCredentials{}), netip.Addr{}) {
		t.Error("a signed webhook looks at the address")
	}
}

func TestMatch(t *testing.T) {
	body, err := Document("application/json; charset=utf-8", []byte(`{"ref": "refs/heads/main", "number": 7, "ratio": 1.0, "deleted": false,
		"after": null, "repository": {"owner": "ann"}, "labels": ["bug", "p1"]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, equals string
		want         bool
	}{
		{"$.ref", "refs/heads/main", true},
		{"$.ref", "refs/heads/{Branch}", true},
		{"$.ref", "refs/heads/dev", false},
		{"$.ref", "main", false},
		{"$.REF", "refs/heads/main", false},
		{"$.repository.owner", "{Owner}", true},
		{"$.number", "7", true},
		{"$.ratio", "1.0", true},
		{"$.ratio", "1", false},
		{"$.deleted", "false", true},
		{"$.after", "null", true},
		{"$.labels[*]", "p1", true},
		{"$.labels", "bug", false},
		{"$.repository", "", true},
		{"$.after", "", true},
		{"$.nothing", "", false},
		{"$.ref", "{Gone}", false}, // the configuration has changed since
	} {
		if got, why := Match(filtered(c.path, c.equals), target, body); got != c.want || got != (why == "") {
			t.Errorf("%s equals %q: %t %q", c.path, c.equals, got, why)
		}
	}
	two := filtered("$.ref", "refs/heads/main")
	two.Filters = append(two.Filters, pipeline.WebhookFilter{JSONPath: "$.number", MatchEquals: "8"})
	if ok, why := Match(two, target, body); ok || why != "filter 2 ($.number) does not match" {
		t.Errorf("all filters must hold: %t %q", ok, why)
	}
	if ok, _ := Match(hook(pipeline.WebhookUnauthenticated, pipeline.WebhookCredentials{}), target, nil); !ok {
		t.Error("no filters let nothing through")
	}
}

func TestDocument(t *testing.T) {
	const json = `{"ref":"refs/heads/a&b"}`
	for _, c := range []struct{ contentType, body, fails string }{
		{"application/json", json, ""},
		{"", json, ""},
		{"application/x-www-form-urlencoded", "payload=" + url.QueryEscape(json), ""},
		{"application/x-www-form-urlencoded", " " + json, ""},
		{"application/x-www-form-urlencoded", "other=x", "no field named payload"},
		{"application/x-www-form-urlencoded", "payload=%zz", "not readable"},
		{"application/json", `{"ref":`, "not JSON"},
		{"application/json", json + json, "something follows"},
		{"application/json", "", "not JSON"},
		{"text/xml", json, ErrContentType.Error()},
		{"a/b/c", json, ErrContentType.Error()},
	} {
		got, err := Document(c.contentType, []byte(c.body))
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s %s: %v, want %q", c.contentType, c.body, err, c.fails)
			}
			continue
		}
		if m, ok := got.(map[string]any); err != nil || !ok || m["ref"] != "refs/heads/a&b" {
			t.Errorf("%s %s: %v, %v", c.contentType, c.body, got, err)
		}
	}
	if _, err := Document("text/xml", nil); !errors.Is(err, ErrContentType) {
		t.Errorf("the receiver cannot tell a wrong content type: %v", err)
	}
}

// FuzzRequest hands any request to a webhook: nothing panics, and no signature but the right one passes.
func FuzzRequest(f *testing.F) {
	f.Add("application/json", `{"ref":"refs/heads/main"}`, "sha1=00", "sha256=00", "$.ref", "refs/heads/{Branch}")
	f.Add("application/x-www-form-urlencoded", "payload=%7B%7D", "", "sha256=", "$..*", "")
	f.Fuzz(func(t *testing.T, contentType, body, sha1Header, sha256Header, path, equals string) {
		w := filtered(path, equals)
		w.Authentication, w.AuthenticationConfiguration.SecretToken = pipeline.WebhookHMAC, "s3cret"
		if Signed(w, Signature{sha1Header, sha256Header}, []byte(body)) {
			t.Error("a guessed signature passes")
		}
		_ = Check(w, target)
		if doc, err := Document(contentType, []byte(body)); err == nil {
			if ok, why := Match(w, target, doc); ok != (why == "") {
				t.Errorf("%t %q", ok, why)
			}
		}
	})
}
