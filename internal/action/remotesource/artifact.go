// Package remotesource is the source providers for repositories that lie elsewhere: at forges (CodeStarSourceConnection and
// GitHub version 1) and at servers of version control (ConveyorGit, ConveyorSubversion, ConveyorMercurial, which AWS does
// not have). They turn a commit into an artifact.
package remotesource

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/vcs"
)

// Configuration keys and values.
const (
	keyConnection  = "ConnectionArn"
	keyRepository  = "FullRepositoryId"
	keyBranch      = "BranchName"
	keyFormat      = "OutputArtifactFormat"
	keyDetect      = "DetectChanges"
	keyStatus      = "ConveyorCommitStatus"
	keyURL         = "ConveyorUrl"
	keyTag         = "ConveyorTag"
	keyCredentials = "ConveyorCredentials"
	keyPoll        = "ConveyorPollMinutes"

	formatZip      = "CODE_ZIP"
	formatCloneRef = "CODEBUILD_CLONE_REF"
)

const (
	// maxArtifact is how large AWS lets the artifact of a Git source be.
	maxArtifact = 1 << 30
	// maxMessage is how much of a commit message the variable holds, maxSummary how much the revision's summary.
	maxMessage = 100 << 10
	maxSummary = 2048
	// commitRevision is the type of a revision override that names a commit.
	commitRevision = "COMMIT_ID"
)

// Objects is what the providers need of the object store.
type Objects interface {
	Put(ctx context.Context, bucket, key string, body io.Reader, attrs objectstore.Attributes) (objectstore.Object, error)
}

// Options are what the providers work with; all but the last two are required.
type Options struct {
	Connections *connection.Store
	Mirrors     *gitrepo.Mirrors
	Runner      *vcs.Runner
	Objects     Objects
	Box         secret.Sealer
	// Dir is a directory of the providers' own: mirrors of Mercurial repositories and exports under way.
	Dir string
	// GitHub is where GitHub is, for the provider GitHub; default its cloud.
	GitHub string
	Forge  forge.Options
}

// Sources are the providers.
type Sources struct{ o Options }

// New makes Sources.
func New(o Options) (*Sources, error) {
	var err error
	o.Dir, err = filepath.Abs(o.Dir)
	return &Sources{o}, err
}

// Providers lists them.
func (s *Sources) Providers() []action.Provider {
	return []action.Provider{connectionSource{s}, githubSource{s}, gitSource{s}, subversionSource{s}, mercurialSource{s}}
}

func sourceType(owner, provider string, properties ...action.Property) action.Type {
	return action.Type{
		ID:         pipeline.ActionTypeID{Category: "Source", Owner: owner, Provider: provider, Version: "1"},
		Properties: properties, Outputs: action.Count{Min: 1, Max: 1}, TimeoutMinutes: 60,
	}
}

var (
	formatProperty = action.Property{Name: keyFormat, Type: "String", Values: []string{formatZip, formatCloneRef}, Description: "What the artifact holds: the files, or a reference for a full clone."}
	pollProperty   = action.Property{Name: keyPoll, Type: "Number", Check: checkMinutes, Description: "How often to ask whether something is new, in minutes; never when absent."}
	loginProperty  = action.Property{Name: keyCredentials, Type: "String", Description: "The name of a stored login; none when absent."}
	statusProperty = action.Property{Name: keyStatus, Type: "Boolean", Values: []string{"true", "false"}, Description: "Whether actions show on the commit how they stand; true when absent."}
)

// putZip stores what write writes as an artifact.
func (s *Sources) putZip(ctx context.Context, job action.Job, write func(w io.Writer) error) error {
	out := job.Outputs[0]
	making, storing := action.Stream(maxArtifact, write, func(body io.Reader) error {
		_, err := s.o.Objects.Put(ctx, out.Bucket, out.Key, body, objectstore.Attributes{ContentType: "application/zip", KMSKeyID: job.KMSKeyID()})
		return err
	})
	return cmp.Or(making, storing)
}

