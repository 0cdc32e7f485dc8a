package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
)

// Where variables come from that are not written down where they are used.
const (
	fromParameters = types.EnvironmentVariableTypeParameterStore
	fromSecrets    = types.EnvironmentVariableTypeSecretsManager
)

// fetched is a variable whose value was read from elsewhere.
type fetched struct {
	name string
	kind types.EnvironmentVariableType
	ref  string
}

// how is the command that reads the value again, with rights of one's own.
func (f fetched) how() string {
	if f.kind == fromParameters {
		return "aws ssm get-parameter --with-decryption --query Parameter.Value --output text --name " + quoted(f.ref)
	}
	ref, err := buildspec.ParseSecretRef(f.ref)
	if err != nil { // it could be read before
		return ""
	}
	command := "aws secretsmanager get-secret-value --query SecretString --output text --secret-id " + quoted(ref.ID)
	if ref.Stage != "" {
		command += " --version-stage " + quoted(ref.Stage)
	}
	if ref.VersionID != "" {
		command += " --version-id " + quoted(ref.VersionID)
	}
	if ref.JSONKey != "" {
		command += " (its member " + ref.JSONKey + ")"
	}
	return command
}

// fetchSecrets reads the values of variables of one kind, each Value being the name of a parameter or the reference of a secret.
// From then on the log shows none of them, and no export hands them on. The answer has the values in the same order.
func (r *run) fetchSecrets(ctx context.Context, kind types.EnvironmentVariableType, vars []buildspec.Variable) ([]buildspec.Variable, error) {
	out := make([]buildspec.Variable, len(vars))
	for i, v := range vars {
		value, err := r.secret(ctx, kind, v.Value)
		switch {
		case errors.Is(err, ErrNoSecret):
			return nil, clientFailure("the environment variable %s cannot be set from %s: %v", v.Name, kind, err)
		case err != nil:
			return nil, fmt.Errorf("environment variable %s: %w", v.Name, denied(err))
		case strings.ContainsRune(value, 0):
			return nil, clientFailure("the environment variable %s cannot be set from %s: the value contains a NUL character", v.Name, kind)
		}
		r.log.hide(value)
		out[i] = buildspec.Variable{Name: v.Name, Value: value}
		r.fetched = append(r.fetched, fetched{v.Name, kind, v.Value})
	}
	return out, nil
}

func (r *run) secret(ctx context.Context, kind types.EnvironmentVariableType, ref string) (string, error) {
	if r.s.cfg.Secrets == nil {
		return "", fmt.Errorf("%w: this server keeps none", ErrNoSecret)
	}
	if kind == fromParameters {
		return r.s.cfg.Secrets.Parameter(ctx, ref)
	}
	parsed, err := buildspec.ParseSecretRef(ref)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoSecret, err)
	}
	value, err := r.s.cfg.Secrets.Secret(ctx, parsed)
	if err != nil || parsed.JSONKey == "" {
		return value, err
	}
	return member(value, parsed)
}

// member is a member of a secret that is a JSON object. What is no text is written as JSON has it.
func member(value string, ref buildspec.SecretRef) (string, error) {
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(value), &object) != nil { // the error would quote the secret
		return "", fmt.Errorf("%w: the secret %s is not a JSON object, so that it has no key %s", ErrNoSecret, ref.ID, ref.JSONKey)
	}
	raw, ok := object[ref.JSONKey]
	if !ok {
		return "", fmt.Errorf("%w: the secret %s has no key %s", ErrNoSecret, ref.ID, ref.JSONKey)
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	return string(raw), nil
}

// projectVariables are those of the project and of whoever started the build.
func (r *run) projectVariables(ctx context.Context) ([]buildspec.Variable, error) {
	var out []buildspec.Variable
	for _, v := range r.rec.Build.Environment.EnvironmentVariables {
		one := []buildspec.Variable{{Name: *v.Name, Value: aws.ToString(v.Value)}}
		if strings.ContainsRune(one[0].Value, 0) {
			return nil, clientFailure("environment variable %s contains a NUL character", *v.Name)
		}
		if v.Type == fromParameters || v.Type == fromSecrets {
			var err error
			if one, err = r.fetchSecrets(ctx, v.Type, one); err != nil {
				return nil, err
			}
		}
		out = append(out, one...)
	}
	return out, nil
}

// specVariables are those of the buildspec, without the ones that the project has anyway: what nobody will see is not
// fetched.
func (r *run) specVariables(ctx context.Context, env buildspec.Env, project []buildspec.Variable) ([]buildspec.Variable, error) {
	have := map[string]bool{}
	for _, v := range project {
		have[v.Name] = true
	}
	out := append([]buildspec.Variable(nil), env.Variables...)
	for _, from := range []struct {
		kind types.EnvironmentVariableType
		vars []buildspec.Variable
	}{{fromParameters, env.ParameterStore}, {fromSecrets, env.SecretsManager}} {
		var wanted []buildspec.Variable
		for _, v := range from.vars {
			if !have[v.Name] {
				wanted = append(wanted, v)
			}
		}
		values, err := r.fetchSecrets(ctx, from.kind, wanted)
		if err != nil {
			return nil, err
		}
		out = append(out, values...)
	}
	return out, nil
}
