package logs

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/logstore"
)

// CreateLogGroup makes a log group. What this server does not do (encryption with a key, the cheaper classes, deletion
// protection) is refused rather than ignored.
func (s *Service) CreateLogGroup(ctx context.Context, in *sdk.CreateLogGroupInput) (*sdk.CreateLogGroupOutput, error) {
	switch {
	case in.KmsKeyId != nil:
		return nil, invalid("Encryption with a KMS key is not supported: leave kmsKeyId away.")
	case in.LogGroupClass != "" && in.LogGroupClass != types.LogGroupClassStandard:
		return nil, invalid("The log group class %s is not supported: use STANDARD.", in.LogGroupClass)
	case aws.ToBool(in.DeletionProtectionEnabled):
		return nil, invalid("Deletion protection is not supported: leave deletionProtectionEnabled away.")
	}
	err := s.store.CreateGroup(ctx, *in.LogGroupName, in.Tags)
	if errors.Is(err, logstore.ErrExists) {
		return nil, &types.ResourceAlreadyExistsException{Message: aws.String("The specified log group already exists")}
	}
	return &sdk.CreateLogGroupOutput{}, exception(err)
}

// DeleteLogGroup deletes a log group with everything in it.
func (s *Service) DeleteLogGroup(ctx context.Context, in *sdk.DeleteLogGroupInput) (*sdk.DeleteLogGroupOutput, error) {
	return &sdk.DeleteLogGroupOutput{}, exception(s.store.DeleteGroup(ctx, *in.LogGroupName))
}

// DescribeLogGroups lists log groups by name.
func (s *Service) DescribeLogGroups(ctx context.Context, in *sdk.DescribeLogGroupsInput) (*sdk.DescribeLogGroupsOutput, error) {
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	after, err := parseListToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sdk.DescribeLogGroupsOutput{LogGroups: []types.LogGroup{}}
	if in.LogGroupClass != "" && in.LogGroupClass != types.LogGroupClassStandard {
		return out, nil
	}
	n := limit(in.Limit)
	groups, err := s.store.Groups(ctx, logstore.GroupQuery{
		Prefix: aws.ToString(in.LogGroupNamePrefix), Contains: aws.ToString(in.LogGroupNamePattern), After: after, Limit: n + 1,
	})
	if err != nil {
		return nil, err
	}
	if len(groups) > n {
		groups = groups[:n]
		out.NextToken = awsapi.PageToken(listTokens, groups[n-1].Name)
	}
	wanted, err := s.identified(in.LogGroupIdentifiers)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		if wanted == nil || slices.Contains(wanted, g.Name) {
			out.LogGroups = append(out.LogGroups, s.logGroup(g))
		}
	}
	return out, nil
}

func (s *Service) identified(identifiers []string) ([]string, error) {
	var names []string
	for _, id := range identifiers {
		name, err := s.group(nil, &id)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

func (s *Service) logGroup(g logstore.Group) types.LogGroup {
	out := types.LogGroup{
		LogGroupName: aws.String(g.Name), CreationTime: aws.Int64(g.Created.UnixMilli()), StoredBytes: aws.Int64(g.Bytes),
		MetricFilterCount: aws.Int32(0), LogGroupClass: types.LogGroupClassStandard,
		Arn: aws.String(s.groupARN(g.Name) + ":*"), LogGroupArn: aws.String(s.groupARN(g.Name)),
	}
	if g.RetentionDays > 0 {
		out.RetentionInDays = aws.Int32(int32(g.RetentionDays))
	}
	return out
}

// retentions are the only numbers of days that are accepted.
var retentions = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// PutRetentionPolicy says how long events are kept.
func (s *Service) PutRetentionPolicy(ctx context.Context, in *sdk.PutRetentionPolicyInput) (*sdk.PutRetentionPolicyOutput, error) {
	days := *in.RetentionInDays
	if !slices.Contains(retentions, days) {
		return nil, invalid("Invalid retentionInDays value: %d. It must be one of %v.", days, retentions)
	}
	return &sdk.PutRetentionPolicyOutput{}, exception(s.store.SetRetention(ctx, *in.LogGroupName, int(days)))
}

// DeleteRetentionPolicy keeps events for ever.
func (s *Service) DeleteRetentionPolicy(ctx context.Context, in *sdk.DeleteRetentionPolicyInput) (*sdk.DeleteRetentionPolicyOutput, error) {
	return &sdk.DeleteRetentionPolicyOutput{}, exception(s.store.SetRetention(ctx, *in.LogGroupName, 0))
}

const maxTags = 50

// TagResource sets tags of a log group.
func (s *Service) TagResource(ctx context.Context, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	name, err := s.groupOfARN(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	g, err := s.store.GroupByName(ctx, name)
	if err != nil {
		return nil, exception(err)
	}
	total := len(g.Tags)
	for key := range in.Tags {
		if _, has := g.Tags[key]; !has {
			total++
		}
	}
	if total > maxTags {
		return nil, &types.TooManyTagsException{Message: aws.String("A resource can have at most 50 tags."), ResourceName: in.ResourceArn}
	}
	return &sdk.TagResourceOutput{}, exception(s.store.Tag(ctx, name, in.Tags, nil))
}

// UntagResource removes tags of a log group.
func (s *Service) UntagResource(ctx context.Context, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	name, err := s.groupOfARN(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &sdk.UntagResourceOutput{}, exception(s.store.Tag(ctx, name, nil, in.TagKeys))
}

// ListTagsForResource lists a log group's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	name, err := s.groupOfARN(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	g, err := s.store.GroupByName(ctx, name)
	return &sdk.ListTagsForResourceOutput{Tags: g.Tags}, exception(err)
}
