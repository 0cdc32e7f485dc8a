// Package secretsmanager answers Secrets Manager's API: secrets, their versions and stages.
package secretsmanager

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/vault"
)

// Service is the operations.
type Service struct {
	secrets *vault.Store
	place   awsapi.Place
}

// New makes a Service.
func New(secrets *vault.Store, place awsapi.Place) *Service {
	return &Service{secrets: secrets, place: place.WithDefaults()}
}

const instead = "Secrets are read and written under IAM policies alone: rotation, replicas and resource policies are not here."

// API lists the operations.
func (s *Service) API() awsapi.API {
	return awsapi.NewJSON("secretsmanager", "secretsmanager",
		awsapi.Handle(s.CreateSecret),
		awsapi.Handle(s.GetSecretValue),
		awsapi.Handle(s.BatchGetSecretValue),
		awsapi.Handle(s.PutSecretValue),
		awsapi.Handle(s.UpdateSecret),
		awsapi.Handle(s.UpdateSecretVersionStage),
		awsapi.Handle(s.DescribeSecret),
		awsapi.Handle(s.ListSecrets),
		awsapi.Handle(s.ListSecretVersionIds),
		awsapi.Handle(s.DeleteSecret),
		awsapi.Handle(s.RestoreSecret),
		awsapi.Handle(s.GetRandomPassword),
		awsapi.Handle(s.GetResourcePolicy),
		awsapi.Handle(s.TagResource),
		awsapi.Handle(s.UntagResource),
	).Instead(instead)
}

func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func refused(format string, args ...any) error {
	return &types.InvalidRequestException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// failed turns the room's errors into AWS's exceptions.
func failed(err error) error {
	text := func() *string { return aws.String(err.Error() + ".") }
	switch {
	case errors.Is(err, vault.ErrNotFound):
		return &types.ResourceNotFoundException{Message: aws.String("Secrets Manager can't find the specified secret.")}
	case errors.Is(err, vault.ErrNoVersion):
		return &types.ResourceNotFoundException{Message: aws.String("Secrets Manager can't find the specified secret value for that version or staging label.")}
	case errors.Is(err, vault.ErrDeleted):
		return refused("You can't perform this operation on the secret because it was marked for deletion. RestoreSecret takes that back.")
	case errors.Is(err, vault.ErrExists), errors.Is(err, vault.ErrOther):
		return &types.ResourceExistsException{Message: text()}
	case errors.Is(err, vault.ErrLimit), errors.Is(err, vault.ErrStages):
		return &types.LimitExceededException{Message: text()}
	case errors.Is(err, vault.ErrStageElsewhere):
		return invalid("%v.", err)
	}
	return err
}

// name is the secret that an id stands for. An ARN of another place stays an ARN, which is no secret's name.
func (s *Service) name(id *string) string {
	if strings.HasPrefix(*id, "arn:") && !strings.HasPrefix(*id, s.place.ARN("secretsmanager", "secret:")) {
		return *id
	}
	return vault.Name(*id)
}

func (s *Service) arn(name string) *string {
	return aws.String(s.place.ARN("secretsmanager", "secret:"+vault.ResourceName(name)))
}

func checkTags(have map[string]string, list []types.Tag) (map[string]string, error) {
	add := make(map[string]string, len(list))
	for _, t := range list {
		add[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	err := pipeline.CheckTags(have, add)
	if e, ok := errors.AsType[*pipeline.Error](err); ok {
		return nil, invalid("%s", e.Message)
	}
	return add, err
}

func wireTags(tags map[string]string) []types.Tag {
	out := []types.Tag{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return out
}

// optional is nil for what is empty.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
