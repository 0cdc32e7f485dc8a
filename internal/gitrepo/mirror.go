package gitrepo

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/conveyor-cd/conveyor/internal/vcs"
)

// Mirrors are copies of other people's repositories, kept so that a commit is fetched once. They hold nothing that could
// not be fetched again. Several servers may share their directory.
type Mirrors struct {
	dir     string
	git     *git
	readers *readers
	runner  *vcs.Runner
}

// Wanted is what is to be there after a fetch: a commit, which may be abbreviated, or the tip of a branch or tag.
type Wanted struct {
	Commit string
	Branch string
	Tag    string
	// Ref is where the commit may be found when it is on no branch, such as refs/pull/1/head; "" for nowhere else.
	Ref string
}

// OpenMirrors prepares dir for mirrors.
func OpenMirrors(dir string, runner *vcs.Runner) (*Mirrors, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	for _, d := range []string{dir, filepath.Join(dir, homeDir)} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("prepare mirrors of repositories: %w", err)
		}
	}
	g, err := newGit("git", filepath.Join(dir, homeDir), mirrorSettings())
	if err != nil {
		return nil, err
	}
	return &Mirrors{dir: dir, git: g, readers: &readers{git: g}, runner: runner}, nil
}

// Close ends the processes that are kept for reading.
func (m *Mirrors) Close() error {
	m.readers.close()
	return nil
}

// mirrorSettings are the configuration of git while it fetches. Only protocols of a network are spoken; what is fetched
// is checked; nobody is sent on to another host with our credentials.
func mirrorSettings() [][2]string {
	return [][2]string{
		{"safe.directory", "*"},
		{"core.hooksPath", os.DevNull},
		{"core.attributesFile", os.DevNull},
		{"core.bigFileThreshold", "32m"},
		{"pack.threads", "2"},
		{"pack.windowMemory", "64m"},
		{"protocol.allow", "never"},
		{"protocol.http.allow", "always"},
		{"protocol.https.allow", "always"},
		{"protocol.ssh.allow", "always"},
		{"protocol.git.allow", "always"},
		{"http.followRedirects", "false"},
		{"http.lowSpeedLimit", "1"},
		{"http.lowSpeedTime", "60"},
		{"credential.helper", ""},
		{"fetch.fsckObjects", "true"},
		// Old mistakes of other people's histories do no harm here: trees are unpacked by us, below a root.
		{"fetch.fsck.zeroPaddedFilemode", "ignore"},
		{"fetch.fsck.badTimezone", "ignore"},
		{"fetch.fsck.missingSpaceBeforeDate", "ignore"},
		{"gc.auto", "6700"},
		{"gc.autoPackLimit", "50"},
		{"gc.autoDetach", "false"},
		{"maintenance.autoDetach", "false"},
		{"submodule.recurse", "false"},
	}
}

// dirOf is where the mirror of a repository is.
func (m *Mirrors) dirOf(o vcs.Origin) string {
	owner := o.Owner
	if o.Insecure { // nobody else shall trust what came from who knows where
		owner += "\x00insecure"
	}
	sum := sha256.Sum256([]byte(owner + "\x00" + o.URL))
	return filepath.Join(m.dir, hex.EncodeToString(sum[:16])+".git")
}

// Fetch makes sure that what is wanted is in the mirror, and returns its commit. When it is asked for a commit that is
// there already nobody is asked. ErrNoRef; a *vcs.MissingError, a *vcs.ClientError, vcs.ErrTooLarge.
func (m *Mirrors) Fetch(ctx context.Context, o vcs.Origin, w Wanted) (Commit, error) {
	dir := m.dirOf(o)
	if ValidID(w.Commit) {
		if c, err := m.commit(ctx, dir, w.Commit); err == nil {
			return c, m.touch(dir)
		}
	}
	unlock, err := m.lock(ctx, dir)
	if err != nil {
		return Commit{}, err
	}
	defer unlock()
	if err := m.prepare(ctx, dir); err != nil {
		return Commit{}, err
	}
	if err := m.pull(ctx, o, dir, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"); err != nil {
		return Commit{}, err
	}
	c, err := m.resolve(ctx, dir, w)
	// A commit on no branch: of a pull request, or one that was overwritten meanwhile.
	for _, spec := range []string{w.Ref, w.Commit} {
		if !errors.Is(err, ErrNoRef) || spec == "" || w.Commit == "" {
			continue
		}
		if ValidRef(spec) != nil && !ValidID(spec) {
			continue
		}
		if perr := m.pull(ctx, o, dir, "+"+spec+":refs/conveyor/"+strings.TrimPrefix(spec, "refs/")); perr != nil {
			if ctx.Err() != nil {
				return Commit{}, perr
			}
			continue // the server does not hand it out
		}
		c, err = m.resolve(ctx, dir, w)
	}
	return c, err
}

