package codepipeline

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// PutWebhook stores a webhook, or replaces the one of that name.
func (s *Service) PutWebhook(ctx context.Context, in *sdk.PutWebhookInput) (*sdk.PutWebhookOutput, error) {
	definition, err := fromSDK[pipeline.Webhook](in.Webhook)
	if err != nil {
		return nil, err
	}
	tags, err := uniqueTags(in.Tags)
	if err != nil {
		return nil, exception(err)
	}
	put, err := s.flow.PutWebhook(ctx, definition, tags)
	if err != nil {
		return nil, exception(err)
	}
	item, err := webhookItem(put)
	return &sdk.PutWebhookOutput{Webhook: item}, err
}

// ListWebhooks lists the webhooks by name.
func (s *Service) ListWebhooks(ctx context.Context, in *sdk.ListWebhooksInput) (*sdk.ListWebhooksOutput, error) {
	list, next, err := s.flow.ListWebhooks(ctx, page(in.MaxResults, in.NextToken))
	if err != nil {
		return nil, exception(err)
	}
	out := &sdk.ListWebhooksOutput{NextToken: optional(next), Webhooks: []types.ListWebhookItem{}}
	for _, w := range list {
		item, err := webhookItem(w)
		if err != nil {
			return nil, err
		}
		out.Webhooks = append(out.Webhooks, *item)
	}
	return out, nil
}

// DeleteWebhook removes a webhook, if it is there.
func (s *Service) DeleteWebhook(ctx context.Context, in *sdk.DeleteWebhookInput) (*sdk.DeleteWebhookOutput, error) {
	return &sdk.DeleteWebhookOutput{}, exception(s.flow.DeleteWebhook(ctx, aws.ToString(in.Name)))
}

// RegisterWebhookWithThirdParty is refused: no source action of this server has a third party that keeps webhooks.
func (s *Service) RegisterWebhookWithThirdParty(ctx context.Context, in *sdk.RegisterWebhookWithThirdPartyInput) (*sdk.RegisterWebhookWithThirdPartyOutput, error) {
	return &sdk.RegisterWebhookWithThirdPartyOutput{}, exception(s.flow.RegisterThirdParty(ctx, aws.ToString(in.WebhookName), false))
}

// DeregisterWebhookWithThirdParty is refused for the same reason.
func (s *Service) DeregisterWebhookWithThirdParty(ctx context.Context, in *sdk.DeregisterWebhookWithThirdPartyInput) (*sdk.DeregisterWebhookWithThirdPartyOutput, error) {
	return &sdk.DeregisterWebhookWithThirdPartyOutput{}, exception(s.flow.RegisterThirdParty(ctx, aws.ToString(in.WebhookName), true))
}

func webhookItem(w flow.Webhook) (*types.ListWebhookItem, error) {
	definition, err := toSDK[types.WebhookDefinition](w.Webhook)
	return &types.ListWebhookItem{
		Definition: &definition, Arn: &w.ARN, Url: &w.URL, Tags: tagList(w.Tags), LastTriggered: stamp(w.LastTriggered),
		ErrorCode: optional(w.ErrorCode), ErrorMessage: optional(w.ErrorMessage),
	}, err
}
