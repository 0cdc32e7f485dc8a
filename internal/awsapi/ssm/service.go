// Package ssm answers the part of Systems Manager's API that is Parameter Store.
package ssm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/parameter"
)

// Service is the operations.
type Service struct {
	parameters *parameter.Store
	place      awsapi.Place
}

// New makes a Service.
func New(parameters *parameter.Store, place awsapi.Place) *Service {
	return &Service{parameters: parameters, place: place.WithDefaults()}
}

const instead = "Of Systems Manager this server has Parameter Store: parameters, their versions, labels and tags."

// API lists the operations.
func (s *Service) API() awsapi.API {
	return awsapi.NewJSON("ssm", "AmazonSSM",
		awsapi.Handle(s.PutParameter),
		awsapi.Handle(s.GetParameter),
		awsapi.Handle(s.GetParameters),
		awsapi.Handle(s.GetParametersByPath),
		awsapi.Handle(s.GetParameterHistory),
		awsapi.Handle(s.DescribeParameters),
		awsapi.Handle(s.DeleteParameter),
		awsapi.Handle(s.DeleteParameters),
		awsapi.Handle(s.LabelParameterVersion),
		awsapi.Handle(s.UnlabelParameterVersion),
		awsapi.Handle(s.AddTagsToResource),
		awsapi.Handle(s.RemoveTagsFromResource),
		awsapi.Handle(s.ListTagsForResource),
	).Instead(instead)
}

func invalid(format string, args ...any) error {
	return &types.ValidationException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// failed turns the room's errors about a parameter into AWS's exceptions.
func failed(err error, name string) error {
	text := func() *string { return aws.String(name + ": " + err.Error() + ".") }
	switch {
	case errors.Is(err, parameter.ErrNotFound):
		return &types.ParameterNotFound{Message: aws.String("Parameter " + name + " not found.")}
	case errors.Is(err, parameter.ErrNoVersion):
		return &types.ParameterVersionNotFound{Message: text()}
	case errors.Is(err, parameter.ErrExists):
		return &types.ParameterAlreadyExists{Message: aws.String("The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")}
	case errors.Is(err, parameter.ErrLimit):
		return &types.ParameterLimitExceeded{Message: text()}
	case errors.Is(err, parameter.ErrVersions):
		return &types.ParameterMaxVersionLimitExceeded{Message: text()}
	case errors.Is(err, parameter.ErrLabels):
		return &types.ParameterVersionLabelLimitExceeded{Message: text()}
	}
	return err
}

// name is the parameter's name and selector that a name or an ARN stands for. The ARN of /a and a is the same: it is a's.
func (s *Service) name(id string) (name, selector string) {
	if rest, ok := strings.CutPrefix(id, s.place.ARN("ssm", "parameter/")); ok {
		if id = rest; strings.Contains(rest, "/") {
			id = "/" + rest
		}
	} else if strings.HasPrefix(id, "arn:") {
		return id, "" // of another place: it does not exist here
	}
	return parameter.Split(id)
}

func (s *Service) arn(name string) *string {
	return aws.String(s.place.ARN("ssm", "parameter/"+strings.TrimPrefix(name, "/")))
}

// tokens is the kind of the tokens of lists.
const tokens = "parameters"

func parseToken(token *string) (string, error) {
	after, ok := awsapi.ReadPageToken(tokens, token)
	if !ok {
		return "", &types.InvalidNextToken{Message: aws.String("The specified token is not one that this operation has given.")}
	}
	return after, nil
}

func limit(n *int32, most int) int {
	if n == nil {
		return most
	}
	return min(int(*n), most)
}

// optional is nil for what is empty: members that were not put are left out.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
