package flow

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/variables"
)

// workers is the provider of a custom action type: it leaves a job for the job workers, who poll for it, and waits for
// what they hand in (api.md section 3).
type workers struct {
	s *Service
	t *CustomType
}

var _ action.Provider = workers{}

func (w workers) Type() action.Type { return w.t.Type }

// Start leaves the action's first job, once. It looks at the pipeline in the same transaction, so that an action that is
// abandoned at this very moment does not leave a job behind which Cancel has missed.
func (w workers) Start(ctx context.Context, job action.Job) (action.Result, error) {
	err := w.s.store.InTx(ctx, func(tx store.Tx) error {
		waits, err := w.s.waits(ctx, tx, job)
		if err != nil || !waits {
			return err
		}
		if f := w.t.partner.function(); f != "" {
			return w.s.addInvocation(ctx, tx, job, f, 1, "")
		}
		return addWorkerJob(ctx, tx, w.t, job, 1, "")
	})
	if err != nil {
		return nil, err
	}
	return action.Wait{}, nil
}

// Cancel takes the action's jobs back.
func (w workers) Cancel(ctx context.Context, job action.Job) error {
	return w.s.store.InTx(ctx, func(tx store.Tx) error { return w.s.dropJobs(ctx, tx, job.ActionExecutionID) })
}

// dropJobs ends the jobs of an action for which nobody waits any more.
func (s *Service) dropJobs(ctx context.Context, tx store.Tx, actionID string) error {
	_, err := tx.Exec(ctx, `UPDATE worker_jobs SET state = 'TimedOut', ended = $1, job = '' WHERE action_id = $2 AND ended = 0`,
		store.Micros(s.at(tx)), actionID)
	return err
}

func addWorkerJob(ctx context.Context, tx store.Tx, t *CustomType, job action.Job, part int, continuation string) error {
	query := ""
	for _, p := range t.Properties {
		if p.Queryable {
			query = job.Configuration[p.Name]
		}
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO worker_jobs (id, type_id, query, action_id, part, state, nonce, handed, ended, continuation, job)
		VALUES ($1, $2, $3, $4, $5, 'Queued', '', 0, 0, $6, $7) ON CONFLICT (action_id, part) DO NOTHING`,
		uuid.NewString(), t.row, query, job.ActionExecutionID, part, continuation, mustJSON(job))
	return err
}

// The states of a worker's job.
const (
	JobQueued     = "Queued"
	JobDispatched = "Dispatched"
	JobInProgress = "InProgress"
	JobSucceeded  = "Succeeded"
	JobFailed     = "Failed"
	JobTimedOut   = "TimedOut"
)

// WorkerJob is a job as a worker gets it. The configuration holds secrets in clear.
type WorkerJob struct {
	ID           string
	Nonce        string
	State        string
	Continuation string
	Job          action.Job

	seq, typeID int64
	part        int
	query       string // of a function's job: the function
}

// handOutAgain is how long a worker may take to acknowledge a job before another one gets it.
const handOutAgain = time.Minute

// maxPolled bounds what one poll takes.
const maxPolled = 100

// PollForJobs hands jobs of a custom action type out, oldest first, each with a nonce that only this caller knows. query
// must hold the type's queryable property, or nothing when there is none.
func (s *Service) PollForJobs(ctx context.Context, id pipeline.ActionTypeID, most int, query map[string]string) ([]WorkerJob, error) {
	if id.Owner != ownerCustom {
		return nil, pipeline.Errorf(pipeline.Validation, "Jobs can be polled for custom action types only; the owner is '%s'. Use owner Custom", id.Owner)
	}
	return s.poll(ctx, id, most, query)
}

func (s *Service) poll(ctx context.Context, id pipeline.ActionTypeID, most int, query map[string]string) ([]WorkerJob, error) {
	if most <= 0 {
		most = 1
	}
	var t *CustomType
	var value string
	waiting := false
	// Most polls find nothing. They only read, and so do not wait for whoever writes.
	err := s.store.Read(ctx, func(r store.Reader) (err error) {
		if t, err = customTypeOf(ctx, r, id); err != nil {
			return err
		}
		if t == nil || t.deleted {
			return pipeline.Errorf(pipeline.ActionTypeNotFound, "ActionType (Category: '%s', Provider: '%s', Owner: '%s', Version: '%s') is not available in region %s",
				id.Category, id.Provider, id.Owner, id.Version, s.region)
		}
		if err := t.mayPoll(s.account); err != nil {
			return err
		}
		if value, err = queried(t, query); err != nil {
			return err
		}
		return r.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM worker_jobs WHERE type_id = $1 AND query = $2 AND state IN ('Queued', 'Dispatched'))`,
			t.row, value).Scan(&waiting)
	})
	if err != nil || !waiting {
		return nil, err
	}
	var jobs []WorkerJob
	err = s.store.InTx(ctx, func(tx store.Tx) (err error) {
		jobs, err = s.handOut(ctx, tx, t, value, min(most, maxPolled))
		return err
	})
	return jobs, err
}

