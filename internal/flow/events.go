package flow

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/event"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Events is told of every change of a state, in the transaction of the change. Implemented by *event.Service.
type Events interface {
	Publish(ctx context.Context, tx store.Tx, events ...event.Event) error
}

// eventSource is the source of pipelines' events. A step for which AWS has none, such as a way that was closed or an edit,
// is told by one of Conveyor's own, for those who show pipelines live.
const (
	eventSource    = "aws.codepipeline"
	ownEventSource = "conveyor"
	ownDetailType  = "Conveyor Pipeline Change"
)

// ownDetail is the detail of an event of Conveyor's own.
type ownDetail struct {
	Pipeline string `json:"pipeline"`
}

var detailTypes = map[engine.Kind]string{
	engine.KindPipeline: "CodePipeline Pipeline Execution State Change",
	engine.KindStage:    "CodePipeline Stage Execution State Change",
	engine.KindAction:   "CodePipeline Action Execution State Change",
}

// eventDetail is the detail of the three kinds of events. What a kind does not have is left out.
type eventDetail struct {
	Pipeline        string                 `json:"pipeline"`
	ExecutionID     string                 `json:"execution-id"`
	StartTime       string                 `json:"start-time"`
	Stage           string                 `json:"stage,omitempty"`
	RetryTime       string                 `json:"stage-last-retry-attempt-time,omitempty"`
	ActionExecution string                 `json:"action-execution-id,omitempty"`
	Action          string                 `json:"action,omitempty"`
	Inputs          []eventArtifact        `json:"input-artifacts,omitempty"`
	Outputs         []eventArtifact        `json:"output-artifacts,omitempty"`
	Result          *eventResult           `json:"execution-result,omitempty"`
	Trigger         any                    `json:"execution-trigger,omitempty"`
	StopComments    string                 `json:"stop-execution-comments,omitempty"`
	State           engine.Word            `json:"state"`
	Region          string                 `json:"region,omitempty"`
	Type            *pipeline.ActionTypeID `json:"type,omitempty"`
	Version         json.Number            `json:"version"`
	Attempt         json.Number            `json:"pipeline-execution-attempt"`
}

type eventArtifact struct {
	Name     string        `json:"name"`
	Location eventLocation `json:"s3location"`
}

type eventLocation struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
}

type eventResult struct {
	URL       string `json:"external-execution-url,omitempty"`
	Summary   string `json:"external-execution-summary,omitempty"`
	ID        string `json:"external-execution-id,omitempty"`
	ErrorCode string `json:"error-code,omitempty"`
}

// eventTrigger is what started an execution; of one that passed a filter of the pipeline's triggers, the commit.
type eventTrigger struct {
	Type   string `json:"trigger-type"`
	Detail string `json:"trigger-detail,omitempty"`
}

type eventGitTrigger struct {
	Repository string `json:"full-repository-name"`
	Provider   string `json:"provider-type"`
	AuthorID   string `json:"author-id,omitempty"`
	Commit     string `json:"commit-id"`
	Branch     string `json:"branch-name,omitempty"`
	Tag        string `json:"tag-name,omitempty"`
}

// publish tells the world what the step announced. Rules are known to history alone, and so is progress.
func (e *effects) publish() error {
	if e.s.publisher == nil {
		return nil
	}
	var list []event.Event
	for i := range e.announced {
		a := &e.announced[i]
		if a.Word == engine.Progress || detailTypes[a.Kind] == "" {
			continue
		}
		detail, err := e.eventDetail(a)
		if err != nil {
			return err
		}
		list = append(list, event.Event{
			Source: eventSource, DetailType: detailTypes[a.Kind], Time: a.At, Resources: []string{e.s.ARN(e.p.name)},
			Detail: detail, Pipeline: e.p.name,
		})
	}
	if len(list) == 0 {
		list = append(list, event.Event{
			Source: ownEventSource, DetailType: ownDetailType, Resources: []string{e.s.ARN(e.p.name)}, Detail: ownDetail{e.p.name}, Pipeline: e.p.name,
		})
	}
	return e.s.publisher.Publish(e.ctx, e.tx, list...)
}

func (e *effects) eventDetail(a *engine.Announce) (*eventDetail, error) {
	x := &a.Execution
	d := &eventDetail{
		Pipeline: e.p.name, ExecutionID: x.ID, StartTime: eventTime(x.Started), State: a.Word,
		Version: decimal(x.Version), Attempt: decimal(x.Attempt), Trigger: triggerOf(x, a.Kind == engine.KindPipeline && a.Word == engine.WordStarted),
	}
	if a.Kind == engine.KindPipeline && a.Word == engine.WordStopping && x.Stop != nil {
		d.StopComments = x.Stop.Reason
	}
	if a.Stage != nil {
		d.Stage, d.StartTime = a.Stage.Name, eventTime(a.Stage.Started)
		if !a.Stage.Retried.IsZero() && a.Kind == engine.KindStage {
			d.RetryTime = eventTime(a.Stage.Retried)
		}
	}
	if a.Action == nil {
		return d, nil
	}
	return d, e.describeAction(d, a)
}

func (e *effects) describeAction(d *eventDetail, a *engine.Announce) error {
	d.Action, d.ActionExecution, d.StartTime = a.Action.Name, a.Action.ID, eventTime(a.Action.Started)
	d.Inputs, d.Outputs = eventArtifacts(a.Action.Inputs), eventArtifacts(a.Action.Outputs)
	declared := a.Declaration
	if declared == nil {
		definition, err := e.definition(a.Execution.Version)
		if err != nil {
			return err
		}
		declared = definition.Stage(a.Stage.Name).Action(a.Action.Name)
	}
	d.Region = e.s.region
	if declared != nil { // else it was dropped by an edit while it ran
		d.Type = &declared.ActionTypeID
		if declared.Region != "" {
			d.Region = declared.Region
		}
	}
	switch a.Word {
	case engine.WordSucceeded, engine.WordFailed:
		d.Result = &eventResult{URL: a.Action.ExternalURL, Summary: a.Action.Summary, ID: a.Action.ExternalID}
		if a.Action.Error == nil {
			break
		}
		d.Result.ErrorCode = a.Action.Error.Code
		if d.Result.Summary == "" {
			d.Result.Summary = a.Action.Error.Message
		}
	}
	return nil
}

func eventArtifacts(list []pipeline.Artifact) []eventArtifact {
	var out []eventArtifact
	for _, a := range list {
		out = append(out, eventArtifact{a.Name, eventLocation{a.Bucket, a.Key}})
	}
	return out
}

// triggerOf: what passed a filter is told with every event, everything else when the execution starts.
func triggerOf(x *engine.ExecutionRecord, started bool) any {
	if x.Trigger.TriggerType == pipeline.TriggerGit {
		var g pipeline.GitTrigger
		if json.Unmarshal([]byte(x.Trigger.TriggerDetail), &g) == nil {
			return eventGitTrigger{g.Repository, g.Provider, g.Author, g.Commit, g.Branch, g.Tag}
		}
	}
	if !started {
		return nil
	}
	return eventTrigger{x.Trigger.TriggerType, x.Trigger.TriggerDetail}
}

func eventTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// decimal is a number as these events have it: 1.0.
func decimal(n int) json.Number { return json.Number(strconv.Itoa(n) + ".0") }
