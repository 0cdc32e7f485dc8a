// Package awsapitest puts services behind the wire for tests that use them through the SDK's clients.
package awsapitest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/iam"
)

var root = iam.AccessKey{
	ID: "AKIAROOT", Secret: "secret",
	Principal: iam.Principal{Arn: "arn:aws:iam::000000000000:root", Name: "root", Root: true},
}

// onlyRoot knows one access key.
type onlyRoot struct{}

func (onlyRoot) AccessKey(_ context.Context, id string) (iam.AccessKey, error) {
	if id != root.ID {
		return iam.AccessKey{}, iam.ErrNoAccessKey
	}
	return root, nil
}

// Serve serves what add adds until the test ends, and returns the configuration of clients that sign as root and try
// once.
func Serve(t testing.TB, add func(*awsapi.Mux)) aws.Config {
	t.Helper()
	return ServeGuarded(t, nil, add)
}

// ServeGuarded is Serve, where an authorizer is asked before each operation.
func ServeGuarded(t testing.TB, authorizer awsapi.Authorizer, add func(*awsapi.Mux)) aws.Config {
	t.Helper()
	mux := awsapi.NewMux(awsapi.MuxOptions{Verifier: awsapi.NewVerifier(onlyRoot{}, awsapi.Place{}), Authorizer: authorizer})
	add(mux)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !mux.Matches(r) {
			t.Errorf("%s %s is not taken for a request of the API", r.Method, r.URL)
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(root.ID, root.Secret, ""),
	}
}

// Refused checks that err is the exception of that name, and that its message contains a text.
func Refused(t testing.TB, err error, exception, says string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != exception || !strings.Contains(api.ErrorMessage(), says) {
		t.Errorf("got %v, want %s that says %q", err, exception, says)
	}
}
