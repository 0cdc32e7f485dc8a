package iam

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/conveyor-cd/conveyor/internal/iam"
)

// policyOut is a managed policy on the wire. As on AWS, lists leave out description and tags.
func policyOut(p iam.ManagedPolicy, whole bool) types.Policy {
	out := types.Policy{
		Arn: aws.String(p.Arn), PolicyId: aws.String(p.ID), PolicyName: aws.String(p.Name), Path: aws.String(p.Path),
		DefaultVersionId: aws.String(iam.VersionID(p.Default)), AttachmentCount: aws.Int32(int32(p.Attached)),
		PermissionsBoundaryUsageCount: aws.Int32(int32(p.Boundaries)), IsAttachable: true,
		CreateDate: aws.Time(p.Created), UpdateDate: aws.Time(p.Updated),
	}
	if whole {
		out.Tags = tagsOut(p.Tags)
		if p.Description != "" {
			out.Description = aws.String(p.Description)
		}
	}
	return out
}

func versionOut(v iam.PolicyVersion, whole bool) types.PolicyVersion {
	out := types.PolicyVersion{VersionId: aws.String(v.ID()), IsDefaultVersion: v.Default, CreateDate: aws.Time(v.Created)}
	if whole {
		out.Document = encoded(v.Document)
	}
	return out
}

// CreatePolicy adds a managed policy.
func (s *Service) CreatePolicy(ctx context.Context, in *sdk.CreatePolicyInput) (*sdk.CreatePolicyOutput, error) {
	p, err := s.dir.CreateManaged(ctx, iam.ManagedPolicy{
		Name: *in.PolicyName, Path: aws.ToString(in.Path), Description: aws.ToString(in.Description), Tags: tagsIn(in.Tags),
	}, *in.PolicyDocument)
	if err != nil {
		return nil, exception(err)
	}
	out := policyOut(p, true)
	return &sdk.CreatePolicyOutput{Policy: &out}, nil
}

// GetPolicy tells about a managed policy.
func (s *Service) GetPolicy(ctx context.Context, in *sdk.GetPolicyInput) (*sdk.GetPolicyOutput, error) {
	p, err := s.dir.Managed(ctx, *in.PolicyArn)
	if err != nil {
		return nil, exception(err)
	}
	out := policyOut(p, true)
	return &sdk.GetPolicyOutput{Policy: &out}, nil
}

// ListPolicies lists managed policies by name.
func (s *Service) ListPolicies(ctx context.Context, in *sdk.ListPoliciesInput) (*sdk.ListPoliciesOutput, error) {
	list, err := s.dir.ListManaged(ctx, in.Scope != types.PolicyScopeTypeAws, in.Scope != types.PolicyScopeTypeLocal, aws.ToString(in.PathPrefix))
	if err != nil {
		return nil, exception(err)
	}
	var out []types.Policy
	for _, p := range list {
		boundary := in.PolicyUsageFilter == types.PolicyUsageTypePermissionsBoundary
		if in.OnlyAttached && p.Attached == 0 || boundary && p.Boundaries == 0 {
			continue
		}
		out = append(out, policyOut(p, false))
	}
	part, next := cut(out, func(p types.Policy) string { return *p.PolicyName + " " + *p.Arn }, in.Marker, in.MaxItems)
	return &sdk.ListPoliciesOutput{Policies: emptyNotNil(part), Marker: next, IsTruncated: next != nil}, nil
}

// DeletePolicy removes a managed policy.
func (s *Service) DeletePolicy(ctx context.Context, in *sdk.DeletePolicyInput) (*sdk.DeletePolicyOutput, error) {
	return &sdk.DeletePolicyOutput{}, exception(s.dir.DeleteManaged(ctx, *in.PolicyArn))
}

// CreatePolicyVersion gives a managed policy another document.
func (s *Service) CreatePolicyVersion(ctx context.Context, in *sdk.CreatePolicyVersionInput) (*sdk.CreatePolicyVersionOutput, error) {
	v, err := s.dir.AddPolicyVersion(ctx, *in.PolicyArn, *in.PolicyDocument, in.SetAsDefault)
	if err != nil {
		return nil, exception(err)
	}
	out := versionOut(v, false)
	return &sdk.CreatePolicyVersionOutput{PolicyVersion: &out}, nil
}

