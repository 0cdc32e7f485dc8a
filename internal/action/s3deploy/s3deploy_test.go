package s3deploy_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zip"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/action/actiontest"
	"github.com/conveyor-cd/conveyor/internal/action/s3deploy"
	"github.com/conveyor-cd/conveyor/internal/archive"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

var now = time.Date(2025, 3, 4, 5, 6, 7, 0, time.FixedZone("KST", 9*3600))

type world struct {
	*objectstore.Store
	*s3deploy.Provider
}

func newWorld(t testing.TB, db store.Store) world {
	t.Helper()
	st, err := objectstore.Open(t.Context(), db, t.TempDir(), objectstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, bucket := range []string{"artifacts", "site"} {
		if err := st.EnsureBucket(t.Context(), bucket); err != nil {
			t.Fatal(err)
		}
	}
	return world{st, s3deploy.New(st, s3deploy.Options{Now: func() time.Time { return now }})}
}

func (w world) artifact(t testing.TB, content string) {
	t.Helper()
	if _, err := w.Put(t.Context(), "artifacts", "in", strings.NewReader(content), objectstore.Attributes{}); err != nil {
		t.Fatal(err)
	}
}

func (w world) object(t testing.TB, key string) (string, objectstore.Object) {
	t.Helper()
	r, err := w.Get(t.Context(), "site", key, "")
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), r.Object
}

