package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	pipelinetypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// refresh is how often the view asks for news; it bounds how late a change is shown, not how fast the belt moves.
const refresh = 20 * time.Millisecond

// follow watches the first execution that is newer than the one given until it ends, and fails unless it succeeded.
func (d *demo) follow(ctx context.Context, since time.Time, before string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeLimit, fmt.Errorf("the pipeline did not finish within %s", timeLimit))
	defer cancel()

	id, err := d.awaitExecution(ctx, before)
	if err != nil {
		return "", err
	}
	d.timing("execution started", time.Since(since))

	screen := newScreen(d.Out, d.Live, d.Width)
	defer screen.leave()
	belt := &belt{execution: id, since: since}
	for {
		execution, err := d.api.execution(ctx, id)
		if err != nil {
			return "", err
		}
		if err := d.update(ctx, belt); err != nil {
			return "", err
		}
		screen.show(belt)
		switch execution.Status {
		case pipelinetypes.PipelineExecutionStatusInProgress, pipelinetypes.PipelineExecutionStatusStopping:
		case pipelinetypes.PipelineExecutionStatusSucceeded:
			return id, nil
		default:
			return "", fmt.Errorf("execution %s ended %s: %s", id, execution.Status, belt.failure())
		}
		if err := sleep(ctx, refresh); err != nil {
			return "", err
		}
	}
}

func (d *demo) awaitExecution(ctx context.Context, before string) (string, error) {
	for {
		id, err := d.api.newestExecution(ctx)
		if err != nil {
			return "", err
		}
		if id != "" && id != before {
			return id, nil
		}
		if err := sleep(ctx, refresh/4); err != nil {
			return "", fmt.Errorf("no execution was started: %w", err)
		}
	}
}

// update reads the stages, and the log of the build when there is one.
func (d *demo) update(ctx context.Context, b *belt) error {
	stages, err := d.api.stages(ctx)
	if err != nil {
		return err
	}
	b.stages = b.stages[:0]
	for _, s := range stages {
		b.stages = append(b.stages, stageView(s, b.execution))
	}
	build := b.build()
	if build == "" {
		return nil
	}
	lines, token, err := d.api.buildLog(ctx, build, b.logToken)
	if err != nil {
		return err
	}
	b.log, b.logToken = append(b.log, lines...), token
	return nil
}

func stageView(s pipelinetypes.StageState, execution string) stage {
	view := stage{name: aws.ToString(s.StageName)}
	if s.LatestExecution == nil || aws.ToString(s.LatestExecution.PipelineExecutionId) != execution {
		return view
	}
	view.status = string(s.LatestExecution.Status)
	for _, a := range s.ActionStates {
		if a.LatestExecution == nil {
			continue
		}
		view.actions = append(view.actions, actionView(a))
	}
	return view
}

func actionView(a pipelinetypes.ActionState) actionLine {
	line := actionLine{
		name:     aws.ToString(a.ActionName),
		status:   string(a.LatestExecution.Status),
		external: aws.ToString(a.LatestExecution.ExternalExecutionId),
		changed:  aws.ToTime(a.LatestExecution.LastStatusChange),
	}
	if e := a.LatestExecution.ErrorDetails; e != nil {
		line.failure = aws.ToString(e.Code) + ": " + aws.ToString(e.Message)
	}
	return line
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return errors.Join(ctx.Err(), context.Cause(ctx))
	case <-timer.C:
		return nil
	}
}
