package secretsmanager

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/vault"
)

// value is the version a request puts: nil when it has no value.
func value(token, text *string, data []byte) (*vault.Version, error) {
	if text != nil && data != nil {
		return nil, invalid("You can't specify both a binary secret value and a string secret value in the same secret.")
	}
	if text == nil && data == nil {
		return nil, nil
	}
	v := &vault.Version{ID: aws.ToString(token), Value: data, Binary: data != nil}
	if text != nil {
		v.Value = []byte(*text)
	}
	if v.ID == "" {
		v.ID = uuid.NewString()
	}
	return v, nil
}

func split(v vault.Version) (text *string, data []byte) {
	if v.Binary {
		return nil, v.Value
	}
	return aws.String(string(v.Value)), nil
}

// GetSecretValue reads a value.
func (s *Service) GetSecretValue(ctx context.Context, in *sdk.GetSecretValueInput) (*sdk.GetSecretValueOutput, error) {
	name := s.name(in.SecretId)
	v, err := s.secrets.Value(ctx, name, aws.ToString(in.VersionId), aws.ToString(in.VersionStage))
	if err != nil {
		return nil, failed(err)
	}
	out := &sdk.GetSecretValueOutput{ARN: s.arn(name), Name: &name, CreatedDate: aws.Time(v.Created), VersionId: &v.ID, VersionStages: v.Stages}
	out.SecretString, out.SecretBinary = split(v)
	return out, nil
}

// BatchGetSecretValue reads the current values of several secrets.
func (s *Service) BatchGetSecretValue(ctx context.Context, in *sdk.BatchGetSecretValueInput) (*sdk.BatchGetSecretValueOutput, error) {
	if (len(in.SecretIdList) > 0) == (len(in.Filters) > 0) {
		return nil, invalid("Either SecretIdList or Filters must be given, and not both.")
	}
	out := &sdk.BatchGetSecretValueOutput{SecretValues: []types.SecretValueEntry{}, Errors: []types.APIErrorType{}}
	ids := in.SecretIdList
	if len(in.Filters) > 0 {
		list, next, err := s.list(ctx, in.Filters, in.NextToken, in.MaxResults, batchPage, listOrder{})
		if err != nil {
			return nil, err
		}
		out.NextToken = next
		for _, sec := range list {
			ids = append(ids, sec.Name)
		}
	}
	for _, id := range ids {
		got, err := s.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: &id})
		if e, ok := errors.AsType[interface {
			error
			ErrorCode() string
			ErrorMessage() string
		}](err); ok {
			out.Errors = append(out.Errors, types.APIErrorType{SecretId: &id, ErrorCode: aws.String(e.ErrorCode()), Message: aws.String(e.ErrorMessage())})
			continue
		}
		if err != nil {
			return nil, err
		}
		out.SecretValues = append(out.SecretValues, types.SecretValueEntry{
			ARN: got.ARN, Name: got.Name, CreatedDate: got.CreatedDate, VersionId: got.VersionId, VersionStages: got.VersionStages,
			SecretString: got.SecretString, SecretBinary: got.SecretBinary,
		})
	}
	return out, nil
}

