// Package codecommit answers CodeCommit's API from the repositories of gitrepo.
//
// CodeCommit has exceptions of its own for missing and malformed members (RepositoryNameRequiredException,
// InvalidRepositoryNameException and many more), so the methods check their input themselves.
package codecommit

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
)

// Options tune a Service.
type Options struct {
	Place awsapi.Place
	// PublicURL is where clients reach the server ("http://127.0.0.1:4566"); clone URLs are made of it.
	PublicURL string
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Service is the operations.
type Service struct {
	repos *gitrepo.Store
	opts  Options
}

// New makes a Service.
func New(repos *gitrepo.Store, o Options) *Service {
	o.Place = o.Place.WithDefaults()
	o.PublicURL = strings.TrimRight(o.PublicURL, "/")
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{repos: repos, opts: o}
}

// API lists the operations for the wire.
func (s *Service) API() awsapi.API {
	const filesLimit = 30 << 20 // 20 MB of files in base64, and some air
	return awsapi.NewJSON("codecommit", "CodeCommit_20150413",
		awsapi.Handle(s.CreateRepository),
		awsapi.Handle(s.GetRepository),
		awsapi.Handle(s.DeleteRepository),
		awsapi.Handle(s.ListRepositories),
		awsapi.Handle(s.BatchGetRepositories),
		awsapi.Handle(s.UpdateRepositoryDescription),
		awsapi.Handle(s.UpdateRepositoryName),
		awsapi.Handle(s.UpdateRepositoryEncryptionKey),
		awsapi.Handle(s.UpdateDefaultBranch),
		awsapi.Handle(s.TagResource),
		awsapi.Handle(s.UntagResource),
		awsapi.Handle(s.ListTagsForResource),
		awsapi.Handle(s.CreateBranch),
		awsapi.Handle(s.GetBranch),
		awsapi.Handle(s.ListBranches),
		awsapi.Handle(s.DeleteBranch),
		awsapi.Handle(s.GetCommit),
		awsapi.Handle(s.BatchGetCommits),
		awsapi.Handle(s.GetDifferences),
		awsapi.Handle(s.GetBlob),
		awsapi.Handle(s.GetFile),
		awsapi.Handle(s.GetFolder),
		awsapi.Handle(s.PutFile).MaxBody(filesLimit),
		awsapi.Handle(s.DeleteFile),
		awsapi.Handle(s.CreateCommit).MaxBody(filesLimit),
	).WithoutConstraints()
}

// caller is who changes something.
func caller(ctx context.Context) string { return awsapi.Caller(ctx).Arn }

// repositoryName checks a name and returns it.
func repositoryName(name *string) (string, error) {
	switch {
	case aws.ToString(name) == "":
		return "", repositoryNameRequired()
	case gitrepo.ValidName(*name) != nil:
		return "", invalidRepositoryName(*name)
	}
	return *name, nil
}

// repository finds the repository that a request names.
func (s *Service) repository(ctx context.Context, name *string) (gitrepo.Repository, error) {
	n, err := repositoryName(name)
	if err != nil {
		return gitrepo.Repository{}, err
	}
	r, err := s.repos.Get(ctx, n)
	return r, missing(err, n)
}

// missing turns the store's "no such repository" into the API's.
func missing(err error, name string) error {
	if errors.Is(err, gitrepo.ErrNoRepository) {
		return repositoryDoesNotExist(name)
	}
	return err
}

// branchName checks a branch's name, which may be given as a ref, and returns it.
func branchName(name *string) (string, error) {
	if aws.ToString(name) == "" {
		return "", branchNameRequired()
	}
	n := strings.TrimPrefix(*name, "refs/heads/")
	if gitrepo.ValidBranch(n) != nil || strings.HasPrefix(n, "refs/") {
		return "", invalidBranchName(*name)
	}
	return n, nil
}
