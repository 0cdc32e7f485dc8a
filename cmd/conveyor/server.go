package main

import (
	"github.com/spf13/cobra"

	"github.com/conveyor-cd/conveyor/internal/app"
)

func serverCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run the server",
		Long: `Run the server: every API, Git hosting, websites and the workers that move the belt, on one port.

At first start it makes the data directory with root credentials in DATA/credentials (mode 0600). SIGTERM and Ctrl-C
stop it within the shutdown timeout; work that was under way goes on at the next start, and so it does after a crash.
Several servers with one PostgreSQL database and one data directory are one service; each goes on with the work of one
that ends.

Every flag may also be set by an environment variable (--log-format is CONVEYOR_LOG_FORMAT) or in the YAML file named
by --config (log-format: json). A flag beats the environment, the environment beats the file.`,
		Example: `  conveyor server
  conveyor server --data /var/lib/conveyor --listen 127.0.0.1:8080
  conveyor server --database postgres://conveyor@db.internal/conveyor --data /var/lib/conveyor`,
		Args: cobra.NoArgs,
	}
	c, complete := settings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := complete(); err != nil {
			return err
		}
		server, err := app.Open(cmd.Context(), *c, c.Logger())
		if err != nil {
			return err
		}
		return server.Run(cmd.Context())
	}
	return cmd
}
