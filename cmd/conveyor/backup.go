package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/conveyor-cd/conveyor/internal/app"
)

func backupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup DIRECTORY",
		Short: "Copy the data directory of a running server",
		Long: `Copy everything a SQLite server has stored into a new directory, while it goes on working: the database as it is at
one moment, then the bodies, repositories and credentials it refers to. A server started with --data DIRECTORY is the
restored one.

With PostgreSQL back up the database with pg_dump and this copies the rest; take the dump first.`,
		Example: `  conveyor backup /backup/conveyor-monday
  conveyor backup --data /var/lib/conveyor /backup/conveyor-monday`,
		Args: cobra.ExactArgs(1),
	}
	c, complete := settings(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := complete(); err != nil {
			return err
		}
		if err := app.Backup(cmd.Context(), *c, args[0]); err != nil {
			return err
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "backed up %s to %s\n", c.Data, args[0])
		return err
	}
	return cmd
}
