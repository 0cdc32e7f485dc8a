// Package codecommit is the source provider for hosted repositories: it turns a commit of a branch into an artifact.
package codecommit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Configuration keys and values.
const (
	keyRepository = "RepositoryName"
	keyBranch     = "BranchName"
	keyPoll       = "PollForSourceChanges"
	keyFormat     = "OutputArtifactFormat"

	formatZip      = "CODE_ZIP"
	formatCloneRef = "CODEBUILD_CLONE_REF"
)

const (
	// maxArtifact is how large AWS lets a CodeCommit artifact be.
	maxArtifact = 1 << 30
	// maxMessage is how much of a commit message the variable holds, maxSummary how much the revision's summary.
	maxMessage = 100 << 10
	maxSummary = 2048
	// commitRevision is the type of a revision override that names a commit.
	commitRevision = "COMMIT_ID"
)

// Objects is what the provider needs of the object store.
type Objects interface {
	Put(ctx context.Context, bucket, key string, body io.Reader, attrs objectstore.Attributes) (objectstore.Object, error)
}

// Options tune a Provider. The zero value is ready to use.
type Options struct {
	// CloneURL is where a repository can be cloned from; it goes into CODEBUILD_CLONE_REF artifacts.
	CloneURL func(repository string) string
	// RevisionURL is where a person can look at a commit; "" where nobody can.
	RevisionURL func(repository, commit string) string
	// EntityURL is the template for a link to the repository, with {Config:RepositoryName}.
	EntityURL string
	// Pushers are the ARNs of those who pushed a commit; nil where that is not known.
	Pushers func(ctx context.Context, repository, commit string) ([]string, error)
	// MaxArtifact replaces AWS's limit of 1 GB for artifacts, in bytes.
	MaxArtifact int64
}

// Provider implements action.Provider.
type Provider struct {
	repos   gitrepo.Source
	objects Objects
	opts    Options
}

var _ action.Provider = (*Provider)(nil)

// New makes a Provider.
func New(repos gitrepo.Source, objects Objects, o Options) *Provider {
	if o.CloneURL == nil {
		o.CloneURL = func(string) string { return "" }
	}
	if o.RevisionURL == nil {
		o.RevisionURL = func(string, string) string { return "" }
	}
	if o.MaxArtifact == 0 {
		o.MaxArtifact = maxArtifact
	}
	return &Provider{repos: repos, objects: objects, opts: o}
}

// Type implements action.Provider.
func (p *Provider) Type() action.Type {
	return action.Type{
		ID: pipeline.ActionTypeID{Category: "Source", Owner: "AWS", Provider: "CodeCommit", Version: "1"},
		Properties: []action.Property{
			{Name: keyRepository, Required: true, Key: true, Type: "String", Description: "The repository whose changes start the pipeline."},
			{Name: keyBranch, Required: true, Key: true, Type: "String", Description: "The branch whose changes start the pipeline."},
			{Name: keyPoll, Type: "Boolean", Values: []string{"true", "false"}, Description: "Whether a push starts the pipeline by itself; true when absent."},
			{Name: keyFormat, Type: "String", Values: []string{formatZip, formatCloneRef}, Description: "What the artifact holds: the files, or a reference for a full clone."},
		},
		Outputs:        action.Count{Min: 1, Max: 1},
		TimeoutMinutes: 60,
		EntityURL:      p.opts.EntityURL,
	}
}

// Start fetches the commit that the execution is about, or the branch's tip, and stores it as the artifact. Running it
// again stores the same bytes again.
func (p *Provider) Start(ctx context.Context, job action.Job) (action.Result, error) {
	s := source{repository: job.Configuration[keyRepository], branch: job.Configuration[keyBranch], format: job.Configuration[keyFormat]}
	if len(job.Outputs) != 1 {
		return action.Fail(pipeline.ConfigurationError, "The source action %s must have exactly one output artifact.", job.Action), nil
	}
	pinned, err := job.Overrides(commitRevision)
	if err != nil {
		return action.Fail(pipeline.ConfigurationError, "%v", err), nil
	}
	s.pinned = pinned[commitRevision]
	s.follow(job)
	c, err := p.find(ctx, s)
	if err != nil {
		return s.failure(err)
	}
	if err := p.store(ctx, s, c, job); err != nil {
		return s.failure(err)
	}
	done := p.done(s, c)
	if p.opts.Pushers != nil {
		if done.Authors, err = p.opts.Pushers(ctx, s.repository, c.ID); err != nil {
			return s.failure(err)
		}
	}
	return done, nil
}

// Cancel implements action.Provider. Nothing is ever left waiting.
func (p *Provider) Cancel(context.Context, action.Job) error { return nil }

// source is what is to be fetched.
type source struct {
	repository, branch, format string
	pinned                     string              // a commit; "" is the branch's tip
	tag                        string              // that started the execution
	pull                       pipeline.GitTrigger // of a pull request that did
}

