package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/spf13/cobra"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/console"
)

func consoleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "console",
		Short: "Print a link that opens the web console, signed in",
		Long: `Print a link to the web console of the running server. It signs in once, within ten minutes, as whoever the
credentials in the environment (AWS_ACCESS_KEY_ID, ...) belong to or, when there are none, as root with the credentials
in the data directory. The console shows and does what that identity's policies allow.`,
		Example: `  conveyor console
  conveyor console --data /var/lib/conveyor`,
		Args: cobra.NoArgs,
	}
	c, complete := settings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := complete(); err != nil {
			return err
		}
		from, err := whereToAsk(cmd, c)
		if err != nil {
			return err
		}
		link, err := from.consoleLink(cmd.Context())
		if err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), link)
		return nil
	}
	return cmd
}

func (a asked) consoleLink(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(a.endpoint, "/")+console.Prefix+"link", nil)
	if err != nil {
		return "", fmt.Errorf("the server's address %q: %w", a.endpoint, err)
	}
	if err := v4.NewSigner().SignHTTP(ctx, a.credentials, r, awsapi.HashPayload(nil), console.Service, a.region, time.Now()); err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", fmt.Errorf("no server answers at %s: %w\nstart it with conveyor server, or set AWS_ENDPOINT_URL to where it is", a.endpoint, err)
	}
	defer response.Body.Close()
	var answer struct {
		URL     string `json:"url"`
		Message string `json:"message"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, longestAnswer)).Decode(&answer); err != nil {
		return "", fmt.Errorf("%s answered %s; is it a Conveyor server?", a.endpoint, response.Status)
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the server made no link: %s", answer.Message)
	}
	return answer.URL, nil
}
