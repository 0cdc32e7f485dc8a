package build

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// A build whose project, or whose request, has an autoRetryLimit starts a new build like it when it fails, in the transaction
// that ends it: there is either a failed build with its retry or one that still runs.

// autoRetries is what a first build shows of its retries; nil: it has none.
func autoRetries(limit *int32) *types.AutoRetryConfig {
	if aws.ToInt32(limit) == 0 {
		return nil
	}
	return &types.AutoRetryConfig{AutoRetryLimit: limit, AutoRetryNumber: aws.Int32(0)}
}

// retriesItself reports whether a build may be retried automatically. One of a pipeline or a batch may not: what waits for it
// follows this very build, and retries it in ways of its own.
func retriesItself(st settings) bool { return st.Pipeline == nil && st.Batch == nil }

// autoRetried reports whether a build that has ended like this is to be started again.
func autoRetried(b *types.Build) bool {
	c := b.AutoRetryConfig
	if c == nil || aws.ToInt32(c.AutoRetryNumber) >= aws.ToInt32(c.AutoRetryLimit) {
		return false
	}
	return b.BuildStatus == types.StatusTypeFailed || b.BuildStatus == types.StatusTypeFault || b.BuildStatus == types.StatusTypeTimedOut
}

// autoRetry starts the retry of a build whose end is stored, and notes it there. There is none when somebody wanted to stop
// the build, when its project is gone, or when too many builds wait. The project's row is locked.
func (s *Service) autoRetry(ctx context.Context, tx store.Tx, id string) error {
	rec, err := load(ctx, tx, id)
	if err != nil || rec.Stop {
		return err
	}
	b, c := &rec.Build, rec.Build.AutoRetryConfig
	p, number, err := s.nextNumber(ctx, tx, *b.ProjectName)
	if errors.Is(err, ErrNoProject) {
		return nil
	}
	if err != nil {
		return err
	}
	next := unbuilt(*b)
	next.AutoRetryConfig = &types.AutoRetryConfig{
		AutoRetryLimit: c.AutoRetryLimit, AutoRetryNumber: aws.Int32(aws.ToInt32(c.AutoRetryNumber) + 1), PreviousAutoRetry: b.Arn,
	}
	next, err = s.store(ctx, tx, p, next, rec.Settings, number, "", "")
	if e, ok := errors.AsType[*LimitError](err); ok {
		s.cfg.Log.Warn("a failed build is not retried", "build", *b.Id, "reason", e.Message)
		return nil
	}
	if err != nil {
		return err
	}
	c.NextAutoRetry = next.Arn
	body, err := json.Marshal(b)
	if err == nil {
		_, err = tx.Exec(ctx, `UPDATE builds SET body = $2 WHERE id = $1`, id, string(body))
	}
	return err
}
