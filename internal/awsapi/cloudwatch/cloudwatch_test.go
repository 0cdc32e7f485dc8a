package cloudwatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/schemas"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
	"github.com/aws/smithy-go/transport/http/protocol/awsquery"

	"github.com/conveyor-cd/conveyor/internal/alarm"
	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/awsapi/awsapitest"
	"github.com/conveyor-cd/conveyor/internal/awsapi/cloudwatch"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

const arnPrefix = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:"

// serve puts a fresh service behind the wire.
func serve(t *testing.T, o alarm.Options) aws.Config {
	t.Helper()
	return guarded(t, o, nil)
}

func guarded(t *testing.T, o alarm.Options, by awsapi.Authorizer) aws.Config {
	t.Helper()
	s := cloudwatch.New(alarm.New(sqltest.SQLite(t), o), awsapi.Place{})
	return awsapitest.ServeGuarded(t, by, func(m *awsapi.Mux) {
		m.Add(s.API())
		m.AddQuery(s.QueryAPI())
	})
}

// speaking makes a client speak one of the protocols; nil is the SDK's own choice.
func speaking(p smithyhttp.ClientProtocol) func(*sdk.Options) {
	return func(o *sdk.Options) {
		if p != nil {
			o.Protocol = p
		}
	}
}

// each runs a test with the SDK's client in each of the protocols.
func each(t *testing.T, test func(t *testing.T, c *sdk.Client)) {
	for name, p := range map[string]smithyhttp.ClientProtocol{
		"cbor": nil, "json": awsjson.New10(schemas.GraniteServiceVersion20100801), "query": awsquery.New(schemas.GraniteServiceVersion20100801),
	} {
		t.Run(name, func(t *testing.T) {
			test(t, sdk.NewFromConfig(serve(t, alarm.Options{MaxAlarms: 10}), speaking(p)))
		})
	}
}

// refused checks an exception's name and a part of its message.
func refused(t *testing.T, err error, code, says string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || !strings.Contains(e.ErrorMessage(), says) {
		t.Errorf("%v, want %s that says %q", err, code, says)
		return
	}
	got := e.ErrorCode()
	if name, ok := typed[got]; ok {
		got = name
	}
	if got != code {
		t.Errorf("%v, want %s", err, code)
	}
}

// typed are exceptions that the SDK, when it speaks the query protocol, calls by the names of their types; what is on the
// wire is how it found those.
var typed = map[string]string{
	"InvalidFormatFault": "InvalidFormat", "InvalidParameterCombinationException": "InvalidParameterCombination",
	"InvalidParameterValueException": "InvalidParameterValue", "LimitExceededFault": "LimitExceeded",
	"MissingRequiredParameterException": "MissingParameter", "ValidationException": "ValidationError",
}

func simple(name string) *sdk.PutMetricAlarmInput {
	return &sdk.PutMetricAlarmInput{
		AlarmName: &name, Namespace: aws.String("site"), MetricName: aws.String("5xx"), Statistic: types.StatisticSum,
		Period: aws.Int32(60), EvaluationPeriods: aws.Int32(3), Threshold: aws.Float64(1.5),
		ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
	}
}

func put(t *testing.T, c *sdk.Client, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := c.PutMetricAlarm(t.Context(), simple(name)); err != nil {
			t.Fatal(err)
		}
	}
}

