package app

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "gc.auto=0"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// The worst moments for a repository to change: its refs are packed when the first of them is about to be copied, its
// objects when the first pack is, and it is pushed to between. The copy still has every branch, and every object they need.
func TestBackupOfARepositoryThatIsRepackedMeanwhile(t *testing.T) {
	data, dest := t.TempDir(), t.TempDir()
	repo := filepath.Join("repositories", "ab", "ab12.git")
	original := filepath.Join(data, repo)
	if err := os.MkdirAll(original, 0o700); err != nil {
		t.Fatal(err)
	}
	git(t, original, "init", "-q", "--bare")
	empty := git(t, original, "hash-object", "-t", "tree", "-w", os.DevNull)
	var commits []string
	branch := func(name string) string {
		id := git(t, original, "commit-tree", empty, "-m", fmt.Sprint(name, len(commits)))
		commits = append(commits, id)
		git(t, original, "update-ref", "refs/heads/"+name, id)
		return id
	}
	want := map[string]string{}
	for _, name := range []string{"main", "objects/x", "packed-refs"} {
		want[name] = branch(name)
		git(t, original, "repack", "-q", "-d") // a pack of its own
		if name == "main" {
			git(t, original, "pack-refs", "--all")
		}
	}
	steps := append([]backupStep(nil), backupSteps...)
	once := map[string]bool{}
	first := func(step int, what string, happens func(path string) bool, f func()) {
		wanted := steps[step].wanted
		steps[step].wanted = func(path string) bool {
			if !once[what] && happens(path) {
				once[what] = true
				f()
			}
			return wanted(path)
		}
	}
	last := len(steps) - 1
	if err := os.WriteFile(filepath.Join(data, "credentials"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	first(last-2, "refs packed", func(path string) bool { return strings.Contains(path, "/refs/") },
		func() { git(t, original, "pack-refs", "--all") })
	first(last-1, "push", func(string) bool { return true }, func() { branch("late") })
	first(last, "repack", func(path string) bool { return strings.HasSuffix(path, ".pack") },
		func() { git(t, original, "repack", "-q", "-a", "-d") })
	if err := backupFiles(t.Context(), data, dest, steps); err != nil {
		t.Fatal(err)
	}
	if len(once) != 3 {
		t.Fatalf("not everything happened: %v", once)
	}
	saved := filepath.Join(dest, repo)
	for name, id := range want {
		if got := git(t, saved, "rev-parse", "refs/heads/"+name); got != id {
			t.Errorf("branch %s is at %s, not %s", name, got, id)
		}
	}
	git(t, saved, "fsck", "--full", "--strict")
}

// Names of branches must not be taken for places.
func TestBackupKnowsAnObjectByItsPlace(t *testing.T) {
	for path, want := range map[string]string{
		"ab/ab12.git/objects/pack/x.pack":         "object",
		"ab/ab12.git/packed-refs":                 "packed refs",
		"ab/ab12.git/refs/heads/objects/x":        "",
		"ab/ab12.git/refs/heads/packed-refs":      "",
		"ab/ab12.git/refs/heads/x/objects/latest": "",
		"ab/ab12.git/HEAD":                        "",
	} {
		got := ""
		if isGitObject(path) {
			got += "object"
		}
		if isPackedRefs(path) {
			got += "packed refs"
		}
		if got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}
