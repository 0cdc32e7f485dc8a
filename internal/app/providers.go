package app

import (
	"context"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/action/approval"
	"github.com/conveyor-cd/conveyor/internal/action/codebuild"
	"github.com/conveyor-cd/conveyor/internal/action/codecommit"
	"github.com/conveyor-cd/conveyor/internal/action/deploymentwindow"
	"github.com/conveyor-cd/conveyor/internal/action/directory"
	"github.com/conveyor-cd/conveyor/internal/action/invoke"
	"github.com/conveyor-cd/conveyor/internal/action/lambda"
	"github.com/conveyor-cd/conveyor/internal/action/s3deploy"
	"github.com/conveyor-cd/conveyor/internal/action/s3source"
	"github.com/conveyor-cd/conveyor/internal/action/variablecheck"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// providers lists every action type this server has.
func (r *rooms) providers(db store.Store) (*action.Registry, error) {
	objects := r.limitedObjects()
	list := []action.Provider{
		codecommit.New(r.limitedRepositories(), objects, codecommit.Options{
			CloneURL: func(repository string) string { return r.config.PublicURL + "/v1/repos/" + repository },
			Pushers:  r.repositories.Pushers,
		}),
		s3source.New(objects),
		approval.New(approval.Options{Topics: r.topics, PublicURL: r.config.PublicURL, LinkLife: r.config.ApprovalLinkLife}),
		invoke.New(r.startPipeline),
		lambda.New(functionJobs{r}),
		lambda.NewRule(functionJobs{r}),
		variablecheck.New(),
		deploymentwindow.New(db, r.queue, nil),
		r.alarmRule,
		s3deploy.New(objects, s3deploy.Options{}),
	}
	for _, p := range codebuild.New(db, r.builds, nil) {
		list = append(list, p)
	}
	list = append(list, r.elsewhere.sources.Providers()...)
	if r.options.directories {
		list = append(list, directory.New(r.objects))
	}
	return action.NewRegistry(r.log.With("room", "actions"), r.limited(list)...)
}

// startPipeline lets an action start another pipeline.
func (r *rooms) startPipeline(ctx context.Context, q invoke.Request) (string, error) {
	return r.flow.Start(ctx, flow.StartRequest{
		Pipeline: q.Pipeline, ClientToken: q.Token, Variables: q.Variables, Revisions: q.Revisions, By: q.By,
	})
}