func describe(t *testing.T, c *sdk.Client, in *sdk.DescribeAlarmsInput) *sdk.DescribeAlarmsOutput {
	t.Helper()
	out, err := c.DescribeAlarms(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func names(out *sdk.DescribeAlarmsOutput) string {
	var list []string
	for _, a := range out.MetricAlarms {
		list = append(list, *a.AlarmName)
	}
	return strings.Join(list, " ")
}

// Every member that was put comes back.
func TestEcho(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		metric := &sdk.PutMetricAlarmInput{
			AlarmName: aws.String("errors & <co> ü"), AlarmDescription: aws.String("Too many\nerrors"), ActionsEnabled: aws.Bool(false),
			OKActions: []string{"arn:aws:sns:us-east-1:1:ok"}, AlarmActions: []string{"arn:aws:sns:us-east-1:1:a", "arn:aws:sns:us-east-1:1:b"},
			InsufficientDataActions: []string{"arn:aws:sns:us-east-1:1:none"},
			Namespace:               aws.String("site"), MetricName: aws.String("latency"), ExtendedStatistic: aws.String("p99"),
			Dimensions: []types.Dimension{{Name: aws.String("host"), Value: aws.String("a")}, {Name: aws.String("zone"), Value: aws.String("b")}},
			Period:     aws.Int32(120), Unit: types.StandardUnitMilliseconds, EvaluationPeriods: aws.Int32(5), DatapointsToAlarm: aws.Int32(3),
			Threshold: aws.Float64(0.25), ComparisonOperator: types.ComparisonOperatorLessThanOrEqualToThreshold,
			TreatMissingData: aws.String("notBreaching"), EvaluateLowSampleCountPercentile: aws.String("ignore"),
		}
		expression := &sdk.PutMetricAlarmInput{
			AlarmName: aws.String("ratio"), EvaluationPeriods: aws.Int32(1), ComparisonOperator: types.ComparisonOperatorGreaterThanUpperThreshold,
			ThresholdMetricId: aws.String("band"),
			Metrics: []types.MetricDataQuery{
				{Id: aws.String("band"), Expression: aws.String("ANOMALY_DETECTION_BAND(m, 2)"), Label: aws.String("b"), ReturnData: aws.Bool(true)},
				{Id: aws.String("m"), ReturnData: aws.Bool(true), MetricStat: &types.MetricStat{
					Metric: &types.Metric{Namespace: aws.String("site"), MetricName: aws.String("5xx")}, Period: aws.Int32(60), Stat: aws.String("Sum"),
				}},
			},
		}
		promQL := &sdk.PutMetricAlarmInput{
			AlarmName: aws.String("up"), EvaluationInterval: aws.Int32(30),
			EvaluationCriteria: &types.EvaluationCriteriaMemberPromQLCriteria{Value: types.AlarmPromQLCriteria{Query: aws.String("up == 0"), PendingPeriod: aws.Int32(60)}},
		}
		for _, in := range []*sdk.PutMetricAlarmInput{metric, expression, promQL} {
			if _, err := c.PutMetricAlarm(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			list := describe(t, c, &sdk.DescribeAlarmsInput{AlarmNames: []string{*in.AlarmName}}).MetricAlarms
			if len(list) != 1 {
				t.Fatalf("%d alarms named %s", len(list), *in.AlarmName)
			}
			a := list[0]
			v, w := reflect.ValueOf(*in), reflect.ValueOf(a)
			for i := range v.NumField() {
				f := v.Type().Field(i)
				if !f.IsExported() || v.Field(i).IsZero() {
					continue
				}
				if got := w.FieldByName(f.Name); !reflect.DeepEqual(got.Interface(), v.Field(i).Interface()) {
					t.Errorf("%s: %s became %+v", *in.AlarmName, f.Name, got)
				}
			}
			if *a.AlarmArn != arnPrefix+*in.AlarmName || a.StateValue != types.StateValueInsufficientData || aws.ToString(a.StateReason) == "" ||
				time.Since(*a.StateUpdatedTimestamp) > time.Minute || a.AlarmConfigurationUpdatedTimestamp == nil || a.StateTransitionedTimestamp == nil ||
				a.StateReasonData != nil || *a.ActionsEnabled != (in.ActionsEnabled == nil) {
				t.Errorf("%+v", a)
			}
		}
	})
}

func TestStateAndHistory(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		put(t, c, "errors")
		set := func(name, state, data string) error {
			in := &sdk.SetAlarmStateInput{AlarmName: &name, StateValue: types.StateValue(state), StateReason: aws.String("I say so")}
			if data != "" {
				in.StateReasonData = &data
			}
			_, err := c.SetAlarmState(t.Context(), in)
			return err
		}
		if err := set("errors", "ALARM", `{"by":"me"}`); err != nil {
			t.Fatal(err)
		}
		a := describe(t, c, &sdk.DescribeAlarmsInput{}).MetricAlarms[0]
		if a.StateValue != "ALARM" || *a.StateReason != "I say so" || *a.StateReasonData != `{"by":"me"}` {
			t.Errorf("%+v", a)
		}
		refused(t, set("nobody", "OK", ""), "ResourceNotFound", "Unknown alarm: nobody")
		refused(t, set("errors", "OK", "{"), "InvalidFormat", "not syntactically valid JSON")
		refused(t, set("errors", "FINE", ""), "ValidationError", "'stateValue' failed to satisfy constraint")

		history := func(in *sdk.DescribeAlarmHistoryInput) (string, *string) {
			t.Helper()
			out, err := c.DescribeAlarmHistory(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			var list []string
			for _, i := range out.AlarmHistoryItems {
				if *i.AlarmName != "errors" || i.AlarmType != types.AlarmTypeMetricAlarm || !json.Valid([]byte(*i.HistoryData)) {
					t.Errorf("%+v", i)
				}
				list = append(list, fmt.Sprint(i.HistoryItemType, " ", *i.HistorySummary))
			}
			return strings.Join(list, ", "), out.NextToken
		}
		first, next := history(&sdk.DescribeAlarmHistoryInput{AlarmName: aws.String("errors"), MaxRecords: aws.Int32(1)})
		if first != "StateUpdate Alarm updated from INSUFFICIENT_DATA to ALARM" || next == nil {
			t.Error(first, next)
		}
		second, next := history(&sdk.DescribeAlarmHistoryInput{AlarmName: aws.String("errors"), MaxRecords: aws.Int32(1), NextToken: next})
		if second != `ConfigurationUpdate Alarm "errors" created` || next != nil {
			t.Error(second, next)
		}
		if oldest, _ := history(&sdk.DescribeAlarmHistoryInput{ScanBy: types.ScanByTimestampAscending}); !strings.HasPrefix(oldest, "ConfigurationUpdate") {
			t.Error(oldest)
		}
		if none, _ := history(&sdk.DescribeAlarmHistoryInput{AlarmTypes: []types.AlarmType{types.AlarmTypeCompositeAlarm}}); none != "" {
			t.Error(none)
		}
		_, err := c.DescribeAlarmHistory(t.Context(), &sdk.DescribeAlarmHistoryInput{NextToken: aws.String("x")})
		refused(t, err, "InvalidNextToken", "NextToken")
	})
}

