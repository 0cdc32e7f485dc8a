package codepipeline_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/smithy-go"
)

// webhookQuota is how many webhooks the server of the suite takes.
const webhookQuota = 8

// hook is a webhook of the pipeline site that takes signed pushes of its branch.
func hook(name string, changes ...func(*types.WebhookDefinition)) *sdk.PutWebhookInput {
	w := &types.WebhookDefinition{
		Name: &name, TargetPipeline: aws.String("site"), TargetAction: aws.String("Code"),
		Filters:                     []types.WebhookFilterRule{{JsonPath: aws.String("$.ref"), MatchEquals: aws.String("refs/heads/{BranchName}")}},
		Authentication:              types.WebhookAuthenticationTypeGithubHmac,
		AuthenticationConfiguration: &types.WebhookAuthConfiguration{SecretToken: aws.String("s3cret")},
	}
	for _, change := range changes {
		change(w)
	}
	return &sdk.PutWebhookInput{Webhook: w}
}

// authenticated changes how senders prove who they are.
func authenticated(by types.WebhookAuthenticationType, c types.WebhookAuthConfiguration) func(*types.WebhookDefinition) {
	return func(w *types.WebhookDefinition) { w.Authentication, w.AuthenticationConfiguration = by, &c }
}

func filtered(path, equals string) func(*types.WebhookDefinition) {
	return func(w *types.WebhookDefinition) {
		w.Filters = []types.WebhookFilterRule{{JsonPath: &path, MatchEquals: &equals}}
	}
}

func TestWebhooks(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.create("site")
		in := hook("push")
		in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}}
		put := must[sdk.PutWebhookOutput](s, in).Webhook
		if *put.Arn != "arn:aws:codepipeline:us-east-1:000000000000:webhook:push" || !strings.Contains(*put.Url, "/conveyor/webhooks/") || len(*put.Url) > 1000 {
			t.Errorf("ARN %s, URL %s", *put.Arn, *put.Url)
		}
		d := put.Definition
		if *d.Name != "push" || *d.TargetPipeline != "site" || *d.TargetAction != "Code" || d.Authentication != "GITHUB_HMAC" ||
			*d.AuthenticationConfiguration.SecretToken != "****" || d.AuthenticationConfiguration.AllowedIPRange != nil ||
			len(d.Filters) != 1 || *d.Filters[0].JsonPath != "$.ref" || *d.Filters[0].MatchEquals != "refs/heads/{BranchName}" {
			t.Errorf("definition %+v", d)
		}
		if put.LastTriggered != nil || put.ErrorCode != nil || put.ErrorMessage != nil || len(put.Tags) != 1 {
			t.Errorf("put %+v", put)
		}

		again := must[sdk.PutWebhookOutput](s, &sdk.PutWebhookInput{Webhook: put.Definition}).Webhook
		if *again.Url != *put.Url || *again.Arn != *put.Arn || len(again.Tags) != 1 {
			t.Errorf("put again: %+v", again)
		}
		must[sdk.PutWebhookOutput](s, hook("anywhere", authenticated("UNAUTHENTICATED", types.WebhookAuthConfiguration{}),
			func(w *types.WebhookDefinition) { w.Filters = []types.WebhookFilterRule{} }))
		block := must[sdk.PutWebhookOutput](s, hook("office", authenticated("IP", types.WebhookAuthConfiguration{AllowedIPRange: aws.String("192.0.2.0/24")})))
		if c := block.Webhook.Definition.AuthenticationConfiguration; *c.AllowedIPRange != "192.0.2.0/24" || c.SecretToken != nil {
			t.Errorf("by address: %+v", c)
		}

		var names []string
		page := &sdk.ListWebhooksInput{MaxResults: aws.Int32(2)}
		for {
			out := must[sdk.ListWebhooksOutput](s, page)
			for _, w := range out.Webhooks {
				names = append(names, *w.Definition.Name)
				if w.Definition.Filters == nil || w.Definition.AuthenticationConfiguration == nil {
					t.Errorf("%s lacks members that are required: %+v", *w.Definition.Name, w.Definition)
				}
			}
			if page.NextToken = out.NextToken; page.NextToken == nil {
				break
			}
			if len(out.Webhooks) != 2 {
				t.Errorf("a page of %d", len(out.Webhooks))
			}
		}
		if got := strings.Join(names, " "); got != "anywhere office push" {
			t.Errorf("listed %s", got)
		}

		tag(s, *put.Arn, "team", "blue")
		must[sdk.UntagResourceOutput](s, &sdk.UntagResourceInput{ResourceArn: block.Webhook.Arn, TagKeys: []string{"never"}})
		if tags := must[sdk.ListTagsForResourceOutput](s, &sdk.ListTagsForResourceInput{ResourceArn: put.Arn}).Tags; len(tags) != 1 || *tags[0].Value != "blue" {
			t.Errorf("tags %+v", tags)
		}

		for range 2 {
			must[sdk.DeleteWebhookOutput](s, &sdk.DeleteWebhookInput{Name: aws.String("push")})
		}
		if fresh := must[sdk.PutWebhookOutput](s, hook("push")).Webhook; *fresh.Url == *put.Url || len(fresh.Tags) != 0 {
			t.Errorf("made anew: %+v", fresh)
		}
	})
}

