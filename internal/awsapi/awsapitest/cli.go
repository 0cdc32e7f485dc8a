package awsapitest

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// CLI is the aws command as a configuration's caller. It returns what the command printed, without the white space around it.
// The test is skipped where the command is not installed.
func CLI(t testing.TB, c aws.Config) func(args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the aws command is not installed")
	}
	env := Environment(t, c)
	return func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), path, args...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
}

// Environment is that of programs which find a configuration's endpoint, region and credentials in it, and none of the
// user's.
func Environment(t testing.TB, c aws.Config) []string {
	t.Helper()
	keys, err := c.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return append(os.Environ(), "AWS_ENDPOINT_URL="+*c.BaseEndpoint, "AWS_DEFAULT_REGION="+c.Region, "AWS_ACCESS_KEY_ID="+keys.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey, "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=", "AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "HOME="+t.TempDir())
}
