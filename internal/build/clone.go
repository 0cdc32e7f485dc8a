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
	depth := int(aws.ToInt32(src.GitCloneDepth))
	if src.Type == types.SourceTypeCodecommit {
		repository, err := repositoryOf(aws.ToString(src.Location))
		if err != nil {
			return "", clientFailure("%v", err)
		}
		commit, err = r.clone(ctx, CloneRef{Repository: repository, URL: *src.Location}, version, depth, dest)
		if err != nil {
			return "", err
		}
	} else if commit, err = r.cloneRemote(ctx, src, version, depth, dest); err != nil {
		return "", err
	}
	if c := src.GitSubmodulesConfig; c != nil && aws.ToBool(c.FetchSubmodules) {
		err = (&submodules{run: r}).fetch(ctx, src, dest, 0)
	}
	return commit, err
}

// cloneRemote clones a repository that lies elsewhere, by way of a copy that is kept here.
func (r *run) cloneRemote(ctx context.Context, src *types.ProjectSource, version string, depth int, dest string) (string, error) {
	if r.s.cfg.Remotes == nil {
		return "", clientFailure("source type %s is not supported by this server", src.Type)
	}
	var from RemoteCommit
	err := r.again(ctx, func() (err error) {
		from, err = r.s.cfg.Remotes.Fetch(ctx, *src, version)
		return err
	})
	if err != nil {
		return "", err
	}
	location := aws.ToString(src.Location)
	return from.Commit, r.checkout(ctx, cloning{name: location, from: from.Path, url: location, commit: from.Commit, depth: depth}, dest)
}

// clone clones a hosted repository, on this machine, and checks a version out: a commit, a branch or a tag, or the default
// branch.
func (r *run) clone(ctx context.Context, ref CloneRef, version string, depth int, dest string) (commit string, err error) {
	from := ""
	err = r.again(ctx, func() (err error) {
		if from, err = r.s.cfg.Repositories.Path(ctx, ref.Repository); errors.Is(err, ErrNoRepository) {
			err = clientFailure("the repository %s cannot be cloned: %v", ref.Repository, err)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(version, "-") {
		return "", clientFailure("%q is not a version of the repository %s", version, ref.Repository)
	}
	if commit, err = r.resolve(ctx, from, version); err != nil {
		return "", clientFailure("%q is not a branch, tag or commit of the repository %s", version, ref.Repository)
	}
	return commit, r.checkout(ctx, cloning{name: ref.Repository, from: from, url: ref.URL, commit: commit, depth: depth}, dest)
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

func (r *run) git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null"}, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + r.ws.Root(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = gitGrace
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(errOut.String()))
	}
	return strings.TrimSpace(out.String()), nil
}
