package events

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/cron"
	"github.com/conveyor-cd/conveyor/internal/event"
	"github.com/conveyor-cd/conveyor/internal/eventpattern"
)

// PutRule makes a rule or changes everything but the tags of one.
func (s *Service) PutRule(ctx context.Context, in *sdk.PutRuleInput) (*sdk.PutRuleOutput, error) {
	if err := s.checkBus(in.EventBusName); err != nil {
		return nil, err
	}
	if err := checkRule(in); err != nil {
		return nil, err
	}
	tags := tagsOf(in.Tags)
	if err := checkTags(nil, tags); err != nil {
		return nil, err
	}
	err := s.events.PutRule(ctx, event.Rule{
		Name: *in.Name, Pattern: aws.ToString(in.EventPattern), Schedule: aws.ToString(in.ScheduleExpression),
		Enabled: in.State != types.RuleStateDisabled, Description: aws.ToString(in.Description), Role: aws.ToString(in.RoleArn),
		Creator: awsapi.Caller(ctx).Account, Tags: tags,
	})
	return &sdk.PutRuleOutput{RuleArn: aws.String(s.events.RuleARN(*in.Name))}, failed(err, *in.Name)
}

func checkRule(in *sdk.PutRuleInput) error {
	pattern, schedule := aws.ToString(in.EventPattern), aws.ToString(in.ScheduleExpression)
	switch {
	case pattern == "" && schedule == "":
		return invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
	case in.State == types.RuleStateEnabledWithAllCloudtrailManagementEvents:
		return invalid("Parameter State is not valid. Reason: there is no CloudTrail on this server; use ENABLED or DISABLED.")
	}
	if pattern != "" {
		if err := checkPattern(pattern); err != nil {
			return err
		}
	}
	if schedule != "" {
		if _, err := cron.ParseSchedule(schedule); err != nil {
			return invalid("Parameter ScheduleExpression is not valid. Reason: %v.", err)
		}
	}
	return nil
}

func checkPattern(text string) error {
	if _, err := eventpattern.Parse(text); err != nil {
		return &types.InvalidEventPatternException{Message: aws.String("Event pattern is not valid. Reason: " + err.Error())}
	}
	return nil
}

// ruleName takes a name, or the ARN of a rule.
func (s *Service) ruleName(given string) string {
	if name, ok := strings.CutPrefix(given, s.place.ARN("events", "rule/")); ok {
		return strings.TrimPrefix(name, defaultBus+"/")
	}
	return given
}

func state(enabled bool) types.RuleState {
	if enabled {
		return types.RuleStateEnabled
	}
	return types.RuleStateDisabled
}

// DescribeRule reads a rule.
func (s *Service) DescribeRule(ctx context.Context, in *sdk.DescribeRuleInput) (*sdk.DescribeRuleOutput, error) {
	if err := s.checkBus(in.EventBusName); err != nil {
		return nil, err
	}
	name := s.ruleName(*in.Name)
	r, err := s.events.Rule(ctx, name)
	if err != nil {
		return nil, failed(err, name)
	}
	return &sdk.DescribeRuleOutput{
		Name: &r.Name, Arn: aws.String(s.events.RuleARN(r.Name)), EventPattern: optional(r.Pattern), ScheduleExpression: optional(r.Schedule),
		State: state(r.Enabled), Description: optional(r.Description), RoleArn: optional(r.Role), CreatedBy: optional(r.Creator),
		EventBusName: aws.String(defaultBus),
	}, nil
}

