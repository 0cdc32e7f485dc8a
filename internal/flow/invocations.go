package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// CallFunction calls a function of this server and waits for it. problem says how the function failed, "" when it did
// not; an error means that it could not be called, ErrNoFunction among them.
type CallFunction func(ctx context.Context, function string, payload []byte) (problem string, err error)

// ErrNoFunction says that there is no function of a name.
var ErrNoFunction = errors.New("there is no such function")

// Jobs that functions do lie beside those of workers, of no custom type, and nobody has to acknowledge them.
const functionJobs = 0

const (
	// silence is how long a function may go on before it reports (AWS: 20 minutes).
	silence = 20 * time.Minute
	// continueAfter is the pause before a function that gave a continuation token is called again.
	continueAfter = 10 * time.Second
	// longestCall bounds one call, whatever the function's own timeout is.
	longestCall = 16 * time.Minute
)

// callAgain are the pauses before a function is called again that failed without having reported.
var callAgain = []time.Duration{5 * time.Second, 20 * time.Second}

const (
	jobInvocation = "action.invocation"
	jobSilence    = "action.silence"
)

// invocationRef is the payload of a call's job and of its silence.
type invocationRef struct {
	Job      string `json:"job"`
	Function string `json:"function"`
	Failures int    `json:"failures,omitempty"`
	Seconds  int    `json:"seconds,omitempty"` // of a silence, where it is not the usual one
}

func (s *Service) handleInvocations(workers int) {
	s.jobs.Handle(jobInvocation, s.callFunction, queue.Options{Workers: workers, MaxAttempts: forever, Timeout: longestCall})
	s.jobs.Handle(jobSilence, s.endSilence, queue.Options{MaxAttempts: forever})
}

// AddInvocation leaves the first job of an action or a rule that a function does, once, and has the function called.
func (s *Service) AddInvocation(ctx context.Context, job action.Job, function string) error {
	return s.store.InTx(ctx, func(tx store.Tx) error {
		waits, err := s.waits(ctx, tx, job)
		if err != nil || !waits {
			return err
		}
		return s.addInvocation(ctx, tx, job, function, 1, "")
	})
}

func (s *Service) addInvocation(ctx context.Context, tx store.Tx, job action.Job, function string, part int, continuation string) error {
	id := uuid.NewString()
	n, err := tx.Exec(ctx, `
		INSERT INTO worker_jobs (id, type_id, query, action_id, part, state, nonce, handed, ended, continuation, job)
		VALUES ($1, $2, $3, $4, $5, 'InProgress', '', $6, 0, $7, $8) ON CONFLICT (action_id, part) DO NOTHING`,
		id, functionJobs, function, job.ActionExecutionID, part, store.Micros(s.at(tx)), continuation, mustJSON(job))
	if err != nil || n == 0 {
		return err
	}
	limit, err := s.patience(ctx, tx, job)
	if err != nil {
		return err
	}
	ref := invocationRef{Job: id, Function: function}
	call := queue.Job{Kind: jobInvocation, Group: job.Pipeline}
	if part > 1 {
		call.RunAt = tx.Now().Add(continueAfter)
	}
	if err := s.enqueue(ctx, tx, call, ref); err != nil {
		return err
	}
	ref.Seconds = int(limit / time.Second)
	return s.enqueue(ctx, tx, queue.Job{Kind: jobSilence, Key: id, RunAt: tx.Now().Add(limit)}, ref)
}

// DropInvocation takes the jobs of an action or a rule back.
func (s *Service) DropInvocation(ctx context.Context, job action.Job) error {
	return s.store.InTx(ctx, func(tx store.Tx) error { return s.dropJobs(ctx, tx, job.ActionExecutionID) })
}

