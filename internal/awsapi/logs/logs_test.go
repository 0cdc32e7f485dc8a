package logs_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi/awsapitest"
)

// at is an event some seconds before now.
func at(secondsAgo int, message string) types.InputLogEvent {
	return types.InputLogEvent{Timestamp: aws.Int64(now.Add(-time.Duration(secondsAgo) * time.Second).UnixMilli()), Message: &message}
}

func put(t *testing.T, c *sdk.Client, stream string, events ...types.InputLogEvent) *sdk.PutLogEventsOutput {
	t.Helper()
	out, err := c.PutLogEvents(t.Context(), &sdk.PutLogEventsInput{LogGroupName: aws.String(group), LogStreamName: &stream, LogEvents: events})
	must(t, err)
	return out
}

func prepare(t *testing.T, c *sdk.Client, streams ...string) {
	t.Helper()
	_, err := c.CreateLogGroup(t.Context(), &sdk.CreateLogGroupInput{LogGroupName: aws.String(group), Tags: map[string]string{"team": "web"}})
	must(t, err)
	for _, stream := range streams {
		_, err := c.CreateLogStream(t.Context(), &sdk.CreateLogStreamInput{LogGroupName: aws.String(group), LogStreamName: &stream})
		must(t, err)
	}
}

func TestLogGroups(t *testing.T) {
	c, _ := client(t)
	ctx := t.Context()
	prepare(t, c)
	_, err := c.CreateLogGroup(ctx, &sdk.CreateLogGroupInput{LogGroupName: aws.String(group)})
	awsapitest.Refused(t, err, "ResourceAlreadyExistsException", "already exists")
	_, err = c.CreateLogGroup(ctx, &sdk.CreateLogGroupInput{LogGroupName: aws.String("no spaces")})
	awsapitest.Refused(t, err, "InvalidParameterException", "logGroupName")
	_, err = c.CreateLogGroup(ctx, &sdk.CreateLogGroupInput{LogGroupName: aws.String("x"), KmsKeyId: aws.String("arn:aws:kms:us-east-1:000000000000:key/1")})
	awsapitest.Refused(t, err, "InvalidParameterException", "KMS")
	_, err = c.CreateLogGroup(ctx, &sdk.CreateLogGroupInput{LogGroupName: aws.String("x"), LogGroupClass: types.LogGroupClassInfrequentAccess})
	awsapitest.Refused(t, err, "InvalidParameterException", "INFREQUENT_ACCESS")

	_, err = c.PutRetentionPolicy(ctx, &sdk.PutRetentionPolicyInput{LogGroupName: aws.String(group), RetentionInDays: aws.Int32(30)})
	must(t, err)
	_, err = c.PutRetentionPolicy(ctx, &sdk.PutRetentionPolicyInput{LogGroupName: aws.String(group), RetentionInDays: aws.Int32(31)})
	awsapitest.Refused(t, err, "InvalidParameterException", "31")
	_, err = c.PutRetentionPolicy(ctx, &sdk.PutRetentionPolicyInput{LogGroupName: aws.String("none"), RetentionInDays: aws.Int32(1)})
	awsapitest.Refused(t, err, "ResourceNotFoundException", "log group")

	got, err := c.DescribeLogGroups(ctx, &sdk.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/aws/")})
	must(t, err)
	if len(got.LogGroups) != 1 {
		t.Fatalf("%d groups", len(got.LogGroups))
	}
	g := got.LogGroups[0]
	if *g.LogGroupName != group || *g.Arn != arn+":*" || *g.LogGroupArn != arn || *g.RetentionInDays != 30 ||
		*g.CreationTime != now.UnixMilli() || g.LogGroupClass != types.LogGroupClassStandard {
		t.Errorf("%+v", g)
	}
	_, err = c.DeleteRetentionPolicy(ctx, &sdk.DeleteRetentionPolicyInput{LogGroupName: aws.String(group)})
	must(t, err)
	_, err = c.DeleteLogGroup(ctx, &sdk.DeleteLogGroupInput{LogGroupName: aws.String(group)})
	must(t, err)
	_, err = c.DeleteLogGroup(ctx, &sdk.DeleteLogGroupInput{LogGroupName: aws.String(group)})
	awsapitest.Refused(t, err, "ResourceNotFoundException", "log group")
}

func TestGroupPages(t *testing.T) {
	c, store := client(t)
	for i := range 7 {
		must(t, store.EnsureGroup(t.Context(), fmt.Sprint("g", i)))
	}
	pages := sdk.NewDescribeLogGroupsPaginator(c, &sdk.DescribeLogGroupsInput{Limit: aws.Int32(3)})
	var names []string
	for pages.HasMorePages() {
		p, err := pages.NextPage(t.Context())
		must(t, err)
		for _, g := range p.LogGroups {
			names = append(names, *g.LogGroupName)
		}
	}
	if got := strings.Join(names, " "); got != "g0 g1 g2 g3 g4 g5 g6" {
		t.Error(got)
	}
	_, err := c.DescribeLogGroups(t.Context(), &sdk.DescribeLogGroupsInput{NextToken: aws.String("?")})
	awsapitest.Refused(t, err, "InvalidParameterException", "nextToken")
}

func TestTags(t *testing.T) {
	c, _ := client(t)
	prepare(t, c)
	ctx := t.Context()
	_, err := c.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: aws.String(arn), Tags: map[string]string{"a": "1", "b": "2"}})
	must(t, err)
	_, err = c.UntagResource(ctx, &sdk.UntagResourceInput{ResourceArn: aws.String(arn), TagKeys: []string{"a"}})
	must(t, err)
	got, err := c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: aws.String(arn)})
	must(t, err)
	if len(got.Tags) != 2 || got.Tags["team"] != "web" || got.Tags["b"] != "2" {
		t.Errorf("%v", got.Tags)
	}
	_, err = c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: aws.String("arn:aws:s3:::bucket")})
	awsapitest.Refused(t, err, "InvalidParameterException", "not the ARN of a log group")
	_, err = c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: aws.String(arn + "x")})
	awsapitest.Refused(t, err, "ResourceNotFoundException", "")
}

