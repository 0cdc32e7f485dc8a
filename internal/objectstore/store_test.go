package objectstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// world is a store in a fresh directory with a bucket named "bucket" and a clock that can be moved.
type world struct {
	*objectstore.Store
	t   *testing.T
	dir string
	mu  sync.Mutex
	at  time.Time
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

func newWorld(t *testing.T, st store.Store, o objectstore.Options) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), at: time.Now()}
	o.Clock = w.now
	var err error
	w.Store, err = objectstore.Open(t.Context(), st, w.dir, o)
	must(t, err)
	must(t, w.EnsureBucket(t.Context(), "bucket"))
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got error %v, want %v", err, target)
	}
}

func (w *world) put(key, body string) objectstore.Object {
	w.t.Helper()
	o, err := w.Put(w.t.Context(), "bucket", key, strings.NewReader(body), objectstore.Attributes{})
	must(w.t, err)
	return o
}

func (w *world) get(key, version string) string {
	w.t.Helper()
	r, err := w.Get(w.t.Context(), "bucket", key, version)
	must(w.t, err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	must(w.t, err)
	return string(b)
}

// bodies lists the files below dir.
func (w *world) files(sub string) []string {
	w.t.Helper()
	var out []string
	err := filepath.WalkDir(filepath.Join(w.dir, sub), func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, p)
		}
		return err
	})
	must(w.t, err)
	return out
}

func each(t *testing.T, f func(t *testing.T, w *world)) {
	sqltest.Each(t, func(t *testing.T, st store.Store) { f(t, newWorld(t, st, objectstore.Options{})) })
}

func TestAnObjectComesBackAsItWasPut(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		attrs := objectstore.Attributes{
			ContentType: "text/html", ContentEncoding: "gzip", ContentLanguage: "ko", ContentDisposition: "inline",
			CacheControl: "no-cache", Expires: "Thu, 01 Dec 1994 16:00:00 GMT", WebsiteRedirect: "/else",
			Encryption: "aws:kms", KMSKeyID: "key", StorageClass: "STANDARD_IA", CannedACL: "public-read",
			Metadata: map[string]string{"a": "1", "한글": "값"}, Tags: map[string]string{"team": "web"},
		}
		put, err := w.Put(t.Context(), "bucket", "dir/file", strings.NewReader("hello"), attrs)
		must(t, err)
		r, err := w.Get(t.Context(), "bucket", "dir/file", "")
		must(t, err)
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		must(t, err)
		if string(body) != "hello" || r.Size != 5 || r.ETag != "5d41402abc4b2a76b9719d911017c592" || r.VersionID != "null" {
			t.Errorf("got %q, %+v", body, r.Object)
		}
		if r.Checksum != (objectstore.Checksum{Algorithm: "CRC64NVME", Type: "FULL_OBJECT", Value: "M3eFcAZSQlc="}) {
			t.Errorf("checksum %+v", r.Checksum)
		}
		if got, want := fmt.Sprintf("%+v", r.Attributes), fmt.Sprintf("%+v", attrs); got != want {
			t.Errorf("attributes\n got %s\nwant %s", got, want)
		}
		if !r.LastModified.Equal(put.LastModified.Truncate(time.Microsecond)) {
			t.Errorf("last modified %v, put said %v", r.LastModified, put.LastModified)
		}
		onDisk, err := os.ReadFile(r.Path)
		must(t, err)
		if string(onDisk) != "hello" {
			t.Errorf("file %s holds %q", r.Path, onDisk)
		}
	})
}

func TestWhatIsNotThere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		_, err := w.Get(ctx, "nowhere", "key", "")
		wantErr(t, err, objectstore.ErrNoSuchBucket)
		_, err = w.Put(ctx, "nowhere", "key", strings.NewReader(""), objectstore.Attributes{})
		wantErr(t, err, objectstore.ErrNoSuchBucket)
		wantErr(t, w.Publish(ctx, "nowhere", nil), objectstore.ErrNoSuchBucket)
		_, err = w.Versioned(ctx, "nowhere")
		wantErr(t, err, objectstore.ErrNoSuchBucket)
		_, err = w.List(ctx, objectstore.ListInput{Bucket: "nowhere", Max: 1})
		wantErr(t, err, objectstore.ErrNoSuchBucket)
		_, err = w.Head(ctx, "bucket", "key", "")
		wantErr(t, err, objectstore.ErrNoSuchKey)
		w.put("key", "body")
		_, err = w.Head(ctx, "bucket", "key", "v1")
		wantErr(t, err, objectstore.ErrNoSuchVersion)
		_, err = w.Document(ctx, "bucket", "policy")
		wantErr(t, err, objectstore.ErrNoSuchDocument)
		if left := w.files("stage"); len(left) > 0 {
			t.Errorf("left in the stage directory: %v", left)
		}
	})
}

