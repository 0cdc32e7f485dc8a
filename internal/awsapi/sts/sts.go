// Package sts serves AWS's Security Token Service: who a caller is, and temporary credentials of roles and users.
package sts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/iam"
)

// Service answers STS's operations.
type Service struct {
	dir     *iam.Directory
	account string
}

// New makes the service.
func New(dir *iam.Directory, place awsapi.Place) *Service {
	return &Service{dir: dir, account: place.WithDefaults().Account}
}

// API is the service on the wire.
func (s *Service) API() awsapi.QueryAPI {
	return awsapi.NewQuery("sts", "2011-06-15",
		awsapi.Handle(s.GetCallerIdentity), awsapi.Handle(s.AssumeRole), awsapi.Handle(s.GetSessionToken),
		awsapi.Handle(s.GetFederationToken), awsapi.Handle(s.GetAccessKeyInfo), awsapi.Handle(s.DecodeAuthorizationMessage),
	).Instead("Identities of other providers (SAML, OpenID Connect) are not known here: use AssumeRole with an access key.")
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

const (
	defaultSession = time.Hour
	// longestChain is how long the credentials of a role last that were asked for with those of another one.
	longestChain = time.Hour
	// longestPolicy is how long a session's policy may be, in characters.
	longestPolicy = 2048
)

// AssumeRole makes temporary credentials of a role, for whom its trust policy names.
func (s *Service) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	if aws.ToString(in.SerialNumber) != "" || aws.ToString(in.TokenCode) != "" || len(in.ProvidedContexts) > 0 || len(in.Tags) > 0 || len(in.TransitiveTagKeys) > 0 {
		return nil, awsapi.Errorf("ValidationError", "MFA devices, session tags and provided contexts do not exist here: leave out SerialNumber, TokenCode, Tags, TransitiveTagKeys and ProvidedContexts.")
	}
	who := awsapi.Caller(ctx)
	if who.Root {
		return nil, awsapi.Errorf("AccessDenied", "Roles may not be assumed by root accounts.")
	}
	ctx = conditions(ctx, in)
	role, err := s.assumable(ctx, who, *in.RoleArn)
	if err != nil {
		return nil, err
	}
	life := seconds(in.DurationSeconds, defaultSession)
	if life > role.MaxSession {
		return nil, awsapi.Errorf("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	if strings.Contains(who.Arn, ":assumed-role/") && life > longestChain {
		return nil, awsapi.Errorf("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	limits, err := s.limits(ctx, in.Policy, in.PolicyArns)
	if err != nil {
		return nil, err
	}
	key, err := s.dir.AssumeRole(ctx, role, *in.RoleSessionName, limits, life)
	if err != nil {
		return nil, exception(err)
	}
	return &sts.AssumeRoleOutput{
		Credentials:     credentials(key),
		AssumedRoleUser: &types.AssumedRoleUser{Arn: aws.String(key.Principal.Arn), AssumedRoleId: aws.String(key.Principal.UserID)},
		SourceIdentity:  in.SourceIdentity,
	}, nil
}

// conditions adds what trust policies can ask of this request.
func conditions(ctx context.Context, in *sts.AssumeRoleInput) context.Context {
	values := map[string][]string{"sts:RoleSessionName": {aws.ToString(in.RoleSessionName)}}
	if in.ExternalId != nil {
		values["sts:ExternalId"] = []string{*in.ExternalId}
	}
	if in.SourceIdentity != nil {
		values["sts:SourceIdentity"] = []string{*in.SourceIdentity}
	}
	return iam.WithConditions(ctx, values)
}

// assumable is the role, if its trust policy and the caller's own policies let the caller have it. Whether it exists is not
// told to others.
func (s *Service) assumable(ctx context.Context, who awsapi.Identity, arn string) (iam.Entity, error) {
	refused := awsapi.Errorf("AccessDenied", "User: %s is not authorized to perform: sts:AssumeRole on resource: %s", who.Arn, arn)
	role, err := s.dir.RoleByArn(ctx, arn)
	if errors.Is(err, iam.ErrNoSuchEntity) {
		return role, refused
	}
	if err != nil {
		return role, err
	}
	own, err := s.dir.Decide(ctx, who.Principal(), iam.AssumeRoleAction, arn)
	if err != nil {
		return role, err
	}
	trust, err := s.dir.Trust(ctx, role, who.Principal())
	switch {
	case err != nil:
		return role, err
	case trust == iam.Trusted && (own == iam.Allowed || own == iam.NotAllowed), trust == iam.TrustedAccount && own == iam.Allowed:
		return role, nil
	default:
		return role, refused
	}
}

// limits are the policies that a session is made with.
func (s *Service) limits(ctx context.Context, text *string, managed []types.PolicyDescriptorType) ([]string, error) {
	if len(aws.ToString(text)) > longestPolicy {
		return nil, &types.PackedPolicyTooLargeException{Message: aws.String(fmt.Sprintf("The session policy has more than %d characters.", longestPolicy))}
	}
	arns := make([]string, len(managed))
	for i, m := range managed {
		arns[i] = aws.ToString(m.Arn)
	}
	limits, err := s.dir.Documents(ctx, arns)
	if err != nil {
		return nil, exception(err)
	}
	if text != nil {
		limits = append(limits, *text)
	}
	return limits, nil
}

// The lives of what GetSessionToken and GetFederationToken give.
const (
	defaultToken     = 12 * time.Hour
	longestRootToken = time.Hour
)

// GetSessionToken makes temporary credentials of the caller, which end with the access key they were asked for with.
func (s *Service) GetSessionToken(ctx context.Context, in *sts.GetSessionTokenInput) (*sts.GetSessionTokenOutput, error) {
	if in.SerialNumber != nil || in.TokenCode != nil {
		return nil, awsapi.Errorf("ValidationError", "MFA devices do not exist here: leave out SerialNumber and TokenCode.")
	}
	who, err := lasting(ctx, "GetSessionToken")
	if err != nil {
		return nil, err
	}
	key, err := s.dir.StartSession(ctx, iam.Session{Principal: own(who), Life: tokenLife(who, in.DurationSeconds), Issuer: who.AccessKeyID})
	if err != nil {
		return nil, exception(err)
	}
	return &sts.GetSessionTokenOutput{Credentials: credentials(key)}, nil
}

// GetFederationToken makes temporary credentials for somebody the caller answers for: they may do what both the caller
// and the given policies allow, nothing without one.
func (s *Service) GetFederationToken(ctx context.Context, in *sts.GetFederationTokenInput) (*sts.GetFederationTokenOutput, error) {
	if len(in.Tags) > 0 {
		return nil, awsapi.Errorf("ValidationError", "Session tags do not exist here: leave out Tags.")
	}
	who, err := lasting(ctx, "GetFederationToken")
	if err != nil {
		return nil, err
	}
	limits, err := s.limits(ctx, in.Policy, in.PolicyArns)
	if err != nil {
		return nil, err
	}
	if len(limits) == 0 {
		limits = []string{`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`}
	}
	p := own(who)
	p.Root = false
	p.Arn = "arn:aws:sts::" + s.account + ":federated-user/" + *in.Name
	p.UserID = s.account + ":" + *in.Name
	key, err := s.dir.StartSession(ctx, iam.Session{Principal: p, Limits: limits, Life: tokenLife(who, in.DurationSeconds), Issuer: who.AccessKeyID})
	if err != nil {
		return nil, exception(err)
	}
	return &sts.GetFederationTokenOutput{
		Credentials:   credentials(key),
		FederatedUser: &types.FederatedUser{Arn: aws.String(p.Arn), FederatedUserId: aws.String(p.UserID)},
	}, nil
}

// lasting is the caller, unless it has temporary credentials, with which no further ones can be made but by AssumeRole.
func lasting(ctx context.Context, operation string) (awsapi.Identity, error) {
	who := awsapi.Caller(ctx)
	if who.Temporary() {
		return who, awsapi.Errorf("AccessDenied", "Cannot call %s with session credentials", operation)
	}
	return who, nil
}

// own is the principal of a session of the caller's own.
func own(who awsapi.Identity) iam.Principal {
	p := who.Principal()
	if !p.Root {
		p.Owner = p.UserID
	}
	return p
}

func tokenLife(who awsapi.Identity, given *int32) time.Duration {
	life := seconds(given, defaultToken)
	if who.Root {
		return min(life, longestRootToken)
	}
	return life
}

func seconds(given *int32, otherwise time.Duration) time.Duration {
	if given == nil {
		return otherwise
	}
	return time.Duration(*given) * time.Second
}

func credentials(key iam.AccessKey) *types.Credentials {
	return &types.Credentials{
		AccessKeyId: aws.String(key.ID), SecretAccessKey: aws.String(key.Secret), SessionToken: aws.String(key.SessionToken),
		Expiration: aws.Time(key.Expires.Truncate(time.Second)),
	}
}

// GetAccessKeyInfo tells which account a key belongs to: every key of this server to the same.
func (s *Service) GetAccessKeyInfo(_ context.Context, _ *sts.GetAccessKeyInfoInput) (*sts.GetAccessKeyInfoOutput, error) {
	return &sts.GetAccessKeyInfoOutput{Account: aws.String(s.account)}, nil
}

// DecodeAuthorizationMessage is refused: refusals here are not encoded.
func (s *Service) DecodeAuthorizationMessage(context.Context, *sts.DecodeAuthorizationMessageInput) (*sts.DecodeAuthorizationMessageOutput, error) {
	return nil, &types.InvalidAuthorizationMessageException{Message: aws.String("This server's refusals are not encoded: they say in plain text which action on which resource was refused, and why.")}
}

// exception gives a mistake AWS's name; other errors pass through.
func exception(err error) error {
	var m *iam.Error
	switch {
	case !errors.As(err, &m):
		return err
	case errors.Is(m, iam.ErrMalformedPolicy):
		return &types.MalformedPolicyDocumentException{Message: aws.String(m.Message)}
	default:
		return awsapi.Errorf("ValidationError", "%s", m.Message)
	}
}