func tag(s *server, arn, key, value string) {
	s.t.Helper()
	must[sdk.TagResourceOutput](s, &sdk.TagResourceInput{ResourceArn: &arn, Tags: []types.Tag{{Key: &key, Value: &value}}})
}

// TestErrorsOfWebhooks holds, for each operation, the mistakes it has an exception for.
func TestErrorsOfWebhooks(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.create("site")
		must[sdk.PutWebhookOutput](s, hook("push"))
		put := func(in *sdk.PutWebhookInput) func() error {
			return func() error {
				_, err := do[sdk.PutWebhookOutput](s, in)
				return err
			}
		}
		tagged := func(tags ...types.Tag) *sdk.PutWebhookInput {
			in := hook("tagged")
			in.Tags = tags
			return in
		}
		one := types.Tag{Key: aws.String("a"), Value: aws.String("b")}
		many := []types.Tag{}
		for i := range 51 {
			many = append(many, types.Tag{Key: aws.String(fmt.Sprint("k", i)), Value: aws.String("v")})
		}
		secret, block := types.WebhookAuthConfiguration{SecretToken: aws.String("s3cret")}, types.WebhookAuthConfiguration{AllowedIPRange: aws.String("192.0.2.0/24")}
		const authentication, filter = "InvalidWebhookAuthenticationParametersException", "InvalidWebhookFilterPatternException"
		for _, c := range []struct {
			name string
			code string
			call func() error
		}{
			{"put: no pipeline", "PipelineNotFoundException", put(hook("x", func(w *types.WebhookDefinition) { w.TargetPipeline = aws.String("none") }))},
			{"put: no action", "ValidationException", put(hook("x", func(w *types.WebhookDefinition) { w.TargetAction = aws.String("None") }))},
			{"put: no source action", "ValidationException", put(hook("x", func(w *types.WebhookDefinition) { w.TargetAction = aws.String("Build") }))},
			{"put: no secret", authentication, put(hook("x", authenticated("GITHUB_HMAC", types.WebhookAuthConfiguration{})))},
			{"put: a mask of no secret", authentication, put(hook("x", authenticated("GITHUB_HMAC", types.WebhookAuthConfiguration{SecretToken: aws.String("****")})))},
			{"put: a signature by address", authentication, put(hook("x", authenticated("GITHUB_HMAC", block)))},
			{"put: an address by secret", authentication, put(hook("x", authenticated("IP", secret)))},
			{"put: an address that is none", authentication, put(hook("x", authenticated("IP", types.WebhookAuthConfiguration{AllowedIPRange: aws.String("here")})))},
			{"put: nothing with a secret", authentication, put(hook("x", authenticated("UNAUTHENTICATED", secret)))},
			{"put: a bad path", filter, put(hook("x", filtered("$.[", "x")))},
			{"put: an unknown key", filter, put(hook("x", filtered("$.ref", "{Branch}")))},
			{"put: reserved tag", "InvalidTagsException", put(tagged(types.Tag{Key: aws.String("aws:x"), Value: aws.String("y")}))},
			{"put: a tag twice", "InvalidTagsException", put(tagged(one, one))},
			{"put: too many tags", "TooManyTagsException", put(tagged(many...))},
			{"list: token", "InvalidNextTokenException", func() error {
				_, err := do[sdk.ListWebhooksOutput](s, &sdk.ListWebhooksInput{NextToken: aws.String("AAAA")})
				return err
			}},
			{"register: no source of GitHub's", "ValidationException", func() error {
				_, err := do[sdk.RegisterWebhookWithThirdPartyOutput](s, &sdk.RegisterWebhookWithThirdPartyInput{WebhookName: aws.String("push")})
				return err
			}},
			{"deregister: no source of GitHub's", "ValidationException", func() error {
				_, err := do[sdk.DeregisterWebhookWithThirdPartyOutput](s, &sdk.DeregisterWebhookWithThirdPartyInput{WebhookName: aws.String("push")})
				return err
			}},
			{"tags: no webhook", "ResourceNotFoundException", func() error {
				_, err := do[sdk.ListTagsForResourceOutput](s, &sdk.ListTagsForResourceInput{ResourceArn: aws.String("arn:aws:codepipeline:us-east-1:000000000000:webhook:none")})
				return err
			}},
		} {
			wantCode(t, c.name, c.call(), c.code)
		}
		// This exception's shape has no message, so the SDK shows none.
		_, err := do[sdk.RegisterWebhookWithThirdPartyOutput](s, &sdk.RegisterWebhookWithThirdPartyInput{WebhookName: aws.String("none")})
		if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "WebhookNotFoundException" {
			t.Errorf("register: no webhook: %v", err)
		}
		_, err = do[sdk.DeregisterWebhookWithThirdPartyOutput](s, &sdk.DeregisterWebhookWithThirdPartyInput{WebhookName: aws.String("none")})
		if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "WebhookNotFoundException" {
			t.Errorf("deregister: no webhook: %v", err)
		}
		if n := len(must[sdk.ListWebhooksOutput](s, &sdk.ListWebhooksInput{}).Webhooks); n != 1 {
			t.Errorf("%d webhooks: a refused request made one", n)
		}
		for i := range webhookQuota - 1 {
			must[sdk.PutWebhookOutput](s, hook(fmt.Sprint("more", i)))
		}
		wantCode(t, "put: quota", put(hook("x"))(), "LimitExceededException")
		must[sdk.PutWebhookOutput](s, hook("push"))
	})
}

