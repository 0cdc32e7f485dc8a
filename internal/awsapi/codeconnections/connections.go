package codeconnections

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/connection"
)

// ownHosts are the providers that need a host.
var ownHosts = map[types.ProviderType]bool{types.ProviderTypeGithubEnterpriseServer: true, types.ProviderTypeGitlabSelfManaged: true}

// unknown are the providers of AWS that this server does not know.
func unknown(p types.ProviderType) error {
	if p == types.ProviderTypeAzureDevOps {
		return invalid("The provider type AzureDevOps is not supported by this server; use a source action of the provider ConveyorGit with the repository's URL.")
	}
	return nil
}

// CreateConnection implements the operation.
func (s *Service) CreateConnection(ctx context.Context, in *sdk.CreateConnectionInput) (*sdk.CreateConnectionOutput, error) {
	c := connection.Connection{Service: s.name, Name: *in.ConnectionName, Provider: string(in.ProviderType)}
	switch {
	case in.HostArn == nil && in.ProviderType == "":
		return nil, invalid("Either ProviderType or HostArn must be given.")
	case in.HostArn != nil && in.ProviderType != "":
		return nil, invalid("Only one of ProviderType and HostArn may be given: a host has a provider type.")
	case ownHosts[in.ProviderType]:
		return nil, invalid("A connection of the provider type %s needs a host: create one and give its HostArn instead of the type.", in.ProviderType)
	}
	if err := unknown(in.ProviderType); err != nil {
		return nil, err
	}
	if err := checkTags(nil, in.Tags); err != nil {
		return nil, err
	}
	if in.HostArn != nil {
		id, err := s.hostID(in.HostArn)
		if err != nil {
			return nil, err
		}
		c.HostID = id
	}
	made, err := s.store.Create(ctx, c, tagMap(in.Tags))
	if err != nil {
		what := "The connection " + c.Name
		if c.HostID != "" {
			what = "The host " + *in.HostArn
		}
		return nil, exception(err, what)
	}
	return &sdk.CreateConnectionOutput{ConnectionArn: aws.String(s.connectionARN(made)), Tags: in.Tags}, nil
}

// connectionARN is the ARN a connection was made with, whichever name of the service is asked now.
func (s *Service) connectionARN(c connection.Connection) string {
	return s.place.ARN(c.Service, "connection/"+c.ID)
}

func (s *Service) show(c connection.Connection) types.Connection {
	shown := types.Connection{
		ConnectionArn: aws.String(s.connectionARN(c)), ConnectionName: aws.String(c.Name), ConnectionStatus: types.ConnectionStatus(c.Status),
		OwnerAccountId: aws.String(s.place.Account), ProviderType: types.ProviderType(c.Provider),
	}
	if c.HostID != "" {
		shown.HostArn = aws.String(s.place.ARN(c.Service, "host/"+c.HostID))
	}
	return shown
}

// GetConnection implements the operation.
func (s *Service) GetConnection(ctx context.Context, in *sdk.GetConnectionInput) (*sdk.GetConnectionOutput, error) {
	id, err := s.connectionID(in.ConnectionArn)
	if err != nil {
		return nil, err
	}
	c, err := s.store.Get(ctx, id)
	if err != nil {
		return nil, exception(err, "The connection "+*in.ConnectionArn)
	}
	shown := s.show(c)
	return &sdk.GetConnectionOutput{Connection: &shown}, nil
}

// ListConnections implements the operation.
func (s *Service) ListConnections(ctx context.Context, in *sdk.ListConnectionsInput) (*sdk.ListConnectionsOutput, error) {
	after, err := parseToken("connections", in.NextToken)
	if err != nil {
		return nil, err
	}
	most := limit(in.MaxResults)
	q := connection.Query{Provider: string(in.ProviderTypeFilter), After: after, Limit: most + 1}
	if in.HostArnFilter != nil {
		if q.HostID, err = s.hostID(in.HostArnFilter); err != nil {
			return nil, err
		}
	}
	list, err := s.store.List(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListConnectionsOutput{Connections: []types.Connection{}}
	if len(list) > most {
		list = list[:most]
		out.NextToken = awsapi.PageToken("connections", list[most-1].ID)
	}
	for _, c := range list {
		out.Connections = append(out.Connections, s.show(c))
	}
	return out, nil
}

// DeleteConnection implements the operation.
func (s *Service) DeleteConnection(ctx context.Context, in *sdk.DeleteConnectionInput) (*sdk.DeleteConnectionOutput, error) {
	id, err := s.connectionID(in.ConnectionArn)
	if err != nil {
		return nil, err
	}
	return nil, exception(s.store.Delete(ctx, id), "The connection "+*in.ConnectionArn)
}
