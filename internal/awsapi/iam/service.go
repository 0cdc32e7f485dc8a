// Package iam serves the part of AWS's Identity and Access Management that Conveyor has: users with access keys, groups,
// roles, the policies inside them or attached to them, and the simulation of all that. Instance profiles and what signs
// people in (passwords, MFA devices, certificates) do not exist here; the lists of them that clients ask for are empty.
package iam

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/iam"
)

// Service answers IAM's operations from a directory.
type Service struct {
	dir     *iam.Directory
	region  string
	account string
}

// New makes the service.
func New(dir *iam.Directory, place awsapi.Place) *Service {
	place = place.WithDefaults()
	return &Service{dir: dir, region: place.Region, account: place.Account}
}

// API is the service on the wire.
func (s *Service) API() awsapi.QueryAPI {
	return awsapi.NewQuery(
		"iam", "2010-05-08",
		awsapi.Handle(s.CreateUser), awsapi.Handle(s.GetUser), awsapi.Handle(s.ListUsers), awsapi.Handle(s.UpdateUser),
		awsapi.Handle(s.DeleteUser), awsapi.Handle(s.TagUser), awsapi.Handle(s.UntagUser), awsapi.Handle(s.ListUserTags),
		awsapi.Handle(s.ListGroupsForUser), awsapi.Handle(s.ListAttachedUserPolicies),
		awsapi.Handle(s.CreateAccessKey), awsapi.Handle(s.ListAccessKeys), awsapi.Handle(s.UpdateAccessKey), awsapi.Handle(s.DeleteAccessKey),
		awsapi.Handle(s.PutUserPolicy), awsapi.Handle(s.GetUserPolicy), awsapi.Handle(s.ListUserPolicies), awsapi.Handle(s.DeleteUserPolicy),
		awsapi.Handle(s.CreateRole), awsapi.Handle(s.GetRole), awsapi.Handle(s.ListRoles), awsapi.Handle(s.UpdateRole),
		awsapi.Handle(s.UpdateRoleDescription), awsapi.Handle(s.UpdateAssumeRolePolicy), awsapi.Handle(s.DeleteRole),
		awsapi.Handle(s.TagRole), awsapi.Handle(s.UntagRole), awsapi.Handle(s.ListRoleTags),
		awsapi.Handle(s.ListInstanceProfilesForRole), awsapi.Handle(s.ListAttachedRolePolicies),
		awsapi.Handle(s.PutRolePolicy), awsapi.Handle(s.GetRolePolicy), awsapi.Handle(s.ListRolePolicies), awsapi.Handle(s.DeleteRolePolicy),

		awsapi.Handle(s.CreatePolicy), awsapi.Handle(s.GetPolicy), awsapi.Handle(s.ListPolicies), awsapi.Handle(s.DeletePolicy),
		awsapi.Handle(s.CreatePolicyVersion), awsapi.Handle(s.GetPolicyVersion), awsapi.Handle(s.ListPolicyVersions),
		awsapi.Handle(s.SetDefaultPolicyVersion), awsapi.Handle(s.DeletePolicyVersion),
		awsapi.Handle(s.TagPolicy), awsapi.Handle(s.UntagPolicy), awsapi.Handle(s.ListPolicyTags), awsapi.Handle(s.ListEntitiesForPolicy),
		awsapi.Handle(s.AttachUserPolicy), awsapi.Handle(s.DetachUserPolicy), awsapi.Handle(s.AttachRolePolicy), awsapi.Handle(s.DetachRolePolicy),
		awsapi.Handle(s.AttachGroupPolicy), awsapi.Handle(s.DetachGroupPolicy), awsapi.Handle(s.ListAttachedGroupPolicies),
		awsapi.Handle(s.PutUserPermissionsBoundary), awsapi.Handle(s.DeleteUserPermissionsBoundary),
		awsapi.Handle(s.PutRolePermissionsBoundary), awsapi.Handle(s.DeleteRolePermissionsBoundary),

		awsapi.Handle(s.CreateGroup), awsapi.Handle(s.GetGroup), awsapi.Handle(s.ListGroups), awsapi.Handle(s.UpdateGroup), awsapi.Handle(s.DeleteGroup),
		awsapi.Handle(s.AddUserToGroup), awsapi.Handle(s.RemoveUserFromGroup),
		awsapi.Handle(s.PutGroupPolicy), awsapi.Handle(s.GetGroupPolicy), awsapi.Handle(s.ListGroupPolicies), awsapi.Handle(s.DeleteGroupPolicy),

		awsapi.Handle(s.SimulatePrincipalPolicy), awsapi.Handle(s.SimulateCustomPolicy),
		awsapi.Handle(s.GetContextKeysForPrincipalPolicy), awsapi.Handle(s.GetContextKeysForCustomPolicy),
		awsapi.Handle(s.GetAccessKeyLastUsed), awsapi.Handle(s.GetAccountSummary),
		awsapi.Handle(s.ListSSHPublicKeys), awsapi.Handle(s.ListMFADevices), awsapi.Handle(s.ListVirtualMFADevices), awsapi.Handle(s.DeleteLoginProfile),
		awsapi.Handle(s.ListSigningCertificates), awsapi.Handle(s.ListServiceSpecificCredentials),
		awsapi.Handle(s.CreateAccountAlias), awsapi.Handle(s.DeleteAccountAlias), awsapi.Handle(s.ListAccountAliases),
	).Instead("Passwords, MFA devices, certificates, instance profiles and identity providers do not exist here: give people access keys and roles.").
		About(awsapi.About{Members: aboutMembers, Resources: s.resources, Conditions: conditions})
}