func TestNamesNeverTouchTheFileSystem(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		keys := []string{
			"../../etc/passwd", "/", "//", ".", "..", "a", "a/b", "a/b/", "nul\x00byte", "new\nline", "한글/😀", "%2e%2e/",
			strings.Repeat("k", 1024), " ", "\u202e", "C:\\x",
		}
		for i, k := range keys {
			w.put(k, fmt.Sprint("body ", i))
		}
		for i, k := range keys {
			if got := w.get(k, ""); got != fmt.Sprint("body ", i) {
				t.Errorf("%q holds %q", k, got)
			}
		}
		p, err := w.List(t.Context(), objectstore.ListInput{Bucket: "bucket", Max: 1000})
		must(t, err)
		if len(p.Objects) != len(keys) {
			t.Errorf("%d of %d keys listed", len(p.Objects), len(keys))
		}
		for _, k := range []string{"", strings.Repeat("k", 1025), "\xff"} {
			_, err := w.Put(t.Context(), "bucket", k, strings.NewReader(""), objectstore.Attributes{})
			wantErr(t, err, objectstore.ErrInvalidKey)
			wantErr(t, w.Publish(t.Context(), "bucket", []objectstore.File{{Key: k}}), objectstore.ErrInvalidKey)
		}
		for _, b := range []string{"", "ab", "UPPER", "a..b", "../x", "-ab", "ab-", "10.0.0.1", strings.Repeat("b", 64), "a/b"} {
			wantErr(t, w.CreateBucket(t.Context(), b, "", nil), objectstore.ErrInvalidBucket)
		}
	})
}

func TestIdenticalBodiesShareAFile(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.put("one", "same")
		w.put("two", "same")
		must(t, w.Publish(t.Context(), "bucket", files(map[string]string{"three": "same", "four": "same", "five": "other"})))
		if n := len(w.files("bodies")); n != 2 {
			t.Errorf("%d files for two different bodies", n)
		}
		if n := len(w.files("stage")); n != 0 {
			t.Errorf("%d files left in the stage directory", n)
		}
	})
}

func TestPutFileMovesTheFile(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		path := filepath.Join(w.StageDir(), "artifact.zip")
		must(t, os.WriteFile(path, []byte("zip"), 0o600))
		o, err := w.PutFile(t.Context(), "bucket", "key", path, objectstore.Attributes{})
		must(t, err)
		if got := w.get("key", ""); got != "zip" || o.Size != 3 {
			t.Errorf("got %q, %+v", got, o)
		}
		must(t, os.WriteFile(path, []byte("zip"), 0o600)) // the same bytes again: known, not moved
		_, err = w.PutFile(t.Context(), "bucket", "again", path, objectstore.Attributes{})
		must(t, err)
		if left := w.files("stage"); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
		outside := filepath.Join(t.TempDir(), "x")
		must(t, os.WriteFile(outside, nil, 0o600))
		for _, p := range []string{outside, w.StageDir(), filepath.Join(w.StageDir(), "../../x")} {
			if _, err := w.PutFile(t.Context(), "bucket", "key", p, objectstore.Attributes{}); err == nil {
				t.Errorf("%s was taken", p)
			}
		}
	})
}

