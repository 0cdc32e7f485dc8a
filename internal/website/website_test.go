package website_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
	"github.com/conveyor-cd/conveyor/internal/website"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		host, bucket string
		ok           bool
	}{
		{"site.s3-website-us-east-1.amazonaws.com", "site", true},
		{"site.s3-website.eu-central-1.amazonaws.com", "site", true},
		{"site.s3-website.localhost", "site", true},
		{"site.s3-website.localhost:4566", "site", true},
		{"site.s3-website-us-east-1.localhost:4566", "site", true},
		{"site.s3-website-us-east-1.127.0.0.1.nip.io:80", "site", true},
		{"www.my-site.org.s3-website-us-gov-west-1.localhost", "www.my-site.org", true},
		{"a.s3-website.b.s3-website.localhost", "a.s3-website.b", true},
		{"SITE.S3-Website.LocalHost.", "site", true},
		{"s3-website-us-east-1.localhost", "", true},
		{"site.localhost", "", false},
		{"localhost:4566", "", false},
		{"127.0.0.1:4566", "", false},
		{"site.s3-websites.localhost", "", false},
		{"site.s3-website", "", false},
		{"site.s3-website-nonsense.localhost", "", false},
		{"", "", false},
	} {
		bucket, ok := website.Match(c.host)
		if bucket != c.bucket || ok != c.ok {
			t.Errorf("Match(%q) = %q, %v; want %q, %v", c.host, bucket, ok, c.bucket, c.ok)
		}
	}
}

func FuzzMatch(f *testing.F) {
	for _, s := range []string{"site.s3-website.localhost:1", "s3-website-", ".s3-website.", "[::1]:80", "a:b:c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if bucket, ok := website.Match(host); !ok && bucket != "" {
			t.Errorf("no match, but bucket %q", bucket)
		}
	})
}

type world struct {
	t     *testing.T
	store *objectstore.Store
	h     *website.Handler
}

const public = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*"}]}`

// newWorld has a bucket "site" with a website and a policy that makes it public.
func newWorld(t *testing.T, config string) *world {
	t.Helper()
	s, err := objectstore.Open(t.Context(), sqltest.SQLite(t), t.TempDir(), objectstore.Options{})
	must(t, err)
	w := &world{t: t, store: s, h: website.New(s, website.Options{})}
	must(t, s.EnsureBucket(t.Context(), "site"))
	w.doc("policy", public)
	if config != "" {
		w.doc("website", "<WebsiteConfiguration>"+config+"</WebsiteConfiguration>")
	}
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) doc(kind, body string) {
	w.t.Helper()
	var b []byte
	if body != "" {
		b = []byte(body)
	}
	must(w.t, w.store.SetDocument(w.t.Context(), "site", kind, b))
}

func (w *world) put(key, body string, change ...func(*objectstore.Attributes)) {
	w.t.Helper()
	a := objectstore.Attributes{ContentType: "text/html"}
	for _, f := range change {
		f(&a)
	}
	_, err := w.store.Put(w.t.Context(), "site", key, strings.NewReader(body), a)
	must(w.t, err)
}

type answer struct {
	status   int
	body     string
	header   http.Header
	location string
}

const host = "site.s3-website-us-east-1.localhost:4566"

func (w *world) do(method, host, target string, headers ...string) answer {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, "http://x/", nil)
	r.URL.Path, r.URL.RawPath = "", ""
	u := strings.SplitN(target, "?", 2)
	path, err := pathOf(u[0])
	must(w.t, err)
	r.URL.Path = path
	if len(u) == 2 {
		r.URL.RawQuery = u[1]
	}
	r.Host = host
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	return answer{rec.Code, rec.Body.String(), rec.Header(), rec.Header().Get("Location")}
}

func pathOf(escaped string) (string, error) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://x"+escaped, nil)
	if err != nil {
		return "", err
	}
	return r.URL.Path, nil
}

func (w *world) get(target string, headers ...string) answer {
	w.t.Helper()
	return w.do(http.MethodGet, host, target, headers...)
}

