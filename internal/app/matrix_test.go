package app

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/spf13/pflag"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/config"
	"github.com/conveyor-cd/conveyor/internal/iam"
)

var update = flag.Bool("update", false, "write testdata/matrix.txt anew")

// reads are the beginnings of the names of operations that change nothing.
var reads = regexp.MustCompile(`^(Get|List|Describe|BatchGet|BatchDescribe|Simulate|Filter|Test|Evaluate|StartQuery|StopQuery)`)

// everybody may do these.
var everybody = map[string]bool{"sts:GetCallerIdentity": true, "sts:GetSessionToken": true}

// TestMatrix: over signed HTTP, one without policies may do nothing and a viewer may do nothing but read, whatever operation
// of whatever service is asked for. testdata/matrix.txt says so line by line.
func TestMatrix(t *testing.T) {
	w := startMatrix(t)
	denied, viewer := w.user(t, "denied", ""), w.user(t, "viewer", "arn:aws:iam::aws:policy/ReadOnlyAccess")
	was := readMatrix(t)
	var lines []string
	for _, op := range w.api.Operations() {
		action := op.Service + ":" + op.Operation
		may := map[bool]string{true: "may", false: "-"}
		nobody, sees := w.may(t, denied, op), w.may(t, viewer, op)
		line := fmt.Sprintf("%-62s %-4s %s", action, may[nobody], may[sees])
		lines = append(lines, line)
		if nobody && !everybody[action] {
			t.Errorf("%s: one without policies may do it", action)
		}
		if sees && !reads.MatchString(op.Operation) && !everybody[action] {
			t.Errorf("%s: a viewer may do it", action)
		}
		if before, known := was[action]; known && before != line && !*update {
			t.Errorf("it was %q and is %q", before, line)
		}
	}
	if *update {
		text := "# What may be done without policies, and with ReadOnlyAccess. Written by go test ./internal/app -run TestMatrix -update.\n" + strings.Join(lines, "\n") + "\n"
		if err := os.WriteFile("testdata/matrix.txt", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func readMatrix(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open("testdata/matrix.txt")
	if err != nil {
		if *update {
			return nil
		}
		t.Fatal(err)
	}
	defer f.Close()
	was := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if action, _, ok := strings.Cut(lines.Text(), " "); ok && action != "#" {
			was[action] = lines.Text()
		}
	}
	return was
}

type matrix struct {
	api *awsapi.Mux
	dir *iam.Directory
	url string
}

func startMatrix(t *testing.T) matrix {
	t.Helper()
	var c config.Config
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.Bind(fs)
	if err := errors.Join(fs.Parse([]string{"--data", t.TempDir(), "--listen", "127.0.0.1:0"}), c.Load(fs, nil)); err != nil {
		t.Fatal(err)
	}
	a, err := Open(context.Background(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.closers.close() })
	srv := httptest.NewServer(a.rooms.api)
	t.Cleanup(srv.Close)
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

// may asks for an operation with nothing in it and tells whether anything but the caller's permissions stood in the way.
func (m matrix) may(t *testing.T, who aws.Credentials, op awsapi.Offered) bool {
	t.Helper()
	body, contentType := "{}", "application/x-amz-json-1.1"
	if op.Target == "" {
		body, contentType = "Action="+op.Operation+"&Version="+op.Version, "application/x-www-form-urlencoded"
		if op.Operation == "AssumeRole" { // it asks the role first
			body += "&RoleSessionName=session&RoleArn=arn:aws:iam::000000000000:role/none"
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.url+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if op.Target != "" {
		req.Header.Set("X-Amz-Target", op.Target)
	}
	if err := v4.NewSigner().SignHTTP(t.Context(), who, req, awsapi.HashPayload([]byte(body)), op.Scope, "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(answer), "InvalidSignature") || strings.Contains(string(answer), "SignatureDoesNotMatch") {
		t.Fatalf("%s: %s", op.Operation, answer)
	}
	return !strings.Contains(string(answer), "is not authorized to perform")
}
