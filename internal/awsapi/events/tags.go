package events

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

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

// tagged is the rule an ARN names; nothing else has tags.
func (s *Service) tagged(arn string) (string, error) {
	name := s.ruleName(arn)
	if name == arn || strings.Contains(name, "/") {
		return "", notFound("%s is not the ARN of a rule of this server. Rules are all that has tags.", arn)
	}
	return name, nil
}

func (s *Service) changeTags(ctx context.Context, arn string, f func(map[string]string) error) error {
	name, err := s.tagged(arn)
	if err != nil {
		return err
	}
	return failed(s.events.Tag(ctx, name, f), name)
}

// TagResource sets tags of a rule.
func (s *Service) TagResource(ctx context.Context, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	add := tagsOf(in.Tags)
	return &sdk.TagResourceOutput{}, s.changeTags(ctx, *in.ResourceARN, func(tags map[string]string) error {
		if err := checkTags(tags, add); err != nil {
			return err
		}
		maps.Copy(tags, add)
		return nil
	})
}

// UntagResource removes tags of a rule.
func (s *Service) UntagResource(ctx context.Context, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	return &sdk.UntagResourceOutput{}, s.changeTags(ctx, *in.ResourceARN, func(tags map[string]string) error {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		return nil
	})
}

// ListTagsForResource lists a rule's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	name, err := s.tagged(*in.ResourceARN)
	if err != nil {
		return nil, err
	}
	r, err := s.events.Rule(ctx, name)
	out := &sdk.ListTagsForResourceOutput{Tags: []types.Tag{}}
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(key), Value: aws.String(r.Tags[key])})
	}
	return out, failed(err, name)
}
