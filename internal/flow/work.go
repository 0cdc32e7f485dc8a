package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/variables"
)

// Failure codes of the shell itself, beside those of pipeline.
const codeInvalidConfiguration = "InvalidActionConfiguration"

// startAction runs the provider of one action execution and feeds the answer back as an event, in the transaction that
// ends the job. A delivery too many finds the action ended and does nothing; one after a crash runs the provider again
// with the same action execution id.
func (s *Service) startAction(ctx context.Context, job queue.Job) (queue.Completion, error) {
	var ref actionRef
	if err := json.Unmarshal(job.Payload, &ref); err != nil {
		return nil, queue.Permanent(err)
	}
	w, err := s.prepare(ctx, ref)
	if err != nil || w == nil {
		return nil, err
	}
	if w.refused != nil {
		return s.completeAction(w, *w.refused), nil
	}
	ctx, cancel := s.untilDeadline(ctx, w.deadline)
	defer cancel()
	result, err := w.provider.Start(ctx, w.job)
	switch {
	case err != nil && errors.Is(context.Cause(ctx), errTimedOut):
		return s.completeAction(w, action.Failed{
			Code:    pipeline.ActionTimeOut,
			Message: fmt.Sprintf("The action did not end before its timeout at %s.", w.deadline.UTC().Format(time.RFC3339)),
		}), nil
	case err != nil:
		return nil, fmt.Errorf("pipeline %s, action %s of stage %s (%s): %w", w.job.Pipeline, w.job.Action, w.job.Stage,
			w.job.ActionExecutionID, err)
	case result == nil:
		return nil, queue.Permanent(fmt.Errorf("the provider %s answered with neither a result nor an error", w.job.TypeID.Provider))
	}
	return s.completeAction(w, result), nil
}

// work is one action execution, ready to be handed to its provider.
type work struct {
	pipelineID int64
	provider   action.Provider
	job        action.Job
	deadline   time.Time
	resolved   map[string]string // configuration, when resolving changed it
	refused    *action.Failed    // the provider cannot even be asked
}

// prepare reads what a worker needs. Nil means that there is nothing to do any more.
func (s *Service) prepare(ctx context.Context, ref actionRef) (*work, error) {
	var w *work
	err := s.store.Read(ctx, func(r store.Reader) error {
		p, err := s.load(ctx, r, ref.Pipeline)
		if err != nil {
			return err
		}
		found, ok := engine.Lookup(p.state, ref.ID)
		if !ok {
			return nil
		}
		d, err := s.definition(ctx, r, p.id, found.Execution.Version)
		if err != nil {
			return err
		}
		w, err = s.assemble(p, d, found)
		return err
	})
	if isNotFound(err) {
		return nil, nil
	}
	return w, err
}

func (s *Service) assemble(p *row, d *pipeline.Definition, found engine.Work) (*work, error) {
	stage := d.Stage(found.Stage)
	if stage == nil || stage.Action(found.Action.Name) == nil {
		return nil, queue.Permanent(fmt.Errorf("version %d of pipeline %s has no action %s in stage %s",
			found.Execution.Version, p.name, found.Action.Name, found.Stage))
	}
	declared := *stage.Action(found.Action.Name)
	w := &work{pipelineID: p.id, deadline: found.Action.Deadline}
	resolved, err := variables.Scope(found.Variables).Action(declared)
	switch unresolved, tooLarge := new(variables.Unresolved), new(variables.TooLarge); {
	case errors.As(err, &unresolved):
		w.refuse(codeInvalidConfiguration, "An action in this pipeline failed because one of the variables could not be resolved: "+
			"Action name=%s. This can result when a variable is referenced that does not exist. Validate the pipeline's action "+
			"definition. The reference is %s.", declared.Name, unresolved.Reference.Text)
		resolved = declared
	case errors.As(err, &tooLarge):
		w.refuse(codeInvalidConfiguration, "The resolved configuration of action %s has %d bytes; at most %d are allowed.",
			declared.Name, tooLarge.Size, variables.MaxResolved)
		resolved = declared
	case err != nil:
		return nil, err
	}
	if !maps.Equal(resolved.Configuration, declared.Configuration) {
		w.resolved = resolved.Configuration
	}
	w.job = s.actionJob(p.name, d, found, resolved)
	var known bool
	if w.provider, known = s.providers.Lookup(declared.ActionTypeID); !known && w.refused == nil {
		id := declared.ActionTypeID
		w.refuse(pipeline.ConfigurationError, "ActionType (Category: '%s', Provider: '%s', Owner: '%s', Version: '%s') in action '%s' is "+
			"not available in region %s", id.Category, id.Provider, id.Owner, id.Version, declared.Name, s.region)
	}
	return w, nil
}

