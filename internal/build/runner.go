package build

import (
	"context"
	"io"
	"time"
)

// Runner gives builds a place to run in: this machine (host) or a container.
//
// Prepare may be called from many goroutines for different builds, never twice at the same time for one. Everything a
// build starts stays inside what Prepare made and ends with it.
type Runner interface {
	// Notice is the line that opens every build's log: where the build runs, and what that means for its image.
	Notice(n Needs) string
	// Prepare makes an empty workspace for a build. If an earlier attempt of the same build, also on another server, left
	// processes or files behind within reach, they are killed and removed first. What the build's author or the server's
	// owner has to mend is a *Failure that says how.
	Prepare(ctx context.Context, n Needs) (Workspace, error)
	// Sweep kills and removes what builds left behind that no running server owns. It is called before the first Prepare
	// of this process, and whenever another server has ended.
	Sweep(ctx context.Context) error
}

// Needs is what a build asks of the place it runs in.
type Needs struct {
	ID         string // of the build, a uuid
	Image      string // as the project names it; "" when it names none
	Privileged bool
	CPUs       float64 // at most so many; 0: no limit
	Memory     int64   // at most so many bytes; 0: no limit
	Offline    bool    // the build's commands reach no network
	Keep       bool    // what the session leaves is there for Workspace.Shell
	// Login reads what signs in to the image's registry, for a runner that fetches the image; nil: nothing does.
	Login func(context.Context) (*Login, error)
	// Caches are directories of this server, absolute, that outlive the build and that its commands may write to. No two
	// builds have one at the same time.
	Caches []string
	// Say writes a line to the build's log, for what takes long, such as fetching an image; nil: nobody listens.
	Say func(format string, args ...any)
}

// Login signs in to the registry of an image.
type Login struct{ User, Password string }

// Workspace is the disk of one build. Paths given to it are relative, with slashes.
type Workspace interface {
	// Root is the workspace's directory as this server sees it. Sources are put below it and artifacts are read from
	// it; nothing outside it ever becomes an artifact.
	Root() string
	// Path is where the build's own commands see a path of the workspace.
	Path(rel string) string
	// Cache is where the build's own commands see one of Needs.Caches.
	Cache(dir string) string
	// Reach is how the build's own commands reach a URL of this server: its loopback is not always theirs.
	Reach(url string) string
	// Size is how many bytes the build occupies on this server's disks, without its caches. It may be asked at any time.
	Size(ctx context.Context) (int64, error)
	// Start opens the build's one session. It is called at most once, after the sources are in place.
	Start(ctx context.Context, o SessionOptions) (Session, error)
	// Shell runs a shell for a person in what the build's session left, which has ended, and returns its exit status. It is the
	// build's in its user, its limits, its network and its mounts. When it returns, nothing that it started runs any more. It
	// ends when ctx does; the error is ctx's cause then. Needs.Keep must have been asked for; one shell runs at a time.
	Shell(ctx context.Context, s Shell) (status int, err error)
	// Cleanup ends whatever still runs and gives the disk back, whatever modes its files have. It may return before a
	// large tree is gone. Nothing of the workspace may be used afterwards; calling it again does nothing.
	Cleanup(ctx context.Context) error
}

// MemoryWatcher is a Workspace that can tell that the kernel has ended processes of the build, because together they used
// more than Needs.Memory.
type MemoryWatcher interface{ OutOfMemory() bool }

// Shell says what a shell in a workspace is connected to.
type Shell struct {
	Dir string   // where it starts, as the build sees it
	Env []string // NAME=value
	In  io.Reader
	Out io.Writer // what it writes, standard output and error in one stream
	// Sizes, when it is not nil, asks for a terminal and tells its size, first and whenever it changes.
	Sizes <-chan Size
}

// Size is that of a terminal, in characters.
type Size struct{ Rows, Columns uint16 }

// SessionOptions say how a session starts.
type SessionOptions struct {
	Shell string   // "sh" or "bash"
	Dir   string   // first working directory, as the build sees it
	Env   []string // NAME=value; the runner adds what its place needs (PATH, HOME, ...) where a name is missing
	// User is who the commands run as, a name the place knows; "" leaves that to the runner. The sources are given to that
	// user. A user that is missing, or that this server cannot act for, is a *Failure of Start.
	User string
	// Others are further users that As will name; they are looked for at the start, too.
	Others []string
	// Output receives what commands write, standard output and error in one stream, in order. It is called from one
	// goroutine at a time and may block: then the build's commands wait, so that memory stays bounded.
	Output io.Writer
	// Grace is how long a build that is stopped has between SIGTERM and SIGKILL.
	Grace time.Duration
}

// Session is one long-lived shell: what a command leaves behind (working directory, variables, functions) is there for
// the next. Its methods are called one at a time, except Kill, which may come at any moment.
//
// Commands have no standard input to wait for. A command that ends the shell (exit, exec, set -e) ends only itself: the
// next one finds the working directory and the exported variables as they were left.
type Session interface {
	// Run runs one command, of any number of lines, and returns its exit status. When it returns, everything the
	// command wrote before it ended has been passed to Output. It does not wait for background processes.
	// When ctx ends first, the whole session is killed and the error is ctx's cause.
	Run(ctx context.Context, command string) (status int, err error)
	// As has later commands run as a user, "" being whoever runs them when none is named. What the commands before left
	// behind is there for them, as far as that user may see it.
	As(ctx context.Context, user string) error
	// Setenv exports a variable to all later commands.
	Setenv(ctx context.Context, name, value string) error
	// Getenv reads variables, exported or not. Names that are not set are missing from the answer.
	Getenv(ctx context.Context, names []string) (map[string]string, error)
	// Eval expands text as the shell would between double quotes, command substitutions included.
	Eval(ctx context.Context, text string) (string, error)
	// Close lets the shell end by itself (its exit traps run, for at most the grace time), then does what Kill does.
	Close() error
	// Kill ends the shell and every process that descends from it, daemons included: first SIGTERM, after the grace
	// time SIGKILL. When it returns none of them runs. It may be called at any time, and again.
	Kill() error
}
