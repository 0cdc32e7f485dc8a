// Command conveyor is the whole product: the server and the tools around it, one verb a file.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/conveyor-cd/conveyor/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := rootCommand().ExecuteContext(ctx); err != nil {
		os.Exit(tell(err))
	}
}

// tell says what went wrong, unless that has been done, and returns the status to exit with.
func tell(err error) int {
	status := 1
	if own, ok := errors.AsType[*exitStatus](err); ok {
		status, err = own.status, own.err
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "conveyor:", err)
	}
	return status
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "conveyor",
		Short: "Continuous delivery on your own machines, spoken to with AWS's tools",
		Long: `Conveyor carries a change from git push to the deployed result: Source, Build, Test, Approval, Deploy.

It implements the model of AWS CodePipeline with CodeCommit, CodeBuild and S3 around it, and speaks their wire
protocols: the unmodified aws CLI, the SDKs and Terraform drive it. Everything lives in one data directory.`,
		Example: `  conveyor demo                      see the belt move, from a push to the served page
  conveyor run                       run this directory's buildspec, without a server
  conveyor server                    serve on 127.0.0.1:4566, with everything in ./conveyor-data
  eval "$(conveyor env)"             point the aws CLI, SDKs and Terraform at this server
  aws codepipeline list-pipelines`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(serverCommand(), runCommand(), workerCommand(), buildCommand(), envCommand(), explainCommand(), consoleCommand(), eventsCommand(), connectionCommand(), logsCommand(), demoCommand(), backupCommand(), versionCommand())
	return root
}

// settings gives a command the server's settings as flags and returns a function that completes them from the
// environment and the file once the flags are parsed.
func settings(cmd *cobra.Command) (*config.Config, func() error) {
	var c config.Config
	c.Bind(cmd.Flags())
	return &c, func() error { return c.Load(cmd.Flags(), os.Environ()) }
}
