package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
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

// startAction runs the provider of one action or rule execution and feeds the answer back as an event, in the
// transaction that ends the job. A delivery too many finds the execution ended and does nothing; one after a crash runs
// the provider again with the same execution id.
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
	result, err := s.run(ctx, w)
	switch {
	case err != nil && errors.Is(context.Cause(ctx), errTimedOut):
		return s.completeAction(w, action.Failed{
			Code:    pipeline.ActionTimeOut,
			Message: fmt.Sprintf("The %s did not end before its timeout at %s.", w.noun(), w.deadline.UTC().Format(time.RFC3339)),
		}), nil
	case err != nil:
		return nil, fmt.Errorf("pipeline %s, %s %s of stage %s (%s): %w", w.job.Pipeline, w.noun(), w.job.Action, w.job.Stage,
			w.job.ActionExecutionID, err)
	case result == nil:
		return nil, queue.Permanent(fmt.Errorf("the provider %s answered with neither a result nor an error", w.job.TypeID.Provider))
	}
	return s.completeAction(w, result), nil
}

// work is one action or rule execution, ready to be handed to its provider.
type work struct {
	pipelineID int64
	provider   action.Provider
	job        action.Job
	deadline   time.Time
	resolved   map[string]string // configuration, when resolving changed it
	refused    *action.Failed    // the provider cannot even be asked
	copies     []artifactCopy    // of inputs, to be made first
}

// prepare reads what a worker needs. Nil means that there is nothing to do any more.
func (s *Service) prepare(ctx context.Context, ref actionRef) (*work, error) {
	var w *work
	err := s.store.Read(ctx, func(r store.Reader) error {
		p, err := s.load(ctx, r, ref.Pipeline)
		if err != nil {
			return err
		}
		if found, ok := engine.Lookup(p.state, ref.ID); ok {
			w, err = s.assembleAction(ctx, r, p, found)
		} else if found, ok := engine.LookupRule(p.state, ref.ID); ok {
			w, err = s.assembleRule(ctx, r, p, found)
		}
		return err
	})
	if isNotFound(err) {
		return nil, nil
	}
	return w, err
}

func (s *Service) assembleAction(ctx context.Context, r store.Reader, p *row, found engine.Work) (*work, error) {
	d, err := s.definition(ctx, r, p.id, found.Execution.Version)
	if err != nil {
		return nil, err
	}
	stage := d.Stage(found.Stage)
	if stage == nil || stage.Action(found.Action.Name) == nil {
		return nil, notDeclared(p, found.Execution, "action "+found.Action.Name, found.Stage)
	}
	w := &work{pipelineID: p.id, deadline: found.Action.Deadline, job: action.Job{
		Pipeline: p.name, PipelineVersion: found.Execution.Version, ExecutionID: found.Execution.ID, Stage: found.Stage,
		ActionExecutionID: found.Action.ID, Inputs: found.Action.Inputs, Outputs: found.Action.Outputs,
		Revision: found.Overrides, Token: found.Action.Token, Started: found.Action.Started,
		Trigger: found.Execution.Trigger, ExternalID: found.Action.ExternalID,
	}, copies: copiesOf(found.Action.Inputs, found.Artifacts)}
	return w, s.assemble(w, s.catalog(ctx, r), d, *stage.Action(found.Action.Name), found.Variables)
}

func (s *Service) assembleRule(ctx context.Context, r store.Reader, p *row, found engine.RuleWork) (*work, error) {
	d, err := s.definition(ctx, r, p.id, found.Execution.Version)
	if err != nil {
		return nil, err
	}
	declared := engine.Rule(d, found.Stage, found.Condition, found.Rule.Name)
	if declared == nil {
		return nil, notDeclared(p, found.Execution, "rule "+found.Rule.Name, found.Stage)
	}
	w := &work{pipelineID: p.id, deadline: found.Rule.Deadline, job: action.Job{
		Pipeline: p.name, PipelineVersion: found.Execution.Version, ExecutionID: found.Execution.ID, Stage: found.Stage,
		ActionExecutionID: found.Rule.ID, Inputs: found.Rule.Inputs, Condition: string(found.Condition),
		Started: found.Rule.Started, Trigger: found.Execution.Trigger, ExternalID: found.Rule.ExternalID,
	}, copies: copiesOf(found.Rule.Inputs, found.Artifacts)}
	return w, s.assemble(w, s.catalog(ctx, r), d, declared.AsAction(), found.Variables)
}

func notDeclared(p *row, e engine.ExecutionRecord, what, stage string) error {
	return queue.Permanent(fmt.Errorf("version %d of pipeline %s has no %s in stage %s", e.Version, p.name, what, stage))
}

