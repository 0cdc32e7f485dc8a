package codeconnections

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/forge"
)

// hostAvailable is the status of every host: there is nothing to set up in a host itself.
const hostAvailable = "AVAILABLE"

func checkVPC(v *types.VpcConfiguration) error {
	if v == nil {
		return nil
	}
	return invalid("VpcConfiguration is not supported: this server reaches hosts through its own network, and trusts the certificates its machine " +
		"trusts (add others with the environment variable SSL_CERT_FILE).")
}

func checkEndpoint(endpoint *string) (string, error) {
	base, err := forge.CheckEndpoint(aws.ToString(endpoint))
	if err != nil {
		return "", invalid("ProviderEndpoint: %v.", err)
	}
	return base, nil
}

// CreateHost implements the operation.
func (s *Service) CreateHost(ctx context.Context, in *sdk.CreateHostInput) (*sdk.CreateHostOutput, error) {
	if !ownHosts[in.ProviderType] {
		return nil, invalid("A host has the provider type GitHubEnterpriseServer or GitLabSelfManaged, not %s. Gitea, Forgejo and Bitbucket Server "+
			"take either: what answers there is found out.", in.ProviderType)
	}
	endpoint, err := checkEndpoint(in.ProviderEndpoint)
	if err == nil {
		err = errors.Join(checkVPC(in.VpcConfiguration), checkTags(nil, in.Tags))
	}
	if err != nil {
		return nil, err
	}
	h, err := s.store.CreateHost(ctx, connection.Host{
		Service: s.name, Name: *in.Name, Provider: string(in.ProviderType), Endpoint: endpoint,
	}, tagMap(in.Tags))
	if err != nil {
		return nil, exception(err, "The host "+*in.Name)
	}
	return &sdk.CreateHostOutput{HostArn: aws.String(s.hostARN(h)), Tags: in.Tags}, nil
}

func (s *Service) hostARN(h connection.Host) string { return s.place.ARN(h.Service, "host/"+h.ID) }

// GetHost implements the operation.
func (s *Service) GetHost(ctx context.Context, in *sdk.GetHostInput) (*sdk.GetHostOutput, error) {
	id, err := s.hostID(in.HostArn)
	if err != nil {
		return nil, err
	}
	h, err := s.store.GetHost(ctx, id)
	if err != nil {
		return nil, exception(err, "The host "+*in.HostArn)
	}
	return &sdk.GetHostOutput{
		Name: aws.String(h.Name), ProviderEndpoint: aws.String(h.Endpoint), ProviderType: types.ProviderType(h.Provider), Status: aws.String(hostAvailable),
	}, nil
}

// ListHosts implements the operation.
func (s *Service) ListHosts(ctx context.Context, in *sdk.ListHostsInput) (*sdk.ListHostsOutput, error) {
	after, err := parseToken("hosts", in.NextToken)
	if err != nil {
		return nil, err
	}
	most := limit(in.MaxResults)
	list, err := s.store.ListHosts(ctx, after, most+1)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListHostsOutput{Hosts: []types.Host{}}
	if len(list) > most {
		list = list[:most]
		out.NextToken = awsapi.PageToken("hosts", list[most-1].ID)
	}
	for _, h := range list {
		out.Hosts = append(out.Hosts, types.Host{
			HostArn: aws.String(s.hostARN(h)), Name: aws.String(h.Name), ProviderEndpoint: aws.String(h.Endpoint),
			ProviderType: types.ProviderType(h.Provider), Status: aws.String(hostAvailable),
		})
	}
	return out, nil
}

// UpdateHost implements the operation.
func (s *Service) UpdateHost(ctx context.Context, in *sdk.UpdateHostInput) (*sdk.UpdateHostOutput, error) {
	id, err := s.hostID(in.HostArn)
	if err == nil {
		err = checkVPC(in.VpcConfiguration)
	}
	if err != nil {
		return nil, err
	}
	if in.ProviderEndpoint == nil {
		_, err := s.store.GetHost(ctx, id)
		return nil, exception(err, "The host "+*in.HostArn)
	}
	endpoint, err := checkEndpoint(in.ProviderEndpoint)
	if err != nil {
		return nil, err
	}
	return nil, exception(s.store.MoveHost(ctx, id, endpoint), "The host "+*in.HostArn)
}

// DeleteHost implements the operation.
func (s *Service) DeleteHost(ctx context.Context, in *sdk.DeleteHostInput) (*sdk.DeleteHostOutput, error) {
	id, err := s.hostID(in.HostArn)
	if err != nil {
		return nil, err
	}
	err = s.store.DeleteHost(ctx, id)
	if errors.Is(err, connection.ErrInUse) {
		return nil, unavailable("The host %s has connections. Delete them first.", *in.HostArn)
	}
	return nil, exception(err, "The host "+*in.HostArn)
}
