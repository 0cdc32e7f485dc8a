package cloudwatch

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/conveyor-cd/conveyor/internal/alarm"
	"github.com/conveyor-cd/conveyor/internal/awsapi"
)

// PutMetricAlarm makes an alarm or gives it another definition.
func (s *Service) PutMetricAlarm(ctx context.Context, in *sdk.PutMetricAlarmInput) (*sdk.PutMetricAlarmOutput, error) {
	if err := check(in); err != nil {
		return nil, err
	}
	tags := tagsOf(in.Tags)
	if err := checkTags(nil, tags); err != nil {
		return nil, err
	}
	kept := *in
	kept.Tags, kept.ActionsEnabled = nil, nil
	definition, err := awsapi.Marshal(&kept)
	if err != nil {
		return nil, err
	}
	err = s.alarms.Put(ctx, alarm.Alarm{
		Name: *in.AlarmName, Definition: definition, ActionsEnabled: in.ActionsEnabled == nil || *in.ActionsEnabled,
		Actions: map[alarm.State][]string{
			alarm.OK: in.OKActions, alarm.Alarming: in.AlarmActions, alarm.InsufficientData: in.InsufficientDataActions,
		},
	}, tags)
	if errors.Is(err, alarm.ErrLimit) {
		return nil, &types.LimitExceededFault{Message: aws.String("There are as many alarms as an account can have. Delete some first.")}
	}
	return &sdk.PutMetricAlarmOutput{}, err
}

// SetAlarmState is how alarms come into their states here.
func (s *Service) SetAlarmState(ctx context.Context, in *sdk.SetAlarmStateInput) (*sdk.SetAlarmStateOutput, error) {
	data := aws.ToString(in.StateReasonData)
	if data != "" && !json.Valid([]byte(data)) {
		return nil, &types.InvalidFormatFault{Message: aws.String("StateReasonData was not syntactically valid JSON")}
	}
	err := s.alarms.SetState(ctx, *in.AlarmName, alarm.State(in.StateValue), *in.StateReason, data)
	if errors.Is(err, alarm.ErrNotFound) {
		return nil, unknown(*in.AlarmName)
	}
	return &sdk.SetAlarmStateOutput{}, err
}

func unknown(names ...string) error {
	return &types.ResourceNotFound{Message: aws.String("Unknown alarm: " + strings.Join(names, ", "))}
}

// DeleteAlarms deletes those of the alarms that exist, and then says which do not.
func (s *Service) DeleteAlarms(ctx context.Context, in *sdk.DeleteAlarmsInput) (*sdk.DeleteAlarmsOutput, error) {
	missing, err := s.alarms.Delete(ctx, in.AlarmNames)
	if err == nil && len(missing) > 0 {
		err = unknown(missing...)
	}
	return &sdk.DeleteAlarmsOutput{}, err
}

// EnableAlarmActions turns the actions of alarms on.
func (s *Service) EnableAlarmActions(ctx context.Context, in *sdk.EnableAlarmActionsInput) (*sdk.EnableAlarmActionsOutput, error) {
	return &sdk.EnableAlarmActionsOutput{}, s.alarms.EnableActions(ctx, in.AlarmNames, true)
}

// DisableAlarmActions turns the actions of alarms off.
func (s *Service) DisableAlarmActions(ctx context.Context, in *sdk.DisableAlarmActionsInput) (*sdk.DisableAlarmActionsOutput, error) {
	return &sdk.DisableAlarmActionsOutput{}, s.alarms.EnableActions(ctx, in.AlarmNames, false)
}

// DescribeAlarms lists alarms by name. There are no composite alarms.
func (s *Service) DescribeAlarms(ctx context.Context, in *sdk.DescribeAlarmsInput) (*sdk.DescribeAlarmsOutput, error) {
	switch {
	case in.AlarmNamePrefix != nil && len(in.AlarmNames) > 0:
		return nil, contradictory("AlarmNames and AlarmNamePrefix cannot be given together.")
	case in.ChildrenOfAlarmName != nil || in.ParentsOfAlarmName != nil:
		return nil, invalid("There are no composite alarms on this server: leave ChildrenOfAlarmName and ParentsOfAlarmName away.")
	}
	after, err := parseToken("alarms", in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sdk.DescribeAlarmsOutput{MetricAlarms: []types.MetricAlarm{}, CompositeAlarms: []types.CompositeAlarm{}}
	if len(in.AlarmTypes) > 0 && !slices.Contains(in.AlarmTypes, types.AlarmTypeMetricAlarm) {
		return out, nil
	}
	n := limit(in.MaxRecords, 50)
	q := alarm.Query{Prefix: aws.ToString(in.AlarmNamePrefix), After: after, State: alarm.State(in.StateValue), Limit: n + 1}
	if len(in.AlarmNames) > 0 {
		q.Names = in.AlarmNames
		n, q.Limit = len(in.AlarmNames), len(in.AlarmNames)
	}
	if in.ActionPrefix != nil {
		q.Match = func(a alarm.Alarm) bool { return actsOn(a, *in.ActionPrefix) }
	}
	found, err := s.alarms.List(ctx, q)
	if err != nil {
		return nil, err
	}
	if len(found) > n {
		found = found[:n]
		out.NextToken = awsapi.PageToken("alarms", found[n-1].Name)
	}
	for _, a := range found {
		m, err := s.metricAlarm(a)
		if err != nil {
			return nil, err
		}
		out.MetricAlarms = append(out.MetricAlarms, m)
	}
	return out, nil
}

func actsOn(a alarm.Alarm, prefix string) bool {
	for _, list := range a.Actions {
		if slices.ContainsFunc(list, func(action string) bool { return strings.HasPrefix(action, prefix) }) {
			return true
		}
	}
	return false
}

// metricAlarm is an alarm as it was put, with what it has become.
func (s *Service) metricAlarm(a alarm.Alarm) (types.MetricAlarm, error) {
	var m types.MetricAlarm
	if err := awsapi.Unmarshal(a.Definition, &m); err != nil { // the members have the same names
		return m, err
	}
	for _, list := range []*[]string{&m.OKActions, &m.AlarmActions, &m.InsufficientDataActions} {
		*list = append([]string{}, *list...)
	}
	m.Dimensions = append([]types.Dimension{}, m.Dimensions...)
	m.AlarmArn = aws.String(s.place.ARN("cloudwatch", "alarm:"+a.Name))
	m.ActionsEnabled = &a.ActionsEnabled
	m.StateValue, m.StateReason = types.StateValue(a.State), &a.Reason
	if a.ReasonData != "" {
		m.StateReasonData = &a.ReasonData
	}
	m.AlarmConfigurationUpdatedTimestamp, m.StateUpdatedTimestamp, m.StateTransitionedTimestamp = &a.Configured, &a.Updated, &a.Transitioned
	return m, nil
}
