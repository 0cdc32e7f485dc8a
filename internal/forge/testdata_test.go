package forge_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/trigger"
)

// documented are the bodies in testdata, which have the members that the forges document, not only those that are read; with
// the name of the event that the forge's header gives them, and what happened.
var documented = []struct {
	kind        forge.Kind
	file, event string
	what        trigger.Kind
}{
	{forge.GitHub, "github/push", "push", trigger.BranchPushed},
	{forge.GitHub, "github/tag", "push", trigger.TagPushed},
	{forge.GitHub, "github/opened", "pull_request", trigger.PullRequestOpened},
	{forge.GitHub, "github/synchronize", "pull_request", trigger.PullRequestUpdated},
	{forge.GitHub, "github/closed", "pull_request", trigger.PullRequestClosed},
	{forge.GitHub, "github/released", "release", forge.Released},
	{forge.GitHub, "github/prereleased", "release", prereleased},
	{forge.Gitea, "gitea/release", "release", forge.Released},
	{forge.GitLab, "gitlab/release", "Release Hook", forge.Released},
	{forge.Gitea, "gitea/push", "push", trigger.BranchPushed},
	{forge.Gitea, "gitea/tag", "push", trigger.TagPushed},
	{forge.Gitea, "gitea/opened", "pull_request", trigger.PullRequestOpened},
	{forge.Gitea, "gitea/synchronized", "pull_request_sync", trigger.PullRequestUpdated},
	{forge.Gitea, "gitea/closed", "pull_request", trigger.PullRequestClosed},
	{forge.GitLab, "gitlab/push", "Push Hook", trigger.BranchPushed},
	{forge.GitLab, "gitlab/tag", "Tag Push Hook", trigger.TagPushed},
	{forge.GitLab, "gitlab/open", "Merge Request Hook", trigger.PullRequestOpened},
	{forge.GitLab, "gitlab/update", "Merge Request Hook", trigger.PullRequestUpdated},
	{forge.GitLab, "gitlab/merge", "Merge Request Hook", trigger.PullRequestClosed},
	{forge.Bitbucket, "bitbucket/push", "repo:push", trigger.BranchPushed},
	{forge.Bitbucket, "bitbucket/tag", "repo:push", trigger.TagPushed},
	{forge.Bitbucket, "bitbucket/created", "pullrequest:created", trigger.PullRequestOpened},
	{forge.Bitbucket, "bitbucket/updated", "pullrequest:updated", trigger.PullRequestUpdated},
	{forge.Bitbucket, "bitbucket/fulfilled", "pullrequest:fulfilled", trigger.PullRequestClosed},
}

// prereleased is a release that is not for everybody yet.
const prereleased trigger.Kind = "PRERELEASED"

// ofTestdata is the event of each kind in testdata. The pushed tag is an annotated one: After is its commit, not the tag
// object. The pull request comes from a fork when it is opened, and is merged when it is closed.
func ofTestdata(kind forge.Kind, what trigger.Kind) forge.Event {
	all := append(events(kind), releases(kind)...)
	e := map[trigger.Kind]forge.Event{
		trigger.BranchPushed: all[0], trigger.TagPushed: all[2], trigger.PullRequestUpdated: all[4], trigger.PullRequestClosed: all[5], trigger.PullRequestOpened: all[6],
	}[what]
	if what == forge.Released || what == prereleased {
		if e = all[7]; what == prereleased {
			e = all[8]
		}
		if kind == forge.GitLab { // which does not say who made it
			return e
		}
	}
	e.ActorID = "7"
	if kind == forge.Bitbucket {
		e.ActorID = "557058:ada"
	}
	return e
}

func TestDocumentedBodies(t *testing.T) {
	headers := map[forge.Kind]string{
		forge.GitHub: "X-GitHub-Event", forge.Gitea: "X-Gitea-Event", forge.GitLab: "X-Gitlab-Event", forge.Bitbucket: "X-Event-Key",
	}
	for _, c := range documented {
		body, err := os.ReadFile(filepath.Join("testdata", c.file+".json"))
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{}
		h.Set(headers[c.kind], c.event)
		d, err := forge.Receive(c.kind, h, body)
		if want := ofTestdata(c.kind, c.what); err != nil || len(d.Events) != 1 || d.Events[0] != want {
			t.Errorf("%s: %v\n got %+v\nwant %+v", c.file, err, d.Events, want)
		}
	}
	if files, err := filepath.Glob("testdata/*/*.json"); err != nil || len(files) != len(documented) {
		t.Errorf("%d files are there, %d are read, %v", len(files), len(documented), err)
	}
}
