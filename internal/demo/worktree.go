package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/examples"
)

// workTree is the developer's clone: a temporary directory and the system's git.
type workTree struct {
	dir    string
	remote string
	env    []string
}

func newWorkTree(ctx context.Context, o Options) (*workTree, func(), error) {
	if _, err := exec.LookPath("git"); err != nil {
		return nil, nil, errors.New("the demo needs git on the PATH: please install it")
	}
	dir, err := os.MkdirTemp("", "conveyor-demo-site-")
	if err != nil {
		return nil, nil, err
	}
	w := &workTree{dir: dir, remote: o.Endpoint + "/v1/repos/" + repository}
	// The credentials travel by environment and a helper, never on a command line that other users could read.
	w.env = append(os.Environ(),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Demo", "GIT_AUTHOR_EMAIL=demo@example.com",
		"GIT_COMMITTER_NAME=Demo", "GIT_COMMITTER_EMAIL=demo@example.com",
		"DEMO_USERNAME="+o.AccessKey, "DEMO_PASSWORD="+o.SecretKey)
	cleanUp := func() { _ = os.RemoveAll(dir) }
	if err := w.initialise(ctx); err != nil {
		cleanUp()
		return nil, nil, err
	}
	return w, cleanUp, nil
}

func (w *workTree) initialise(ctx context.Context) error {
	if err := os.CopyFS(w.dir, examples.StaticSite()); err != nil {
		return err
	}
	_, err := w.git(ctx, "init", "-q", "-b", "main")
	return err
}

// push commits everything and pushes; the duration is that of the push alone.
func (w *workTree) push(ctx context.Context, message string) (time.Duration, error) {
	if _, err := w.git(ctx, "add", "-A"); err != nil {
		return 0, err
	}
	if _, err := w.git(ctx, "commit", "-q", "-m", message); err != nil {
		return 0, err
	}
	start := time.Now()
	_, err := w.git(ctx, "-c", `credential.helper=!f() { echo "username=$DEMO_USERNAME"; echo "password=$DEMO_PASSWORD"; }; f`,
		"push", "-q", w.remote, "main")
	return time.Since(start), err
}

// edit changes the headline of the front page.
func (w *workTree) edit() error {
	page := filepath.Join(w.dir, "content", "index.html")
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	return os.WriteFile(page, bytes.Replace(text, []byte("Hello from the belt"), []byte("Hello again, second version"), 1), 0o644)
}

// matches reports how a served page differs from what the pushed commit must have become.
func (w *workTree) matches(page string) error {
	content, err := os.ReadFile(filepath.Join(w.dir, "content", "index.html"))
	if err != nil {
		return err
	}
	if !strings.Contains(page, strings.TrimSpace(string(content))) {
		return fmt.Errorf("the content of index.html is not in the page %q", page)
	}
	head, err := w.git(context.Background(), "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	if !strings.Contains(page, "Revision "+head[:7]) {
		return fmt.Errorf("the page was not built from commit %.7s: %q", head, page)
	}
	return nil
}

func (w *workTree) git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", w.dir}, args...)...)
	cmd.Env = w.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", args[len(args)-1], err, out)
	}
	return string(out), nil
}

var headlinePattern = regexp.MustCompile(`<h1>(.*?)</h1>`)

func headline(page string) string {
	if m := headlinePattern.FindStringSubmatch(page); m != nil {
		return m[1]
	}
	return "(no headline)"
}
