package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/conveyor-cd/conveyor/internal/iam"
)

// Users have access keys and nothing else to sign in with. Whoever takes a user down for good, such as Terraform's
// force_destroy, asks for all the rest first.

// ofUser is the mistake of an operation that names a user who does not exist; without a name it is about the caller.
func (s *Service) ofUser(ctx context.Context, name *string) error {
	if name == nil {
		return nil
	}
	_, err := s.dir.Get(ctx, iam.User, *name)
	return exception(err)
}

// ListSSHPublicKeys lists nothing.
func (s *Service) ListSSHPublicKeys(ctx context.Context, in *sdk.ListSSHPublicKeysInput) (*sdk.ListSSHPublicKeysOutput, error) {
	return &sdk.ListSSHPublicKeysOutput{SSHPublicKeys: []types.SSHPublicKeyMetadata{}}, s.ofUser(ctx, in.UserName)
}

// ListMFADevices lists nothing.
func (s *Service) ListMFADevices(ctx context.Context, in *sdk.ListMFADevicesInput) (*sdk.ListMFADevicesOutput, error) {
	return &sdk.ListMFADevicesOutput{MFADevices: []types.MFADevice{}}, s.ofUser(ctx, in.UserName)
}

// ListVirtualMFADevices lists nothing.
func (s *Service) ListVirtualMFADevices(context.Context, *sdk.ListVirtualMFADevicesInput) (*sdk.ListVirtualMFADevicesOutput, error) {
	return &sdk.ListVirtualMFADevicesOutput{VirtualMFADevices: []types.VirtualMFADevice{}}, nil
}

// ListSigningCertificates lists nothing.
func (s *Service) ListSigningCertificates(ctx context.Context, in *sdk.ListSigningCertificatesInput) (*sdk.ListSigningCertificatesOutput, error) {
	return &sdk.ListSigningCertificatesOutput{Certificates: []types.SigningCertificate{}}, s.ofUser(ctx, in.UserName)
}

// ListServiceSpecificCredentials lists nothing.
func (s *Service) ListServiceSpecificCredentials(ctx context.Context, in *sdk.ListServiceSpecificCredentialsInput) (*sdk.ListServiceSpecificCredentialsOutput, error) {
	return &sdk.ListServiceSpecificCredentialsOutput{ServiceSpecificCredentials: []types.ServiceSpecificCredentialMetadata{}}, s.ofUser(ctx, in.UserName)
}

// DeleteLoginProfile finds none.
func (s *Service) DeleteLoginProfile(ctx context.Context, in *sdk.DeleteLoginProfileInput) (*sdk.DeleteLoginProfileOutput, error) {
	if err := s.ofUser(ctx, in.UserName); err != nil {
		return nil, err
	}
	return nil, &types.NoSuchEntityException{Message: aws.String("Login Profile for User " + aws.ToString(in.UserName) + " cannot be found: users have access keys here, and no passwords.")}
}
