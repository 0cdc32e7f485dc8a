package events

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/event"
)

// shown is what of a connection may be told: its definition as it is kept.
type shown struct {
	Description string                                  `json:",omitempty"`
	Type        types.ConnectionAuthorizationType       `json:",omitempty"`
	Auth        *types.ConnectionAuthResponseParameters `json:"-"`
	AuthWire    json.RawMessage                         `json:",omitempty"`
}

func connectionFailed(err error, name string) error {
	switch {
	case errors.Is(err, event.ErrNoConnection):
		return notFound("Connection %s does not exist.", name)
	case errors.Is(err, event.ErrNoDestination):
		return notFound("An api-destination '%s' does not exist.", name)
	case errors.Is(err, event.ErrExists):
		return &types.ResourceAlreadyExistsException{Message: aws.String(name + " already exists.")}
	case errors.Is(err, event.ErrInUse):
		return invalid("Connection %s cannot be deleted: %v. Delete those first.", name, err)
	}
	return err
}

// CreateConnection keeps how the server proves itself to an endpoint.
func (s *Service) CreateConnection(ctx context.Context, in *sdk.CreateConnectionInput) (*sdk.CreateConnectionOutput, error) {
	if in.InvocationConnectivityParameters != nil {
		return nil, invalid("Parameter InvocationConnectivityParameters is not supported: there are no private networks to connect to.")
	}
	c := event.Connection{Name: *in.Name}
	if err := define(&c, in.AuthorizationType, aws.ToString(in.Description), in.AuthParameters); err != nil {
		return nil, err
	}
	c, err := s.events.CreateConnection(ctx, c)
	return &sdk.CreateConnectionOutput{
		ConnectionArn: &c.ARN, ConnectionState: types.ConnectionStateAuthorized, CreationTime: &c.Created, LastModifiedTime: &c.Modified,
	}, connectionFailed(err, *in.Name)
}

// UpdateConnection changes what is given of a connection.
func (s *Service) UpdateConnection(ctx context.Context, in *sdk.UpdateConnectionInput) (*sdk.UpdateConnectionOutput, error) {
	if in.InvocationConnectivityParameters != nil {
		return nil, invalid("Parameter InvocationConnectivityParameters is not supported: there are no private networks to connect to.")
	}
	c, err := s.events.UpdateConnection(ctx, *in.Name, func(c *event.Connection) error {
		view, err := show(*c)
		if err != nil {
			return err
		}
		kind, description := view.Type, view.Description
		if in.AuthorizationType != "" {
			kind = in.AuthorizationType
		}
		if in.Description != nil {
			description = *in.Description
		}
		var auth types.CreateConnectionAuthRequestParameters
		if err := awsapi.Unmarshal(c.Secret, &auth); err != nil {
			return err
		}
		if in.AuthParameters != nil {
			if auth, err = merge(auth, in.AuthParameters, kind); err != nil {
				return err
			}
		}
		return define(c, kind, description, &auth)
	})
	return &sdk.UpdateConnectionOutput{
		ConnectionArn: &c.ARN, ConnectionState: types.ConnectionStateAuthorized, CreationTime: &c.Created, LastModifiedTime: &c.Modified,
		LastAuthorizedTime: &c.Modified,
	}, connectionFailed(err, *in.Name)
}

func show(c event.Connection) (shown, error) {
	var v shown
	if err := json.Unmarshal(c.Definition, &v); err != nil {
		return v, err
	}
	v.Auth = &types.ConnectionAuthResponseParameters{}
	return v, awsapi.Unmarshal(v.AuthWire, v.Auth)
}

// DescribeConnection reads a connection, without its secrets.
func (s *Service) DescribeConnection(ctx context.Context, in *sdk.DescribeConnectionInput) (*sdk.DescribeConnectionOutput, error) {
	c, err := s.events.Connection(ctx, *in.Name)
	if err != nil {
		return nil, connectionFailed(err, *in.Name)
	}
	v, err := show(c)
	return &sdk.DescribeConnectionOutput{
		Name: &c.Name, ConnectionArn: &c.ARN, Description: optional(v.Description), AuthorizationType: v.Type, AuthParameters: v.Auth,
		ConnectionState: types.ConnectionStateAuthorized, CreationTime: &c.Created, LastModifiedTime: &c.Modified, LastAuthorizedTime: &c.Modified,
	}, err
}

