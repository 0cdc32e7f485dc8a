package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// BatchJobKind is the queued job that brings a batch on. What it does depends on the batch alone: it may run at any time, on
// any server, and again.
const BatchJobKind = "build.batch"

const (
	batchRuns  = 10               // how often reading the buildspec, or combining, is tried
	batchPause = 10 * time.Second // until builds are tried again that a limit has held back
)

// work is what a phase of a batch has to do outside a transaction, once it is done.
type batchWork struct {
	phase    types.BuildBatchPhaseType
	why      *Failure // why it could not be done; nil when it was
	spec     *buildspec.Batch
	groups   []buildspec.Group
	resolved string                       // what the source's version has turned out to be
	pinned   []types.ProjectSourceVersion // and those of secondary Git sources
	combined []types.BuildArtifacts
}

func (s *Service) handleBatch(ctx context.Context, job queue.Job) (queue.Completion, error) {
	var payload runPayload
	if err := json.Unmarshal(job.Payload, &payload); err != nil {
		return nil, queue.Permanent(fmt.Errorf("job of a batch: %w", err))
	}
	var rec batchRecord
	err := s.cfg.Store.Read(ctx, func(r store.Reader) (err error) {
		rec, err = loadBatch(ctx, r, payload.ID)
		return err
	})
	if errors.Is(err, ErrNoBatch) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	done := batchWork{phase: currentPhase(&rec.Batch)}
	if !rec.Batch.Complete && !rec.Stop {
		switch done.phase {
		case types.BuildBatchPhaseTypeDownloadBatchspec:
			err = s.planBatch(ctx, rec, &done)
		case types.BuildBatchPhaseTypeCombineArtifacts:
			err = s.combineBatch(ctx, rec, &done)
		}
	}
	var failed bool
	if done.why, failed = asFailure(err); err != nil && !failed {
		return nil, err
	}
	return func(ctx context.Context, tx store.Tx) error { return s.advance(ctx, tx, payload.ID, done) }, nil
}

func currentPhase(b *types.BuildBatch) types.BuildBatchPhaseType {
	return types.BuildBatchPhaseType(aws.ToString(b.CurrentPhase))
}

// advance brings a batch on, after what its phase had to do.
func (s *Service) advance(ctx context.Context, tx store.Tx, id string, done batchWork) error {
	rec, err := lockBatch(ctx, tx, id)
	if errors.Is(err, ErrNoBatch) || err == nil && rec.Batch.Complete {
		return nil
	}
	if err != nil {
		return err
	}
	b, phase := &rec.Batch, currentPhase(&rec.Batch)
	works := phase == types.BuildBatchPhaseTypeDownloadBatchspec || phase == types.BuildBatchPhaseTypeCombineArtifacts
	switch {
	case works && rec.Stop:
		leaveBatch(b, types.StatusTypeStopped, nil, tx.Now())
		err = s.endBatch(ctx, tx, &rec, types.StatusTypeStopped)
	case works && phase != done.phase:
		return s.bringOn(ctx, tx, id, "", time.Time{}) // its work is still to be done
	case works && done.why != nil:
		leaveBatch(b, types.StatusTypeFailed, done.why, tx.Now())
		err = s.endBatch(ctx, tx, &rec, types.StatusTypeFailed)
	case phase == types.BuildBatchPhaseTypeDownloadBatchspec:
		leaveBatch(b, types.StatusTypeSucceeded, nil, tx.Now())
		rec.begin(done, tx.Now())
		err = s.stepBatch(ctx, tx, &rec)
	case phase == types.BuildBatchPhaseTypeCombineArtifacts:
		rec.takeCombined(done.combined)
		leaveBatch(b, types.StatusTypeSucceeded, nil, tx.Now())
		err = s.endBatch(ctx, tx, &rec, types.StatusTypeSucceeded)
	default:
		err = s.stepBatch(ctx, tx, &rec)
	}
	if err == nil && !b.Complete {
		err = s.bringOn(ctx, tx, id, deadline, store.FromMicros(rec.Settings.Deadline))
	}
	if err != nil {
		return err
	}
	return s.saveBatch(ctx, tx, rec)
}

