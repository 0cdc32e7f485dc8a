package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/conveyor-cd/conveyor/internal/app"
	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/config"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/localrun"
)

const runHelp = `Run the buildspec, or a whole pipeline, of a working tree on this machine. No server needs to run: the same engine,
queue and build rooms as a server's work here on a temporary directory that is gone afterwards.

WHAT RUNS
  FILE is a buildspec (buildspec.yml when it is left out) or holds a pipeline:
    * JSON as aws codepipeline get-pipeline prints it; build projects it names run buildspec.yml, unless --project
      names a file with their definitions, as aws codebuild batch-get-projects prints them
    * a CloudFormation template, YAML or JSON, with AWS::CodePipeline::Pipeline and AWS::CodeBuild::Project. Its Conditions
      decide which resources there are; Ref, Sub, GetAtt, Join, Split, Select, FindInMap and If are resolved; any other
      function that matters is refused by name
    * a Terraform plan: terraform plan -out plan; terraform show -json plan > plan.json
  A template or plan without a pipeline and with one build project runs that project.
  With --batch the builds of the buildspec's batch section run, as start-build-batch runs them; without it that section
  counts for nothing. Actions of pipelines run batches when their BatchEnabled says so. --build-slots builds run at once.

WHAT IT RUNS ON
  The working tree (--dir) as it is: files that are not committed, and files that git does not track and does not
  ignore, are included. It takes the place of every source action, whatever its provider. --source NAME=DIR gives the
  source action, or the artifact, of that name another directory. The commands see what git ls-files sees, in a copy:
  nothing in the working tree is touched. --git hands the repository itself over, too, for git describe and the like.

WHAT IS DIFFERENT FROM A SERVER
  Commands run on this machine, with the tools it has; --build-runner container runs them in the project's image, when a
  Docker or Podman engine answers. Manual approvals ask in the terminal; --yes approves them. S3 deploy actions write to buckets that exist for this run.
  Roles, regions, fleets, encryption keys and triggers of the pipeline are left out. Parameters and secrets do not exist: give
  their variables with --env. --env counts for every build and every Commands action, over the project's variables.

WHAT COMES OUT
  Artifacts and deployed buckets lie in conveyor-out/STAGE/NAME (--out); a single build's in conveyor-out/Build/NAME,
  where the artifact without an identifier is called Artifact, and those of a batch in conveyor-out/Build/IDENTIFIER/NAME,
  unless the project combines them. What the last run left there under that name is replaced.
  --only STAGE runs that stage alone; the artifacts it needs are those of the last run, or those given with --source. The
  output variables it needs of other stages are given with --variable NAMESPACE.NAME=VALUE.
  A failed build ends with the command that failed, its exit status and its last lines. With --shell a shell opens in its
  workspace first, with its environment, as its commands left it; the run goes on when the shell ends.

  Exit status: 0 everything succeeded, 1 the build or pipeline did not, 2 it could not be run, 130 interrupted.
  Ctrl-C ends the build and everything it started, and leaves nothing behind.

  --json prints one object a line, with the members type (begin, action, log, artifact, end), name, stage, action, status
  (of actions InProgress, Succeeded, Failed, ..., of a batch's builds also Waiting and FailureIgnored; of the end the build's or the execution's), reason, line, path and
  milliseconds.`

// exitStatus ends the process with a status of its own.
type exitStatus struct {
	status int
	err    error // nil when everything has been said
}

func (e *exitStatus) Error() string { return fmt.Sprint(e.err) }

// Exit statuses of conveyor run.
const (
	exitNotRun      = 2
	exitInterrupted = 130
)

// runFlags are the flags as they are given.
type runFlags struct {
	localrun.Options
	env, variables, parameters, sources []string
	runner                              string
	slots                               int
	asJSON, verbose, shell              bool
	terminal                            bool
}

func runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [FILE]",
		Short: "Run the working tree's buildspec or pipeline here, without a server",
		Long:  runHelp,
		Example: `  conveyor run                                       buildspec.yml of this directory
  conveyor run ci/test.yml --env LEVEL=debug
  conveyor run --batch                               every build of its batch section
  conveyor run pipeline.json --yes
  conveyor run template.yml --parameter Stage=test --variable Tag=v1
  conveyor run plan.json --only Test --source Source=../service`,
		Args: cobra.MaximumNArgs(1),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Dir, "dir", ".", "the working `directory`")
	flags.StringVar(&f.Out, "out", "conveyor-out", "`directory` that artifacts are put into")
	flags.StringVar(&f.Pipeline, "pipeline", "", "`name` of the pipeline to run, when FILE holds several")
	flags.StringArrayVar(&f.Projects, "project", nil, "`file` with build projects (may be repeated)")
	flags.StringArrayVar(&f.sources, "source", nil, "`NAME=DIRECTORY` in place of the working directory for one source action or artifact (may be repeated)")
	flags.StringArrayVar(&f.env, "env", nil, "environment variable `NAME=VALUE` of every build; NAME alone takes it from this environment (may be repeated)")
	flags.StringArrayVar(&f.variables, "variable", nil, "pipeline variable, or output variable NAMESPACE.NAME of an action that does not run, `NAME=VALUE` (may be repeated)")
	flags.StringArrayVar(&f.parameters, "parameter", nil, "template parameter `NAME=VALUE` (may be repeated)")
	flags.StringArrayVar(&f.Only, "only", nil, "run only this `stage`, after the sources (may be repeated)")
	flags.BoolVar(&f.Batch, "batch", false, "run the builds of the buildspec's batch section")
	flags.IntVar(&f.slots, "build-slots", 4, "`number` of builds that run at once")
	flags.BoolVar(&f.Yes, "yes", false, "approve what waits for approval")
	flags.StringVar(&f.runner, "build-runner", config.RunnerHost, "`place` where builds run: host, container, or auto, as the server's setting of that name")
	flags.BoolVar(&f.History, "git", false, "hand .git over to builds, too")
	flags.BoolVar(&f.asJSON, "json", false, "print what happens as JSON, one object a line")
	flags.BoolVar(&f.shell, "shell", false, "open a shell in the workspace of a build that fails")
	flags.BoolVar(&f.verbose, "verbose", false, "print what the rooms of the server log, too")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f.File = strings.Join(args, "")
		return f.run(cmd)
	}
	return cmd
}

