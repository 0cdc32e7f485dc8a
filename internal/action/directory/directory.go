// Package directory is the source action of a run from the working tree: its artifact is a directory of this machine. It
// is registered by `conveyor run` alone; a server must never read what its users name.
package directory

import (
	"context"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/worktree"
)

// Name is the provider's name in an action type.
const Name = "ConveyorDirectory"

// Configuration keys.
const (
	KeyDirectory  = "Directory"
	KeyHistory    = "History"  // "true": with the repository itself
	KeyLeaveOut   = "LeaveOut" // paths that are not packed, one a line
	KeyRepository = "RepositoryName"
	KeyBranch     = "BranchName"
)

// Objects is what the provider needs of the object store. Implemented by *objectstore.Store.
type Objects interface {
	Put(ctx context.Context, bucket, key string, body io.Reader, a objectstore.Attributes) (objectstore.Object, error)
}

// Provider implements action.Provider.
type Provider struct{ objects Objects }

var _ action.Provider = (*Provider)(nil)

// New makes a Provider.
func New(objects Objects) *Provider { return &Provider{objects} }

// Type implements action.Provider.
func (*Provider) Type() action.Type {
	return action.Type{
		ID: pipeline.ActionTypeID{Category: "Source", Owner: "AWS", Provider: Name, Version: "1"},
		Properties: []action.Property{
			{Name: KeyDirectory, Required: true, Key: true, Type: "String", Description: "The directory whose files are the artifact."},
			{Name: KeyHistory, Type: "Boolean", Values: []string{"true", "false"}, Description: "Whether the repository itself is handed over, too."},
			{Name: KeyLeaveOut, Type: "String", Description: "Paths below the directory that are not handed over, one a line."},
			{Name: KeyRepository, Type: "String", Description: "The value of the output variable RepositoryName."},
			{Name: KeyBranch, Type: "String", Description: "The value of the output variable BranchName where no branch is checked out."},
		},
		Outputs:        action.Count{Min: 1, Max: 1},
		TimeoutMinutes: 60,
	}
}

// Start stores the directory as it is now.
func (p *Provider) Start(ctx context.Context, job action.Job) (action.Result, error) {
	dir := job.Configuration[KeyDirectory]
	head, err := worktree.Describe(ctx, dir)
	if err != nil {
		return action.Fail(pipeline.ConfigurationError, "The directory %s cannot be read: %v", dir, err), nil
	}
	o := worktree.Options{History: job.Flag(KeyHistory, false)}
	if out := job.Configuration[KeyLeaveOut]; out != "" {
		o.LeaveOut = strings.Split(out, "\n")
	}
	making, storing := action.Stream(0, func(w io.Writer) error {
		return worktree.Pack(ctx, dir, w, o)
	}, func(body io.Reader) error {
		_, err := p.objects.Put(ctx, job.Outputs[0].Bucket, job.Outputs[0].Key, body, objectstore.Attributes{ContentType: "application/zip"})
		return err
	})
	if making != nil {
		return action.Fail(pipeline.ConfigurationError, "The directory %s cannot be packed: %v", dir, making), nil
	}
	if storing != nil {
		return nil, storing
	}
	return done(job, head), nil
}

// Cancel implements action.Provider. Nothing is ever left waiting.
func (*Provider) Cancel(context.Context, action.Job) error { return nil }

// done has the output variables of a source action that fetched the checked-out commit.
func done(job action.Job, head worktree.Head) action.Done {
	d := action.Done{
		Summary: "The working tree of " + job.Configuration[KeyDirectory], Variables: map[string]string{},
		Revision: &pipeline.Revision{ID: "working-tree", Summary: action.Cut(head.Message, maxMessage)},
	}
	if head.Commit != "" {
		d.Revision.ID = head.Commit
		maps.Copy(d.Variables, map[string]string{
			"AuthorDate":    head.Authored.UTC().Format(time.RFC3339),
			"CommitId":      head.Commit,
			"CommitMessage": action.Cut(head.Message, maxMessage),
			"CommitterDate": head.Committed.UTC().Format(time.RFC3339),
		})
	}
	d.Variables["BranchName"] = head.Branch
	if head.Branch == "" {
		d.Variables["BranchName"] = job.Configuration[KeyBranch]
	}
	repository := job.Configuration[KeyRepository]
	d.Variables["FullRepositoryName"] = repository
	d.Variables["RepositoryName"] = repository[strings.LastIndexByte(repository, '/')+1:]
	return d
}

// maxMessage is how much of a commit's message is handed on.
const maxMessage = 2048
