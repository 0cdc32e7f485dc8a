package codebuild

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/remote"
)

// CreateWebhook lets what happens in the repository of a project's source start builds. The answer, alone, holds the secret.
func (s *Service) CreateWebhook(ctx context.Context, in *sdk.CreateWebhookInput) (*sdk.CreateWebhookOutput, error) {
	w, err := s.Remotes.CreateWebhook(ctx, build.ProjectName(*in.ProjectName), types.Webhook{
		BranchFilter: in.BranchFilter, FilterGroups: in.FilterGroups, BuildType: in.BuildType, ManualCreation: in.ManualCreation,
		ScopeConfiguration: in.ScopeConfiguration, PullRequestBuildPolicy: in.PullRequestBuildPolicy,
	})
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.CreateWebhookOutput{Webhook: &w}, nil
}

// UpdateWebhook replaces the filters and the build type of a webhook, and may give it another secret.
func (s *Service) UpdateWebhook(ctx context.Context, in *sdk.UpdateWebhookInput) (*sdk.UpdateWebhookOutput, error) {
	w, err := s.Remotes.UpdateWebhook(ctx, build.ProjectName(*in.ProjectName), func(w *types.Webhook) {
		// The two ways to filter replace each other.
		if in.BranchFilter != nil {
			setText(&w.BranchFilter, in.BranchFilter)
			w.FilterGroups = nil
		}
		if in.FilterGroups != nil {
			w.FilterGroups, w.BranchFilter = in.FilterGroups, nil
		}
		if in.BuildType != "" {
			w.BuildType = in.BuildType
		}
		set(&w.PullRequestBuildPolicy, in.PullRequestBuildPolicy)
	}, in.RotateSecret)
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.UpdateWebhookOutput{Webhook: &w}, nil
}

// DeleteWebhook removes a webhook, here and at the forge.
func (s *Service) DeleteWebhook(ctx context.Context, in *sdk.DeleteWebhookInput) (*sdk.DeleteWebhookOutput, error) {
	if err := s.Remotes.DeleteWebhook(ctx, build.ProjectName(*in.ProjectName)); err != nil {
		return nil, exception(err)
	}
	return &sdk.DeleteWebhookOutput{}, nil
}

// hooked adds the webhook of a project, if there is one.
func (s *Service) hooked(ctx context.Context, p *types.Project) error {
	w, err := s.Remotes.Webhook(ctx, aws.ToString(p.Name))
	if errors.Is(err, remote.ErrNoWebhook) {
		return nil
	}
	p.Webhook = &w
	return err
}
