package awsapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"pgregory.net/rapid"

	"github.com/conveyor-cd/conveyor/internal/iam"
)

// keyring is a few known access keys.
type keyring map[string]iam.AccessKey

func (k keyring) AccessKey(_ context.Context, id string) (iam.AccessKey, error) {
	key, ok := k[id]
	if !ok {
		return iam.AccessKey{}, iam.ErrNoAccessKey
	}
	return key, nil
}

var (
	noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

	lasting = iam.AccessKey{ID: "AKIALASTING", Secret: "wJalrXUtnFEMI/K7MDENG", Principal: iam.Principal{Arn: "arn:aws:iam::000000000000:root", UserID: "000000000000", Root: true}}
	session = iam.AccessKey{ID: "ASIASESSION", Secret: "s", SessionToken: "tok/en+=", Expires: noon.Add(time.Hour)}
	expired = iam.AccessKey{ID: "ASIAEXPIRED", Secret: "s", SessionToken: "t", Expires: noon}
)

func verifierAt(now time.Time) *Verifier {
	keys := keyring{lasting.ID: lasting, session.ID: session, expired.ID: expired}
	return NewVerifier(keys, Place{}).WithClock(func() time.Time { return now })
}

func credentialsOf(k iam.AccessKey) aws.Credentials {
	return aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret, SessionToken: k.SessionToken}
}

// received is r as a server sees it.
func received(r *http.Request) *http.Request {
	in := httptest.NewRequest(r.Method, r.URL.String(), nil)
	in.Header = r.Header.Clone()
	in.Host = r.Host
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	in.ContentLength = r.ContentLength
	return in
}

func signed(t testing.TB, k iam.AccessKey, method, address, body, service, region string, at time.Time) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "CodePipeline_20150709.ListPipelines")
	r.Header.Set("X-Amz-Meta-Spaces", "  a   b ")
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
	if err := signer.SignHTTP(context.Background(), credentialsOf(k), r, HashPayload([]byte(body)), service, region, at); err != nil {
		t.Fatal(err)
	}
	return received(r)
}

func TestVerifyWhatTheSDKSigns(t *testing.T) {
	v := verifierAt(noon)
	for _, tc := range []struct{ service, method, address, body string }{
		{"codepipeline", "POST", "http://127.0.0.1:4566/", `{"a":1}`},
		{"codepipeline", "POST", "http://127.0.0.1:4566", ""},
		{"logs", "GET", "http://host/a%20b/c?x=1&a=%2F&a=b+c&empty&k=", ""},
		{"s3", "PUT", "http://host:9000/bucket/key%20with%2Fslash/./..//%E2%82%AC~*", "body"},
		{"s3", "GET", "http://host/bucket?list-type=2&prefix=a%2Fb&delimiter=%2F", ""},
		{"sts", "GET", "http://host/?Action=GetCallerIdentity&Version=2011-06-15", ""},
	} {
		for _, key := range []iam.AccessKey{lasting, session} {
			r := signed(t, key, tc.method, tc.address, tc.body, tc.service, "us-east-1", noon)
			id, err := v.Verify(r, tc.service, HashPayload([]byte(tc.body)))
			if err != nil || id.AccessKeyID != key.ID {
				t.Errorf("%s %s of %s: %v", tc.method, tc.address, tc.service, err)
			}
			if _, err := v.Verify(r, tc.service, HashPayload([]byte(tc.body+"."))); err == nil {
				t.Errorf("%s %s of %s: another body was accepted", tc.method, tc.address, tc.service)
			}
		}
	}
}

func TestVerifyPresigned(t *testing.T) {
	presigned := func(service, address string) *http.Request {
		r, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
		link, header, err := signer.PresignHTTP(context.Background(), credentialsOf(session), r, UnsignedPayload, service, "us-east-1", noon)
		if err != nil {
			t.Fatal(err)
		}
		got := httptest.NewRequest(http.MethodGet, link, nil)
		for k, values := range header {
			got.Header[k] = values
		}
		return got
	}
	r := presigned("s3", "http://host/bucket/a%20key?X-Amz-Expires=60&response-content-type=text%2Fplain")
	for _, tc := range []struct {
		after time.Duration
		ok    bool
	}{{-16 * time.Minute, false}, {-time.Minute, true}, {0, true}, {60 * time.Second, true}, {61 * time.Second, false}} {
		_, err := verifierAt(noon.Add(tc.after)).Verify(r, "s3", UnsignedPayload)
		if (err == nil) != tc.ok {
			t.Errorf("after %v: %v", tc.after, err)
		}
	}
	r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "text%2Fplain", "text%2Fhtml", 1)
	if _, err := verifierAt(noon).Verify(r, "s3", UnsignedPayload); err == nil {
		t.Error("a changed query was accepted")
	}
}

