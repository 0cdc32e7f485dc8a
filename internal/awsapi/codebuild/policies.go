package codebuild

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// PutResourcePolicy keeps a policy of a project or a report group. It is given back and has no effect: there is no other
// account to share with.
func (s *Service) PutResourcePolicy(ctx context.Context, in *sdk.PutResourcePolicyInput) (*sdk.PutResourcePolicyOutput, error) {
	var document map[string]any
	if err := json.Unmarshal([]byte(*in.Policy), &document); err != nil {
		return nil, invalid("policy is not a JSON object: %v", err)
	}
	if err := s.builds.SetPolicy(ctx, *in.ResourceArn, *in.Policy); err != nil {
		return nil, exception(err)
	}
	return &sdk.PutResourcePolicyOutput{ResourceArn: in.ResourceArn}, nil
}

// GetResourcePolicy reads it.
func (s *Service) GetResourcePolicy(ctx context.Context, in *sdk.GetResourcePolicyInput) (*sdk.GetResourcePolicyOutput, error) {
	policy, err := s.builds.Policy(ctx, *in.ResourceArn)
	if err != nil {
		return nil, exception(err)
	}
	if policy == "" {
		return nil, &types.ResourceNotFoundException{Message: aws.String("Resource policy cannot be found: " + *in.ResourceArn)}
	}
	return &sdk.GetResourcePolicyOutput{Policy: &policy}, nil
}

// DeleteResourcePolicy takes it away.
func (s *Service) DeleteResourcePolicy(ctx context.Context, in *sdk.DeleteResourcePolicyInput) (*sdk.DeleteResourcePolicyOutput, error) {
	if err := s.builds.SetPolicy(ctx, *in.ResourceArn, ""); err != nil {
		return nil, exception(err)
	}
	return &sdk.DeleteResourcePolicyOutput{}, nil
}
