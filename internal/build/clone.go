package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// remoteTypes are the sources that are Git repositories somewhere else.
var remoteTypes = map[types.SourceType]bool{
	types.SourceTypeGithub: true, types.SourceTypeGithubEnterprise: true, types.SourceTypeBitbucket: true,
	types.SourceTypeGitlab: true, types.SourceTypeGitlabSelfManaged: true,
}

// IsRemote tells whether sources of a type are Git repositories somewhere else.
func IsRemote(t types.SourceType) bool { return remoteTypes[t] }

func isGit(t types.SourceType) bool { return t == types.SourceTypeCodecommit || IsRemote(t) }

// fetchGit clones a Git source, with its submodules when they are wanted, and returns the commit that its version means.
func (r *run) fetchGit(ctx context.Context, src *types.ProjectSource, version, dest string) (commit string, err error) {
	from, err := r.bare(ctx, src, version)
	if err != nil {
		return "", err
	}
	location := aws.ToString(src.Location)
	c := cloning{name: location, from: from.Path, url: location, commit: from.Commit, depth: int(aws.ToInt32(src.GitCloneDepth))}
	if err := r.checkout(ctx, c, dest); err != nil {
		return "", err
	}
	if c := src.GitSubmodulesConfig; c != nil && aws.ToBool(c.FetchSubmodules) {
		err = (&submodules{run: r}).fetch(ctx, src, dest, 0)
	}
	return from.Commit, err
}

// clone clones what a pipeline's artifact refers to.
func (r *run) clone(ctx context.Context, ref CloneRef, dest string) error {
	from, commit, err := r.version(ctx, ref.Repository, ref.Commit)
	if err != nil {
		return err
	}
	return r.checkout(ctx, cloning{name: ref.Repository, from: from, url: ref.URL, commit: commit}, dest)
}

// hosted is the directory of a hosted repository.
func (r *run) hosted(ctx context.Context, name string) (dir string, err error) {
	err = r.again(ctx, func() (err error) {
		if dir, err = r.s.cfg.Repositories.Path(ctx, name); errors.Is(err, ErrNoRepository) {
			err = clientFailure("the repository %s cannot be cloned: %v", name, err)
		}
		return err
	})
	return dir, err
}

// version is the commit that a version means in a hosted repository, and where that is.
func (r *run) version(ctx context.Context, name, version string) (dir, commit string, err error) {
	if strings.HasPrefix(version, "-") {
		return "", "", clientFailure("%q is not a version of the repository %s", version, name)
	}
	if dir, err = r.hosted(ctx, name); err != nil {
		return "", "", err
	}
	if commit, err = r.resolve(ctx, dir, version); err != nil {
		err = clientFailure("%q is not a branch, tag or commit of the repository %s", version, name)
	}
	return dir, commit, err
}

// bare is the commit that the version of a Git source means, in a bare repository of this machine.
func (r *run) bare(ctx context.Context, src *types.ProjectSource, version string) (c RemoteCommit, err error) {
	if src.Type == types.SourceTypeCodecommit {
		name, err := repositoryOf(aws.ToString(src.Location))
		if err != nil {
			return c, clientFailure("%v", err)
		}
		c.Path, c.Commit, err = r.version(ctx, name, version)
		return c, err
	}
	if r.s.cfg.Remotes == nil {
		return c, clientFailure("source type %s is not supported by this server", src.Type)
	}
	err = r.again(ctx, func() (err error) {
		c, err = r.s.cfg.Remotes.Fetch(ctx, *src, version)
		return err
	})
	return c, err
}

// cloning is a commit of a bare repository of this machine that is to be cloned.
type cloning struct {
	name   string // in messages
	from   string
	url    string // what the clone takes for its origin; "" leaves it
	commit string
	depth  int // how many commits of its history; 0 is all, which costs nothing here
}

func (r *run) checkout(ctx context.Context, c cloning, dest string) error {
	var err error
	if c.depth > 0 {
		err = r.shallow(ctx, c, dest)
	} else {
		_, err = r.git(ctx, "", "clone", "--quiet", "--no-checkout", c.from, dest)
	}
	if err != nil {
		return clientFailure("the repository %s cannot be cloned: %v", c.name, err)
	}
	if _, err := r.git(ctx, dest, "checkout", "--quiet", "--force", "--detach", c.commit); err != nil {
		return clientFailure("the commit %s of the repository %s cannot be checked out: %v", c.commit, c.name, err)
	}
	if c.url == "" {
		return nil
	}
	_, err = r.git(ctx, dest, "remote", "set-url", "origin", c.url)
	return err
}

// anyCommit lets git hand out a commit by its id, which need not be the tip of a branch.
const anyCommit = "git -c uploadpack.allowAnySHA1InWant=true -c safe.directory=* upload-pack"

func (r *run) shallow(ctx context.Context, c cloning, dest string) error {
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"remote", "add", "origin", c.from},
		{"fetch", "--quiet", "--no-tags", "--depth", strconv.Itoa(c.depth), "--upload-pack", anyCommit, "file://" + c.from, c.commit},
	} {
		if _, err := r.git(ctx, dest, args...); err != nil {
			return err
		}
	}
	return nil
}

// resolve finds the commit a version means in a bare repository.
func (r *run) resolve(ctx context.Context, dir, version string) (string, error) {
	candidates := []string{"refs/heads/" + strings.TrimPrefix(version, "refs/heads/"), version, "refs/tags/" + version}
	if version == "" {
		candidates = []string{"HEAD"}
	}
	var err error
	for _, c := range candidates {
		var out string
		if out, err = r.git(ctx, dir, "rev-parse", "--verify", "--quiet", "--end-of-options", c+"^{commit}"); err == nil {
			return out, nil
		}
	}
	return "", err
}

const gitGrace = 2 * time.Second

// home is git's home: nothing of it is read.
func (r *run) home() string {
	if r.ws == nil {
		return os.DevNull
	}
	return r.ws.Root()
}

// git runs git and returns the line it prints.
func (r *run) git(ctx context.Context, dir string, args ...string) (string, error) {
	out, err := r.gitOutput(ctx, dir, args...)
	return strings.TrimSpace(string(out)), err
}

func (r *run) gitOutput(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null"}, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + r.home(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = gitGrace
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(errOut.String()))
	}
	return out.Bytes(), nil
}