// GetPolicyVersion reads one document of a managed policy.
func (s *Service) GetPolicyVersion(ctx context.Context, in *sdk.GetPolicyVersionInput) (*sdk.GetPolicyVersionOutput, error) {
	v, err := s.dir.PolicyVersion(ctx, *in.PolicyArn, *in.VersionId)
	if err != nil {
		return nil, exception(err)
	}
	out := versionOut(v, true)
	return &sdk.GetPolicyVersionOutput{PolicyVersion: &out}, nil
}

// ListPolicyVersions lists the versions of a managed policy, the newest first.
func (s *Service) ListPolicyVersions(ctx context.Context, in *sdk.ListPolicyVersionsInput) (*sdk.ListPolicyVersionsOutput, error) {
	list, err := s.dir.PolicyVersions(ctx, *in.PolicyArn)
	if err != nil {
		return nil, exception(err)
	}
	out := &sdk.ListPolicyVersionsOutput{Versions: make([]types.PolicyVersion, len(list))}
	for i, v := range list {
		out.Versions[i] = versionOut(v, false)
	}
	return out, nil
}

// SetDefaultPolicyVersion makes a version the one that counts.
func (s *Service) SetDefaultPolicyVersion(ctx context.Context, in *sdk.SetDefaultPolicyVersionInput) (*sdk.SetDefaultPolicyVersionOutput, error) {
	return &sdk.SetDefaultPolicyVersionOutput{}, exception(s.dir.SetPolicyVersion(ctx, *in.PolicyArn, *in.VersionId))
}

// DeletePolicyVersion removes a version that does not count.
func (s *Service) DeletePolicyVersion(ctx context.Context, in *sdk.DeletePolicyVersionInput) (*sdk.DeletePolicyVersionOutput, error) {
	return &sdk.DeletePolicyVersionOutput{}, exception(s.dir.DeletePolicyVersion(ctx, *in.PolicyArn, *in.VersionId))
}

// TagPolicy adds tags.
func (s *Service) TagPolicy(ctx context.Context, in *sdk.TagPolicyInput) (*sdk.TagPolicyOutput, error) {
	return &sdk.TagPolicyOutput{}, exception(s.dir.TagManaged(ctx, *in.PolicyArn, tagsIn(in.Tags), nil))
}

// UntagPolicy removes tags.
func (s *Service) UntagPolicy(ctx context.Context, in *sdk.UntagPolicyInput) (*sdk.UntagPolicyOutput, error) {
	return &sdk.UntagPolicyOutput{}, exception(s.dir.TagManaged(ctx, *in.PolicyArn, nil, in.TagKeys))
}

// ListPolicyTags lists tags by key.
func (s *Service) ListPolicyTags(ctx context.Context, in *sdk.ListPolicyTagsInput) (*sdk.ListPolicyTagsOutput, error) {
	p, err := s.dir.Managed(ctx, *in.PolicyArn)
	if err != nil {
		return nil, exception(err)
	}
	tags, next := cut(p.Tags, func(t iam.Tag) string { return t.Key }, in.Marker, in.MaxItems)
	return &sdk.ListPolicyTagsOutput{Tags: emptyNotNil(tagsOut(tags)), Marker: next, IsTruncated: next != nil}, nil
}

