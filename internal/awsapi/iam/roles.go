package iam

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/conveyor-cd/conveyor/internal/iam"
)

// roleOut is a role on the wire. As on AWS, lists leave out the tags and the boundary.
func roleOut(e iam.Entity, whole bool) types.Role {
	r := types.Role{
		Arn: aws.String(e.Arn), RoleId: aws.String(e.ID), RoleName: aws.String(e.Name), Path: aws.String(e.Path),
		AssumeRolePolicyDocument: encoded(e.Trust), CreateDate: aws.Time(e.Created),
		MaxSessionDuration: aws.Int32(int32(e.MaxSession / time.Second)),
	}
	if e.Description != "" {
		r.Description = aws.String(e.Description)
	}
	if whole {
		r.Tags, r.PermissionsBoundary = tagsOut(e.Tags), boundary(e.Boundary)
	}
	return r
}

// CreateRole adds a role.
func (s *Service) CreateRole(ctx context.Context, in *sdk.CreateRoleInput) (*sdk.CreateRoleOutput, error) {
	e, err := s.dir.Create(ctx, iam.Entity{
		Kind: iam.Role, Name: *in.RoleName, Path: aws.ToString(in.Path), Trust: *in.AssumeRolePolicyDocument,
		Description: aws.ToString(in.Description), MaxSession: time.Duration(aws.ToInt32(in.MaxSessionDuration)) * time.Second,
		Tags: tagsIn(in.Tags), Boundary: aws.ToString(in.PermissionsBoundary),
	})
	if err != nil {
		return nil, exception(err)
	}
	r := roleOut(e, true)
	return &sdk.CreateRoleOutput{Role: &r}, nil
}

// GetRole tells about a role.
func (s *Service) GetRole(ctx context.Context, in *sdk.GetRoleInput) (*sdk.GetRoleOutput, error) {
	e, err := s.dir.Get(ctx, iam.Role, *in.RoleName)
	if err != nil {
		return nil, exception(err)
	}
	r := roleOut(e, true)
	return &sdk.GetRoleOutput{Role: &r}, nil
}

// ListRoles lists roles by name.
func (s *Service) ListRoles(ctx context.Context, in *sdk.ListRolesInput) (*sdk.ListRolesOutput, error) {
	list, next, err := s.dir.List(ctx, iam.Role, page(in.PathPrefix, in.Marker, in.MaxItems))
	if err != nil {
		return nil, exception(err)
	}
	out := &sdk.ListRolesOutput{Roles: make([]types.Role, len(list)), Marker: marker(next), IsTruncated: next != ""}
	for i, e := range list {
		out.Roles[i] = roleOut(e, false)
	}
	return out, nil
}

// UpdateRole changes the description and the longest session; what is not given stays.
func (s *Service) UpdateRole(ctx context.Context, in *sdk.UpdateRoleInput) (*sdk.UpdateRoleOutput, error) {
	_, err := s.dir.Update(ctx, iam.Role, *in.RoleName, func(e *iam.Entity) error {
		if in.Description != nil {
			e.Description = *in.Description
		}
		if in.MaxSessionDuration != nil {
			e.MaxSession = time.Duration(*in.MaxSessionDuration) * time.Second
		}
		return nil
	})
	return &sdk.UpdateRoleOutput{}, exception(err)
}

// UpdateRoleDescription changes the description alone.
func (s *Service) UpdateRoleDescription(ctx context.Context, in *sdk.UpdateRoleDescriptionInput) (*sdk.UpdateRoleDescriptionOutput, error) {
	e, err := s.dir.Update(ctx, iam.Role, *in.RoleName, func(e *iam.Entity) error {
		e.Description = *in.Description
		return nil
	})
	if err != nil {
		return nil, exception(err)
	}
	r := roleOut(e, true)
	return &sdk.UpdateRoleDescriptionOutput{Role: &r}, nil
}

// UpdateAssumeRolePolicy replaces the trust policy.
func (s *Service) UpdateAssumeRolePolicy(ctx context.Context, in *sdk.UpdateAssumeRolePolicyInput) (*sdk.UpdateAssumeRolePolicyOutput, error) {
	_, err := s.dir.Update(ctx, iam.Role, *in.RoleName, func(e *iam.Entity) error {
		e.Trust = *in.PolicyDocument
		return nil
	})
	return &sdk.UpdateAssumeRolePolicyOutput{}, exception(err)
}

// DeleteRole removes a role without policies.
func (s *Service) DeleteRole(ctx context.Context, in *sdk.DeleteRoleInput) (*sdk.DeleteRoleOutput, error) {
	return &sdk.DeleteRoleOutput{}, exception(s.dir.Delete(ctx, iam.Role, *in.RoleName))
}

// TagRole adds tags.
func (s *Service) TagRole(ctx context.Context, in *sdk.TagRoleInput) (*sdk.TagRoleOutput, error) {
	return &sdk.TagRoleOutput{}, exception(s.dir.Tag(ctx, iam.Role, *in.RoleName, tagsIn(in.Tags)))
}

// UntagRole removes tags.
func (s *Service) UntagRole(ctx context.Context, in *sdk.UntagRoleInput) (*sdk.UntagRoleOutput, error) {
	return &sdk.UntagRoleOutput{}, exception(s.dir.Untag(ctx, iam.Role, *in.RoleName, in.TagKeys))
}

// ListRoleTags lists tags by key.
func (s *Service) ListRoleTags(ctx context.Context, in *sdk.ListRoleTagsInput) (*sdk.ListRoleTagsOutput, error) {
	e, err := s.dir.Get(ctx, iam.Role, *in.RoleName)
	if err != nil {
		return nil, exception(err)
	}
	tags, next := cut(e.Tags, func(t iam.Tag) string { return t.Key }, in.Marker, in.MaxItems)
	return &sdk.ListRoleTagsOutput{Tags: emptyNotNil(tagsOut(tags)), Marker: next, IsTruncated: next != nil}, nil
}

// ListInstanceProfilesForRole lists nothing: there are no instance profiles.
func (s *Service) ListInstanceProfilesForRole(ctx context.Context, in *sdk.ListInstanceProfilesForRoleInput) (*sdk.ListInstanceProfilesForRoleOutput, error) {
	if _, err := s.dir.Get(ctx, iam.Role, *in.RoleName); err != nil {
		return nil, exception(err)
	}
	return &sdk.ListInstanceProfilesForRoleOutput{InstanceProfiles: []types.InstanceProfile{}}, nil
}
