package iam

import (
	"context"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/iam"
)

// GetAccessKeyLastUsed tells when a key signed last, to the hour.
func (s *Service) GetAccessKeyLastUsed(ctx context.Context, in *sdk.GetAccessKeyLastUsedInput) (*sdk.GetAccessKeyLastUsedOutput, error) {
	u, err := s.dir.LastUse(ctx, *in.AccessKeyId)
	if err != nil {
		return nil, exception(err)
	}
	last := &types.AccessKeyLastUsed{ServiceName: aws.String("N/A"), Region: aws.String("N/A")}
	if !u.At.IsZero() {
		last.LastUsedDate, last.ServiceName, last.Region = aws.Time(u.At), aws.String(u.Service), aws.String(s.region)
	}
	return &sdk.GetAccessKeyLastUsedOutput{UserName: aws.String(u.User), AccessKeyLastUsed: last}, nil
}

// GetAccountSummary counts what there is beside what there can be.
func (s *Service) GetAccountSummary(ctx context.Context, _ *sdk.GetAccountSummaryInput) (*sdk.GetAccountSummaryOutput, error) {
	n, err := s.dir.Count(ctx)
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.GetAccountSummaryOutput{SummaryMap: map[string]int32{
		"Users": int32(n.Users), "Groups": int32(n.Groups), "Roles": int32(n.Roles), "Policies": int32(n.Policies), "PolicyVersionsInUse": int32(n.Versions),
		"AccessKeysPerUserQuota": iam.MaxAccessKeys, "VersionsPerPolicyQuota": iam.MaxPolicyVersions, "GroupsPerUserQuota": iam.MaxGroups,
		"AttachedPoliciesPerUserQuota": iam.MaxAttached, "AttachedPoliciesPerRoleQuota": iam.MaxAttached, "AttachedPoliciesPerGroupQuota": iam.MaxAttached,
		"AccountMFAEnabled": 0, "AccountAccessKeysPresent": 1, "MFADevices": 0, "InstanceProfiles": 0, "Providers": 0, "ServerCertificates": 0,
	}}, nil
}

var aliasName = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])*$`)

// CreateAccountAlias gives the account a name, in place of the one it had.
func (s *Service) CreateAccountAlias(ctx context.Context, in *sdk.CreateAccountAliasInput) (*sdk.CreateAccountAliasOutput, error) {
	// The model's pattern has a form that only some languages know.
	if n := aws.ToString(in.AccountAlias); len(n) < 3 || len(n) > 63 || !aliasName.MatchString(n) {
		return nil, awsapi.Errorf("ValidationError", "The account alias must have 3 to 63 lower-case letters, digits and single hyphens, and neither begin nor end with a hyphen.")
	}
	return &sdk.CreateAccountAliasOutput{}, exception(s.dir.SetAlias(ctx, *in.AccountAlias))
}

// DeleteAccountAlias takes the account's name away.
func (s *Service) DeleteAccountAlias(ctx context.Context, in *sdk.DeleteAccountAliasInput) (*sdk.DeleteAccountAliasOutput, error) {
	return &sdk.DeleteAccountAliasOutput{}, exception(s.dir.DeleteAlias(ctx, aws.ToString(in.AccountAlias)))
}

// ListAccountAliases tells the account's name, if it has one.
func (s *Service) ListAccountAliases(ctx context.Context, _ *sdk.ListAccountAliasesInput) (*sdk.ListAccountAliasesOutput, error) {
	names, err := s.dir.Aliases(ctx)
	return &sdk.ListAccountAliasesOutput{AccountAliases: emptyNotNil(names)}, exception(err)
}
