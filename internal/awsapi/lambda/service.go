// Package lambda serves the operations of AWS Lambda over functions of this server.
package lambda

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/function"
)

const latest = "$LATEST"

// Objects reads the code of functions from buckets.
type Objects interface {
	// Read reads an object of at most most bytes in the name of the caller in ctx.
	Read(ctx context.Context, bucket, key, version string, most int64) ([]byte, error)
}

// Service has a method for every operation.
type Service struct {
	functions *function.Service
	objects   Objects
	place     awsapi.Place
}

// New makes a Service.
func New(f *function.Service, o Objects, place awsapi.Place) *Service {
	return &Service{functions: f, objects: o, place: place}
}

// maxUpload is the longest request that carries code: its zip is base64 in JSON.
const maxUpload = function.MaxCode*4/3 + 1<<20

// API lists what is served and where.
func (s *Service) API() awsapi.RESTAPI {
	const functions, one = "/2015-03-31/functions", "/2015-03-31/functions/{FunctionName}"
	qualifier := map[string]string{"Qualifier": "Qualifier"}
	page := map[string]string{"Marker": "Marker", "MaxItems": "MaxItems"}
	return awsapi.NewREST("lambda", map[string]int{
		"ResourceNotFoundException": http.StatusNotFound, "ResourceConflictException": http.StatusConflict,
		"TooManyRequestsException": http.StatusTooManyRequests, "RequestTooLargeException": http.StatusRequestEntityTooLarge,
		"PreconditionFailedException": http.StatusPreconditionFailed, "ServiceException": http.StatusInternalServerError,
	},
		awsapi.Route{Method: "POST", Path: functions, Operation: awsapi.Handle(s.CreateFunction).MaxBody(maxUpload), Status: http.StatusCreated},
		awsapi.Route{Method: "GET", Path: functions, Operation: awsapi.Handle(s.ListFunctions), Query: page},
		awsapi.Route{Method: "GET", Path: one, Operation: awsapi.Handle(s.GetFunction), Query: qualifier},
		awsapi.Route{Method: "DELETE", Path: one, Operation: awsapi.Handle(s.DeleteFunction), Query: qualifier, Status: http.StatusNoContent},
		awsapi.Route{Method: "GET", Path: one + "/configuration", Operation: awsapi.Handle(s.GetFunctionConfiguration), Query: qualifier},
		awsapi.Route{Method: "PUT", Path: one + "/configuration", Operation: awsapi.Handle(s.UpdateFunctionConfiguration)},
		awsapi.Route{Method: "PUT", Path: one + "/code", Operation: awsapi.Handle(s.UpdateFunctionCode).MaxBody(maxUpload)},
		awsapi.Route{Method: "GET", Path: one + "/versions", Operation: awsapi.Handle(s.ListVersionsByFunction), Query: page},
		awsapi.Route{Method: "GET", Path: one + "/aliases", Operation: awsapi.Handle(s.ListAliases), Query: page},
		awsapi.Route{Method: "GET", Path: "/2020-06-30/functions/{FunctionName}/code-signing-config", Operation: awsapi.Handle(s.GetFunctionCodeSigningConfig)},
		awsapi.Route{Method: "GET", Path: "/2019-09-30/functions/{FunctionName}/concurrency", Operation: awsapi.Handle(s.GetFunctionConcurrency)},
		awsapi.Route{Method: "POST", Path: one + "/policy", Operation: awsapi.Handle(s.AddPermission), Query: qualifier, Status: http.StatusCreated},
		awsapi.Route{Method: "GET", Path: one + "/policy", Operation: awsapi.Handle(s.GetPolicy), Query: qualifier},
		awsapi.Route{
			Method: "DELETE", Path: one + "/policy/{StatementId}", Operation: awsapi.Handle(s.RemovePermission),
			Query: map[string]string{"Qualifier": "Qualifier", "RevisionId": "RevisionId"}, Status: http.StatusNoContent,
		},
		awsapi.Route{
			Method: "POST", Path: one + "/invocations", Operation: awsapi.Handle(s.Invoke).MaxBody(function.MaxPayload), Payload: "Payload",
			Query: qualifier, Headers: map[string]string{"X-Amz-Invocation-Type": "InvocationType", "X-Amz-Log-Type": "LogType", "X-Amz-Client-Context": "ClientContext"},
			Reply: replyInvoke,
		},
		awsapi.Route{Method: "GET", Path: "/2017-03-31/tags/{Resource+}", Operation: awsapi.Handle(s.ListTags)},
		awsapi.Route{Method: "POST", Path: "/2017-03-31/tags/{Resource+}", Operation: awsapi.Handle(s.TagResource), Status: http.StatusNoContent},
		awsapi.Route{
			Method: "DELETE", Path: "/2017-03-31/tags/{Resource+}", Operation: awsapi.Handle(s.UntagResource), Status: http.StatusNoContent,
			Query: map[string]string{"tagKeys": "TagKeys"}, Lists: map[string]bool{"tagKeys": true},
		},
	)
}