// Tip fetches what one ref of a repository leads to now, such as HEAD or refs/pull/1/head, and returns its commit. The errors
// are those of Fetch.
func (m *Mirrors) Tip(ctx context.Context, o vcs.Origin, ref string) (Commit, error) {
	if ref != "HEAD" && ValidRef(ref) != nil {
		return Commit{}, noRef{ref}
	}
	dir := m.dirOf(o)
	unlock, err := m.lock(ctx, dir)
	if err != nil {
		return Commit{}, err
	}
	defer unlock()
	if err := m.prepare(ctx, dir); err != nil {
		return Commit{}, err
	}
	here := "refs/conveyor/" + strings.TrimPrefix(ref, "refs/")
	err = m.pull(ctx, o, dir, "+"+ref+":"+here)
	if client, ok := errors.AsType[*vcs.ClientError](err); ok && strings.Contains(client.Said, "couldn't find remote ref") {
		return Commit{}, noRef{ref}
	}
	if err != nil {
		return Commit{}, err
	}
	return m.commit(ctx, dir, here)
}

// lock keeps other servers and goroutines away from a mirror that is changed.
func (m *Mirrors) lock(ctx context.Context, dir string) (unlock func(), err error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		f, err := lockFile(dir+".lock", unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func (m *Mirrors) prepare(ctx context.Context, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err == nil {
		return m.touch(dir)
	}
	_, err := m.git.run(ctx, m.dir, nil, "init", "--quiet", "--bare", "--initial-branch=conveyor-none", "--", dir)
	return err
}

// touch notes that a mirror is still of use.
func (m *Mirrors) touch(dir string) error {
	now := time.Now()
	return os.Chtimes(filepath.Join(dir, "HEAD"), now, now)
}

func (m *Mirrors) pull(ctx context.Context, o vcs.Origin, dir string, specs ...string) error {
	args := []string{"fetch", "--quiet", "--prune", "--no-tags", "--force", "--no-write-fetch-head", "--no-recurse-submodules", "--", o.URL}
	c, done, err := m.command(o, append(args, specs...)...)
	if err != nil {
		return err
	}
	defer done()
	c.Dir, c.Grows = dir, dir
	_, err = m.runner.Run(ctx, c)
	return err
}

// command prepares git to talk to a server. What proves who we are goes through the environment, which only this user
// can read.
func (m *Mirrors) command(o vcs.Origin, args ...string) (vcs.Command, func(), error) {
	ssh, done, err := m.runner.Identity(o.Remote)
	if err != nil {
		return vcs.Command{}, nil, err
	}
	c := vcs.Command{Program: "git", Args: args, Env: slices.Clone(m.git.env), Secrets: []string{o.Login.Password}}
	if ssh != "" {
		c.Env = append(c.Env, "GIT_SSH_COMMAND="+ssh)
	}
	if u, err := url.Parse(o.URL); err == nil && o.Login.Password != "" && strings.HasPrefix(u.Scheme, "http") {
		header := base64.StdEncoding.EncodeToString([]byte(o.Login.User + ":" + o.Login.Password))
		c.Secrets = append(c.Secrets, header)
		c.Env = with(c.Env, "http."+u.Scheme+"://"+u.Host+"/.extraHeader", "Authorization: Basic "+header)
	}
	if o.Insecure {
		c.Env = with(c.Env, "http.sslVerify", "false")
	}
	return c, done, nil
}

// with adds a setting to the environment that newGit made.
func with(env []string, key, value string) []string {
	for i, e := range env {
		text, ok := strings.CutPrefix(e, "GIT_CONFIG_COUNT=")
		if n, err := strconv.Atoi(text); ok && err == nil {
			env[i] = fmt.Sprintf("GIT_CONFIG_COUNT=%d", n+1)
			return append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", n, key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", n, value))
		}
	}
	return env
}

// resolve finds the commit that is wanted in a mirror.
func (m *Mirrors) resolve(ctx context.Context, dir string, w Wanted) (Commit, error) {
	switch {
	case w.Commit != "" && !ValidID(w.Commit):
		return m.abbreviated(ctx, dir, w.Commit)
	case w.Commit != "":
		return m.commit(ctx, dir, w.Commit)
	case w.Tag != "" && ValidBranch(w.Tag) == nil:
		return m.commit(ctx, dir, "refs/tags/"+w.Tag)
	case w.Branch != "" && ValidBranch(w.Branch) == nil:
		return m.commit(ctx, dir, "refs/heads/"+w.Branch)
	}
	return Commit{}, noRef{w.Branch + w.Tag}
}