// putRef stores a reference to a commit as an artifact.
func (s *Sources) putRef(ctx context.Context, job action.Job, ref gitrepo.CloneRef) error {
	text, err := ref.Marshal()
	if err != nil {
		return err
	}
	out := job.Outputs[0]
	_, err = s.o.Objects.Put(ctx, out.Bucket, out.Key, bytes.NewReader(text), objectstore.Attributes{ContentType: "application/json", KMSKeyID: job.KMSKeyID()})
	return err
}

// failure tells what the user can mend, which fails the action, from trouble of the server's or of the network, which is
// tried again. what names the repository.
func (s *Sources) failure(err error, what string) (action.Result, error) {
	missing, isMissing := errors.AsType[*vcs.MissingError](err)
	client, isClient := errors.AsType[*vcs.ClientError](err)
	hosts := s.o.Runner.UnknownHost(err)
	switch {
	case isMissing:
		return action.Fail(pipeline.SystemUnavailable, "Could not fetch %s: %v.", what, missing), nil
	case hosts != "":
		return action.Fail(pipeline.PermissionError, "Could not fetch %s. %s", what, hosts), nil
	case errors.Is(err, gitrepo.ErrNoRef) || errors.Is(err, vcs.ErrNoRevision):
		return action.Fail(pipeline.RevisionUnavailable, "Could not find the revision in %s: %v.", what, err), nil
	case isClient && client.Transient():
		return nil, fmt.Errorf("fetch %s: %w", what, client)
	case isClient:
		return action.Fail(pipeline.JobFailed, "Could not fetch %s: %v", what, client), nil
	case errors.Is(err, vcs.ErrTooLarge):
		return action.Fail(pipeline.JobFailed, "Could not fetch %s: %v.", what, err), nil
	case errors.Is(err, action.ErrTooLarge) || errors.Is(err, gitrepo.ErrTreeTooLarge):
		return action.Fail(pipeline.JobFailed, "The artifact of %s is larger than 1 GB or has too many files. Use the output artifact format %s where there is one, or remove large files.", what, formatCloneRef), nil
	case errors.Is(err, connection.ErrNotFor):
		return action.Fail(pipeline.PermissionError, "Could not sign in at %s: %v. Store a login for this URL, or name another one in %s.", what, err, keyCredentials), nil
	case errors.Is(err, secret.ErrCannotOpen):
		return action.Fail(pipeline.SystemUnavailable, "Could not sign in at %s: %v.", what, err), nil
	case errors.Is(err, forge.ErrDenied):
		return action.Fail(pipeline.PermissionError, "The forge refuses access to %s: %v. Check the token's permissions.", what, err), nil
	case errors.Is(err, forge.ErrNotFound):
		return action.Fail(pipeline.ConfigurationError, "The forge does not know %s, or does not show it to these credentials: %v.", what, err), nil
	case errors.Is(err, objectstore.ErrNoSuchBucket):
		return action.Fail(pipeline.ConfigurationError, "Could not upload the source artifact: the pipeline's artifact bucket does not exist. Create it, or change artifactStore in the pipeline."), nil
	}
	return nil, fmt.Errorf("fetch %s: %w", what, err)
}

// done is the result of a fetched commit.
func done(id, message string, authored, committed time.Time, url string, variables map[string]string) action.Done {
	variables["CommitId"] = id
	variables["CommitMessage"] = action.Cut(message, maxMessage)
	variables["AuthorDate"] = authored.UTC().Format(time.RFC3339)
	for name, value := range variables {
		if value == "" && name != "CommitMessage" {
			delete(variables, name)
		}
	}
	return action.Done{
		ExternalID: id, ExternalURL: url, Variables: variables,
		Revision: &pipeline.Revision{ID: id, Summary: action.Cut(message, maxSummary), URL: url, Created: committed.UTC()},
	}
}

// pinned is the revision that an execution pins a source to; "" is the newest.
func pinned(job action.Job) (string, error) {
	overrides, err := job.Overrides(commitRevision)
	return overrides[commitRevision], err
}