func (w *world) want(target string, status int, rest string) {
	w.t.Helper()
	a := w.get(target)
	got := a.location
	if a.status < 300 || a.status >= 400 {
		got = a.body
	}
	if a.status != status || !strings.Contains(got, rest) || rest == "" && got != "" {
		w.t.Errorf("GET %s: %d %q, want %d %q", target, a.status, got, status, rest)
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t, "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>")
	w.put("index.html", "home")
	w.put("dir/index.html", "folder")
	w.put("dir/page.html", "page")
	w.put("/slash", "slash")
	w.put("한글 page", "unicode")
	w.put("both", "file")
	w.put("both/index.html", "folder of both")
	w.want("/", 200, "home")
	w.want("/dir/", 200, "folder")
	w.want("/dir", 302, "/dir/")
	w.want("/dir/page.html", 200, "page")
	w.want("//slash", 200, "slash")
	w.want("/%ED%95%9C%EA%B8%80%20page", 200, "unicode")
	w.want("/both", 200, "file")
	w.want("/both/", 200, "folder of both")
	w.want("/none/", 404, "NoSuchKey")
	w.want("/none", 404, "<li>Key: none</li>")
	w.want("/dir/page.html?versionId=x&list-type=2&response-content-type=a", 200, "page")
	w.want("/../dir/page.html", 404, "NoSuchKey")
	w.want("/%3Cscript%3E", 404, "<li>Key: &lt;script&gt;</li>")
	w.want("/"+strings.Repeat("k", 2000), 404, "NoSuchKey")
	w.put("a b/index.html", "x")
	w.want("/a%20b", 302, "/a%20b/")
}

func TestHeaders(t *testing.T) {
	w := newWorld(t, "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>")
	w.put("index.html", "0123456789", func(a *objectstore.Attributes) {
		a.ContentType, a.CacheControl, a.ContentLanguage = "text/plain; charset=utf-8", "no-cache", "ko"
		a.ContentDisposition, a.Expires = "inline", "0"
		a.Metadata = map[string]string{"who": "me", "evil": "a\r\nSet-Cookie: b"}
	})
	a := w.get("/")
	for name, want := range map[string]string{
		"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-cache", "Content-Language": "ko", "Content-Length": "10",
		"Content-Disposition": "inline", "Expires": "0", "X-Amz-Meta-Who": "me", "X-Amz-Meta-Evil": "aSet-Cookie: b", "Server": "AmazonS3",
		"Etag": `"781e5e245d69b566979b86e28d23f2c7"`, "Accept-Ranges": "bytes",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if a.header.Get("X-Amz-Request-Id") == "" || a.header.Get("X-Amz-Id-2") == "" || a.header.Get("Last-Modified") == "" {
		t.Errorf("headers %v", a.header)
	}
	for _, c := range []struct {
		headers []string
		status  int
		body    string
	}{
		{[]string{"If-None-Match", a.header.Get("Etag")}, 304, ""},
		{[]string{"If-None-Match", `"other"`}, 200, "0123456789"},
		{[]string{"If-Match", `"other"`}, 412, ""},
		{[]string{"If-Modified-Since", a.header.Get("Last-Modified")}, 304, ""},
		{[]string{"If-Unmodified-Since", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)}, 412, ""},
		{[]string{"Range", "bytes=2-4"}, 206, "234"},
		{[]string{"Range", "bytes=-3"}, 206, "789"},
		{[]string{"Range", "bytes=99-"}, 416, "invalid range: failed to overlap\n"},
	} {
		if got := w.get("/", c.headers...); got.status != c.status || got.body != c.body {
			t.Errorf("%v: %d %q, want %d %q", c.headers, got.status, got.body, c.status, c.body)
		}
	}
	if h := w.do(http.MethodHead, host, "/"); h.status != 200 || h.body != "" || h.header.Get("Content-Length") != "10" {
		t.Errorf("HEAD: %+v", h)
	}
	w.put("no-type", "<html>", func(a *objectstore.Attributes) { a.ContentType = "" })
	if got := w.get("/no-type").header.Get("Content-Type"); got != "binary/octet-stream" {
		t.Errorf("untyped object is sent as %q", got)
	}
	w.put("zipped", "xxxx", func(a *objectstore.Attributes) { a.ContentEncoding = "gzip" })
	if h := w.get("/zipped").header; h.Get("Content-Encoding") != "gzip" || h.Get("Content-Length") != "4" {
		t.Errorf("encoded object: %v", h)
	}
}

