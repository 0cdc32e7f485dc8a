package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/event"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
)

func (r *rooms) openEvents(db store.Store, place awsapi.Place) error {
	box, err := secret.Open(r.config.Data)
	if err != nil {
		return err
	}
	r.events = event.New(event.Options{
		Store: db, Jobs: r.queue, Sealer: box, Region: place.Region, Account: place.Account, Logger: r.log.With("room", "events"),
	})
	return nil
}

// eventTargets lists what rules can have as targets, by the service in their ARNs.
func (r *rooms) eventTargets(db store.Store) {
	r.events.Register("codepipeline", pipelineTarget{r.flow})
	r.events.Register("codebuild", buildTarget{db, r.builds})
	r.events.Register("lambda", functionTarget{r.functions})
	r.events.Register("sns", topicTarget{r.topics})
	r.events.Register("events", event.NewHTTP(r.events, r.config.ForbidPrivateAddresses))
}

// pipelineTarget starts pipelines.
type pipelineTarget struct{ flow *flow.Service }

// Check refuses what is no pipeline's ARN. The pipeline may be made later, as on AWS.
func (t pipelineTarget) Check(_ context.Context, spec event.TargetSpec) error {
	name, ok := event.ARNName(spec.ARN, "codepipeline", "")
	if !ok || t.flow.ARN(name) != spec.ARN {
		return fmt.Errorf("%s is not the ARN of a pipeline of this server; one is like %s", spec.ARN, t.flow.ARN("NAME"))
	}
	return nil
}

// pipelineInput is what a target may hand to a pipeline.
type pipelineInput struct {
	Variables       []pipeline.ResolvedVariable       `json:"variables"`
	SourceRevisions []pipeline.SourceRevisionOverride `json:"sourceRevisions"`
}

// Deliver starts an execution. What can never start one is final; too many executions at once is not.
func (t pipelineTarget) Deliver(ctx context.Context, d event.Delivery) error {
	name, _ := event.ARNName(d.Target.ARN, "codepipeline", "")
	req := flow.EventStart{Pipeline: name, Rule: d.RuleARN, Token: d.ID, Change: changeOf(d.Event)}
	if !bytes.Equal(d.Input, d.Event) {
		var in pipelineInput
		if err := json.Unmarshal(d.Input, &in); err != nil {
			return event.Permanent(fmt.Errorf("the input is not like {\"variables\": [{\"name\": ..., \"value\": ...}], \"sourceRevisions\": [...]}: %w", err))
		}
		req.Variables, req.Revisions = in.Variables, in.SourceRevisions
	}
	_, err := t.flow.StartByEvent(ctx, req)
	if e, ok := errors.AsType[*pipeline.Error](err); ok && e.Kind != pipeline.ConcurrentExecutionsExceeded {
		return event.Permanent(err)
	}
	return err
}

// changeOf is the change of a source that an event tells of, if it does.
func changeOf(document []byte) *flow.SourceChange {
	var e struct {
		Source     string `json:"source"`
		DetailType string `json:"detail-type"`
		Detail     struct {
			Repository string `json:"repositoryName"`
			Kind       string `json:"referenceType"`
			Ref        string `json:"referenceName"`
			Bucket     struct{ Name string }
			Object     struct{ Key string }
		} `json:"detail"`
	}
	if json.Unmarshal(document, &e) != nil {
		return nil
	}
	switch {
	case e.Source == "aws.codecommit" && e.DetailType == repositoryChange:
		return &flow.SourceChange{Provider: "CodeCommit", Resource: e.Detail.Repository, Ref: e.Detail.Ref, Tag: e.Detail.Kind == "tag"}
	case e.Source == "aws.s3" && e.DetailType == objectCreated:
		return &flow.SourceChange{Provider: "S3", Resource: e.Detail.Bucket.Name, Ref: e.Detail.Object.Key}
	}
	return nil
}

// buildTarget starts builds of projects.
type buildTarget struct {
	db     store.Store
	builds *build.Service
}

// Check refuses what is no project's ARN. The project may be made later, as on AWS.
func (t buildTarget) Check(_ context.Context, spec event.TargetSpec) error {
	if _, ok := event.ARNName(spec.ARN, "codebuild", "project/"); !ok {
		return fmt.Errorf("%s is not the ARN of a build project", spec.ARN)
	}
	return nil
}

// Deliver starts a build. An input of its own has the members of StartBuild.
func (t buildTarget) Deliver(ctx context.Context, d event.Delivery) error {
	var in codebuild.StartBuildInput
	if !bytes.Equal(d.Input, d.Event) {
		if err := awsapi.Unmarshal(d.Input, &in); err != nil {
			return event.Permanent(fmt.Errorf("the input does not have the members of StartBuild: %w", err))
		}
	}
	name, _ := event.ARNName(d.Target.ARN, "codebuild", "project/")
	in.ProjectName, in.IdempotencyToken = &name, nil
	rule, _ := event.ARNName(d.RuleARN, "events", "")
	err := t.db.InTx(ctx, func(tx store.Tx) error {
		_, err := t.builds.Start(ctx, tx, build.Request{Input: in, Initiator: aws.ToString(&rule), Key: d.ID})
		return err
	})
	if _, wrong := errors.AsType[*build.InvalidError](err); wrong || errors.Is(err, build.ErrNoProject) {
		return event.Permanent(err)
	}
	return err
}
