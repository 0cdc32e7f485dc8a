package remote

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/trigger"
)

// Builds is what webhooks need of builds. Implemented by *build.Service.
type Builds interface {
	Project(ctx context.Context, name string) (types.Project, error)
	Start(ctx context.Context, tx store.Tx, r build.Request) (types.Build, error)
	StartBatch(ctx context.Context, tx store.Tx, r build.BatchRequest) (types.BuildBatch, error)
	Get(ctx context.Context, idOrARN string) (types.Build, error)
}

// Jobs is what webhooks need of the queue. Implemented by *queue.Queue.
type Jobs interface {
	queue.Enqueuer
	Handle(kind string, h queue.Handler, o queue.Options)
}

// jobEvents is the queued job that looks at what a forge has posted.
const jobEvents = "build.webhook"

const (
	maxTries  = 15      // how often an event is looked at whose commits cannot be fetched
	maxFiles  = 1000    // how many changed files of an event filters look at
	endlessly = 1 << 30 // the job ends by itself
)

// Serve gives webhooks the builds they start. Call it before the queue starts.
func (s *Service) Serve(b Builds, q Jobs) {
	s.builds, s.jobs = b, q
	q.Handle(jobStatus, s.tellStatus, queue.Options{Workers: 2, MaxAttempts: statusTries})
	q.Handle(jobEvents, s.takeEvents, queue.Options{Workers: 2, MaxAttempts: endlessly})
}

// takeEvents starts the build, if any, that the oldest event of a webhook asks for.
func (s *Service) takeEvents(ctx context.Context, job queue.Job) (queue.Completion, error) {
	var project string
	if err := json.Unmarshal(job.Payload, &project); err != nil {
		return nil, queue.Permanent(err)
	}
	h, id, e, err := s.oldest(ctx, project)
	if errors.Is(err, sql.ErrNoRows) || errors.Is(err, ErrNoWebhook) {
		return func(ctx context.Context, tx store.Tx) error { return s.more(ctx, tx, project) }, nil
	}
	if err != nil {
		return nil, err
	}
	wanted, err := s.wanted(ctx, h, e)
	_, hopeless := errors.AsType[*build.Failure](err)
	if err != nil && (hopeless || errors.Is(err, build.ErrNoProject) || job.Attempt >= maxTries) {
		s.o.Log.Error("an event of a forge is lost: what it is about cannot be fetched", "project", project, "event", eventName(e), "commit", e.After, "error", err)
		wanted, err = false, nil
	}
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx store.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM build_webhook_events WHERE id = $1`, id)
		if err == nil && n > 0 && wanted {
			err = s.start(ctx, tx, h, e)
		}
		if err != nil {
			return err
		}
		return s.more(ctx, tx, project)
	}, nil
}

func (s *Service) oldest(ctx context.Context, project string) (h hook, id int64, e forge.Event, err error) {
	err = s.o.Store.Read(ctx, func(r store.Reader) error {
		if h, err = scanHook(r.QueryRow(ctx, selectHook+`WHERE project = $1`, project)); err != nil {
			return err
		}
		var text string
		if err := r.QueryRow(ctx, `SELECT id, event FROM build_webhook_events WHERE project = $1 ORDER BY id LIMIT 1`, project).Scan(&id, &text); err != nil {
			return err
		}
		return json.Unmarshal([]byte(text), &e)
	})
	return h, id, e, err
}

// more lets the next event be looked at, if there is one.
func (s *Service) more(ctx context.Context, tx store.Tx, project string) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM build_webhook_events WHERE project = $1`, project).Scan(&n); err != nil || n == 0 {
		return err
	}
	return s.lookAt(ctx, tx, project)
}

// wanted tells whether an event passes the filters of its webhook.
func (s *Service) wanted(ctx context.Context, h hook, e forge.Event) (bool, error) {
	var known *brought
	return matches(ctx, &h.webhook, e, func(ctx context.Context) (brought, error) {
		if known == nil {
			b, err := s.look(ctx, h.project, e)
			if err != nil {
				return b, err
			}
			known = &b
		}
		return *known, nil
	})
}

// look fetches what an event is about: the newest commit's message, and the files that changed.
func (s *Service) look(ctx context.Context, project string, e forge.Event) (b brought, err error) {
	p, err := s.builds.Project(ctx, project)
	if err != nil {
		return b, err
	}
	o, err := s.origin(ctx, p.Source)
	if err != nil {
		return b, err
	}
	c, err := s.o.Mirrors.Fetch(ctx, o, gitrepo.Wanted{Commit: e.After, Ref: e.HeadRef})
	if err != nil {
		return b, s.explain(err, o.URL)
	}
	b.message = c.Message
	before, apart := e.Before, e.PullRequest != ""
	if apart {
		base, err := s.o.Mirrors.Fetch(ctx, o, gitrepo.Wanted{Branch: e.Name})
		if err != nil {
			return b, s.explain(err, o.URL)
		}
		before = base.ID
	}
	b.files, err = s.o.Mirrors.Changed(ctx, o, before, c.ID, apart, maxFiles)
	return b, err
}

// start starts the build, or batch, that an event asks for. One that is refused is told in the server's log: nobody else
// waits for it.
func (s *Service) start(ctx context.Context, tx store.Tx, h hook, e forge.Event) error {
	version, about := sourceVersion(h.place.Kind, e)
	r := build.Request{
		Input:     sdk.StartBuildInput{ProjectName: aws.String(h.project), SourceVersion: aws.String(version)},
		Initiator: "webhook/" + string(h.place.Kind), Variables: about,
	}
	var err error
	if h.webhook.BuildType == types.WebhookBuildTypeBuildBatch {
		_, err = s.builds.StartBatch(ctx, tx, build.BatchRequest{Request: r})
	} else {
		_, err = s.builds.Start(ctx, tx, r)
	}
	_, invalid := errors.AsType[*build.InvalidError](err)
	_, full := errors.AsType[*build.LimitError](err)
	if invalid || full || errors.Is(err, build.ErrNoProject) {
		s.o.Log.Error("a webhook's build cannot be started", "project", h.project, "version", version, "error", err)
		return nil
	}
	return err
}

// sourceVersion is what is to be built, and what the build is told about why.
func sourceVersion(kind forge.Kind, e forge.Event) (version string, about []buildspec.Variable) {
	version, starter := e.After, "branch/"+e.Name
	switch {
	case e.PullRequest != "":
		starter = "pr/" + e.PullRequest
		if kind != forge.Bitbucket { // which has no ref for it
			version = starter
		}
	case e.Kind == trigger.TagPushed:
		starter = "tag/" + e.Name
	case e.Kind == forge.Released:
		starter = "tag/" + e.Name
		if version == "" { // most forges do not tell the commit
			version = headRef(e)
		}
	}
	merge := ""
	if e.Merged {
		merge = e.After
	}
	for _, v := range []buildspec.Variable{
		{Name: "ACTOR_ACCOUNT_ID", Value: e.ActorID},
		{Name: "BASE_REF", Value: baseRef(e)},
		{Name: "EVENT", Value: eventName(e)},
		{Name: "HEAD_REF", Value: headRef(e)},
		{Name: "MERGE_COMMIT", Value: merge},
		{Name: "PREV_COMMIT", Value: e.Before},
		{Name: "TRIGGER", Value: starter},
	} {
		if v.Value != "" {
			about = append(about, buildspec.Variable{Name: fmt.Sprint("CODEBUILD_WEBHOOK_", v.Name), Value: v.Value})
		}
	}
	return version, about
}
