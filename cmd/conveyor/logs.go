package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/conveyor-cd/conveyor/internal/localrun"
)

func logsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logs BUILD|PIPELINE [EXECUTION]",
		Short: "Show the log of a build, or of all actions of a pipeline's execution",
		Long: `Show the log of a build, or of the builds of a batch (PROJECT:ID or its ARN), of the newest build of a project, or of every
action of a pipeline's newest, or of the named, execution, and below it why it failed: the phase, the command, its exit
status and its last lines. With --follow it goes on until the build or the execution ends. The exit status is 1 when it has failed.

The server is asked with the credentials in the environment, or with the root credentials in the data directory.
BatchGetBuilds, BatchGetBuildBatches, ListActionExecutions, GetPipelineExecution and GetLogEvents must be allowed.`,
		Example: `  conveyor logs site:7d0f3c52-3f2b-4f4e-9a2c-0d3c9b1c2a77
  conveyor logs site --follow`,
		Args: cobra.RangeArgs(1, 2),
	}
	c, complete := settings(cmd)
	var o localrun.LogOptions
	cmd.Flags().BoolVarP(&o.Follow, "follow", "f", false, "go on until it ends")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := complete(); err != nil {
			return err
		}
		from, err := whereToAsk(cmd, c)
		if err != nil {
			return err
		}
		o.What, o.Execution, o.Out = args[0], append(args, "")[1], cmd.OutOrStdout()
		err = localrun.Logs(cmd.Context(), localrun.Server{
			URL: from.endpoint, Region: from.region, AccessKey: from.credentials.AccessKeyID,
			SecretKey: from.credentials.SecretAccessKey, SessionToken: from.credentials.SessionToken,
		}, o)
		if _, unsuccessful := errors.AsType[*localrun.Failed](err); unsuccessful {
			return &exitStatus{status: 1}
		}
		if errors.Is(err, context.Canceled) && o.Follow {
			return nil // whoever follows ends it by Ctrl-C
		}
		return err
	}
	return cmd
}
