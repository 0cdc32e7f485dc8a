package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/vcs"
)

// clouds are the sources that lie at one place, which alone gets what signs in there.
var clouds = map[types.SourceType]string{
	types.SourceTypeGithub: "github.com", types.SourceTypeGitlab: "gitlab.com", types.SourceTypeBitbucket: "bitbucket.org",
}

// users are what the forges want to hear beside a token that stands in for a password.
var users = map[types.SourceType]string{
	types.SourceTypeGithub: "x-access-token", types.SourceTypeGithubEnterprise: "x-access-token",
	types.SourceTypeGitlab: "oauth2", types.SourceTypeGitlabSelfManaged: "oauth2", types.SourceTypeBitbucket: "x-token-auth",
}

// failure is what the user has to mend.
func failure(format string, args ...any) error {
	return &build.Failure{Code: "CLIENT_ERROR", Message: fmt.Sprintf(format, args...)}
}

// auth is what a source signs in with: what its project says, or else what was imported for its kind of server. ok is false
// for a source that anybody may read.
func (s *Service) auth(ctx context.Context, src *types.ProjectSource) (g Given, ok bool, err error) {
	a := src.Auth
	switch {
	case a != nil && a.Type == "":
		return Given{}, false, nil
	case a != nil && a.Type == types.SourceAuthTypeCodeconnections:
		g = Given{Auth: types.AuthTypeCodeconnections, Token: aws.ToString(a.Resource)}
	case a != nil && a.Type == types.SourceAuthTypeSecretsManager:
		g = Given{Auth: types.AuthTypeSecretsManager, Token: aws.ToString(a.Resource)}
	default:
		if g, ok, err = s.imported(ctx, types.ServerType(src.Type)); err != nil || !ok {
			return g, false, err
		}
	}
	if g.Auth == types.AuthTypeSecretsManager {
		g, err = s.inSecret(ctx, g.Token)
	}
	return g, true, err
}

// inSecret reads credentials that lie in Secrets Manager, in the form that CodeBuild asks for.
func (s *Service) inSecret(ctx context.Context, arn string) (Given, error) {
	text, err := s.o.Secrets.Secret(ctx, buildspec.SecretRef{ID: arn})
	if errors.Is(err, build.ErrNoSecret) {
		return Given{}, failure("the source credentials cannot be read: %v", err)
	}
	if err != nil {
		return Given{}, err
	}
	var doc struct {
		AuthType types.AuthType
		Token    string
		Username string
	}
	if json.Unmarshal([]byte(text), &doc) != nil || doc.Token == "" { // the error would quote the secret
		return Given{}, failure("the secret %s holds no source credentials: it should be JSON with ServerType, AuthType and Token", arn)
	}
	g := Given{Auth: doc.AuthType, Token: doc.Token, User: doc.Username}
	if byResource(g.Auth) || strings.ContainsAny(g.Token+g.User, "\r\n\x00") {
		return Given{}, failure("the secret %s holds no source credentials that can be used: give a token and the AuthType PERSONAL_ACCESS_TOKEN or BASIC_AUTH", arn)
	}
	return g, nil
}

// origin is where a source lies, with what signs in there.
func (s *Service) origin(ctx context.Context, src *types.ProjectSource) (vcs.Origin, error) {
	location := aws.ToString(src.Location)
	o := vcs.Origin{Remote: vcs.Remote{URL: location, Insecure: aws.ToBool(src.InsecureSsl)}}
	g, ok, err := s.auth(ctx, src)
	if err != nil || !ok {
		return o, err
	}
	if g.Auth == types.AuthTypeCodeconnections {
		login, err := s.connected(ctx, g.Token, src)
		o.Owner, o.Login = "connection/"+connection.IDOf(g.Token), login
		return o, err
	}
	if host := clouds[src.Type]; host != "" && !isAt(location, "https", host) {
		return o, nil // a token for everybody's forge goes nowhere else
	}
	o.Login = vcs.Login{User: users[src.Type], Password: g.Token}
	if g.User != "" {
		o.Login.User = g.User
	}
	o.Owner = "token/" + g.Token
	return o, nil
}

func isAt(location, scheme, host string) bool {
	u, err := url.Parse(location)
	return err == nil && u.Scheme == scheme && strings.EqualFold(u.Host, host)
}

// connected is the login that a connection gives for a source. It is for the connection's own forge alone.
func (s *Service) connected(ctx context.Context, arn string, src *types.ProjectSource) (vcs.Login, error) {
	f, err := s.forgeOf(ctx, arn, src)
	if err != nil {
		return vcs.Login{}, err
	}
	login, err := f.Login(ctx, RepositoryName(aws.ToString(src.Location)))
	return vcs.Login{User: login.User, Password: login.Password}, s.explain(err, aws.ToString(src.Location))
}

func (s *Service) forgeOf(ctx context.Context, arn string, src *types.ProjectSource) (forge.Forge, error) {
	err := s.o.Roles.Permit(ctx, serviceOf(arn)+":GetConnectionToken", arn)
	if no, ok := errors.AsType[*iam.NotPermitted](err); ok {
		return nil, failure("AccessDenied: %s", no.Message)
	}
	if err != nil {
		return nil, err
	}
	id, location := connection.IDOf(arn), aws.ToString(src.Location)
	c, err := s.o.Connections.Get(ctx, id)
	if err != nil {
		return nil, s.explainConnection(err, arn)
	}
	if u, err := url.Parse(c.Endpoint); c.Endpoint != "" && (err != nil || !isAt(location, u.Scheme, u.Host)) {
		return nil, failure("the connection %s is for %s, and %s lies elsewhere", arn, c.Endpoint, location)
	}
	f, err := s.o.Connections.Forge(ctx, id)
	return f, s.explainConnection(err, arn)
}

func (s *Service) explainConnection(err error, arn string) error {
	switch {
	case errors.Is(err, connection.ErrPending):
		return failure("the connection %s is pending: nobody has given it credentials. Run: conveyor connection authorize %s --token-file FILE", arn, arn)
	case errors.Is(err, connection.ErrNotFound):
		return failure("the connection %s does not exist", arn)
	}
	return err
}

func serviceOf(arn string) string {
	if strings.Contains(arn, ":codestar-connections:") {
		return "codestar-connections"
	}
	return "codeconnections"
}

// RepositoryName is the full name of the repository with a clone URL.
func RepositoryName(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return ""
	}
	name := strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git")
	return strings.TrimPrefix(name, "scm/") // Bitbucket Server
}
