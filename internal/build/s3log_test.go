package build_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
)

func logTo(location string, streamed types.LogsConfigStatusType) func(*types.Project) {
	return func(p *types.Project) {
		p.LogsConfig = &types.LogsConfig{
			CloudWatchLogs: &types.CloudWatchLogsConfig{Status: streamed},
			S3Logs:         &types.S3LogsConfig{Status: types.LogsConfigStatusTypeEnabled, Location: aws.String(location)},
		}
	}
}

// stored is a build's log as the bucket has it.
func (s *server) stored(b types.Build) string {
	s.t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(s.object(strings.TrimPrefix(*b.Logs.S3LogsArn, "arn:aws:s3:::"+bucket+"/"))))
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

func TestLogsInABucket(t *testing.T) {
	t.Parallel()
	s := serve(t, options{roles: lender{}})
	const spec = "version: 0.2\nphases: {build: {commands: [echo hello, 'echo $AWS_SECRET_ACCESS_KEY']}}"
	both := s.expect(s.run(spec, logTo(bucket+"/logs/", types.LogsConfigStatusTypeEnabled)), types.StatusTypeSucceeded)
	_, id, _ := build.ParseID(*both.Id)
	if *both.Logs.S3LogsArn != "arn:aws:s3:::"+bucket+"/logs/"+id+".gz" {
		t.Errorf("the log is said to be %s", *both.Logs.S3LogsArn)
	}
	if text := s.stored(both); text != s.log(both) || !strings.Contains(text, "\nhello\n") || strings.Contains(text, "secret.of.loan") {
		t.Errorf("the bucket has\n%s\nand the log store\n%s", text, s.log(both))
	}
	alone := s.expect(s.run(spec, logTo(bucket, types.LogsConfigStatusTypeDisabled)), types.StatusTypeSucceeded)
	if text := s.stored(alone); alone.Logs.GroupName != nil || !strings.Contains(text, "\nhello\n") {
		t.Errorf("the bucket has\n%s", text)
	}
	lost := s.expect(s.run(spec, logTo("nowhere", types.LogsConfigStatusTypeEnabled)), types.StatusTypeSucceeded)
	if log := s.log(lost); !strings.Contains(log, "cannot be stored as s3://nowhere/") {
		t.Errorf("the log says nothing of the bucket that is missing:\n%s", log)
	}
	left, err := os.ReadDir(s.objects.StageDir())
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