func (f *runFlags) run(cmd *cobra.Command) error {
	if err := f.complete(cmd); err != nil {
		return &exitStatus{exitNotRun, err}
	}
	// When nobody reads any more what is printed the run is interrupted, too, instead of ended where it stands.
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGPIPE)
	defer stop()
	plan, err := f.Check()
	if err == nil {
		err = f.withServer(ctx, plan)
	}
	_, unsuccessful := errors.AsType[*localrun.Failed](err)
	switch {
	case err == nil:
		return nil
	case unsuccessful:
		return &exitStatus{status: 1}
	case ctx.Err() != nil:
		return &exitStatus{exitInterrupted, errors.New("interrupted")}
	}
	return &exitStatus{exitNotRun, err}
}

// complete turns the flags into options.
func (f *runFlags) complete(cmd *cobra.Command) error {
	var err error
	for to, given := range map[*map[string]string][]string{&f.Sources: f.sources, &f.Variables: f.variables, &f.Parameters: f.parameters} {
		if *to, err = pairs(given); err != nil {
			return err
		}
	}
	for _, v := range f.env {
		name, value, given := strings.Cut(v, "=")
		if !given {
			value = os.Getenv(name)
		}
		f.Env = append(f.Env, localrun.Variable{Name: name, Value: value})
	}
	if f.asJSON {
		if f.shell {
			return errors.New("--shell and --json do not go together")
		}
		f.View = localrun.JSONView{Out: cmd.OutOrStdout()}
		return nil
	}
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	f.terminal = err == nil && term.IsTerminal(int(os.Stdin.Fd()))
	view := &localrun.TextView{Out: cmd.OutOrStdout(), Live: err == nil, Width: width}
	f.View = view
	if f.shell && !f.terminal {
		return errors.New("--shell needs a terminal")
	}
	if f.terminal {
		f.Ask = func(ctx context.Context, question string) (bool, error) { return ask(ctx, view, question) }
	}
	return nil
}

func pairs(given []string) (map[string]string, error) {
	m := map[string]string{}
	for _, text := range given {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q is not of the form NAME=VALUE", text)
		}
		m[name] = value
	}
	return m, nil
}

// ask reads an answer from the terminal, or is interrupted.
func ask(ctx context.Context, view *localrun.TextView, question string) (bool, error) {
	view.Question(question)
	answer := make(chan string, 1)
	go func() {
		var word string
		_, _ = fmt.Scanln(&word) // an empty line means no
		answer <- word
	}()
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case word := <-answer:
		return strings.EqualFold(word, "y") || strings.EqualFold(word, "yes"), nil
	}
}

// inspect has a failed build shown, and returns when the user has seen enough.
func (f *runFlags) inspect(ctx context.Context, to chan<- localrun.Inspection, b build.Failed) {
	done := make(chan struct{})
	select {
	case <-ctx.Done():
	case to <- localrun.Inspection{Show: func() { f.openShell(ctx, b) }, Done: done}:
		select {
		case <-ctx.Done():
		case <-done:
		}
	}
}

// openShell lets the user look around in a failed build.
func (f *runFlags) openShell(ctx context.Context, b build.Failed) {
	if view, ok := f.View.(*localrun.TextView); ok {
		view.Question(fmt.Sprintf("\nThe build %s has failed. This is a shell in its workspace; exit goes on.\n", b.ID))
	}
	shell := exec.CommandContext(ctx, "sh", "-i")
	if bash, err := exec.LookPath("bash"); err == nil {
		shell = exec.CommandContext(ctx, bash, "--norc", "-i")
	}
	shell.Dir, shell.Stdin, shell.Stdout, shell.Stderr = b.Dir, os.Stdin, os.Stdout, os.Stderr
	shell.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TERM=" + os.Getenv("TERM"), "PS1=build$ "}, b.Env...)
	_ = shell.Run() // its status is that of the user's last command
}

// withServer runs the plan on a server of its own, which leaves nothing behind.
func (f *runFlags) withServer(ctx context.Context, plan *localrun.Plan) (err error) {
	temp, err := os.MkdirTemp("", "conveyor-run-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	c, err := config.Of(map[string]string{
		"data": filepath.Join(temp, "data"), "listen": "127.0.0.1:0", "build-runner": f.runner,
		"build-slots": strconv.Itoa(f.slots), "build-limits": config.LimitsOff,
	})
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	if f.verbose {
		log = c.Logger()
	}
	with := []app.Option{app.FromDirectories}
	if f.shell {
		to := make(chan localrun.Inspection)
		f.Inspections = to
		with = append(with, app.OnFailed(func(_ context.Context, b build.Failed) { f.inspect(ctx, to, b) }))
	}
	server, err := app.Open(ctx, *c, log, with...)
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- server.Run(serving) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ended)
	}()
	root, err := iam.ReadRoot(c.Data)
	if err != nil {
		return err
	}
	return localrun.Run(ctx, f.Options, plan, localrun.Server{
		URL: server.URL(), Region: c.Region, AccessKey: root.ID, SecretKey: root.Secret, Temp: temp,
	})
}
