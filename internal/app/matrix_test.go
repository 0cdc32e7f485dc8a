package app

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/spf13/pflag"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/config"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
)

var update = flag.Bool("update", false, "write testdata/matrix.txt anew")

// reads are the beginnings of the names of operations that change nothing.
var reads = regexp.MustCompile(`^(Get|List|Describe|BatchGet|BatchDescribe|Simulate|Filter|Test|Evaluate|StartQuery|StopQuery)`)

// everybody may do these. The stream of the console tells of a pipeline only to those who may see it.
var everybody = map[string]bool{
	"sts:GetCallerIdentity": true, "sts:GetSessionToken": true, "POST /conveyor/console/link": true, "GET /conveyor/console/session": true,
	"GET /conveyor/console/events": true,
}

// TestMatrix: over signed HTTP, one without policies may do nothing and a viewer may do nothing but read, whatever operation
// of whatever service, path of S3, of git or of Conveyor's own is asked for. testdata/matrix.txt says so line by line, and
// which member of a request names the resource that policies are asked about.
func TestMatrix(t *testing.T) {
	w := startMatrix(t)
	denied, viewer := w.user(t, "denied", ""), w.user(t, "viewer", "arn:aws:iam::aws:policy/ReadOnlyAccess")
	lines := []string{
		"# What may be done without policies, and with ReadOnlyAccess; and what names the resource.",
		"# Written by go test ./internal/app -run TestMatrix -update.",
	}
	may := map[bool]string{true: "may", false: "-"}
	for _, q := range slices.Concat(operations(w.api.Operations()), paths) {
		nobody, sees := w.may(t, denied, q), w.may(t, viewer, q)
		lines = append(lines, fmt.Sprintf("%-66s %-4s %-4s %s", q.name, may[nobody], may[sees], q.resource))
		if nobody && !everybody[q.name] {
			t.Errorf("%s: one without policies may do it", q.name)
		}
		if sees && !q.reads && !everybody[q.name] {
			t.Errorf("%s: a viewer may do it", q.name)
		}
		if q.resource == "" {
			t.Errorf("%s: nobody has said what it is about. Name the member in internal/awsapi/resources.go, or the operation in offered.go", q.name)
		}
	}
	text := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile("testdata/matrix.txt", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	was, err := os.ReadFile("testdata/matrix.txt")
	if err != nil {
		t.Fatal(err)
	}
	if string(was) != text {
		t.Error("testdata/matrix.txt is no longer right; look at what go test ./internal/app -run TestMatrix -update changes")
	}
}

// question is a request that needs a permission.
type question struct {
	name, resource string
	reads          bool // a viewer may ask it
	scope          string
	method, path   string
	header         map[string]string
	body           string
}

// operations are requests for the operations of the services, with nothing in them.
func operations(offered []awsapi.Offered) []question {
	var list []question
	for _, op := range offered {
		q := question{
			name: op.Service + ":" + op.Operation, resource: op.Resource, reads: reads.MatchString(op.Operation),
			scope: op.Scope, method: http.MethodPost, path: "/", body: "{}",
		}
		switch {
		case op.Target != "":
			q.header = map[string]string{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": op.Target}
		case op.Method != "":
			q.method, q.path = op.Method, member.ReplaceAllString(op.Path, "some")
		default:
			q.header = map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
			q.body = "Action=" + op.Operation + "&Version=" + op.Version
			if op.Operation == "AssumeRole" { // it asks the role first
				q.body += "&RoleSessionName=session&RoleArn=arn:aws:iam::000000000000:role/none"
			}
		}
		list = append(list, q)
	}
	return list
}

var member = regexp.MustCompile(`\{[^}]+\}`)

type matrix struct {
	api *awsapi.Mux
	dir *iam.Directory
	url string
}

func startMatrix(t *testing.T, flags ...string) matrix {
	t.Helper()
	var c config.Config
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.Bind(fs)
	if err := errors.Join(fs.Parse(append([]string{"--data", t.TempDir(), "--listen", "127.0.0.1:0"}, flags...)), c.Load(fs, nil)); err != nil {
		t.Fatal(err)
	}
	a, err := Open(context.Background(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.closers.close() })
	srv := httptest.NewServer(a.rooms.front(a.health))
	t.Cleanup(srv.Close)
	for _, bucket := range []string{"bucket", "empty"} {
		if err := a.rooms.objects.CreateBucket(t.Context(), bucket, awsapi.DefaultAccount, nil); err != nil {
			t.Fatal(err)
		}
	}
	_, errPut := a.rooms.objects.Put(t.Context(), "bucket", "key", strings.NewReader("text"), objectstore.Attributes{})
	_, errRepository := a.rooms.repositories.Create(t.Context(), gitrepo.Repository{Name: "site"})
	if err := errors.Join(errPut, errRepository); err != nil {
		t.Fatal(err)
	}
	return matrix{api: a.rooms.api, dir: a.rooms.identities, url: srv.URL}
}

func (m matrix) user(t *testing.T, name, policy string) aws.Credentials {
	t.Helper()
	_, err := m.dir.Create(t.Context(), iam.Entity{Kind: iam.User, Name: name})
	if err == nil && policy != "" {
		err = m.dir.Attach(t.Context(), iam.User, name, policy)
	}
	key, _, errKey := m.dir.CreateAccessKey(t.Context(), name)
	if err != nil || errKey != nil {
		t.Fatal(err, errKey)
	}
	return aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}
}

// may asks and tells whether anything but the caller's permissions stood in the way.
func (m matrix) may(t *testing.T, who aws.Credentials, q question) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), q.method, m.url+q.path, strings.NewReader(q.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range q.header {
		req.Header.Set(name, value)
	}
	m.prove(t, req, who, q)
	status, answer := m.send(t, req)
	if strings.Contains(answer, "InvalidSignature") || strings.Contains(answer, "SignatureDoesNotMatch") || status == http.StatusUnauthorized {
		t.Fatalf("%s: %d %s", q.name, status, answer)
	}
	return status != http.StatusForbidden && !strings.Contains(answer, "is not authorized to perform") && !strings.Contains(answer, "AccessDenied")
}