// pack makes a zip of name, content, name, content...
func pack(t testing.TB, pairs ...string) string {
	t.Helper()
	var buf bytes.Buffer
	w := archive.NewWriter(t.Context(), &buf, archive.Options{})
	for i := 0; i < len(pairs); i += 2 {
		var err error
		if target, link := strings.CutPrefix(pairs[i+1], "link:"); link {
			err = w.AddLink(pairs[i], target)
		} else {
			err = w.Add(pairs[i], 0o644, strings.NewReader(pairs[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func job() action.Job {
	return action.Job{
		Pipeline: "site", Stage: "Deploy", Action: "Publish", ActionExecutionID: "e1", TypeID: s3deploy.New(nil, s3deploy.Options{}).Type().ID,
		Configuration: map[string]string{"BucketName": "site", "Extract": "true"},
		Inputs:        []pipeline.Artifact{{Name: "Built", Bucket: "artifacts", Key: "in"}},
	}
}

func configure(pairs ...string) func(*action.Job) {
	return func(j *action.Job) {
		for i := 0; i < len(pairs); i += 2 {
			j.Configuration[pairs[i]] = pairs[i+1]
		}
	}
}

func execution(id string) func(*action.Job) {
	return func(j *action.Job) { j.ActionExecutionID = id }
}

func (w world) start(t testing.TB, change ...func(*action.Job)) action.Result {
	t.Helper()
	j := job()
	for _, f := range change {
		f(&j)
	}
	got, err := w.Start(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (w world) succeed(t testing.TB, change ...func(*action.Job)) action.Done {
	t.Helper()
	got := w.start(t, change...)
	done, ok := got.(action.Done)
	if !ok {
		t.Fatalf("got %+v", got)
	}
	return done
}

func TestSuite(t *testing.T) {
	ref, err := gitrepo.CloneRef{Repository: "r", Branch: "main", Commit: strings.Repeat("a", 40)}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	actiontest.Run(t, func(t *testing.T) actiontest.Fixture {
		w := newWorld(t, sqltest.SQLite(t))
		w.artifact(t, pack(t, "index.html", "<h1>hi</h1>"))
		other := func(content func() string) func(*action.Job) {
			return func(*action.Job) { w.artifact(t, content()) }
		}
		text := func(s string) func() string { return func() string { return s } }
		zipped := func(pairs ...string) func() string { return func() string { return pack(t, pairs...) } }
		bomb := func() string { return pack(t, "zeros", strings.Repeat("\x00", archive.RatioFree+1)) }
		return actiontest.Fixture{
			Provider: w.Provider, Job: job,
			Mistakes: []actiontest.Mistake{
				{Name: "a missing bucket", Make: configure("BucketName", "nowhere"), Says: "bucket nowhere does not exist", Code: pipeline.ConfigurationError},
				{Name: "no key", Make: configure("Extract", "false"), Says: "ObjectKey", Code: pipeline.ConfigurationError},
				{Name: "a key that is too long", Make: configure("ObjectKey", strings.Repeat("k", 1100)), Says: "1024", Code: pipeline.JobFailed},
				{Name: "a key out of the bucket", Make: configure("ObjectKey", "a/../../etc/passwd"), Says: "ObjectKey", Code: pipeline.ConfigurationError},
				{Name: "the bucket's parent", Make: configure("Extract", "false", "ObjectKey", ".."), Says: "ObjectKey", Code: pipeline.ConfigurationError},
				{Name: "not a zip", Make: other(text("hello")), Says: "Built cannot be extracted: not a valid zip file", Code: pipeline.JobFailed},
				{Name: "a reference for a clone", Make: other(text(string(ref))), Says: "CODE_ZIP", Code: pipeline.ConfigurationError},
				{Name: "no files", Make: other(zipped()), Says: "holds no files", Code: pipeline.JobFailed},
				{Name: "a climbing name", Make: other(func() string { return crafted(t, "../evil") }), Says: `"../evil"`, Code: pipeline.JobFailed},
				{Name: "a zip bomb", Make: other(bomb), Says: "limit exceeded", Code: pipeline.JobFailed},
				{Name: "a link that leads nowhere", Make: other(zipped("a", "x", "l", "link:gone")), Says: `"l"`, Code: pipeline.JobFailed},
				{Name: "links in a circle", Make: other(zipped("a", "link:b", "b", "link:a")), Says: "symbolic link", Code: pipeline.JobFailed},
			},
		}
	})
}

// crafted is a zip whose entry has a name that our own packer refuses.
func crafted(t testing.TB, name string) string {
	t.Helper()
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	if _, err := zw.Create(name); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestExtract(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		w := newWorld(t, db)
		w.artifact(t, pack(t,
			"index.html", "<h1>안녕</h1>", "legacy.html", `<html><head><meta charset="euc-kr">`, "css/site.css", "a{}", "app.mjs", "x",
			"data", "?", "latest.html", "link:index.html", "img/LOGO.PNG", "png",
		))
		if _, err := w.Put(t.Context(), "site", "kept.html", strings.NewReader("old"), objectstore.Attributes{}); err != nil {
			t.Fatal(err)
		}
		done := w.succeed(t, configure("CacheControl", "public, max-age=60", "CannedACL", "private"))
		if done.ExternalID != "site" || done.Summary != "Deployment Succeeded" {
			t.Errorf("%+v", done)
		}
		for key, want := range map[string][2]string{
			"index.html":   {"<h1>안녕</h1>", "text/html; charset=utf-8"},
			"legacy.html":  {`<html><head><meta charset="euc-kr">`, "text/html"},
			"css/site.css": {"a{}", "text/css; charset=utf-8"},
			"app.mjs":      {"x", "text/javascript; charset=utf-8"},
			"data":         {"?", "binary/octet-stream"},
			"latest.html":  {"<h1>안녕</h1>", "text/html; charset=utf-8"},
			"img/LOGO.PNG": {"png", "image/png"},
		} {
			body, o := w.object(t, key)
			if body != want[0] || o.ContentType != want[1] || o.CacheControl != "public, max-age=60" {
				t.Errorf("%s: %q, %s, %s", key, body, o.ContentType, o.CacheControl)
			}
		}
		if body, _ := w.object(t, "kept.html"); body != "old" {
			t.Errorf("an object that is not in the artifact changed to %q", body)
		}
	})
}

func TestFolder(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	w.artifact(t, pack(t, "a/index.html", "x"))
	for _, key := range []string{"v1", "v1/", "/v1/"} {
		if done := w.succeed(t, configure("ObjectKey", key)); done.ExternalID != "site/v1" {
			t.Errorf("%s: %s", key, done.ExternalID)
		}
	}
	if body, _ := w.object(t, "v1/a/index.html"); body != "x" {
		t.Errorf("got %q", body)
	}
}

func TestWhole(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	w.artifact(t, "anything at all")
	done := w.succeed(t, configure("Extract", "false", "ObjectKey", "releases/app.zip", "CacheControl", "no-store", "KMSEncryptionKeyARN", "arn:aws:kms:x"))
	body, o := w.object(t, "releases/app.zip")
	if body != "anything at all" || o.CacheControl != "no-store" || o.KMSKeyID != "arn:aws:kms:x" || done.ExternalID != "site/releases/app.zip" {
		t.Errorf("%q, %+v, %+v", body, o, done)
	}
}

func TestPlaceholders(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	w.artifact(t, "x")
	key := configure("Extract", "false", "ObjectKey", "{datetime}/{uuid}-{uuid}.zip")
	id := func(change ...func(*action.Job)) string { return w.succeed(t, append(change, key)...).ExternalID }
	first := id()
	if !strings.HasPrefix(first, "site/2025-03-03_20-06-07/") || strings.Contains(first, "{") {
		t.Errorf("got %s", first)
	}
	if again := id(); again != first {
		t.Errorf("a redelivery went to %s, not to %s", again, first)
	}
	if other := id(func(j *action.Job) { j.ActionExecutionID = "e2" }); other == first {
		t.Errorf("another deployment went to the same key %s", other)
	}
	began := func(j *action.Job) { j.Started = time.Date(2024, 12, 31, 23, 59, 59, 0, time.UTC) }
	if got := id(began); !strings.HasPrefix(got, "site/2024-12-31_23-59-59/") {
		t.Errorf("an action that began earlier went to %s", got)
	}
}

func TestACLsCanBeForbiddenByTheBucket(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	w.artifact(t, pack(t, "a", "x"))
	got := w.start(t, configure("CannedACL", "public-read"))
	if f, failed := got.(action.Failed); failed && !strings.Contains(f.Message, "bucket policy") {
		t.Errorf("%+v", f)
	}
}

// A release that fails half-way changes nothing.
func TestAFailedReleaseChangesNothing(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	w.artifact(t, pack(t, "a.txt", "old a", "b.txt", "old b"))
	w.succeed(t)
	text := func(s string) string { return s + strings.Repeat(" abcdefgh", 100) }
	damaged := []byte(pack(t, "a.txt", text("new a"), "b.txt", text("new b")))
	damaged[bytes.Index(damaged, []byte("b.txt"))+len("b.txt")+10] ^= 0xff
	w.artifact(t, string(damaged))
	got := w.start(t, execution("e2"))
	if f, failed := got.(action.Failed); !failed || !strings.Contains(f.Message, `"b.txt"`) {
		t.Errorf("%+v", got)
	}
	for _, key := range []string{"a.txt", "b.txt"} {
		if body, _ := w.object(t, key); !strings.HasPrefix(body, "old") {
			t.Errorf("%s holds %.10q", key, body)
		}
	}
}

// A deployment that is delivered again, after a crash between the release and the end of its job, is done: it neither
// replaces a later release nor makes versions and events a second time.
func TestARedeliveryPublishesNothing(t *testing.T) {
	for name, how := range map[string]func(*action.Job){
		"extracted": func(*action.Job) {},
		"whole":     configure("Extract", "false", "ObjectKey", "page"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sqltest.SQLite(t))
			if err := w.SetVersioning(t.Context(), "site", objectstore.VersioningEnabled); err != nil {
				t.Fatal(err)
			}
			release := func(id, text string) { w.artifact(t, pack(t, "page", text)); w.succeed(t, how, execution(id)) }
			release("e1", "first")
			release("e2", "second")
			second, _ := w.object(t, "page")
			release("e1", "first")
			if now, _ := w.object(t, "page"); now != second {
				t.Error("the older deployment, delivered again, replaced the newer release")
			}
			page, err := w.ListVersions(t.Context(), objectstore.ListInput{Bucket: "site", Max: 10})
			if err != nil || len(page.Objects) != 2 {
				t.Errorf("%d versions, %v", len(page.Objects), err)
			}
		})
	}
}

// BenchmarkDeploy publishes 20,000 pages of 10 kB.
func BenchmarkDeploy(b *testing.B) {
	w := newWorld(b, sqltest.SQLite(b))
	var pairs []string
	for i := range 20_000 {
		pairs = append(pairs, fmt.Sprintf("p%02d/page%05d.html", i%50, i), fmt.Sprintf("<p>%d</p>", i)+strings.Repeat("some text ", 1000))
	}
	w.artifact(b, pack(b, pairs...))
	for n := 0; b.Loop(); n++ {
		w.succeed(b, execution(fmt.Sprint(n)))
	}
}
