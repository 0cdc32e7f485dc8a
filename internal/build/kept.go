package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// keepVariable of a project or of StartBuild keeps what the build leaves when it fails, as an environment variable, because
// AWS has no member for that. Its value is "true" or how long, such as 30m.
const keepVariable = "ConveyorKeepFailed"

const (
	keepFor     = time.Hour      // when the project does not say how long
	keepLongest = 24 * time.Hour // and at most
	keepMost    = 4              // workspaces at a time; the oldest goes for the newest
)

// ErrNotKept says that there is no workspace of a build to open a shell in.
var ErrNotKept = errors.New("the workspace of the build is not kept")

// Shell says what a shell in a kept workspace is connected to.
type Shell struct {
	Dir string   // where it starts
	Env []string // NAME=value
	In  io.Reader
	Out io.Writer // what it writes, standard output and error in one stream
	// Sizes, when it is not nil, asks for a terminal and tells its size, first and whenever it changes.
	Sizes <-chan Size
}

// Size is that of a terminal, in characters.
type Size struct{ Rows, Columns uint16 }

// ShellPlace is a Workspace in which a shell can be opened once the build's session has ended.
type ShellPlace interface {
	// Shell runs a shell, as the user that the build's commands ran as and within the build's limits, and returns its exit
	// status. When it returns, nothing that the shell started runs any more. It ends when ctx does.
	Shell(ctx context.Context, s Shell) (status int, err error)
}

// leftover is what a failed build left.
type leftover struct {
	failed  Failed
	ws      Workspace
	place   ShellPlace
	gone    context.Context // ends when it is to go
	drop    func()
	shells  chan struct{} // holds one token: one shell at a time
	removed chan struct{} // closed when it is gone
}

// keeps is how long the workspace of a failed build is to be kept; 0: not at all.
func keeps(e *types.ProjectEnvironment) (time.Duration, error) {
	switch value := wish(e, keepVariable); value {
	case "true":
		return keepFor, nil
	case "false", "":
		return 0, nil
	default:
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 || d > keepLongest {
			return 0, fmt.Errorf("%s is %q; it must be true or a time of at most %s, such as 30m", keepVariable, value, keepLongest)
		}
		return d, nil
	}
}

// keep keeps the workspace, if the build failed and asks for that. It tells whether it did.
func (r *run) keep() bool {
	life, err := keeps(r.rec.Build.Environment)
	if err != nil {
		r.log.Printf("Warning: %v. Nothing is kept", err)
		return false
	}
	if life == 0 || r.failed != types.StatusTypeFailed || r.session == nil {
		return false
	}
	place, ok := r.ws.(ShellPlace)
	if !ok || !r.s.cfg.Keep {
		r.log.Printf("Warning: the workspace is not kept (%s): only those of builds on a server's host can be", keepVariable)
		return false
	}
	gone, drop := context.WithCancel(context.Background())
	k := &leftover{failed: r.left(), ws: r.ws, place: place, gone: gone, drop: drop, shells: make(chan struct{}, 1), removed: make(chan struct{})}
	k.shells <- struct{}{}
	if !r.s.shelve(k, life) {
		return false
	}
	r.log.Printf("The workspace is kept for %s: conveyor build shell %s", life, k.failed.ID)
	return true
}

// left is what the build leaves.
func (r *run) left() Failed {
	f := Failed{ID: *r.rec.Build.Id, Dir: r.ws.Path(srcDir)}
	for _, v := range r.env {
		if _, value, _ := strings.Cut(v, "="); !r.log.hides(value) {
			f.Env = append(f.Env, v)
		}
	}
	return f
}

// shelve keeps a workspace for a while. It does not when the server ends.
func (s *Service) shelve(k *leftover, life time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keepsNone {
		return false
	}
	for len(s.kept) >= keepMost {
		s.dropOldest()
	}
	s.kept = append(s.kept, k)
	s.dropping.Add(1)
	timer := time.AfterFunc(life, k.drop)
	go func() {
		defer s.dropping.Done()
		defer close(k.removed)
		<-k.gone.Done()
		timer.Stop()
		s.forgetKept(k)
		<-k.shells // the shell in it ends, too
		if err := k.ws.Cleanup(context.Background()); err != nil {
			s.cfg.Log.Error("cannot remove the kept workspace of a build", "build", k.failed.ID, "error", err)
		}
	}()
	return true
}

func (s *Service) forgetKept(k *leftover) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = slices.DeleteFunc(s.kept, func(other *leftover) bool { return other == k })
}

// dropOldest lets the oldest kept workspace go and returns it; nil: there is none. s.mu is held.
func (s *Service) dropOldest() *leftover {
	if len(s.kept) == 0 {
		return nil
	}
	oldest := s.kept[0]
	oldest.drop()
	s.kept = slices.Delete(s.kept, 0, 1)
	return oldest
}

// dropForRoom removes the oldest kept workspace, whose user or disk a build needs. It tells whether there was one.
func (s *Service) dropForRoom() bool {
	s.mu.Lock()
	oldest := s.dropOldest()
	s.mu.Unlock()
	if oldest == nil {
		return false
	}
	<-oldest.removed
	return true
}

// wantsRoom tells whether a workspace cannot be made for what others take up.
func wantsRoom(err error) bool {
	f, ok := errors.AsType[*Failure](err)
	return ok && f.Crowded || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// keptOf is what a build left, by its id; nil: nothing is kept.
func (s *Service) keptOf(id string) *leftover {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.IndexFunc(s.kept, func(k *leftover) bool { return k.failed.ID == id }); i >= 0 {
		return s.kept[i]
	}
	return nil
}

// DropKept removes all kept workspaces, and keeps none from now on. It returns when they are gone, with the shells in them.
func (s *Service) DropKept() error {
	s.mu.Lock()
	s.keepsNone = true
	for s.dropOldest() != nil {
	}
	s.mu.Unlock()
	s.dropping.Wait()
	return nil
}

// OpenShell runs a shell in the kept workspace of a failed build of a project, by the build's id (a uuid), and returns its
// exit status. sh.Dir and sh.Env are the build's. ErrNotKept, for a build of another project too: callers are allowed projects.
func (s *Service) OpenShell(ctx context.Context, project, id string, sh Shell) (status int, err error) {
	k := s.keptOf(project + ":" + id)
	if k == nil {
		return 0, fmt.Errorf("%w on this server. It is when the build failed, ran on this server's host, and its project has the environment variable %s "+
			"with the value true or a time such as 2h; by default for %s, at most %d at a time, and until the server ends", ErrNotKept, keepVariable, keepFor, keepMost)
	}
	select {
	case <-k.shells:
	default:
		return 0, errors.New("another shell is open in the workspace of the build; end it first")
	}
	defer func() { k.shells <- struct{}{} }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(k.gone, func() { cancel(errors.New("the workspace is kept no longer")) })()
	if s.cfg.Disk > 0 {
		go s.watchDisk(ctx, id, k.ws, cancel)
	}
	sh.Dir, sh.Env = k.failed.Dir, append(sh.Env, k.failed.Env...)
	return k.place.Shell(ctx, sh)
}
