package build

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/archive"
)

type zipBody struct{ *bytes.Reader }

func (zipBody) Close() error { return nil }

// A link in the sources does not lead a cache out of the workspace.
func TestCachesFollowNoLinks(t *testing.T) {
	cached, ws, outside := t.TempDir(), t.TempDir(), t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(cached, "src/d"), 0o700), os.WriteFile(filepath.Join(cached, "src/d/f"), []byte("x"), 0o600),
		os.WriteFile(filepath.Join(cached, "src/g"), []byte("x"), 0o600),
		os.Mkdir(filepath.Join(ws, "src"), 0o700), os.Symlink(outside, filepath.Join(ws, "src/d")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var zip bytes.Buffer
	if err := archive.Zip(t.Context(), &zip, cached, []archive.Entry{{Name: "src/d/f"}, {Name: "src/g"}}, archive.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := unpackCache(t.Context(), Object{Size: int64(zip.Len()), Body: zipBody{bytes.NewReader(zip.Bytes())}}, ws); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("outside there is %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(ws, "src/g")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(ws, restoreDir)); !os.IsNotExist(err) {
		t.Errorf("what was unpacked first: %v", err)
	}
}
