package objectstore_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func TestTheSweeperKeepsWhatIsReferredTo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		sweep := func() objectstore.Swept {
			t.Helper()
			s, err := w.Sweep(ctx)
			must(t, err)
			return s
		}
		w.put("key", "one")
		w.put("other", "one") // shares the body
		w.put("key", "two")
		w.put("key", "three")
		if s := sweep(); s.Bodies != 0 {
			t.Errorf("%+v swept within the grace period", s)
		}
		w.pass(2 * time.Hour)
		if s := sweep(); s.Bodies != 1 {
			t.Errorf("%+v swept, want the body of two", s)
		}
		if got := w.get("other", "") + w.get("key", ""); got != "onethree" {
			t.Errorf("left: %q", got)
		}
		w.put("key", "two") // its bytes are gone and must be written again
		w.pass(2 * time.Hour)
		sweep()
		if got := w.get("key", ""); got != "two" {
			t.Errorf("put again: %q", got)
		}
		_, err := w.Delete(ctx, "bucket", objectstore.DeleteInput{Key: "key"})
		must(t, err)
		w.put("back", "two") // refers to the suspect again
		w.pass(2 * time.Hour)
		sweep()
		if got := w.get("back", ""); got != "two" {
			t.Errorf("reused: %q", got)
		}
	})
}

func TestAnOpenBodyOutlivesTheSweeper(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.put("key", strings.Repeat("x", 100000))
		r, err := w.Get(t.Context(), "bucket", "key", "")
		must(t, err)
		defer r.Body.Close()
		w.put("key", "new")
		w.pass(2 * time.Hour)
		if s, err := w.Sweep(t.Context()); err != nil || s.Bodies != 1 {
			t.Fatal(s, err)
		}
		b := make([]byte, 10)
		if _, err := r.Body.ReadAt(b, 99990); err != nil || string(b) != "xxxxxxxxxx" {
			t.Errorf("%q, %v", b, err)
		}
	})
}

func TestLeftoversOfCrashesAreSwept(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.put("key", "kept")
		hash := strings.Repeat("ab", 32)
		id, err := uuid.NewV7()
		must(t, err)
		must(t, os.MkdirAll(filepath.Join(w.dir, "bodies", "ab"), 0o700))
		orphan := filepath.Join(w.dir, "bodies", "ab", hash+"-"+id.String())
		staged := filepath.Join(w.StageDir(), "put-123")
		must(t, os.WriteFile(orphan, nil, 0o600))
		must(t, os.WriteFile(staged, nil, 0o600))
		if s, err := w.Sweep(t.Context()); err != nil || s != (objectstore.Swept{}) {
			t.Errorf("fresh files: %+v, %v", s, err)
		}
		w.pass(25 * time.Hour)
		if s, err := w.Sweep(t.Context()); err != nil || s.Orphan != 1 || s.Staged != 1 || s.Bodies != 0 {
			t.Errorf("old files: %+v, %v", s, err)
		}
		if got := w.get("key", ""); got != "kept" {
			t.Errorf("key holds %q", got)
		}
	})
}

// TestTheSweeperNeverMeetsAPut puts and deletes the same few bodies while the sweeper takes everything it may: each put
// that succeeded can be read.
func TestTheSweeperNeverMeetsAPut(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st, objectstore.Options{Grace: time.Microsecond})
		ctx, cancel := context.WithCancel(t.Context())
		var sweeper sync.WaitGroup
		sweeper.Go(func() {
			for ctx.Err() == nil {
				w.pass(time.Millisecond) // everything suspect is old
				if _, err := w.Sweep(ctx); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 25 {
					key, body := fmt.Sprint("key", g), fmt.Sprint("body ", i%3)
					if _, err := w.Put(ctx, "bucket", key, strings.NewReader(body), objectstore.Attributes{}); err != nil {
						t.Error(err)
						return
					}
					if got := w.get(key, ""); got != body {
						t.Errorf("%s holds %q, want %q", key, got, body)
					}
					if _, err := w.Delete(ctx, "bucket", objectstore.DeleteInput{Key: key}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		cancel()
		sweeper.Wait()
	})
}

// TestAPublishMeetsTheSweeper publishes a body that is stored already and that the sweeper takes while the publish is
// under way: wherever the two meet, the page is there afterwards.
func TestAPublishMeetsTheSweeper(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		w := newWorld(t, st, objectstore.Options{Grace: time.Microsecond})
		for range 20 {
			w.put("old", "known")
			_, err := w.Delete(t.Context(), "bucket", objectstore.DeleteInput{Key: "old"})
			must(t, err)
			w.pass(time.Second)
			read := make(chan struct{})
			var once sync.Once
			must(t, w.Publish(t.Context(), "bucket", []objectstore.File{
				{Key: "a", Open: func() (io.ReadCloser, error) {
					return closer{strings.NewReader("known"), func() { once.Do(func() { close(read) }) }}, nil
				}},
				{Key: "b", Open: func() (io.ReadCloser, error) {
					<-read
					_, err := w.Sweep(t.Context())
					return io.NopCloser(strings.NewReader("other")), err
				}},
			}))
			if got := w.get("a", "") + w.get("b", ""); got != "knownother" {
				t.Fatalf("published %q", got)
			}
			for _, k := range []string{"a", "b"} {
				_, err := w.Delete(t.Context(), "bucket", objectstore.DeleteInput{Key: k})
				must(t, err)
			}
		}
	})
}

type closer struct {
	io.Reader
	f func()
}

func (c closer) Close() error {
	c.f()
	return nil
}

// At the start of the only server nobody is writing what lies in the stage directory, however young it is. What is stored
// stays.
func TestRecoverRemovesWhatACrashLeftStaged(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		o, err := w.Put(t.Context(), "bucket", "key", strings.NewReader("kept"), objectstore.Attributes{})
		must(t, err)
		must(t, os.WriteFile(filepath.Join(w.StageDir(), "put-123"), []byte("half a bo"), 0o600))
		must(t, os.Mkdir(filepath.Join(w.StageDir(), "unpacked"), 0o700))
		must(t, w.Recover(t.Context()))
		left, err := os.ReadDir(w.StageDir())
		must(t, err)
		if len(left) != 0 {
			t.Errorf("left: %v", left)
		}
		r, err := w.Get(t.Context(), o.Bucket, o.Key, "")
		must(t, err)
		must(t, r.Body.Close())
	})
}
