package events

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/event"
)

// PutTargets adds targets to a rule, or changes them. It takes all or, when one cannot be delivered to, none.
func (s *Service) PutTargets(ctx context.Context, in *sdk.PutTargetsInput) (*sdk.PutTargetsOutput, error) {
	if err := s.checkBus(in.EventBusName); err != nil {
		return nil, err
	}
	var specs []event.TargetSpec
	for i := range in.Targets {
		spec, err := s.spec(ctx, &in.Targets[i])
		if err != nil {
			return nil, err
		}
		specs = append(specs, spec)
	}
	name := s.ruleName(*in.Rule)
	err := s.events.PutTargets(ctx, name, specs)
	return &sdk.PutTargetsOutput{FailedEntries: []types.PutTargetsResultEntry{}}, failed(err, name)
}

func (s *Service) spec(ctx context.Context, t *types.Target) (event.TargetSpec, error) {
	spec := event.TargetSpec{Name: *t.Id, ARN: *t.Arn, Input: aws.ToString(t.Input)}
	if member := unsupported(t); member != "" {
		return spec, invalid("Parameter %s of target %s is not supported: there is nothing on this server it could be for.", member, *t.Id)
	}
	if t.DeadLetterConfig != nil && t.DeadLetterConfig.Arn != nil {
		return spec, invalid("Parameter DeadLetterConfig of target %s is not supported: there are no queues on this server. Leave it away: what "+
			"cannot be delivered is kept and can be delivered again, see conveyor events dead-letters.", *t.Id)
	}
	var err error
	if spec.Wire, err = awsapi.Marshal(t); err != nil {
		return spec, err
	}
	if err := s.events.CheckTarget(ctx, spec); err != nil {
		return spec, invalid("Target %s is not valid. Reason: %v.", *t.Id, err)
	}
	return spec, nil
}

// unsupported names a member that belongs to a kind of target which is not here.
func unsupported(t *types.Target) string {
	switch {
	case t.KinesisParameters != nil:
		return "KinesisParameters"
	case t.RunCommandParameters != nil:
		return "RunCommandParameters"
	case t.EcsParameters != nil:
		return "EcsParameters"
	case t.BatchParameters != nil:
		return "BatchParameters"
	case t.SqsParameters != nil:
		return "SqsParameters"
	case t.RedshiftDataParameters != nil:
		return "RedshiftDataParameters"
	case t.SageMakerPipelineParameters != nil:
		return "SageMakerPipelineParameters"
	case t.AppSyncParameters != nil:
		return "AppSyncParameters"
	}
	return ""
}

// RemoveTargets takes targets from a rule.
func (s *Service) RemoveTargets(ctx context.Context, in *sdk.RemoveTargetsInput) (*sdk.RemoveTargetsOutput, error) {
	if err := s.checkBus(in.EventBusName); err != nil {
		return nil, err
	}
	name := s.ruleName(*in.Rule)
	missing, err := s.events.RemoveTargets(ctx, name, in.Ids)
	if err != nil {
		return nil, failed(err, name)
	}
	out := &sdk.RemoveTargetsOutput{FailedEntryCount: int32(len(missing)), FailedEntries: []types.RemoveTargetsResultEntry{}}
	for _, id := range missing {
		out.FailedEntries = append(out.FailedEntries, types.RemoveTargetsResultEntry{
			TargetId: aws.String(id), ErrorCode: aws.String("ResourceNotFoundException"),
			ErrorMessage: aws.String("Rule " + name + " does not have target " + id + "."),
		})
	}
	return out, nil
}

// ListTargetsByRule lists the targets of a rule.
func (s *Service) ListTargetsByRule(ctx context.Context, in *sdk.ListTargetsByRuleInput) (*sdk.ListTargetsByRuleOutput, error) {
	if err := s.checkBus(in.EventBusName); err != nil {
		return nil, err
	}
	after, err := parseToken("targets", in.NextToken)
	if err != nil {
		return nil, err
	}
	name, n := s.ruleName(*in.Rule), limit(in.Limit)
	list, err := s.events.Targets(ctx, name, after, n+1)
	if err != nil {
		return nil, failed(err, name)
	}
	list, next := cut(list, n, "targets", func(t event.TargetSpec) string { return t.Name })
	out := &sdk.ListTargetsByRuleOutput{NextToken: next, Targets: []types.Target{}}
	for _, spec := range list {
		var t types.Target
		if err := awsapi.Unmarshal(spec.Wire, &t); err != nil {
			return nil, err
		}
		out.Targets = append(out.Targets, t)
	}
	return out, nil
}
