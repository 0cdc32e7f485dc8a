package codeconnections

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"

	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/forge"
)

// maxTags is how many tags a resource may have.
const maxTags = 50

func tagMap(tags []types.Tag) map[string]string {
	m := map[string]string{}
	for _, t := range tags {
		m[*t.Key] = *t.Value
	}
	return m
}

// checkTags refuses tags that would not do beside those that are there.
func checkTags(have map[string]string, add []types.Tag) error {
	all := maps.Clone(have)
	if all == nil {
		all = map[string]string{}
	}
	for _, t := range add {
		key, value := aws.ToString(t.Key), aws.ToString(t.Value)
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return invalid("The tag key %s begins with aws:, which is reserved.", key)
		}
		if key == connection.SoftwareTag && !slices.Contains(forge.Kinds(), forge.Kind(value)) {
			return invalid("The tag %s says which software a forge is: one of %v, not %s.", key, forge.Kinds(), value)
		}
		all[key] = value
	}
	if len(all) > maxTags {
		return limitExceeded("A resource has at most %d tags.", maxTags)
	}
	return nil
}

// tagged is the end of the ARN of a resource that may have tags.
func (s *Service) tagged(arn *string) (string, error) {
	for _, kind := range []string{"connection", "host"} {
		if id := resourceOf(s.place, aws.ToString(arn), kind); id != "" {
			return kind + "/" + id, nil
		}
	}
	return "", notFound("The resource " + aws.ToString(arn))
}

// TagResource implements the operation.
func (s *Service) TagResource(ctx context.Context, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	resource, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	err = s.store.Tag(ctx, resource, tagMap(in.Tags), nil, func(have map[string]string) error { return checkTags(have, in.Tags) })
	return nil, exception(err, "The resource "+*in.ResourceArn)
}

// UntagResource implements the operation.
func (s *Service) UntagResource(ctx context.Context, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	resource, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, exception(s.store.Tag(ctx, resource, nil, in.TagKeys, nil), "The resource "+*in.ResourceArn)
}

// ListTagsForResource implements the operation.
func (s *Service) ListTagsForResource(ctx context.Context, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	resource, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags, err := s.store.Tags(ctx, resource)
	if err != nil {
		return nil, exception(err, "The resource "+*in.ResourceArn)
	}
	out := &sdk.ListTagsForResourceOutput{Tags: []types.Tag{}}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return out, nil
}