// ListEntitiesForPolicy lists the users, roles and groups that have a managed policy.
func (s *Service) ListEntitiesForPolicy(ctx context.Context, in *sdk.ListEntitiesForPolicyInput) (*sdk.ListEntitiesForPolicyOutput, error) {
	list, err := s.dir.Having(ctx, *in.PolicyArn, in.PolicyUsageFilter == types.PolicyUsageTypePermissionsBoundary)
	if err != nil {
		return nil, exception(err)
	}
	list, next := cut(list, func(e iam.Entity) string { return string(e.Kind) + " " + strings.ToLower(e.Name) }, in.Marker, in.MaxItems)
	out := &sdk.ListEntitiesForPolicyOutput{
		PolicyUsers: []types.PolicyUser{}, PolicyRoles: []types.PolicyRole{}, PolicyGroups: []types.PolicyGroup{}, Marker: next, IsTruncated: next != nil,
	}
	wanted := func(k types.EntityType) bool { return in.EntityFilter == "" || in.EntityFilter == k }
	for _, e := range list {
		switch {
		case e.Kind == iam.User && wanted(types.EntityTypeUser):
			out.PolicyUsers = append(out.PolicyUsers, types.PolicyUser{UserId: aws.String(e.ID), UserName: aws.String(e.Name)})
		case e.Kind == iam.Role && wanted(types.EntityTypeRole):
			out.PolicyRoles = append(out.PolicyRoles, types.PolicyRole{RoleId: aws.String(e.ID), RoleName: aws.String(e.Name)})
		case e.Kind == iam.Group && wanted(types.EntityTypeGroup):
			out.PolicyGroups = append(out.PolicyGroups, types.PolicyGroup{GroupId: aws.String(e.ID), GroupName: aws.String(e.Name)})
		}
	}
	return out, nil
}

// AttachUserPolicy gives a user a managed policy.
func (s *Service) AttachUserPolicy(ctx context.Context, in *sdk.AttachUserPolicyInput) (*sdk.AttachUserPolicyOutput, error) {
	return &sdk.AttachUserPolicyOutput{}, exception(s.dir.Attach(ctx, iam.User, *in.UserName, *in.PolicyArn))
}

// AttachRolePolicy gives a role a managed policy.
func (s *Service) AttachRolePolicy(ctx context.Context, in *sdk.AttachRolePolicyInput) (*sdk.AttachRolePolicyOutput, error) {
	return &sdk.AttachRolePolicyOutput{}, exception(s.dir.Attach(ctx, iam.Role, *in.RoleName, *in.PolicyArn))
}

// AttachGroupPolicy gives a group a managed policy.
func (s *Service) AttachGroupPolicy(ctx context.Context, in *sdk.AttachGroupPolicyInput) (*sdk.AttachGroupPolicyOutput, error) {
	return &sdk.AttachGroupPolicyOutput{}, exception(s.dir.Attach(ctx, iam.Group, *in.GroupName, *in.PolicyArn))
}

// DetachUserPolicy takes a managed policy from a user.
func (s *Service) DetachUserPolicy(ctx context.Context, in *sdk.DetachUserPolicyInput) (*sdk.DetachUserPolicyOutput, error) {
	return &sdk.DetachUserPolicyOutput{}, exception(s.dir.Detach(ctx, iam.User, *in.UserName, *in.PolicyArn))
}

// DetachRolePolicy takes a managed policy from a role.
func (s *Service) DetachRolePolicy(ctx context.Context, in *sdk.DetachRolePolicyInput) (*sdk.DetachRolePolicyOutput, error) {
	return &sdk.DetachRolePolicyOutput{}, exception(s.dir.Detach(ctx, iam.Role, *in.RoleName, *in.PolicyArn))
}

// DetachGroupPolicy takes a managed policy from a group.
func (s *Service) DetachGroupPolicy(ctx context.Context, in *sdk.DetachGroupPolicyInput) (*sdk.DetachGroupPolicyOutput, error) {
	return &sdk.DetachGroupPolicyOutput{}, exception(s.dir.Detach(ctx, iam.Group, *in.GroupName, *in.PolicyArn))
}

// ListAttachedUserPolicies lists the managed policies of a user.
func (s *Service) ListAttachedUserPolicies(ctx context.Context, in *sdk.ListAttachedUserPoliciesInput) (*sdk.ListAttachedUserPoliciesOutput, error) {
	list, next, err := s.attached(ctx, iam.User, *in.UserName, in.Marker, in.MaxItems)
	return &sdk.ListAttachedUserPoliciesOutput{AttachedPolicies: list, Marker: next, IsTruncated: next != nil}, err
}

