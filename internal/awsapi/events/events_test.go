package events_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/awsapi/awsapitest"
	"github.com/conveyor-cd/conveyor/internal/awsapi/events"
	"github.com/conveyor-cd/conveyor/internal/event"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// anywhere takes everything.
type anywhere struct{}

func (anywhere) Check(context.Context, event.TargetSpec) error { return nil }
func (anywhere) Deliver(context.Context, event.Delivery) error { return nil }

// each runs a test with clients of a fresh service, in process and over HTTP.
func each(t *testing.T, test func(t *testing.T, c *sdk.Client)) {
	t.Helper()
	awsapitest.Each(t, fresh, func(t *testing.T, clients aws.Config) { test(t, sdk.NewFromConfig(clients)) })
}

func fresh(t *testing.T) (service any, add func(*awsapi.Mux)) {
	t.Helper()
	st := sqltest.SQLite(t)
	box, err := secret.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	room := event.New(event.Options{Store: st, Jobs: queue.New(st, queue.Config{}), Sealer: box})
	room.Register("codepipeline", anywhere{})
	room.Register("events", event.NewHTTP(room, false))
	s := events.New(st, room, awsapi.Place{})
	return s, func(m *awsapi.Mux) { m.Add(s.API()) }
}

const pipelineARN = "arn:aws:codepipeline:us-east-1:000000000000:site"

func TestRulesAndTargets(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		ctx := t.Context()
		for _, name := range []string{"a", "b", "c"} {
			out, err := c.PutRule(ctx, &sdk.PutRuleInput{
				Name: &name, EventPattern: aws.String(`{"source":["x"]}`), Description: aws.String("of " + name),
				Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("web")}},
			})
			if err != nil || *out.RuleArn != "arn:aws:events:us-east-1:000000000000:rule/"+name {
				t.Fatalf("%+v, %v", out, err)
			}
		}
		if _, err := c.PutRule(ctx, &sdk.PutRuleInput{Name: aws.String("a"), ScheduleExpression: aws.String("rate(5 minutes)"), State: types.RuleStateDisabled}); err != nil {
			t.Fatal(err)
		}
		a, err := c.DescribeRule(ctx, &sdk.DescribeRuleInput{Name: aws.String("a")})
		if err != nil || a.EventPattern != nil || a.Description != nil || *a.ScheduleExpression != "rate(5 minutes)" || a.State != types.RuleStateDisabled || *a.EventBusName != "default" {
			t.Errorf("%+v, %v", a, err)
		}
		if tags, err := c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceARN: a.Arn}); err != nil || len(tags.Tags) != 1 {
			t.Errorf("%+v, %v", tags, err)
		}
		first, err := c.ListRules(ctx, &sdk.ListRulesInput{Limit: aws.Int32(2)})
		if err != nil || len(first.Rules) != 2 || first.NextToken == nil {
			t.Fatalf("%+v, %v", first, err)
		}
		rest, err := c.ListRules(ctx, &sdk.ListRulesInput{Limit: aws.Int32(2), NextToken: first.NextToken})
		if err != nil || len(rest.Rules) != 1 || *rest.Rules[0].Name != "c" || rest.NextToken != nil {
			t.Errorf("%+v, %v", rest, err)
		}

		put := func(targets ...types.Target) error {
			_, err := c.PutTargets(ctx, &sdk.PutTargetsInput{Rule: aws.String("b"), Targets: targets})
			return err
		}
		full := types.Target{
			Id: aws.String("1"), Arn: aws.String(pipelineARN), RoleArn: aws.String("arn:aws:iam::000000000000:role/r"),
			InputTransformer: &types.InputTransformer{InputPathsMap: map[string]string{"s": "$.detail.state"}, InputTemplate: aws.String(`{"s": <s>}`)},
			RetryPolicy:      &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(3), MaximumEventAgeInSeconds: aws.Int32(60)},
		}
		if err := put(full, types.Target{Id: aws.String("2"), Arn: aws.String(pipelineARN)}); err != nil {
			t.Fatal(err)
		}
		list, err := c.ListTargetsByRule(ctx, &sdk.ListTargetsByRuleInput{Rule: aws.String("b")})
		if err != nil || len(list.Targets) != 2 || *list.Targets[0].InputTransformer.InputTemplate != `{"s": <s>}` ||
			list.Targets[0].InputTransformer.InputPathsMap["s"] != "$.detail.state" || *list.Targets[0].RetryPolicy.MaximumEventAgeInSeconds != 60 {
			t.Errorf("%+v, %v", list, err)
		}
		by, err := c.ListRuleNamesByTarget(ctx, &sdk.ListRuleNamesByTargetInput{TargetArn: aws.String(pipelineARN)})
		if err != nil || fmt.Sprint(by.RuleNames) != "[b]" {
			t.Errorf("%+v, %v", by, err)
		}
		_, err = c.DeleteRule(ctx, &sdk.DeleteRuleInput{Name: aws.String("b")})
		awsapitest.Refused(t, err, "ValidationException", "has targets")
		gone, err := c.RemoveTargets(ctx, &sdk.RemoveTargetsInput{Rule: aws.String("b"), Ids: []string{"1", "2", "3"}})
		if err != nil || gone.FailedEntryCount != 1 || *gone.FailedEntries[0].TargetId != "3" {
			t.Errorf("%+v, %v", gone, err)
		}
		if _, err := c.DeleteRule(ctx, &sdk.DeleteRuleInput{Name: aws.String("b")}); err != nil {
			t.Error(err)
		}
		_, err = c.DescribeRule(ctx, &sdk.DescribeRuleInput{Name: aws.String("b")})
		awsapitest.Refused(t, err, "ResourceNotFoundException", "Rule b does not exist")
		awsapitest.Refused(t, put(full), "ResourceNotFoundException", "Rule b does not exist")
	})
}

