package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/spf13/cobra"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/config"
	"github.com/conveyor-cd/conveyor/internal/iam"
)

// asked is a server and who asks it.
type asked struct {
	endpoint, region string
	credentials      aws.Credentials
}

// whereToAsk takes the server and the credentials from the environment, as every AWS tool does, or else from the data
// directory.
func whereToAsk(cmd *cobra.Command, c *config.Config) (asked, error) {
	if err := asLastServed(cmd, c); err != nil {
		return asked{}, err
	}
	a := asked{endpoint: c.PublicURL, region: c.Region, credentials: aws.Credentials{
		AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: os.Getenv("AWS_SESSION_TOKEN"),
	}}
	for to, names := range map[*string][]string{
		&a.endpoint: {"AWS_ENDPOINT_URL_CODEPIPELINE", "AWS_ENDPOINT_URL"},
		&a.region:   {"AWS_REGION", "AWS_DEFAULT_REGION"},
	} {
		for _, name := range names {
			if value := os.Getenv(name); value != "" {
				*to = value
				break
			}
		}
	}
	if a.credentials.AccessKeyID != "" {
		return a, nil
	}
	root, err := iam.ReadRoot(c.Data)
	if err != nil {
		return asked{}, fmt.Errorf("there are no credentials: AWS_ACCESS_KEY_ID is not set, and %w\nrun eval \"$(conveyor env --data DIRECTORY)\" first", err)
	}
	a.credentials.AccessKeyID, a.credentials.SecretAccessKey = root.ID, root.Secret
	return a, nil
}

const (
	longestAnswer  = 64 << 20
	longestProblem = 1 << 20
)

// call sends a signed request with a body, unless that is nil, and reads the answer's JSON.
func (a asked) call(ctx context.Context, method, address, service string, body []byte, answer any) error {
	response, err := a.send(ctx, service, method, address, body, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, longestAnswer))
	if err != nil {
		return err
	}
	if json.Unmarshal(text, answer) != nil {
		return a.stranger(response)
	}
	return nil
}

// send signs and sends a request. The headers are not signed. Answers that are not what was asked for are errors: a
// *refusal where asking again would not change it.
func (a asked) send(ctx context.Context, service, method, address string, body []byte, headers http.Header) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the server's address %q: %w", a.endpoint, err)
	}
	if err := v4.NewSigner().SignHTTP(ctx, a.credentials, r, awsapi.HashPayload(body), service, a.region, time.Now()); err != nil {
		return nil, err
	}
	for name, values := range headers {
		r.Header[name] = values
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("no server answers at %s: %w\nstart it with conveyor server, or set AWS_ENDPOINT_URL to where it is", a.endpoint, err)
	}
	if response.StatusCode == http.StatusOK || response.StatusCode == http.StatusSwitchingProtocols {
		return response, nil
	}
	defer response.Body.Close()
	var p awsapi.Problem
	if json.NewDecoder(io.LimitReader(response.Body, longestProblem)).Decode(&p) != nil || p.Message == "" {
		return nil, a.stranger(response)
	}
	said := p.Type + ": " + p.Message
	if response.StatusCode >= http.StatusInternalServerError {
		return nil, errors.New(said)
	}
	return nil, &refusal{said}
}

func (a asked) stranger(response *http.Response) error {
	return fmt.Errorf("%s answered %s; is it a Conveyor server?", a.endpoint, response.Status)
}

// refusal is an answer that asking again would not change.
type refusal struct{ message string }

func (r *refusal) Error() string { return r.message }
