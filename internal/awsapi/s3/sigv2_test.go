package s3_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// v2 presigns as botocore does by default.
func v2(id, secret, method, resource, contentType string, expires time.Time) string {
	mac := hmac.New(sha1.New, []byte(secret))
	fmt.Fprintf(mac, "%s\n\n%s\n%d\n%s", method, contentType, expires.Unix(), resource)
	sep := "?"
	if strings.Contains(resource, "?") {
		sep = "&"
	}
	return resource + sep + url.Values{
		"AWSAccessKeyId": {id}, "Expires": {fmt.Sprint(expires.Unix())}, "Signature": {base64.StdEncoding.EncodeToString(mac.Sum(nil))},
	}.Encode()
}

func TestURLsPresignedWithVersion2(t *testing.T) {
	w := one(t)
	w.bucket("bucket")
	w.put(w.bucket("readable"), "key", "for the user")
	later := time.Now().Add(time.Minute)
	html := http.Header{"Content-Type": {"text/html"}}
	if status, body := w.http("PUT", w.url+v2("AKIAROOT", "rootsecret", "PUT", "/bucket/a%20b%2Bc", "text/html", later), "by url", html); status != 200 {
		t.Fatalf("put: %d %s", status, body)
	}
	for _, c := range []struct {
		url    string
		status int
		want   string
	}{
		{v2("AKIAROOT", "rootsecret", "GET", "/bucket/a%20b%2Bc", "", later), 200, "by url"},
		{v2("AKIAROOT", "rootsecret", "GET", "/bucket/a%20b%2Bc?response-content-type=text/x", "", later), 200, "by url"},
		{v2("AKIAROOT", "rootsecret", "GET", "/bucket/a%20b%2Bc?acl", "", later), 200, "AccessControlPolicy"},
		{v2("AKIAUSER", "usersecret", "GET", "/readable/key", "", later), 200, "for the user"},
		{v2("AKIAUSER", "usersecret", "GET", "/bucket/a%20b%2Bc", "", later), 403, "AccessDenied"},
		{v2("AKIAROOT", "wrong", "GET", "/bucket/a%20b%2Bc", "", later), 403, "SignatureDoesNotMatch"},
		{v2("AKIAROOT", "rootsecret", "PUT", "/bucket/a%20b%2Bc", "", later), 403, "SignatureDoesNotMatch"},
		{v2("AKIANONE", "rootsecret", "GET", "/bucket/a%20b%2Bc", "", later), 403, "InvalidAccessKeyId"},
		{v2("ASIATEMP", "tempsecret", "GET", "/bucket/a%20b%2Bc", "", later), 400, "InvalidToken"},
		{v2("AKIAROOT", "rootsecret", "GET", "/bucket/a%20b%2Bc", "", time.Now().Add(-time.Minute)), 403, "expired"},
		{strings.Replace(v2("AKIAROOT", "rootsecret", "GET", "/bucket/a%20b%2Bc", "", later), "a%20b", "other", 1), 403, "SignatureDoesNotMatch"},
	} {
		if status, body := w.http("GET", w.url+c.url, "", nil); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %s, want %d %s", c.url, status, body, c.status, c.want)
		}
	}
}

// Clients send headers of their connection, and botocore presigns headers as parameters, which then hold.
func TestURLsPresignedWithVersion2AsClientsUseThem(t *testing.T) {
	w := one(t)
	w.bucket("bucket")
	later := time.Now().Add(time.Minute)
	of := http.Header{"Connection": {"keep-alive"}, "Accept-Encoding": {"gzip, deflate"}, "Accept": {"*/*"}, "User-Agent": {"python-requests/2"}}
	put := of.Clone()
	put.Set("X-Amz-Meta-Colour", "blue") // not what was signed
	mac := hmac.New(sha1.New, []byte("rootsecret"))
	fmt.Fprintf(mac, "PUT\n\n\n%d\nx-amz-meta-colour:red\n/bucket/key", later.Unix())
	target := w.url + "/bucket/key?" + url.Values{
		"AWSAccessKeyId": {"AKIAROOT"}, "Expires": {fmt.Sprint(later.Unix())}, "x-amz-meta-colour": {"red"},
		"Signature": {base64.StdEncoding.EncodeToString(mac.Sum(nil))},
	}.Encode()
	if status, body := w.http("PUT", target, "hello", put); status != 200 {
		t.Fatalf("put: %d %s", status, body)
	}
	if status, body := w.http("GET", w.url+v2("AKIAROOT", "rootsecret", "GET", "/bucket/key", "", later), "", of); status != 200 || body != "hello" {
		t.Errorf("get: %d %s", status, body)
	}
	r, err := http.NewRequest(http.MethodHead, w.url+v2("AKIAROOT", "rootsecret", "HEAD", "/bucket/key", "", later), nil)
	if err != nil {
		t.Fatal(err)
	}
	head, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = head.Body.Close()
	if got := head.Header.Get("X-Amz-Meta-Colour"); head.StatusCode != http.StatusOK || got != "red" {
		t.Errorf("head: %s, colour %q, want that of the URL", head.Status, got)
	}
}
