package s3

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" // signature version 2 is HMAC-SHA1 by definition
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/iam"
)

// The AWS CLI and boto3 presign URLs with signature version 2 unless told otherwise, so these are accepted, in URLs only:
// the front checks them and signs the request anew, with the same key and version 4, for the gateway to check again.

// v2Signed are the query parameters that are part of what is signed.
var v2Signed = []string{
	"acl", "accelerate", "cors", "defaultObjectAcl", "delete", "lifecycle", "location", "logging", "notification", "object-lock",
	"partNumber", "policy", "replication", "requestPayment", "response-cache-control", "response-content-disposition",
	"response-content-encoding", "response-content-language", "response-content-type", "response-expires", "restore", "retention",
	"select", "select-type", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website",
}

func presignedV2(r *http.Request) bool {
	return strings.Contains(r.URL.RawQuery, "AWSAccessKeyId=") && strings.Contains(r.URL.RawQuery, "Signature=")
}

// resign checks a version 2 presigned request and returns it signed with version 4.
func (h *Handler) resign(r *http.Request, at address) (*http.Request, error) {
	q := r.URL.Query()
	key, err := h.keys.AccessKey(r.Context(), q.Get("AWSAccessKeyId"))
	switch {
	case errors.Is(err, iam.ErrNoAccessKey):
		return nil, refuse(http.StatusForbidden, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
	case err != nil:
		return nil, err
	}
	now := h.now()
	expires, err := strconv.ParseInt(q.Get("Expires"), 10, 64)
	if err != nil {
		return nil, refuse(http.StatusForbidden, "AccessDenied", "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters")
	}
	if now.Unix() > expires || !key.Expires.IsZero() && now.After(key.Expires) {
		return nil, refuse(http.StatusForbidden, "AccessDenied", "Request has expired")
	}
	if q.Get("x-amz-security-token") != key.SessionToken {
		return nil, refuse(http.StatusBadRequest, "InvalidToken", "The provided token is malformed or otherwise invalid.")
	}
	mac := hmac.New(sha1.New, []byte(key.Secret))
	_, _ = mac.Write([]byte(h.v2StringToSign(r, at, q)))
	got, err := base64.StdEncoding.DecodeString(q.Get("Signature"))
	if err != nil || !hmac.Equal(got, mac.Sum(nil)) {
		return nil, refuse(http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your key and signing method.")
	}
	for _, name := range []string{"AWSAccessKeyId", "Signature", "Expires", "x-amz-security-token"} {
		q.Del(name)
	}
	return signAnew(r.Context(), r, q, key, h.place.Region, now)
}

// signAnew signs with version 4 what version 2 signs. Other headers are left out: those of the connection do not reach
// the gateway.
func signAnew(ctx context.Context, r *http.Request, q url.Values, key iam.AccessKey, region string, now time.Time) (*http.Request, error) {
	out := r.Clone(ctx)
	for name, values := range q {
		if strings.HasPrefix(name, "x-amz-") { // botocore presigns these as parameters; they mean the same
			out.Header[http.CanonicalHeaderKey(name)] = values
			q.Del(name)
		}
	}
	out.URL.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	out.Header.Set("X-Amz-Content-Sha256", awsapi.UnsignedPayload)
	signed := &http.Request{Method: out.Method, URL: new(url.URL), Host: r.Host, Header: http.Header{}}
	*signed.URL = *out.URL
	signed.URL.Host = r.Host // the signer signs the host of the URL when there is none
	for name, values := range out.Header {
		if strings.HasPrefix(name, "X-Amz-") {
			signed.Header[name] = values
		}
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	creds := aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret, SessionToken: key.SessionToken}
	if err := signer.SignHTTP(ctx, creds, signed, awsapi.UnsignedPayload, "s3", region, now); err != nil {
		return nil, err
	}
	for name, values := range signed.Header {
		out.Header[name] = values
	}
	return out, nil
}

// v2StringToSign is what a version 2 presigned URL signs.
func (h *Handler) v2StringToSign(r *http.Request, at address, q url.Values) string {
	var b strings.Builder
	for _, line := range []string{r.Method, r.Header.Get("Content-Md5"), r.Header.Get("Content-Type"), q.Get("Expires")} {
		b.WriteString(line + "\n")
	}
	amz := map[string]string{}
	for name, values := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") {
			amz[name] = strings.Join(values, ",")
		}
	}
	for name, values := range q {
		if strings.HasPrefix(name, "x-amz-") {
			amz[name] = strings.Join(values, ",")
		}
	}
	names := make([]string, 0, len(amz))
	for name := range amz {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		b.WriteString(name + ":" + strings.TrimSpace(amz[name]) + "\n")
	}
	if h.hosts.bucket(r.Host) != "" {
		b.WriteString("/" + at.bucket)
	}
	b.WriteString(r.URL.EscapedPath())
	var parts []string
	for name, values := range q {
		if !slices.Contains(v2Signed, name) {
			continue
		}
		if values[0] != "" {
			name += "=" + values[0]
		}
		parts = append(parts, name)
	}
	if len(parts) > 0 {
		sort.Strings(parts)
		b.WriteString("?" + strings.Join(parts, "&"))
	}
	return b.String()
}
