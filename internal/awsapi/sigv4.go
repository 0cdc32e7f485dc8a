package awsapi

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/iam"
)

// UnsignedPayload in place of a body's hash says that the signature does not cover the body. Only S3 permits it.
const UnsignedPayload = "UNSIGNED-PAYLOAD"

// skew is how far a client's clock may be from ours, before or behind, as AWS has it.
const skew = 15 * time.Minute

// HashPayload is the body's hash as a signature covers it.
func HashPayload(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// Keys finds access keys by id; *iam.Directory is one. An unknown or inactive id is iam.ErrNoAccessKey.
type Keys interface {
	AccessKey(ctx context.Context, id string) (iam.AccessKey, error)
}

// Verifier proves who sent a request from its signature.
type Verifier struct {
	keys  Keys
	place Place
	now   func() time.Time
}

// NewVerifier makes a Verifier that knows the access keys of keys and accepts signatures for place's region.
func NewVerifier(keys Keys, place Place) *Verifier {
	return &Verifier{keys: keys, place: place.WithDefaults(), now: time.Now}
}

// WithClock replaces time.Now, for tests.
func (v *Verifier) WithClock(now func() time.Time) *Verifier {
	c := *v
	c.now = now
	return &c
}

// Verify proves who sent r, from the Authorization header or the presigned query. service must be that of the
// credential scope; empty accepts any. payload is HashPayload of the body as received, or, for S3, the value of
// X-Amz-Content-Sha256 the caller has checked (or UnsignedPayload). A refusal is an *AuthError; any other error is a
// failure to look the key up.
func (v *Verifier) Verify(r *http.Request, service, payload string) (Identity, error) {
	s, key, err := v.screen(r, service)
	if err != nil {
		return Identity{}, err
	}
	canonical, err := canonicalRequest(r, s, payload)
	if err != nil {
		return Identity{}, err
	}
	if !equalMAC(s.value, sign(key.Secret, s.Scope, s.date, canonical)) {
		return Identity{}, badSignature()
	}
	if u, ok := v.keys.(interface {
		NoteUse(ctx context.Context, id, service string) error
	}); ok {
		if err := u.NoteUse(r.Context(), key.ID, s.Service); err != nil {
			return Identity{}, err
		}
	}
	return v.identity(key), nil
}

// screen is what Verify can tell without the body: that the signature is by a key that exists, for this service and for
// now. A stranger gets no further, so that only those with a key can make the server keep their bodies in memory.
func (v *Verifier) screen(r *http.Request, service string) (signature, iam.AccessKey, error) {
	s, err := parseSignature(r)
	if err != nil {
		return s, iam.AccessKey{}, err
	}
	key, err := v.lookup(r.Context(), s.AccessKeyID, s.token)
	if err != nil {
		return s, key, err
	}
	if err := v.checkScope(s, service); err != nil {
		return s, key, err
	}
	if err := v.checkTime(s); err != nil {
		return s, key, err
	}
	return s, key, checkSigned(r, s)
}

func badSignature() *AuthError {
	return authErrorf(BadSignature, "The request signature we calculated does not match the signature you provided. "+
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
}

func (v *Verifier) identity(key iam.AccessKey) Identity {
	id := Identity{
		AccessKeyID: key.ID,
		Arn:         key.Principal.Arn,
		UserID:      key.Principal.UserID,
		Account:     v.place.Account,
		Root:        key.Principal.Root && key.Principal.Grant == "",
	}
	if key.SessionToken != "" {
		id.session = key.Principal
	}
	return id
}

func (v *Verifier) lookup(ctx context.Context, id, token string) (iam.AccessKey, error) {
	key, err := v.keys.AccessKey(ctx, id)
	switch {
	case errors.Is(err, iam.ErrNoAccessKey):
		return iam.AccessKey{}, unknownToken()
	case err != nil:
		return iam.AccessKey{}, err
	case subtle.ConstantTimeCompare([]byte(key.SessionToken), []byte(token)) != 1:
		return iam.AccessKey{}, unknownToken()
	case !key.Expires.IsZero() && !v.now().Before(key.Expires):
		return iam.AccessKey{}, authErrorf(Expired, "The security token included in the request is expired")
	}
	return key, nil
}

func unknownToken() *AuthError {
	return authErrorf(UnknownToken, "The security token included in the request is invalid.")
}

// global tells the services that clients always sign for us-east-1, or for any region they like.
func global(service string) bool { return service == "iam" || service == "sts" }

func (v *Verifier) checkScope(s signature, service string) error {
	if service != "" && s.Service != service {
		return authErrorf(BadSignature, "Credential should be scoped to correct service: '%s'.", service)
	}
	if s.Region == v.place.Region || (global(s.Service) && s.Region == DefaultRegion) {
		return nil
	}
	return authErrorf(BadSignature, "Credential should be scoped to a valid region, not '%s'. "+
		"This server's region is %[2]s: set AWS_DEFAULT_REGION=%[2]s or give --region %[2]s.", clip(s.Region), v.place.Region)
}

func (v *Verifier) checkTime(s signature) error {
	now := v.now().UTC()
	if s.at.After(now.Add(skew)) {
		return authErrorf(BadSignature, "Signature not yet current: %s is still later than %s (%s + 15 min.)",
			s.date, now.Add(skew).Format(amzDate), now.Format(amzDate))
	}
	if s.presigned {
		if end := s.at.Add(s.expires); now.After(end) {
			return authErrorf(BadSignature, "Signature expired: %s is now earlier than %s (%s + %d s.)",
				end.Format(amzDate), now.Format(amzDate), s.date, int(s.expires.Seconds()))
		}
		return nil
	}
	if s.at.Before(now.Add(-skew)) {
		return authErrorf(BadSignature, "Signature expired: %s is now earlier than %s (%s - 15 min.)",
			s.date, now.Add(-skew).Format(amzDate), now.Format(amzDate))
	}
	return nil
}

// checkSigned insists that everything which changes a request's meaning is under the signature: the host, and each
// x-amz- header, for example X-Amz-Target, which names the operation.
func checkSigned(r *http.Request, s signature) error {
	if !slices.Contains(s.signedHeaders, "host") {
		return authErrorf(BadSignature, "'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && lower != "x-amz-security-token" && !slices.Contains(s.signedHeaders, lower) {
			return authErrorf(BadSignature, "'%s' must be a 'SignedHeader' in the AWS Authorization.", clip(name))
		}
	}
	return nil
}

// equalMAC compares in constant time.
func equalMAC(got, want []byte) bool { return hmac.Equal(got, want) }

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// sign is the signature of a canonical request; date is the timestamp as the client wrote it.
func sign(secret string, scope Scope, date, canonical string) []byte {
	k := mac([]byte("AWS4"+secret), scope.Day)
	k = mac(k, scope.Region)
	k = mac(k, scope.Service)
	k = mac(k, terminator)
	return mac(k, algorithm+"\n"+date+"\n"+scope.String()+"\n"+HashPayload([]byte(canonical)))
}

func canonicalRequest(r *http.Request, s signature, payload string) (string, error) {
	query, err := canonicalQuery(r.URL.RawQuery, s.presigned)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(r.Method)
	b.WriteByte('\n')
	b.WriteString(canonicalPath(r.URL, s.Service))
	b.WriteByte('\n')
	b.WriteString(query)
	b.WriteByte('\n')
	for _, name := range s.signedHeaders {
		b.WriteString(name)
		b.WriteByte(':')
		value, ok := headerValue(r, name)
		if !ok {
			return "", authErrorf(BadSignature, "The header '%s' is in SignedHeaders but not in the request.", clip(name))
		}
		b.WriteString(value)
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	b.WriteString(strings.Join(s.signedHeaders, ";"))
	b.WriteByte('\n')
	b.WriteString(payload)
	return b.String(), nil
}

func headerValue(r *http.Request, name string) (string, bool) {
	values := r.Header.Values(name)
	switch {
	case name == "host":
		return r.Host, true
	case name == "content-length" && len(values) == 0 && r.ContentLength >= 0:
		return strconv.FormatInt(r.ContentLength, 10), true
	case name == "transfer-encoding" && len(values) == 0 && len(r.TransferEncoding) > 0:
		return strings.Join(r.TransferEncoding, ","), true
	case len(values) == 0:
		return "", false
	}
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strings.Join(strings.Fields(v), " "))
	}
	return b.String(), true
}

// canonicalPath is, for S3, whose keys are taken literally, the path as it was sent; for every other service the path
// with dots and double slashes resolved and what is left encoded once more.
func canonicalPath(u *url.URL, service string) string {
	path := u.EscapedPath()
	switch {
	case path == "":
		return "/"
	case service == "s3":
		return path
	default:
		return uriEncode(normalise(path), false)
	}
}

func normalise(path string) string {
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			if len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
		default:
			kept = append(kept, segment)
		}
	}
	out := "/" + strings.Join(kept, "/")
	if len(kept) > 0 && strings.HasSuffix(path, "/") {
		out += "/"
	}
	return out
}

func canonicalQuery(raw string, presigned bool) (string, error) {
	if raw == "" {
		return "", nil
	}
	type pair struct{ k, v string }
	var pairs []pair
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		k, v, _ := strings.Cut(part, "=")
		k, err := url.QueryUnescape(k)
		if err != nil {
			return "", incomplete("The query string is malformed: %s", err)
		}
		v, err = url.QueryUnescape(v)
		if err != nil {
			return "", incomplete("The query string is malformed: %s", err)
		}
		if presigned && k == "X-Amz-Signature" {
			continue
		}
		pairs = append(pairs, pair{uriEncode(k, true), uriEncode(v, true)})
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.k, b.k); c != 0 {
			return c
		}
		return strings.Compare(a.v, b.v)
	})
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.k)
		b.WriteByte('=')
		b.WriteString(p.v)
	}
	return b.String(), nil
}

// uriEncode percent-encodes every byte but the unreserved ones of RFC 3986, and slashes when told so.
func uriEncode(s string, slash bool) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0, c == '/' && !slash:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte("0123456789ABCDEF"[c>>4])
			b.WriteByte("0123456789ABCDEF"[c&15])
		}
	}
	return b.String()
}
