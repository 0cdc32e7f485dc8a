package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

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
	var answer struct {
		URL string `json:"url"`
	}
	err := a.call(ctx, http.MethodPost, strings.TrimSuffix(a.endpoint, "/")+console.Prefix+"link", console.Service, nil, &answer)
	return answer.URL, err
}