func TestVersions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.put("key", "before") // becomes the null version
		must(t, w.SetVersioning(ctx, "bucket", objectstore.VersioningEnabled))
		if on, err := w.Versioned(ctx, "bucket"); err != nil || !on {
			t.Errorf("versioned: %v, %v", on, err)
		}
		v1, v2 := w.put("key", "one"), w.put("key", "two")
		for version, want := range map[string]string{"": "two", v1.VersionID: "one", v2.VersionID: "two", "null": "before"} {
			if got := w.get("key", version); got != want {
				t.Errorf("version %q holds %q, want %q", version, got, want)
			}
		}
		d, err := w.Delete(ctx, "bucket", objectstore.DeleteInput{Key: "key"})
		must(t, err)
		if !d.DeleteMarker || d.VersionID == "" {
			t.Errorf("delete made %+v", d)
		}
		_, err = w.Head(ctx, "bucket", "key", "")
		var marker *objectstore.DeleteMarkerError
		if !errors.As(err, &marker) || marker.Explicit || marker.VersionID != d.VersionID || !errors.Is(err, objectstore.ErrNoSuchKey) {
			t.Errorf("head behind a delete marker: %v", err)
		}
		if p, err := w.List(ctx, objectstore.ListInput{Bucket: "bucket", Max: 10}); err != nil || len(p.Objects) != 0 {
			t.Errorf("listing shows %v, %v", p.Objects, err)
		}
		_, err = w.Delete(ctx, "bucket", objectstore.DeleteInput{Key: "key", Version: d.VersionID}) // undelete
		must(t, err)
		if got := w.get("key", ""); got != "two" {
			t.Errorf("after the marker is gone: %q", got)
		}
		_, err = w.Delete(ctx, "bucket", objectstore.DeleteInput{Key: "key", Version: v2.VersionID})
		must(t, err)
		if got := w.get("key", ""); got != "one" {
			t.Errorf("after the newest version is gone: %q", got)
		}

		must(t, w.SetVersioning(ctx, "bucket", objectstore.VersioningSuspended))
		if o := w.put("key", "suspended"); o.VersionID != "null" {
			t.Errorf("put while suspended has version %s", o.VersionID)
		}
		if got := w.get("key", v1.VersionID) + " " + w.get("key", ""); got != "one suspended" {
			t.Errorf("while suspended: %q", got)
		}
		d, err = w.Delete(ctx, "bucket", objectstore.DeleteInput{Key: "key"})
		must(t, err)
		if !d.DeleteMarker || d.VersionID != "null" {
			t.Errorf("delete while suspended made %+v", d)
		}
		p, err := w.ListVersions(ctx, objectstore.ListInput{Bucket: "bucket", Max: 10})
		must(t, err)
		var got []string
		for _, o := range p.Objects {
			got = append(got, fmt.Sprintf("%s marker=%v latest=%v", strings.Replace(o.VersionID, v1.VersionID, "v1", 1), o.DeleteMarker, o.Latest))
		}
		if want := "null marker=true latest=true, v1 marker=false latest=false"; strings.Join(got, ", ") != want {
			t.Errorf("versions: %v, want %s", got, want)
		}
		wantErr(t, w.DeleteBucket(ctx, "bucket"), objectstore.ErrBucketNotEmpty)
	})
}

func TestConditionsAreCheckedWithThePut(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		refused := errors.New("exists")
		absent := func(o *objectstore.Object) error {
			if o != nil {
				return refused
			}
			return nil
		}
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				_, err := w.PutObject(t.Context(), objectstore.PutInput{
					Bucket: "bucket", Key: "once", Body: strings.NewReader(fmt.Sprint(i)), Check: absent,
				})
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, refused):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 8 puts that want the key to be new succeeded", won.Load())
		}
	})
}

func TestConcurrentPutsOfOneKey(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		must(t, w.SetVersioning(t.Context(), "bucket", objectstore.VersioningEnabled))
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				if _, err := w.Put(t.Context(), "bucket", "key", strings.NewReader(fmt.Sprint(i%3)), objectstore.Attributes{}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		p, err := w.ListVersions(t.Context(), objectstore.ListInput{Bucket: "bucket", Max: 100})
		must(t, err)
		latest := 0
		for _, o := range p.Objects {
			if o.Latest {
				latest++
			}
		}
		if len(p.Objects) != 10 || latest != 1 || !p.Objects[0].Latest {
			t.Errorf("%d versions, %d latest", len(p.Objects), latest)
		}
	})
}

