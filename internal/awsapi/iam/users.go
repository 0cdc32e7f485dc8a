package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/iam"
)

// userOut is a user on the wire. As on AWS, lists leave out the tags and the boundary.
func userOut(e iam.Entity, whole bool) types.User {
	u := types.User{
		Arn: aws.String(e.Arn), UserId: aws.String(e.ID), UserName: aws.String(e.Name), Path: aws.String(e.Path),
		CreateDate: aws.Time(e.Created),
	}
	if whole {
		u.Tags, u.PermissionsBoundary = tagsOut(e.Tags), boundary(e.Boundary)
	}
	return u
}

// CreateUser adds a user.
func (s *Service) CreateUser(ctx context.Context, in *sdk.CreateUserInput) (*sdk.CreateUserOutput, error) {
	e, err := s.dir.Create(ctx, iam.Entity{
		Kind: iam.User, Name: *in.UserName, Path: aws.ToString(in.Path), Tags: tagsIn(in.Tags), Boundary: aws.ToString(in.PermissionsBoundary),
	})
	if err != nil {
		return nil, exception(err)
	}
	u := userOut(e, true)
	return &sdk.CreateUserOutput{User: &u}, nil
}

// GetUser tells about a user, or about the caller when no name is given.
func (s *Service) GetUser(ctx context.Context, in *sdk.GetUserInput) (*sdk.GetUserOutput, error) {
	if who := awsapi.Caller(ctx); in.UserName == nil && who.Root {
		return &sdk.GetUserOutput{User: &types.User{Arn: aws.String(who.Arn), UserId: aws.String(who.UserID), Path: aws.String("/")}}, nil
	}
	name, err := s.user(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	e, err := s.dir.Get(ctx, iam.User, name)
	if err != nil {
		return nil, exception(err)
	}
	u := userOut(e, true)
	return &sdk.GetUserOutput{User: &u}, nil
}

// ListUsers lists users by name.
func (s *Service) ListUsers(ctx context.Context, in *sdk.ListUsersInput) (*sdk.ListUsersOutput, error) {
	list, next, err := s.dir.List(ctx, iam.User, page(in.PathPrefix, in.Marker, in.MaxItems))
	if err != nil {
		return nil, exception(err)
	}
	out := &sdk.ListUsersOutput{Users: make([]types.User, len(list)), Marker: marker(next), IsTruncated: next != ""}
	for i, e := range list {
		out.Users[i] = userOut(e, false)
	}
	return out, nil
}

// UpdateUser changes a user's name or path.
func (s *Service) UpdateUser(ctx context.Context, in *sdk.UpdateUserInput) (*sdk.UpdateUserOutput, error) {
	_, err := s.dir.Update(ctx, iam.User, *in.UserName, func(e *iam.Entity) error {
		if in.NewUserName != nil {
			e.Name = *in.NewUserName
		}
		if in.NewPath != nil {
			e.Path = *in.NewPath
		}
		return nil
	})
	return &sdk.UpdateUserOutput{}, exception(err)
}

// DeleteUser removes a user without keys and policies.
func (s *Service) DeleteUser(ctx context.Context, in *sdk.DeleteUserInput) (*sdk.DeleteUserOutput, error) {
	return &sdk.DeleteUserOutput{}, exception(s.dir.Delete(ctx, iam.User, *in.UserName))
}

// TagUser adds tags.
func (s *Service) TagUser(ctx context.Context, in *sdk.TagUserInput) (*sdk.TagUserOutput, error) {
	return &sdk.TagUserOutput{}, exception(s.dir.Tag(ctx, iam.User, *in.UserName, tagsIn(in.Tags)))
}

// UntagUser removes tags.
func (s *Service) UntagUser(ctx context.Context, in *sdk.UntagUserInput) (*sdk.UntagUserOutput, error) {
	return &sdk.UntagUserOutput{}, exception(s.dir.Untag(ctx, iam.User, *in.UserName, in.TagKeys))
}

// ListUserTags lists tags by key.
func (s *Service) ListUserTags(ctx context.Context, in *sdk.ListUserTagsInput) (*sdk.ListUserTagsOutput, error) {
	e, err := s.dir.Get(ctx, iam.User, *in.UserName)
	if err != nil {
		return nil, exception(err)
	}
	tags, next := cut(e.Tags, func(t iam.Tag) string { return t.Key }, in.Marker, in.MaxItems)
	return &sdk.ListUserTagsOutput{Tags: emptyNotNil(tagsOut(tags)), Marker: next, IsTruncated: next != nil}, nil
}

func emptyNotNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
