package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/conveyor-cd/conveyor/internal/iam"
)

// CreateAccessKey makes a key pair for a user; the secret is told here and never again.
func (s *Service) CreateAccessKey(ctx context.Context, in *sdk.CreateAccessKeyInput) (*sdk.CreateAccessKeyOutput, error) {
	name, err := s.user(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	key, info, err := s.dir.CreateAccessKey(ctx, name)
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.CreateAccessKeyOutput{AccessKey: &types.AccessKey{
		AccessKeyId: aws.String(key.ID), SecretAccessKey: aws.String(key.Secret), UserName: aws.String(info.User),
		Status: types.StatusTypeActive, CreateDate: aws.Time(info.Created),
	}}, nil
}

// ListAccessKeys lists a user's keys, without secrets.
func (s *Service) ListAccessKeys(ctx context.Context, in *sdk.ListAccessKeysInput) (*sdk.ListAccessKeysOutput, error) {
	name, err := s.user(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	keys, err := s.dir.AccessKeys(ctx, name)
	if err != nil {
		return nil, exception(err)
	}
	out := &sdk.ListAccessKeysOutput{AccessKeyMetadata: make([]types.AccessKeyMetadata, len(keys))}
	for i, k := range keys {
		out.AccessKeyMetadata[i] = keyOut(k)
	}
	return out, nil
}

func keyOut(k iam.KeyInfo) types.AccessKeyMetadata {
	status := types.StatusTypeInactive
	if k.Active {
		status = types.StatusTypeActive
	}
	return types.AccessKeyMetadata{AccessKeyId: aws.String(k.ID), UserName: aws.String(k.User), Status: status, CreateDate: aws.Time(k.Created)}
}

// UpdateAccessKey makes a key active or inactive.
func (s *Service) UpdateAccessKey(ctx context.Context, in *sdk.UpdateAccessKeyInput) (*sdk.UpdateAccessKeyOutput, error) {
	name, err := s.user(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	err = s.dir.SetAccessKeyActive(ctx, name, *in.AccessKeyId, in.Status == types.StatusTypeActive)
	return &sdk.UpdateAccessKeyOutput{}, exception(err)
}

// DeleteAccessKey removes a key.
func (s *Service) DeleteAccessKey(ctx context.Context, in *sdk.DeleteAccessKeyInput) (*sdk.DeleteAccessKeyOutput, error) {
	name, err := s.user(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	return &sdk.DeleteAccessKeyOutput{}, exception(s.dir.DeleteAccessKey(ctx, name, *in.AccessKeyId))
}