func TestLists(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		put(t, c, "a", "b", "c", "da", "db")
		if _, err := c.SetAlarmState(t.Context(), &sdk.SetAlarmStateInput{AlarmName: aws.String("b"), StateValue: "OK", StateReason: aws.String("")}); err != nil {
			t.Fatal(err)
		}
		paged := simple("pager")
		paged.AlarmActions = []string{"arn:aws:sns:us-east-1:1:pager"}
		if _, err := c.PutMetricAlarm(t.Context(), paged); err != nil {
			t.Fatal(err)
		}
		for _, q := range []struct {
			in   *sdk.DescribeAlarmsInput
			want string
		}{
			{&sdk.DescribeAlarmsInput{}, "a b c da db pager"},
			{&sdk.DescribeAlarmsInput{AlarmNames: []string{"db", "nobody", "a"}}, "a db"},
			{&sdk.DescribeAlarmsInput{AlarmNamePrefix: aws.String("d")}, "da db"},
			{&sdk.DescribeAlarmsInput{StateValue: types.StateValueOk}, "b"},
			{&sdk.DescribeAlarmsInput{ActionPrefix: aws.String("arn:aws:sns:")}, "pager"},
			{&sdk.DescribeAlarmsInput{AlarmTypes: []types.AlarmType{"MetricAlarm", "CompositeAlarm"}}, "a b c da db pager"},
			{&sdk.DescribeAlarmsInput{AlarmTypes: []types.AlarmType{"CompositeAlarm"}}, ""},
		} {
			if got := names(describe(t, c, q.in)); got != q.want {
				t.Errorf("%+v: %q, want %q", q.in, got, q.want)
			}
		}
		var pages []string
		p := sdk.NewDescribeAlarmsPaginator(c, &sdk.DescribeAlarmsInput{MaxRecords: aws.Int32(4)})
		for p.HasMorePages() {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, names(out))
		}
		if got := strings.Join(pages, "|"); got != "a b c da|db pager" {
			t.Error(got)
		}
		_, err := c.DescribeAlarms(t.Context(), &sdk.DescribeAlarmsInput{NextToken: aws.String("x")})
		refused(t, err, "InvalidNextToken", "NextToken")
		_, err = c.DescribeAlarms(t.Context(), &sdk.DescribeAlarmsInput{MaxRecords: aws.Int32(101)})
		refused(t, err, "ValidationError", "'maxRecords'")
		_, err = c.DescribeAlarms(t.Context(), &sdk.DescribeAlarmsInput{AlarmNames: []string{"a"}, AlarmNamePrefix: aws.String("a")})
		refused(t, err, "InvalidParameterCombination", "AlarmNamePrefix")
		_, err = c.DescribeAlarms(t.Context(), &sdk.DescribeAlarmsInput{ChildrenOfAlarmName: aws.String("a")})
		refused(t, err, "InvalidParameterValue", "composite")
	})
}

