package remotesource

import (
	"context"
	"errors"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// connectionSource is a repository of a forge, reached through a connection.
type connectionSource struct{ *Sources }

func (connectionSource) Cancel(context.Context, action.Job) error { return nil }

func (connectionSource) Type() action.Type {
	return sourceType("AWS", "CodeStarSourceConnection",
		action.Property{Name: keyConnection, Required: true, Type: "String", Check: checkConnection, Description: "The connection to the forge."},
		action.Property{Name: keyRepository, Required: true, Key: true, Type: "String", Check: checkRepository, Description: "The repository's full name, such as OWNER/NAME."},
		action.Property{Name: keyBranch, Required: true, Key: true, Type: "String", Check: checkGitBranch, Description: "The branch whose changes start the pipeline."},
		action.Property{Name: keyDetect, Type: "Boolean", Values: []string{"true", "false"}, Description: "Whether a push starts the pipeline by itself; true when absent."},
		formatProperty, statusProperty, pollProperty,
	)
}

func checkConnection(arn string) string {
	if connection.IDOf(arn) == "" {
		return "the ARN of a connection"
	}
	return ""
}

func checkRepository(name string) string {
	if forge.CheckName(forge.GitLab, name) != nil {
		return "the full name of a repository, such as OWNER/NAME"
	}
	return ""
}

func (p connectionSource) Start(ctx context.Context, job action.Job) (action.Result, error) {
	c := job.Configuration
	what := "the repository " + c[keyRepository]
	f, origin, err := p.o.Connections.Connected(ctx, connection.IDOf(c[keyConnection]), c[keyRepository])
	switch {
	case errors.Is(err, connection.ErrPending):
		return action.Fail(pipeline.ConfigurationError, "The connection %s is pending: nobody has given it credentials. Run: conveyor connection authorize %s --token-file FILE",
			c[keyConnection], c[keyConnection]), nil
	case errors.Is(err, connection.ErrNotFound):
		return action.Fail(pipeline.ConfigurationError, "The connection %s does not exist. Make one with aws codeconnections create-connection, or name another in %s.", c[keyConnection], keyConnection), nil
	case errors.Is(err, connection.ErrRefused):
		return action.Fail(pipeline.PermissionError, "Could not fetch %s: %v. Give the connection new credentials: conveyor connection authorize %s --token-file FILE",
			what, err, c[keyConnection]), nil
	case err != nil:
		return p.failure(err, what)
	}
	return p.git(ctx, job, checkout{
		what: what, origin: origin, wanted: gitrepo.Wanted{Branch: c[keyBranch]}, cloneRef: c[keyFormat] == formatCloneRef,
		variable: "FullRepositoryName", name: c[keyRepository], extra: map[string]string{"ConnectionArn": c[keyConnection]},
		page: func(commit string) string { return f.CommitURL(c[keyRepository], commit) },
	})
}