// exception gives a mistake AWS's name; other errors pass through.
func exception(err error) error {
	var m *iam.Error
	if !errors.As(err, &m) {
		return err
	}
	text := aws.String(m.Message)
	switch {
	case errors.Is(m, iam.ErrNoSuchEntity):
		return &types.NoSuchEntityException{Message: text}
	case errors.Is(m, iam.ErrAlreadyExists):
		return &types.EntityAlreadyExistsException{Message: text}
	case errors.Is(m, iam.ErrDeleteConflict):
		return &types.DeleteConflictException{Message: text}
	case errors.Is(m, iam.ErrMalformedPolicy):
		return &types.MalformedPolicyDocumentException{Message: text}
	case errors.Is(m, iam.ErrLimitExceeded):
		return &types.LimitExceededException{Message: text}
	case errors.Is(m, iam.ErrInvalidInput):
		return &types.InvalidInputException{Message: text}
	default:
		return err
	}
}

// user is the name given, or that of the caller when none is.
func (s *Service) user(ctx context.Context, name *string) (string, error) {
	if name != nil {
		return *name, nil
	}
	who := awsapi.Caller(ctx)
	if who.Root {
		return "", awsapi.Errorf("ValidationError", "Must specify userName when calling with non-User credentials")
	}
	e, err := s.dir.ByID(ctx, who.UserID)
	if err != nil {
		return "", exception(err)
	}
	return e.Name, nil
}

// encoded is a policy document as IAM returns it: percent-encoded.
func encoded(document string) *string {
	return aws.String(strings.ReplaceAll(url.QueryEscape(document), "+", "%20"))
}

func tagsIn(tags []types.Tag) []iam.Tag {
	out := make([]iam.Tag, len(tags))
	for i, t := range tags {
		out[i] = iam.Tag{Key: aws.ToString(t.Key), Value: aws.ToString(t.Value)}
	}
	return out
}

func tagsOut(tags []iam.Tag) []types.Tag {
	if len(tags) == 0 {
		return nil
	}
	out := make([]types.Tag, len(tags))
	for i, t := range tags {
		out[i] = types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)}
	}
	return out
}

func boundary(arn string) *types.AttachedPermissionsBoundary {
	if arn == "" {
		return nil
	}
	return &types.AttachedPermissionsBoundary{
		PermissionsBoundaryArn:  aws.String(arn),
		PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
	}
}

// page turns the paging members of a request into a Page.
func page(prefix, marker *string, items *int32) iam.Page {
	return iam.Page{PathPrefix: aws.ToString(prefix), Marker: aws.ToString(marker), Limit: int(aws.ToInt32(items))}
}

// cut is one page of a list that was read whole: names in order, the marker being the last one seen.
func cut[T any](list []T, name func(T) string, marker *string, items *int32) (part []T, next *string) {
	start := 0
	for marker != nil && start < len(list) && name(list[start]) <= *marker {
		start++
	}
	list = list[start:]
	limit := int(aws.ToInt32(items))
	if limit == 0 {
		limit = 100
	}
	if len(list) > limit {
		return list[:limit], aws.String(name(list[limit-1]))
	}
	return list, nil
}

func marker(next string) *string {
	if next == "" {
		return nil
	}
	return aws.String(next)
}
