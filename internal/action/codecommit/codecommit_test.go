package codecommit_test

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/action/actiontest"
	"github.com/conveyor-cd/conveyor/internal/action/codecommit"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// world is a repository `site` with two commits on main, and a bucket for artifacts.
type world struct {
	t             *testing.T
	repos         *gitrepo.Store
	objects       *objectstore.Store
	first, second string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx, db := t.Context(), sqltest.SQLite(t)
	repos, err := gitrepo.Open(filepath.Join(t.TempDir(), "repos"), db, gitrepo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repos.Close() })
	objects, err := objectstore.Open(ctx, db, filepath.Join(t.TempDir(), "objects"), objectstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, repos: repos, objects: objects}
	if _, err := repos.Create(ctx, gitrepo.Repository{Name: "site"}); err != nil {
		t.Fatal(err)
	}
	if err := objects.EnsureBucket(ctx, "artifacts"); err != nil {
		t.Fatal(err)
	}
	w.first = w.commit("", "index.html", "hello")
	w.second = w.commit(w.first, "index.html", "second")
	return w
}

func (w *world) commit(parent, path, content string) string {
	w.t.Helper()
	made, err := w.repos.Apply(context.Background(), "site", gitrepo.Edit{
		Branch: "main", Parent: parent, Changes: []gitrepo.Change{{Path: path, Content: []byte(content)}},
		AuthorName: "Ada", AuthorEmail: "ada@example.com", Message: "put " + content, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return made.Commit
}

func (w *world) provider(o codecommit.Options) *codecommit.Provider {
	o.CloneURL = func(name string) string { return "http://127.0.0.1:4566/v1/repos/" + name }
	return codecommit.New(w.repos, w.objects, o)
}

// job fetches main of site.
func job(configuration ...string) action.Job {
	j := action.Job{
		Pipeline: "p", ExecutionID: "e", Stage: "Source", Action: "Fetch", ActionExecutionID: "x1",
		TypeID:        pipeline.ActionTypeID{Category: "Source", Owner: "AWS", Provider: "CodeCommit", Version: "1"},
		Configuration: map[string]string{"RepositoryName": "site", "BranchName": "main"},
		Outputs:       []pipeline.Artifact{{Name: "src", Bucket: "artifacts", Key: "p/src/abc1234"}},
	}
	for i := 0; i+1 < len(configuration); i += 2 {
		j.Configuration[configuration[i]] = configuration[i+1]
	}
	return j
}

func (w *world) artifact(a pipeline.Artifact) ([]byte, objectstore.Object) {
	w.t.Helper()
	r, err := w.objects.Get(context.Background(), a.Bucket, a.Key, "")
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Body.Close()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return data, r.Object
}

func TestProvider(t *testing.T) {
	actiontest.Run(t, func(t *testing.T) actiontest.Fixture {
		w := newWorld(t)
		return actiontest.Fixture{
			Provider: w.provider(codecommit.Options{}),
			Job:      func() action.Job { return job() },
			Mistakes: []actiontest.Mistake{
				{Name: "no repository", Make: func(j *action.Job) { j.Configuration["RepositoryName"] = "nowhere" }, Says: "nowhere", Code: pipeline.ConfigurationError},
				{Name: "path as repository", Make: func(j *action.Job) { j.Configuration["RepositoryName"] = "../../etc" }, Says: "../../etc"},
				{Name: "no branch", Make: func(j *action.Job) { j.Configuration["BranchName"] = "nope" }, Says: "branch `nope`", Code: pipeline.ConfigurationError},
				{Name: "option as branch", Make: func(j *action.Job) { j.Configuration["BranchName"] = "--output=x" }, Says: "--output=x"},
				{Name: "no commit", Make: pin(strings.Repeat("e", 40)), Says: strings.Repeat("e", 40), Code: pipeline.RevisionUnavailable},
				{Name: "not a commit", Make: pin("HEAD~1"), Says: "HEAD~1", Code: pipeline.RevisionUnavailable},
				{Name: "other revision", Make: func(j *action.Job) {
					j.Revision = []pipeline.SourceRevisionOverride{{ActionName: "Fetch", RevisionType: "IMAGE_DIGEST", RevisionValue: "x"}}
				}, Says: "IMAGE_DIGEST"},
			},
			Has: func(t *testing.T, a pipeline.Artifact) bool {
				_, err := w.objects.Head(t.Context(), a.Bucket, a.Key, "")
				return err == nil
			},
		}
	})
}

func pin(commit string) func(*action.Job) {
	return func(j *action.Job) {
		j.Revision = []pipeline.SourceRevisionOverride{{ActionName: "Fetch", RevisionType: "COMMIT_ID", RevisionValue: commit}}
	}
}

func TestZipArtifact(t *testing.T) {
	w := newWorld(t)
	p := w.provider(codecommit.Options{})
	for _, c := range []struct {
		name, commit, content string
		pin                   bool
	}{{"head", w.second, "second", false}, {"pinned", w.first, "hello", true}} {
		t.Run(c.name, func(t *testing.T) {
			j := job()
			j.EncryptionKey = &pipeline.EncryptionKey{ID: "alias/k", Type: "KMS"}
			if c.pin {
				pin(c.commit)(&j)
			}
			result, err := p.Start(t.Context(), j)
			done, ok := result.(action.Done)
			if err != nil || !ok {
				t.Fatalf("%+v, %v", result, err)
			}
			want := map[string]string{
				"AuthorDate": "2026-01-02T03:04:05Z", "CommitterDate": "2026-01-02T03:04:05Z", "BranchName": "main", "RepositoryName": "site",
				"CommitId": c.commit, "CommitMessage": "put " + c.content + "\n",
			}
			if !maps.Equal(done.Variables, want) {
				t.Errorf("variables %q, want %q", done.Variables, want)
			}
			if r := done.Revision; r.ID != c.commit || r.Summary != "put "+c.content+"\n" || !r.Created.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) || done.ExternalID != c.commit {
				t.Errorf("revision %+v, external id %s", r, done.ExternalID)
			}
			data, object := w.artifact(j.Outputs[0])
			z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
			if err != nil || len(z.File) != 1 || z.File[0].Name != "index.html" {
				t.Fatalf("%v, %v", z, err)
			}
			if object.ContentType != "application/zip" || object.KMSKeyID != "alias/k" {
				t.Errorf("%+v", object)
			}
			f, _ := z.Open("index.html")
			if content, _ := io.ReadAll(f); string(content) != c.content {
				t.Errorf("index.html holds %q", content)
			}
		})
	}
}

func TestCloneRefArtifact(t *testing.T) {
	w := newWorld(t)
	j := job("OutputArtifactFormat", "CODEBUILD_CLONE_REF")
	if result, err := w.provider(codecommit.Options{}).Start(t.Context(), j); err != nil {
		t.Fatalf("%+v, %v", result, err)
	}
	data, _ := w.artifact(j.Outputs[0])
	ref, ok, err := gitrepo.ParseCloneRef(data)
	if err != nil || !ok || ref.Commit != w.second || ref.Branch != "main" || ref.Repository != "site" || ref.CloneURL != "http://127.0.0.1:4566/v1/repos/site" {
		t.Errorf("%+v, %v, %v", ref, ok, err)
	}
}

func TestArtifactTooLarge(t *testing.T) {
	w := newWorld(t)
	j := job()
	result, err := w.provider(codecommit.Options{MaxArtifact: 64}).Start(t.Context(), j)
	if f, ok := result.(action.Failed); err != nil || !ok || !strings.Contains(f.Message, "CODEBUILD_CLONE_REF") {
		t.Errorf("%+v, %v", result, err)
	}
	if _, err := w.objects.Head(t.Context(), "artifacts", j.Outputs[0].Key, ""); err == nil {
		t.Error("half an artifact was stored")
	}
}