func TestFailuresWithoutAWebsite(t *testing.T) {
	w := newWorld(t, "")
	w.put("index.html", "home")
	w.want("/", 404, "<li>Code: NoSuchWebsiteConfiguration</li>")
	if a := w.do("GET", "absent.s3-website.localhost", "/"); a.status != 404 || !strings.Contains(a.body, "<li>BucketName: absent</li>") {
		t.Errorf("absent bucket: %+v", a)
	}
	if a := w.do("GET", "s3-website-us-east-1.localhost", "/"); a.status != 301 || a.location == "" {
		t.Errorf("no bucket: %+v", a)
	}
	if a := w.do("GET", "site.s3-website-eu-west-1.localhost", "/"); a.status != 400 || !strings.Contains(a.body, "IncorrectEndpoint") {
		t.Errorf("wrong region: %+v", a)
	}
	w.doc("website", "<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>")
	for _, m := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if a := w.do(m, host, "/"); a.status != 405 || !strings.Contains(a.body, "<li>Method: "+m+"</li>") || a.header.Get("Allow") == "" {
			t.Errorf("%s: %+v", m, a)
		}
	}
}

func TestTheErrorPageItself(t *testing.T) {
	w := newWorld(t, "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>")
	a := w.get("/foo.html")
	want := regexp.MustCompile(`^<html>
<head><title>404 Not Found</title></head>
<body>
<h1>404 Not Found</h1>
<ul>
<li>Code: NoSuchKey</li>
<li>Message: The specified key does not exist.</li>
<li>Key: foo.html</li>
<li>RequestId: [A-Z2-7]+</li>
<li>HostId: [A-Z2-7]+</li>
</ul>
<hr/>
</body>
</html>
$`)
	if !want.MatchString(a.body) || a.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("page %q\nheaders %v", a.body, a.header)
	}
	if h := w.do("HEAD", host, "/foo.html"); h.status != 404 || h.body != "" {
		t.Errorf("HEAD: %+v", h)
	}
}

func TestErrorDocument(t *testing.T) {
	const config = "<IndexDocument><Suffix>index.html</Suffix></IndexDocument><ErrorDocument><Key>err/404.html</Key></ErrorDocument>"
	w := newWorld(t, config)
	a := w.get("/none")
	if a.status != 404 || !strings.Contains(a.body, "<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>") ||
		!strings.Contains(a.body, "<li>Key: err/404.html</li>") {
		t.Errorf("without the document: %+v", a)
	}
	w.put("err/404.html", "sorry", func(a *objectstore.Attributes) { a.CacheControl = "max-age=9" })
	a = w.get("/none", "If-None-Match", "*", "Range", "bytes=0-1")
	if a.status != 404 || a.body != "sorry" || a.header.Get("Cache-Control") != "max-age=9" || a.header.Get("X-Amz-Error-Code") != "NoSuchKey" ||
		a.header.Get("X-Amz-Error-Detail-Key") != "none" || a.header.Get("Content-Length") != "5" {
		t.Errorf("with the document: %+v", a)
	}
	if h := w.do("HEAD", host, "/none"); h.status != 404 || h.body != "" || h.header.Get("Content-Length") != "5" {
		t.Errorf("HEAD: %+v", h)
	}
	w.put("dir/index.html", "x")
	w.want("/dir", 302, "/dir/") // the folder wins over the error document
	w.put("err/404.html", "", func(a *objectstore.Attributes) { a.WebsiteRedirect = "/home" })
	w.want("/none", 301, "/home")
}