func TestDeleteEnableTags(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		in := simple("errors")
		in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("web")}}
		if _, err := c.PutMetricAlarm(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		enabled := func() bool { return *describe(t, c, &sdk.DescribeAlarmsInput{}).MetricAlarms[0].ActionsEnabled }
		if _, err := c.DisableAlarmActions(t.Context(), &sdk.DisableAlarmActionsInput{AlarmNames: []string{"errors"}}); err != nil || enabled() {
			t.Error(err)
		}
		if _, err := c.EnableAlarmActions(t.Context(), &sdk.EnableAlarmActionsInput{AlarmNames: []string{"errors"}}); err != nil || !enabled() {
			t.Error(err)
		}
		arn := aws.String(arnPrefix + "errors")
		if _, err := c.TagResource(t.Context(), &sdk.TagResourceInput{ResourceARN: arn, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("")}}}); err != nil {
			t.Error(err)
		}
		if _, err := c.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"team"}}); err != nil {
			t.Error(err)
		}
		tags, err := c.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceARN: arn})
		if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Key != "a" || *tags.Tags[0].Value != "" {
			t.Errorf("%+v, %v", tags, err)
		}
		_, err = c.TagResource(t.Context(), &sdk.TagResourceInput{ResourceARN: arn, Tags: []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("")}}})
		refused(t, err, "InvalidParameterValue", "aws:")
		for _, other := range []string{arnPrefix + "nobody", "arn:aws:cloudwatch:eu-west-1:000000000000:alarm:errors"} {
			_, err = c.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceARN: &other})
			var gone *types.ResourceNotFoundException
			if !errors.As(err, &gone) {
				t.Errorf("%s: %v", other, err)
			}
		}
		_, err = c.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceARN: aws.String("errors")})
		refused(t, err, "InvalidParameterValue", "not the ARN of an alarm")

		_, err = c.DeleteAlarms(t.Context(), &sdk.DeleteAlarmsInput{AlarmNames: []string{"nobody", "errors"}})
		refused(t, err, "ResourceNotFound", "nobody")
		if left := names(describe(t, c, &sdk.DescribeAlarmsInput{})); left != "" {
			t.Errorf("%s is left", left)
		}
	})
}

func TestMistakes(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		for _, m := range []struct {
			code, says string
			make       func(in *sdk.PutMetricAlarmInput)
		}{
			{"MissingParameter", "either MetricName, Metrics or EvaluationCriteria", func(in *sdk.PutMetricAlarmInput) { *in = sdk.PutMetricAlarmInput{AlarmName: in.AlarmName} }},
			{"InvalidParameterCombination", "only one of MetricName", func(in *sdk.PutMetricAlarmInput) { in.Metrics = []types.MetricDataQuery{{Id: aws.String("m")}} }},
			{"MissingParameter", "Namespace", func(in *sdk.PutMetricAlarmInput) { in.Namespace = nil }},
			{"InvalidParameterValue", "Invalid Period 45", func(in *sdk.PutMetricAlarmInput) { in.Period = aws.Int32(45) }},
			{"MissingParameter", "Period", func(in *sdk.PutMetricAlarmInput) { in.Period = nil }},
			{"MissingParameter", "Statistic", func(in *sdk.PutMetricAlarmInput) { in.Statistic = "" }},
			{"InvalidParameterCombination", "ExtendedStatistic", func(in *sdk.PutMetricAlarmInput) { in.ExtendedStatistic = aws.String("p9") }},
			{"ValidationError", "'statistic'", func(in *sdk.PutMetricAlarmInput) { in.Statistic = "Mean" }},
			{"MissingParameter", "EvaluationPeriods", func(in *sdk.PutMetricAlarmInput) { in.EvaluationPeriods = nil }},
			{"InvalidParameterValue", "DatapointsToAlarm (4)", func(in *sdk.PutMetricAlarmInput) { in.DatapointsToAlarm = aws.Int32(4) }},
			{"MissingParameter", "ComparisonOperator", func(in *sdk.PutMetricAlarmInput) { in.ComparisonOperator = "" }},
			{"MissingParameter", "Threshold", func(in *sdk.PutMetricAlarmInput) { in.Threshold = nil }},
			{"InvalidParameterCombination", "ThresholdMetricId", func(in *sdk.PutMetricAlarmInput) { in.ThresholdMetricId = aws.String("m") }},
			{"MissingParameter", "ThresholdMetricId", func(in *sdk.PutMetricAlarmInput) { in.ComparisonOperator = "LessThanLowerThreshold" }},
			{"InvalidParameterValue", "TreatMissingData 'zero'", func(in *sdk.PutMetricAlarmInput) { in.TreatMissingData = aws.String("zero") }},
			{"InvalidParameterValue", "EvaluateLowSampleCountPercentile", func(in *sdk.PutMetricAlarmInput) { in.EvaluateLowSampleCountPercentile = aws.String("x") }},
			{"InvalidParameterValue", "Invalid action 'pager'", func(in *sdk.PutMetricAlarmInput) { in.OKActions = []string{"pager"} }},
			{"InvalidParameterValue", "aws:", func(in *sdk.PutMetricAlarmInput) {
				in.Tags = []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("")}}
			}},
			{"ValidationError", "'alarmActions'", func(in *sdk.PutMetricAlarmInput) { in.AlarmActions = make([]string, 6) }},
		} {
			in := simple("errors")
			m.make(in)
			_, err := c.PutMetricAlarm(t.Context(), in)
			refused(t, err, m.code, m.says)
		}
		for i := range 10 {
			put(t, c, fmt.Sprint(i))
		}
		_, err := c.PutMetricAlarm(t.Context(), simple("errors"))
		refused(t, err, "LimitExceeded", "as many alarms")
		_, err = c.PutCompositeAlarm(t.Context(), &sdk.PutCompositeAlarmInput{AlarmName: aws.String("c"), AlarmRule: aws.String("ALARM(a)")})
		refused(t, err, "InvalidAction", "does not offer the operation 'PutCompositeAlarm' of cloudwatch. It keeps metric alarms")
	})
}