func TestAPutAndItsHookAreOneFact(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		var heard []string
		var fail error
		w := newWorld(t, st, objectstore.Options{OnPut: func(_ context.Context, tx store.Tx, o objectstore.Object) error {
			if fail == nil {
				tx.AfterCommit(func() { heard = append(heard, o.Key) })
			}
			return fail
		}})
		w.put("a", "1")
		must(t, w.Publish(t.Context(), "bucket", files(map[string]string{"b": "1", "c": "2"})))
		if fmt.Sprint(heard) != "[a b c]" {
			t.Errorf("the hook heard of %v", heard)
		}
		fail = errors.New("no")
		_, err := w.Put(t.Context(), "bucket", "d", strings.NewReader("3"), objectstore.Attributes{})
		wantErr(t, err, fail)
		wantErr(t, w.Publish(t.Context(), "bucket", files(map[string]string{"a": "9", "e": "4"})), fail)
		if got := w.get("a", ""); got != "1" {
			t.Errorf("a refused publish changed a: %q", got)
		}
		for _, k := range []string{"d", "e"} {
			_, err := w.Head(t.Context(), "bucket", k, "")
			wantErr(t, err, objectstore.ErrNoSuchKey)
		}
		if n := len(w.files("bodies")); n != 2 {
			t.Errorf("%d bodies are left, want 2: those of refused puts must go", n)
		}
	})
}

func files(m map[string]string) []objectstore.File {
	var out []objectstore.File
	for k, v := range m {
		out = append(out, objectstore.File{Key: k, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(v)), nil
		}})
	}
	return out
}

func TestPublishFailsWhole(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.put("a", "old")
		bad := errors.New("cannot be opened")
		release := append(files(map[string]string{"a": "new", "b": "new"}),
			objectstore.File{Key: "c", Open: func() (io.ReadCloser, error) { return nil, bad }})
		wantErr(t, w.Publish(t.Context(), "bucket", release), bad)
		torn := files(map[string]string{"a": "new"})
		torn = append(torn, objectstore.File{Key: "d", Open: func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("half"), errReader{bad})), nil
		}})
		wantErr(t, w.Publish(t.Context(), "bucket", torn), bad)
		if got := w.get("a", ""); got != "old" {
			t.Errorf("a is %q", got)
		}
		if n := len(w.files("stage")) + len(w.files("bodies")); n != 1 {
			t.Errorf("%d files on disk, want 1", n)
		}
	})
}

// Many servers deliver one deployment at once, and one of them stored it: the bodies of the others are gone again.
func TestPublishOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		must(t, w.SetVersioning(t.Context(), "bucket", objectstore.VersioningEnabled))
		big := strings.Repeat("much ", 50_000)
		var g errgroup.Group
		for i := range 8 {
			g.Go(func() error {
				return w.PublishOnce(t.Context(), "token", "bucket", files(map[string]string{"a": fmt.Sprint(big, i), "b": fmt.Sprint(i)}))
			})
		}
		must(t, g.Wait())
		versions := func() int {
			page, err := w.ListVersions(t.Context(), objectstore.ListInput{Bucket: "bucket", Max: 100})
			must(t, err)
			return len(page.Objects)
		}
		if n := versions(); n != 2 {
			t.Errorf("%d versions, want one of each file", n)
		}
		if n := len(w.files("stage")) + len(w.files("bodies")); n != 2 {
			t.Errorf("%d files on disk, want 2", n)
		}
		_, _, err := w.Copy(t.Context(), objectstore.CopyInput{
			SourceBucket: "bucket", SourceKey: "a", Bucket: "bucket", Key: "c", Token: "token",
			Change: func(objectstore.Object) (objectstore.Attributes, error) { return objectstore.Attributes{}, nil },
		})
		must(t, err)
		must(t, w.PublishOnce(t.Context(), "other", "bucket", files(map[string]string{"a": "next"})))
		if n := versions(); n != 3 {
			t.Errorf("%d versions after a copy under the used token and a release under another, want 3", n)
		}
		w.pass(8 * 24 * time.Hour)
		_, err = w.Sweep(t.Context())
		must(t, err)
		must(t, w.PublishOnce(t.Context(), "token", "bucket", files(map[string]string{"d": "a week later"})))
		if got := w.get("d", ""); got != "a week later" {
			t.Errorf("d is %q", got)
		}
	})
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

