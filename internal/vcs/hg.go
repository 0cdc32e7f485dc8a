package vcs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

var (
	hgID   = regexp.MustCompile(`^[0-9a-f]{40}$`)
	hgName = regexp.MustCompile(`^[\pL\pN_][\pL\pN_./ +-]{0,199}$`)
)

// CheckHgBranch says what the name of a branch, bookmark or tag should have been, or "". Mercurial takes expressions in
// the place of names, so the characters of those are left out.
func CheckHgBranch(name string) string {
	if hgName.MatchString(name) && !strings.Contains(name, "..") {
		return ""
	}
	return "the name of a branch, bookmark or tag: letters, digits and _./+- "
}

// hg prepares a call of Mercurial with a configuration of its own. done removes it.
func (r *Runner) hg(remote Remote, args ...string) (c Command, done func(), err error) {
	ssh, doneSSH, err := r.Identity(remote)
	if err != nil {
		return c, nil, err
	}
	dir, err := os.MkdirTemp("", "conveyor-hg-")
	if err != nil {
		doneSSH()
		return c, nil, err
	}
	done = func() {
		doneSSH()
		_ = os.RemoveAll(dir)
	}
	lines := []string{"[ui]", "interactive = no", "archivemeta = no", "[hooks]", "[extensions]", "[phases]", "publish = no"}
	if ssh != "" {
		lines = append(lines, "[ui]", "ssh = "+ssh)
	}
	if remote.Login.Password != "" {
		lines = append(lines, "[auth]", "remote.prefix = *", "remote.username = "+remote.Login.User, "remote.password = "+remote.Login.Password)
	}
	file := filepath.Join(dir, "hgrc")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		done()
		return c, nil, err
	}
	return Command{
		Program: string(Mercurial), Args: args, Env: []string{"HGRCPATH=" + file, "HGPLAIN=1", "HGENCODING=utf-8"},
		Secrets: []string{remote.Login.Password},
	}, done, nil
}

func (r *Runner) runHg(ctx context.Context, remote Remote, grows string, args ...string) ([]byte, error) {
	c, done, err := r.hg(remote, args...)
	if err != nil {
		return nil, err
	}
	defer done()
	c.Grows = grows
	out, err := r.Run(ctx, c)
	if e, ok := errors.AsType[*ClientError](err); ok && strings.Contains(e.Said, "unknown revision") {
		err = fmt.Errorf("%w: %w", ErrNoRevision, err)
	}
	return out, err
}

// HgHead asks a server for the id of the newest commit of a branch, bookmark or tag. ErrNoRevision.
func (r *Runner) HgHead(ctx context.Context, remote Remote, name string) (string, error) {
	if CheckHgBranch(name) != "" {
		return "", fmt.Errorf("%w: %q is no name", ErrNoRevision, name)
	}
	out, err := r.runHg(ctx, remote, "", "identify", "--debug", "--id", "--rev="+name, "--", remote.URL)
	if err != nil {
		return "", err
	}
	// Only with --debug the id is whole, and among much else.
	for line := range strings.Lines(string(out)) {
		if id := strings.TrimSpace(line); hgID.MatchString(id) && strings.Trim(id, "0") != "" {
			return id, nil
		}
	}
	return "", fmt.Errorf("%w: %s", ErrNoRevision, name)
}

// HgCommit reads a commit by its full id. mirror is a directory of the caller's that keeps the repository from one call to
// the next; nobody else uses it meanwhile. ErrNoRevision.
func (r *Runner) HgCommit(ctx context.Context, remote Remote, id, mirror string) (Commit, error) {
	if !hgID.MatchString(id) {
		return Commit{}, fmt.Errorf("%w: %q is not the full id of a commit", ErrNoRevision, id)
	}
	if _, err := os.Stat(filepath.Join(mirror, ".hg")); err != nil {
		if _, err := r.runHg(ctx, Remote{}, "", "init", "--", mirror); err != nil {
			return Commit{}, err
		}
	}
	c, err := r.hgLog(ctx, id, mirror)
	if !errors.Is(err, ErrNoRevision) {
		return c, err
	}
	// A pull that was cut off is undone first.
	if _, err := os.Stat(filepath.Join(mirror, ".hg", "store", "journal")); err == nil {
		if _, err := r.runHg(ctx, Remote{}, "", "--repository="+mirror, "recover", "--no-verify"); err != nil {
			return Commit{}, err
		}
	}
	if _, err := r.runHg(ctx, remote, mirror, "--repository="+mirror, "pull", "--quiet", "--", remote.URL); err != nil {
		return Commit{}, err
	}
	return r.hgLog(ctx, id, mirror)
}

func (r *Runner) hgLog(ctx context.Context, id, mirror string) (Commit, error) {
	out, err := r.runHg(ctx, Remote{}, "", "--repository="+mirror, "log", "--rev="+id, "--template=json")
	if err != nil {
		return Commit{}, err
	}
	var list []struct {
		Node        string    `json:"node"`
		User        string    `json:"user"`
		Date        []float64 `json:"date"`
		Description string    `json:"desc"`
	}
	if json.Unmarshal(out, &list) != nil || len(list) != 1 || len(list[0].Date) == 0 {
		return Commit{}, errors.New("hg log says nothing that can be understood")
	}
	c := list[0]
	return Commit{ID: c.Node, Author: c.User, Date: time.Unix(int64(c.Date[0]), 0).UTC(), Message: c.Description}, nil
}

// HgExport writes the files of a commit that HgCommit has found in mirror into a directory that does not exist yet, without
// subrepositories.
func (r *Runner) HgExport(ctx context.Context, id, mirror, dir string) error {
	_, err := r.runHg(ctx, Remote{}, dir, "--repository="+mirror, "archive", "--rev="+id, "--type=files", "--", dir)
	return err
}