func TestRefusals(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		ctx := t.Context()
		rule := func(change func(*sdk.PutRuleInput)) error {
			in := &sdk.PutRuleInput{Name: aws.String("r"), EventPattern: aws.String(`{"source":["x"]}`)}
			change(in)
			_, err := c.PutRule(ctx, in)
			return err
		}
		if err := rule(func(*sdk.PutRuleInput) {}); err != nil {
			t.Fatal(err)
		}
		awsapitest.Refused(t, rule(func(in *sdk.PutRuleInput) { in.EventPattern = nil }), "ValidationException", "must be specified")
		awsapitest.Refused(t, rule(func(in *sdk.PutRuleInput) { in.EventPattern = aws.String(`{"source":"x"}`) }), "InvalidEventPatternException", "Event pattern is not valid. Reason: \"source\" must be an object or an array")
		awsapitest.Refused(t, rule(func(in *sdk.PutRuleInput) { in.ScheduleExpression = aws.String("rate(1 minutes)") }), "ValidationException", "ScheduleExpression is not valid")
		awsapitest.Refused(t, rule(func(in *sdk.PutRuleInput) { in.EventBusName = aws.String("other") }), "ResourceNotFoundException", "Event bus other does not exist")
		target := func(change func(*types.Target)) error {
			target := types.Target{Id: aws.String("1"), Arn: aws.String(pipelineARN)}
			change(&target)
			_, err := c.PutTargets(ctx, &sdk.PutTargetsInput{Rule: aws.String("r"), Targets: []types.Target{target}})
			return err
		}
		awsapitest.Refused(t, target(func(t *types.Target) { t.Arn = aws.String("arn:aws:sqs:us-east-1:000000000000:q") }), "ValidationException", "cannot deliver to")
		awsapitest.Refused(t, target(func(t *types.Target) {
			t.DeadLetterConfig = &types.DeadLetterConfig{Arn: aws.String("arn:aws:sqs:us-east-1:000000000000:q")}
		}), "ValidationException", "DeadLetterConfig")
		awsapitest.Refused(t, target(func(t *types.Target) { t.SqsParameters = &types.SqsParameters{} }), "ValidationException", "SqsParameters")
		awsapitest.Refused(t, target(func(t *types.Target) { t.Input = aws.String("{") }), "ValidationException", "not valid JSON")
		_, err := c.ListRules(ctx, &sdk.ListRulesInput{NextToken: aws.String("mine")})
		awsapitest.Refused(t, err, "ValidationException", "NextToken")
		_, err = c.TagResource(ctx, &sdk.TagResourceInput{ResourceARN: aws.String("arn:aws:events:us-east-1:000000000000:event-bus/default"), Tags: []types.Tag{}})
		awsapitest.Refused(t, err, "ResourceNotFoundException", "not the ARN of a rule")
	})
}

// What a member may look like is checked before an operation sees it.
func TestShapesAreCheckedOnTheWire(t *testing.T) {
	_, add := fresh(t)
	c := sdk.NewFromConfig(awsapitest.Serve(t, add))
	_, err := c.PutRule(t.Context(), &sdk.PutRuleInput{Name: aws.String("a b"), EventPattern: aws.String(`{"source":["x"]}`)})
	awsapitest.Refused(t, err, "ValidationException", "regular expression")
}

func TestPutEvents(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		entry := func(source, detail string) types.PutEventsRequestEntry {
			return types.PutEventsRequestEntry{Source: &source, DetailType: aws.String("T"), Detail: &detail}
		}
		out, err := c.PutEvents(t.Context(), &sdk.PutEventsInput{Entries: []types.PutEventsRequestEntry{
			entry("shop", `{"n":1}`), entry("aws.s3", `{}`), entry("shop", `[]`), {Source: aws.String("shop"), Detail: aws.String("{}")},
		}})
		if err != nil || out.FailedEntryCount != 3 || len(*out.Entries[0].EventId) != 36 {
			t.Fatalf("%+v, %v", out, err)
		}
		for i, code := range []string{"", "NotAuthorizedForSourceException", "MalformedDetail", "InvalidArgument"} {
			if got := aws.ToString(out.Entries[i].ErrorCode); got != code {
				t.Errorf("entry %d: %s, want %s", i, got, code)
			}
		}
	})
}

