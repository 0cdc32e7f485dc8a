package localrun

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/conveyor-cd/conveyor/internal/action/directory"
)

func action(t *testing.T, p *types.PipelineDeclaration, stage, name string) types.ActionDeclaration {
	t.Helper()
	for _, s := range p.Stages {
		for _, a := range s.Actions {
			if aws.ToString(s.Name) == stage && aws.ToString(a.Name) == name {
				return a
			}
		}
	}
	t.Fatalf("there is no action %s/%s", stage, name)
	return types.ActionDeclaration{}
}

func check(t *testing.T, o Options) *Plan {
	t.Helper()
	plan, err := o.Check()
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestTemplatesAreResolved(t *testing.T) {
	plan := check(t, Options{
		Dir: t.TempDir(), File: "testdata/template.yml", Out: t.TempDir(), Parameters: map[string]string{"Stage": "live"},
		Variables: map[string]string{"Who": "you"}, Env: []Variable{{"X", "y"}},
	})
	p := plan.Projects["builder-live"]
	if p == nil || *p.TimeoutInMinutes != 30 || aws.ToString(p.Environment.EnvironmentVariables[0].Value) != "hi us-east-1" {
		t.Errorf("projects %+v", plan.Projects)
	}
	if plan.buckets["site-live"] != "Deploy" {
		t.Errorf("buckets %v", plan.buckets)
	}
	source := action(t, plan.Pipeline, "Source", "Src")
	if *source.ActionTypeId.Provider != directory.Name || source.Configuration[directory.KeyRepository] != "acme/site" || source.Configuration["ConnectionArn"] != "" {
		t.Errorf("the source is %v with %v", *source.ActionTypeId.Provider, source.Configuration)
	}
	if deploy := action(t, plan.Pipeline, "Deploy", "S3"); deploy.Configuration["Extract"] != "true" {
		t.Errorf("the boolean of the template became %v", deploy.Configuration)
	}
	if say := action(t, plan.Pipeline, "Check", "Say"); aws.ToString(say.EnvironmentVariables[0].Value) != "y" {
		t.Errorf("the Commands action has %v", say.EnvironmentVariables)
	}
	if v := plan.Pipeline.Variables[0]; *v.DefaultValue != "you" {
		t.Errorf("the variable is %s", *v.DefaultValue)
	}
}

func TestTerraformPlans(t *testing.T) {
	plan := check(t, Options{Dir: t.TempDir(), File: "testdata/plan.json", Out: t.TempDir()})
	if p := plan.Projects["app"]; p == nil || p.Source.Buildspec != "ci/build.yml" || *p.TimeoutInMinutes != 20 {
		t.Errorf("projects %+v", plan.Projects)
	}
	if plan.Pipeline.ExecutionMode != types.ExecutionModeQueued || len(plan.Pipeline.Variables) != 1 {
		t.Errorf("the pipeline is %+v", plan.Pipeline)
	}
	if source := action(t, plan.Pipeline, "Source", "Code"); source.Configuration[directory.KeyHistory] != "true" || *source.Namespace != "Src" {
		t.Errorf("a full clone is asked for, and the source is %+v", source)
	}
	if b := action(t, plan.Pipeline, "Build", "Build"); *b.RunOrder != 2 || *b.InputArtifacts[0].Name != "src" || *b.OutputArtifacts[0].Name != "bin" {
		t.Errorf("the build is %+v", b)
	}
}

func TestOneStageTakesWhatTheLastRunMade(t *testing.T) {
	out := t.TempDir()
	o := Options{Dir: t.TempDir(), File: "testdata/template.yml", Out: out, Only: []string{"Deploy"}}
	if _, err := o.Check(); err == nil || !strings.Contains(err.Error(), "--source page=DIRECTORY") {
		t.Fatalf("without the artifact: %v", err)
	}
	made := filepath.Join(out, "Build", "page")
	if err := os.MkdirAll(made, 0o700); err != nil {
		t.Fatal(err)
	}
	plan := check(t, o)
	if got := stageNames(plan.Pipeline); !slices.Equal(got, []string{"Source", "Deploy"}) {
		t.Errorf("stages %v", got)
	}
	if a := action(t, plan.Pipeline, "Source", "Earlier-page"); a.Configuration[directory.KeyDirectory] != made {
		t.Errorf("the artifact comes from %v", a.Configuration)
	}
}

// Every mistake is told before anything runs, and says what it is about.
func TestMistakes(t *testing.T) {
	const pipeline = `{"pipeline": {"name": "p", "stages": [
		{"name": "S", "actions": [{"name": "Src", "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"}, "outputArtifacts": [{"name": "a"}]}]},
		{"name": "D", "actions": [{"name": "Put", "configuration": {"BucketName": "BUCKET", "Extract": "true"}, "inputArtifacts": [{"name": "a"}],
			"actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "S3", "version": "1"}}]}], "variables": [{"name": "V"}]}}`
	for name, c := range map[string]struct {
		text, want string
		o          Options
	}{
		"no file":             {want: "there is no buildspec.yml"},
		"not YAML":            {text: "a: [", want: "neither JSON nor YAML"},
		"a bad buildspec":     {text: "version: 0.2\nphase: {}\n", want: "phase"},
		"a missing variable":  {text: pipeline, want: "--variable V=VALUE"},
		"an unknown variable": {text: pipeline, o: Options{Variables: map[string]string{"V": "1", "W": "1"}}, want: "--variable W"},
		"an unknown source":   {text: pipeline, o: Options{Variables: map[string]string{"V": "1"}, Sources: map[string]string{"x": "."}}, want: "--source x"},
		"an unknown stage":    {text: pipeline, o: Options{Variables: map[string]string{"V": "1"}, Only: []string{"X"}}, want: "it has: D, S"},
		"only the source":     {text: pipeline, o: Options{Variables: map[string]string{"V": "1"}, Only: []string{"S"}}, want: "source stage alone"},
		"a bucket of a build": {text: strings.Replace(pipeline, "BUCKET", "#{Build.Bucket}", 1), o: Options{Variables: map[string]string{"V": "1"}}, want: `the bucket "#{Build.Bucket}"`},
		"an unknown function": {text: "Resources: {P: {Type: AWS::CodeBuild::Project, Properties: {Environment: {Image: !Cidr [a, b, c]}}}}", want: "P.Environment.Image: the function Cidr"},
		"a parameter without": {text: "Parameters: {I: {Type: String}}\nResources: {P: {Type: AWS::CodeBuild::Project, Properties: {Environment: {Image: !Ref I}}}}", want: "--parameter I=VALUE"},
		"an unknown resource": {text: "Resources: {P: {Type: AWS::CodeBuild::Project, Properties: {Environment: {Image: !GetAtt Q.Arn}}}}", want: "no resource Q"},
		"a name of itself":    {text: "Resources: {P: {Type: AWS::CodeBuild::Project, Properties: {Name: !Ref P, Environment: {Image: !Ref P}}}}", want: ""},
		"two pipelines":       {text: "Resources: {P: {Type: AWS::CodePipeline::Pipeline}, Q: {Type: AWS::CodePipeline::Pipeline}}", want: "--pipeline: P, Q"},
		"nothing to run":      {text: "Resources: {B: {Type: AWS::S3::Bucket}}", want: "no pipeline"},
		"no such directory":   {o: Options{Dir: "nowhere"}, want: "nowhere is not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			o := c.o
			if o.Dir == "" {
				o.Dir = t.TempDir()
			}
			o.Out = filepath.Join(o.Dir, "conveyor-out")
			if c.text != "" {
				o.File = filepath.Join(o.Dir, "file")
				if err := os.WriteFile(o.File, []byte(c.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := o.Check()
			if c.want == "" && err == nil {
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want one with %q", err, c.want)
			}
		})
	}
}

// Whatever a file holds, reading it ends, with a plan or with an error.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"testdata/template.yml", "testdata/conditions.yml", "testdata/plan.json"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("version: 0.2\nphases: {build: {commands: [a]}}"))
	f.Add([]byte("Resources: {P: {Type: AWS::CodeBuild::Project, Properties: {Name: !Sub '${P.Name}${P}'}}}"))
	f.Add([]byte("Conditions: {A: !And [!Condition B, !Not [{Condition: A}]], B: &b !Or [*b, *b]}\nResources: {P: {Type: AWS::CodeBuild::Project, Condition: A}}"))
	f.Add([]byte("Mappings: {M: {a: {b: !If [X, !Split [x, axb], !Select [0, [c]]]}}}\nResources: {P: {Type: AWS::CodeBuild::Project, Properties: {Name: !FindInMap [M, a, b]}}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		o := Options{Dir: ".", Out: "conveyor-out"}
		plan, err := o.read("file", text)
		if (plan == nil) == (err == nil) {
			t.Errorf("plan %v with error %v", plan, err)
		}
		if err == nil && plan.Pipeline != nil {
			_ = o.adapt(plan) // may refuse, must not panic
		}
	})
}
