// Package disk keeps the workspaces of builds on this machine's disk, for whatever runs in them.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/google/uuid"
)

const trashDir = ".trash"

// Disk is where one server has its workspaces: ROOT/ID, below a directory that several servers may share. Its methods may
// be called from many goroutines.
type Disk struct {
	All   string // the directory of all servers' workspaces, absolute and without symbolic links
	Name  string // of this server
	Root  string // this server's workspaces: All/Name
	lives func(server string) bool
	log   *slog.Logger
	trash sync.WaitGroup
}

// New is for a server that has dir to itself.
func New(dir string, log *slog.Logger) (*Disk, error) {
	return Among(dir, uuid.NewString()[:8], func(string) bool { return false }, log)
}

// Among is for one of several servers that share dir. server is a name that no other ever had. lives tells whether
// another server runs; what those left behind that do not is for Dead to find and for Discard to remove.
func Among(dir, server string, lives func(server string) bool, log *slog.Logger) (*Disk, error) {
	if err := os.MkdirAll(filepath.Join(dir, server, trashDir), 0o700); err != nil {
		return nil, fmt.Errorf("builds directory: %w", err)
	}
	abs, err := filepath.Abs(dir)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return nil, fmt.Errorf("builds directory: %w", err)
	}
	return &Disk{All: abs, Name: server, Root: filepath.Join(abs, server), lives: lives, log: log}, nil
}

// Dead reports whether a server runs no more. This one does.
func (d *Disk) Dead(server string) bool { return server != d.Name && !d.lives(server) }

// Servers are those whose workspaces there are, this one included.
func (d *Disk) Servers() ([]string, error) {
	entries, err := os.ReadDir(d.All)
	if err != nil {
		return nil, fmt.Errorf("look for the workspaces of builds: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") { // those are of all servers
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Elsewhere are the workspaces that other servers have made for a build: those servers have ended, or have lost the build
// while they stood still.
func (d *Disk) Elsewhere(id string) (dirs []string, err error) {
	servers, err := d.Servers()
	for _, server := range servers {
		dir := filepath.Join(d.All, server, id)
		if server == d.Name {
			continue
		}
		if _, err := os.Lstat(dir); err == nil {
			dirs = append(dirs, dir)
		}
	}
	return dirs, err
}

// Sweep removes what dead servers have left. Their processes have been ended.
func (d *Disk) Sweep() error {
	servers, err := d.Servers()
	errs := []error{err}
	for _, server := range servers {
		if d.Dead(server) {
			errs = append(errs, d.Discard(filepath.Join(d.All, server)))
		}
	}
	return errors.Join(errs...)
}

// Make makes an empty workspace for a build, with some directories in it. fs.ErrExist: an earlier attempt has left one.
func (d *Disk) Make(id string, dirs ...string) (root string, err error) {
	if _, err := uuid.Parse(id); err != nil {
		return "", fmt.Errorf("%q is not the id of a build: %w", id, err)
	}
	root = filepath.Join(d.Root, id)
	for _, dir := range append([]string{"."}, dirs...) {
		if err := os.Mkdir(filepath.Join(root, dir), 0o700); err != nil {
			return root, fmt.Errorf("prepare workspace: %w", err)
		}
	}
	return root, nil
}

// Discard takes a workspace out of the way at once and removes it in the background: a tree of many files takes longer
// than the build's successor should wait. Nothing runs in it any more.
func (d *Disk) Discard(dir string) error {
	to := filepath.Join(d.Root, trashDir, uuid.NewString())
	if err := os.Rename(dir, to); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		// A directory that cannot be moved because its owner took the right away.
		if cerr := os.Chmod(dir, 0o700); cerr != nil || os.Rename(dir, to) != nil { //nolint:gosec // about to be removed
			return fmt.Errorf("remove workspace: %w", err)
		}
	}
	d.trash.Go(func() {
		if err := removeAll(to); err != nil {
			d.log.Error("a build's files could not be removed; free the disk by hand", "directory", to, "error", err)
		}
	})
	return nil
}

// Wait returns when all discarded workspaces are off the disk.
func (d *Disk) Wait() { d.trash.Wait() }

// Close gives the server's directory back, unless something is left in it that a later Sweep has to end or to remove.
func (d *Disk) Close() error {
	for _, dir := range []string{filepath.Join(d.Root, trashDir), d.Root} {
		if err := os.Remove(dir); err != nil {
			if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) {
				return nil
			}
			return fmt.Errorf("give the builds directory back: %w", err)
		}
	}
	return nil
}

// Usage is how many bytes of the disk a tree takes. It may change meanwhile; what cannot be seen does not count.
func Usage(ctx context.Context, dir string) (int64, error) {
	var size int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return nil //nolint:nilerr // gone, or closed to the server
		}
		if info, err := d.Info(); err == nil {
			size += occupied(info)
		}
		return nil
	})
	return size, err
}

// occupied is how much of the disk a file takes: less than its size when it has holes.
func occupied(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}

// removeAll removes a tree whatever modes its directories have.
func removeAll(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700) //nolint:gosec // a directory that is about to be removed
			if err != nil {
				return fs.SkipDir
			}
		}
		return nil
	})
	// WalkDir reads a directory before it asks about it, so what could not be read the first time is walked again by
	// RemoveAll, one level at a time.
	var err error
	for range 64 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		pe, ok := errors.AsType[*fs.PathError](err)
		if !ok || os.Chmod(filepath.Dir(pe.Path), 0o700) != nil {
			return err
		}
		_ = os.Chmod(pe.Path, 0o700) //nolint:gosec // as above
	}
	return err
}
