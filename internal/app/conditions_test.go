package app

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	codebuildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	codecommittypes "github.com/aws/aws-sdk-go-v2/service/codecommit/types"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	connectiontypes "github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"github.com/conveyor-cd/conveyor/internal/iam"
)

// as is what SDK clients need to act as someone.
func (m matrix) as(who aws.Credentials) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(m.url), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(who.AccessKeyID, who.SecretAccessKey, ""),
	}
}

// bound is a user with one policy.
func (m matrix) bound(t *testing.T, name, policy string) aws.Credentials {
	t.Helper()
	who := m.user(t, name, "")
	if err := m.dir.PutPolicy(t.Context(), iam.User, name, "own", policy); err != nil {
		t.Fatal(err)
	}
	return who
}

// refused tells whether an error says that permission was missing. One that is no answer fails the test.
func refused(t *testing.T, err error) bool {
	t.Helper()
	var api smithy.APIError
	if err == nil {
		return false
	}
	if !errors.As(err, &api) {
		t.Fatal(err)
	}
	return strings.HasPrefix(api.ErrorCode(), "AccessDenied") || api.ErrorCode() == "AuthorizationError"
}

const ofBlue = `{"Version": "2012-10-17", "Statement": [
	{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "blue"}}}]}`

// TestResourceTags: a policy that asks for a tag of the resource counts for every service whose resources have tags.
func TestResourceTags(t *testing.T) {
	w := startMatrix(t)
	root, blue := w.as(w.user(t, "admin", "arn:aws:iam::aws:policy/AdministratorAccess")), w.as(w.bound(t, "blue", ofBlue))
	for _, kind := range taggedKinds {
		t.Run(kind.name, func(t *testing.T) {
			for _, team := range []string{"blue", "red"} {
				if err := kind.create(t, root, team); err != nil {
					t.Fatal(err)
				}
				if got := refused(t, kind.read(t, blue, team)); got != (team == "red") {
					t.Errorf("one of the team blue reads what is %s's: refused is %v", team, got)
				}
			}
			if err := kind.read(t, blue, "nobody"); !refused(t, err) {
				t.Errorf("what does not exist has no tags: %v", err)
			}
		})
	}
}

