package build

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// BatchRequest asks for a batch of builds. Request.Commands is not for batches; Input's overrides hold for every build.
type BatchRequest struct {
	Request
	// Config, when set, replaces the project's.
	Config *types.ProjectBuildBatchConfig
	// Combine, when set, replaces the configuration's CombineArtifacts.
	Combine *bool
}

// defaultBatchMinutes is how long a batch may take whose project does not say.
const defaultBatchMinutes = 480

// batchRecord is a batch as it is stored: the AWS shape, and what only this package needs.
type batchRecord struct {
	ID       string // uuid
	Batch    types.BuildBatch
	Settings batchSettings
	Stop     bool
}

// batchSettings is what a batch does beyond what its AWS shape says. Project and Input are as they were when it was started:
// all its builds are made of them, whatever happens to the project meanwhile.
type batchSettings struct {
	Project  types.Project             `json:"project"`
	Input    codebuild.StartBuildInput `json:"input"`
	OnFinish *queue.Job                `json:"onFinish,omitempty"`
	Pipeline *Pipeline                 `json:"pipeline,omitempty"`
	// Variables are Request.Variables, for every build.
	Variables []buildspec.Variable `json:"variables,omitempty"`
	Groups    []buildspec.Group    `json:"groups,omitempty"` // once the buildspec has been read
	FastFail  bool                 `json:"fastFail,omitempty"`
	// Pinned are the commits of the secondary Git sources, for every build.
	Pinned   []types.ProjectSourceVersion `json:"pinned,omitempty"`
	Deadline int64                        `json:"deadline"` // microseconds
	// Broken says why the batch cannot go on; what runs is stopped then.
	Broken   string `json:"broken,omitempty"`
	TimedOut bool   `json:"timedOut,omitempty"`
	// Retry is the idempotency token of the newest retry, and RetryAt when that was.
	Retry   string `json:"retry,omitempty"`
	RetryAt int64  `json:"retryAt,omitempty"`
}

// BatchPart says which build of which batch a build is.
type BatchPart struct {
	ID         string `json:"id"` // uuid of the batch
	Identifier string `json:"identifier"`
	Shard      int    `json:"shard,omitempty"`
	Shards     int    `json:"shards,omitempty"`
	// Combine says that the artifacts become parts of those of the batch.
	Combine bool `json:"combine,omitempty"`
}

// StartBatch stores a batch and enqueues its work in tx. ErrNoProject, *InvalidError: then tx must be rolled back.
func (s *Service) StartBatch(ctx context.Context, tx store.Tx, r BatchRequest) (types.BuildBatch, error) {
	name := ProjectName(aws.ToString(r.Input.ProjectName))
	token, fingerprint, err := batchToken(name, r)
	if err != nil {
		return types.BuildBatch{}, err
	}
	p, number, err := s.nextBatch(ctx, tx, name)
	if err != nil {
		return types.BuildBatch{}, err
	}
	if token != "" {
		found, err := s.batchByToken(ctx, tx, token, fingerprint, r.Key == "")
		if err != nil || found != nil {
			if found != nil {
				_, err = tx.Exec(ctx, `UPDATE build_projects SET last_batch = last_batch - 1 WHERE name = $1`, name)
				return *found, err
			}
			return types.BuildBatch{}, err
		}
	}
	config, err := batchConfig(p, r)
	if err != nil {
		return types.BuildBatch{}, err
	}
	b, st, err := effective(p, r.Request)
	if err != nil {
		return types.BuildBatch{}, err
	}
	now := tx.Now()
	rec := batchRecord{ID: uuid.NewString(), Batch: batchOf(&b, st.Logs, config)}
	rec.Settings = batchSettings{Project: p, Input: r.Input, OnFinish: r.OnFinish, Pipeline: r.Pipeline, Variables: r.Variables, Deadline: store.Micros(now.Add(s.batchLife(config)))}
	bb := &rec.Batch
	bb.Id = aws.String(name + ":" + rec.ID)
	bb.Arn, bb.BuildBatchNumber, bb.StartTime = aws.String(s.cfg.Place.BatchARN(*bb.Id)), aws.Int64(number), aws.Time(now)
	bb.Phases = []types.BuildBatchPhase{{
		PhaseType: types.BuildBatchPhaseTypeSubmitted, PhaseStatus: types.StatusTypeSucceeded,
		StartTime: aws.Time(now), EndTime: aws.Time(now), DurationInSeconds: aws.Int64(0),
	}}
	enterBatch(bb, types.BuildBatchPhaseTypeDownloadBatchspec, now)
	if err := insertBatch(ctx, tx, rec, token, fingerprint); err != nil {
		return types.BuildBatch{}, err
	}
	if err := s.tellBatch(ctx, tx, rec); err != nil {
		return types.BuildBatch{}, err
	}
	return rec.Batch, s.bringOn(ctx, tx, rec.ID, "", time.Time{})
}

