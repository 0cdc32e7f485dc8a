package gitrepo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// git runs the system's git in an environment that nothing outside this package decides: no system, global or user
// configuration, no hooks, no transports, no prompts.
type git struct {
	bin string
	env []string
}

// newGit makes a git whose HOME is an empty directory.
func newGit(bin, home string, settings [][2]string) (*git, error) {
	path, err := exec.LookPath(bin)
	if err != nil {
		return nil, fmt.Errorf("git is needed to host repositories: %w; install it, or add its directory to PATH", err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	env := []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + home,
		"XDG_CONFIG_HOME=" + home,
		"LC_ALL=C",
		"TZ=UTC",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_SYSTEM=" + os.DevNull,
		"GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_NO_LAZY_FETCH=1",
		"GIT_CONFIG_COUNT=" + strconv.Itoa(len(settings)),
	}
	for i, kv := range settings {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, kv[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, kv[1]))
	}
	return &git{bin: path, env: env}, nil
}

// settings are the configuration of every git process.
//
// A push that was acknowledged is on disk: git syncs what it writes (core.fsync), and Store syncs the directories, which
// git does not. Pushed objects are checked before they are let in. Garbage is collected by Store.Maintain, never while
// someone waits for a push.
func settings(maxPack int64) [][2]string {
	s := [][2]string{
		{"safe.directory", "*"},
		{"core.hooksPath", os.DevNull},
		{"core.attributesFile", os.DevNull},
		{"core.excludesFile", os.DevNull},
		{"core.fsync", "all"},
		{"core.fsyncMethod", "batch"},
		{"core.logAllRefUpdates", "false"},
		{"core.bigFileThreshold", "32m"},
		{"core.packedGitLimit", "256m"},
		{"core.deltaBaseCacheLimit", "32m"},
		{"pack.threads", "2"},
		{"pack.windowMemory", "64m"},
		{"protocol.allow", "never"},
		{"transfer.fsckObjects", "true"},
		{"transfer.advertiseSID", "false"},
		{"receive.autogc", "false"},
		{"receive.updateServerInfo", "false"},
		{"receive.advertisePushOptions", "false"},
		{"receive.denyDeleteCurrent", "refuse"},
		{"receive.denyCurrentBranch", "ignore"},
		{"gc.auto", "0"},
		{"maintenance.auto", "false"},
		{"uploadpack.allowFilter", "true"},
		{"uploadpack.advertiseRefInWant", "true"},
		{"http.receivepack", "true"},
	}
	if maxPack > 0 {
		s = append(s, [2]string{"receive.maxInputSize", strconv.FormatInt(maxPack, 10)})
	}
	return s
}

// command prepares git with args in dir. Callers put user input only behind `--`, into stdin, or after validating it.
func (g *git) command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, g.bin, args...)
	cmd.Dir = dir
	cmd.Env = g.env
	return cmd
}

// run runs git to its end and returns its output. What git says on stderr becomes the error.
func (g *git) run(ctx context.Context, dir string, in io.Reader, args ...string) ([]byte, error) {
	cmd := g.command(ctx, dir, args...)
	cmd.Stdin = in
	return g.finish(ctx, cmd)
}

// finish is run for a command that was prepared with command.
func (g *git) finish(ctx context.Context, cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	errs := &Tail{Max: 4 << 10}
	cmd.Stdout, cmd.Stderr = &out, errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, &gitError{verb: cmd.Args[1], said: strings.TrimSpace(errs.String()), err: err}
	}
	return out.Bytes(), nil
}

// gitError is a git process that failed.
type gitError struct {
	verb, said string
	err        error
}

func (e *gitError) Error() string {
	if e.said == "" {
		return "git " + e.verb + ": " + e.err.Error()
	}
	return "git " + e.verb + ": " + e.said
}

func (e *gitError) Unwrap() error { return e.err }

// Tail is a writer that keeps the last Max bytes written to it: the stderr of a process that may say anything.
type Tail struct {
	Max int
	buf []byte
}

// Write implements io.Writer.
func (t *Tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if extra := len(t.buf) - t.Max; extra > 0 {
		t.buf = append(t.buf[:0], t.buf[extra:]...)
	}
	return len(p), nil
}

func (t *Tail) String() string { return string(t.buf) }

// Command prepares git for a repository, in the environment described at the top of this file; the repository is its
// working directory, so that arguments name it `.`. Serving the smart protocol is what it is for.
func (s *Store) Command(ctx context.Context, repo Repository, args ...string) *exec.Cmd {
	cmd := s.git.command(ctx, s.dirOf(repo.ID), args...)
	cmd.Env = slices.Clone(cmd.Env)
	return cmd
}

// Warm prepares for reads of a repository that are about to come.
func (s *Store) Warm(repo Repository) { s.readers.warm(s.dirOf(repo.ID)) }
