package remotesource

import (
	"context"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// githubSource is a repository of github.com, reached with a token that stands in the pipeline (GitHub version 1).
type githubSource struct{ *Sources }

// Configuration keys of the provider GitHub.
const (
	keyOwner = "Owner"
	keyRepo  = "Repo"
	keyRef   = "Branch"
	keyToken = "OAuthToken"
)

func (githubSource) Cancel(context.Context, action.Job) error { return nil }

func (githubSource) Type() action.Type {
	return sourceType("ThirdParty", "GitHub",
		action.Property{Name: keyOwner, Required: true, Key: true, Type: "String", Check: checkPart, Description: "The user or organisation that the repository belongs to."},
		action.Property{Name: keyRepo, Required: true, Key: true, Type: "String", Check: checkPart, Description: "The repository's name."},
		action.Property{Name: keyRef, Required: true, Key: true, Type: "String", Check: checkGitBranch, Description: "The branch to fetch."},
		action.Property{Name: keyToken, Required: true, Secret: true, Type: "String", Description: "A token that may read the repository."},
		action.Property{Name: "PollForSourceChanges", Type: "Boolean", Values: []string{"true", "false"}, Description: "Kept; nothing polls. A webhook starts the pipeline."},
	)
}

func checkPart(name string) string {
	if strings.Contains(name, "/") || forge.CheckName(forge.GitHub, "x/"+name) != nil {
		return "a name at GitHub, without slashes"
	}
	return ""
}

func (p githubSource) Start(ctx context.Context, job action.Job) (action.Result, error) {
	c := job.Configuration
	name := c[keyOwner] + "/" + c[keyRepo]
	what := "the GitHub repository " + name
	if pipeline.IsMask(c[keyToken]) {
		return action.Fail(pipeline.ConfigurationError, "The token for %s is lost: a stage or action was renamed while it was masked. Enter %s again.", what, keyToken), nil
	}
	f, err := p.openGitHub(c)
	if err != nil {
		return action.Fail(pipeline.ConfigurationError, "The token for %s cannot be used: %v.", what, err), nil
	}
	origin, err := connection.At(ctx, f, name, "token/"+c[keyToken])
	if err != nil {
		return p.failure(err, what)
	}
	result, err := p.git(ctx, job, checkout{
		what: what, origin: origin, wanted: gitrepo.Wanted{Branch: c[keyRef]},
		variable: "RepositoryName", name: c[keyRepo], page: func(commit string) string { return f.CommitURL(name, commit) },
	})
	if done, ok := result.(action.Done); ok {
		done.Variables["CommitUrl"] = done.ExternalURL
	}
	return result, err
}

func (s *Sources) openGitHub(c map[string]string) (forge.Forge, error) {
	return forge.Open(forge.GitHub, s.o.GitHub, forge.Credentials{Token: c[keyToken]}, s.o.Forge)
}

// RegisterHook makes GitHub post the pushes of the repository of an action of the provider GitHub to a webhook, or, with
// remove, stops it.
func (s *Sources) RegisterHook(ctx context.Context, configuration map[string]string, hook forge.Hook, remove bool) error {
	f, err := s.openGitHub(configuration)
	if err != nil {
		return err
	}
	name := configuration[keyOwner] + "/" + configuration[keyRepo]
	// A hook is known by its URL, so the one to be removed is found by making sure that it is there.
	id, err := f.EnsureHook(ctx, name, hook)
	if err == nil && remove {
		err = f.DeleteHook(ctx, name, id)
	}
	return err
}