// assemble completes w with what is declared, its variables resolved, and finds its provider.
func (s *Service) assemble(w *work, types *catalog, d *pipeline.Definition, declared pipeline.Action, scope variables.Scope) error {
	resolved, err := scope.Action(declared)
	switch unresolved, tooLarge := new(variables.Unresolved), new(variables.TooLarge); {
	case errors.As(err, &unresolved):
		w.refuse(codeInvalidConfiguration, "%[1]s in this pipeline failed because one of the variables could not be resolved: "+
			"%[2]s name=%[3]s. This can result when a variable is referenced that does not exist. Validate the pipeline's %[4]s "+
			"definition. The reference is %[5]s.", w.article(), capital(w.noun()), declared.Name, w.noun(), unresolved.Reference.Text)
		resolved = declared
	case errors.As(err, &tooLarge):
		w.refuse(codeInvalidConfiguration, "The resolved configuration of %s %s has %d bytes; at most %d are allowed.",
			w.noun(), declared.Name, tooLarge.Size, variables.MaxResolved)
		resolved = declared
	case err != nil:
		return err
	}
	if !maps.Equal(resolved.Configuration, declared.Configuration) {
		w.resolved = resolved.Configuration
	}
	w.declare(s, d, resolved)
	if w.provider = types.provider(declared.ActionTypeID); w.provider == nil && w.refused == nil {
		id := declared.ActionTypeID
		w.refuse(pipeline.ConfigurationError, "%sType (Category: '%s', Provider: '%s', Owner: '%s', Version: '%s') in %s '%s' is "+
			"not available in region %s", capital(w.noun()), id.Category, id.Provider, id.Owner, id.Version, w.noun(), declared.Name, s.region)
	}
	return types.err
}

func (w *work) isRule() bool { return w.job.Condition != "" }

func (w *work) noun() string {
	if w.isRule() {
		return "rule"
	}
	return "action"
}