func (m *Mirrors) abbreviated(ctx context.Context, dir, id string) (Commit, error) {
	if len(id) < 7 || strings.Trim(id, "0123456789abcdef") != "" {
		return Commit{}, noRef{id}
	}
	out, err := m.git.run(ctx, dir, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", id+"^{commit}")
	if err != nil {
		if ctx.Err() != nil {
			return Commit{}, err
		}
		return Commit{}, noRef{id}
	}
	return m.commit(ctx, dir, strings.TrimSpace(string(out)))
}

func (m *Mirrors) commit(ctx context.Context, dir, spec string) (c Commit, err error) {
	if _, err := os.Stat(dir); err != nil {
		return c, noRef{spec}
	}
	err = m.readers.with(ctx, dir, func(r *reader) error {
		c, err = r.commit(spec)
		return err
	})
	return c, err
}

// Zip writes the tree of a commit that was fetched, as Source.Zip does.
func (m *Mirrors) Zip(ctx context.Context, o vcs.Origin, commit string, w io.Writer) error {
	return m.readers.with(ctx, m.dirOf(o), func(r *reader) error { return zipCommit(r, commit, w) })
}

// Changed lists the files that differ between two commits that were fetched, at most limit; none when before is "" or is
// not there. With apart the files are those that changed since the histories of the two parted, as in a pull request.
func (m *Mirrors) Changed(ctx context.Context, o vcs.Origin, before, after string, apart bool, limit int) ([]string, error) {
	dir := m.dirOf(o)
	if apart && before != "" {
		out, err := m.git.run(ctx, dir, nil, "merge-base", "--end-of-options", before, after)
		if err != nil && ctx.Err() != nil {
			return nil, err
		}
		before = strings.TrimSpace(string(out)) // none: they have nothing in common
	}
	var files []string
	err := m.readers.with(ctx, dir, func(r *reader) error {
		v := &View{r: r}
		b, err := v.brought(before, after, limit)
		files = b.Files
		return err
	})
	return files, err
}

// Refs asks a server for its branches and tags, by their full names. Annotated tags are given by the commit they name.
func (m *Mirrors) Refs(ctx context.Context, o vcs.Origin) (map[string]string, error) {
	c, done, err := m.command(o, "ls-remote", "--quiet", "--", o.URL, "refs/heads/*", "refs/tags/*")
	if err != nil {
		return nil, err
	}
	defer done()
	c.Dir = m.dir
	out, err := m.runner.Run(ctx, c)
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		id, ref, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if name, peeled := strings.CutSuffix(ref, "^{}"); ok && ValidID(id) && (peeled || refs[ref] == "") {
			refs[name] = id
		}
	}
	return refs, nil
}

// Path is the bare repository of a mirror that has been fetched, for a clone on the same machine. It must not be written
// to.
func (m *Mirrors) Path(o vcs.Origin) string { return m.dirOf(o) }

// resting is how long ago a mirror must have been used last for Sweep to remove it for its size: builds clone from it.
const resting = time.Hour

// Sweep removes the mirrors that nobody has used since a time, and of the others the ones that were used longest ago while
// all of them together take more than most bytes.
func (m *Mirrors) Sweep(ctx context.Context, before time.Time, most int64) error {
	list, err := filepath.Glob(filepath.Join(m.dir, "*.git"))
	if err != nil {
		return err
	}
	type mirror struct {
		dir  string
		used time.Time
		size int64
	}
	var all []mirror
	var total int64
	for _, dir := range list {
		if info, err := os.Stat(filepath.Join(dir, "HEAD")); err == nil {
			size := vcs.Size(ctx, dir)
			all, total = append(all, mirror{dir, info.ModTime(), size}), total+size
		}
	}
	slices.SortFunc(all, func(a, b mirror) int { return a.used.Compare(b.used) })
	for _, one := range all {
		crowded := total > most && time.Since(one.used) > resting
		if !crowded && !one.used.Before(before) {
			continue
		}
		if err := m.remove(ctx, one.dir); err != nil {
			return err
		}
		total -= one.size
	}
	return ctx.Err()
}

func (m *Mirrors) remove(ctx context.Context, dir string) error {
	unlock, err := m.lock(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()
	m.readers.drop(dir)
	return os.RemoveAll(dir)
}
