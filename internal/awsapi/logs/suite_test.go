package logs_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/smithy-go"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/awsapi/logs"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/logstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

const (
	group  = "/aws/codebuild/site"
	stream = "0b1c2d"
	arn    = "arn:aws:logs:us-east-1:000000000000:log-group:" + group
)

var now = time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)

// newService is a service on a fresh store, whose clock stands still.
func newService(t *testing.T) (*logs.Service, *logstore.Store) {
	t.Helper()
	clock := func() time.Time { return now }
	store, err := logstore.New(sqltest.SQLite(t), logstore.Options{Delay: time.Hour, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return logs.New(store, logs.Options{Now: clock}), store
}

// serve puts the service behind the wire and returns its address.
func serve(t *testing.T, s *logs.Service) string {
	t.Helper()
	mux := awsapi.NewMux(awsapi.MuxOptions{Verifier: awsapi.NewVerifier(oneKey{}, awsapi.Place{})})
	mux.Add(s.API())
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	return front.URL
}

type oneKey struct{}

func (oneKey) AccessKey(_ context.Context, id string) (iam.AccessKey, error) {
	if id != "AKIAROOT" {
		return iam.AccessKey{}, iam.ErrNoAccessKey
	}
	return iam.AccessKey{ID: id, Secret: "secret", Principal: iam.Principal{Arn: "arn:aws:iam::000000000000:root", Name: "root", Root: true}}, nil
}

// client is the SDK's client of a fresh service.
func client(t *testing.T) (*sdk.Client, *logstore.Store) {
	t.Helper()
	s, store := newService(t)
	address := serve(t, s)
	return sdk.New(sdk.Options{
		Region: "us-east-1", BaseEndpoint: &address, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAROOT", "secret", ""),
	}), store
}

// refused checks an exception's name and a part of its message.
func refused(t *testing.T, err error, code, says string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), says) {
		t.Errorf("got %v, want %s: %s", err, code, says)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// cli runs the aws command against an address.
func cli(t *testing.T, address string) func(args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("the aws command is not installed")
	}
	return func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "aws", append([]string{"logs"}, args...)...)
		cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+address, "AWS_ACCESS_KEY_ID=AKIAROOT", "AWS_SECRET_ACCESS_KEY=secret",
			"AWS_DEFAULT_REGION=us-east-1", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("aws logs %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
}
