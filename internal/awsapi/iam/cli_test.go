package iam_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// cli runs the aws command as root against w; the test is skipped where it is not installed.
func cli(t *testing.T, w world, input string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the aws command is not installed")
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+w.url, "AWS_ACCESS_KEY_ID="+w.root.ID, "AWS_SECRET_ACCESS_KEY="+w.root.Secret,
		"AWS_DEFAULT_REGION=eu-west-1", "AWS_CONFIG_FILE=/dev/null", "AWS_MAX_ATTEMPTS=1", "HOME="+t.TempDir())
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestAWSCommand(t *testing.T) {
	w := start(t, sqltest.SQLite(t))
	run := func(args ...string) map[string]any {
		t.Helper()
		out, err := cli(t, w, "", args...)
		if err != nil {
			t.Fatalf("aws %s: %s", strings.Join(args, " "), out)
		}
		var tree map[string]any
		if strings.TrimSpace(out) != "" {
			if err := json.Unmarshal([]byte(out), &tree); err != nil {
				t.Fatalf("aws %s: %s", strings.Join(args, " "), out)
			}
		}
		return tree
	}
	if who := run("sts", "get-caller-identity"); who["Arn"] != "arn:aws:iam::000000000000:root" {
		t.Error(who)
	}
	run("iam", "create-role", "--role-name", "r", "--assume-role-policy-document", trust, "--tags", "Key=a,Value=b")
	role := run("iam", "get-role", "--role-name", "r")["Role"].(map[string]any)
	document, err := json.Marshal(role["AssumeRolePolicyDocument"])
	if err != nil || !strings.Contains(string(document), `"codepipeline.amazonaws.com"`) {
		t.Errorf("%s", document)
	}
	out, err := cli(t, w, "", "iam", "get-role", "--role-name", "nobody")
	if err == nil || !strings.Contains(out, "(NoSuchEntity) when calling the GetRole operation: The role with name nobody cannot be found.") {
		t.Error(out)
	}
}

// What `aws codecommit credential-helper` prints for git opens the repository it was asked for.
func TestCredentialHelper(t *testing.T) {
	w := start(t, sqltest.SQLite(t))
	out, err := cli(t, w, "protocol=http\nhost=127.0.0.1:4566\npath=v1/repos/site\n", "codecommit", "credential-helper", "get", "--ignore-host-check")
	if err != nil {
		t.Fatal(out)
	}
	said := map[string]string{}
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		said[name] = value
	}
	dir := iam.New(sqltest.SQLite(t), iam.WithRoot(w.root))
	v := awsapi.NewVerifier(dir, awsapi.Place{Region: "eu-west-1"})
	id, err := v.VerifyGit(context.Background(), said["username"], said["password"], "/v1/repos/site", "127.0.0.1:4566")
	if err != nil || !id.Root {
		t.Errorf("%v: %v", said, err)
	}
	if _, err := v.VerifyGit(context.Background(), said["username"], said["password"], "/v1/repos/other", "127.0.0.1:4566"); err == nil {
		t.Error("the password opens another repository")
	}
}
