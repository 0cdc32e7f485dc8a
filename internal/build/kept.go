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

// Keeping bounds what failed builds leave for OpenShell. It is kept for a time after the build's end and after that of each
// shell in it.
type Keeping struct {
	Time    time.Duration // when the project does not say how long
	Longest time.Duration // what a project may ask for, and after which it goes in any case
	Most    int           // workspaces at a time; the oldest goes for the newest. 0 keeps none
}

// ErrNotKept says that there is no workspace of a build to open a shell in.
var ErrNotKept = errors.New("the workspace of the build is not kept")

// leftover is what a failed build left.
type leftover struct {
	failed  Failed
	missing []string // lines about what its environment is without
	ws      Workspace
	life    time.Duration   // how long it is kept while nobody uses it
	idle    *time.Timer     // ends that
	gone    context.Context // ends when it is to go
	drop    func()
	shells  chan struct{} // holds one token: one shell at a time
	removed chan struct{} // closed when it is gone
}

// lasts is how long the workspace of a failed build is to be kept; 0: not at all.
func (k Keeping) lasts(e *types.ProjectEnvironment) (time.Duration, error) {
	switch value := wish(e, keepVariable); value {
	case "true":
		return k.Time, nil
	case "false", "":
		return 0, nil
	default:
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 || d > k.Longest {
			return 0, fmt.Errorf("%s is %q; it must be true or a time of at most %s, such as 30m", keepVariable, value, k.Longest)
		}
		return d, nil
	}
}

// mayKeep tells whether the workspace is to be kept should the build fail.
func (r *run) mayKeep() bool {
	life, err := r.s.cfg.Keep.lasts(r.rec.Build.Environment)
	return err == nil && life > 0 && r.s.cfg.Keep.Most > 0
}

// keep keeps the workspace, if the build failed and asks for that. It tells whether it did.
func (r *run) keep() bool {
	if value := wish(r.rec.Build.Environment, keepVariable); value == "" || value == "false" || r.failed != types.StatusTypeFailed || r.session == nil {
		return false
	}
	if r.s.cfg.Keep.Most == 0 {
		r.log.Printf("Warning: the workspace is not kept (%s): this server keeps none, as no worker does (setting build-keep-most)", keepVariable)
		return false
	}
	life, err := r.s.cfg.Keep.lasts(r.rec.Build.Environment)
	if err != nil {
		r.log.Printf("Warning: %v. Nothing is kept", err)
	}
	if life == 0 {
		return false
	}
	gone, drop := context.WithCancel(context.Background())
	k := &leftover{
		failed: r.left(), missing: r.missing(), ws: r.ws, life: life, gone: gone, drop: drop,
		shells: make(chan struct{}, 1), removed: make(chan struct{}),
	}
	k.shells <- struct{}{}
	if !r.s.shelve(k) {
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

// missing says what left leaves out of the build's environment, and how whoever may read a secret has it.
func (r *run) missing() []string {
	var lines, others []string
	for _, v := range r.env {
		name, value, _ := strings.Cut(v, "=")
		if !r.log.hides(value) {
			continue
		}
		i := slices.IndexFunc(r.fetched, func(f fetched) bool { return f.name == name })
		if i < 0 {
			others = append(others, name)
			continue
		}
		lines = append(lines, fmt.Sprintf("%s is a secret and not set here. With rights of your own: %s", name, r.fetched[i].how()))
	}
	if len(others) > 0 {
		lines = append(lines, "Not set either, because they hold a secret or credentials of the build, which have ended: "+strings.Join(others, ", "))
	}
	return lines
}

// shelve keeps a workspace for a while. It does not when the server ends.
func (s *Service) shelve(k *leftover) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keepsNone {
		return false
	}
	for len(s.kept) >= s.cfg.Keep.Most {
		s.dropOldest()
	}
	s.kept = append(s.kept, k)
	s.dropping.Add(1)
	k.idle = time.AfterFunc(k.life, k.drop)
	last := time.AfterFunc(s.cfg.Keep.Longest, k.drop)
	go func() {
		defer s.dropping.Done()
		defer close(k.removed)
		<-k.gone.Done()
		k.idle.Stop()
		last.Stop()
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
// exit status. sh.Dir and sh.Env are the build's; say is told, before it starts, in lines what of its environment is missing.
// ErrNotKept, for a build of another project too: callers are allowed projects.
func (s *Service) OpenShell(ctx context.Context, project, id string, sh Shell, say io.Writer) (status int, err error) {
	k := s.keptOf(project + ":" + id)
	if k == nil {
		return 0, fmt.Errorf("%w on this server. It is when the build failed, ran on this server and not on a worker, and its project has the environment variable %s "+
			"with the value true or a time such as 2h; by default for %s, at most %d at a time, and until the server ends", ErrNotKept, keepVariable, s.cfg.Keep.Time, s.cfg.Keep.Most)
	}
	select {
	case <-k.shells:
	default:
		return 0, errors.New("another shell is open in the workspace of the build; end it first")
	}
	k.idle.Stop()
	defer func() {
		if k.gone.Err() == nil {
			k.idle.Reset(k.life) // before the workspace may go
		}
		k.shells <- struct{}{}
	}()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(k.gone, func() { cancel(errors.New("the workspace is kept no longer")) })()
	if s.cfg.Disk > 0 {
		go s.watchDisk(ctx, id, k.ws, cancel)
	}
	for _, line := range k.missing {
		if _, err := fmt.Fprintln(say, line); err != nil {
			return 0, err
		}
	}
	sh.Dir, sh.Env = k.failed.Dir, append(sh.Env, k.failed.Env...)
	return k.ws.Shell(ctx, sh)
}