// batchConfig is how a batch is to be run.
func batchConfig(p types.Project, r BatchRequest) (*types.ProjectBuildBatchConfig, error) {
	given := orPtr(r.Config, p.BuildBatchConfig)
	if given == nil || aws.ToString(given.ServiceRole) == "" {
		return nil, Invalidf("The project %s is not set up for batch builds: give it a buildBatchConfig with a serviceRole", *p.Name)
	}
	config := *given
	config.CombineArtifacts = orPtr(r.Combine, config.CombineArtifacts)
	return &config, nil
}

// batchLife is how long a batch may take.
func (s *Service) batchLife(c *types.ProjectBuildBatchConfig) time.Duration {
	return time.Duration(aws.ToInt32(orPtr(c.TimeoutInMins, aws.Int32(defaultBatchMinutes)))) * s.minute
}

// batchOf is the batch whose builds will be like b.
func batchOf(b *types.Build, logs *types.LogsConfig, config *types.ProjectBuildBatchConfig) types.BuildBatch {
	return types.BuildBatch{
		ProjectName: b.ProjectName, BuildBatchStatus: types.StatusTypeInProgress, Initiator: b.Initiator, BuildBatchConfig: config,
		Source: b.Source, SourceVersion: b.SourceVersion, ResolvedSourceVersion: b.ResolvedSourceVersion,
		SecondarySources: b.SecondarySources, SecondarySourceVersions: b.SecondarySourceVersions,
		Environment: b.Environment, Cache: b.Cache, LogConfig: logs, ServiceRole: b.ServiceRole, EncryptionKey: b.EncryptionKey,
		VpcConfig: b.VpcConfig, FileSystemLocations: b.FileSystemLocations,
		BuildTimeoutInMinutes: b.TimeoutInMinutes, QueuedTimeoutInMinutes: b.QueuedTimeoutInMinutes,
	}
}

func batchToken(name string, r BatchRequest) (token, fingerprint string, err error) {
	if r.Key != "" {
		return keyToken(r.Key), "", nil
	}
	given := aws.ToString(r.Input.IdempotencyToken)
	if given == "" {
		return "", "", nil
	}
	in := r.Input
	in.IdempotencyToken = nil
	fingerprint, err = fingerprintOf([]any{in, r.Config})
	return "token/" + name + "/" + given, fingerprint, err
}

// nextBatch counts the project's batches up, and locks the project.
func (s *Service) nextBatch(ctx context.Context, tx store.Tx, name string) (types.Project, int64, error) {
	return countUp(ctx, tx, "last_batch", name)
}

func (s *Service) batchByToken(ctx context.Context, r store.Reader, token, fingerprint string, expires bool) (*types.BuildBatch, error) {
	id, err := madeWith(ctx, r, "build_batches", token, fingerprint, expires)
	if err != nil || id == "" {
		return nil, err
	}
	rec, err := loadBatch(ctx, r, id)
	if err != nil {
		return nil, err
	}
	return &rec.Batch, nil
}

// deadline ends the key of the job that comes when a batch's time is over.
const deadline = "/deadline"

// bringOn enqueues the job that brings a batch on. While one with the same key waits there is no second one.
func (s *Service) bringOn(ctx context.Context, tx store.Tx, id, why string, at time.Time) error {
	payload, err := json.Marshal(runPayload{ID: id})
	if err != nil {
		return err
	}
	_, err = s.cfg.Queue.Enqueue(ctx, tx, queue.Job{Kind: BatchJobKind, Payload: payload, Group: id, Key: id + why, RunAt: at})
	return err
}

const batchColumns = `id, body, request, stop`

func scanBatch(scan func(...any) error) (batchRecord, error) {
	var rec batchRecord
	var body, request string
	var stop int
	if err := scan(&rec.ID, &body, &request, &stop); err != nil {
		return rec, err
	}
	rec.Stop = stop != 0
	if err := json.Unmarshal([]byte(body), &rec.Batch); err != nil {
		return rec, fmt.Errorf("the stored batch %s cannot be read: %w", rec.ID, err)
	}
	if err := json.Unmarshal([]byte(request), &rec.Settings); err != nil {
		return rec, fmt.Errorf("the stored request of batch %s cannot be read: %w", rec.ID, err)
	}
	return rec, nil
}

