package remotesource

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/vcs"
)

func checkMinutes(text string) string {
	if n, err := strconv.Atoi(text); err != nil || n < 1 || n > 7*24*60 {
		return "a number of minutes from 1 to 10080"
	}
	return ""
}

func checkGitBranch(text string) string {
	if gitrepo.ValidBranch(text) != nil {
		return "the name of a branch or tag, without refs/"
	}
	return ""
}

func urlProperty(system vcs.System) action.Property {
	return action.Property{
		Name: keyURL, Required: true, Key: true, Type: "String", Description: "Where the repository is.",
		Check: func(text string) string { return vcs.CheckURL(system, text) },
	}
}

// checkout is a commit of a Git repository that is to become an artifact.
type checkout struct {
	what     string // names the repository in messages
	origin   vcs.Origin
	wanted   gitrepo.Wanted
	cloneRef bool
	variable string // the output variable that names the repository
	name     string // its value
	page     func(commit string) string
	extra    map[string]string // more output variables
}

// follow takes the branch, tag or pull request from the event that started the execution: it need not be the configured
// branch.
func (c *checkout) follow(job action.Job) {
	g, ok := job.Trigger.Git()
	if !ok || g.SourceAction != job.Action || g.Commit != c.wanted.Commit {
		return
	}
	if g.Branch != "" {
		c.wanted.Branch = g.Branch
	}
	c.wanted.Tag = g.Tag
	c.extra["PullRequestId"] = g.PullRequest
}

// git turns a commit into an artifact. Running it again stores the same bytes again.
func (s *Sources) git(ctx context.Context, job action.Job, c checkout) (action.Result, error) {
	if c.extra == nil {
		c.extra = map[string]string{}
	}
	var err error
	if c.wanted.Commit, err = pinned(job); err != nil {
		return action.Fail(pipeline.ConfigurationError, "%v", err), nil
	}
	if c.wanted.Commit != "" && !gitrepo.ValidID(c.wanted.Commit) {
		return action.Fail(pipeline.RevisionUnavailable, "%q is not the full id of a commit of %s.", c.wanted.Commit, c.what), nil
	}
	c.follow(job)
	commit, err := s.o.Mirrors.Fetch(ctx, c.origin, c.wanted)
	if err != nil {
		return s.failure(err, c.what)
	}
	if c.cloneRef {
		err = s.putMirror(ctx, job, c, commit.ID)
	} else {
		err = s.putZip(ctx, job, func(w io.Writer) error { return s.o.Mirrors.Zip(ctx, c.origin, commit.ID, w) })
	}
	if err != nil {
		return s.failure(err, c.what)
	}
	c.extra[c.variable], c.extra["BranchName"], c.extra["TagName"] = c.name, c.wanted.Branch, c.wanted.Tag
	c.extra["CommitterDate"] = commit.CommitterDate.UTC().Format(time.RFC3339)
	return done(commit.ID, commit.Message, commit.AuthorDate, commit.CommitterDate, c.page(commit.ID), c.extra), nil
}

// mirrorRef is what a CloneRef's Mirror holds, sealed.
type mirrorRef struct {
	Owner  string `json:"owner"`
	URL    string `json:"url"`
	Commit string `json:"commit"`
}

const mirrorPurpose = "clone reference"

func (s *Sources) putMirror(ctx context.Context, job action.Job, c checkout, commit string) error {
	text, err := json.Marshal(mirrorRef{c.origin.Owner, c.origin.URL, commit})
	if err != nil {
		return err
	}
	sealed, err := s.o.Box.Seal(text, mirrorPurpose)
	if err != nil {
		return err
	}
	return s.putRef(ctx, job, gitrepo.CloneRef{Repository: c.name, Branch: c.wanted.Branch, Commit: commit, CloneURL: c.origin.URL, Mirror: sealed})
}

// MirrorPath is the bare repository that a CloneRef's Mirror stands for, on this machine. It must not be written to.
func (s *Sources) MirrorPath(ctx context.Context, sealed string) (string, error) {
	text, err := s.o.Box.Open(sealed, mirrorPurpose)
	if err != nil {
		return "", err
	}
	var ref mirrorRef
	if err := json.Unmarshal(text, &ref); err != nil {
		return "", err
	}
	origin := vcs.Origin{Remote: vcs.Remote{URL: ref.URL}, Owner: ref.Owner}
	// It is there already, since the source action has fetched it; one that was swept has to be fetched by the source again.
	_, err = s.o.Mirrors.Fetch(ctx, origin, gitrepo.Wanted{Commit: ref.Commit})
	return s.o.Mirrors.Path(origin), err
}

// gitSource is any Git repository that can be reached by a URL.
type gitSource struct{ *Sources }

func (gitSource) Cancel(context.Context, action.Job) error { return nil }

func (gitSource) Type() action.Type {
	t := sourceType("AWS", "ConveyorGit",
		urlProperty(vcs.Git),
		action.Property{Name: keyBranch, Type: "String", Check: checkGitBranch, Description: "The branch to fetch."},
		action.Property{Name: keyTag, Type: "String", Check: checkGitBranch, Description: "The tag to fetch, instead of a branch."},
		loginProperty, pollProperty, formatProperty,
	)
	t.Whole = func(c map[string]string) string {
		if (c[keyBranch] == "") == (c[keyTag] == "") {
			return "give either " + keyBranch + " or " + keyTag
		}
		return ""
	}
	return t
}

func (p gitSource) Start(ctx context.Context, job action.Job) (action.Result, error) {
	c := job.Configuration
	what := "the Git repository " + c[keyURL]
	origin, err := p.o.Connections.Named(ctx, c[keyCredentials], c[keyURL])
	if err != nil {
		return p.loginFailure(err, what, c)
	}
	return p.git(ctx, job, checkout{
		what: what, origin: origin, wanted: gitrepo.Wanted{Branch: c[keyBranch], Tag: c[keyTag]}, cloneRef: c[keyFormat] == formatCloneRef,
		variable: "RepositoryUrl", name: c[keyURL], page: func(string) string { return "" },
	})
}
