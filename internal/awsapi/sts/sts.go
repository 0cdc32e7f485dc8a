// Package sts serves AWS's Security Token Service: for now, who a caller is.
package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
)

// Service answers STS's operations.
type Service struct{}

// New makes the service.
func New() *Service { return &Service{} }

// API is the service on the wire. STS's other operations, which give out temporary credentials, are answered with
// InvalidAction.
func (s *Service) API() awsapi.QueryAPI {
	return awsapi.NewQuery("sts", "2011-06-15", awsapi.Handle(s.GetCallerIdentity))
}

// GetCallerIdentity tells the caller who it is. No permission is needed for that.
func (s *Service) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	who := awsapi.Caller(ctx)
	return &sts.GetCallerIdentityOutput{
		Account: aws.String(who.Account),
		Arn:     aws.String(who.Arn),
		UserId:  aws.String(who.UserID),
	}, nil
}
