package awsapi

import (
	"reflect"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

func TestConnectionsAndLoginsArePassed(t *testing.T) {
	action := func(configuration map[string]string) types.ActionDeclaration {
		return types.ActionDeclaration{Configuration: configuration}
	}
	const hub, old = "arn:aws:codeconnections:us-east-1:1:connection/a", "arn:aws:codestar-connections:us-east-1:1:connection/b"
	in := &codepipeline.CreatePipelineInput{Pipeline: &types.PipelineDeclaration{Stages: []types.StageDeclaration{
		{Actions: []types.ActionDeclaration{
			action(map[string]string{"ConnectionArn": hub}), action(map[string]string{"ConnectionArn": old}), action(map[string]string{"ConnectionArn": hub}),
			action(map[string]string{"ConveyorCredentials": "svn"}), action(map[string]string{"BucketName": "x"}), action(nil),
		}},
		{},
	}}}
	want := []permission{
		{"codeconnections:PassConnection", hub},
		{"codestar-connections:PassConnection", old},
		{"codeconnections:ConveyorUseLogin", "arn:aws:codeconnections:us-east-1:000000000000:login/svn"},
	}
	if got := connectionsIn(reflect.ValueOf(in).Elem(), Place{}.WithDefaults()); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := connectionsIn(reflect.ValueOf(&codepipeline.CreatePipelineInput{}).Elem(), Place{}); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}