// article begins AWS's sentence about an action.
func (w *work) article() string {
	if w.isRule() {
		return "A rule"
	}
	return "An action"
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func (w *work) refuse(code, format string, args ...any) {
	w.refused = &action.Failed{Code: code, Message: fmt.Sprintf(format, args...)}
}

// declare takes what the resolved declaration says over into the job.
func (w *work) declare(s *Service, d *pipeline.Definition, a pipeline.Action) {
	job := &w.job
	job.Action, job.TypeID, job.Configuration = a.Name, a.ActionTypeID, a.Configuration
	job.Commands, job.Environment = a.Commands, a.EnvironmentVariables
	job.OutputVariables, job.OutputFiles = a.OutputVariables, a.OutputFiles()
	job.RoleArn, job.Region, job.TimeoutMinutes = a.RoleArn, a.Region, a.TimeoutInMinutes
	job.PipelineRoleArn = d.RoleArn
	setDefault(&job.RoleArn, d.RoleArn)
	setDefault(&job.Region, s.region)
	if artifacts, ok := d.StoreFor(job.Region); ok {
		job.EncryptionKey = artifacts.EncryptionKey
	}
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

// completeAction is the transaction that ends a job: its result becomes an event.
func (s *Service) completeAction(w *work, result action.Result) queue.Completion {
	return func(ctx context.Context, tx store.Tx) error {
		err := s.applyResult(ctx, tx, action.Report{
			Pipeline: w.job.Pipeline, ActionExecutionID: w.job.ActionExecutionID, Result: result,
		})
		if wait, ok := result.(action.Wait); ok && wait.Then != nil && err == nil {
			err = s.afterWait(ctx, tx, w, wait.Then)
		}
		if err != nil || w.resolved == nil {
			return err
		}
		table := "action_executions"
		if w.isRule() {
			table = "rule_executions"
		}
		_, err = tx.Exec(ctx, `UPDATE `+table+` SET configuration = $1 WHERE pipeline_id = $2 AND id = $3`,
			mustJSON(w.resolved), w.pipelineID, w.job.ActionExecutionID)
		return err
	}
}

// afterWait does what is to be done once an action waits. One that was decided or abandoned meanwhile waits no more.
func (s *Service) afterWait(ctx context.Context, tx store.Tx, w *work, then action.Effect) error {
	p, err := s.load(ctx, tx, w.job.Pipeline)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, waits := engine.Lookup(p.state, w.job.ActionExecutionID); !waits {
		return nil
	}
	return then.Do(ctx, tx)
}

// applyResult tells the engine how an action or a rule ended, or that it goes on. When the pipeline was deleted
// meanwhile, nobody waits.
func (s *Service) applyResult(ctx context.Context, tx store.Tx, r action.Report) error {
	p, err := s.lock(ctx, tx, r.Pipeline)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	d, err := s.definition(ctx, tx, p.id, p.version)
	if err != nil {
		return err
	}
	ev := resultEvent(s.at(tx), r)
	if _, ok := engine.LookupRule(p.state, r.ActionExecutionID); ok {
		ev = ruleEvent(s.at(tx), r)
	}
	return s.apply(ctx, tx, p, d, ev)
}

// resultEvent is what a provider's answer about an action means to the engine.
func resultEvent(at time.Time, report action.Report) engine.Event {
	id := report.ActionExecutionID
	switch r := report.Result.(type) {
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
			ExternalURL: r.ExternalURL, Revision: r.Revision, Variables: r.Variables, Authors: r.Authors,
		}
	case action.Failed:
		return engine.ActionFailed{
			At: at, Action: id, Summary: r.Summary, ExternalID: r.ExternalID, ExternalURL: r.ExternalURL,
			Error: pipeline.ErrorDetails{Code: r.Code, Message: r.Message},
		}
	case action.Wait:
		return engine.ActionStarted{
			At: at, Action: id, Summary: r.Summary, ExternalID: r.ExternalID, ExternalURL: r.ExternalURL,
			LogStream: r.LogStream, Percent: report.PercentComplete,
		}
	default:
		return engine.ActionFailed{At: at, Action: id, Error: pipeline.ErrorDetails{
			Code:    pipeline.SystemUnavailable,
			Message: fmt.Sprintf("The provider answered with a %T, which this server does not know.", r),
		}}
	}
}

// ruleEvent is what a provider's answer about a rule means to the engine. A rule that could not be asked is Errored.
func ruleEvent(at time.Time, report action.Report) engine.Event {
	ev := engine.RuleResolved{At: at, Rule: report.ActionExecutionID}
	switch r := report.Result.(type) {
	case action.Done:
		ev.Status, ev.Summary, ev.ExternalID, ev.ExternalURL = pipeline.StatusSucceeded, r.Summary, r.ExternalID, r.ExternalURL
	case action.Failed:
		ev.Status, ev.Summary, ev.ExternalID, ev.ExternalURL = pipeline.StatusFailed, r.Summary, r.ExternalID, r.ExternalURL
		ev.Error = &pipeline.ErrorDetails{Code: r.Code, Message: r.Message}
		if r.Code == pipeline.SystemUnavailable || r.Code == pipeline.ActionTimeOut {
			ev.Status = pipeline.StatusErrored
		}
	case action.Wait:
		ev.Status, ev.Summary, ev.ExternalID, ev.ExternalURL = pipeline.StatusInProgress, r.Summary, r.ExternalID, r.ExternalURL
	default:
		ev.Status, ev.Error = pipeline.StatusErrored, &pipeline.ErrorDetails{
			Code:    pipeline.SystemUnavailable,
			Message: fmt.Sprintf("The provider answered with a %T, which this server does not know.", r),
		}
	}
	return ev
}

func variablesSize(vars map[string]string) int {
	size := 0
	for k, v := range vars {
		size += len(k) + len(v)
	}
	return size
}

// giveUpAction fails an action or a rule that could not be tried, and says why.
func (s *Service) giveUpAction(ctx context.Context, tx store.Tx, job queue.Job, cause error) error {
	var ref actionRef
	if err := json.Unmarshal(job.Payload, &ref); err != nil {
		return err
	}
	return s.applyResult(ctx, tx, action.Report{Pipeline: ref.Pipeline, ActionExecutionID: ref.ID, Result: action.Failed{
		Code:    pipeline.SystemUnavailable,
		Message: fmt.Sprintf("It could not be run: %v", cause),
	}})
}

// cancelAction tells a provider that nobody waits for its work any more.
func (s *Service) cancelAction(ctx context.Context, job queue.Job) (queue.Completion, error) {
	var j action.Job
	if err := json.Unmarshal(job.Payload, &j); err != nil {
		return nil, queue.Permanent(err)
	}
	var provider action.Provider
	err := s.store.Read(ctx, func(r store.Reader) error {
		types := s.pastCatalog(ctx, r)
		provider = types.provider(j.TypeID)
		return types.err
	})
	if err != nil || provider == nil {
		return nil, err
	}
	return nil, provider.Cancel(ctx, j)
}

// Report implements action.Reporter: waiting work has ended or made progress. It is applied in the transaction in which
// that became true, so neither can be without the other; the pipeline's row stays locked until that transaction ends.
func (s *Service) Report(ctx context.Context, tx store.Tx, r action.Report) error {
	return s.applyResult(ctx, tx, r)
}

var _ action.Reporter = (*Service)(nil)