func TestEventPatternsAreTested(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		const doc = `{"id":"1","account":"0","source":"x","time":"2026-01-01T00:00:00Z","region":"r","resources":[],"detail-type":"T"}`
		for pattern, want := range map[string]bool{`{"source":["x"]}`: true, `{"source":["y"]}`: false} {
			out, err := c.TestEventPattern(t.Context(), &sdk.TestEventPatternInput{Event: aws.String(doc), EventPattern: &pattern})
			if err != nil || out.Result != want {
				t.Errorf("%s: %+v, %v", pattern, out, err)
			}
		}
		_, err := c.TestEventPattern(t.Context(), &sdk.TestEventPatternInput{Event: aws.String(`{}`), EventPattern: aws.String(`{"source":["x"]}`)})
		awsapitest.Refused(t, err, "ValidationException", "the member id is missing")
	})
}

func TestConnections(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		ctx := t.Context()
		name := aws.String("hook")
		create := &sdk.CreateConnectionInput{
			Name: name, AuthorizationType: types.ConnectionAuthorizationTypeBasic,
			AuthParameters: &types.CreateConnectionAuthRequestParameters{
				BasicAuthParameters: &types.CreateConnectionBasicAuthRequestParameters{Username: aws.String("eve"), Password: aws.String("pa55")},
				InvocationHttpParameters: &types.ConnectionHttpParameters{HeaderParameters: []types.ConnectionHeaderParameter{
					{Key: aws.String("X-Open"), Value: aws.String("yes")}, {Key: aws.String("X-Hidden"), Value: aws.String("hush"), IsValueSecret: true},
				}},
			},
		}
		made, err := c.CreateConnection(ctx, create)
		if err != nil || made.ConnectionState != types.ConnectionStateAuthorized {
			t.Fatalf("%+v, %v", made, err)
		}
		_, err = c.CreateConnection(ctx, create)
		awsapitest.Refused(t, err, "ResourceAlreadyExistsException", "hook already exists")
		seen, err := c.DescribeConnection(ctx, &sdk.DescribeConnectionInput{Name: name})
		if err != nil || *seen.AuthParameters.BasicAuthParameters.Username != "eve" {
			t.Fatalf("%+v, %v", seen, err)
		}
		headers := seen.AuthParameters.InvocationHttpParameters.HeaderParameters
		if *headers[0].Value != "yes" || headers[1].Value != nil || !headers[1].IsValueSecret {
			t.Errorf("%+v", headers)
		}
		_, err = c.UpdateConnection(ctx, &sdk.UpdateConnectionInput{
			Name: name, AuthorizationType: types.ConnectionAuthorizationTypeApiKey, AuthParameters: &types.UpdateConnectionAuthRequestParameters{
				ApiKeyAuthParameters: &types.UpdateConnectionApiKeyAuthRequestParameters{ApiKeyName: aws.String("X-Key"), ApiKeyValue: aws.String("k")},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		seen, err = c.DescribeConnection(ctx, &sdk.DescribeConnectionInput{Name: name})
		if err != nil || seen.AuthParameters.BasicAuthParameters != nil || *seen.AuthParameters.ApiKeyAuthParameters.ApiKeyName != "X-Key" {
			t.Errorf("%+v, %v", seen.AuthParameters, err)
		}
		to, err := c.CreateApiDestination(ctx, &sdk.CreateApiDestinationInput{
			Name: name, ConnectionArn: made.ConnectionArn, InvocationEndpoint: aws.String("https://example.com/*/in"), HttpMethod: types.ApiDestinationHttpMethodPost,
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.UpdateApiDestination(ctx, &sdk.UpdateApiDestinationInput{Name: name, HttpMethod: types.ApiDestinationHttpMethodPut}); err != nil {
			t.Fatal(err)
		}
		d, err := c.DescribeApiDestination(ctx, &sdk.DescribeApiDestinationInput{Name: name})
		if err != nil || d.HttpMethod != types.ApiDestinationHttpMethodPut || *d.ApiDestinationArn != *to.ApiDestinationArn || *d.ConnectionArn != *made.ConnectionArn {
			t.Errorf("%+v, %v", d, err)
		}
		_, err = c.DeleteConnection(ctx, &sdk.DeleteConnectionInput{Name: name})
		awsapitest.Refused(t, err, "ValidationException", "used by 1 API destinations")
		if list, err := c.ListApiDestinations(ctx, &sdk.ListApiDestinationsInput{ConnectionArn: made.ConnectionArn}); err != nil || len(list.ApiDestinations) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
		if _, err := c.DeleteApiDestination(ctx, &sdk.DeleteApiDestinationInput{Name: name}); err != nil {
			t.Error(err)
		}
		if _, err := c.DeleteConnection(ctx, &sdk.DeleteConnectionInput{Name: name}); err != nil {
			t.Error(err)
		}
		_, err = c.DescribeConnection(ctx, &sdk.DescribeConnectionInput{Name: name})
		awsapitest.Refused(t, err, "ResourceNotFoundException", "Connection hook does not exist")
	})
}
