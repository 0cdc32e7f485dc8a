package container_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/build/container"
)

// testImage is made from programs of this machine, so that no registry is needed.
const testImage = "localhost/conveyor-test:1"

// withEngine runs the tests beside a podman of their own, with its own storage.
func withEngine(m *testing.M) int {
	if os.Getenv(serverSocket) != "" {
		return m.Run() // it uses the engine of the process that started it
	}
	dir, err := os.MkdirTemp("", "conveyor-podman")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	p := &podman{dir: dir}
	engine.podman, engine.registry = p, newImageRegistry()
	defer engine.registry.server.Close()
	defer p.close()
	if err := p.start(); err != nil {
		engine.missing = err.Error()
	}
	return m.Run()
}

type podman struct {
	dir     string
	service *exec.Cmd
}

// settings are what podman needs on machines without systemd.
const settings = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
exit_command_delay = 10
`

func (p *podman) command(args ...string) *exec.Cmd {
	c := exec.Command("podman", append([]string{
		"--root", filepath.Join(p.dir, "storage"), "--runroot", filepath.Join(p.dir, "run"), "--tmpdir", filepath.Join(p.dir, "tmp"),
	}, args...)...)
	c.Dir = p.dir // where it notes that something had too little memory
	c.Env = append(os.Environ(), "CONTAINERS_CONF="+filepath.Join(p.dir, "containers.conf"), "CONTAINERS_REGISTRIES_CONF="+filepath.Join(p.dir, "registries.conf"))
	return c
}

func (p *podman) start() error {
	for _, program := range []string{"podman", "runc", "busybox"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is not installed; hack/test-deps installs it for root", program)
		}
	}
	if os.Geteuid() != 0 {
		return errors.New("the tests' own podman needs root")
	}
	if err := os.WriteFile(filepath.Join(p.dir, "containers.conf"), []byte(settings), 0o600); err != nil {
		return err
	}
	registries := fmt.Sprintf("[[registry]]\nlocation = %q\ninsecure = true\n", engine.registry.host()) // without TLS
	if err := os.WriteFile(filepath.Join(p.dir, "registries.conf"), []byte(registries), 0o600); err != nil {
		return err
	}
	if err := p.makeImage(); err != nil {
		return fmt.Errorf("the image cannot be made: %w", err)
	}
	layout := filepath.Join(p.dir, "layout")
	if out, err := p.command("save", "--quiet", "--format=oci-dir", "--output", layout, testImage).CombinedOutput(); err != nil {
		return fmt.Errorf("the image cannot be saved: %s", out)
	}
	if err := engine.registry.fill(layout); err != nil {
		return err
	}
	socket := filepath.Join(p.dir, "engine.sock")
	p.service = p.command("system", "service", "--time=0", "unix://"+socket)
	p.service.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said bytes.Buffer
	p.service.Stderr = &said
	if err := p.service.Start(); err != nil {
		return err
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var ok bool
		if engine.Engine, ok = container.Find(context.Background(), []string{socket}); ok {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("podman does not answer: %s", said.String())
		}
	}
	if out, err := p.command("run", "--rm", "--network=none", testImage, "/bin/true").CombinedOutput(); err != nil {
		return fmt.Errorf("podman cannot run a container here: %s", out)
	}
	return nil
}

func (p *podman) close() {
	if p.service != nil && p.service.Process != nil {
		_ = p.command("rm", "--all", "--force", "--time=0").Run()
		_ = syscall.Kill(-p.service.Process.Pid, syscall.SIGTERM)
		_ = p.service.Wait()
	}
	p.endMonitors()
	_ = syscall.Unmount(filepath.Join(p.dir, "storage", "overlay"), 0)
	if err := os.RemoveAll(p.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// endMonitors ends the processes that podman leaves for minutes to remember how commands in containers ended.
func (p *podman) endMonitors() {
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range processes {
		line, err := os.ReadFile(file)
		pid, perr := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && perr == nil && pid != os.Getpid() && bytes.Contains(line, []byte(p.dir+"/")) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// makeImage imports an image of busybox and bash.
func (p *podman) makeImage() error {
	var image bytes.Buffer
	w := tar.NewWriter(&image)
	if err := errors.Join(fill(w), w.Close()); err != nil {
		return err
	}
	c := p.command("import", "--quiet", "-", testImage)
	c.Stdin = &image
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func fill(w *tar.Writer) error {
	add := func(h tar.Header, body []byte) error {
		h.Size = int64(len(body))
		if err := w.WriteHeader(&h); err != nil {
			return err
		}
		_, err := w.Write(body)
		return err
	}
	for name, text := range map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home/nobody:/bin/sh\n",
		"etc/group":  "root:x:0:\nnogroup:x:65534:\n", "etc/shadow": "root:*:1::::::\n",
	} {
		mode := int64(0o644)
		if strings.HasSuffix(name, "shadow") {
			mode = 0o600
		}
		if err := add(tar.Header{Name: name, Mode: mode}, []byte(text)); err != nil {
			return err
		}
	}
	for name, h := range map[string]tar.Header{"tmp/": {Mode: 0o1777}, "root/": {Mode: 0o700}, "home/nobody/": {Mode: 0o755, Uid: 65534, Gid: 65534}} {
		h.Name, h.Typeflag = name, tar.TypeDir
		if err := add(h, nil); err != nil {
			return err
		}
	}
	applets, err := exec.Command("busybox", "--list").Output()
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(string(applets)) {
		if err := add(tar.Header{Name: "bin/" + name, Typeflag: tar.TypeSymlink, Linkname: "/bin/.busybox"}, nil); err != nil {
			return err
		}
	}
	nohup := "#!/bin/sh\ntrap '' HUP\nexec \"$@\"\n" // which busybox lacks here
	if err := add(tar.Header{Name: "usr/bin/nohup", Mode: 0o755}, []byte(nohup)); err != nil {
		return err
	}
	return errors.Join(addProgram(add, "busybox", "bin/.busybox"), addProgram(add, "bash", "usr/bin/bash"))
}

var library = regexp.MustCompile(`(?m)(/\S+) \(0x`)

// addProgram adds a program of this machine and the libraries it is linked with.
func addProgram(add func(tar.Header, []byte) error, program, to string) error {
	path, err := exec.LookPath(program)
	if err != nil {
		return err
	}
	files := map[string]string{to: path}
	if linked, err := exec.Command("ldd", path).Output(); err == nil {
		for _, m := range library.FindAllStringSubmatch(string(linked), -1) {
			files[strings.TrimPrefix(m[1], "/")] = m[1]
		}
	}
	for name, from := range files {
		f, err := os.Open(from)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close(), add(tar.Header{Name: name, Mode: 0o755}, body)); err != nil {
			return err
		}
	}
	return nil
}