// callFunction calls the function of a job. How the job ends is told by the function itself; when it fails again and again
// without having told anything, nobody will, and the job fails.
func (s *Service) callFunction(ctx context.Context, job queue.Job) (queue.Completion, error) {
	var ref invocationRef
	if err := json.Unmarshal(job.Payload, &ref); err != nil {
		return nil, queue.Permanent(err)
	}
	j, err := s.JobDetails(ctx, ref.Job, Claim{})
	if isJobNotFound(err) { // it has ended, or was taken back
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	payload, err := s.jobEvent(ctx, j)
	if err != nil {
		return nil, err
	}
	problem, err := s.functions(ctx, ref.Function, payload)
	switch {
	case errors.Is(err, ErrNoFunction):
		return s.failInvocation(ref, pipeline.ConfigurationError, "There is no function named "+ref.Function+
			". Create it, or correct the FunctionName."), nil
	case err != nil:
		return nil, err
	case problem == "":
		return nil, nil
	case ref.Failures >= len(callAgain):
		return s.failInvocation(ref, pipeline.JobFailed, fmt.Sprintf("The function %s failed %d times without reporting a result. %s. "+
			"Its log is in the group /aws/lambda/%[1]s.", ref.Function, ref.Failures+1, action.Cut(problem, 1000))), nil
	}
	wait := callAgain[ref.Failures]
	ref.Failures++
	return func(ctx context.Context, tx store.Tx) error {
		return s.enqueue(ctx, tx, queue.Job{Kind: jobInvocation, Group: j.Job.Pipeline, RunAt: tx.Now().Add(wait)}, ref)
	}, nil
}

func isJobNotFound(err error) bool { return pipeline.KindOf(err) == pipeline.JobNotFound }

// failInvocation fails a job that still waits for a report.
func (s *Service) failInvocation(ref invocationRef, code, message string) queue.Completion {
	return func(ctx context.Context, tx store.Tx) error {
		return s.endInvocation(ctx, tx, ref.Job, JobFailed, action.Failed{Code: code, Message: message})
	}
}

// endSilence ends a job whose function was silent for too long.
func (s *Service) endSilence(_ context.Context, job queue.Job) (queue.Completion, error) {
	var ref invocationRef
	if err := json.Unmarshal(job.Payload, &ref); err != nil {
		return nil, queue.Permanent(err)
	}
	return func(ctx context.Context, tx store.Tx) error {
		return s.endInvocation(ctx, tx, ref.Job, JobTimedOut, ref.silent())
	}, nil
}

// silent is the failure of a job that nobody reported on in time.
func (ref invocationRef) silent() action.Failed {
	limit := silence
	if ref.Seconds > 0 {
		limit = time.Duration(ref.Seconds) * time.Second
	}
	if ref.Function == "" {
		return action.Fail(pipeline.ActionTimeOut, "The partner's job worker did not hand in a result within %g minutes, the jobTimeout of the action type.", limit.Minutes())
	}
	return action.Fail(pipeline.ActionTimeOut,
		"The function %s did not report a result within %g minutes. It must call PutJobSuccessResult or PutJobFailureResult with the id of its job.", ref.Function, limit.Minutes())
}

func (s *Service) endInvocation(ctx context.Context, tx store.Tx, id, state string, result action.Result) error {
	j, err := workerJob(ctx, tx, id)
	if isJobNotFound(err) || err == nil && j.State != JobInProgress {
		return nil
	}
	if err != nil {
		return err
	}
	return s.closeJob(ctx, tx, j, state, action.Report{Pipeline: j.Job.Pipeline, ActionExecutionID: j.Job.ActionExecutionID, Result: result})
}

// The event that functions are called with (AWS: "CodePipeline.job").
type (
	jobDocument struct {
		Job jobBody `json:"CodePipeline.job"`
	}
	jobBody struct {
		ID      string  `json:"id"`
		Account string  `json:"accountId"`
		Data    jobData `json:"data"`
	}
	jobData struct {
		Configuration struct {
			Configuration map[string]string `json:"configuration"`
		} `json:"actionConfiguration"`
		Inputs       []jobArtifact           `json:"inputArtifacts"`
		Outputs      []jobArtifact           `json:"outputArtifacts"`
		Credentials  *jobCredentials         `json:"artifactCredentials,omitempty"`
		Continuation string                  `json:"continuationToken,omitempty"`
		Key          *pipeline.EncryptionKey `json:"encryptionKey,omitempty"`
	}
	jobArtifact struct {
		Name     string      `json:"name"`
		Revision *string     `json:"revision"`
		Location jobLocation `json:"location"`
	}
	jobLocation struct {
		Type string `json:"type"`
		S3   struct {
			Bucket string `json:"bucketName"`
			Key    string `json:"objectKey"`
		} `json:"s3Location"`
	}
	jobCredentials struct {
		ID      string `json:"accessKeyId"`
		Secret  string `json:"secretAccessKey"`
		Session string `json:"sessionToken"`
	}
)

// jobEvent is the event of a job, with fresh credentials for its artifacts.
func (s *Service) jobEvent(ctx context.Context, j *WorkerJob) ([]byte, error) {
	d := jobDocument{jobBody{ID: j.ID, Account: s.account}}
	data := &d.Job.Data
	data.Configuration.Configuration = j.Job.Configuration
	data.Inputs, data.Outputs = artifactsOfEvent(j.Job.Inputs), artifactsOfEvent(j.Job.Outputs)
	data.Continuation, data.Key = j.Continuation, j.Job.EncryptionKey
	if len(j.Job.Inputs)+len(j.Job.Outputs) > 0 {
		key, err := s.ArtifactCredentials(ctx, j)
		if err != nil {
			return nil, err
		}
		data.Credentials = &jobCredentials{key.ID, key.Secret, key.SessionToken}
	}
	return json.Marshal(d)
}

func artifactsOfEvent(list []pipeline.Artifact) []jobArtifact {
	out := make([]jobArtifact, len(list))
	for i, a := range list {
		out[i].Name, out[i].Location.Type = a.Name, "S3"
		out[i].Location.S3.Bucket, out[i].Location.S3.Key = a.Bucket, a.Key
		if a.Revision != nil {
			out[i].Revision = &a.Revision.ID
		}
	}
	return out
}
