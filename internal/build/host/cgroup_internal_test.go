//go:build linux

package host

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// tree is a directory that plays the tree of control groups, whose files the kernel would make.
func tree(t *testing.T, controllers string) string {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cgroup.controllers"), []byte(controllers+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func reads(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func TestGroupsSayWhatABuildMayUse(t *testing.T) {
	small := build.Needs{ID: "b1", CPUs: 1.5, Memory: 3 << 30}
	for name, c := range map[string]struct {
		offered string
		needs   build.Needs
		held    []string
		files   map[string]string
	}{
		"all":       {"cpuset cpu io memory pids", small, []string{"cpu", "memory", "pids"}, map[string]string{"cpu.max": "150000 100000", "memory.max": "3221225472", "pids.max": "8192"}},
		"some":      {"memory", small, []string{"memory"}, map[string]string{"cpu.max": "", "memory.max": "3221225472", "pids.max": ""}},
		"none":      {"hugetlb", small, nil, map[string]string{"cpu.max": "", "memory.max": "", "pids.max": ""}},
		"boundless": {"cpu memory pids", build.Needs{ID: "b1"}, []string{"cpu", "memory", "pids"}, map[string]string{"cpu.max": "", "memory.max": "", "pids.max": "8192"}},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := openGroups(tree(t, c.offered), "/builds")
			if err != nil || !slices.Equal(g.controllers, c.held) {
				t.Fatalf("%+v, %v", g, err)
			}
			h, err := (&Limits{groups: g}).make("s1", c.needs, false)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(g.root, "s1.b1")
			for file, want := range c.files {
				if got := reads(t, filepath.Join(dir, file)); got != want {
					t.Errorf("%s is %q, want %q", file, got, want)
				}
			}
			if h.outOfMemory() {
				t.Error("it is out of memory before it began")
			}
			if err := os.WriteFile(filepath.Join(dir, "memory.events"), []byte("low 0\noom 3\noom_kill 2\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if !h.outOfMemory() {
				t.Error("it is not told that processes were ended for want of memory")
			}
			if h.kill(); reads(t, filepath.Join(dir, "cgroup.kill")) != "1" {
				t.Error("the group is not ended at once")
			}
		})
	}
	if _, err := openGroups(t.TempDir(), "/builds"); err == nil || !strings.Contains(err.Error(), "is no control group") {
		t.Errorf("a directory that is none: %v", err)
	}
}

func TestWhereTheTreeIs(t *testing.T) {
	const mounts = "24 30 0:22 / /proc rw - proc proc rw\n33 24 0:29 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n"
	if at, ok := mountOf(mounts); !ok || at != "/sys/fs/cgroup/unified" {
		t.Errorf("%q, %t", at, ok)
	}
	if at, ok := mountOf("24 30 0:22 / /proc rw - proc proc rw\nbroken\n"); ok {
		t.Errorf("there is none, not %q", at)
	}
	if own := ownGroup("4:memory:/a\n0::/system.slice/conveyor.service\n"); own != "/system.slice/conveyor.service" {
		t.Error(own)
	}
}