// name is the function that a name, an ARN or a part of one means. Only the newest version is here.
func (s *Service) name(text *string, qualifier ...*string) (string, error) {
	named, version := function.Named(aws.ToString(text))
	qualifier = append(qualifier, &version)
	for _, q := range qualifier {
		if v := aws.ToString(q); v != "" && v != latest {
			return "", notFound("Function not found: %s:%s. This server keeps the newest version of a function only (%s)", s.functions.ARN(named), v, latest)
		}
	}
	return named, nil
}

func notFound(format string, args ...any) error {
	return awsapi.Errorf("ResourceNotFoundException", format, args...)
}

func invalid(format string, args ...any) error {
	return awsapi.Errorf("InvalidParameterValueException", format, args...)
}

// exception turns an error of the room about a function into AWS's.
func (s *Service) exception(name string, err error) error {
	switch {
	case errors.Is(err, function.ErrNotFound):
		return notFound("Function not found: %s", s.functions.ARN(name))
	case errors.Is(err, function.ErrExists):
		return awsapi.Errorf("ResourceConflictException", "Function already exist: %s", name)
	case errors.Is(err, function.ErrStale):
		return awsapi.Errorf("PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the GetFunction API to retrieve the latest Revision Id")
	case errors.Is(err, function.ErrThrottled):
		return awsapi.Errorf("TooManyRequestsException", "Rate Exceeded. As many functions run on this server as may; try again")
	case errors.Is(err, function.ErrCode):
		return invalid("%s", capital(err.Error()))
	}
	return err
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// configuration is a function as the API shows it.
func (s *Service) configuration(f *function.Function) *types.FunctionConfiguration {
	c := &types.FunctionConfiguration{
		FunctionName: &f.Name, FunctionArn: aws.String(s.functions.ARN(f.Name)), Role: &f.Role, Description: &f.Description,
		Runtime: types.Runtime(f.Runtime), Timeout: aws.Int32(int32(f.Timeout)), MemorySize: aws.Int32(int32(f.Memory)), //nolint:gosec // bounded by the API
		CodeSha256: &f.CodeSHA256, CodeSize: f.CodeSize, Version: aws.String(latest), RevisionId: &f.Revision,
		LastModified: aws.String(f.Modified.UTC().Format("2006-01-02T15:04:05.000+0000")), PackageType: types.PackageTypeZip,
		Architectures: []types.Architecture{types.Architecture(f.Architecture)}, State: types.StateActive,
		LastUpdateStatus: types.LastUpdateStatusSuccessful, TracingConfig: &types.TracingConfigResponse{Mode: types.TracingMode(f.Tracing)},
		EphemeralStorage: &types.EphemeralStorage{Size: aws.Int32(int32(f.Ephemeral))}, //nolint:gosec // bounded by the API
		SnapStart:        &types.SnapStartResponse{ApplyOn: types.SnapStartApplyOnNone, OptimizationStatus: types.SnapStartOptimizationStatusOff},
		LoggingConfig:    &types.LoggingConfig{LogFormat: types.LogFormatText, LogGroup: aws.String(f.LogGroup())},
	}
	if f.Handler != "" {
		c.Handler = &f.Handler
	}
	if len(f.Environment) > 0 {
		c.Environment = &types.EnvironmentResponse{Variables: f.Environment}
	}
	return c
}

// ListTags lists a function's tags.
func (s *Service) ListTags(ctx context.Context, in *sdk.ListTagsInput) (*sdk.ListTagsOutput, error) {
	name, err := s.name(in.Resource)
	if err != nil {
		return nil, err
	}
	f, err := s.functions.Get(ctx, name)
	if err != nil {
		return nil, s.exception(name, err)
	}
	return &sdk.ListTagsOutput{Tags: orEmpty(f.Tags)}, nil
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

const maxTags = 50

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return invalid("A function can have at most %d tags", maxTags)
	}
	for k, v := range tags {
		if k == "" || len(k) > 128 || len(v) > 256 || strings.HasPrefix(strings.ToLower(k), "aws:") {
			return invalid("The tag %q cannot be used: keys have 1 to 128 characters and do not begin with aws:, values have at most 256", k)
		}
	}
	return nil
}

// TagResource adds tags to a function.
func (s *Service) TagResource(ctx context.Context, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	return &sdk.TagResourceOutput{}, s.retag(ctx, in.Resource, func(tags map[string]string) {
		for k, v := range in.Tags {
			tags[k] = v
		}
	})
}

// UntagResource removes tags from a function.
func (s *Service) UntagResource(ctx context.Context, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	return &sdk.UntagResourceOutput{}, s.retag(ctx, in.Resource, func(tags map[string]string) {
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
	})
}

func (s *Service) retag(ctx context.Context, resource *string, change func(map[string]string)) error {
	name, err := s.name(resource)
	if err != nil {
		return err
	}
	_, err = s.functions.Retag(ctx, name, func(f *function.Function) error {
		f.Tags = orEmpty(f.Tags)
		change(f.Tags)
		return checkTags(f.Tags)
	})
	return s.exception(name, err)
}
