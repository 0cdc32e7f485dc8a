package build

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
)

// size is what a compute type stands for.
type size struct {
	cpus   float64
	memory int64 // GiB
}

// sizes are those of AWS's compute types for Linux.
var sizes = map[types.ComputeType]size{
	types.ComputeTypeBuildGeneral1Small:   {2, 4},
	types.ComputeTypeBuildGeneral1Medium:  {4, 8},
	types.ComputeTypeBuildGeneral1Large:   {8, 16},
	types.ComputeTypeBuildGeneral1Xlarge:  {36, 72},
	types.ComputeTypeBuildGeneral12xlarge: {72, 144},
	types.ComputeTypeBuildLambda1gb:       {0, 1},
	types.ComputeTypeBuildLambda2gb:       {0, 2},
	types.ComputeTypeBuildLambda4gb:       {0, 4},
	types.ComputeTypeBuildLambda8gb:       {0, 8},
	types.ComputeTypeBuildLambda10gb:      {0, 10},
}

// networkVariable of a project or of StartBuild keeps a build from the network, as an environment variable, because AWS
// has no member for that. Its one value is "none".
const networkVariable = "ConveyorNetwork"

// needs is what the build asks of its place.
func (r *run) needs() Needs {
	e := r.rec.Build.Environment
	limit := sizes[e.ComputeType] // of other types nothing is known: no limit
	if c := e.ComputeConfiguration; c != nil && e.ComputeType == types.ComputeTypeAttributeBasedCompute {
		limit = size{float64(aws.ToInt64(c.VCpu)), aws.ToInt64(c.Memory)}
	}
	n := Needs{
		ID: r.rec.ID, Image: aws.ToString(e.Image), Privileged: aws.ToBool(e.PrivilegedMode),
		CPUs: limit.cpus, Memory: limit.memory << 30, Offline: offline(e), Say: r.log.Printf, Keep: r.mayKeep(),
	}
	if e.RegistryCredential != nil {
		n.Login = r.login
	}
	return n
}

func offline(e *types.ProjectEnvironment) bool {
	return wish(e, networkVariable) == "none"
}

// wish is the value of a variable by which a project or StartBuild asks for what AWS has no member for; "": it does not.
// Values that lie in Parameter Store or in Secrets Manager are not looked up for that.
func wish(e *types.ProjectEnvironment, variable string) string {
	if e == nil {
		return ""
	}
	for _, v := range slices.Backward(e.EnvironmentVariables) {
		if aws.ToString(v.Name) == variable && (v.Type == "" || v.Type == types.EnvironmentVariableTypePlaintext) {
			return aws.ToString(v.Value)
		}
	}
	return ""
}

// login is what the project says of its image's registry: a secret with a user name and a password, read in the name of
// the build's role.
func (r *run) login(ctx context.Context) (*Login, error) {
	credential := aws.ToString(r.rec.Build.Environment.RegistryCredential.Credential)
	text, err := r.secret(ctx, fromSecrets, credential)
	if errors.Is(err, ErrNoSecret) {
		return nil, clientFailure("the credentials of the image's registry: %v", err)
	}
	if err != nil {
		return nil, denied(err)
	}
	var l struct{ Username, Password string }
	if json.Unmarshal([]byte(text), &l) != nil || l.Username == "" || l.Password == "" { // the error would quote the secret
		return nil, clientFailure("the secret %s with the credentials of the image's registry is not a JSON object with username and password", credential)
	}
	r.log.hide(l.Password)
	return &Login{User: l.Username, Password: l.Password}, nil
}

// runAs is who a phase's commands run as; "" when the buildspec leaves that open.
func runAs(spec *buildspec.Spec, phase buildspec.Phase) string {
	if own := spec.Phases[phase].RunAs; own != "" {
		return own
	}
	return spec.RunAs
}

// users are who the buildspec as a whole runs as, and whoever else one of its phases does.
func users(spec *buildspec.Spec) (user string, others []string) {
	for _, c := range spec.Phases {
		if c.RunAs != "" && c.RunAs != spec.RunAs && !slices.Contains(others, c.RunAs) {
			others = append(others, c.RunAs)
		}
	}
	slices.Sort(others)
	return spec.RunAs, others
}
