package container

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// exec runs a script of the runner's own as root in the container and returns what it prints and its exit status.
func (w *workspace) exec(ctx context.Context, script string) (out string, code int, err error) {
	made, err := w.runner.Engine.client.ExecCreate(ctx, w.container, client.ExecCreateOptions{
		User: "0", WorkingDir: "/", AttachStdout: true, AttachStderr: true, Cmd: []string{"/bin/sh", "-c", script},
	})
	if err != nil {
		return "", 0, err
	}
	attached, err := w.runner.Engine.client.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	if err != nil {
		return "", 0, err
	}
	defer attached.Close()
	stop := context.AfterFunc(ctx, attached.Close)
	defer stop()
	var b bytes.Buffer
	_, err = stdcopy.StdCopy(&b, &b, io.LimitReader(attached.Reader, 64<<10))
	if ctx.Err() != nil {
		return b.String(), 0, context.Cause(ctx)
	}
	if err != nil {
		return b.String(), 0, err
	}
	code, err = w.exitCode(ctx, made.ID, func(error) {})
	return b.String(), code, err
}

const (
	reportPause = 5 * time.Millisecond // before the engine is asked again for the status of a process; doubling
	longPause   = 250 * time.Millisecond
	killed      = 137 // the status of what was killed
)

var (
	errForgotten = errors.New("the container engine was restarted and does not know how the command ended")
	errGone      = errors.New("the build's container is gone: its engine was restarted, or somebody has removed it")
)

// check is errGone when the container has ended.
func (w *workspace) check(ctx context.Context) error {
	c, err := w.runner.Engine.client.ContainerInspect(ctx, w.container, client.ContainerInspectOptions{})
	if errdefs.IsNotFound(err) || err == nil && c.Container.State != nil && !c.Container.State.Running {
		return errGone
	}
	return nil // also when the engine cannot tell
}

// exitCode waits for the end of a process and returns its status. An engine that goes away, and comes back, still knows it
// when it keeps its containers: it is waited for until ctx ends, and away is told once.
func (w *workspace) exitCode(ctx context.Context, id string, away func(error)) (int, error) {
	told := false
	for pause := reportPause; ; pause = min(2*pause, longPause) {
		state, err := w.runner.Engine.client.ExecInspect(ctx, id, client.ExecInspectOptions{})
		switch {
		case err == nil && !state.Running:
			return state.ExitCode, nil
		case errdefs.IsNotFound(err):
			return killed, errForgotten
		case ctx.Err() != nil:
			return killed, context.Cause(ctx)
		case err != nil && !told:
			away(err)
			told = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// account is a user of the image.
type account struct {
	uid, gid int
	home     string
}

type users map[string]account

// users reads the image's /etc/passwd. "" and root are there in any case.
func (w *workspace) users(ctx context.Context) (users, error) {
	all := users{"root": {home: "/root"}}
	all[""] = all["root"]
	got, err := w.runner.Engine.client.CopyFromContainer(ctx, w.container, client.CopyFromContainerOptions{SourcePath: "/etc/passwd"})
	if err != nil {
		return all, nil //nolint:nilerr // an image without users has root
	}
	defer got.Content.Close()
	files := tar.NewReader(got.Content)
	if _, err := files.Next(); err != nil {
		return nil, fmt.Errorf("read the users of the image: %w", err)
	}
	lines := bufio.NewScanner(io.LimitReader(files, 1<<20))
	for lines.Scan() {
		f := strings.Split(lines.Text(), ":")
		if len(f) < 6 {
			continue
		}
		uid, uerr := strconv.Atoi(f[2])
		gid, gerr := strconv.Atoi(f[3])
		if uerr == nil && gerr == nil {
			all[f[0]] = account{uid: uid, gid: gid, home: f[5]}
		}
	}
	return all, lines.Err()
}

// owner is who the files of this server belong to.
type owner struct{ uid, gid int }

func me() owner { return owner{os.Geteuid(), os.Getegid()} }

// rules reports whether root in the engine's containers is that user on this machine, or may do all that root may.
func (o owner) rules(e *Engine) bool { return o.uid == 0 || e.rootless }