// loadBatch reads one batch by its uuid. ErrNoBatch.
func loadBatch(ctx context.Context, r store.Reader, id string) (batchRecord, error) {
	rec, err := scanBatch(r.QueryRow(ctx, `SELECT `+batchColumns+` FROM build_batches WHERE id = $1`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%w: %s", ErrNoBatch, id)
	}
	return rec, err
}

// lockBatch is loadBatch for a transaction that changes the batch.
func lockBatch(ctx context.Context, tx store.Tx, id string) (batchRecord, error) {
	rec, err := scanBatch(tx.QueryRow(ctx, `UPDATE build_batches SET stop = stop WHERE id = $1 RETURNING `+batchColumns, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%w: %s", ErrNoBatch, id)
	}
	return rec, err
}

func (r batchRecord) texts() (body, request string, err error) {
	b, err := json.Marshal(r.Batch)
	if err != nil {
		return "", "", err
	}
	q, err := json.Marshal(r.Settings)
	return string(b), string(q), err
}

func insertBatch(ctx context.Context, tx store.Tx, r batchRecord, token, fingerprint string) error {
	body, request, err := r.texts()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO build_batches (id, project, number, status, body, request, token, fingerprint, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		r.ID, *r.Batch.ProjectName, *r.Batch.BuildBatchNumber, string(r.Batch.BuildBatchStatus), body, request,
		sql.NullString{String: token, Valid: token != ""}, fingerprint, store.Micros(tx.Now()))
	return err
}

// saveBatch stores what has become of a batch, and tells of it.
func (s *Service) saveBatch(ctx context.Context, tx store.Tx, r batchRecord) error {
	body, request, err := r.texts()
	if err != nil {
		return err
	}
	stop := 0
	if r.Stop {
		stop = 1
	}
	if _, err := tx.Exec(ctx, `UPDATE build_batches SET body = $2, request = $3, status = $4, stop = $5 WHERE id = $1`,
		r.ID, body, request, string(r.Batch.BuildBatchStatus), stop); err != nil {
		return err
	}
	return s.tellBatch(ctx, tx, r)
}

func (s *Service) tellBatch(ctx context.Context, tx store.Tx, r batchRecord) error {
	if s.cfg.OnBatch == nil {
		return nil
	}
	return s.cfg.OnBatch(ctx, tx, r.Batch)
}

// enterBatch begins a phase of a batch.
func enterBatch(b *types.BuildBatch, phase types.BuildBatchPhaseType, now time.Time) {
	b.CurrentPhase = aws.String(string(phase))
	b.Phases = append(b.Phases, types.BuildBatchPhase{PhaseType: phase, PhaseStatus: types.StatusTypeInProgress, StartTime: aws.Time(now)})
}

// leaveBatch ends the running phase of a batch; why may be nil.
func leaveBatch(b *types.BuildBatch, status types.StatusType, why *Failure, now time.Time) {
	last := &b.Phases[len(b.Phases)-1]
	last.PhaseStatus, last.EndTime = status, aws.Time(now)
	last.DurationInSeconds = aws.Int64(int64(now.Sub(aws.ToTime(last.StartTime)).Round(time.Second) / time.Second))
	if why != nil {
		last.Contexts = []types.PhaseContext{{StatusCode: aws.String(why.Code), Message: aws.String(why.Message)}}
	}
}

// BatchFailureReason is why a batch did not succeed, for people.
func BatchFailureReason(b *types.BuildBatch) string {
	for _, p := range b.Phases {
		for _, c := range p.Contexts {
			return fmt.Sprintf("phase %s: %s: %s", p.PhaseType, aws.ToString(c.StatusCode), aws.ToString(c.Message))
		}
	}
	if g := BatchFailedBuild(b); g != nil {
		return fmt.Sprintf("build %s: %s", aws.ToString(g.Identifier), g.CurrentBuildSummary.BuildStatus)
	}
	return ""
}

// BatchFailedBuild is the build that a batch has failed for: the first that has failed itself, or else been stopped. nil: none,
// as for a batch that was ended for another reason.
func BatchFailedBuild(b *types.BuildBatch) (failed *types.BuildGroup) {
	for _, p := range b.Phases {
		if len(p.Contexts) > 0 {
			return nil
		}
	}
	for i := range b.BuildGroups {
		g := &b.BuildGroups[i]
		sum := g.CurrentBuildSummary
		switch {
		case sum == nil || g.IgnoreFailure || sum.BuildStatus == types.StatusTypeSucceeded || sum.BuildStatus == types.StatusTypeInProgress:
		case sum.BuildStatus != types.StatusTypeStopped:
			return g
		case failed == nil:
			failed = g
		}
	}
	return failed
}