// ListConnections lists connections by name.
func (s *Service) ListConnections(ctx context.Context, in *sdk.ListConnectionsInput) (*sdk.ListConnectionsOutput, error) {
	after, err := parseToken("connections", in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListConnectionsOutput{Connections: []types.Connection{}}
	if in.ConnectionState != "" && in.ConnectionState != types.ConnectionStateAuthorized {
		return out, nil
	}
	n := limit(in.Limit)
	list, err := s.events.Connections(ctx, aws.ToString(in.NamePrefix), after, n+1)
	if err != nil {
		return nil, err
	}
	list, out.NextToken = cut(list, n, "connections", func(c event.Connection) string { return c.Name })
	for _, c := range list {
		v, err := show(c)
		if err != nil {
			return nil, err
		}
		out.Connections = append(out.Connections, types.Connection{
			Name: aws.String(c.Name), ConnectionArn: aws.String(c.ARN), AuthorizationType: v.Type, ConnectionState: types.ConnectionStateAuthorized,
			CreationTime: aws.Time(c.Created), LastModifiedTime: aws.Time(c.Modified), LastAuthorizedTime: aws.Time(c.Modified),
		})
	}
	return out, nil
}

// DeleteConnection deletes a connection that is not used.
func (s *Service) DeleteConnection(ctx context.Context, in *sdk.DeleteConnectionInput) (*sdk.DeleteConnectionOutput, error) {
	c, err := s.events.DeleteConnection(ctx, *in.Name)
	return &sdk.DeleteConnectionOutput{
		ConnectionArn: &c.ARN, ConnectionState: types.ConnectionStateDeleting, CreationTime: &c.Created, LastModifiedTime: &c.Modified,
		LastAuthorizedTime: &c.Modified,
	}, connectionFailed(err, *in.Name)
}

// destination is the definition of an API destination as it is kept; the target reads it, too.
type destination struct {
	Description                  string `json:",omitempty"`
	InvocationEndpoint           string
	HttpMethod                   types.ApiDestinationHttpMethod
	InvocationRateLimitPerSecond *int32 `json:",omitempty"`
}

// CreateApiDestination makes an HTTP endpoint that rules can have as a target.
func (s *Service) CreateApiDestination(ctx context.Context, in *sdk.CreateApiDestinationInput) (*sdk.CreateApiDestinationOutput, error) {
	d, err := s.putDestination(ctx, *in.Name, *in.ConnectionArn, destination{
		aws.ToString(in.Description), *in.InvocationEndpoint, in.HttpMethod, in.InvocationRateLimitPerSecond,
	}, false)
	return &sdk.CreateApiDestinationOutput{
		ApiDestinationArn: &d.ARN, ApiDestinationState: types.ApiDestinationStateActive, CreationTime: &d.Created, LastModifiedTime: &d.Modified,
	}, err
}

func (s *Service) putDestination(ctx context.Context, name, connectionARN string, v destination, again bool) (event.Destination, error) {
	connection, ok := s.events.ConnectionName(connectionARN)
	if !ok {
		return event.Destination{}, notFound("Connection %s does not exist.", connectionARN)
	}
	if err := event.CheckEndpoint(v.InvocationEndpoint); err != nil {
		return event.Destination{}, invalid("Parameter InvocationEndpoint is not valid. Reason: %v.", err)
	}
	definition, err := json.Marshal(v)
	if err != nil {
		return event.Destination{}, err
	}
	d, err := s.events.PutDestination(ctx, event.Destination{Name: name, Connection: connection, Definition: definition}, again)
	if errors.Is(err, event.ErrNoConnection) {
		name = connection
	}
	return d, connectionFailed(err, name)
}

// UpdateApiDestination changes what is given of an API destination.
func (s *Service) UpdateApiDestination(ctx context.Context, in *sdk.UpdateApiDestinationInput) (*sdk.UpdateApiDestinationOutput, error) {
	before, err := s.DescribeApiDestination(ctx, &sdk.DescribeApiDestinationInput{Name: in.Name})
	if err != nil {
		return nil, err
	}
	v := destination{aws.ToString(before.Description), *before.InvocationEndpoint, before.HttpMethod, before.InvocationRateLimitPerSecond}
	if in.Description != nil {
		v.Description = *in.Description
	}
	if in.InvocationEndpoint != nil {
		v.InvocationEndpoint = *in.InvocationEndpoint
	}
	if in.HttpMethod != "" {
		v.HttpMethod = in.HttpMethod
	}
	if in.InvocationRateLimitPerSecond != nil {
		v.InvocationRateLimitPerSecond = in.InvocationRateLimitPerSecond
	}
	connection := *before.ConnectionArn
	if in.ConnectionArn != nil {
		connection = *in.ConnectionArn
	}
	d, err := s.putDestination(ctx, *in.Name, connection, v, true)
	return &sdk.UpdateApiDestinationOutput{
		ApiDestinationArn: &d.ARN, ApiDestinationState: types.ApiDestinationStateActive, CreationTime: &d.Created, LastModifiedTime: &d.Modified,
	}, err
}

// connectionARN is the ARN of a destination's connection, without its id when the connection is gone.
func (s *Service) connectionARN(ctx context.Context, name string) (string, error) {
	c, err := s.events.Connection(ctx, name)
	if errors.Is(err, event.ErrNoConnection) {
		return s.place.ARN("events", "connection/"+name), nil
	}
	return c.ARN, err
}

// DescribeApiDestination reads an API destination.
func (s *Service) DescribeApiDestination(ctx context.Context, in *sdk.DescribeApiDestinationInput) (*sdk.DescribeApiDestinationOutput, error) {
	d, err := s.events.Destination(ctx, *in.Name)
	if err != nil {
		return nil, connectionFailed(err, *in.Name)
	}
	var v destination
	if err := json.Unmarshal(d.Definition, &v); err != nil {
		return nil, err
	}
	connection, err := s.connectionARN(ctx, d.Connection)
	return &sdk.DescribeApiDestinationOutput{
		Name: &d.Name, ApiDestinationArn: &d.ARN, ApiDestinationState: types.ApiDestinationStateActive, ConnectionArn: &connection,
		Description: optional(v.Description), InvocationEndpoint: &v.InvocationEndpoint, HttpMethod: v.HttpMethod,
		InvocationRateLimitPerSecond: v.InvocationRateLimitPerSecond, CreationTime: &d.Created, LastModifiedTime: &d.Modified,
	}, err
}

// ListApiDestinations lists API destinations by name.
func (s *Service) ListApiDestinations(ctx context.Context, in *sdk.ListApiDestinationsInput) (*sdk.ListApiDestinationsOutput, error) {
	after, err := parseToken("destinations", in.NextToken)
	if err != nil {
		return nil, err
	}
	connection := ""
	if in.ConnectionArn != nil {
		var ok bool
		if connection, ok = s.events.ConnectionName(*in.ConnectionArn); !ok {
			return &sdk.ListApiDestinationsOutput{ApiDestinations: []types.ApiDestination{}}, nil
		}
	}
	n := limit(in.Limit)
	list, err := s.events.Destinations(ctx, aws.ToString(in.NamePrefix), connection, after, n+1)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListApiDestinationsOutput{ApiDestinations: []types.ApiDestination{}}
	list, out.NextToken = cut(list, n, "destinations", func(d event.Destination) string { return d.Name })
	for _, d := range list {
		v, err := s.DescribeApiDestination(ctx, &sdk.DescribeApiDestinationInput{Name: &d.Name})
		if err != nil {
			return nil, err
		}
		out.ApiDestinations = append(out.ApiDestinations, types.ApiDestination{
			Name: v.Name, ApiDestinationArn: v.ApiDestinationArn, ApiDestinationState: v.ApiDestinationState, ConnectionArn: v.ConnectionArn,
			InvocationEndpoint: v.InvocationEndpoint, HttpMethod: v.HttpMethod, InvocationRateLimitPerSecond: v.InvocationRateLimitPerSecond,
			CreationTime: v.CreationTime, LastModifiedTime: v.LastModifiedTime,
		})
	}
	return out, nil
}

// DeleteApiDestination deletes an API destination.
func (s *Service) DeleteApiDestination(ctx context.Context, in *sdk.DeleteApiDestinationInput) (*sdk.DeleteApiDestinationOutput, error) {
	return &sdk.DeleteApiDestinationOutput{}, connectionFailed(s.events.DeleteDestination(ctx, *in.Name), *in.Name)
}
