package codebuild

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build/remote"
)

// tokenARN names the credentials for a kind of server.
func (s *Service) tokenARN(server types.ServerType) string {
	return s.Place.ARN("codebuild", "token/"+strings.ToLower(string(server)))
}

// ImportSourceCredentials stores how builds sign in at a kind of server.
func (s *Service) ImportSourceCredentials(ctx context.Context, in *sdk.ImportSourceCredentialsInput) (*sdk.ImportSourceCredentialsOutput, error) {
	given := remote.Given{Server: in.ServerType, Auth: in.AuthType, User: aws.ToString(in.Username), Token: *in.Token}
	if err := s.Remotes.Import(ctx, given, in.ShouldOverwrite == nil || *in.ShouldOverwrite); err != nil {
		return nil, exception(err)
	}
	return &sdk.ImportSourceCredentialsOutput{Arn: aws.String(s.tokenARN(in.ServerType))}, nil
}

// ListSourceCredentials tells what there is, without tokens.
func (s *Service) ListSourceCredentials(ctx context.Context, _ *sdk.ListSourceCredentialsInput) (*sdk.ListSourceCredentialsOutput, error) {
	list, err := s.Remotes.List(ctx)
	if err != nil {
		return nil, exception(err)
	}
	out := &sdk.ListSourceCredentialsOutput{SourceCredentialsInfos: []types.SourceCredentialsInfo{}}
	for _, c := range list {
		info := types.SourceCredentialsInfo{Arn: aws.String(s.tokenARN(c.Server)), ServerType: c.Server, AuthType: c.Auth}
		if c.Resource != "" {
			info.Resource = aws.String(c.Resource)
		}
		out.SourceCredentialsInfos = append(out.SourceCredentialsInfos, info)
	}
	return out, nil
}

// DeleteSourceCredentials forgets the credentials for a kind of server.
func (s *Service) DeleteSourceCredentials(ctx context.Context, in *sdk.DeleteSourceCredentialsInput) (*sdk.DeleteSourceCredentialsOutput, error) {
	servers := types.ServerType("").Values()
	i := slices.IndexFunc(servers, func(t types.ServerType) bool { return s.tokenARN(t) == *in.Arn })
	if i < 0 {
		return nil, exception(fmt.Errorf("%w: %s", remote.ErrNoCredential, *in.Arn))
	}
	if err := s.Remotes.Delete(ctx, servers[i]); err != nil {
		return nil, exception(err)
	}
	return &sdk.DeleteSourceCredentialsOutput{Arn: in.Arn}, nil
}