// follow takes the branch or tag from the event that started the execution, when a filter let it through: it need not be
// the configured branch.
func (s *source) follow(job action.Job) {
	g, ok := job.Trigger.Git()
	if !ok || g.SourceAction != job.Action || g.Commit != s.pinned {
		return
	}
	if s.tag = g.Tag; g.Branch != "" {
		s.branch = g.Branch
	}
	if g.PullRequest != "" {
		s.pull = g
	}
}

// find resolves s to its commit.
func (p *Provider) find(ctx context.Context, s source) (gitrepo.Commit, error) {
	if s.pinned != "" {
		return p.repos.Commit(ctx, s.repository, s.pinned)
	}
	return p.repos.Head(ctx, s.repository, s.branch)
}

// store writes the artifact.
func (p *Provider) store(ctx context.Context, s source, c gitrepo.Commit, job action.Job) error {
	out := job.Outputs[0]
	attrs := objectstore.Attributes{ContentType: "application/zip", KMSKeyID: job.KMSKeyID()}
	if s.format == formatCloneRef {
		ref, err := gitrepo.CloneRef{Repository: s.repository, Branch: s.branch, Commit: c.ID, CloneURL: p.opts.CloneURL(s.repository)}.Marshal()
		if err != nil {
			return err
		}
		attrs.ContentType = "application/json"
		_, err = p.objects.Put(ctx, out.Bucket, out.Key, bytes.NewReader(ref), attrs)
		return err
	}
	making, storing := action.Stream(p.opts.MaxArtifact, func(w io.Writer) error {
		return p.repos.Zip(ctx, s.repository, c.ID, w)
	}, func(body io.Reader) error {
		_, err := p.objects.Put(ctx, out.Bucket, out.Key, body, attrs)
		return err
	})
	return cmp.Or(making, storing)
}

// failure tells the user's mistakes, which fail the action, from trouble of the server's, which is tried again.
func (s source) failure(err error) (action.Result, error) {
	switch {
	case errors.Is(err, gitrepo.ErrNoRepository):
		return action.Fail(pipeline.ConfigurationError, "Could not access the CodeCommit repository `%s`. Make sure that the repository exists and that the pipeline IAM role has sufficient permissions to access the repository.", s.repository), nil
	case errors.Is(err, gitrepo.ErrNoRef) && s.pinned != "":
		return action.Fail(pipeline.RevisionUnavailable, "Could not find the commit `%s` in the CodeCommit repository `%s`.", s.pinned, s.repository), nil
	case errors.Is(err, gitrepo.ErrNoRef):
		return action.Fail(pipeline.ConfigurationError, "Could not find the branch `%s` in the CodeCommit repository `%s`. Push the branch, or change %s in the action's configuration.", s.branch, s.repository, keyBranch), nil
	case errors.Is(err, action.ErrTooLarge):
		return action.Fail(pipeline.JobFailed, "The artifact of the CodeCommit repository `%s` is larger than 1 GB. Use the output artifact format %s, or remove large files.", s.repository, formatCloneRef), nil
	case errors.Is(err, gitrepo.ErrTreeTooLarge):
		return action.Fail(pipeline.JobFailed, "The commit of the CodeCommit repository `%s` has too many files to be packed. Use the output artifact format %s, or remove files.", s.repository, formatCloneRef), nil
	case errors.Is(err, objectstore.ErrNoSuchBucket):
		return action.Fail(pipeline.ConfigurationError, "Could not upload the source artifact: the pipeline's artifact bucket does not exist. Create it, or change artifactStore in the pipeline."), nil
	}
	return nil, fmt.Errorf("fetch branch %s of repository %s: %w", s.branch, s.repository, err)
}

// done is the result of a fetched commit.
func (p *Provider) done(s source, c gitrepo.Commit) action.Done {
	url := p.opts.RevisionURL(s.repository, c.ID)
	done := action.Done{
		ExternalID:  c.ID,
		ExternalURL: url,
		Revision:    &pipeline.Revision{ID: c.ID, Summary: action.Cut(c.Message, maxSummary), URL: url, Created: c.CommitterDate.UTC()},
		Variables: map[string]string{
			"AuthorDate":     c.AuthorDate.UTC().Format(time.RFC3339),
			"BranchName":     s.branch,
			"CommitId":       c.ID,
			"CommitMessage":  action.Cut(c.Message, maxMessage),
			"CommitterDate":  c.CommitterDate.UTC().Format(time.RFC3339),
			"RepositoryName": s.repository,
		},
	}
	if s.tag != "" {
		done.Variables["TagName"] = s.tag
	}
	if s.pull.PullRequest != "" {
		done.Variables["PullRequestId"], done.Variables["PullRequestTitle"] = s.pull.PullRequest, s.pull.Title
		done.Variables["DestinationBranchName"] = s.pull.Destination
	}
	return done
}
