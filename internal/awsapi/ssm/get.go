package ssm

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/parameter"
)

// wire is a version as the protocol has it. Without decryption a SecureString's value is its sealed form.
func (s *Service) wire(v parameter.Version, decrypt *bool) (types.Parameter, error) {
	value := v.Stored
	if aws.ToBool(decrypt) {
		var err error
		if value, err = s.parameters.Value(v); err != nil {
			return types.Parameter{}, err
		}
	}
	return types.Parameter{
		ARN: s.arn(v.Name), Name: aws.String(v.Name), Type: types.ParameterType(v.Kind), Value: aws.String(value), Version: v.Number,
		DataType: aws.String(v.About.DataType), LastModifiedDate: aws.Time(v.Modified),
	}, nil
}

func (s *Service) get(ctx context.Context, id string, decrypt *bool) (types.Parameter, error) {
	_, selector := s.name(id)
	v, err := parameter.Version{}, parameter.ErrNotFound
	if !strings.HasPrefix(id, "arn:") || strings.HasPrefix(id, s.place.ARN("ssm", "parameter/")) {
		v, err = s.parameters.Find(ctx, id)
	}
	if err != nil {
		return types.Parameter{}, failed(err, id)
	}
	p, err := s.wire(v, decrypt)
	if selector != "" {
		p.Selector = aws.String(":" + selector)
	}
	return p, err
}

// GetParameter reads a parameter: its newest version, or the one with a number or label after a colon.
func (s *Service) GetParameter(ctx context.Context, in *sdk.GetParameterInput) (*sdk.GetParameterOutput, error) {
	p, err := s.get(ctx, *in.Name, in.WithDecryption)
	if err != nil {
		return nil, err
	}
	return &sdk.GetParameterOutput{Parameter: &p}, nil
}

// GetParameters reads up to ten parameters.
func (s *Service) GetParameters(ctx context.Context, in *sdk.GetParametersInput) (*sdk.GetParametersOutput, error) {
	out := &sdk.GetParametersOutput{Parameters: []types.Parameter{}, InvalidParameters: []string{}}
	for i, name := range in.Names {
		if slices.Contains(in.Names[:i], name) {
			continue
		}
		p, err := s.get(ctx, name, in.WithDecryption)
		switch {
		case err == nil:
			out.Parameters = append(out.Parameters, p)
		case missing(err):
			out.InvalidParameters = append(out.InvalidParameters, name)
		default:
			return nil, err
		}
	}
	return out, nil
}

// missing reports whether an exception says that a parameter or version does not exist.
func missing(err error) bool {
	_, none := errors.AsType[*types.ParameterNotFound](err)
	_, noVersion := errors.AsType[*types.ParameterVersionNotFound](err)
	return none || noVersion
}

const pageByPath = 10

// GetParametersByPath reads the parameters below a path, on the next level or, recursive, on all.
func (s *Service) GetParametersByPath(ctx context.Context, in *sdk.GetParametersByPathInput) (*sdk.GetParametersByPathOutput, error) {
	path := strings.TrimSuffix(*in.Path, "/") + "/"
	if !strings.HasPrefix(path, "/") {
		return nil, invalid("The parameter path must begin with /: %s", *in.Path)
	}
	match, err := matcher(in.ParameterFilters, "Type", "KeyId", "Label")
	if err != nil {
		return nil, err
	}
	after, err := parseToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	n := limit(in.MaxResults, pageByPath)
	list, err := s.parameters.List(ctx, parameter.Query{After: after, Path: path, Limit: n + 1, Match: func(v parameter.Version) bool {
		return (aws.ToBool(in.Recursive) || !strings.Contains(v.Name[len(path):], "/")) && match(v)
	}})
	if err != nil {
		return nil, err
	}
	out := &sdk.GetParametersByPathOutput{Parameters: []types.Parameter{}}
	list, out.NextToken = cut(list, n)
	for _, v := range list {
		p, err := s.wire(v, in.WithDecryption)
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, p)
	}
	return out, nil
}

func cut(list []parameter.Version, n int) ([]parameter.Version, *string) {
	if len(list) <= n {
		return list, nil
	}
	return list[:n], awsapi.PageToken(tokens, list[n-1].Name)
}

const page = 50

// GetParameterHistory lists the versions of a parameter.
func (s *Service) GetParameterHistory(ctx context.Context, in *sdk.GetParameterHistoryInput) (*sdk.GetParameterHistoryOutput, error) {
	name, _ := s.name(*in.Name)
	after, err := parseToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	last, _ := strconv.ParseInt(after, 10, 64) // a token that is no number begins at the beginning
	versions, err := s.parameters.History(ctx, name)
	if err != nil {
		return nil, failed(err, name)
	}
	n := limit(in.MaxResults, page)
	out := &sdk.GetParameterHistoryOutput{Parameters: []types.ParameterHistory{}}
	for _, v := range versions {
		if v.Number <= last {
			continue
		}
		if len(out.Parameters) == n {
			out.NextToken = awsapi.PageToken(tokens, strconv.FormatInt(out.Parameters[n-1].Version, 10))
			break
		}
		p, err := s.wire(v, in.WithDecryption)
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, types.ParameterHistory{
			Name: p.Name, Type: p.Type, Value: p.Value, Version: p.Version, DataType: p.DataType, LastModifiedDate: p.LastModifiedDate,
			Labels: v.Labels, AllowedPattern: optional(v.About.AllowedPattern), Description: optional(v.About.Description),
			KeyId: optional(v.About.KeyID), LastModifiedUser: optional(v.About.User), Tier: types.ParameterTier(v.About.Tier),
			Policies: []types.ParameterInlinePolicy{},
		})
	}
	return out, nil
}