// TestShapesOfWebhooks makes sure that members with capitals are checked, too.
func TestShapesOfWebhooks(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		if !s.remote {
			t.Skip("the dispatcher checks shapes")
		}
		s.create("site")
		six := func(w *types.WebhookDefinition) {
			for range 5 {
				w.Filters = append(w.Filters, w.Filters[0])
			}
		}
		for _, c := range []struct {
			name string
			in   *sdk.PutWebhookInput
			says string
		}{
			{"a name", hook("a b"), "webhook.name"},
			{"six filters", hook("x", six), "webhook.filters"},
			{"a long path", hook("x", filtered(strings.Repeat("x", 151), "y")), "jsonPath"},
			{"a long secret", hook("x", authenticated("GITHUB_HMAC", types.WebhookAuthConfiguration{SecretToken: aws.String(strings.Repeat("x", 101))})), "secretToken"},
			{"another authentication", hook("x", authenticated("BASIC", types.WebhookAuthConfiguration{})), "authentication"},
		} {
			_, err := do[sdk.PutWebhookOutput](s, c.in)
			wantCode(t, c.name, err, "ValidationException")
			if !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("%s: the message does not name %s: %v", c.name, c.says, err)
			}
		}
		_, err := do[sdk.ListWebhooksOutput](s, &sdk.ListWebhooksInput{MaxResults: aws.Int32(101)})
		wantCode(t, "a long page", err, "ValidationException")
	})
}
