package app

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	codebuildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	connectiontypes "github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	pipelinetypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// uses are the requests that hand a connection on, made for things of that name.
var uses = []struct {
	name string
	do   func(t *testing.T, c aws.Config, name, connection string) error
}{
	{"CreatePipeline", func(t *testing.T, c aws.Config, name, connection string) error {
		_, err := codepipeline.NewFromConfig(c).CreatePipeline(t.Context(), &codepipeline.CreatePipelineInput{Pipeline: fromConnection(name, connection)})
		return err
	}},
	{"UpdatePipeline", func(t *testing.T, c aws.Config, _, connection string) error {
		_, err := codepipeline.NewFromConfig(c).UpdatePipeline(t.Context(), &codepipeline.UpdatePipelineInput{Pipeline: fromConnection("old", connection)})
		return err
	}},
	{"CreateProject", func(t *testing.T, c aws.Config, name, connection string) error {
		_, err := codebuild.NewFromConfig(c).CreateProject(t.Context(), projectOf(name, connection))
		return err
	}},
	{"UpdateProject", func(t *testing.T, c aws.Config, _, connection string) error {
		_, err := codebuild.NewFromConfig(c).UpdateProject(t.Context(), &codebuild.UpdateProjectInput{Name: aws.String("old"), Source: projectOf("", connection).Source})
		return err
	}},
	{"UpdateProject of a secondary source", func(t *testing.T, c aws.Config, _, connection string) error {
		second := *projectOf("", connection).Source
		second.SourceIdentifier = aws.String("second")
		_, err := codebuild.NewFromConfig(c).UpdateProject(t.Context(), &codebuild.UpdateProjectInput{Name: aws.String("old"), SecondarySources: []codebuildtypes.ProjectSource{second}})
		return err
	}},
	{"StartBuild", func(t *testing.T, c aws.Config, _, connection string) error {
		_, err := codebuild.NewFromConfig(c).StartBuild(t.Context(), &codebuild.StartBuildInput{
			ProjectName: aws.String("old"), SourceAuthOverride: projectOf("", connection).Source.Auth,
		})
		return err
	}},
}

func fromConnection(name, connection string) *pipelinetypes.PipelineDeclaration {
	action := func(category pipelinetypes.ActionCategory, provider string) pipelinetypes.ActionDeclaration {
		return pipelinetypes.ActionDeclaration{Name: aws.String(provider), ActionTypeId: &pipelinetypes.ActionTypeId{
			Category: category, Owner: pipelinetypes.ActionOwnerAws, Provider: aws.String(provider), Version: aws.String("1"),
		}}
	}
	source := action(pipelinetypes.ActionCategorySource, "CodeStarSourceConnection")
	source.Configuration = map[string]string{"ConnectionArn": connection, "FullRepositoryId": "acme/site", "BranchName": "main"}
	source.OutputArtifacts = []pipelinetypes.OutputArtifact{{Name: aws.String("Source")}}
	return &pipelinetypes.PipelineDeclaration{
		Name: &name, RoleArn: aws.String("arn:aws:iam::000000000000:role/pipeline"),
		ArtifactStore: &pipelinetypes.ArtifactStore{Type: pipelinetypes.ArtifactStoreTypeS3, Location: aws.String("bucket")},
		Stages: []pipelinetypes.StageDeclaration{
			{Name: aws.String("Source"), Actions: []pipelinetypes.ActionDeclaration{source}},
			{Name: aws.String("Approve"), Actions: []pipelinetypes.ActionDeclaration{action(pipelinetypes.ActionCategoryApproval, "Manual")}},
		},
	}
}

func projectOf(name, connection string) *codebuild.CreateProjectInput {
	return &codebuild.CreateProjectInput{
		Name: &name, ServiceRole: aws.String("arn:aws:iam::000000000000:role/build"),
		Source: &codebuildtypes.ProjectSource{
			Type: codebuildtypes.SourceTypeGithub, Location: aws.String("https://github.com/acme/site.git"), Buildspec: aws.String("version: 0.2\nphases: {build: {commands: [\"true\"]}}\n"),
			Auth: &codebuildtypes.SourceAuth{Type: codebuildtypes.SourceAuthTypeCodeconnections, Resource: &connection},
		},
		Artifacts:   &codebuildtypes.ProjectArtifacts{Type: codebuildtypes.ArtifactsTypeNoArtifacts},
		Environment: &codebuildtypes.ProjectEnvironment{Type: codebuildtypes.EnvironmentTypeLinuxContainer, Image: aws.String("any"), ComputeType: codebuildtypes.ComputeTypeBuildGeneral1Small},
	}
}

// TestPassConnection: who may make pipelines and projects may hand on only the connections that a policy lets it hand on, by
// the action of the spelling that the request gives the connection's ARN.
func TestPassConnection(t *testing.T) {
	w := startMatrix(t)
	root := w.as(w.user(t, "admin", "arn:aws:iam::aws:policy/AdministratorAccess"))
	made, err := codeconnections.NewFromConfig(root).CreateConnection(t.Context(), &codeconnections.CreateConnectionInput{
		ConnectionName: aws.String("hub"), ProviderType: connectiontypes.ProviderTypeGithub,
	})
	if err != nil {
		t.Fatal(err)
	}
	arn := *made.ConnectionArn
	old := strings.Replace(arn, ":codeconnections:", ":codestar-connections:", 1)
	for _, use := range uses { // what the updates need
		if strings.HasPrefix(use.name, "Create") {
			if err := use.do(t, root, "old", arn); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, user := range []struct {
		name, connection, action, resource string
		may                                bool
	}{
		{"nothing", arn, "codeconnections:GetConnection", arn, false},
		{"of-another", arn, "codeconnections:PassConnection", arn[:len(arn)-1] + "-", false},
		{"only-uses", arn, "codeconnections:UseConnection", arn, false},
		{"other-spelling", arn, "codestar-connections:PassConnection", old, false},
		{"passes", arn, "codeconnections:PassConnection", arn, true},
		{"nothing-old", old, "codeconnections:PassConnection", arn, false},
		{"passes-old", old, "codestar-connections:PassConnection", old, true},
	} {
		c := w.as(w.bound(t, user.name, `{"Version": "2012-10-17", "Statement": [
			{"Effect": "Allow", "Action": ["codepipeline:*", "codebuild:*", "iam:PassRole"], "Resource": "*"},
			{"Effect": "Allow", "Action": "`+user.action+`", "Resource": "`+user.resource+`"}]}`))
		for _, use := range uses {
			err := use.do(t, c, user.name, user.connection)
			switch {
			case user.may && err != nil:
				t.Errorf("%s by %s: %v", use.name, user.name, err)
			case !user.may && (!refused(t, err) || !strings.Contains(err.Error(), "connections:PassConnection on resource: "+user.connection)):
				t.Errorf("%s by %s is not refused for the connection: %v", use.name, user.name, err)
			}
		}
	}
}
