package cloudwatch

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

func tagsOf(list []types.Tag) map[string]string {
	tags := make(map[string]string, len(list))
	for _, t := range list {
		tags[*t.Key] = *t.Value
	}
	return tags
}

// checkTags refuses tags that may not be added to an alarm which already has those in have.
func checkTags(have, add map[string]string) error {
	err := pipeline.CheckTags(have, add)
	var e *pipeline.Error
	if errors.As(err, &e) {
		return invalid("%s", e.Message)
	}
	return err
}

// TagResource sets tags of an alarm.
func (s *Service) TagResource(ctx context.Context, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	name, err := s.alarmName(*in.ResourceARN)
	if err != nil {
		return nil, err
	}
	add := tagsOf(in.Tags)
	err = s.alarms.Tag(ctx, name, add, nil, func(have map[string]string) error {
		return checkTags(have, add)
	})
	return &sdk.TagResourceOutput{}, noResource(*in.ResourceARN, err)
}

// UntagResource removes tags of an alarm.
func (s *Service) UntagResource(ctx context.Context, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	name, err := s.alarmName(*in.ResourceARN)
	if err != nil {
		return nil, err
	}
	err = s.alarms.Tag(ctx, name, nil, in.TagKeys, nil)
	return &sdk.UntagResourceOutput{}, noResource(*in.ResourceARN, err)
}

// ListTagsForResource lists an alarm's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	name, err := s.alarmName(*in.ResourceARN)
	if err != nil {
		return nil, err
	}
	tags, err := s.alarms.Tags(ctx, name)
	out := &sdk.ListTagsForResourceOutput{Tags: []types.Tag{}}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return out, noResource(*in.ResourceARN, err)
}
