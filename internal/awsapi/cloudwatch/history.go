package cloudwatch

import (
	"context"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/conveyor-cd/conveyor/internal/alarm"
	"github.com/conveyor-cd/conveyor/internal/awsapi"
)

// DescribeAlarmHistory lists what happened to alarms, the newest first unless asked otherwise.
func (s *Service) DescribeAlarmHistory(ctx context.Context, in *sdk.DescribeAlarmHistoryInput) (*sdk.DescribeAlarmHistoryOutput, error) {
	after, err := parseToken("history", in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sdk.DescribeAlarmHistoryOutput{AlarmHistoryItems: []types.AlarmHistoryItem{}}
	if len(in.AlarmTypes) > 0 && !slices.Contains(in.AlarmTypes, types.AlarmTypeMetricAlarm) || in.AlarmContributorId != nil {
		return out, nil
	}
	n := limit(in.MaxRecords, 100)
	q := alarm.HistoryQuery{
		Alarm: aws.ToString(in.AlarmName), Kind: alarm.Kind(in.HistoryItemType), From: aws.ToTime(in.StartDate), To: aws.ToTime(in.EndDate),
		Ascending: in.ScanBy == types.ScanByTimestampAscending, Limit: n + 1,
	}
	if after != "" {
		if q.After, err = strconv.ParseInt(after, 10, 64); err != nil {
			_, err = parseToken("history", aws.String("?"))
			return nil, err
		}
	}
	items, err := s.alarms.History(ctx, q)
	if err != nil {
		return nil, err
	}
	if len(items) > n {
		items = items[:n]
		out.NextToken = awsapi.PageToken("history", strconv.FormatInt(items[n-1].ID, 10))
	}
	for _, i := range items {
		out.AlarmHistoryItems = append(out.AlarmHistoryItems, types.AlarmHistoryItem{
			AlarmName: &i.Alarm, AlarmType: types.AlarmTypeMetricAlarm, Timestamp: &i.At,
			HistoryItemType: types.HistoryItemType(i.Kind), HistorySummary: &i.Summary, HistoryData: &i.Data,
		})
	}
	return out, nil
}