// TestReadersNeverSeeHalfARelease publishes releases in which every file says which release it belongs to, while readers
// list the bucket.
func TestReadersNeverSeeHalfARelease(t *testing.T) {
	for _, versioning := range []string{"", objectstore.VersioningEnabled, objectstore.VersioningSuspended} {
		t.Run("versioning="+versioning, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				if versioning != "" {
					must(t, w.SetVersioning(t.Context(), "bucket", versioning))
				}
				publish := func(release int) {
					m := map[string]string{}
					for i := range 40 {
						m[fmt.Sprintf("page%02d", i)] = fmt.Sprint("release ", release)
					}
					must(t, w.Publish(t.Context(), "bucket", files(m)))
				}
				publish(0)
				stop := make(chan struct{})
				var wg sync.WaitGroup
				for range 3 {
					wg.Go(func() {
						for {
							select {
							case <-stop:
								return
							default:
							}
							p, err := w.List(t.Context(), objectstore.ListInput{Bucket: "bucket", Max: 100})
							if err != nil {
								t.Error(err)
								return
							}
							for _, o := range p.Objects {
								if len(p.Objects) != 40 || o.ETag != p.Objects[0].ETag {
									t.Errorf("a mix of releases: %d keys, %s and %s", len(p.Objects), o.ETag, p.Objects[0].ETag)
									return
								}
							}
						}
					})
				}
				for r := 1; r < 6; r++ {
					publish(r)
				}
				close(stop)
				wg.Wait()
			})
		})
	}
}

func TestCopySharesTheBody(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.put("from", "body")
		to, from, err := w.Copy(t.Context(), objectstore.CopyInput{
			SourceBucket: "bucket", SourceKey: "from", Bucket: "bucket", Key: "to",
			Change: func(src objectstore.Object) (objectstore.Attributes, error) {
				return objectstore.Attributes{ContentType: "text/plain"}, nil
			},
		})
		must(t, err)
		if from.Key != "from" || to.Key != "to" || to.ETag != from.ETag || to.ContentType != "text/plain" {
			t.Errorf("copied %+v of %+v", to, from)
		}
		if w.get("to", "") != "body" || len(w.files("bodies")) != 1 {
			t.Error("the body was not shared")
		}
		_, err = w.Delete(t.Context(), "bucket", objectstore.DeleteInput{Key: "from"})
		must(t, err)
		w.pass(48 * time.Hour)
		_, err = w.Sweep(t.Context())
		must(t, err)
		if w.get("to", "") != "body" {
			t.Error("the copy lost its body")
		}
	})
}

func TestDocuments(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		must(t, w.SetDocument(ctx, "bucket", "policy", []byte("{}")))
		must(t, w.SetDocument(ctx, "bucket", "cors", []byte("<c/>")))
		docs, err := w.Documents(ctx, "bucket", "policy", "cors", "website")
		must(t, err)
		if len(docs) != 2 || string(docs["policy"]) != "{}" || string(docs["cors"]) != "<c/>" {
			t.Errorf("documents: %q", docs)
		}
		must(t, w.SetDocument(ctx, "bucket", "policy", nil))
		_, err = w.Document(ctx, "bucket", "policy")
		wantErr(t, err, objectstore.ErrNoSuchDocument)
		_, err = w.Documents(ctx, "nowhere", "policy")
		wantErr(t, err, objectstore.ErrNoSuchBucket)
		wantErr(t, w.CreateBucket(ctx, "bucket", "", nil), objectstore.ErrBucketExists)
		must(t, w.DeleteBucket(ctx, "bucket"))
		wantErr(t, w.DeleteBucket(ctx, "bucket"), objectstore.ErrNoSuchBucket)
		must(t, w.CreateBucket(ctx, "bucket", "me", map[string][]byte{"acl": []byte("x")}))
		b, err := w.Bucket(ctx, "bucket")
		must(t, err)
		if b.Owner != "me" || b.Created.IsZero() {
			t.Errorf("bucket %+v", b)
		}
	})
}

