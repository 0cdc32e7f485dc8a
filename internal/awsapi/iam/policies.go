package iam

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/conveyor-cd/conveyor/internal/iam"
)

// PutUserPolicy writes a policy inside a user.
func (s *Service) PutUserPolicy(ctx context.Context, in *sdk.PutUserPolicyInput) (*sdk.PutUserPolicyOutput, error) {
	err := s.dir.PutPolicy(ctx, iam.User, *in.UserName, *in.PolicyName, *in.PolicyDocument)
	return &sdk.PutUserPolicyOutput{}, exception(err)
}

// GetUserPolicy reads a policy inside a user.
func (s *Service) GetUserPolicy(ctx context.Context, in *sdk.GetUserPolicyInput) (*sdk.GetUserPolicyOutput, error) {
	document, err := s.dir.Policy(ctx, iam.User, *in.UserName, *in.PolicyName)
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.GetUserPolicyOutput{UserName: in.UserName, PolicyName: in.PolicyName, PolicyDocument: encoded(document)}, nil
}

// ListUserPolicies lists the names of the policies inside a user.
func (s *Service) ListUserPolicies(ctx context.Context, in *sdk.ListUserPoliciesInput) (*sdk.ListUserPoliciesOutput, error) {
	names, next, err := s.policies(ctx, iam.User, *in.UserName, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &sdk.ListUserPoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, nil
}

// DeleteUserPolicy removes a policy from a user.
func (s *Service) DeleteUserPolicy(ctx context.Context, in *sdk.DeleteUserPolicyInput) (*sdk.DeleteUserPolicyOutput, error) {
	return &sdk.DeleteUserPolicyOutput{}, exception(s.dir.DeletePolicy(ctx, iam.User, *in.UserName, *in.PolicyName))
}

// PutRolePolicy writes a policy inside a role.
func (s *Service) PutRolePolicy(ctx context.Context, in *sdk.PutRolePolicyInput) (*sdk.PutRolePolicyOutput, error) {
	err := s.dir.PutPolicy(ctx, iam.Role, *in.RoleName, *in.PolicyName, *in.PolicyDocument)
	return &sdk.PutRolePolicyOutput{}, exception(err)
}

// GetRolePolicy reads a policy inside a role.
func (s *Service) GetRolePolicy(ctx context.Context, in *sdk.GetRolePolicyInput) (*sdk.GetRolePolicyOutput, error) {
	document, err := s.dir.Policy(ctx, iam.Role, *in.RoleName, *in.PolicyName)
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.GetRolePolicyOutput{RoleName: in.RoleName, PolicyName: in.PolicyName, PolicyDocument: encoded(document)}, nil
}

// ListRolePolicies lists the names of the policies inside a role.
func (s *Service) ListRolePolicies(ctx context.Context, in *sdk.ListRolePoliciesInput) (*sdk.ListRolePoliciesOutput, error) {
	names, next, err := s.policies(ctx, iam.Role, *in.RoleName, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &sdk.ListRolePoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, nil
}

// DeleteRolePolicy removes a policy from a role.
func (s *Service) DeleteRolePolicy(ctx context.Context, in *sdk.DeleteRolePolicyInput) (*sdk.DeleteRolePolicyOutput, error) {
	return &sdk.DeleteRolePolicyOutput{}, exception(s.dir.DeletePolicy(ctx, iam.Role, *in.RoleName, *in.PolicyName))
}

func (s *Service) policies(ctx context.Context, kind iam.Kind, owner string, from *string, items *int32) ([]string, *string, error) {
	names, err := s.dir.Policies(ctx, kind, owner)
	if err != nil {
		return nil, nil, exception(err)
	}
	names, next := cut(names, func(n string) string { return n }, from, items)
	return emptyNotNil(names), next, nil
}