// CreateSecret makes a secret.
func (s *Service) CreateSecret(ctx context.Context, in *sdk.CreateSecretInput) (*sdk.CreateSecretOutput, error) {
	if len(in.AddReplicaRegions) > 0 {
		return nil, invalid("There is one region: leave AddReplicaRegions out.")
	}
	if in.Type != nil {
		return nil, invalid("Secrets that are managed by others are not supported by this server: leave Type out.")
	}
	v, err := value(in.ClientRequestToken, in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	tags, err := checkTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	about := vault.About{Description: aws.ToString(in.Description), KeyID: aws.ToString(in.KmsKeyId), Tags: tags}
	err = s.secrets.Create(ctx, *in.Name, about, v)
	if errors.Is(err, vault.ErrDeleted) {
		return nil, refused("You can't create this secret because a secret with this name is already scheduled for deletion.")
	}
	if err != nil {
		return nil, failed(err)
	}
	out := &sdk.CreateSecretOutput{ARN: s.arn(*in.Name), Name: in.Name}
	if v != nil {
		out.VersionId = &v.ID
	}
	return out, nil
}

// PutSecretValue gives a secret another version.
func (s *Service) PutSecretValue(ctx context.Context, in *sdk.PutSecretValueInput) (*sdk.PutSecretValueOutput, error) {
	v, err := value(in.ClientRequestToken, in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, invalid("You must provide either SecretString or SecretBinary.")
	}
	v.Stages = in.VersionStages
	name := s.name(in.SecretId)
	stages, err := s.secrets.PutValue(ctx, name, *v)
	if err != nil {
		return nil, failed(err)
	}
	return &sdk.PutSecretValueOutput{ARN: s.arn(name), Name: &name, VersionId: &v.ID, VersionStages: stages}, nil
}

// UpdateSecret changes a secret's description and key, and its value when it is given one.
func (s *Service) UpdateSecret(ctx context.Context, in *sdk.UpdateSecretInput) (*sdk.UpdateSecretOutput, error) {
	v, err := value(in.ClientRequestToken, in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	name := s.name(in.SecretId)
	err = s.secrets.Update(ctx, name, func(a *vault.About) error {
		if in.Description != nil {
			a.Description = *in.Description
		}
		if in.KmsKeyId != nil {
			a.KeyID = *in.KmsKeyId
		}
		return nil
	}, v)
	if err != nil {
		return nil, failed(err)
	}
	out := &sdk.UpdateSecretOutput{ARN: s.arn(name), Name: &name}
	if v != nil {
		out.VersionId = &v.ID
	}
	return out, nil
}

// UpdateSecretVersionStage moves a stage between versions.
func (s *Service) UpdateSecretVersionStage(ctx context.Context, in *sdk.UpdateSecretVersionStageInput) (*sdk.UpdateSecretVersionStageOutput, error) {
	name, from, to := s.name(in.SecretId), aws.ToString(in.RemoveFromVersionId), aws.ToString(in.MoveToVersionId)
	if from == "" && to == "" {
		return nil, invalid("Name the version that is to have the stage (MoveToVersionId), the one that is to lose it (RemoveFromVersionId), or both.")
	}
	if *in.VersionStage == vault.Current && to == "" {
		return nil, invalid("You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.")
	}
	if err := s.secrets.MoveStage(ctx, name, *in.VersionStage, from, to); err != nil {
		return nil, failed(err)
	}
	return &sdk.UpdateSecretVersionStageOutput{ARN: s.arn(name), Name: &name}, nil
}

// A recovery window is from 7 to 30 days long.
const (
	day        = 24 * time.Hour
	leastDays  = 7
	normalDays = 30
)

// DeleteSecret schedules the end of a secret, or ends it.
func (s *Service) DeleteSecret(ctx context.Context, in *sdk.DeleteSecretInput) (*sdk.DeleteSecretOutput, error) {
	days := int64(normalDays)
	switch force := aws.ToBool(in.ForceDeleteWithoutRecovery); {
	case force && in.RecoveryWindowInDays != nil:
		return nil, invalid("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	case force:
		days = 0
	case in.RecoveryWindowInDays != nil:
		if days = *in.RecoveryWindowInDays; days < leastDays || days > normalDays {
			return nil, invalid("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
		}
	}
	name := s.name(in.SecretId)
	at, err := s.secrets.Delete(ctx, name, time.Duration(days)*day)
	if errors.Is(err, vault.ErrNotFound) && days == 0 { // as on AWS, which does not say whether it was there
		at, err = time.Now(), nil
	}
	if err != nil {
		return nil, failed(err)
	}
	return &sdk.DeleteSecretOutput{ARN: s.arn(name), Name: &name, DeletionDate: &at}, nil
}

// RestoreSecret takes back that a secret is to be deleted.
func (s *Service) RestoreSecret(ctx context.Context, in *sdk.RestoreSecretInput) (*sdk.RestoreSecretOutput, error) {
	name := s.name(in.SecretId)
	if err := s.secrets.Restore(ctx, name); err != nil {
		return nil, failed(err)
	}
	return &sdk.RestoreSecretOutput{ARN: s.arn(name), Name: &name}, nil
}
