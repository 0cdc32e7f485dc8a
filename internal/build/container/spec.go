package container

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// Where a build sees its directories.
const (
	workspacePath = "/codebuild/output"
	cachePath     = "/codebuild/cache"
	notesDir      = ".conveyor"
	notesPath     = workspacePath + "/" + notesDir
)

// hold is what a build's container runs first: it waits for the end of a pipe that the server holds open and ends the
// container then. Signals that the build sends to all its processes do not end it; what has lost its parent it buries.
const hold = `(trap "" TERM HUP INT QUIT; read -r x <"$1") & wait`

// maxProcesses bounds a build's processes and threads.
const maxProcesses = 8192

// privileges that a build's root keeps: to install packages and to act as other users, within its container.
var privileges = []string{
	"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}

// usualPath is for images that say nothing of it.
const usualPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// spec describes the container of a build.
func (w *workspace) spec(image string, has client.ImageInspectResult, n build.Needs) client.ContainerCreateOptions {
	c := &container.Config{
		Image: image, User: "0", WorkingDir: "/",
		Entrypoint: []string{"/bin/sh", "-c", hold, "conveyor", path.Join(notesPath, holdPipe)},
		Labels: map[string]string{
			labelServer: w.runner.Disk.Name, labelDirectory: w.runner.Disk.All, labelBuild: w.id,
		},
	}
	var env, entry []string
	if has.Config != nil {
		env, entry = has.Config.Env, has.Config.Entrypoint
	}
	if !slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "PATH=") }) {
		c.Env = append(c.Env, usualPath)
	}
	if n.Privileged && len(entry) == 1 && path.Base(entry[0]) == dockerEntrypoint {
		c.Entrypoint, c.Cmd = entry, c.Entrypoint
	}
	return client.ContainerCreateOptions{Name: "conveyor-" + w.id, Config: c, HostConfig: w.bounds(n)}
}

// dockerEntrypoint is the entry point of AWS's images: it starts a Docker daemon in the container, then what it is given.
const dockerEntrypoint = "dockerd-entrypoint.sh"

// bounds say what the container sees of this machine and how much of it it may use. Nothing is mounted but the
// workspace and the build's caches; above all not the engine's socket.
func (w *workspace) bounds(n build.Needs) *container.HostConfig {
	h := &container.HostConfig{
		AutoRemove: !n.Keep, NetworkMode: container.NetworkMode(w.runner.Network),
		Mounts: []mount.Mount{{Type: mount.TypeBind, Source: w.root, Target: workspacePath}},
	}
	if n.Offline {
		h.NetworkMode = "none"
	}
	if w.runner.Engine.hostName() == dockerHost && h.NetworkMode != "none" && h.NetworkMode != "host" {
		h.ExtraHosts = []string{dockerHost + ":host-gateway"}
	}
	for _, dir := range n.Caches {
		h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeBind, Source: dir, Target: w.Cache(dir)})
	}
	if w.runner.Engine.remapped {
		h.UsernsMode = "host"
	}
	if n.Privileged {
		h.Privileged = true
		h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeVolume, Target: "/var/lib/docker"}) // for a Docker inside
	} else {
		h.CapDrop, h.CapAdd = []string{"ALL"}, privileges
		h.SecurityOpt = []string{"no-new-privileges"}
	}
	if !w.runner.Engine.bounded {
		n.Say("Warning: this engine cannot hold the build to its compute type, because it is rootless without control groups of version 2")
		return h
	}
	limit := int64(maxProcesses)
	h.PidsLimit = &limit
	h.Memory, h.MemorySwap = n.Memory, n.Memory // no swap beside it
	h.NanoCPUs = int64(min(n.CPUs, float64(w.runner.Engine.cpus)) * 1e9)
	return h
}

// Cache implements build.Workspace.
func (w *workspace) Cache(dir string) string {
	return path.Join(cachePath, strconv.Itoa(slices.Index(w.caches, dir)))
}