// prove signs a request, or does what stands for that where requests are not signed.
func (m matrix) prove(t *testing.T, req *http.Request, who aws.Credentials, q question) {
	t.Helper()
	switch q.scope {
	case "git":
		req.SetBasicAuth(who.AccessKeyID, who.SecretAccessKey)
	case "console":
		req.Header.Set("Origin", m.url)
		req.AddCookie(m.session(t, who))
	default:
		hash := awsapi.HashPayload([]byte(q.body))
		req.Header.Set("X-Amz-Content-Sha256", hash)
		sum := sha256.Sum256([]byte(q.body))
		req.Header.Set("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(sum[:]))
		if err := v4.NewSigner().SignHTTP(t.Context(), who, req, hash, q.scope, "us-east-1", time.Now(), func(o *v4.SignerOptions) {
			o.DisableURIPathEscaping = q.scope == "s3"
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// session signs in to the console.
func (m matrix) session(t *testing.T, who aws.Credentials) *http.Cookie {
	t.Helper()
	body := `{"accessKeyId":"` + who.AccessKeyID + `","secretAccessKey":"` + who.SecretAccessKey + `"}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.url+"/conveyor/console/session", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", m.url)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if len(resp.Cookies()) != 1 {
		t.Fatalf("signing in: %s", resp.Status)
	}
	return resp.Cookies()[0]
}

// send reads the beginning of the answer: some do not end.
func (m matrix) send(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	ctx, cancel := context.WithCancel(req.Context())
	defer cancel()
	resp, err := http.DefaultClient.Do(req.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") == "text/event-stream" {
		return resp.StatusCode, ""
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}