// Signatures published by AWS: the signing examples of the documentation and of its test suite.
func TestGoldenSignatures(t *testing.T) {
	const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	at := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	keys := keyring{"AKIDEXAMPLE": {ID: "AKIDEXAMPLE", Secret: secret}}
	v := NewVerifier(keys, Place{}).WithClock(func() time.Time { return at })
	for _, tc := range []struct{ name, service, address, headers, signature string }{
		{"get-vanilla", "service", "http://example.amazonaws.com/", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"get-vanilla-query-order-key-case", "service", "http://example.amazonaws.com/?Param2=value2&Param1=value1", "host;x-amz-date", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{"get-relative", "service", "http://example.amazonaws.com/example/..", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"get-slashes", "service", "http://example.amazonaws.com//", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"iam-list-users", "iam", "http://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", "content-type;host;x-amz-date", "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
	} {
		r := httptest.NewRequest(http.MethodGet, tc.address, nil)
		r.Header.Set("X-Amz-Date", "20150830T123600Z")
		if tc.service == "iam" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		}
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/"+tc.service+"/aws4_request, SignedHeaders="+tc.headers+", Signature="+tc.signature)
		if _, err := v.Verify(r, tc.service, HashPayload(nil)); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestRefusedSignatures(t *testing.T) {
	const address = "http://127.0.0.1:4566/"
	good := func() *http.Request {
		return signed(t, lasting, "POST", address, "{}", "codepipeline", "us-east-1", noon)
	}
	authorization := func(old, replacement string) *http.Request {
		r := good()
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, replacement, 1))
		return r
	}
	header := func(name, value string) *http.Request {
		r := good()
		r.Header.Set(name, value)
		return r
	}
	unsigned := good()
	unsigned.Header.Del("Authorization")
	other := lasting
	other.ID = "AKIASTRANGER"
	wrong := lasting
	wrong.Secret = "guess"
	wrongToken := session
	wrongToken.SessionToken = "forged"
	noToken := session
	noToken.SessionToken = ""
	sign := func(k iam.AccessKey, service, region string, at time.Time) *http.Request {
		return signed(t, k, "POST", address, "{}", service, region, at)
	}
	for _, tc := range []struct {
		name string
		r    *http.Request
		kind AuthKind
		text string
	}{
		{"unsigned", unsigned, MissingToken, "Missing Authentication Token"},
		{"basic", header("Authorization", "Basic Zm9v"), Incomplete, "algorithm"},
		{"no signature", authorization(", Signature=", ", Signatur="), Incomplete, "requires 'Signature' parameter"},
		{"short signature", header("Authorization", "AWS4-HMAC-SHA256 Credential=a/20260131/us-east-1/codepipeline/aws4_request, SignedHeaders=host, Signature=ab"), Incomplete, "64 hexadecimal digits"},
		{"scope too short", authorization("/aws4_request", ""), Incomplete, "exactly 5"},
		{"twice", authorization("SignedHeaders=", "Credential=x, SignedHeaders="), Incomplete, "twice"},
		{"no date", func() *http.Request { r := good(); r.Header.Del("X-Amz-Date"); return r }(), Incomplete, "X-Amz-Date"},
		{"bad date", header("X-Amz-Date", "yesterday"), Incomplete, "ISO-8601"},
		{"date of another day", header("X-Amz-Date", "20260201T000000Z"), BadSignature, "Date in Credential scope"},
		{"another date", header("X-Amz-Date", "20260131T120001Z"), BadSignature, "does not match"},
		{"host not signed", authorization("host;", ""), BadSignature, "'Host' must be"},
		{"another operation", header("X-Amz-Target", "CodePipeline_20150709.DeletePipeline"), BadSignature, "does not match"},
		{"header added", header("X-Amz-Copy-Source", "x"), BadSignature, "'X-Amz-Copy-Source' must be a 'SignedHeader'"},
		{"stranger", sign(other, "codepipeline", "us-east-1", noon), UnknownToken, "The security token included in the request is invalid."},
		{"wrong secret", sign(wrong, "codepipeline", "us-east-1", noon), BadSignature, "does not match the signature you provided"},
		{"wrong token", sign(wrongToken, "codepipeline", "us-east-1", noon), UnknownToken, ""},
		{"no token", sign(noToken, "codepipeline", "us-east-1", noon), UnknownToken, ""},
		{"expired token", sign(expired, "codepipeline", "us-east-1", noon), Expired, "is expired"},
		{"wrong service", sign(lasting, "sts", "us-east-1", noon), BadSignature, "Credential should be scoped to correct service: 'codepipeline'."},
		{"wrong region", sign(lasting, "codepipeline", "eu-west-1", noon), BadSignature, "not 'eu-west-1'. This server's region is us-east-1"},
		{"too old", sign(lasting, "codepipeline", "us-east-1", noon.Add(-skew-time.Second)), BadSignature, "Signature expired: 20260131T114459Z is now earlier than 20260131T114500Z (20260131T120000Z - 15 min.)"},
		{"too early", sign(lasting, "codepipeline", "us-east-1", noon.Add(skew+time.Second)), BadSignature, "Signature not yet current"},
	} {
		_, err := verifierAt(noon).Verify(tc.r, "codepipeline", HashPayload([]byte("{}")))
		var refused *AuthError
		if !errors.As(err, &refused) || refused.Kind != tc.kind || !strings.Contains(refused.Message, tc.text) {
			t.Errorf("%s: %v, want kind %d with %q", tc.name, err, tc.kind, tc.text)
		}
	}
	if _, err := verifierAt(noon).Verify(good(), "codepipeline", HashPayload([]byte("{}"))); err != nil {
		t.Errorf("the request that all of these were made of: %v", err)
	}
}

// Any path and query that can be sent is verified as the SDK signed it.
func TestSignaturesOfAnyURL(t *testing.T) {
	v := verifierAt(noon)
	rapid.Check(t, func(t *rapid.T) {
		r, err := http.NewRequest(http.MethodGet, "http://host/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Path = "/" + rapid.StringMatching(`[a-zA-Z0-9 +%&=*~'()!$,;:@ä€/-]{0,20}`).Draw(t, "path")
		q := r.URL.Query()
		for range rapid.IntRange(0, 4).Draw(t, "parameters") {
			q.Add(rapid.StringMatching(`[a-zA-Z0-9 +%&=ä]{1,6}`).Draw(t, "name"), rapid.String().Draw(t, "value"))
		}
		r.URL.RawQuery = q.Encode()
		signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
		if err := signer.SignHTTP(context.Background(), credentialsOf(lasting), r, HashPayload(nil), "s3", "us-east-1", noon); err != nil {
			t.Fatal(err)
		}
		var wire bytes.Buffer
		if err := r.Write(&wire); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(received(r), "s3", HashPayload(nil)); err != nil {
			t.Fatalf("%s: %v", r.URL, err)
		}
	})
}

func TestGitPasswords(t *testing.T) {
	const path, host = "/v1/repos/site", "127.0.0.1:4566"
	v := verifierAt(noon)
	password := func(k iam.AccessKey, at time.Time, path, host string) string {
		date := at.Format(gitDate)
		scope := Scope{Day: date[:8], Region: "us-east-1", Service: "codecommit"}
		return date + "Z" + hexOf(sign(k.Secret, scope, date, gitCanonical(path, host)))
	}
	for _, tc := range []struct {
		name, user, password string
		ok                   bool
	}{
		{"signed", lasting.ID, password(lasting, noon, path, host), true},
		{"signed without port", lasting.ID, password(lasting, noon, path, "127.0.0.1"), true},
		{"14 minutes old", lasting.ID, password(lasting, noon.Add(-14*time.Minute), path, host), true},
		{"16 minutes old", lasting.ID, password(lasting, noon.Add(-16*time.Minute), path, host), false},
		{"16 minutes early", lasting.ID, password(lasting, noon.Add(16*time.Minute), path, host), false},
		{"another repository", lasting.ID, password(lasting, noon, "/v1/repos/other", host), false},
		{"another host", lasting.ID, password(lasting, noon, path, "example.com"), false},
		{"session", session.ID + "%" + session.SessionToken, password(session, noon, path, host), true},
		{"session without token", session.ID, password(session, noon, path, host), false},
		{"expired session", expired.ID + "%t", password(expired, noon, path, host), false},
		{"key and secret", lasting.ID, lasting.Secret, true},
		{"key and another's secret", lasting.ID, session.Secret, false},
		{"nobody", "AKIANOBODY", lasting.Secret, false},
		{"empty", "", "", false},
		{"no hex", lasting.ID, "20260131T120000Zxyz", false},
		{"only a date", lasting.ID, "20260131T120000Z", false},
	} {
		id, err := v.VerifyGit(context.Background(), tc.user, tc.password, path, host)
		if tc.ok && (err != nil || id.AccessKeyID == "") {
			t.Errorf("%s: %v", tc.name, err)
		}
		if !tc.ok && !errors.Is(err, ErrGitCredentials) {
			t.Errorf("%s: accepted (%v)", tc.name, err)
		}
	}
}

func FuzzSignature(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIALASTING/20260131/us-east-1/codepipeline/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("a", 64), "20260131T120000Z", "a=b&X-Amz-Date=1")
	f.Add("AWS4-HMAC-SHA256 Credential=////,SignedHeaders=;;,Signature=", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2Fb%2Fc%2Fd%2Faws4_request&X-Amz-Expires=-1&X-Amz-Signature=%zz")
	f.Add("", "x", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIALASTING/20260131/us-east-1/s3/aws4_request&X-Amz-Date=20260131T120000Z&X-Amz-SignedHeaders=host&X-Amz-Signature="+strings.Repeat("0", 64))
	v := verifierAt(noon)
	f.Fuzz(func(t *testing.T, authorization, date, query string) {
		r := httptest.NewRequest(http.MethodPost, "http://host/", nil)
		r.URL.RawQuery = query
		r.Header["Authorization"] = []string{authorization}
		r.Header["X-Amz-Date"] = []string{date}
		if id, err := v.Verify(r, "", HashPayload(nil)); err == nil {
			t.Fatalf("signed by %v without its secret", id)
		}
	})
}
