package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/conveyor-cd/conveyor/internal/iam"
)

func groupOut(e iam.Entity) types.Group {
	return types.Group{Arn: aws.String(e.Arn), GroupId: aws.String(e.ID), GroupName: aws.String(e.Name), Path: aws.String(e.Path), CreateDate: aws.Time(e.Created)}
}

// CreateGroup adds a group.
func (s *Service) CreateGroup(ctx context.Context, in *sdk.CreateGroupInput) (*sdk.CreateGroupOutput, error) {
	e, err := s.dir.Create(ctx, iam.Entity{Kind: iam.Group, Name: *in.GroupName, Path: aws.ToString(in.Path)})
	if err != nil {
		return nil, exception(err)
	}
	g := groupOut(e)
	return &sdk.CreateGroupOutput{Group: &g}, nil
}

// GetGroup tells about a group and who is in it.
func (s *Service) GetGroup(ctx context.Context, in *sdk.GetGroupInput) (*sdk.GetGroupOutput, error) {
	e, err := s.dir.Get(ctx, iam.Group, *in.GroupName)
	if err != nil {
		return nil, exception(err)
	}
	members, err := s.dir.Members(ctx, *in.GroupName)
	if err != nil {
		return nil, exception(err)
	}
	members, next := cut(members, func(m iam.Entity) string { return m.Name }, in.Marker, in.MaxItems)
	g := groupOut(e)
	out := &sdk.GetGroupOutput{Group: &g, Users: make([]types.User, len(members)), Marker: next, IsTruncated: next != nil}
	for i, m := range members {
		out.Users[i] = userOut(m, false)
	}
	return out, nil
}

// ListGroups lists groups by name.
func (s *Service) ListGroups(ctx context.Context, in *sdk.ListGroupsInput) (*sdk.ListGroupsOutput, error) {
	list, next, err := s.dir.List(ctx, iam.Group, page(in.PathPrefix, in.Marker, in.MaxItems))
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.ListGroupsOutput{Groups: groupsOut(list), Marker: marker(next), IsTruncated: next != ""}, nil
}

func groupsOut(list []iam.Entity) []types.Group {
	out := make([]types.Group, len(list))
	for i, e := range list {
		out[i] = groupOut(e)
	}
	return out
}

// UpdateGroup changes a group's name or path.
func (s *Service) UpdateGroup(ctx context.Context, in *sdk.UpdateGroupInput) (*sdk.UpdateGroupOutput, error) {
	_, err := s.dir.Update(ctx, iam.Group, *in.GroupName, func(e *iam.Entity) error {
		if in.NewGroupName != nil {
			e.Name = *in.NewGroupName
		}
		if in.NewPath != nil {
			e.Path = *in.NewPath
		}
		return nil
	})
	return &sdk.UpdateGroupOutput{}, exception(err)
}

// DeleteGroup removes a group without users and policies.
func (s *Service) DeleteGroup(ctx context.Context, in *sdk.DeleteGroupInput) (*sdk.DeleteGroupOutput, error) {
	return &sdk.DeleteGroupOutput{}, exception(s.dir.Delete(ctx, iam.Group, *in.GroupName))
}

// AddUserToGroup puts a user into a group.
func (s *Service) AddUserToGroup(ctx context.Context, in *sdk.AddUserToGroupInput) (*sdk.AddUserToGroupOutput, error) {
	return &sdk.AddUserToGroupOutput{}, exception(s.dir.AddToGroup(ctx, *in.GroupName, *in.UserName))
}

// RemoveUserFromGroup takes a user out of a group.
func (s *Service) RemoveUserFromGroup(ctx context.Context, in *sdk.RemoveUserFromGroupInput) (*sdk.RemoveUserFromGroupOutput, error) {
	return &sdk.RemoveUserFromGroupOutput{}, exception(s.dir.RemoveFromGroup(ctx, *in.GroupName, *in.UserName))
}

// ListGroupsForUser lists the groups a user is in.
func (s *Service) ListGroupsForUser(ctx context.Context, in *sdk.ListGroupsForUserInput) (*sdk.ListGroupsForUserOutput, error) {
	list, err := s.dir.GroupsOf(ctx, *in.UserName)
	if err != nil {
		return nil, exception(err)
	}
	list, next := cut(list, func(e iam.Entity) string { return e.Name }, in.Marker, in.MaxItems)
	return &sdk.ListGroupsForUserOutput{Groups: groupsOut(list), Marker: next, IsTruncated: next != nil}, nil
}

// PutGroupPolicy writes a policy inside a group.
func (s *Service) PutGroupPolicy(ctx context.Context, in *sdk.PutGroupPolicyInput) (*sdk.PutGroupPolicyOutput, error) {
	return &sdk.PutGroupPolicyOutput{}, exception(s.dir.PutPolicy(ctx, iam.Group, *in.GroupName, *in.PolicyName, *in.PolicyDocument))
}

// GetGroupPolicy reads a policy inside a group.
func (s *Service) GetGroupPolicy(ctx context.Context, in *sdk.GetGroupPolicyInput) (*sdk.GetGroupPolicyOutput, error) {
	document, err := s.dir.Policy(ctx, iam.Group, *in.GroupName, *in.PolicyName)
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.GetGroupPolicyOutput{GroupName: in.GroupName, PolicyName: in.PolicyName, PolicyDocument: encoded(document)}, nil
}

// ListGroupPolicies lists the names of the policies inside a group.
func (s *Service) ListGroupPolicies(ctx context.Context, in *sdk.ListGroupPoliciesInput) (*sdk.ListGroupPoliciesOutput, error) {
	names, next, err := s.policies(ctx, iam.Group, *in.GroupName, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &sdk.ListGroupPoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, nil
}

// DeleteGroupPolicy removes a policy from a group.
func (s *Service) DeleteGroupPolicy(ctx context.Context, in *sdk.DeleteGroupPolicyInput) (*sdk.DeleteGroupPolicyOutput, error) {
	return &sdk.DeleteGroupPolicyOutput{}, exception(s.dir.DeletePolicy(ctx, iam.Group, *in.GroupName, *in.PolicyName))
}