func TestStreams(t *testing.T) {
	c, _ := client(t)
	ctx := t.Context()
	prepare(t, c, "b", "a", "c")
	put(t, c, "a", at(3, "x"), at(2, "y"))
	put(t, c, "c", at(9, "x"))
	list := func(in sdk.DescribeLogStreamsInput) (names []string) {
		t.Helper()
		in.LogGroupName = aws.String(group)
		pages := sdk.NewDescribeLogStreamsPaginator(c, &in)
		for pages.HasMorePages() {
			p, err := pages.NextPage(ctx)
			must(t, err)
			for _, st := range p.LogStreams {
				names = append(names, *st.LogStreamName)
			}
		}
		return names
	}
	for want, in := range map[string]sdk.DescribeLogStreamsInput{
		"a b c": {Limit: aws.Int32(2)},
		"a c b": {OrderBy: types.OrderByLastEventTime, Descending: aws.Bool(true), Limit: aws.Int32(1)},
		"c":     {LogStreamNamePrefix: aws.String("c")},
	} {
		if got := strings.Join(list(in), " "); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	got, err := c.DescribeLogStreams(ctx, &sdk.DescribeLogStreamsInput{LogGroupIdentifier: aws.String(arn), LogStreamNamePrefix: aws.String("a")})
	must(t, err)
	a := got.LogStreams[0]
	if *a.Arn != arn+":log-stream:a" || *a.FirstEventTimestamp != *at(3, "").Timestamp || *a.LastEventTimestamp != *at(2, "").Timestamp || *a.LastIngestionTime != now.UnixMilli() {
		t.Errorf("%+v", a)
	}
	_, err = c.DescribeLogStreams(ctx, &sdk.DescribeLogStreamsInput{LogGroupName: aws.String(group), OrderBy: types.OrderByLastEventTime, LogStreamNamePrefix: aws.String("a")})
	awsapitest.Refused(t, err, "InvalidParameterException", "LastEventTime")
	_, err = c.DescribeLogStreams(ctx, &sdk.DescribeLogStreamsInput{})
	awsapitest.Refused(t, err, "InvalidParameterException", "logGroupName")
	_, err = c.CreateLogStream(ctx, &sdk.CreateLogStreamInput{LogGroupName: aws.String(group), LogStreamName: aws.String("a")})
	awsapitest.Refused(t, err, "ResourceAlreadyExistsException", "log stream")
	_, err = c.DeleteLogStream(ctx, &sdk.DeleteLogStreamInput{LogGroupName: aws.String(group), LogStreamName: aws.String("a")})
	must(t, err)
	_, err = c.GetLogEvents(ctx, &sdk.GetLogEventsInput{LogGroupName: aws.String(group), LogStreamName: aws.String("a")})
	awsapitest.Refused(t, err, "ResourceNotFoundException", "log stream")
}

func TestPutLogEventsRules(t *testing.T) {
	c, _ := client(t)
	prepare(t, c, stream)
	try := func(events ...types.InputLogEvent) error {
		_, err := c.PutLogEvents(t.Context(), &sdk.PutLogEventsInput{LogGroupName: aws.String(group), LogStreamName: aws.String(stream), LogEvents: append([]types.InputLogEvent{}, events...)})
		return err
	}
	awsapitest.Refused(t, try(at(1, "a"), at(2, "b")), "InvalidParameterException", "chronological")
	awsapitest.Refused(t, try(at(25*3600, "a"), at(0, "b")), "InvalidParameterException", "24 hours")
	awsapitest.Refused(t, try(at(1, strings.Repeat("x", 1<<20))), "InvalidParameterException", "Upload too large")
	awsapitest.Refused(t, try(), "InvalidParameterException", "logEvents")

	const day = 24 * 3600
	out := put(t, c, stream, at(14*day+10, "too old"), at(14*day+1, "too old"), at(14*day-60, "good"))
	if r := out.RejectedLogEventsInfo; r == nil || *r.TooOldLogEventEndIndex != 2 {
		t.Errorf("%+v", r)
	}
	out = put(t, c, stream, at(-60, "good"), at(-3*3600, "too new"))
	if r := out.RejectedLogEventsInfo; r == nil || *r.TooNewLogEventStartIndex != 1 {
		t.Errorf("%+v", r)
	}
	got, err := c.GetLogEvents(t.Context(), &sdk.GetLogEventsInput{LogGroupName: aws.String(group), LogStreamName: aws.String(stream)})
	must(t, err)
	if len(got.Events) != 2 || *got.Events[0].Message != "good" || *got.Events[1].Message != "good" {
		t.Errorf("%+v", got.Events)
	}
}

// A reader goes forward to the end, learns so from an unchanged token, and goes on when more has come.
func TestGetLogEventsTokens(t *testing.T) {
	c, _ := client(t)
	prepare(t, c, stream)
	for i := range 5 {
		put(t, c, stream, at(10-i, fmt.Sprint(i)))
	}
	get := func(in sdk.GetLogEventsInput) (string, *sdk.GetLogEventsOutput) {
		t.Helper()
		in.LogGroupName, in.LogStreamName = aws.String(group), aws.String(stream)
		out, err := c.GetLogEvents(t.Context(), &in)
		must(t, err)
		text := ""
		for _, e := range out.Events {
			text += *e.Message
		}
		return text, out
	}
	two := aws.Int32(2)
	text, out := get(sdk.GetLogEventsInput{StartFromHead: aws.Bool(true), Limit: two})
	for _, want := range []string{"01", "23", "4"} {
		if text != want {
			t.Errorf("forward: %s, want %s", text, want)
		}
		text, out = get(sdk.GetLogEventsInput{NextToken: out.NextForwardToken, Limit: two})
	}
	end := *out.NextForwardToken
	if text, out = get(sdk.GetLogEventsInput{NextToken: &end, Limit: two}); text != "" || *out.NextForwardToken != end {
		t.Errorf("at the end: %q, token %s after %s", text, *out.NextForwardToken, end)
	}
	put(t, c, stream, at(1, "5"))
	if text, _ = get(sdk.GetLogEventsInput{NextToken: &end}); text != "5" {
		t.Errorf("what came later: %q", text)
	}

	text, out = get(sdk.GetLogEventsInput{Limit: two})
	for _, want := range []string{"45", "23", "01", ""} {
		if text != want {
			t.Errorf("backward: %s, want %s", text, want)
		}
		text, out = get(sdk.GetLogEventsInput{NextToken: out.NextBackwardToken, Limit: two})
	}
	begin := *out.NextBackwardToken
	if text, out = get(sdk.GetLogEventsInput{NextToken: &begin}); text != "" || *out.NextBackwardToken != begin {
		t.Errorf("at the beginning: %q, token %s after %s", text, *out.NextBackwardToken, begin)
	}
	for _, token := range []string{"f/x/s", "g/1/s", "f/1", "f/-1/s", "1"} {
		_, err := c.GetLogEvents(t.Context(), &sdk.GetLogEventsInput{LogGroupName: aws.String(group), LogStreamName: aws.String(stream), NextToken: &token})
		awsapitest.Refused(t, err, "InvalidParameterException", "nextToken")
	}
}

func TestFilterLogEvents(t *testing.T) {
	c, _ := client(t)
	ctx := t.Context()
	prepare(t, c, "a", "b")
	put(t, c, "a", at(9, "one"), at(7, "ERROR three"), at(5, "five"))
	put(t, c, "b", at(8, "two"), at(6, "four ERROR"))
	filter := func(in sdk.FilterLogEventsInput) string {
		t.Helper()
		in.LogGroupName = aws.String(group)
		pages := sdk.NewFilterLogEventsPaginator(c, &in)
		var text []string
		for pages.HasMorePages() {
			p, err := pages.NextPage(ctx)
			must(t, err)
			for _, e := range p.Events {
				text = append(text, *e.LogStreamName+":"+*e.Message)
			}
		}
		return strings.Join(text, " ")
	}
	for want, in := range map[string]sdk.FilterLogEventsInput{
		"a:one b:two a:ERROR three b:four ERROR a:five": {Limit: aws.Int32(2)},
		"a:ERROR three b:four ERROR":                    {FilterPattern: aws.String("ERROR")},
		"b:two b:four ERROR":                            {LogStreamNames: []string{"b"}},
		"b:four ERROR a:five":                           {StartTime: at(6, "").Timestamp},
		"a:one b:two":                                   {EndTime: at(8, "").Timestamp},
		"":                                              {LogStreamNamePrefix: aws.String("c")},
	} {
		if got := filter(in); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for says, in := range map[string]sdk.FilterLogEventsInput{
		"after a selector": {FilterPattern: aws.String("{ $.level }")},
		"regular":          {FilterPattern: aws.String("%ERR.*")},
		"Only one of":      {LogStreamNames: []string{"a"}, LogStreamNamePrefix: aws.String("a")},
		"startFromHead":    {StartFromHead: aws.Bool(false)},
		"nextToken is in":  {NextToken: aws.String("made up")},
		"before start":     {StartTime: aws.Int64(2), EndTime: aws.Int64(1)},
	} {
		in.LogGroupName = aws.String(group)
		_, err := c.FilterLogEvents(ctx, &in)
		awsapitest.Refused(t, err, "InvalidParameterException", says)
	}
	_, err := c.FilterLogEvents(ctx, &sdk.FilterLogEventsInput{LogGroupName: aws.String(group), LogStreamNames: []string{"z"}})
	awsapitest.Refused(t, err, "ResourceNotFoundException", "log stream")
	_, err = c.FilterLogEvents(ctx, &sdk.FilterLogEventsInput{LogGroupIdentifier: aws.String(strings.Replace(arn, "us-east-1", "eu-west-1", 1))})
	awsapitest.Refused(t, err, "ResourceNotFoundException", "log group")
}

func TestLiveTailSaysWhatToDoInstead(t *testing.T) {
	s, _ := newService(t)
	_, err := s.StartLiveTail(t.Context(), &sdk.StartLiveTailInput{LogGroupIdentifiers: []string{arn}})
	awsapitest.Refused(t, err, "InvalidOperationException", "FilterLogEvents")
}

// What `aws logs tail --follow` does: it asks again from the last event it saw and drops what it has seen already.
func TestFollowing(t *testing.T) {
	c, store := client(t)
	ctx := t.Context()
	w, err := store.Writer(ctx, group, stream)
	must(t, err)
	seen := map[string]bool{}
	var text strings.Builder
	start := int64(0)
	poll := func() {
		in := &sdk.FilterLogEventsInput{LogGroupName: aws.String(group), StartTime: &start}
		for {
			out, err := c.FilterLogEvents(ctx, in)
			must(t, err)
			for _, e := range out.Events {
				if !seen[*e.EventId] {
					text.WriteString(*e.Message)
				}
				seen[*e.EventId] = true
				start = max(start, *e.Timestamp)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return
			}
		}
	}
	want := ""
	for i := range 20 {
		line := fmt.Sprintf("[Container] line %d\n", i)
		want += line
		_, err := io.WriteString(w, line)
		must(t, err)
		poll()
	}
	must(t, w.Close(ctx))
	poll()
	if text.String() != want {
		t.Errorf("got %q", text.String())
	}
}

func TestTheAWSCommand(t *testing.T) {
	s, store := newService(t)
	aws := cli(t, serve(t, s))
	w, err := store.Writer(t.Context(), group, stream)
	must(t, err)
	_, err = io.WriteString(w, "first\nsecond ERROR\nthird\n")
	must(t, err)
	for _, tc := range []struct{ args, want string }{
		{"filter-log-events --log-group-name " + group + " --interleaved --query events[].message --output json", `"second ERROR\n"`},
		{"filter-log-events --log-group-name " + group + " --filter-pattern ERROR --query length(events)", "1"},
		{"get-log-events --log-group-name " + group + " --log-stream-name " + stream + " --start-from-head --query length(events)", "3"},
		{"describe-log-streams --log-group-name " + group + " --order-by LastEventTime --descending --query logStreams[0].logStreamName", stream},
		{"describe-log-groups --log-group-name-prefix /aws/codebuild --query logGroups[0].arn", arn + ":*"},
		{"create-log-group --log-group-name mine --tags a=b", ""},
		{"put-retention-policy --log-group-name mine --retention-in-days 7", ""},
		{"create-log-stream --log-group-name mine --log-stream-name s", ""},
		{fmt.Sprintf("put-log-events --log-group-name mine --log-stream-name s --log-events timestamp=%d,message=hello --query nextSequenceToken", now.UnixMilli()), "4"},
		{"list-tags-for-resource --resource-arn arn:aws:logs:us-east-1:000000000000:log-group:mine --query tags.a", "b"},
		{"delete-log-group --log-group-name mine", ""},
	} {
		if got := aws(strings.Fields(tc.args)...); !strings.Contains(got, tc.want) {
			t.Errorf("aws logs %s: %s", tc.args, got)
		}
	}
	must(t, w.Close(t.Context()))
}
