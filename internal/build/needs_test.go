package build_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/buildspec"
)

// signingIn is a runner that signs in to the registry of a build's image, and says as whom.
type signingIn struct{ build.Runner }

func (r signingIn) Prepare(ctx context.Context, n build.Needs) (build.Workspace, error) {
	if n.Login == nil {
		n.Say("Nobody signs in")
		return r.Runner.Prepare(ctx, n)
	}
	l, err := n.Login(ctx)
	if err != nil {
		return nil, err
	}
	n.Say("Signing in as %s with %s", l.User, l.Password)
	return r.Runner.Prepare(ctx, n)
}

// vaultOf are secrets by their ids.
type vaultOf map[string]string

func (vaultOf) Parameter(context.Context, string) (string, error) { return "", build.ErrNoSecret }

func (v vaultOf) Secret(_ context.Context, ref buildspec.SecretRef) (string, error) {
	if text, ok := v[ref.ID]; ok {
		return text, nil
	}
	return "", fmt.Errorf("%w: secret %s", build.ErrNoSecret, ref.ID)
}

// The secret that a project names signs in to the registry of its image, whatever its imagePullCredentialsType, and is not
// shown.
func TestRegistryCredential(t *testing.T) {
	t.Parallel()
	s := serve(t, options{
		wrap:    func(r build.Runner) build.Runner { return signingIn{r} },
		secrets: vaultOf{"good": `{"username": "ada", "password": "t0ken-of-ada"}`, "text": "t0ken-of-ada", "half": `{"username": "ada"}`},
	})
	for secret, want := range map[string]string{
		"": "Nobody signs in", "good": "Signing in as ada with ***",
		"gone": "the credentials of the image's registry: no such parameter or secret: secret gone",
		"text": "the secret text with the credentials of the image's registry is not a JSON object with username and password",
		"half": "is not a JSON object with username and password",
	} {
		for _, kind := range types.ImagePullCredentialsType("").Values() {
			b := s.run("version: 0.2\nphases: {build: {commands: ['true']}}", func(p *types.Project) {
				p.Environment.ImagePullCredentialsType = kind
				if secret != "" {
					p.Environment.RegistryCredential = &types.RegistryCredential{Credential: aws.String(secret), CredentialProvider: types.CredentialProviderTypeSecretsManager}
				}
			})
			log := s.log(b)
			if !strings.Contains(log, want) || strings.Contains(log, "t0ken-of-ada") {
				t.Errorf("with the secret %q the log has no %q, or the secret:\n%s", secret, want, log)
			}
			if strings.HasPrefix(want, "the ") {
				expectFailure(t, b, "PROVISIONING", want)
			}
		}
	}
}