// watched notes what permission is asked for, and grants none.
type watched struct{ asked string }

func (w *watched) Authorize(_ context.Context, _ awsapi.Identity, action string, resources []string) error {
	w.asked = fmt.Sprint(action, " ", resources)
	return awsapi.Errorf("AccessDeniedException", "no")
}

// Requests are signed for "monitoring"; what policies speak of is "cloudwatch".
func TestPermissions(t *testing.T) {
	w := &watched{}
	config := guarded(t, alarm.Options{}, w)
	for _, p := range []smithyhttp.ClientProtocol{nil, awsjson.New10(schemas.GraniteServiceVersion20100801), awsquery.New(schemas.GraniteServiceVersion20100801)} {
		c := sdk.NewFromConfig(config, speaking(p))
		w.asked = ""
		_, err := c.PutMetricAlarm(t.Context(), simple("errors"))
		refused(t, err, "AccessDenied", "no")
		if w.asked != "cloudwatch:PutMetricAlarm ["+arnPrefix+"errors]" {
			t.Errorf("asked for %q", w.asked)
		}
	}
}

func TestAStranger(t *testing.T) {
	config := serve(t, alarm.Options{})
	config.Credentials = credentials.NewStaticCredentialsProvider("AKIAROOT", "guessed", "")
	c := sdk.NewFromConfig(config)
	_, err := c.DescribeAlarms(t.Context(), &sdk.DescribeAlarmsInput{})
	var e smithy.APIError
	if !errors.As(err, &e) || !strings.Contains(e.ErrorCode(), "Signature") {
		t.Error(err)
	}
}

func TestAWSCommand(t *testing.T) {
	command := awsapitest.CLI(t, serve(t, alarm.Options{}))
	run := func(args ...string) string {
		out, _ := command(append([]string{"cloudwatch"}, args...)...) // what it printed says more than its exit status
		return out
	}
	if out := run("put-metric-alarm", "--alarm-name", "errors", "--namespace", "site", "--metric-name", "5xx", "--statistic", "Sum", "--period", "60",
		"--evaluation-periods", "1", "--threshold", "1.5", "--comparison-operator", "GreaterThanThreshold", "--tags", "Key=team,Value=web"); out != "" {
		t.Fatal(out)
	}
	if out := run("describe-alarms", "--query", "MetricAlarms[0].[AlarmArn,Threshold,StateValue]", "--output", "text"); out != arnPrefix+"errors\t1.5\tINSUFFICIENT_DATA" {
		t.Error(out)
	}
	if out := run("delete-alarms", "--alarm-names", "nobody"); !strings.Contains(out, "(ResourceNotFound) when calling the DeleteAlarms operation: Unknown alarm: nobody") {
		t.Error(out)
	}
}
