package objectstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
)

// crashDir, when set, makes this test binary the process that is to be killed.
const crashDir = "CONVEYOR_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := publishForever(context.Background(), dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1) // it was to be killed
	}
	os.Exit(m.Run())
}

func openCrash(ctx context.Context, dir string) (*objectstore.Store, store.Store, error) {
	db, err := sqlstore.Open(ctx, "sqlite:"+filepath.Join(dir, "conveyor.db"), sqlstore.Options{})
	if err != nil {
		return nil, nil, err
	}
	s, err := objectstore.Open(ctx, db, filepath.Join(dir, "objects"), objectstore.Options{})
	if err == nil {
		err = s.EnsureBucket(ctx, "bucket")
	}
	return s, db, err
}

const crashFiles = 60

// publishForever publishes release after release and puts a counter between them, telling what was acknowledged.
func publishForever(ctx context.Context, dir string) error {
	s, _, err := openCrash(ctx, dir)
	if err != nil {
		return err
	}
	for release := next(ctx, s); ; release++ {
		var files []objectstore.File
		for i := range crashFiles {
			files = append(files, objectstore.File{Key: fmt.Sprintf("page%02d", i), Open: func() (io.ReadCloser, error) {
				return io.NopCloser(strings.NewReader(fmt.Sprintf("%d\n%s", release, strings.Repeat(strconv.Itoa(i), 5000)))), nil
			}})
		}
		if err := s.Publish(ctx, "bucket", files); err != nil {
			return err
		}
		fmt.Println("published", release)
		if _, err := s.Put(ctx, "bucket", "counter", strings.NewReader(strconv.Itoa(release)), objectstore.Attributes{}); err != nil {
			return err
		}
		fmt.Println("counted", release)
	}
}

func next(ctx context.Context, s *objectstore.Store) int {
	n, _ := number(ctx, s, "page00")
	return n + 1
}

// number reads the first line of an object; 0 when there is none.
func number(ctx context.Context, s *objectstore.Store, key string) (int, error) {
	r, err := s.Get(ctx, "bucket", key, "")
	if errors.Is(err, objectstore.ErrNoSuchKey) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	all, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err
	}
	if int64(len(all)) != r.Size {
		return 0, fmt.Errorf("%s has %d bytes, not %d", key, len(all), r.Size)
	}
	line, _, _ := strings.Cut(string(all), "\n")
	return strconv.Atoi(line)
}

// TestKillDuringPutAndPublish kills the process at many moments. Afterwards every page is of one release, which is at
// least the last one that was acknowledged, and the same goes for the single put.
func TestKillDuringPutAndPublish(t *testing.T) {
	dir := t.TempDir()
	for round := range 8 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		acknowledged := map[string]int{}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			what, number, _ := strings.Cut(lines.Text(), " ")
			acknowledged[what], err = strconv.Atoi(number)
			must(t, err)
			if n == round {
				// At any moment of what comes next: not a wait for something to happen, but a choice of when to strike.
				time.AfterFunc(time.Duration(round*3)*time.Millisecond, func() { _ = cmd.Process.Kill() })
			}
		}
		_ = cmd.Wait()
		checkAfterKill(t, dir, acknowledged)
	}
}

func checkAfterKill(t *testing.T, dir string, acknowledged map[string]int) {
	t.Helper()
	s, db, err := openCrash(t.Context(), dir)
	must(t, err)
	defer db.Close()
	release, err := number(t.Context(), s, "page00")
	must(t, err)
	for i := range crashFiles {
		n, err := number(t.Context(), s, fmt.Sprintf("page%02d", i))
		must(t, err)
		if n != release {
			t.Errorf("page %d is of release %d, page 0 of %d", i, n, release)
		}
	}
	if release < acknowledged["published"] || release > acknowledged["published"]+1 {
		t.Errorf("release %d is served, %d was acknowledged", release, acknowledged["published"])
	}
	counter, err := number(t.Context(), s, "counter")
	must(t, err)
	if counter < acknowledged["counted"] {
		t.Errorf("the counter is %d, %d was acknowledged", counter, acknowledged["counted"])
	}
}
