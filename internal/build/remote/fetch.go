package remote

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/vcs"
)

// Fetch implements build.Remotes.
func (s *Service) Fetch(ctx context.Context, src types.ProjectSource, version string) (build.RemoteCommit, error) {
	o, err := s.origin(ctx, &src)
	if err != nil {
		return build.RemoteCommit{}, err
	}
	c, err := s.commit(ctx, o, src.Type, version)
	if errors.Is(err, gitrepo.ErrNoRef) {
		return build.RemoteCommit{}, failure("%q is not a branch, tag, commit or pull request of the repository %s", version, o.URL)
	}
	return build.RemoteCommit{Path: s.o.Mirrors.Path(o), Commit: c.ID}, s.explain(err, o.URL)
}

var (
	pullRequest = regexp.MustCompile(`^pr/([0-9]{1,18})$`)
	pinnedRef   = regexp.MustCompile(`^(refs/[^^]+)\^\{([0-9a-f]{40,64})\}$`)
)

// commit fetches what a version means.
func (s *Service) commit(ctx context.Context, o vcs.Origin, kind types.SourceType, version string) (gitrepo.Commit, error) {
	m := s.o.Mirrors
	if p := pullRequest.FindStringSubmatch(version); p != nil {
		return s.pullRequest(ctx, o, kind, p[1])
	}
	if p := pinnedRef.FindStringSubmatch(version); p != nil {
		return m.Fetch(ctx, o, gitrepo.Wanted{Commit: p[2], Ref: p[1]})
	}
	branch, isBranch := strings.CutPrefix(version, "refs/heads/")
	tag, isTag := strings.CutPrefix(version, "refs/tags/")
	switch {
	case version == "":
		return m.Tip(ctx, o, "HEAD")
	case isBranch:
		return m.Fetch(ctx, o, gitrepo.Wanted{Branch: branch})
	case isTag:
		return m.Fetch(ctx, o, gitrepo.Wanted{Tag: tag})
	case strings.HasPrefix(version, "refs/"):
		return m.Tip(ctx, o, version)
	case gitrepo.ValidID(version):
		return m.Fetch(ctx, o, gitrepo.Wanted{Commit: version})
	}
	var c gitrepo.Commit
	err := error(nil)
	for _, w := range []gitrepo.Wanted{{Branch: version}, {Tag: version}, {Commit: version}} {
		if c, err = m.Fetch(ctx, o, w); !errors.Is(err, gitrepo.ErrNoRef) {
			break
		}
	}
	return c, err
}

// pullRequest fetches the newest commit of a pull request, which every forge keeps somewhere else.
func (s *Service) pullRequest(ctx context.Context, o vcs.Origin, kind types.SourceType, number string) (c gitrepo.Commit, err error) {
	var refs []string
	switch kind {
	case types.SourceTypeBitbucket:
		return c, failure("Bitbucket has no ref for pull requests: give the branch or the commit instead of pr/%s", number)
	case types.SourceTypeGitlab, types.SourceTypeGitlabSelfManaged:
		refs = []string{"refs/merge-requests/" + number + "/head"}
	default: // what calls itself an enterprise's may be Gitea or Bitbucket Server, too
		refs = []string{"refs/pull/" + number + "/head", "refs/pull-requests/" + number + "/from"}
	}
	for _, ref := range refs {
		if c, err = s.o.Mirrors.Tip(ctx, o, ref); !errors.Is(err, gitrepo.ErrNoRef) {
			break
		}
	}
	return c, err
}

// explain makes what the user has to mend a failure of the build. What may get better by itself is tried again.
func (s *Service) explain(err error, location string) error {
	if err == nil {
		return nil
	}
	if missing, ok := errors.AsType[*vcs.MissingError](err); ok {
		return failure("%s cannot be cloned: %v", location, missing)
	}
	if hosts := s.o.Runner.UnknownHost(err); hosts != "" {
		return failure("%s cannot be cloned. %s", location, hosts)
	}
	if client, ok := errors.AsType[*vcs.ClientError](err); ok {
		return failure("%s cannot be cloned: %v. If it needs credentials, give them with aws codebuild import-source-credentials or a connection", location, client)
	}
	switch {
	case errors.Is(err, vcs.ErrTooLarge), errors.Is(err, secret.ErrCannotOpen):
		return failure("%s cannot be cloned: %v", location, err)
	case errors.Is(err, forge.ErrDenied), errors.Is(err, forge.ErrNotFound):
		return failure("%s cannot be cloned: the forge says: %v", location, err)
	}
	return err
}
