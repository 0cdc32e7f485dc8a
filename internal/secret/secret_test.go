package secret_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/conveyor-cd/conveyor/internal/secret"
)

func open(t *testing.T, dir string) *secret.Box {
	t.Helper()
	b, err := secret.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatIsSealedCanBeOpenedForItsPurposeOnly(t *testing.T) {
	b, other := open(t, t.TempDir()), open(t, t.TempDir())
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		sealed, err := b.Seal(plain, "connection 1")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.Open(sealed, "connection 1"); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%q, %v", got, err)
		}
		if again, _ := b.Seal(plain, "connection 1"); again == sealed {
			t.Fatal("the same text twice")
		}
		i := rapid.IntRange(0, len(sealed)-1).Draw(t, "altered")
		altered := sealed[:i] + string(sealed[i]^1) + sealed[i+1:]
		for what, try := range map[string]func() ([]byte, error){
			"another purpose": func() ([]byte, error) { return b.Open(sealed, "connection 2") },
			"another key":     func() ([]byte, error) { return other.Open(sealed, "connection 1") },
			"nothing":         func() ([]byte, error) { return b.Open("", "connection 1") },
			"cut":             func() ([]byte, error) { return b.Open(sealed[:len(sealed)/2], "connection 1") },
		} {
			if got, err := try(); !errors.Is(err, secret.ErrCannotOpen) {
				t.Fatalf("%s: %q, %v", what, got, err)
			}
		}
		if got, err := b.Open(altered, "connection 1"); err == nil && !bytes.Equal(got, plain) {
			t.Fatalf("altered at %d it says %q", i, got)
		}
	})
}

func TestServersThatStartTogetherShareAKey(t *testing.T) {
	dir := t.TempDir()
	boxes := make([]*secret.Box, 8)
	var all sync.WaitGroup
	for i := range boxes {
		all.Go(func() {
			b, err := secret.Open(dir)
			if err != nil {
				t.Error(err)
			}
			boxes[i] = b
		})
	}
	all.Wait()
	sealed, err := boxes[0].Seal([]byte("token"), "x")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range append(boxes, open(t, dir)) {
		if got, err := b.Open(sealed, "x"); err != nil || string(got) != "token" {
			t.Errorf("%q, %v", got, err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, secret.KeyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if list, _ := os.ReadDir(dir); len(list) != 1 {
		t.Errorf("left behind: %v", list)
	}
}

func TestADamagedKeyIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, secret.KeyFile)
	if err := os.WriteFile(path, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.Open(dir); err == nil || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	if text, _ := os.ReadFile(path); string(text) != "short\n" {
		t.Errorf("it holds %q", text)
	}
}
