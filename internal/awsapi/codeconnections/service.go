// Package codeconnections answers CodeConnections' API, under that name and under its older one, CodeStar Connections; and,
// beside it, what AWS leaves to its console: giving a connection credentials.
package codeconnections

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/connection"
)

// The names of the service: ARNs of both mean the same connections.
const (
	Name    = "codeconnections"
	OldName = "codestar-connections"
)

// Service is the operations, under one of the two names.
type Service struct {
	name   string
	prefix string
	store  *connection.Store
	place  awsapi.Place
}

// Services makes the service under both names.
func Services(s *connection.Store, place awsapi.Place) []*Service {
	place = place.WithDefaults()
	return []*Service{
		{Name, "com.amazonaws.codeconnections.CodeConnections_20231201", s, place},
		{OldName, "com.amazonaws.codestar.connections.CodeStar_connections_20191201", s, place},
	}
}

// instead tells those who look for the rest of the service what is here.
const instead = "It keeps connections and hosts. Repository links and sync configurations keep CloudFormation stacks in step with a " +
	"repository, and there are no such stacks here: start a pipeline from the repository instead."

// APIs lists the operations for the wire, by both of the target prefixes that clients use: botocore's is the whole name of
// the model, that of the SDKs made with Smithy its end.
func (s *Service) APIs() []awsapi.API {
	short := s.prefix[strings.LastIndexByte(s.prefix, '.')+1:]
	return []awsapi.API{s.api(s.prefix), s.api(short)}
}

func (s *Service) api(prefix string) awsapi.API {
	return awsapi.NewJSON(s.name, prefix,
		awsapi.Handle(s.CreateConnection),
		awsapi.Handle(s.GetConnection),
		awsapi.Handle(s.ListConnections),
		awsapi.Handle(s.DeleteConnection),
		awsapi.Handle(s.CreateHost),
		awsapi.Handle(s.GetHost),
		awsapi.Handle(s.ListHosts),
		awsapi.Handle(s.UpdateHost),
		awsapi.Handle(s.DeleteHost),
		awsapi.Handle(s.TagResource),
		awsapi.Handle(s.UntagResource),
		awsapi.Handle(s.ListTagsForResource),
	).Instead(instead)
}

func invalid(format string, args ...any) error {
	return awsapi.Errorf("ValidationException", format, args...)
}

func notFound(what string) error {
	return &types.ResourceNotFoundException{Message: aws.String(what + " does not exist.")}
}

func limitExceeded(format string, args ...any) error {
	return &types.LimitExceededException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func unavailable(format string, args ...any) error {
	return &types.ResourceUnavailableException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// exception is the SDK's exception for an error of the store about a resource; other errors count as the server's fault.
func exception(err error, what string) error {
	switch {
	case errors.Is(err, connection.ErrNotFound):
		return notFound(what)
	case errors.Is(err, connection.ErrLimit):
		return limitExceeded("%s cannot be made: %s. Delete one first.", what, err)
	}
	return err
}

// resourceOf is the end of the ARN of a connection or host of this server, "" for any other.
func resourceOf(place awsapi.Place, arn, kind string) string {
	for _, service := range []string{Name, OldName} {
		if id, ok := strings.CutPrefix(arn, place.ARN(service, kind+"/")); ok {
			return id
		}
	}
	return ""
}

func (s *Service) connectionID(arn *string) (string, error) {
	id := resourceOf(s.place, aws.ToString(arn), "connection")
	if id == "" {
		return "", notFound("The connection " + aws.ToString(arn))
	}
	return id, nil
}

func (s *Service) hostID(arn *string) (string, error) {
	id := resourceOf(s.place, aws.ToString(arn), "host")
	if id == "" {
		return "", notFound("The host " + aws.ToString(arn))
	}
	return id, nil
}

func parseToken(kind string, token *string) (string, error) {
	after, ok := awsapi.ReadPageToken(kind, token)
	if !ok {
		return "", invalid("The specified NextToken is not one that this operation has given.")
	}
	return after, nil
}

// limit is a page size.
func limit(n int32) int {
	if n == 0 {
		return 100
	}
	return int(n)
}
