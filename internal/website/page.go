package website

import (
	"crypto/rand"
	"html"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/objectstore"
)

// failure is a request that ends in an error page.
type failure struct {
	status  int
	code    string
	message string
	details []detail // more lines of the page, in order
}

type detail struct{ name, value string }

func noSuchBucket(bucket string) *failure {
	return &failure{http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist", []detail{{"BucketName", bucket}}}
}

func noConfiguration(bucket string) *failure {
	return &failure{
		http.StatusNotFound, "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration",
		[]detail{{"BucketName", bucket}},
	}
}

func noSuchKey(key string) *failure {
	return &failure{http.StatusNotFound, "NoSuchKey", "The specified key does not exist.", []detail{{"Key", key}}}
}

func accessDenied() *failure {
	return &failure{http.StatusForbidden, "AccessDenied", "Access Denied", nil}
}

func internalError() *failure {
	return &failure{http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again.", nil}
}

func methodNotAllowed(method string) *failure {
	return &failure{
		http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.",
		[]detail{{"Method", method}, {"ResourceType", "OBJECT"}},
	}
}

func wrongRegion(host string) *failure {
	return &failure{
		http.StatusBadRequest, "IncorrectEndpoint",
		"The specified bucket exists in another region. Please direct requests to the specified endpoint.",
		[]detail{{"Endpoint", host}},
	}
}

// ids are the two request ids every answer has.
type ids struct{ request, host string }

func setIDs(h http.Header) ids {
	i := ids{rand.Text()[:16], rand.Text() + rand.Text()}
	h.Set("X-Amz-Request-Id", i.request)
	h.Set("X-Amz-Id-2", i.host)
	h.Set("Server", "AmazonS3")
	return i
}

// page writes the error page; custom is why the bucket's own error document could not be shown, if it has one.
func (f *failure) page(w http.ResponseWriter, r *http.Request, i ids, custom *failure) {
	title := strconv.Itoa(f.status) + " " + http.StatusText(f.status)
	var b strings.Builder
	b.WriteString("<html>\n<head><title>" + title + "</title></head>\n<body>\n<h1>" + title + "</h1>\n<ul>\n")
	f.lines(&b)
	item(&b, "RequestId", i.request)
	item(&b, "HostId", i.host)
	b.WriteString("</ul>\n")
	if custom != nil {
		b.WriteString("<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n<ul>\n")
		custom.lines(&b)
		b.WriteString("</ul>\n")
	}
	b.WriteString("<hr/>\n</body>\n</html>\n")
	f.headers(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(f.status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, b.String())
	}
}

func (f *failure) lines(b *strings.Builder) {
	item(b, "Code", f.code)
	item(b, "Message", f.message)
	for _, d := range f.details {
		item(b, d.name, d.value)
	}
}

func item(b *strings.Builder, name, value string) {
	b.WriteString("<li>" + name + ": " + html.EscapeString(value) + "</li>\n")
}

func (f *failure) headers(h http.Header) {
	h.Set("X-Amz-Error-Code", f.code)
	h.Set("X-Amz-Error-Message", f.message)
	for _, d := range f.details {
		if d.name == "Key" {
			h.Set("X-Amz-Error-Detail-Key", headerText(d.value))
		}
	}
	if f.status == http.StatusMethodNotAllowed {
		h.Set("Allow", "GET, HEAD")
	}
}

// headerText keeps a value from breaking out of its header.
func headerText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// objectHeaders are those stored with an object.
func objectHeaders(h http.Header, o objectstore.Object) {
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	contentType := o.ContentType
	if contentType == "" {
		contentType = "binary/octet-stream"
	}
	h.Set("Content-Type", headerText(contentType))
	set("Content-Encoding", headerText(o.ContentEncoding))
	set("Content-Language", headerText(o.ContentLanguage))
	set("Content-Disposition", headerText(o.ContentDisposition))
	set("Cache-Control", headerText(o.CacheControl))
	set("Expires", headerText(o.Expires))
	set("X-Amz-Server-Side-Encryption", headerText(o.Encryption))
	if o.VersionID != "null" {
		set("X-Amz-Version-Id", o.VersionID)
	}
	for k, v := range o.Metadata {
		h.Set("X-Amz-Meta-"+k, headerText(v))
	}
	h.Set("ETag", `"`+o.ETag+`"`)
	h.Set("Last-Modified", o.LastModified.UTC().Format(http.TimeFormat))
}
