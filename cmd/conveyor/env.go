package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/conveyor-cd/conveyor/internal/app"
	"github.com/conveyor-cd/conveyor/internal/config"
	"github.com/conveyor-cd/conveyor/internal/iam"
)

func envCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print the environment that points AWS tools at this server",
		Long: `Print export lines with the endpoint, region and root credentials of the server that uses the data directory, for
the shell to evaluate. The aws CLI, the SDKs and Terraform need nothing else. The address is the one that server was
last started with, unless --listen or --public-url gives another.`,
		Example: `  eval "$(conveyor env)"
  eval "$(conveyor env --data /var/lib/conveyor)"`,
		Args: cobra.NoArgs,
	}
	c, complete := settings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := complete(); err != nil {
			return err
		}
		root, err := iam.ReadRoot(c.Data)
		if err != nil {
			return fmt.Errorf("%w\nstart the server once with --data %s, which makes the credentials", err, c.Data)
		}
		if err := asLastServed(cmd, c); err != nil {
			return err
		}
		for _, v := range [][2]string{
			{"AWS_ENDPOINT_URL", c.PublicURL},
			{"AWS_ACCESS_KEY_ID", root.ID},
			{"AWS_SECRET_ACCESS_KEY", root.Secret},
			{"AWS_DEFAULT_REGION", c.Region},
		} {
			fmt.Fprintf(cmd.OutOrStdout(), "export %s=%s\n", v[0], shellQuote(v[1]))
		}
		return nil
	}
	return cmd
}

// asLastServed fills in the address and region of the server that uses the data directory, unless they are given.
func asLastServed(cmd *cobra.Command, c *config.Config) error {
	served, ok, err := app.ReadEndpoint(c.Data)
	if err != nil || !ok {
		return err
	}
	flags := cmd.Flags() // those the environment or the file set have changed as well
	if !flags.Changed("listen") && !flags.Changed("public-url") {
		c.PublicURL = served.URL
	}
	if !flags.Changed("region") {
		c.Region = served.Region
	}
	return nil
}

// shellQuote makes s one word of a POSIX shell.
func shellQuote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:+=@%,") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