func queried(t *CustomType, query map[string]string) (string, error) {
	for _, p := range t.Properties {
		if !p.Queryable {
			continue
		}
		value, given := query[p.Name]
		if !given || len(query) != 1 {
			return "", pipeline.Errorf(pipeline.Validation, "The queryParam must hold the queryable property '%s' of the action type, and nothing else", p.Name)
		}
		return value, nil
	}
	if len(query) > 0 {
		return "", pipeline.Errorf(pipeline.Validation, "The action type has no queryable property, so the queryParam must be empty")
	}
	return "", nil
}

func (s *Service) handOut(ctx context.Context, tx store.Tx, t *CustomType, value string, most int) ([]WorkerJob, error) {
	now := s.at(tx)
	query := selectWorkerJob + `WHERE type_id = $1 AND query = $2 AND state IN ('Queued', 'Dispatched') AND (state = 'Queued' OR handed <= $3) ORDER BY seq LIMIT $4`
	if tx.Dialect() == store.Postgres {
		query += ` FOR UPDATE SKIP LOCKED`
	}
	jobs, err := readWorkerJobs(ctx, tx, query, t.row, value, store.Micros(now.Add(-handOutAgain)), most)
	if err != nil {
		return nil, err
	}
	for i := range jobs {
		j := &jobs[i]
		j.Nonce, j.State = rand.Text(), JobDispatched
		if _, err := tx.Exec(ctx, `UPDATE worker_jobs SET state = 'Dispatched', nonce = $1, handed = $2 WHERE seq = $3`, j.Nonce, store.Micros(now), j.seq); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

const selectWorkerJob = `SELECT seq, id, type_id, part, query, state, nonce, continuation, job FROM worker_jobs `

func scanWorkerJob(row interface{ Scan(...any) error }) (*WorkerJob, error) {
	j := new(WorkerJob)
	var text string
	if err := row.Scan(&j.seq, &j.ID, &j.typeID, &j.part, &j.query, &j.State, &j.Nonce, &j.Continuation, &text); err != nil {
		return nil, err
	}
	if text == "" { // it has ended
		return j, nil
	}
	if err := json.Unmarshal([]byte(text), &j.Job); err != nil {
		return nil, fmt.Errorf("job %s is unreadable: %w", j.ID, err)
	}
	return j, nil
}

func readWorkerJobs(ctx context.Context, r store.Reader, query string, args ...any) ([]WorkerJob, error) {
	rows, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var jobs []WorkerJob
	for rows.Next() {
		j, err := scanWorkerJob(rows)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, *j)
	}
	return jobs, rows.Err()
}

// workerJob reads a job; in a transaction it is locked.
func workerJob(ctx context.Context, r store.Reader, id string) (*WorkerJob, error) {
	query := selectWorkerJob + `WHERE id = $1`
	if tx, ok := r.(store.Tx); ok && tx.Dialect() == store.Postgres {
		query += ` FOR UPDATE`
	}
	j, err := scanWorkerJob(r.QueryRow(ctx, query, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, pipeline.Errorf(pipeline.JobNotFound, "There is no job with the id '%s'", id)
	}
	return j, err
}

// AcknowledgeJob takes a job that was handed out with a nonce, and returns its state: InProgress is the worker's to do.
func (s *Service) AcknowledgeJob(ctx context.Context, id, nonce string, claim Claim) (string, error) {
	var state string
	err := s.store.InTx(ctx, func(tx store.Tx) error {
		j, err := workerJob(ctx, tx, id)
		if err == nil {
			err = claim.check(j)
		}
		if err != nil {
			return err
		}
		if j.Nonce == "" || subtle.ConstantTimeCompare([]byte(j.Nonce), []byte(nonce)) != 1 {
			return pipeline.Errorf(pipeline.InvalidNonce, "The nonce is not that of the newest hand-out of job '%s': another worker has it. Poll again", id)
		}
		if state = j.State; state != JobDispatched {
			return nil
		}
		state = JobInProgress
		if _, err = tx.Exec(ctx, `UPDATE worker_jobs SET state = 'InProgress' WHERE seq = $1`, j.seq); err != nil {
			return err
		}
		return s.limitJob(ctx, tx, j)
	})
	return state, err
}

// JobDetails reads a job that has not ended.
func (s *Service) JobDetails(ctx context.Context, id string, claim Claim) (*WorkerJob, error) {
	var j *WorkerJob
	err := s.store.Read(ctx, func(r store.Reader) (err error) {
		j, err = workerJob(ctx, r, id)
		return err
	})
	if err == nil && j.Job.ActionExecutionID == "" {
		err = pipeline.Errorf(pipeline.JobNotFound, "The job with the id '%s' has ended (%s)", id, j.State)
	}
	if err == nil {
		err = claim.check(j)
	}
	return j, err
}

// JobResult is what a worker hands in.
type JobResult struct {
	Summary, ExternalID string
	Percent             int
	Revision            *pipeline.Revision // source actions
	Variables           map[string]string
	Continuation        string // not empty: the job is done, the action is not
	Failure             *pipeline.ErrorDetails
}

// PutJobResult ends a job that a worker has acknowledged, and with it its action or, with a continuation, lets another job
// follow.
func (s *Service) PutJobResult(ctx context.Context, id string, claim Claim, r JobResult) error {
	size := variablesSize(r.Variables)
	switch {
	case size > variables.MaxOutput:
		return pipeline.Errorf(pipeline.OutputVariablesSizeExceeded, "The output variables have %d bytes; at most %d are allowed", size, variables.MaxOutput)
	case r.Continuation != "" && len(r.Variables) > 0:
		return pipeline.Errorf(pipeline.Validation, "Output variables cannot be given together with a continuationToken: the action goes on")
	}
	return s.store.InTx(ctx, func(tx store.Tx) error {
		j, err := workerJob(ctx, tx, id)
		if err == nil {
			err = claim.check(j)
		}
		if err != nil {
			return err
		}
		if j.State != JobInProgress {
			return pipeline.Errorf(pipeline.InvalidJobState, "The job '%s' is %s; only a job that was acknowledged and goes on (InProgress) can be given a result", id, j.State)
		}
		switch waits, err := s.waits(ctx, tx, j.Job); {
		case err != nil:
			return err
		case !waits:
			return pipeline.Errorf(pipeline.InvalidJobState, "The action of job '%s' does not wait for it any more: its execution was abandoned, or its pipeline deleted", id)
		}
		return s.endJob(ctx, tx, j, r)
	})
}

// waits tells whether the action or rule of a job still goes on, and keeps it from ending otherwise until tx ends.
func (s *Service) waits(ctx context.Context, tx store.Tx, job action.Job) (bool, error) {
	p, err := s.lock(ctx, tx, job.Pipeline)
	if isNotFound(err) { // deleted
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, found := engine.Lookup(p.state, job.ActionExecutionID)
	if !found {
		_, found = engine.LookupRule(p.state, job.ActionExecutionID)
	}
	return found, nil
}

func (s *Service) endJob(ctx context.Context, tx store.Tx, j *WorkerJob, r JobResult) error {
	t, err := s.typeOfJob(ctx, tx, j)
	if err != nil {
		return err
	}
	if r.Revision != nil && j.Job.TypeID.Category == pipeline.CategorySource {
		if err := s.noteRevision(ctx, tx, j.Job, r.Revision.ID); err != nil {
			return err
		}
	}
	state, report := JobSucceeded, action.Report{Pipeline: j.Job.Pipeline, ActionExecutionID: j.Job.ActionExecutionID, PercentComplete: r.Percent}
	url := executionURL(t.ExecutionURL, j.Job.Configuration, r.ExternalID)
	switch {
	case r.Failure != nil:
		state = JobFailed
		report.Result = action.Failed{Code: r.Failure.Code, Message: r.Failure.Message, ExternalID: r.ExternalID, ExternalURL: url}
	case r.Continuation != "" && t.deleted:
		report.Result = typeDeleted(t) // nobody could poll for what follows
	case r.Continuation != "":
		report.Result = action.Wait{Summary: r.Summary, ExternalID: r.ExternalID, ExternalURL: url}
		if err := s.addNextJob(ctx, tx, t, j, r.Continuation); err != nil {
			return err
		}
	default:
		report.Result = action.Done{Summary: r.Summary, ExternalID: r.ExternalID, ExternalURL: url, Revision: r.Revision, Variables: r.Variables}
	}
	return s.closeJob(ctx, tx, j, state, report)
}

// addNextJob leaves the job that follows one that was done in part.
func (s *Service) addNextJob(ctx context.Context, tx store.Tx, t *CustomType, j *WorkerJob, continuation string) error {
	if j.typeID == functionJobs {
		return s.addInvocation(ctx, tx, j.Job, j.query, j.part+1, continuation)
	}
	return addWorkerJob(ctx, tx, t, j.Job, j.part+1, continuation)
}

// closeJob ends a job and tells its action. The job itself is forgotten: it holds secrets nobody needs any more.
func (s *Service) closeJob(ctx context.Context, tx store.Tx, j *WorkerJob, state string, report action.Report) error {
	if _, err := tx.Exec(ctx, `UPDATE worker_jobs SET state = $1, ended = $2, job = '' WHERE seq = $3`, state, store.Micros(s.at(tx)), j.seq); err != nil {
		return err
	}
	if err := s.jobs.Cancel(ctx, tx, jobSilence, j.ID); err != nil {
		return err
	}
	return s.applyResult(ctx, tx, report)
}

func (s *Service) typeOfJob(ctx context.Context, tx store.Tx, j *WorkerJob) (*CustomType, error) {
	t := &CustomType{row: j.typeID}
	if j.typeID == functionJobs {
		return t, nil
	}
	var text, declaration string
	var deleted int
	err := tx.QueryRow(ctx, `SELECT definition, deleted, declaration FROM custom_action_types WHERE id = $1`, j.typeID).Scan(&text, &deleted, &declaration)
	if err != nil {
		return nil, err
	}
	t.deleted = deleted == 1
	return t, t.decode(text, declaration)
}

// dropWaitingJobs fails the actions whose jobs nobody can poll for any more, since their type was deleted. A job that a
// worker has acknowledged may still be given its result.
func (s *Service) dropWaitingJobs(ctx context.Context, tx store.Tx, t *CustomType) error {
	query := selectWorkerJob + `WHERE type_id = $1 AND state IN ('Queued', 'Dispatched') ORDER BY seq`
	if tx.Dialect() == store.Postgres {
		query += ` FOR UPDATE`
	}
	jobs, err := readWorkerJobs(ctx, tx, query, t.row)
	if err != nil {
		return err
	}
	for i := range jobs {
		j := &jobs[i]
		report := action.Report{Pipeline: j.Job.Pipeline, ActionExecutionID: j.Job.ActionExecutionID, Result: typeDeleted(t)}
		if err := s.closeJob(ctx, tx, j, JobFailed, report); err != nil {
			return err
		}
	}
	return nil
}

func typeDeleted(t *CustomType) action.Failed {
	return action.Fail(pipeline.ConfigurationError, "The custom action type %s was deleted, so no worker can take the action's job. "+
		"Create the type again, or give the action another one", t)
}