func TestMultipart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		u, err := w.CreateUpload(ctx, objectstore.Upload{Bucket: "bucket", Key: "big", Attributes: objectstore.Attributes{
			ContentType: "x/y", Tags: map[string]string{"t": "1"}, CannedACL: "public-read",
		}})
		must(t, err)
		part := func(n int, body string) objectstore.Part {
			p, err := w.PutPart(ctx, objectstore.PartInput{
				Bucket: "bucket", Key: "big", UploadID: u.ID, Number: n, Body: strings.NewReader(body), Algorithm: objectstore.CRC64NVME,
			})
			must(t, err)
			return p
		}
		part(3, "three")
		part(1, "wrong")
		part(1, "one ")
		part(2, "two ")
		all := func(_ objectstore.Upload, parts []objectstore.Part) ([]objectstore.Part, objectstore.Checksum, error) {
			return parts, objectstore.Checksum{}, nil
		}
		complete := objectstore.CompleteInput{Bucket: "bucket", Key: "big", UploadID: u.ID, Choose: all}
		o, err := w.CompleteUpload(ctx, complete)
		must(t, err)
		if got := w.get("big", ""); got != "one two three" {
			t.Errorf("body %q", got)
		}
		if o.Size != 13 || !strings.HasSuffix(o.ETag, "-3") || o.ContentType != "x/y" || o.Tags["t"] != "1" || o.CannedACL != "public-read" || len(o.Parts) != 3 {
			t.Errorf("object %+v", o)
		}
		again, err := w.CompleteUpload(ctx, complete) // a client that lost the answer asks again
		must(t, err)
		if again.ETag != o.ETag {
			t.Errorf("completed again: %+v", again)
		}
		w.put("big", "replaced")
		_, err = w.CompleteUpload(ctx, complete)
		wantErr(t, err, objectstore.ErrNoSuchUpload)

		u, err = w.CreateUpload(ctx, objectstore.Upload{Bucket: "bucket", Key: "big"})
		must(t, err)
		part(1, "gone")
		page, err := w.Uploads(ctx, "bucket", "", "", "", "", 10)
		must(t, err)
		if len(page.Uploads) != 1 || page.Uploads[0].ID != u.ID {
			t.Errorf("uploads %+v", page)
		}
		must(t, w.AbortUpload(ctx, "bucket", "big", u.ID))
		wantErr(t, w.AbortUpload(ctx, "bucket", "big", u.ID), objectstore.ErrNoSuchUpload)
		_, err = w.PutPart(ctx, objectstore.PartInput{Bucket: "bucket", Key: "big", UploadID: u.ID, Number: 1, Body: strings.NewReader("late")})
		wantErr(t, err, objectstore.ErrNoSuchUpload)

		w.pass(48 * time.Hour)
		_, err = w.Sweep(ctx)
		must(t, err)
		if n := len(w.files("bodies")) + len(w.files("stage")); n != 1 {
			t.Errorf("%d files are left, want the one in use", n)
		}
	})
}

func TestBodiesOfAnySizeTakeLittleMemory(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t), objectstore.Options{})
	const size = 256 << 20
	var peak atomic.Int64
	before := heap()
	_, err := w.Put(t.Context(), "bucket", "big", io.LimitReader(&pattern{every: 16 << 20, f: func() {
		peak.Store(max(peak.Load(), heap()-before))
	}}, size), objectstore.Attributes{})
	must(t, err)
	if o, err := w.Head(t.Context(), "bucket", "big", ""); err != nil || o.Size != size {
		t.Errorf("%+v, %v", o, err)
	}
	if peak.Load() > 16<<20 {
		t.Errorf("a put of %d MB used %d MB of heap", size>>20, peak.Load()>>20)
	}
}

// pattern is an endless body that calls f now and then.
type pattern struct {
	n, every, next int
	f              func()
}

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte((p.n + i) >> 12)
	}
	p.n += len(b)
	if p.n >= p.next {
		p.next += p.every
		p.f()
	}
	return len(b), nil
}

func TestABodyCutShortIsNotStored(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, size := range []int{0, 10, 64 << 10, 1 << 20} {
			for _, cut := range []error{io.ErrUnexpectedEOF, errors.New("connection reset")} {
				body := io.MultiReader(strings.NewReader(strings.Repeat("x", size)), errReader{cut})
				_, err := w.Put(t.Context(), "bucket", "key", body, objectstore.Attributes{})
				wantErr(t, err, cut)
			}
		}
		if left := append(w.files("stage"), w.files("bodies")...); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

func TestBodiesOfEverySize(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, size := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 256 << 10, 300_000} {
			body := strings.Repeat("0123456789", size/10+1)[:size]
			for _, key := range []string{"first", "again"} {
				o := w.put(key, body)
				if o.Size != int64(size) || w.get(key, "") != body {
					t.Errorf("%d bytes came back otherwise", size)
				}
			}
			must(t, w.Publish(t.Context(), "bucket", files(map[string]string{"published": body, "other": body + "!"})))
			if w.get("published", "") != body || w.get("other", "") != body+"!" {
				t.Errorf("%d bytes were published otherwise", size)
			}
		}
	})
}
