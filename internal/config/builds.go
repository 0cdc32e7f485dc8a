package config

import (
	"fmt"

	"github.com/spf13/pflag"
)

// Where builds run.
const (
	RunnerAuto      = "auto"
	RunnerHost      = "host"
	RunnerContainer = "container"
)

// What holds builds on the host to their compute types.
const (
	LimitsAuto = "auto"
	LimitsOff  = "off"
)

// Builds says where and how builds run.
type Builds struct {
	Directory  string // of their workspaces; empty: DATA/builds
	Runner     string // RunnerAuto, RunnerHost or RunnerContainer
	User       string // who builds on the host run as: a name, or FIRST-LAST
	Limits     string // LimitsAuto or LimitsOff
	Images     string // NAME=IMAGE,...: what the images in projects stand for
	Socket     string // of the container engine; empty: the first usual one that answers
	Network    string // the engine's network that builds are in; empty: its default
	Privileged bool   // projects may ask for privileged containers
	Disk       int    // GB that a build may occupy; 0: no limit
	CacheSize  int    // GiB that the caches of builds may take on this machine
}

func (b *Builds) bind(fs *pflag.FlagSet) {
	fs.StringVar(&b.Directory, "build-directory", "", "`directory` for the workspaces of builds; one outside the data directory is needed when builds run as other users (default DATA/builds)")
	fs.StringVar(&b.Runner, "build-runner", RunnerAuto, "`place` where builds run: host, container, or auto (in a container when an engine answers and the project's image can be had, else on the host)")
	fs.StringVar(&b.User, "build-user", "", "`user` that builds on the host run as, or a range of numbers such as 200000-200063 of which each build has one to itself (default: the server's own user)")
	fs.StringVar(&b.Limits, "build-limits", LimitsAuto, "`whether` builds on the host are held to the CPUs and the memory of their compute types: auto (by control groups where this server may make them, else process by process) or off")
	fs.StringVar(&b.Images, "build-images", "", "`NAME=IMAGE,...` what the images in projects stand for, such as aws/codebuild/*=example/builder:1; the first that matches counts")
	fs.StringVar(&b.Socket, "build-socket", "", "`path` of the socket of the Docker or Podman engine that runs builds (default: the first usual one that answers)")
	fs.StringVar(&b.Network, "build-network", "", "`network` of the engine that builds are in; none keeps them from any (default: the engine's own)")
	fs.IntVar(&b.Disk, "build-disk", 64, "`GB` of disk that a build may occupy; 0 is no limit")
	fs.IntVar(&b.CacheSize, "build-cache-size", 20, "`number` of GiB that the local caches of builds may take in the data directory; those used least recently go first")
	fs.BoolVar(&b.Privileged, "build-privileged", false, "let projects ask for privileged containers, whose commands can become root of this machine")
}

func (b *Builds) check() error {
	if b.CacheSize < 1 {
		return fmt.Errorf("setting build-cache-size: %d is less than 1", b.CacheSize)
	}
	if b.Runner != RunnerAuto && b.Runner != RunnerHost && b.Runner != RunnerContainer {
		return fmt.Errorf("setting build-runner: %q is none of auto, host, container", b.Runner)
	}
	if b.Limits != LimitsAuto && b.Limits != LimitsOff {
		return fmt.Errorf("setting build-limits: %q is neither auto nor off", b.Limits)
	}
	if b.Disk < 0 {
		return fmt.Errorf("setting build-disk: %d is less than 0", b.Disk)
	}
	return nil
}
