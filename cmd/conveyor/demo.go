package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/conveyor-cd/conveyor/internal/app"
	"github.com/conveyor-cd/conveyor/internal/config"
	"github.com/conveyor-cd/conveyor/internal/demo"
	"github.com/conveyor-cd/conveyor/internal/iam"
)

func demoCommand() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch a push become a web page, live",
		Long: `Start a server on a fresh data directory and play the whole scenario with git and the AWS SDK: a push, a build, a
published page; then a change and the page changing. It needs git, and no network and no container engine.

Without --once it keeps serving afterwards and prints how to go on by hand; Ctrl-C ends it and removes the directory.
With --once it prints a timing line per step and exits 0 only when the page that was served is the page that was
pushed.`,
		Args: cobra.NoArgs,
	}
	c, complete := settings(cmd)
	cmd.Flags().BoolVar(&once, "once", false, "exit after the scenario")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := complete(); err != nil {
			return err
		}
		flags := cmd.Flags()
		if !flags.Changed("data") {
			dir, err := os.MkdirTemp("", "conveyor-demo-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			c.MoveTo(dir)
		}
		if !flags.Changed("listen") && once {
			if err := freeAddress(c); err != nil {
				return err
			}
		}
		log := slog.New(slog.DiscardHandler)
		if flags.Changed("log-level") {
			log = c.Logger()
		}
		return runDemo(cmd.Context(), *c, log, once)
	}
	return cmd
}

// freeAddress lets several demos run side by side.
func freeAddress(c *config.Config) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	c.Listen = listener.Addr().String()
	c.PublicURL = "http://" + c.Listen
	return listener.Close()
}

func runDemo(ctx context.Context, c config.Config, log *slog.Logger, once bool) error {
	server, err := app.Open(ctx, c, log)
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- server.Run(serving) }()

	if err := playDemo(ctx, c, !once); err != nil {
		stop()
		return errors.Join(err, <-ended)
	}
	if !once {
		fmt.Println("\nServing until Ctrl-C.")
		select {
		case <-ctx.Done():
		case err := <-ended:
			stop()
			return err
		}
	}
	stop()
	return <-ended
}

func playDemo(ctx context.Context, c config.Config, keep bool) error {
	root, err := iam.ReadRoot(c.Data)
	if err != nil {
		return err
	}
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	live := err == nil
	program, err := os.Executable()
	if err != nil {
		program = "conveyor"
	}
	return demo.Run(ctx, demo.Options{
		Endpoint: c.PublicURL, Region: c.Region, AccessKey: root.ID, SecretKey: root.Secret,
		DataDir: c.Data, Program: program, Out: os.Stdout, Live: live, Width: width, Keep: keep,
	})
}
