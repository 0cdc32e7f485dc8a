package main

import (
	"errors"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/conveyor-cd/conveyor/internal/app"
)

func workerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Run builds of a server on this machine",
		Long: `Run builds of a server on this machine. The worker asks the server for builds whose project has the environment
variable ConveyorLabels, a list with commas, all of which the worker offers with --label. Such builds never run on the
server itself. The worker reaches the server over HTTP, and nothing reaches the worker: it needs no open port, no
database and no shared disk.

It signs with the credentials in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY). A key of its own needs
codebuild:ConveyorTakeBuild on the labels, arn:aws:codebuild:REGION:ACCOUNT:label/LABEL, and nothing else. What a build
it has taken needs (sources, artifacts, its log) comes with a token that is good for that build alone.

When the server is out of reach the build goes on and its log waits. A worker that is lost for 20 seconds loses its
builds to another worker; a build that loses three workers is given up. SIGTERM lets builds end for --drain and gives
the others back; a second one ends at once.`,
		Example: `  AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... conveyor worker --server https://conveyor.example.com --label arm64
  conveyor worker --server http://10.0.0.5:4566 --label gpu --label linux --build-slots 2 --data /var/lib/conveyor-worker`,
		Args: cobra.NoArgs,
	}
	c, complete := settings(cmd)
	var o app.WorkerOptions
	name, err := os.Hostname()
	if err != nil {
		name = "worker"
	}
	cmd.Flags().StringVar(&o.Server, "server", "", "`URL` of the server (default: AWS_ENDPOINT_URL)")
	cmd.Flags().StringVar(&o.Name, "name", name, "`name` of this worker, in logs")
	cmd.Flags().StringArrayVar(&o.Labels, "label", nil, "`label` that this worker offers (may be repeated)")
	cmd.Flags().DurationVar(&o.Drain, "drain", 10*time.Minute, "`time` that builds may go on once the worker is told to end")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := complete(); err != nil {
			return err
		}
		if len(o.Labels) == 0 {
			return errors.New("a worker offers at least one label: give --label")
		}
		from, err := whereToAsk(cmd, c)
		if err != nil {
			return err
		}
		if o.Server == "" {
			o.Server = from.endpoint
		}
		if u, err := url.Parse(o.Server); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return errors.New("--server is to be the http:// or https:// URL of a server")
		}
		o.Region, o.Credentials = from.region, from.credentials
		worker, err := app.OpenWorker(cmd.Context(), *c, o, c.Logger())
		if err != nil {
			return err
		}
		return worker.Run(cmd.Context())
	}
	return cmd
}