func TestWhoMayRead(t *testing.T) {
	w := newWorld(t, "<IndexDocument><Suffix>index.html</Suffix></IndexDocument><ErrorDocument><Key>error.html</Key></ErrorDocument>")
	readable := func(a *objectstore.Attributes) { a.CannedACL = "public-read" }
	w.put("plain", "by policy")
	w.put("acl", "by acl", readable)
	want := func(what string, plain, acl int) {
		t.Helper()
		if p, a := w.get("/plain"), w.get("/acl"); p.status != plain || a.status != acl {
			t.Errorf("%s: %d for the object without ACL, %d for the one with; want %d, %d", what, p.status, a.status, plain, acl)
		}
	}
	want("public policy", 200, 200)
	w.doc("publicAccessBlock", `{"RestrictPublicBuckets":true}`)
	want("restricted policy", 403, 200)
	w.doc("publicAccessBlock", `{"RestrictPublicBuckets":true,"IgnorePublicAcls":true}`)
	want("all restricted", 403, 403)
	w.doc("publicAccessBlock", `{"BlockPublicPolicy":true,"BlockPublicAcls":true}`)
	want("blocks concern puts only", 200, 200)
	w.doc("publicAccessBlock", "")
	w.doc("policy", "")
	want("no policy", 403, 200)
	if a := w.get("/plain"); !strings.Contains(a.body, "<li>Code: AccessDenied</li>") {
		t.Errorf("page %q", a.body)
	}
	w.want("/absent", 404, "NoSuchKey")
	w.doc("ownership", "BucketOwnerEnforced")
	want("ACLs are off", 403, 403)
	w.doc("ownership", "")
	w.doc("policy", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::site/acl"}]}`)
	want("a Deny wins over the ACL", 403, 403)
	w.doc("policy", strings.Replace(public, `"Resource"`, `"Condition":{"StringEquals":{"aws:Referer":"http://friend/"}},"Resource"`, 1))
	want("a condition that is not met", 403, 200)
	if a := w.get("/plain", "Referer", "http://friend/"); a.status != 200 {
		t.Errorf("a condition that is met: %d", a.status)
	}
	w.doc("policy", strings.Replace(public, `"*"`, `{"AWS":"arn:aws:iam::000000000000:root"}`, 1))
	want("a policy for somebody", 403, 200)
	w.doc("policy", "")
	w.put("error.html", "custom", readable)
	w.want("/plain", 403, "custom")
}

func TestRedirects(t *testing.T) {
	const index = "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>"
	rule := func(condition, redirect string) string {
		return "<RoutingRules><RoutingRule>" + condition + "<Redirect>" + redirect + "</Redirect></RoutingRule></RoutingRules>"
	}
	prefix := func(p string) string { return "<Condition><KeyPrefixEquals>" + p + "</KeyPrefixEquals></Condition>" }
	onError := func(code string) string {
		return "<Condition><HttpErrorCodeReturnedEquals>" + code + "</HttpErrorCodeReturnedEquals></Condition>"
	}
	for _, c := range []struct {
		name, config, target string
		status               int
		location             string
	}{
		{"all requests", "<RedirectAllRequestsTo><HostName>other.org</HostName></RedirectAllRequestsTo>", "/a/b", 301, "http://other.org/a/b"},
		{"all requests, protocol", "<RedirectAllRequestsTo><HostName>other.org</HostName><Protocol>https</Protocol></RedirectAllRequestsTo>", "/", 301, "https://other.org/"},
		{"prefix to prefix", index + rule(prefix("docs/"), "<ReplaceKeyPrefixWith>documents/</ReplaceKeyPrefixWith>"), "/docs/a b", 301, "http://" + host + "/documents/a%20b"},
		{"prefix to nothing", index + rule(prefix("docs/"), "<ReplaceKeyPrefixWith/>"), "/docs/a", 301, "http://" + host + "/a"},
		{"prefix to key", index + rule(prefix("images/"), "<ReplaceKeyWith>gone.html</ReplaceKeyWith>"), "/images/x.png", 301, "http://" + host + "/gone.html"},
		{"host only", index + rule(prefix("x"), "<HostName>h.org</HostName>"), "/xyz", 301, "http://h.org/xyz"},
		{"protocol and code", index + rule(prefix("x"), "<Protocol>https</Protocol><HttpRedirectCode>307</HttpRedirectCode>"), "/xyz", 307, "https://" + host + "/xyz"},
		{"no condition", index + rule("", "<HostName>h.org</HostName>"), "/anything", 301, "http://h.org/anything"},
		{"no condition, prefix prepended", index + rule("", "<ReplaceKeyPrefixWith>new/</ReplaceKeyPrefixWith>"), "/k", 301, "http://" + host + "/new/k"},
		{"on 404", index + rule(onError("404"), "<HostName>h.org</HostName><ReplaceKeyPrefixWith>report/</ReplaceKeyPrefixWith>"), "/none", 301, "http://h.org/report/none"},
		{"on 404, before the error document", index + "<ErrorDocument><Key>here</Key></ErrorDocument>" + rule(onError("404"), "<ReplaceKeyWith>x</ReplaceKeyWith>"), "/none", 301, "http://" + host + "/x"},
		{"on 403 does not fire for 404", index + rule(onError("403"), "<ReplaceKeyWith>x</ReplaceKeyWith>"), "/none", 404, ""},
		{"error and prefix", index + rule("<Condition><KeyPrefixEquals>a</KeyPrefixEquals><HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition>", "<ReplaceKeyWith>x</ReplaceKeyWith>"), "/b", 404, ""},
		{"a rule on errors leaves pages alone", index + rule(onError("404"), "<ReplaceKeyWith>x</ReplaceKeyWith>"), "/here", 200, ""},
		{"query is dropped", index + rule(prefix("x"), "<ReplaceKeyWith>y</ReplaceKeyWith>"), "/x?q=1", 301, "http://" + host + "/y"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.config)
			w.put("here", "page")
			a := w.get(strings.ReplaceAll(c.target, " ", "%20"))
			if a.status != c.status || a.location != c.location {
				t.Errorf("%d %q, want %d %q", a.status, a.location, c.status, c.location)
			}
		})
	}
	t.Run("the first rule that matches wins", func(t *testing.T) {
		w := newWorld(t, index+"<RoutingRules><RoutingRule>"+prefix("a/b")+"<Redirect><HostName>one</HostName></Redirect></RoutingRule>"+
			"<RoutingRule>"+prefix("a")+"<Redirect><HostName>two</HostName></Redirect></RoutingRule></RoutingRules>")
		w.want("/a/b", 301, "http://one/a/b")
		w.want("/a/c", 301, "http://two/a/c")
	})
	t.Run("objects that redirect", func(t *testing.T) {
		w := newWorld(t, index)
		for key, to := range map[string]string{"a": "/b/c", "d": "https://other.org/x?y=1"} {
			w.put(key, "unseen", func(a *objectstore.Attributes) { a.WebsiteRedirect = to })
		}
		w.want("/a", 301, "/b/c")
		w.want("/d", 301, "https://other.org/x?y=1")
		if a := w.get("/a"); a.body != "" {
			t.Errorf("body %q", a.body)
		}
	})
}

