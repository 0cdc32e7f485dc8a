package logs_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/awsapi/awsapitest"
	"github.com/conveyor-cd/conveyor/internal/awsapi/logs"
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

// serve puts the service behind the wire.
func serve(t *testing.T, s *logs.Service) aws.Config {
	t.Helper()
	return awsapitest.Serve(t, func(m *awsapi.Mux) { m.Add(s.API()) })
}

// client is the SDK's client of a fresh service.
func client(t *testing.T) (*sdk.Client, *logstore.Store) {
	t.Helper()
	s, store := newService(t)
	return sdk.NewFromConfig(serve(t, s)), store
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// cli runs the aws command against a service; it has to succeed.
func cli(t *testing.T, c aws.Config) func(args ...string) string {
	t.Helper()
	run := awsapitest.CLI(t, c)
	return func(args ...string) string {
		t.Helper()
		out, err := run(append([]string{"logs"}, args...)...)
		if err != nil {
			t.Fatalf("aws logs %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return out
	}
}
