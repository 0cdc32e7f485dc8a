package s3source_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/action/actiontest"
	"github.com/conveyor-cd/conveyor/internal/action/s3source"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// world is an object store with a versioned bucket "sources", an unversioned one "plain" and the artifact bucket.
type world struct {
	*objectstore.Store
	first, second objectstore.Object // versions of sources/app.zip
}

func newWorld(t *testing.T, db store.Store) world {
	t.Helper()
	st, err := objectstore.Open(t.Context(), db, t.TempDir(), objectstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, bucket := range []string{"sources", "plain", "artifacts"} {
		if err := st.EnsureBucket(t.Context(), bucket); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.SetVersioning(t.Context(), "sources", "Enabled"); err != nil {
		t.Fatal(err)
	}
	w := world{Store: st}
	w.first = w.put(t, "sources", "app.zip", "one", nil)
	w.second = w.put(t, "sources", "app.zip", "two", nil)
	w.put(t, "sources", "other.zip", "other", map[string]string{"codepipeline-artifact-revision-summary": "release 7"})
	w.put(t, "plain", "app.zip", "unversioned", nil)
	return w
}

func (w world) put(t *testing.T, bucket, key, body string, metadata map[string]string) objectstore.Object {
	t.Helper()
	o, err := w.Put(t.Context(), bucket, key, strings.NewReader(body), objectstore.Attributes{ContentType: "application/zip", Metadata: metadata})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (w world) read(t *testing.T, bucket, key string) string {
	t.Helper()
	r, err := w.Get(t.Context(), bucket, key, "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func job() action.Job {
	return action.Job{
		Pipeline: "site", Stage: "Source", Action: "Fetch", ActionExecutionID: "e1",
		TypeID:        s3source.New(nil).Type().ID,
		Configuration: map[string]string{"S3Bucket": "sources", "S3ObjectKey": "app.zip", "PollForSourceChanges": "false"},
		Outputs:       []pipeline.Artifact{{Name: "App", Bucket: "artifacts", Key: "site/App/abc"}},
	}
}

func configure(key, value string) func(*action.Job) {
	return func(j *action.Job) { j.Configuration[key] = value }
}

func pin(kind, value string) func(*action.Job) {
	return func(j *action.Job) {
		j.Revision = []pipeline.SourceRevisionOverride{{ActionName: "Fetch", RevisionType: kind, RevisionValue: value}}
	}
}

func TestSuite(t *testing.T) {
	actiontest.Run(t, func(t *testing.T) actiontest.Fixture {
		w := newWorld(t, sqltest.SQLite(t))
		return actiontest.Fixture{
			Provider: s3source.New(w), Job: job,
			Has: func(t *testing.T, a pipeline.Artifact) bool { return w.read(t, a.Bucket, a.Key) == "two" },
			Mistakes: []actiontest.Mistake{
				{Name: "a missing bucket", Make: configure("S3Bucket", "nowhere"), Says: "bucket nowhere does not exist", Code: pipeline.ConfigurationError},
				{Name: "a missing object", Make: configure("S3ObjectKey", "nothing.zip"), Says: "no object nothing.zip", Code: pipeline.ConfigurationError},
				{Name: "a bucket without versions", Make: configure("S3Bucket", "plain"), Says: "plain is not versioned", Code: pipeline.ConfigurationError},
				{Name: "a missing version", Make: pin("S3_OBJECT_VERSION_ID", "gone"), Says: "no version gone", Code: pipeline.RevisionUnavailable},
				{Name: "another key, not allowed", Make: pin("S3_OBJECT_KEY", "other.zip"), Says: "AllowOverrideForS3ObjectKey", Code: pipeline.ConfigurationError},
				{Name: "a commit", Make: pin("COMMIT_ID", "abc"), Says: "not COMMIT_ID", Code: pipeline.ConfigurationError},
			},
		}
	})
}

func start(t *testing.T, w world, change ...func(*action.Job)) action.Done {
	t.Helper()
	j := job()
	for _, f := range change {
		f(&j)
	}
	got, err := s3source.New(w).Start(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	done, ok := got.(action.Done)
	if !ok {
		t.Fatalf("got %+v", got)
	}
	return done
}

func TestFetches(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		w := newWorld(t, db)
		done := start(t, w)
		if got := w.read(t, "artifacts", "site/App/abc"); got != "two" {
			t.Errorf("the artifact holds %q", got)
		}
		if done.Revision.ID != w.second.VersionID || done.Revision.Summary != "Amazon S3 version id: "+w.second.VersionID || done.ExternalID != w.second.VersionID {
			t.Errorf("revision %+v, external id %s", done.Revision, done.ExternalID)
		}
		want := map[string]string{"BucketName": "sources", "ObjectKey": "app.zip", "VersionId": w.second.VersionID, "ETag": w.second.ETag}
		for k, v := range want {
			if done.Variables[k] != v {
				t.Errorf("variable %s is %q, want %q", k, done.Variables[k], v)
			}
		}

		start(t, w, pin("S3_OBJECT_VERSION_ID", w.first.VersionID))
		if got := w.read(t, "artifacts", "site/App/abc"); got != "one" {
			t.Errorf("the pinned artifact holds %q", got)
		}

		done = start(t, w, configure("AllowOverrideForS3ObjectKey", "true"), pin("S3_OBJECT_KEY", "other.zip"))
		if got := w.read(t, "artifacts", "site/App/abc"); got != "other" || done.Revision.Summary != "release 7" || done.Variables["ObjectKey"] != "other.zip" {
			t.Errorf("another key: %q, %+v", got, done)
		}
	})
}

func TestADeletedObject(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	if _, err := w.Delete(t.Context(), "sources", objectstore.DeleteInput{Key: "app.zip"}); err != nil {
		t.Fatal(err)
	}
	got, err := s3source.New(w).Start(t.Context(), job())
	if f, failed := got.(action.Failed); err != nil || !failed || !strings.Contains(f.Message, "no object app.zip") {
		t.Errorf("%+v, %v", got, err)
	}
	// What was there before can still be fetched.
	start(t, w, pin("S3_OBJECT_VERSION_ID", w.second.VersionID))
}

// The bytes exist once, however often they are fetched.
func TestNothingIsCopied(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	start(t, w)
	from, err := w.Get(t.Context(), "sources", "app.zip", "")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Body.Close()
	to, err := w.Get(t.Context(), "artifacts", "site/App/abc", "")
	if err != nil {
		t.Fatal(err)
	}
	defer to.Body.Close()
	a, err := os.Stat(from.Path)
	b, err2 := os.Stat(to.Path)
	if err != nil || err2 != nil || !os.SameFile(a, b) {
		t.Errorf("%s and %s are different files (%v, %v)", from.Path, to.Path, err, err2)
	}
}

type broken struct{ world }

func (broken) Head(context.Context, string, string, string) (objectstore.Object, error) {
	return objectstore.Object{}, errors.New("database is gone")
}

func TestTroubleOfTheServerIsTriedAgain(t *testing.T) {
	got, err := s3source.New(broken{newWorld(t, sqltest.SQLite(t))}).Start(t.Context(), job())
	if err == nil || !strings.Contains(err.Error(), "database is gone") {
		t.Errorf("%+v, %v", got, err)
	}
}