// taggedKinds are resources named by the team whose tag they have.
var taggedKinds = []struct {
	name   string
	create func(t *testing.T, c aws.Config, team string) error
	read   func(t *testing.T, c aws.Config, team string) error
}{
	{
		"repository",
		func(t *testing.T, c aws.Config, team string) error {
			_, err := codecommit.NewFromConfig(c).CreateRepository(t.Context(), &codecommit.CreateRepositoryInput{RepositoryName: &team, Tags: map[string]string{"team": team}})
			return err
		},
		func(t *testing.T, c aws.Config, team string) error {
			_, err := codecommit.NewFromConfig(c).GetRepository(t.Context(), &codecommit.GetRepositoryInput{RepositoryName: &team})
			return err
		},
	},
	{
		"log group",
		func(t *testing.T, c aws.Config, team string) error {
			_, err := cloudwatchlogs.NewFromConfig(c).CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &team, Tags: map[string]string{"team": team}})
			return err
		},
		func(t *testing.T, c aws.Config, team string) error {
			_, err := cloudwatchlogs.NewFromConfig(c).DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: &team})
			return err
		},
	},
	{
		"project",
		func(t *testing.T, c aws.Config, team string) error {
			_, err := codebuild.NewFromConfig(c).CreateProject(t.Context(), &codebuild.CreateProjectInput{
				Name: &team, Tags: []codebuildtypes.Tag{{Key: aws.String("team"), Value: &team}}, ServiceRole: aws.String("arn:aws:iam::000000000000:role/build"),
				Source:      &codebuildtypes.ProjectSource{Type: codebuildtypes.SourceTypeNoSource, Buildspec: aws.String("version: 0.2\nphases: {build: {commands: [\"true\"]}}\n")},
				Artifacts:   &codebuildtypes.ProjectArtifacts{Type: codebuildtypes.ArtifactsTypeNoArtifacts},
				Environment: &codebuildtypes.ProjectEnvironment{Type: codebuildtypes.EnvironmentTypeLinuxContainer, Image: aws.String("any"), ComputeType: codebuildtypes.ComputeTypeBuildGeneral1Small},
			})
			return err
		},
		func(t *testing.T, c aws.Config, team string) error {
			_, err := codebuild.NewFromConfig(c).BatchGetProjects(t.Context(), &codebuild.BatchGetProjectsInput{Names: []string{team}})
			return err
		},
	},
	{
		"topic",
		func(t *testing.T, c aws.Config, team string) error {
			_, err := sns.NewFromConfig(c).CreateTopic(t.Context(), &sns.CreateTopicInput{Name: &team, Tags: []snstypes.Tag{{Key: aws.String("team"), Value: &team}}})
			return err
		},
		func(t *testing.T, c aws.Config, team string) error {
			_, err := sns.NewFromConfig(c).GetTopicAttributes(t.Context(), &sns.GetTopicAttributesInput{TopicArn: aws.String("arn:aws:sns:us-east-1:000000000000:" + team)})
			return err
		},
	},
	{
		"parameter",
		func(t *testing.T, c aws.Config, team string) error {
			_, err := ssm.NewFromConfig(c).PutParameter(t.Context(), &ssm.PutParameterInput{
				Name: aws.String("/of/" + team), Value: aws.String("v"), Type: ssmtypes.ParameterTypeString, Tags: []ssmtypes.Tag{{Key: aws.String("team"), Value: &team}},
			})
			return err
		},
		func(t *testing.T, c aws.Config, team string) error {
			_, err := ssm.NewFromConfig(c).GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/of/" + team)})
			return err
		},
	},
	{
		"secret",
		func(t *testing.T, c aws.Config, team string) error {
			_, err := secretsmanager.NewFromConfig(c).CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
				Name: &team, SecretString: aws.String("v"), Tags: []secrettypes.Tag{{Key: aws.String("team"), Value: &team}},
			})
			return err
		},
		func(t *testing.T, c aws.Config, team string) error {
			_, err := secretsmanager.NewFromConfig(c).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &team})
			return err
		},
	},
	{
		"rule",
		func(t *testing.T, c aws.Config, team string) error {
			_, err := eventbridge.NewFromConfig(c).PutRule(t.Context(), &eventbridge.PutRuleInput{
				Name: &team, EventPattern: aws.String(`{"source": ["mine"]}`), Tags: []eventtypes.Tag{{Key: aws.String("team"), Value: &team}},
			})
			return err
		},
		func(t *testing.T, c aws.Config, team string) error {
			_, err := eventbridge.NewFromConfig(c).DescribeRule(t.Context(), &eventbridge.DescribeRuleInput{Name: &team})
			return err
		},
	},
	{
		"alarm",
		func(t *testing.T, c aws.Config, team string) error {
			_, err := cloudwatch.NewFromConfig(c).PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
				AlarmName: &team, MetricName: aws.String("m"), Namespace: aws.String("n"), Statistic: cloudwatchtypes.StatisticSum, Period: aws.Int32(60),
				EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1), ComparisonOperator: cloudwatchtypes.ComparisonOperatorGreaterThanThreshold,
				Tags: []cloudwatchtypes.Tag{{Key: aws.String("team"), Value: &team}},
			})
			return err
		},
		func(t *testing.T, c aws.Config, team string) error {
			_, err := cloudwatch.NewFromConfig(c).DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{team}})
			return err
		},
	},
	{
		"role",
		func(t *testing.T, c aws.Config, team string) error {
			_, err := awsiam.NewFromConfig(c).CreateRole(t.Context(), &awsiam.CreateRoleInput{
				RoleName: &team, Tags: []iamtypes.Tag{{Key: aws.String("team"), Value: &team}},
				AssumeRolePolicyDocument: aws.String(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`),
			})
			return err
		},
		func(t *testing.T, c aws.Config, team string) error {
			_, err := awsiam.NewFromConfig(c).GetRole(t.Context(), &awsiam.GetRoleInput{RoleName: &team})
			return err
		},
	},
}

// TestConnectionTags: connections are named by ARNs that nobody can foretell.
func TestConnectionTags(t *testing.T) {
	w := startMatrix(t)
	root, blue := w.as(w.user(t, "admin", "arn:aws:iam::aws:policy/AdministratorAccess")), w.as(w.bound(t, "blue", ofBlue))
	for _, team := range []string{"blue", "red"} {
		made, err := codeconnections.NewFromConfig(root).CreateConnection(t.Context(), &codeconnections.CreateConnectionInput{
			ConnectionName: &team, ProviderType: connectiontypes.ProviderTypeGithub, Tags: []connectiontypes.Tag{{Key: aws.String("team"), Value: &team}},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = codeconnections.NewFromConfig(blue).GetConnection(t.Context(), &codeconnections.GetConnectionInput{ConnectionArn: made.ConnectionArn})
		if got := refused(t, err); got != (team == "red") {
			t.Errorf("one of the team blue reads what is %s's: refused is %v", team, got)
		}
	}
}

// TestConditionKeys: what a request says of itself, and whose it is, counts.
func TestConditionKeys(t *testing.T) {
	w := startMatrix(t)
	for _, test := range []struct {
		name, condition string
		allowed         bool
	}{
		{"here", `{"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}`, true},
		{"elsewhere", `{"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}`, false},
		{"early", `{"DateLessThan": {"aws:CurrentTime": "2999-01-01T00:00:00Z"}}`, true},
		{"late", `{"DateLessThan": {"aws:CurrentTime": "2001-01-01T00:00:00Z"}}`, false},
		{"herself", `{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::000000000000:user/herself"}}`, true},
		{"another", `{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::000000000000:user/herself"}}`, false},
		{"below", `{"StringLike": {"s3:prefix": "logs/*"}}`, true},
		{"above", `{"StringLike": {"s3:prefix": "secret/*"}}`, false},
		{"blue", `{"StringEquals": {"aws:RequestTag/team": "blue"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}`, true},
		{"more-tags", `{"ForAllValues:StringEquals": {"aws:TagKeys": ["cost"]}, "Null": {"aws:TagKeys": "false"}}`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := w.as(w.bound(t, test.name, `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": `+test.condition+`}]}`))
			var err error
			switch {
			case strings.Contains(test.condition, "s3:"):
				_, err = s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }).
					ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("bucket"), Prefix: aws.String("logs/a")})
			case strings.Contains(test.condition, "Tag"):
				_, err = sns.NewFromConfig(c).CreateTopic(t.Context(), &sns.CreateTopicInput{Name: &test.name, Tags: []snstypes.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}})
			default:
				_, err = codecommit.NewFromConfig(c).ListRepositories(t.Context(), &codecommit.ListRepositoriesInput{})
			}
			if refused(t, err) == test.allowed {
				t.Errorf("%v", err)
			}
		})
	}
}