// ListAttachedRolePolicies lists the managed policies of a role.
func (s *Service) ListAttachedRolePolicies(ctx context.Context, in *sdk.ListAttachedRolePoliciesInput) (*sdk.ListAttachedRolePoliciesOutput, error) {
	list, next, err := s.attached(ctx, iam.Role, *in.RoleName, in.Marker, in.MaxItems)
	return &sdk.ListAttachedRolePoliciesOutput{AttachedPolicies: list, Marker: next, IsTruncated: next != nil}, err
}

// ListAttachedGroupPolicies lists the managed policies of a group.
func (s *Service) ListAttachedGroupPolicies(ctx context.Context, in *sdk.ListAttachedGroupPoliciesInput) (*sdk.ListAttachedGroupPoliciesOutput, error) {
	list, next, err := s.attached(ctx, iam.Group, *in.GroupName, in.Marker, in.MaxItems)
	return &sdk.ListAttachedGroupPoliciesOutput{AttachedPolicies: list, Marker: next, IsTruncated: next != nil}, err
}

func (s *Service) attached(ctx context.Context, kind iam.Kind, name string, from *string, items *int32) ([]types.AttachedPolicy, *string, error) {
	arns, err := s.dir.Attached(ctx, kind, name)
	if err != nil {
		return nil, nil, exception(err)
	}
	arns, next := cut(arns, func(arn string) string { return iam.PolicyName(arn) + " " + arn }, from, items)
	list := make([]types.AttachedPolicy, len(arns))
	for i, arn := range arns {
		list[i] = types.AttachedPolicy{PolicyArn: aws.String(arn), PolicyName: aws.String(iam.PolicyName(arn))}
	}
	return list, next, nil
}

// PutUserPermissionsBoundary makes a managed policy the boundary of a user.
func (s *Service) PutUserPermissionsBoundary(ctx context.Context, in *sdk.PutUserPermissionsBoundaryInput) (*sdk.PutUserPermissionsBoundaryOutput, error) {
	return &sdk.PutUserPermissionsBoundaryOutput{}, s.bound(ctx, iam.User, *in.UserName, *in.PermissionsBoundary)
}

// PutRolePermissionsBoundary makes a managed policy the boundary of a role.
func (s *Service) PutRolePermissionsBoundary(ctx context.Context, in *sdk.PutRolePermissionsBoundaryInput) (*sdk.PutRolePermissionsBoundaryOutput, error) {
	return &sdk.PutRolePermissionsBoundaryOutput{}, s.bound(ctx, iam.Role, *in.RoleName, *in.PermissionsBoundary)
}

// DeleteUserPermissionsBoundary takes the boundary away.
func (s *Service) DeleteUserPermissionsBoundary(ctx context.Context, in *sdk.DeleteUserPermissionsBoundaryInput) (*sdk.DeleteUserPermissionsBoundaryOutput, error) {
	return &sdk.DeleteUserPermissionsBoundaryOutput{}, s.bound(ctx, iam.User, *in.UserName, "")
}

// DeleteRolePermissionsBoundary takes the boundary away.
func (s *Service) DeleteRolePermissionsBoundary(ctx context.Context, in *sdk.DeleteRolePermissionsBoundaryInput) (*sdk.DeleteRolePermissionsBoundaryOutput, error) {
	return &sdk.DeleteRolePermissionsBoundaryOutput{}, s.bound(ctx, iam.Role, *in.RoleName, "")
}

func (s *Service) bound(ctx context.Context, kind iam.Kind, name, arn string) error {
	_, err := s.dir.Update(ctx, kind, name, func(e *iam.Entity) error {
		if arn == "" && e.Boundary == "" {
			return exception(&iam.Error{Kind: iam.ErrNoSuchEntity, Message: "The " + string(kind) + " " + e.Name + " has no permissions boundary."})
		}
		e.Boundary = arn
		return nil
	})
	return exception(err)
}
