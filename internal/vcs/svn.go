package vcs

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Commit is a revision of a repository.
type Commit struct {
	ID      string // Subversion: the number of the revision in which the path last changed
	Author  string
	Date    time.Time
	Message string
}

// svn prepares a call of Subversion.
func (r *Runner) svn(remote Remote, ssh string, args ...string) Command {
	base := []string{"--non-interactive", "--no-auth-cache", "--config-dir", filepath.Join(r.o.Home, "subversion")}
	c := Command{Program: string(Subversion), Secrets: []string{remote.Login.Password}}
	if remote.Login.Password != "" {
		base = append(base, "--password-from-stdin", "--username="+remote.Login.User)
		c.Stdin = remote.Login.Password
	}
	if ssh != "" {
		c.Env = append(c.Env, "SVN_SSH="+ssh)
	}
	c.Args = append(args[:1:1], append(base, args[1:]...)...)
	return c
}

// at is a URL as it was in a revision. Without the peg an @ in the URL would be taken for one.
func at(url, revision string) string { return strings.TrimRight(url, "/") + "@" + revision }

// SVNCommit finds the newest commit of a path, or the one that was newest in a revision. ErrNoRevision.
func (r *Runner) SVNCommit(ctx context.Context, remote Remote, revision string) (Commit, error) {
	peg := "HEAD"
	if revision != "" {
		if n, err := strconv.ParseUint(strings.TrimPrefix(revision, "r"), 10, 63); err != nil || n == 0 {
			return Commit{}, fmt.Errorf("%w: %q is not the number of a revision", ErrNoRevision, revision)
		}
		peg = strings.TrimPrefix(revision, "r")
	}
	ssh, done, err := r.Identity(remote)
	if err != nil {
		return Commit{}, err
	}
	defer done()
	out, err := r.Run(ctx, r.svn(remote, ssh, "info", "--xml", "--", at(remote.URL, peg)))
	if err != nil {
		return Commit{}, svnError(err)
	}
	var info struct {
		Entry struct {
			Kind   string `xml:"kind,attr"`
			Commit struct {
				Revision string    `xml:"revision,attr"`
				Author   string    `xml:"author"`
				Date     time.Time `xml:"date"`
			} `xml:"commit"`
		} `xml:"entry"`
	}
	if xml.Unmarshal(out, &info) != nil || info.Entry.Commit.Revision == "" {
		return Commit{}, errors.New("svn info says nothing that can be understood")
	}
	if info.Entry.Kind != "dir" {
		return Commit{}, &ClientError{"svn", "the URL names a file; name a folder"}
	}
	found := Commit{ID: info.Entry.Commit.Revision, Author: info.Entry.Commit.Author, Date: info.Entry.Commit.Date}
	out, err = r.Run(ctx, r.svn(remote, ssh, "log", "--xml", "--revision="+found.ID, "--limit=1", "--", at(remote.URL, peg)))
	if err != nil {
		return Commit{}, svnError(err)
	}
	var log struct {
		Entry struct {
			Message string `xml:"msg"`
		} `xml:"logentry"`
	}
	if err := xml.Unmarshal(out, &log); err != nil {
		return Commit{}, fmt.Errorf("svn log says nothing that can be understood: %w", err)
	}
	found.Message = log.Entry.Message
	return found, nil
}

// SVNExport writes the files of a path, as they were in a revision, into a directory that does not exist yet. What the
// repository includes from elsewhere (externals) is left out.
func (r *Runner) SVNExport(ctx context.Context, remote Remote, revision, dir string) error {
	ssh, done, err := r.Identity(remote)
	if err != nil {
		return err
	}
	defer done()
	c := r.svn(remote, ssh, "export", "--quiet", "--ignore-externals", "--revision="+revision, "--", at(remote.URL, revision), dir)
	c.Grows = dir
	_, err = r.Run(ctx, c)
	return svnError(err)
}

// svnError recognises what says that there is no such path or revision.
func svnError(err error) error {
	if e, ok := errors.AsType[*ClientError](err); ok {
		for _, code := range []string{"E160013", "E200009", "E160006", "E195012"} {
			if strings.Contains(e.Said, code) {
				return fmt.Errorf("%w: %w", ErrNoRevision, err)
			}
		}
	}
	return err
}