func TestByPath(t *testing.T) {
	w := newWorld(t, "<IndexDocument><Suffix>index.html</Suffix></IndexDocument><RoutingRules><RoutingRule><Condition><KeyPrefixEquals>old/</KeyPrefixEquals></Condition>"+
		"<Redirect><ReplaceKeyPrefixWith>new/</ReplaceKeyPrefixWith></Redirect></RoutingRule></RoutingRules>")
	w.put("index.html", "home")
	w.put("dir/index.html", "folder")
	w.put("moved", "", func(a *objectstore.Attributes) { a.WebsiteRedirect = "/dir/" })
	for _, c := range []struct {
		path   string
		status int
		want   string
	}{
		{"/conveyor/websites/site", 301, "/conveyor/websites/site/"},
		{"/conveyor/websites/site/", 200, "home"},
		{"/conveyor/websites/site/dir", 302, "/conveyor/websites/site/dir/"},
		{"/conveyor/websites/site/dir/", 200, "folder"},
		{"/conveyor/websites/site/moved", 301, "/conveyor/websites/site/dir/"},
		{"/conveyor/websites/site/old/x", 301, "http://127.0.0.1:4566/conveyor/websites/site/new/x"},
		{"/conveyor/websites/site/none", 404, "NoSuchKey"},
		{"/conveyor/websites/absent/", 404, "NoSuchBucket"},
		{"/conveyor/websites//", 404, "NoSuchBucket"},
	} {
		a := w.do("GET", "127.0.0.1:4566", c.path)
		got := a.location
		if a.status == 200 || a.status == 404 {
			got = a.body
		}
		if a.status != c.status || !strings.Contains(got, c.want) {
			t.Errorf("%s: %d %q, want %d %q", c.path, a.status, got, c.status, c.want)
		}
	}
}

