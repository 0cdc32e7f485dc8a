package codepipeline

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// CreatePipeline stores a pipeline and starts its first execution.
func (s *Service) CreatePipeline(ctx context.Context, in *sdk.CreatePipelineInput) (*sdk.CreatePipelineOutput, error) {
	d, err := fromSDK[pipeline.Definition](in.Pipeline)
	if err != nil {
		return nil, err
	}
	tags, err := uniqueTags(in.Tags)
	if err != nil {
		return nil, exception(err)
	}
	created, err := s.flow.CreatePipeline(ctx, d, tags, awsapi.Caller(ctx).Arn)
	if err != nil {
		return nil, exception(err)
	}
	declaration, err := declarationOf(created.Definition)
	return &sdk.CreatePipelineOutput{Pipeline: declaration, Tags: tagList(tags)}, err
}

// UpdatePipeline stores the next version of a pipeline.
func (s *Service) UpdatePipeline(ctx context.Context, in *sdk.UpdatePipelineInput) (*sdk.UpdatePipelineOutput, error) {
	d, err := fromSDK[pipeline.Definition](in.Pipeline)
	if err != nil {
		return nil, err
	}
	updated, err := s.flow.UpdatePipeline(ctx, d, awsapi.Caller(ctx).Arn)
	if err != nil {
		return nil, exception(err)
	}
	declaration, err := declarationOf(updated.Definition)
	return &sdk.UpdatePipelineOutput{Pipeline: declaration}, err
}

// GetPipeline reads a version of a pipeline.
func (s *Service) GetPipeline(ctx context.Context, in *sdk.GetPipelineInput) (*sdk.GetPipelineOutput, error) {
	found, err := s.flow.GetPipeline(ctx, aws.ToString(in.Name), int(aws.ToInt32(in.Version)))
	if err != nil {
		return nil, exception(err)
	}
	declaration, err := declarationOf(found.Definition)
	return &sdk.GetPipelineOutput{
		Pipeline: declaration,
		Metadata: &types.PipelineMetadata{PipelineArn: &found.ARN, Created: &found.Created, Updated: &found.Updated},
	}, err
}

// DeletePipeline removes a pipeline, if it is there.
func (s *Service) DeletePipeline(ctx context.Context, in *sdk.DeletePipelineInput) (*sdk.DeletePipelineOutput, error) {
	err := s.flow.DeletePipeline(ctx, aws.ToString(in.Name), awsapi.Caller(ctx).Arn)
	return &sdk.DeletePipelineOutput{}, exception(err)
}

// ListPipelines lists the pipelines by name.
func (s *Service) ListPipelines(ctx context.Context, in *sdk.ListPipelinesInput) (*sdk.ListPipelinesOutput, error) {
	list, next, err := s.flow.ListPipelines(ctx, page(in.MaxResults, in.NextToken))
	if err != nil {
		return nil, exception(err)
	}
	out := &sdk.ListPipelinesOutput{NextToken: optional(next), Pipelines: []types.PipelineSummary{}}
	for _, p := range list {
		out.Pipelines = append(out.Pipelines, types.PipelineSummary{
			Name: &p.Name, Version: number(p.Version), Created: &p.Created, Updated: &p.Updated,
			PipelineType: types.PipelineType(p.Type), ExecutionMode: types.ExecutionMode(p.Mode),
		})
	}
	return out, nil
}

// declarationOf is a definition as AWS echoes it: an action always shows its configuration and artifacts, even empty.
func declarationOf(d pipeline.Definition) (*types.PipelineDeclaration, error) {
	declaration, err := toSDK[types.PipelineDeclaration](d)
	if err != nil {
		return nil, err
	}
	for i := range declaration.Stages {
		for j := range declaration.Stages[i].Actions {
			a := &declaration.Stages[i].Actions[j]
			if a.Configuration == nil {
				a.Configuration = map[string]string{}
			}
			if a.InputArtifacts == nil {
				a.InputArtifacts = []types.InputArtifact{}
			}
			if a.OutputArtifacts == nil {
				a.OutputArtifacts = []types.OutputArtifact{}
			}
		}
	}
	return &declaration, nil
}

// TagResource adds tags to a pipeline.
func (s *Service) TagResource(ctx context.Context, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	tags, err := uniqueTags(in.Tags)
	if err == nil {
		err = s.flow.Tag(ctx, aws.ToString(in.ResourceArn), tags)
	}
	return &sdk.TagResourceOutput{}, exception(err)
}

// UntagResource removes tags from a pipeline.
func (s *Service) UntagResource(ctx context.Context, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	err := s.flow.Untag(ctx, aws.ToString(in.ResourceArn), in.TagKeys)
	return &sdk.UntagResourceOutput{}, exception(err)
}

// ListTagsForResource lists the tags of a pipeline, all on one page.
func (s *Service) ListTagsForResource(ctx context.Context, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	if err := noToken(in.NextToken); err != nil {
		return nil, exception(err)
	}
	tags, err := s.flow.Tags(ctx, aws.ToString(in.ResourceArn))
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.ListTagsForResourceOutput{Tags: tagList(tags)}, nil
}

// noToken refuses a token where every list fits on one page, so none was ever given out.
func noToken(token *string) error {
	if aws.ToString(token) == "" {
		return nil
	}
	return pipeline.Errorf(pipeline.InvalidNextToken, "The nextToken is not one that this list gave out. Start again without a nextToken")
}

func uniqueTags(list []types.Tag) (map[string]string, error) {
	tags := make(map[string]string, len(list))
	for _, t := range list {
		key := aws.ToString(t.Key)
		if _, twice := tags[key]; twice {
			return nil, pipeline.Errorf(pipeline.InvalidTags, "The tag key '%s' is given twice.", key)
		}
		tags[key] = aws.ToString(t.Value)
	}
	return tags, nil
}

func tagList(tags map[string]string) []types.Tag {
	list := []types.Tag{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: &key, Value: aws.String(tags[key])})
	}
	return list
}
