package build

import (
	"fmt"
	"slices"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
)

// gitHelper answers git with the credentials that the build has anyway. It holds none itself.
const gitHelper = `!f() { test "$1" = get && printf 'username=%s%%%s\npassword=%s\n' "$AWS_ACCESS_KEY_ID" "$AWS_SESSION_TOKEN" "$AWS_SECRET_ACCESS_KEY"; }; f`

// gitCredentials are variables with which git reaches the hosted repositories as the build's role: at this server's address, and
// by the address they would have on AWS. Other servers never see the credentials.
func (r *run) gitCredentials(access []buildspec.Variable) []buildspec.Variable {
	if !r.spec.Env.GitCredentialHelper {
		return nil
	}
	if len(access) == 0 {
		r.log.Printf("Warning: git-credential-helper needs a service role that exists and has policies: without one the build has no credentials that git could use")
		return nil
	}
	config := [][2]string{
		{"credential." + r.s.cfg.Endpoint + ".helper", gitHelper},
		{"url." + r.s.cfg.Endpoint + "/v1/repos/.insteadOf", "https://git-codecommit." + r.s.cfg.Place.Region + ".amazonaws.com/v1/repos/"},
	}
	vars := []buildspec.Variable{{Name: "GIT_CONFIG_COUNT", Value: fmt.Sprint(len(config))}}
	for i, kv := range config {
		vars = slices.Concat(vars, []buildspec.Variable{
			{Name: fmt.Sprintf("GIT_CONFIG_KEY_%d", i), Value: kv[0]}, {Name: fmt.Sprintf("GIT_CONFIG_VALUE_%d", i), Value: kv[1]},
		})
	}
	return vars
}
