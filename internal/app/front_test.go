package app

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
)

func TestEveryClientReachesItsService(t *testing.T) {
	name := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) })
	}
	f := &front{
		health: name("health"), api: name("api"), isAPI: awsapi.NewMux(awsapi.MuxOptions{}).Matches, git: name("git"), webhooks: name("webhooks"), websites: name("websites"),
		isWebsite: func(r *http.Request) bool {
			return strings.Contains(r.Host, ".s3-website") || strings.HasPrefix(r.URL.Path, "/conveyor/websites/")
		},
		console: name("console"), s3: name("s3"), approvals: name("approvals"),
	}
	for _, test := range []struct {
		what, method, url string
		header            map[string]string
		want              string
	}{
		{"an SDK's JSON service", "POST", "/", map[string]string{"X-Amz-Target": "CodePipeline_20150709.ListPipelines"}, "api"},
		{"IAM and STS", "POST", "/", map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, "api"},
		{"STS presigned", "GET", "/?Action=GetCallerIdentity&Version=2011-06-15", nil, "api"},
		{"git", "GET", "/v1/repos/site/info/refs?service=git-upload-pack", nil, "git"},
		{"a website by host", "GET", "http://www.s3-website.localhost:4566/", nil, "websites"},
		{"a website by host under a path like git's", "GET", "http://www.s3-website.localhost/v1/repos/x", nil, "websites"},
		{"a website by path", "GET", "/conveyor/websites/www/index.html", map[string]string{"Accept": "text/html"}, "websites"},
		{"a health check", "GET", "/readyz", nil, "health"},
		{"a browser", "GET", "/", map[string]string{"Accept": "text/html,*/*"}, "console"},
		{"a page of the console", "GET", "/conveyor/pipelines/site", map[string]string{"Accept": "text/html"}, "console"},
		{"a part of the console", "GET", "/conveyor/assets/index.js", map[string]string{"Accept": "*/*"}, "console"},
		{"a page of the console that calls an operation", "POST", "/conveyor/console/aws", map[string]string{"X-Amz-Target": "CodePipeline_20150709.ListPipelines"}, "console"},
		{"conveyor console", "POST", "/conveyor/console/link", map[string]string{"Authorization": "AWS4-HMAC-SHA256 ..."}, "console"},
		{"an object named like the console", "GET", "/conveyor/console/link", map[string]string{"Authorization": "AWS4-HMAC-SHA256 ..."}, "s3"},
		{"a website's page under the console's path", "GET", "http://www.s3-website.localhost/conveyor/console/session", nil, "websites"},
		{"a list of buckets", "GET", "/", map[string]string{"Authorization": "AWS4-HMAC-SHA256 ..."}, "s3"},
		{"an object with a browser", "GET", "/bucket/key.html", map[string]string{"Accept": "text/html"}, "s3"},
		{"a presigned object", "GET", "/bucket/key?X-Amz-Signature=x", nil, "s3"},
		{"a browser's form to a bucket", "POST", "/bucket", map[string]string{"Content-Type": "multipart/form-data; boundary=x"}, "s3"},
		{"a bucket named like a health check", "PUT", "/healthz", map[string]string{"Authorization": "AWS4-HMAC-SHA256 ..."}, "s3"},
		{"its list", "GET", "/readyz?list-type=2", map[string]string{"Authorization": "AWS4-HMAC-SHA256 ..."}, "s3"},
		{"its deletion without a signature", "DELETE", "/healthz", nil, "s3"},
		{"an object named like a website's path", "GET", "/conveyor/websites/a", map[string]string{"Authorization": "AWS4-HMAC-SHA256 ..."}, "s3"},
		{"it presigned", "GET", "/conveyor/websites/a?AWSAccessKeyId=x&Signature=y", nil, "s3"},
		{"a website by host that asks for a password", "GET", "http://www.s3-website.localhost/", map[string]string{"Authorization": "Basic x"}, "websites"},
		{"git at a host that a bucket took as its website", "GET", "http://www.s3-website.localhost/v1/repos/x/info/refs?service=git-upload-pack", nil, "git"},
		{"a push to such a host", "POST", "http://www.s3-website.localhost/v1/repos/x/git-receive-pack", nil, "git"},
		{"IAM at such a host", "POST", "http://www.s3-website.localhost/", map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Authorization": "AWS4-HMAC-SHA256 x"}, "api"},
		{"S3 at such a host", "DELETE", "http://www.s3-website.localhost/bucket?website", map[string]string{"Authorization": "AWS4-HMAC-SHA256 x"}, "s3"},
		{"a presigned object at such a host", "GET", "http://www.s3-website.localhost/bucket/key?X-Amz-Signature=x", nil, "s3"},
		{"a webhook", "POST", "/conveyor/webhooks/TOKEN", map[string]string{"Content-Type": "application/json"}, "webhooks"},
		{"a webhook with a form, as GitHub may send it", "POST", "/conveyor/webhooks/TOKEN", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, "webhooks"},
		{"a webhook whose sender has a password", "POST", "/conveyor/webhooks/TOKEN", map[string]string{"Authorization": "Basic x"}, "webhooks"},
		{"a webhook at a host that a bucket took as its website", "POST", "http://www.s3-website.localhost/conveyor/webhooks/TOKEN", nil, "webhooks"},
		{"a website's page under a webhook's path", "GET", "http://www.s3-website.localhost/conveyor/webhooks/TOKEN", nil, "websites"},
		{"an upload of an object named like a webhook", "POST", "/conveyor/webhooks/TOKEN?uploads", map[string]string{"Authorization": "AWS4-HMAC-SHA256 x"}, "s3"},
		{"a link of an approval", "GET", "/conveyor/approvals/approve/x.y", map[string]string{"Accept": "text/html"}, "approvals"},
		{"the form behind it", "POST", "/conveyor/approvals/approve/x.y", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, "approvals"},
		{"an object named like such a link", "GET", "/conveyor/approvals/approve/x.y", map[string]string{"Authorization": "AWS4-HMAC-SHA256 x"}, "s3"},
		{"an object put", "PUT", "/bucket/healthz", nil, "s3"},
	} {
		t.Run(test.what, func(t *testing.T) {
			r := httptest.NewRequest(test.method, test.url, nil)
			for k, v := range test.header {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			f.ServeHTTP(w, r)
			if got := w.Body.String(); got != test.want {
				t.Errorf("reached %s, want %s", got, test.want)
			}
		})
	}
}