// ListRules lists rules by name.
func (s *Service) ListRules(ctx context.Context, in *sdk.ListRulesInput) (*sdk.ListRulesOutput, error) {
	if err := s.checkBus(in.EventBusName); err != nil {
		return nil, err
	}
	list, next, err := s.rules(ctx, "rules", aws.ToString(in.NamePrefix), "", in.NextToken, in.Limit)
	out := &sdk.ListRulesOutput{NextToken: next, Rules: []types.Rule{}}
	for _, r := range list {
		out.Rules = append(out.Rules, types.Rule{
			Name: aws.String(r.Name), Arn: aws.String(s.events.RuleARN(r.Name)), EventPattern: optional(r.Pattern),
			ScheduleExpression: optional(r.Schedule), State: state(r.Enabled), Description: optional(r.Description), RoleArn: optional(r.Role),
			EventBusName: aws.String(defaultBus),
		})
	}
	return out, err
}

func (s *Service) rules(ctx context.Context, kind, prefix, target string, nextToken *string, max *int32) ([]event.Rule, *string, error) {
	after, err := parseToken(kind, nextToken)
	if err != nil {
		return nil, nil, err
	}
	n := limit(max)
	list, err := s.events.Rules(ctx, prefix, after, target, n+1)
	list, next := cut(list, n, kind, func(r event.Rule) string { return r.Name })
	return list, next, err
}

// ListRuleNamesByTarget lists the rules that have a target.
func (s *Service) ListRuleNamesByTarget(ctx context.Context, in *sdk.ListRuleNamesByTargetInput) (*sdk.ListRuleNamesByTargetOutput, error) {
	if err := s.checkBus(in.EventBusName); err != nil {
		return nil, err
	}
	list, next, err := s.rules(ctx, "rules-by-target", "", *in.TargetArn, in.NextToken, in.Limit)
	out := &sdk.ListRuleNamesByTargetOutput{NextToken: next, RuleNames: []string{}}
	for _, r := range list {
		out.RuleNames = append(out.RuleNames, r.Name)
	}
	return out, err
}

// EnableRule turns a rule on.
func (s *Service) EnableRule(ctx context.Context, in *sdk.EnableRuleInput) (*sdk.EnableRuleOutput, error) {
	return &sdk.EnableRuleOutput{}, s.setEnabled(ctx, in.EventBusName, *in.Name, true)
}

// DisableRule turns a rule off.
func (s *Service) DisableRule(ctx context.Context, in *sdk.DisableRuleInput) (*sdk.DisableRuleOutput, error) {
	return &sdk.DisableRuleOutput{}, s.setEnabled(ctx, in.EventBusName, *in.Name, false)
}

func (s *Service) setEnabled(ctx context.Context, bus *string, given string, on bool) error {
	if err := s.checkBus(bus); err != nil {
		return err
	}
	name := s.ruleName(given)
	return failed(s.events.SetEnabled(ctx, name, on), name)
}

// DeleteRule deletes a rule without targets.
func (s *Service) DeleteRule(ctx context.Context, in *sdk.DeleteRuleInput) (*sdk.DeleteRuleOutput, error) {
	if err := s.checkBus(in.EventBusName); err != nil {
		return nil, err
	}
	name := s.ruleName(*in.Name)
	return &sdk.DeleteRuleOutput{}, failed(s.events.DeleteRule(ctx, name), name)
}

// TestEventPattern tells whether a pattern matches an event.
func (s *Service) TestEventPattern(_ context.Context, in *sdk.TestEventPatternInput) (*sdk.TestEventPatternOutput, error) {
	p, err := eventpattern.Parse(*in.EventPattern)
	if err != nil {
		return nil, checkPattern(*in.EventPattern)
	}
	v, err := eventpattern.Decode([]byte(*in.Event))
	if err != nil {
		return nil, invalid("Parameter Event is not valid. Reason: %v.", err)
	}
	members, ok := v.(map[string]any)
	if !ok {
		return nil, invalid("Parameter Event is not valid. Reason: it is not an object.")
	}
	for _, name := range []string{"id", "account", "source", "time", "region", "resources", "detail-type"} {
		if _, there := members[name]; !there {
			return nil, invalid("Parameter Event is not valid. Reason: the member %s is missing.", name)
		}
	}
	return &sdk.TestEventPatternOutput{Result: p.MatchValue(v)}, nil
}