// begin takes over what the buildspec says.
func (rec *batchRecord) begin(done batchWork, now time.Time) {
	b := &rec.Batch
	if done.resolved != "" {
		b.ResolvedSourceVersion = aws.String(done.resolved)
	}
	rec.Settings.Groups, rec.Settings.FastFail, rec.Settings.Pinned = done.groups, done.spec.FastFail, done.pinned
	b.BuildGroups = make([]types.BuildGroup, len(done.groups))
	for i, g := range done.groups {
		b.BuildGroups[i] = types.BuildGroup{Identifier: aws.String(g.Identifier), DependsOn: g.DependsOn, IgnoreFailure: g.IgnoreFailure}
	}
	enterBatch(b, types.BuildBatchPhaseTypeInProgress, now)
}

// stepBatch looks at the builds of a batch, and starts, stops or ends what is to be.
func (s *Service) stepBatch(ctx context.Context, tx store.Tx, rec *batchRecord) error {
	states, err := s.groupStates(ctx, tx, rec)
	if err != nil {
		return err
	}
	expired := !tx.Now().Before(store.FromMicros(rec.Settings.Deadline))
	step := buildspec.NextStep(rec.Settings.Groups, states, rec.Settings.FastFail, rec.Stop || expired || rec.Settings.Broken != "")
	if expired && (len(step.Stop) > 0 || waits(rec)) {
		rec.Settings.TimedOut = true
	}
	for _, i := range step.Stop {
		if _, id, ok := ParseID(aws.ToString(rec.Batch.BuildGroups[i].CurrentBuildSummary.Arn)); ok {
			if err := s.stopIn(ctx, tx, id); err != nil && !errors.Is(err, ErrNoBuild) {
				return err
			}
		}
	}
	for _, i := range step.Start {
		err := s.startGroup(ctx, tx, rec, i)
		if _, full := errors.AsType[*LimitError](err); full {
			return s.bringOn(ctx, tx, rec.ID, "/again", tx.Now().Add(batchPause))
		}
		if broken := brokenBy(err); broken != "" {
			rec.Settings.Broken = broken
			return s.stepBatch(ctx, tx, rec)
		}
		if err != nil {
			return err
		}
	}
	if step.Over {
		return s.conclude(ctx, tx, rec, step.Failed)
	}
	return nil
}

// brokenBy is why a batch whose builds cannot be started can never go on, or "".
func brokenBy(err error) string {
	_, invalid := errors.AsType[*InvalidError](err)
	if invalid || errors.Is(err, ErrNoProject) {
		return err.Error()
	}
	return ""
}

// groupStates reads how far the builds of a batch are, and notes it.
func (s *Service) groupStates(ctx context.Context, r store.Reader, rec *batchRecord) ([]buildspec.GroupState, error) {
	states := make([]buildspec.GroupState, len(rec.Batch.BuildGroups))
	for i := range states {
		sum := rec.Batch.BuildGroups[i].CurrentBuildSummary
		if sum == nil {
			continue
		}
		if sum.BuildStatus == types.StatusTypeInProgress {
			if err := s.summarize(ctx, r, sum); err != nil {
				return nil, err
			}
		}
		switch sum.BuildStatus {
		case types.StatusTypeInProgress:
			states[i] = buildspec.Running
		case types.StatusTypeSucceeded:
			states[i] = buildspec.Passed
		default:
			states[i] = buildspec.Failed
		}
	}
	return states, nil
}

// summarize brings the summary of a build up to date. One that was deleted counts as stopped.
func (s *Service) summarize(ctx context.Context, r store.Reader, sum *types.BuildSummary) error {
	_, id, _ := ParseID(aws.ToString(sum.Arn))
	child, err := load(ctx, r, id)
	if errors.Is(err, ErrNoBuild) {
		sum.BuildStatus = types.StatusTypeStopped
		return nil
	}
	if err != nil {
		return err
	}
	sum.BuildStatus = child.Build.BuildStatus
	if !child.Build.BuildComplete {
		return nil
	}
	if a := child.Build.Artifacts; a != nil {
		resolved := resolvedArtifact(child.Settings, *a)
		sum.PrimaryArtifact = &resolved
	}
	sum.SecondaryArtifacts = nil
	for _, a := range child.Build.SecondaryArtifacts {
		sum.SecondaryArtifacts = append(sum.SecondaryArtifacts, resolvedArtifact(child.Settings, a))
	}
	return nil
}