func (w *work) refuse(code, format string, args ...any) {
	w.refused = &action.Failed{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (s *Service) actionJob(name string, d *pipeline.Definition, found engine.Work, a pipeline.Action) action.Job {
	job := action.Job{
		Pipeline: name, PipelineVersion: found.Execution.Version, ExecutionID: found.Execution.ID,
		Stage: found.Stage, Action: a.Name, ActionExecutionID: found.Action.ID, TypeID: a.ActionTypeID,
		Configuration: a.Configuration, Commands: a.Commands, Environment: a.EnvironmentVariables,
		RoleArn: a.RoleArn, Region: a.Region,
		Inputs: found.Action.Inputs, Outputs: found.Action.Outputs, OutputVariables: a.OutputVariables,
		Revision: found.Overrides, Token: found.Action.Token, TimeoutMinutes: a.TimeoutInMinutes,
		Started: found.Action.Started,
		Trigger: found.Execution.Trigger, ExternalID: found.Action.ExternalID,
	}
	setDefault(&job.RoleArn, d.RoleArn)
	setDefault(&job.Region, s.region)
	if artifacts, ok := d.StoreFor(job.Region); ok {
		job.EncryptionKey = artifacts.EncryptionKey
	}
	return job
}

// errTimedOut is the cause of a context that ended at the action's deadline, and not because the server stops.
var errTimedOut = errors.New("the action's timeout is over")

func (s *Service) untilDeadline(ctx context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	if deadline.IsZero() {
		return context.WithCancel(ctx)
	}
	now := time.Now()
	if s.now != nil {
		now = s.now()
	}
	return context.WithTimeoutCause(ctx, deadline.Sub(now), errTimedOut)
}

// completeAction is the transaction that ends an action's job: its result becomes an event.
func (s *Service) completeAction(w *work, result action.Result) queue.Completion {
	return func(ctx context.Context, tx store.Tx) error {
		err := s.applyTx(ctx, tx, w.job.Pipeline, resultEvent(s.at(tx), w.job.ActionExecutionID, result, 0))
		if isNotFound(err) { // deleted meanwhile
			return nil
		}
		if err != nil || w.resolved == nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE action_executions SET configuration = $1 WHERE pipeline_id = $2 AND id = $3`,
			mustJSON(w.resolved), w.pipelineID, w.job.ActionExecutionID)
		return err
	}
}

// resultEvent is what a provider's answer means to the engine.
func resultEvent(at time.Time, id string, result action.Result, percent int) engine.Event {
	switch r := result.(type) {
	case action.Done:
		if size := variablesSize(r.Variables); size > variables.MaxOutput {
			return engine.ActionFailed{
				At: at, Action: id, ExternalID: r.ExternalID, ExternalURL: r.ExternalURL, Summary: r.Summary,
				Error: pipeline.ErrorDetails{Code: pipeline.JobFailed, Message: fmt.Sprintf(
					"The output variables have %d bytes; at most %d are allowed.", size, variables.MaxOutput)},
			}
		}
		return engine.ActionSucceeded{
			At: at, Action: id, Summary: r.Summary, ExternalID: r.ExternalID,
			ExternalURL: r.ExternalURL, Revision: r.Revision, Variables: r.Variables,
		}
	case action.Failed:
		return engine.ActionFailed{
			At: at, Action: id, Summary: r.Summary, ExternalID: r.ExternalID, ExternalURL: r.ExternalURL,
			Error: pipeline.ErrorDetails{Code: r.Code, Message: r.Message},
		}
	case action.Wait:
		return engine.ActionStarted{
			At: at, Action: id, Summary: r.Summary, ExternalID: r.ExternalID, ExternalURL: r.ExternalURL,
			LogStream: r.LogStream, Percent: percent,
		}
	default:
		return engine.ActionFailed{At: at, Action: id, Error: pipeline.ErrorDetails{
			Code:    pipeline.SystemUnavailable,
			Message: fmt.Sprintf("The provider answered with a %T, which this server does not know.", result),
		}}
	}
}

func variablesSize(vars map[string]string) int {
	size := 0
	for k, v := range vars {
		size += len(k) + len(v)
	}
	return size
}

// giveUpAction fails an action that could not be tried, and says why.
func (s *Service) giveUpAction(ctx context.Context, tx store.Tx, job queue.Job, cause error) error {
	var ref actionRef
	if err := json.Unmarshal(job.Payload, &ref); err != nil {
		return err
	}
	err := s.applyTx(ctx, tx, ref.Pipeline, engine.ActionFailed{At: s.at(tx), Action: ref.ID, Error: pipeline.ErrorDetails{
		Code:    pipeline.SystemUnavailable,
		Message: fmt.Sprintf("The action could not be run: %v", cause),
	}})
	if isNotFound(err) {
		return nil
	}
	return err
}

// cancelAction tells a provider that nobody waits for its work any more.
func (s *Service) cancelAction(ctx context.Context, job queue.Job) (queue.Completion, error) {
	var j action.Job
	if err := json.Unmarshal(job.Payload, &j); err != nil {
		return nil, queue.Permanent(err)
	}
	provider, ok := s.providers.Lookup(j.TypeID)
	if !ok {
		return nil, nil
	}
	return nil, provider.Cancel(ctx, j)
}

// Report implements action.Reporter: waiting work has ended or made progress. It is applied in the transaction in which
// that became true, so neither can be without the other; the pipeline's row stays locked until that transaction ends.
func (s *Service) Report(ctx context.Context, tx store.Tx, r action.Report) error {
	err := s.applyTx(ctx, tx, r.Pipeline, resultEvent(s.at(tx), r.ActionExecutionID, r.Result, r.PercentComplete))
	if isNotFound(err) { // deleted meanwhile: nobody waits
		return nil
	}
	return err
}

var _ action.Reporter = (*Service)(nil)
