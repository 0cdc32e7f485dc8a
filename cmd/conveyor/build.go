package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/shellhost"
)

func buildCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "build", Short: "Look into builds"}
	cmd.AddCommand(buildShellCommand())
	return cmd
}

func buildShellCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "shell BUILD",
		Short: "Open a shell in what a failed build left",
		Long: `Open a shell in the workspace of a failed build (PROJECT:ID or its ARN): its files as its commands left them, its
environment but for secrets, as the user, within the limits and in the container it ran with. What is left out for a secret
is said on standard error, with the command that reads it. The exit status is the shell's.

A workspace is kept when the build ran on the server that is asked, not on a worker, and its project, or StartBuild, has the
environment variable ConveyorKeepFailed, with the value true (an hour) or a time such as 2h, which counts from the build's
end and from that of each shell in it. Without a terminal the commands are read from standard input.

The server is asked with the credentials in the environment, or with the root credentials in the data directory.
codebuild:ConveyorOpenShell must be allowed on the project.`,
		Example: `  conveyor build shell site:7d0f3c52-3f2b-4f4e-9a2c-0d3c9b1c2a77
  echo 'ls -l; cat *.log' | conveyor build shell site:7d0f3c52-3f2b-4f4e-9a2c-0d3c9b1c2a77`,
		Args: cobra.ExactArgs(1),
	}
	c, complete := settings(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := complete(); err != nil {
			return err
		}
		project, id, ok := build.ParseID(args[0])
		if !ok {
			return fmt.Errorf("%q is no build: PROJECT:ID or an ARN is", args[0])
		}
		from, err := whereToAsk(cmd, c)
		if err != nil {
			return err
		}
		status, err := from.shell(cmd.Context(), project+":"+id, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		if err == nil && status != 0 {
			return &exitStatus{status: status}
		}
		return err
	}
	return cmd
}

// shell runs a shell in a build's workspace, connected with in and out, until it ends. notes takes what is said about it.
func (a asked) shell(ctx context.Context, build string, in io.Reader, out, notes io.Writer) (status int, err error) {
	keyboard, isFile := in.(*os.File)
	terminal := isFile && term.IsTerminal(int(keyboard.Fd()))
	conn, err := a.upgrade(ctx, build, terminal)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	turn := new(sync.Mutex)
	to := func(kind shellhost.Kind) shellhost.Frames { return shellhost.Frames{To: conn, Kind: kind, Turn: turn} }
	if terminal {
		restore, err := raw(ctx, keyboard, to(shellhost.Resize))
		if err != nil {
			return 0, err
		}
		defer restore()
	}
	go func() {
		if _, err := io.Copy(to(shellhost.Input), in); err == nil {
			_, _ = to(shellhost.End).Write(nil) // what goes wrong shows where the answers are read
		}
	}()
	answers := bufio.NewReader(conn)
	for {
		kind, content, err := shellhost.ReadFrame(answers)
		switch {
		case err != nil:
			return 0, fmt.Errorf("the connection to the server was lost: %w", err)
		case kind == shellhost.Output:
			if _, err := out.Write(content); err != nil {
				return 0, err
			}
		case kind == shellhost.Notice:
			line := string(content)
			if terminal { // which begins no line by itself while it is raw
				line = strings.ReplaceAll(line, "\n", "\r\n")
			}
			if _, err := io.WriteString(notes, line); err != nil {
				return 0, err
			}
		case kind == shellhost.Exit && len(content) == 1:
			return int(content[0]), nil
		case kind == shellhost.Fault:
			return 0, errors.New(string(content))
		}
	}
}

// raw hands every key to the shell, Ctrl-C too, and tells it the size of the terminal.
func raw(ctx context.Context, keyboard *os.File, sizes io.Writer) (restore func(), err error) {
	fd := int(keyboard.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	go func() {
		for {
			if columns, rows, err := term.GetSize(fd); err == nil {
				_, _ = sizes.Write(shellhost.EncodeSize(build.Size{Rows: uint16(rows), Columns: uint16(columns)})) //nolint:gosec // of a terminal
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		signal.Stop(changed)
		_ = term.Restore(fd, before)
	}, nil
}

// upgrade asks for a build's shell and returns the connection to it.
func (a asked) upgrade(ctx context.Context, build string, terminal bool) (io.ReadWriteCloser, error) {
	address := strings.TrimSuffix(a.endpoint, "/") + shellhost.Prefix + url.PathEscape(build)
	headers := http.Header{}
	headers.Set("Connection", "Upgrade")
	headers.Set("Upgrade", shellhost.Protocol)
	headers.Set(shellhost.TerminalHeader, strconv.FormatBool(terminal))
	response, err := a.send(ctx, shellhost.Service, http.MethodPost, address, nil, headers)
	if err != nil {
		return nil, err
	}
	if conn, ok := response.Body.(io.ReadWriteCloser); ok {
		return conn, nil
	}
	defer response.Body.Close()
	return nil, a.stranger(response)
}
