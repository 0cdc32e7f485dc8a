package localrun

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/conveyor-cd/conveyor/internal/action/directory"
)

// Conditions decide what a template holds, for whatever stage it is run.
func TestConditions(t *testing.T) {
	for stage, want := range map[string]struct {
		pipeline, branch, bucket, compute string
		stages                            []string
	}{
		"":        {"Pipe", "develop", "preview", "BUILD_GENERAL1_SMALL", []string{"Source", "Deploy"}},
		"staging": {"Release", "develop", "site-staging", "BUILD_GENERAL1_MEDIUM", []string{"Source", "Approve", "Deploy"}},
	} {
		o := Options{Dir: t.TempDir(), File: "testdata/conditions.yml", Out: t.TempDir()}
		if stage != "" {
			o.Parameters = map[string]string{"Stage": stage}
		}
		plan := check(t, o)
		p := plan.Projects["Project"]
		if *plan.Pipeline.Name != want.pipeline || !slices.Equal(stageNames(plan.Pipeline), want.stages) || plan.buckets[want.bucket] != "Deploy" {
			t.Errorf("%q: the pipeline %s has %q and the buckets %v", stage, *plan.Pipeline.Name, stageNames(plan.Pipeline), plan.buckets)
		}
		if source := action(t, plan.Pipeline, "Source", "Src"); source.Configuration[directory.KeyBranch] != want.branch {
			t.Errorf("%q: the branch is %v", stage, source.Configuration)
		}
		var variables []string
		for _, v := range p.Environment.EnvironmentVariables {
			variables = append(variables, aws.ToString(v.Name)+"="+aws.ToString(v.Value))
		}
		if string(p.Environment.ComputeType) != want.compute || p.TimeoutInMinutes != nil || !slices.Equal(variables, []string{"FIRST=ann", "LAST=ben"}) {
			t.Errorf("%q: the project is %+v with %q", stage, p, variables)
		}
	}
}

// What the condition of the only pipeline leaves is told, as is where a condition cannot be decided, or a value be found.
func TestConditionsThatFail(t *testing.T) {
	project := func(conditions, image string) string {
		return "Parameters: {A: {Type: String}, B: {Type: String, Default: b, AllowedValues: [b, c]}, S: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /x}, L: {Type: CommaDelimitedList, Default: 'a,b', AllowedValues: [a, b]}}\n" +
			"Mappings: {M: {top: {second: 1}}}\nConditions: {" + conditions + "}\n" +
			"Resources: {Gone: {Type: AWS::S3::Bucket, Condition: No}, P: {Type: AWS::CodeBuild::Project, Properties: {Environment: {Image: " + image + "}}}}"
	}
	const no = "No: !Equals [a, b]"
	for name, c := range map[string]struct {
		text, want string
		parameters map[string]string
	}{
		"an unknown condition":       {text: project(no, "!If [Nope, a, b]"), want: "P.Environment.Image: the template has no condition Nope"},
		"of an unknown value":        {text: project("X: !Equals [!Ref A, b]", "!If [X, a, b]"), want: "P.Environment.Image: Conditions.X: A is not known here; if it is a parameter, give it with --parameter A=VALUE"},
		"that needs itself":          {text: project("X: !Not [!Condition Y], Y: !And [!Condition X, !Equals [a, a]]", "!If [X, a, b]"), want: "depends on itself"},
		"that is no condition":       {text: project("X: !Sub a", "!If [X, a, b]"), want: "Conditions.X: the function Sub is none of Equals"},
		"that is a text":             {text: project("X: yes", "!If [X, a, b]"), want: "Conditions.X: a condition is one of the functions"},
		"with too few parts":         {text: project("X: !And [!Equals [a, a]]", "!If [X, a, b]"), want: "2 to 10 for And and Or"},
		"with no value":              {text: project("X: !Equals [!Ref AWS::NoValue, a]", "!If [X, a, b]"), want: "cannot compare AWS::NoValue"},
		"an If of two":               {text: project(no, "!If [No, a]"), want: "P.Environment.Image: If takes the name of a condition and two values"},
		"a resource that is gone":    {text: project(no, "!Ref Gone"), want: "the resource Gone does not exist: its condition No does not hold"},
		"an attribute of one":        {text: project(no, "!GetAtt Gone.Arn"), want: "the resource Gone does not exist"},
		"a resource that may be":     {text: project("No: !Equals [!Ref A, b]", "!Ref Gone"), want: "whether there is a resource Gone is not known: Conditions.No: A is not known"},
		"a key of no map":            {text: project(no, "!FindInMap [M, top, third]"), want: "FindInMap: there is no third in Mappings.M.top"},
		"a value of Parameter Store": {text: project(no, "!Ref S"), want: "lies in Parameter Store, which does not exist here; give it with --parameter S=VALUE"},
		"a list in a text":           {text: project(no, "!Sub '${L}'"), want: "${L} is not a text"},
		"beyond a list":              {text: project(no, "!Select [2, !Ref L]"), want: "Select has nothing at 2 of 2 values"},
		"a value not allowed":        {text: project(no, "a"), parameters: map[string]string{"B": "x"}, want: `the parameter B is "x"; the template allows: b, c`},
		"a list not allowed":         {text: project(no, "a"), parameters: map[string]string{"L": "a, x"}, want: `the parameter L is "x"`},
		"an unknown parameter":       {text: project(no, "a"), parameters: map[string]string{"Q": "x"}, want: "the template has no parameter Q"},
		"a loop of resources":        {text: "Resources: {'Fn::ForEach::P': [X, [a], {}]}", want: "the resource Fn::ForEach::P: macros and loops are not carried out"},
		"a pipeline that may be":     {text: "Parameters: {A: {Type: String}}\nConditions: {X: !Equals [!Ref A, a]}\nResources: {P: {Type: AWS::CodePipeline::Pipeline, Condition: X}}", want: "P.Condition: Conditions.X: A is not known"},
		"a pipeline that is not":     {text: "Conditions: {X: !Equals [b, a]}\nResources: {P: {Type: AWS::CodePipeline::Pipeline, Condition: X}}", want: "there is no pipeline"},

		"what is unknown does not matter":     {text: project("X: !Or [!Equals [!Ref A, b], !Equals [true, 'true']]", "!If [X, a, !Ref A]")},
		"nor what was not chosen":             {text: project(no, "!If [No, !ImportValue x, b]")},
		"a value of Parameter Store is given": {text: project(no, "!Ref S"), parameters: map[string]string{"S": "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "template.yml")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			o := Options{Dir: t.TempDir(), File: file, Parameters: c.parameters, Out: "out"}
			_, err := o.Check()
			if c.want == "" && err == nil {
				return
			}
			if c.want == "" || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want one with %q", err, c.want)
			}
		})
	}
}