func resolvedArtifact(st settings, a types.BuildArtifacts) types.ResolvedArtifact {
	kind := types.ArtifactsTypeS3
	if st.Pipeline != nil {
		kind = types.ArtifactsTypeCodepipeline
	}
	return types.ResolvedArtifact{Type: kind, Location: a.Location, Identifier: a.ArtifactIdentifier}
}

// conclude ends a batch nothing of which runs any more, or goes on to combine its artifacts.
func (s *Service) conclude(ctx context.Context, tx store.Tx, rec *batchRecord, failed bool) error {
	status, why := types.StatusTypeSucceeded, (*Failure)(nil)
	switch {
	case rec.Settings.Broken != "":
		status, why = types.StatusTypeFailed, &Failure{Code: codeClient, Message: rec.Settings.Broken}
	case rec.Stop:
		status = types.StatusTypeStopped
	case rec.Settings.TimedOut:
		status, why = types.StatusTypeTimedOut, &Failure{Code: codeTimeout, Message: "The batch has timed out."}
	case failed:
		status = types.StatusTypeFailed
	}
	leaveBatch(&rec.Batch, status, why, tx.Now())
	if status == types.StatusTypeSucceeded && (len(partsOf(&rec.Batch)) > 0 || len(rec.combinedOutputs()) > 0) {
		enterBatch(&rec.Batch, types.BuildBatchPhaseTypeCombineArtifacts, tx.Now())
		return s.bringOn(ctx, tx, rec.ID, "", time.Time{})
	}
	return s.endBatch(ctx, tx, rec, status)
}

// waits tells whether some build of a batch was never started.
func waits(rec *batchRecord) bool {
	for _, g := range rec.Batch.BuildGroups {
		if g.CurrentBuildSummary == nil {
			return true
		}
	}
	return false
}

// endBatch ends a batch and tells whoever started it.
func (s *Service) endBatch(ctx context.Context, tx store.Tx, rec *batchRecord, status types.StatusType) error {
	phase := types.BuildBatchPhaseTypeFailed
	switch status {
	case types.StatusTypeSucceeded:
		phase = types.BuildBatchPhaseTypeSucceeded
	case types.StatusTypeStopped:
		phase = types.BuildBatchPhaseTypeStopped
	}
	b, now := &rec.Batch, tx.Now()
	enterBatch(b, phase, now)
	leaveBatch(b, status, nil, now)
	b.BuildBatchStatus, b.Complete, b.EndTime = status, true, aws.Time(now)
	if job := rec.Settings.OnFinish; job != nil {
		_, err := s.cfg.Queue.Enqueue(ctx, tx, *job)
		return err
	}
	return nil
}

// giveUpBatch ends a batch whose work never came to an end.
func (s *Service) giveUpBatch(ctx context.Context, tx store.Tx, job queue.Job, cause error) error {
	var payload runPayload
	if err := json.Unmarshal(job.Payload, &payload); err != nil {
		return nil //nolint:nilerr // there is no batch to tell
	}
	rec, err := lockBatch(ctx, tx, payload.ID)
	if errors.Is(err, ErrNoBatch) || err == nil && rec.Batch.Complete {
		return nil
	}
	if err != nil {
		return err
	}
	leaveBatch(&rec.Batch, types.StatusTypeFault, &Failure{Code: codeInternal, Message: fmt.Sprintf("given up after %d attempts: %v", job.Attempt, cause)}, tx.Now())
	if err := s.endBatch(ctx, tx, &rec, types.StatusTypeFault); err != nil {
		return err
	}
	return s.saveBatch(ctx, tx, rec)
}
