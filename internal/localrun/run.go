// Package localrun carries a working tree through a build or a pipeline on this machine, against a server that runs for
// this alone. It does what a user would do with AWS's tools: it makes buckets, projects and the pipeline, follows what
// happens, answers approvals and fetches the artifacts. Nothing here knows how a build or a pipeline runs.
package localrun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Options say what to run, on what, and how to show it.
type Options struct {
	Dir        string            // the working tree
	File       string            // buildspec, pipeline, template or plan; "": Dir/buildspec.yml
	Pipeline   string            // which one, when File holds several
	Projects   []string          // files with build projects, as batch-get-projects answers
	Sources    map[string]string // directories by source action or artifact, in place of Dir
	Parameters map[string]string // of a CloudFormation template
	Variables  map[string]string // of the pipeline
	Env        []Variable        // of every build
	Only       []string          // stages to run; none: all
	Batch      bool              // run the builds of the buildspec's batch section
	Yes        bool              // approve what waits for approval
	History    bool              // hand .git over, too
	Out        string            // where artifacts go

	View View
	// Inspections are shown one at a time, when what the build wrote before has been.
	Inspections <-chan Inspection
	// Ask answers an approval; nil when nobody can be asked.
	Ask func(ctx context.Context, question string) (approved bool, err error)
}

// Inspection is a look at a failed build, which ends once Done is closed.
type Inspection struct {
	Show func()
	Done chan<- struct{}
}

// Variable is an environment variable.
type Variable struct{ Name, Value string }

// Server is the server that is spoken to: one that runs for this run alone, or, for logs, any.
type Server struct {
	URL, Region, AccessKey, SecretKey, SessionToken string
	Temp                                            string // a directory that goes with it
}

// Failed says that the run itself worked and what it ran did not.
type Failed struct{ Reason string }

func (f *Failed) Error() string { return f.Reason }

// Check reads what is to be run, so that mistakes are told before a server is started.
func (o *Options) Check() (*Plan, error) {
	for _, dir := range append([]string{o.Dir}, values(o.Sources)...) {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("%s is not a directory", dir)
		}
	}
	name := o.File
	if name == "" {
		name = filepath.Join(o.Dir, "buildspec.yml")
	}
	text, err := readLimited(name)
	if errors.Is(err, os.ErrNotExist) && o.File == "" {
		return nil, fmt.Errorf("there is no buildspec.yml in %s; name a buildspec, a pipeline's JSON, a CloudFormation template or a Terraform plan (conveyor run --help)", o.Dir)
	}
	if err != nil {
		return nil, err
	}
	plan, err := o.read(name, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := o.readProjects(plan); err != nil {
		return nil, err
	}
	if o.Batch {
		err = o.checkBatch(plan)
	}
	if err == nil && plan.Pipeline != nil {
		err = o.adapt(plan)
	}
	return plan, err
}

// maxFile bounds what is read of a definition.
const maxFile = 64 << 20

func readLimited(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is longer than %d bytes", name, maxFile)
	}
	return text, err
}

// Run carries the working tree through the plan. *Failed when what ran did not succeed.
func Run(ctx context.Context, o Options, plan *Plan, s Server) error {
	r := &run{Options: o, plan: plan, server: s, api: newClients(s), began: time.Now()}
	if plan.Pipeline == nil {
		return r.build(ctx)
	}
	return r.pipeline(ctx)
}

type run struct {
	Options
	plan   *Plan
	server Server
	api    clients
	began  time.Time
	held   *Inspection
	rounds int // before it is shown
}

// leaveOut are the paths below dir that are this run's own.
func (o *Options) leaveOut(dir string) []string {
	full, err := filepath.Abs(dir)
	if err != nil {
		return nil
	}
	out, err := filepath.Abs(o.Out)
	if err != nil {
		return nil
	}
	rel, err := filepath.Rel(full, out)
	if err != nil || !filepath.IsLocal(rel) || rel == "." {
		return nil
	}
	return []string{filepath.ToSlash(rel)}
}

func values(m map[string]string) []string {
	var list []string
	for _, v := range m {
		list = append(list, v)
	}
	return list
}

// refresh is how often the server is asked for news, soon after the start and later on.
func refresh(since time.Time) time.Duration {
	return min(max(time.Since(since)/50, 15*time.Millisecond), 200*time.Millisecond)
}

// settle is how often the log is read before a failed build is shown: its last lines are on their way then.
const settle = 3

// pause waits until it is time to look again, and shows the build that is to be inspected.
func (r *run) pause(ctx context.Context, d time.Duration) error {
	if r.held != nil {
		if r.rounds--; r.rounds == 0 {
			r.held.Show()
			close(r.held.Done)
			r.held = nil
		}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	inspections := r.Inspections
	if r.held != nil {
		inspections = nil
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case i := <-inspections:
		r.held, r.rounds = &i, settle
	case <-timer.C:
	}
	return nil
}

// headline is the first line of a message.
func headline(text string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return first
}