const notMain = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"},
	{"Effect": "Deny", "Action": ["codecommit:GitPush", "codecommit:PutFile", "codecommit:DeleteBranch", "codecommit:MergeBranchesByFastForward",
		"codecommit:MergePullRequestByFastForward"], "Resource": "*",
		"Condition": {"StringEqualsIfExists": {"codecommit:References": ["refs/heads/main"]}, "Null": {"codecommit:References": "false"}}}]}`

// TestReferences: who may not move a branch may not by a push, a file, a merge or a deletion, and may move others.
func TestReferences(t *testing.T) {
	w := startMatrix(t)
	admin, dev := w.user(t, "admin", "arn:aws:iam::aws:policy/AdministratorAccess"), w.bound(t, "dev", notMain)
	dir := t.TempDir()
	git := func(who aws.Credentials, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=true",
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b",
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=url."+strings.Replace(w.url, "http://", "http://"+who.AccessKeyID+":"+strings.ReplaceAll(who.SecretAccessKey, "/", "%2F")+"@", 1)+"/.insteadOf",
			"GIT_CONFIG_VALUE_0=conveyor:")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	must := func(who aws.Credentials, args ...string) {
		t.Helper()
		if out, err := git(who, args...); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	must(admin, "init", "-b", "main")
	if err := os.WriteFile(filepath.Join(dir, "page"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	must(admin, "add", "page")
	must(admin, "commit", "-m", "first")
	must(admin, "push", "conveyor:v1/repos/site", "main", "main:old")
	must(dev, "commit", "--allow-empty", "-m", "second")
	must(dev, "push", "conveyor:v1/repos/site", "main:work")
	for _, refs := range [][]string{{"main"}, {"main:other", "main"}, {":main"}} {
		if out, err := git(dev, append([]string{"push", "conveyor:v1/repos/site"}, refs...)...); err == nil || !strings.Contains(out, "refs/heads/main: AccessDeniedException: User: arn:aws:iam::000000000000:user/dev is not authorized to perform: codecommit:GitPush") {
			t.Errorf("push of %v: %v\n%s", refs, err, out)
		}
	}
	c := codecommit.NewFromConfig(w.as(dev))
	name, main, work := aws.String("site"), aws.String("main"), aws.String("work")
	if _, err := c.GetBranch(t.Context(), &codecommit.GetBranchInput{RepositoryName: name, BranchName: aws.String("other")}); err == nil {
		t.Error("a part of a refused push arrived")
	}
	made, err := c.CreatePullRequest(t.Context(), &codecommit.CreatePullRequestInput{
		Title: aws.String("second"), Targets: []codecommittypes.Target{{RepositoryName: name, SourceReference: work, DestinationReference: main}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, errFile := c.PutFile(t.Context(), &codecommit.PutFileInput{RepositoryName: name, BranchName: main, FilePath: aws.String("a"), FileContent: []byte("a")})
	_, errFull := c.PutFile(t.Context(), &codecommit.PutFileInput{RepositoryName: name, BranchName: aws.String("refs/heads/main"), FilePath: aws.String("a"), FileContent: []byte("a")})
	_, errDelete := c.DeleteBranch(t.Context(), &codecommit.DeleteBranchInput{RepositoryName: name, BranchName: main})
	_, errMerge := c.MergeBranchesByFastForward(t.Context(), &codecommit.MergeBranchesByFastForwardInput{RepositoryName: name, SourceCommitSpecifier: work, DestinationCommitSpecifier: main})
	_, errPull := c.MergePullRequestByFastForward(t.Context(), &codecommit.MergePullRequestByFastForwardInput{RepositoryName: name, PullRequestId: made.PullRequest.PullRequestId})
	for what, err := range map[string]error{"PutFile": errFile, "PutFile of a full ref": errFull, "DeleteBranch": errDelete, "MergeBranches": errMerge, "MergePullRequest": errPull} {
		if !refused(t, err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := c.MergeBranchesByFastForward(t.Context(), &codecommit.MergeBranchesByFastForwardInput{RepositoryName: name, SourceCommitSpecifier: work, DestinationCommitSpecifier: aws.String("old")}); err != nil {
		t.Errorf("another branch: %v", err)
	}
}

// TestBucketsOfTheServersName: nobody can put a website in the place of the server's own pages.
func TestBucketsOfTheServersName(t *testing.T) {
	w := startMatrix(t, "--public-url", "https://conveyor.example.com")
	c := s3.NewFromConfig(w.as(w.user(t, "admin", "arn:aws:iam::aws:policy/AdministratorAccess")), func(o *s3.Options) { o.UsePathStyle = true })
	_, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("conveyor.example.com")})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "InvalidBucketName" || !strings.Contains(api.ErrorMessage(), "choose another name") {
		t.Errorf("%v", err)
	}
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("www.example.com")}); err != nil {
		t.Error(err)
	}
}
