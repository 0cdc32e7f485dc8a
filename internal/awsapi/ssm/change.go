package ssm

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/conveyor-cd/conveyor/internal/parameter"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// DeleteParameter deletes a parameter with all its versions.
func (s *Service) DeleteParameter(ctx context.Context, in *sdk.DeleteParameterInput) (*sdk.DeleteParameterOutput, error) {
	name, _ := s.name(*in.Name)
	deleted, err := s.parameters.Delete(ctx, name)
	if err == nil && len(deleted) == 0 {
		err = parameter.ErrNotFound
	}
	return &sdk.DeleteParameterOutput{}, failed(err, name)
}

// DeleteParameters deletes up to ten parameters.
func (s *Service) DeleteParameters(ctx context.Context, in *sdk.DeleteParametersInput) (*sdk.DeleteParametersOutput, error) {
	names := make([]string, len(in.Names))
	for i, id := range in.Names {
		names[i], _ = s.name(id)
	}
	deleted, err := s.parameters.Delete(ctx, names...)
	if err != nil {
		return nil, err
	}
	out := &sdk.DeleteParametersOutput{DeletedParameters: []string{}, InvalidParameters: []string{}}
	for i, id := range in.Names {
		if slices.Contains(deleted, names[i]) {
			out.DeletedParameters = append(out.DeletedParameters, id)
		} else {
			out.InvalidParameters = append(out.InvalidParameters, id)
		}
	}
	return out, nil
}

var labelOf = regexp.MustCompile(`^[a-zA-Z_.\-][a-zA-Z0-9_.\-]*$`)

// LabelParameterVersion moves labels to a version.
func (s *Service) LabelParameterVersion(ctx context.Context, in *sdk.LabelParameterVersionInput) (*sdk.LabelParameterVersionOutput, error) {
	name, _ := s.name(*in.Name)
	out := &sdk.LabelParameterVersionOutput{InvalidLabels: []string{}}
	var valid []string
	for _, l := range in.Labels {
		lower := strings.ToLower(l)
		if !labelOf.MatchString(l) || strings.HasPrefix(lower, "aws") || strings.HasPrefix(lower, "ssm") {
			out.InvalidLabels = append(out.InvalidLabels, l)
		} else if !slices.Contains(valid, l) {
			valid = append(valid, l)
		}
	}
	var err error
	out.ParameterVersion, err = s.parameters.Label(ctx, name, aws.ToInt64(in.ParameterVersion), valid)
	if err != nil {
		return nil, failed(err, name)
	}
	return out, nil
}

// UnlabelParameterVersion takes labels from a version.
func (s *Service) UnlabelParameterVersion(ctx context.Context, in *sdk.UnlabelParameterVersionInput) (*sdk.UnlabelParameterVersionOutput, error) {
	name, _ := s.name(*in.Name)
	removed, err := s.parameters.Unlabel(ctx, name, *in.ParameterVersion, in.Labels)
	if err != nil {
		return nil, failed(err, name)
	}
	out := &sdk.UnlabelParameterVersionOutput{RemovedLabels: append([]string{}, removed...), InvalidLabels: []string{}}
	for _, l := range in.Labels {
		if !slices.Contains(removed, l) {
			out.InvalidLabels = append(out.InvalidLabels, l)
		}
	}
	return out, nil
}

func tagsOf(list []types.Tag) map[string]string {
	tags := make(map[string]string, len(list))
	for _, t := range list {
		tags[*t.Key] = *t.Value
	}
	return tags
}

func checkTags(have, add map[string]string) error {
	err := pipeline.CheckTags(have, add)
	if e, ok := errors.AsType[*pipeline.Error](err); ok {
		return invalid("%s", e.Message)
	}
	return err
}

func (s *Service) tag(ctx context.Context, kind types.ResourceTypeForTagging, id *string, f func(map[string]string) error) error {
	if kind != types.ResourceTypeForTaggingParameter {
		return &types.InvalidResourceType{Message: aws.String("Of this server's resources only those of the type Parameter have tags here.")}
	}
	name, _ := s.name(*id)
	err := s.parameters.Tag(ctx, name, f)
	if errors.Is(err, parameter.ErrNotFound) {
		return &types.InvalidResourceId{Message: aws.String("The parameter " + name + " does not exist.")}
	}
	return err
}

// AddTagsToResource sets tags of a parameter.
func (s *Service) AddTagsToResource(ctx context.Context, in *sdk.AddTagsToResourceInput) (*sdk.AddTagsToResourceOutput, error) {
	add := tagsOf(in.Tags)
	return &sdk.AddTagsToResourceOutput{}, s.tag(ctx, in.ResourceType, in.ResourceId, func(tags map[string]string) error {
		if err := checkTags(tags, add); err != nil {
			return err
		}
		maps.Copy(tags, add)
		return nil
	})
}

// RemoveTagsFromResource removes tags of a parameter.
func (s *Service) RemoveTagsFromResource(ctx context.Context, in *sdk.RemoveTagsFromResourceInput) (*sdk.RemoveTagsFromResourceOutput, error) {
	return &sdk.RemoveTagsFromResourceOutput{}, s.tag(ctx, in.ResourceType, in.ResourceId, func(tags map[string]string) error {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		return nil
	})
}

// ListTagsForResource lists a parameter's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	out := &sdk.ListTagsForResourceOutput{TagList: []types.Tag{}}
	err := s.tag(ctx, in.ResourceType, in.ResourceId, func(tags map[string]string) error {
		out.TagList = out.TagList[:0]
		for _, key := range slices.Sorted(maps.Keys(tags)) {
			out.TagList = append(out.TagList, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
		}
		return nil
	})
	return out, err
}
