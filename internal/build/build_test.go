package build_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

func TestSmallBuild(t *testing.T) {
	s := serve(t, options{})
	b := s.expect(s.run(`
version: 0.2
env: {variables: {WHO: world}}
phases:
  install: {commands: [mkdir d, cd d]}
  pre_build: {commands: ["export GREETING=hello"]}
  build:
    commands:
      - echo "$GREETING $WHO from $(basename "$PWD")"
  post_build: {commands: [echo "$CODEBUILD_BUILD_SUCCEEDING $CODEBUILD_BUILD_NUMBER"]}
`), types.StatusTypeSucceeded)
	if got := s.said(b); got != "hello world from d\n1 1\n" {
		t.Errorf("printed %q", got)
	}
	t.Log(strings.Join(phases(b), "\n"), "\n", s.log(b))
}
