package remotesource

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/archive"
	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/vcs"
)

// loginFailure is failure for what may go wrong before anybody is asked.
func (s *Sources) loginFailure(err error, what string, configuration map[string]string) (action.Result, error) {
	if errors.Is(err, connection.ErrNotFound) {
		return action.Fail(pipeline.ConfigurationError, "Could not sign in at %s: there is no login %s. Store one with conveyor connection login, or correct %s.",
			what, configuration[keyCredentials], keyCredentials), nil
	}
	return s.failure(err, what)
}

// subversionSource is a path of a Subversion repository.
type subversionSource struct{ *Sources }

func (subversionSource) Cancel(context.Context, action.Job) error { return nil }

func (subversionSource) Type() action.Type {
	return sourceType("AWS", "ConveyorSubversion", urlProperty(vcs.Subversion), loginProperty, pollProperty)
}

func (p subversionSource) Start(ctx context.Context, job action.Job) (action.Result, error) {
	c := job.Configuration
	what := "the Subversion repository " + c[keyURL]
	revision, err := pinned(job)
	if err != nil {
		return action.Fail(pipeline.ConfigurationError, "%v", err), nil
	}
	origin, err := p.o.Connections.Named(ctx, c[keyCredentials], c[keyURL])
	if err != nil {
		return p.loginFailure(err, what, c)
	}
	commit, err := p.o.Runner.SVNCommit(ctx, origin.Remote, revision)
	if err == nil {
		err = p.exported(ctx, job, func(dir string) error { return p.o.Runner.SVNExport(ctx, origin.Remote, commit.ID, dir) })
	}
	if err != nil {
		return p.failure(err, what)
	}
	return done(commit.ID, commit.Message, commit.Date, commit.Date, "", map[string]string{"RepositoryUrl": c[keyURL], "Author": commit.Author}), nil
}

// exported stores the files that export writes into a directory.
func (s *Sources) exported(ctx context.Context, job action.Job, export func(dir string) error) error {
	temp, err := os.MkdirTemp(s.o.Dir, "export-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	dir := filepath.Join(temp, "files")
	if err := export(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil { // there was nothing to export
		return err
	}
	entries, err := archive.Tree(dir)
	if err != nil {
		return err
	}
	return s.putZip(ctx, job, func(w io.Writer) error {
		return archive.Zip(ctx, w, dir, entries, archive.Options{Links: archive.KeepLinks})
	})
}

// mercurialSource is a branch of a Mercurial repository.
type mercurialSource struct{ *Sources }

func (mercurialSource) Cancel(context.Context, action.Job) error { return nil }

const defaultHgBranch = "default"

func (mercurialSource) Type() action.Type {
	return sourceType("AWS", "ConveyorMercurial", urlProperty(vcs.Mercurial),
		action.Property{Name: keyBranch, Key: true, Type: "String", Check: vcs.CheckHgBranch, Description: "The branch, bookmark or tag to fetch; default when absent."},
		loginProperty, pollProperty)
}

func (p mercurialSource) Start(ctx context.Context, job action.Job) (action.Result, error) {
	c := job.Configuration
	what := "the Mercurial repository " + c[keyURL]
	branch := c[keyBranch]
	if branch == "" {
		branch = defaultHgBranch
	}
	id, err := pinned(job)
	if err != nil {
		return action.Fail(pipeline.ConfigurationError, "%v", err), nil
	}
	origin, err := p.o.Connections.Named(ctx, c[keyCredentials], c[keyURL])
	if err != nil {
		return p.loginFailure(err, what, c)
	}
	if id == "" {
		if id, err = p.o.Runner.HgHead(ctx, origin.Remote, branch); err != nil {
			return p.failure(err, what)
		}
	}
	commit, err := p.mercurial(ctx, job, origin, id)
	if err != nil {
		return p.failure(err, what)
	}
	return done(commit.ID, commit.Message, commit.Date, commit.Date, "", map[string]string{
		"RepositoryUrl": c[keyURL], "BranchName": branch, "Author": commit.Author,
	}), nil
}

// mercurial stores the files of a commit, by way of a mirror that is kept.
func (s *Sources) mercurial(ctx context.Context, job action.Job, origin vcs.Origin, id string) (vcs.Commit, error) {
	sum := sha256.Sum256([]byte(origin.Owner + "\x00" + origin.URL))
	mirror := filepath.Join(s.o.Dir, hex.EncodeToString(sum[:16])+".hg")
	unlock, err := lock(ctx, mirror+".lock")
	if err != nil {
		return vcs.Commit{}, err
	}
	defer unlock()
	if err := os.MkdirAll(mirror, 0o700); err != nil {
		return vcs.Commit{}, err
	}
	commit, err := s.o.Runner.HgCommit(ctx, origin.Remote, id, mirror)
	if err != nil {
		return commit, err
	}
	now := time.Now()
	if err := os.Chtimes(mirror, now, now); err != nil {
		return commit, err
	}
	return commit, s.exported(ctx, job, func(dir string) error { return s.o.Runner.HgExport(ctx, id, mirror, dir) })
}

// lock takes a lock that other servers respect, too.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// Sweep removes the mirrors of Mercurial repositories that nobody has used since a time, and what crashes left.
func (s *Sources) Sweep(ctx context.Context, before time.Time) error {
	list, err := os.ReadDir(s.o.Dir)
	if err != nil {
		return err
	}
	for _, d := range list {
		path := filepath.Join(s.o.Dir, d.Name())
		info, err := d.Info()
		ours := strings.HasSuffix(d.Name(), ".hg") || strings.HasPrefix(d.Name(), "export-")
		if err != nil || !ours || !info.ModTime().Before(before) {
			continue
		}
		unlock := func() {}
		if strings.HasSuffix(path, ".hg") {
			if unlock, err = lock(ctx, path+".lock"); err != nil {
				return err
			}
		}
		err = os.RemoveAll(path)
		unlock()
		if err != nil {
			return err
		}
	}
	return nil
}
