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
	"github.com/conveyor-cd/conveyor/internal/explain"
	"github.com/conveyor-cd/conveyor/internal/iam"
)

func explainCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain PIPELINE [EXECUTION]",
		Short: "Say why an execution waits, failed or was passed over, and what would release it",
		Long: `Say of an execution what it is doing and why, stage by stage, and print the commands that would change it: open a
transition, approve, override a condition, retry, read the log. Without EXECUTION every execution in flight is
explained, the newest one and the newest one that has ended.

The server is asked with the credentials in the environment (AWS_ACCESS_KEY_ID, ..., as conveyor env prints them) or,
when there are none, with the root credentials in the data directory. GetPipelineState must be allowed.`,
		Example: `  conveyor explain site
  conveyor explain site 3f1c2a9e-7b54-4a57-9d0e-2f6f0f6b7a11
  conveyor explain site --json`,
		Args: cobra.RangeArgs(1, 2),
	}
	c, complete := settings(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the explanation as JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := complete(); err != nil {
			return err
		}
		from, err := whereToAsk(cmd, c)
		if err != nil {
			return err
		}
		answer, err := from.explain(cmd.Context(), append(args, "")[0], append(args, "")[1])
		if err != nil {
			return err
		}
		if asJSON {
			e := json.NewEncoder(cmd.OutOrStdout())
			e.SetIndent("", "  ")
			return e.Encode(answer)
		}
		return explain.Write(cmd.OutOrStdout(), answer.Explanations)
	}
	return cmd
}

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
	explainTimeout = 30 * time.Second
	longestAnswer  = 64 << 20
)

func (a asked) explain(ctx context.Context, name, execution string) (explain.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	var answer explain.Answer
	address, err := explain.URL(a.endpoint, name, execution)
	if err != nil {
		return answer, fmt.Errorf("the server's address %q: %w", a.endpoint, err)
	}
	return answer, a.call(ctx, http.MethodGet, address, explain.Service, nil, &answer)
}

// call sends a signed request with a body, unless that is nil, and reads the answer's JSON.
func (a asked) call(ctx context.Context, method, address, service string, body []byte, answer any) error {
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if err := v4.NewSigner().SignHTTP(ctx, a.credentials, r, awsapi.HashPayload(body), service, a.region, time.Now()); err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("no server answers at %s: %w\nstart it with conveyor server, or set AWS_ENDPOINT_URL to where it is", a.endpoint, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, longestAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		var p explain.Problem
		if json.Unmarshal(text, &p) != nil || p.Message == "" {
			return fmt.Errorf("%s answered %s; is it a Conveyor server?", a.endpoint, response.Status)
		}
		return errors.New(p.Type + ": " + p.Message)
	}
	return json.Unmarshal(text, answer)
}
