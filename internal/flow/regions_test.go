package flow_test

import (
	"context"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// abroad is site with a build in another region: the source's artifact is copied there, and what was built is copied
// back for the deployment.
func abroad() pipeline.Definition {
	d := site("web")
	d.ArtifactStore = nil
	d.ArtifactStores = map[string]pipeline.ArtifactStore{
		"us-east-1":    {Type: "S3", Location: "here"},
		"eu-central-1": {Type: "S3", Location: "there", EncryptionKey: &pipeline.EncryptionKey{ID: "key-there", Type: "KMS"}},
	}
	d.Stages[1].Actions[0].Region = "eu-central-1"
	return d
}

func TestActionsInAnotherRegion(t *testing.T) {
	st := sqltest.SQLite(t)
	objects, err := objectstore.Open(t.Context(), st, t.TempDir(), objectstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := newBelt(t, st, func(o *flow.Options) { o.Artifacts = objects })
	put := func(job action.Job) action.Result {
		for _, a := range job.Outputs {
			if _, err := objects.Put(t.Context(), a.Bucket, a.Key, strings.NewReader("made by "+job.Action), objectstore.Attributes{ContentType: "text/plain"}); err != nil {
				return action.Fail(pipeline.JobFailed, "%v", err)
			}
		}
		return action.Done{Variables: map[string]string{"CommitId": "c0ffee"}}
	}
	for _, name := range []string{"Code", "Build", "Publish"} {
		b.providers.on(name, func(_ context.Context, job action.Job) (action.Result, error) { return put(job), nil })
	}

	// Without a bucket there, the action fails and says which.
	if err := objects.EnsureBucket(t.Context(), "here"); err != nil {
		t.Fatal(err)
	}
	b.await("web", b.create(abroad()), pipeline.StatusFailed)
	failed := b.actions("web", b.newest("web").ID)[1].Action
	if failed.Error == nil || failed.Error.Code != pipeline.ConfigurationError || !strings.Contains(failed.Error.Message, "the bucket there of region eu-central-1") {
		t.Errorf("the build failed with %+v", failed.Error)
	}

	if err := objects.EnsureBucket(t.Context(), "there"); err != nil {
		t.Fatal(err)
	}
	id := b.start("web")
	b.await("web", id, pipeline.StatusSucceeded)
	build, publish := b.providers.started("Build")[0], b.providers.started("Publish")[0]
	if build.Region != "eu-central-1" || build.Inputs[0].Bucket != "there" || build.Outputs[0].Bucket != "there" || build.KMSKeyID() != "key-there" {
		t.Errorf("the build got %+v", build)
	}
	if publish.Region != "us-east-1" || publish.Inputs[0].Bucket != "here" || publish.Inputs[0].Key != build.Outputs[0].Key {
		t.Errorf("the deployment got %+v", publish)
	}
	for _, c := range []struct {
		at   pipeline.Artifact
		text string
	}{{build.Inputs[0], "made by Code"}, {publish.Inputs[0], "made by Build"}} {
		r, err := objects.Get(t.Context(), c.at.Bucket, c.at.Key, "")
		if err != nil {
			t.Fatal(err)
		}
		text := make([]byte, 100)
		n, _ := r.Body.Read(text)
		r.Body.Close()
		if string(text[:n]) != c.text {
			t.Errorf("%s/%s holds %q", c.at.Bucket, c.at.Key, text[:n])
		}
	}
	if copied, err := objects.Head(t.Context(), "there", build.Inputs[0].Key, ""); err != nil || copied.Attributes.KMSKeyID != "key-there" {
		t.Errorf("the copy is %+v, %v", copied.Attributes, err)
	}
	// History shows the locations that were used.
	if got := b.actions("web", id)[1]; got.Declaration.Region != "eu-central-1" || got.Action.Inputs[0].Bucket != "there" {
		t.Errorf("history has %+v", got.Action.Inputs)
	}
}
