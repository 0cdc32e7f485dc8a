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