func TestHostsBoundToABucket(t *testing.T) {
	w := newWorld(t, "")
	must(t, w.store.EnsureBucket(t.Context(), "www.example.com"))
	_, err := w.store.Put(t.Context(), "www.example.com", "index.html", strings.NewReader("bound"), objectstore.Attributes{CannedACL: "public-read"})
	must(t, err)
	wants := func(host, path string) bool {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		r.Host = host
		return w.h.Wants(r)
	}
	if wants("www.example.com", "/") {
		t.Error("a bucket without a website takes its host")
	}
	must(t, w.store.SetDocument(t.Context(), "www.example.com", "website", []byte("<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>")))
	for host, want := range map[string]bool{
		"www.example.com": true, "WWW.example.com:80": true, "example.com": false, "127.0.0.1:4566": false, "localhost": false,
		"site": false, "site.s3-website.localhost": true,
	} {
		if got := wants(host, "/"); got != want {
			t.Errorf("Wants(%s) = %v", host, got)
		}
	}
	if !wants("127.0.0.1:4566", "/conveyor/websites/site/") {
		t.Error("the path is not taken")
	}
	if a := w.do("GET", "www.example.com:80", "/"); a.status != 200 || a.body != "bound" {
		t.Errorf("%+v", a)
	}
}

func TestCORS(t *testing.T) {
	w := newWorld(t, "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>")
	w.put("index.html", "home")
	w.doc("cors", "<CORSConfiguration><CORSRule><AllowedOrigin>https://a.org</AllowedOrigin><AllowedMethod>GET</AllowedMethod><MaxAgeSeconds>5</MaxAgeSeconds></CORSRule></CORSConfiguration>")
	if a := w.get("/", "Origin", "https://a.org"); a.header.Get("Access-Control-Allow-Origin") != "https://a.org" {
		t.Errorf("headers %v", a.header)
	}
	if a := w.get("/", "Origin", "https://b.org"); a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("headers %v", a.header)
	}
	if a := w.do("OPTIONS", host, "/", "Origin", "https://a.org", "Access-Control-Request-Method", "GET"); a.status != 200 || a.header.Get("Access-Control-Max-Age") != "5" {
		t.Errorf("preflight %+v", a)
	}
}

// TestAPublishShowsAtOnce reads a page right after each publish, through a real server.
func TestAPublishShowsAtOnce(t *testing.T) {
	w := newWorld(t, "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>")
	srv := httptest.NewServer(w.h)
	defer srv.Close()
	for i := range 20 {
		want := fmt.Sprint("release ", i)
		must(t, w.store.Publish(t.Context(), "site", []objectstore.File{{
			Key: "index.html", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(want)), nil },
		}}))
		resp, err := http.Get(srv.URL + "/conveyor/websites/site/") // a test
		must(t, err)
		got, err := io.ReadAll(resp.Body)
		must(t, err)
		resp.Body.Close()
		if string(got) != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	s, err := objectstore.Open(b.Context(), sqltest.SQLite(b), b.TempDir(), objectstore.Options{})
	must(b, err)
	must(b, s.EnsureBucket(b.Context(), "site"))
	must(b, s.SetDocument(b.Context(), "site", "policy", []byte(public)))
	must(b, s.SetDocument(b.Context(), "site", "website", []byte("<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>")))
	_, err = s.Put(b.Context(), "site", "index.html", strings.NewReader(strings.Repeat("x", 10<<10)), objectstore.Attributes{})
	must(b, err)
	srv := httptest.NewServer(website.New(s, website.Options{}))
	defer srv.Close()
	for b.Loop() {
		resp, err := http.Get(srv.URL + "/conveyor/websites/site/") // a benchmark
		must(b, err)
		n, err := io.Copy(io.Discard, resp.Body)
		must(b, err)
		resp.Body.Close()
		if n != 10<<10 {
			b.Fatal(n)
		}
	}
}
