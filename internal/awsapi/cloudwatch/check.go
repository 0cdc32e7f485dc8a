package cloudwatch

import (
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// check refuses an alarm whose definition contradicts itself. What it measures is never evaluated here, but an alarm that
// AWS would refuse should not pass here.
func check(in *sdk.PutMetricAlarmInput) error {
	subjects := 0
	for _, has := range []bool{in.MetricName != nil, len(in.Metrics) > 0, in.EvaluationCriteria != nil} {
		if has {
			subjects++
		}
	}
	switch {
	case subjects == 0:
		return missing("The alarm %s needs something to watch: either MetricName, Metrics or EvaluationCriteria.", *in.AlarmName)
	case subjects > 1:
		return contradictory("The alarm %s can have only one of MetricName, Metrics and EvaluationCriteria.", *in.AlarmName)
	}
	for _, f := range []func(*sdk.PutMetricAlarmInput) error{checkMetric, checkPeriods, checkThreshold, checkActions} {
		if err := f(in); err != nil {
			return err
		}
	}
	return nil
}

func checkMetric(in *sdk.PutMetricAlarmInput) error {
	if in.MetricName == nil {
		if in.Namespace != nil || in.Period != nil || in.Statistic != "" || in.ExtendedStatistic != nil || len(in.Dimensions) > 0 || in.Unit != "" {
			return contradictory("Namespace, Dimensions, Period, Unit, Statistic and ExtendedStatistic go with MetricName alone.")
		}
		return nil
	}
	switch {
	case in.Namespace == nil:
		return missing("MetricName needs Namespace.")
	case in.Period == nil:
		return missing("MetricName needs Period.")
	case in.Statistic == "" && in.ExtendedStatistic == nil:
		return missing("MetricName needs Statistic or ExtendedStatistic.")
	case in.Statistic != "" && in.ExtendedStatistic != nil:
		return contradictory("Only one of Statistic and ExtendedStatistic may be given.")
	}
	if p := *in.Period; p != 10 && p != 20 && p != 30 && p%60 != 0 {
		return invalid("Invalid Period %d: it must be 10, 20, 30 or a multiple of 60.", p)
	}
	return nil
}

func checkPeriods(in *sdk.PutMetricAlarmInput) error {
	if in.EvaluationCriteria != nil {
		return nil
	}
	switch {
	case in.EvaluationPeriods == nil:
		return missing("The alarm %s needs EvaluationPeriods.", *in.AlarmName)
	case in.DatapointsToAlarm != nil && *in.DatapointsToAlarm > *in.EvaluationPeriods:
		return invalid("DatapointsToAlarm (%d) must not be more than EvaluationPeriods (%d).", *in.DatapointsToAlarm, *in.EvaluationPeriods)
	}
	return nil
}

func checkThreshold(in *sdk.PutMetricAlarmInput) error {
	if in.EvaluationCriteria != nil {
		return nil
	}
	if in.ComparisonOperator == "" {
		return missing("The alarm %s needs ComparisonOperator.", *in.AlarmName)
	}
	band := false
	switch in.ComparisonOperator {
	case types.ComparisonOperatorLessThanLowerOrGreaterThanUpperThreshold, types.ComparisonOperatorLessThanLowerThreshold,
		types.ComparisonOperatorGreaterThanUpperThreshold:
		band = true
	}
	switch {
	case in.Threshold != nil && in.ThresholdMetricId != nil:
		return contradictory("Only one of Threshold and ThresholdMetricId may be given.")
	case band && in.ThresholdMetricId == nil:
		return missing("The operator %s needs ThresholdMetricId.", in.ComparisonOperator)
	case !band && in.Threshold == nil:
		return missing("The operator %s needs Threshold.", in.ComparisonOperator)
	}
	return nil
}

var treatments = map[string]bool{"breaching": true, "notBreaching": true, "ignore": true, "missing": true}

func checkActions(in *sdk.PutMetricAlarmInput) error {
	if t := in.TreatMissingData; t != nil && !treatments[*t] {
		return invalid("Invalid TreatMissingData '%s': it must be breaching, notBreaching, ignore or missing.", *t)
	}
	if t := aws.ToString(in.EvaluateLowSampleCountPercentile); t != "" && t != "evaluate" && t != "ignore" {
		return invalid("Invalid EvaluateLowSampleCountPercentile '%s': it must be evaluate or ignore.", t)
	}
	for _, list := range [][]string{in.OKActions, in.AlarmActions, in.InsufficientDataActions} {
		for _, action := range list {
			if !actionARN.MatchString(action) {
				return invalid("Invalid action '%s': it must be an ARN.", action)
			}
		}
	}
	return nil
}

var actionARN = regexp.MustCompile(`^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+$`)
