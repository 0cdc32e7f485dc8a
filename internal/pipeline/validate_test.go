package pipeline_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// sound is a definition that keeps every rule: two sources, a build, an approval and a deployment, linked by artifacts
// and variables. Each test case breaks it in one place.
func sound() pipeline.Definition {
	return pipeline.Definition{
		Name: "site", RoleArn: "arn:aws:iam::000000000000:role/pipeline",
		ArtifactStore: &pipeline.ArtifactStore{Type: "S3", Location: "artifacts"},
		Stages: []pipeline.Stage{
			{Name: "Source", Actions: []pipeline.Action{
				{
					Name: "Code", ActionTypeID: awsType("Source", "CodeCommit"), Namespace: "CodeVars",
					Configuration: config("RepositoryName", "site", "BranchName", "main"), OutputArtifacts: outputs("Code"),
				},
				{
					Name: "Assets", ActionTypeID: awsType("Source", "S3"),
					Configuration: config("S3Bucket", "assets", "S3ObjectKey", "a.zip"), OutputArtifacts: outputs("Assets"),
				},
			}},
			{Name: "Build", Actions: []pipeline.Action{
				{
					Name: "Build", ActionTypeID: awsType("Build", "CodeBuild"), Namespace: "BuildVars",
					Configuration:  config("ProjectName", "site", "PrimarySource", "Code"),
					InputArtifacts: inputs("Code", "Assets"), OutputArtifacts: outputs("Site"),
				},
				{
					Name: "Approve", ActionTypeID: awsType("Approval", "Manual"), RunOrder: 2, TimeoutInMinutes: 60,
					Configuration: config("CustomData", "#{CodeVars.CommitId} #{BuildVars.Tag} #{codepipeline.PipelineExecutionId}"),
				},
			}},
			{Name: "Deploy", Actions: []pipeline.Action{
				{
					Name: "Publish", ActionTypeID: awsType("Deploy", "S3"), InputArtifacts: inputs("Site"),
					Configuration: config("BucketName", "#{BuildVars.Bucket}", "Extract", "true"),
				},
			}},
		},
	}
}

func awsType(category, provider string) pipeline.ActionTypeID {
	return pipeline.ActionTypeID{Category: category, Owner: "AWS", Provider: provider, Version: "1"}
}

func config(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

func outputs(names ...string) []pipeline.OutputArtifact {
	var out []pipeline.OutputArtifact
	for _, n := range names {
		out = append(out, pipeline.OutputArtifact{Name: n})
	}
	return out
}

func inputs(names ...string) []pipeline.InputArtifact {
	var in []pipeline.InputArtifact
	for _, n := range names {
		in = append(in, pipeline.InputArtifact{Name: n})
	}
	return in
}

func properties(required string, optional ...pipeline.PropertyFacts) []pipeline.PropertyFacts {
	props := optional
	for name := range strings.FieldsSeq(required) {
		props = append(props, pipeline.PropertyFacts{Name: name, Required: true})
	}
	return props
}

var catalog = map[pipeline.ActionTypeID]pipeline.ActionTypeFacts{
	awsType("Source", "CodeCommit"): {MinOutputs: 1, MaxOutputs: 1, Properties: properties("RepositoryName BranchName",
		pipeline.PropertyFacts{Name: "PollForSourceChanges", Type: "Boolean"})},
	awsType("Source", "S3"): {MinOutputs: 1, MaxOutputs: 1, Properties: properties("S3Bucket S3ObjectKey")},
	awsType("Source", "CodeStarSourceConnection"): {
		MinOutputs: 1, MaxOutputs: 1,
		Properties: properties("ConnectionArn FullRepositoryId BranchName"),
	},
	awsType("Build", "CodeBuild"): {MinInputs: 1, MaxInputs: 5, MaxOutputs: 5, Properties: properties("ProjectName",
		pipeline.PropertyFacts{Name: "PrimarySource"}, pipeline.PropertyFacts{Name: "Attempts", Type: "Number"}), Check: notSame("PrimarySource", "ProjectName")},
	awsType("Deploy", "S3"): {MinInputs: 1, MaxInputs: 1, Properties: properties("BucketName",
		pipeline.PropertyFacts{Name: "Extract", Required: true, Values: []string{"true", "false"}})},
	awsType("Deploy", "EKS"):       {MinInputs: 1, MaxInputs: 1},
	awsType("Approval", "Manual"):  {TimeoutSetable: true, Properties: []pipeline.PropertyFacts{{Name: "CustomData"}}},
	awsType("Compute", "Commands"): {MinInputs: 1, MaxInputs: 10, MaxOutputs: 1},
	awsType("Rule", "VariableCheck"): {Properties: properties("Variable Value",
		pipeline.PropertyFacts{Name: "Operator", Required: true, Values: []string{"EQ", "NE"}}), Check: notSame("Operator", "Value")},
	awsType("Rule", "DeploymentWindow"): {Properties: []pipeline.PropertyFacts{{Name: "Cron", Required: true, Check: func(text string) string {
		if len(strings.Fields(text)) != 6 {
			return "six fields"
		}
		return ""
	}}}},
	awsType("Rule", "Commands"): {MaxInputs: 5},
	{Category: "Test", Owner: "Custom", Provider: "Jenkins", Version: "1"}: {
		MaxInputs: 5, MaxOutputs: 5,
		Properties: []pipeline.PropertyFacts{{Name: "ProjectName", Queryable: true}, {Name: "Token", Secret: true}},
	},
}

func lookUp(id pipeline.ActionTypeID) (pipeline.ActionTypeFacts, bool) {
	f, ok := catalog[id]
	return f, ok
}

func world() pipeline.World {
	return pipeline.World{Account: "000000000000", Region: "us-east-1", ActionTypes: lookUp}
}

func TestTheSoundDefinitionIsAccepted(t *testing.T) {
	commands := sound()
	asCommands(&commands)
	for name, d := range map[string]pipeline.Definition{
		"as written": sound(), "normalised": pipeline.Normalise(sound()), "with commands": commands,
	} {
		if err := pipeline.Validate(d, world()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type breach struct {
	row     string // of the table in pipeline.md section 2; letters for rules stated elsewhere on that page
	name    string
	change  func(*pipeline.Definition, *pipeline.World)
	kind    pipeline.ErrorKind
	message string // a part of it
}

func onDefinition(f func(*pipeline.Definition)) func(*pipeline.Definition, *pipeline.World) {
	return func(d *pipeline.Definition, _ *pipeline.World) { f(d) }
}

func onWorld(f func(*pipeline.World)) func(*pipeline.Definition, *pipeline.World) {
	return func(_ *pipeline.Definition, w *pipeline.World) { f(w) }
}

func onSource(f func(*pipeline.Action)) func(*pipeline.Definition, *pipeline.World) {
	return func(d *pipeline.Definition, _ *pipeline.World) { f(&d.Stages[0].Actions[0]) }
}

func onBuild(f func(*pipeline.Action)) func(*pipeline.Definition, *pipeline.World) {
	return func(d *pipeline.Definition, _ *pipeline.World) { f(&d.Stages[1].Actions[0]) }
}

// onCommands makes the build a Commands action first.
func onCommands(f func(*pipeline.Action)) func(*pipeline.Definition, *pipeline.World) {
	return func(d *pipeline.Definition, _ *pipeline.World) {
		asCommands(d)
		f(&d.Stages[1].Actions[0])
	}
}

func asCommands(d *pipeline.Definition) {
	d.PipelineType = pipeline.V2
	a := &d.Stages[1].Actions[0]
	a.ActionTypeID, a.Configuration = awsType("Compute", "Commands"), nil
	a.Commands, a.OutputVariables = []string{"make", "export A_1=1"}, []string{"A_1"}
	a.EnvironmentVariables = []pipeline.EnvironmentVariable{{Name: "A", Value: "1"}}
	a.OutputArtifacts[0].Files = []string{"**/*"}
}

// notSame is a check of a whole configuration.
func notSame(a, b string) func(map[string]string) string {
	return func(c map[string]string) string {
		if c[a] != "" && c[a] == c[b] {
			return a + " and " + b + " are the same"
		}
		return ""
	}
}

func onDeploy(f func(*pipeline.Action)) func(*pipeline.Definition, *pipeline.World) {
	return func(d *pipeline.Definition, _ *pipeline.World) { f(&d.Stages[2].Actions[0]) }
}

func onDeployStage(f func(*pipeline.Stage)) func(*pipeline.Definition, *pipeline.World) {
	return func(d *pipeline.Definition, _ *pipeline.World) { f(&d.Stages[2]) }
}

func withTrigger(g ...pipeline.GitConfiguration) func(*pipeline.Definition, *pipeline.World) {
	return onDefinition(func(d *pipeline.Definition) {
		d.Stages[0].Actions[0].ActionTypeID = awsType("Source", "CodeStarSourceConnection")
		d.Stages[0].Actions[0].Configuration = config("ConnectionArn", "c", "FullRepositoryId", "o/r", "BranchName", "main")
		for i := range g {
			d.Triggers = append(d.Triggers, pipeline.Trigger{ProviderType: "CodeStarSourceConnection", GitConfiguration: &g[i]})
		}
	})
}

// check is a sound rule of a provider, alone.
func check(provider string) []pipeline.Rule {
	r := pipeline.Rule{Name: "Check", RuleTypeID: pipeline.RuleTypeID{Category: "Rule", Provider: provider}}
	switch provider {
	case "VariableCheck":
		r.Configuration = config("Variable", "x", "Value", "x", "Operator", "EQ")
	case "Commands":
		r.Commands = []string{"true"}
	}
	return []pipeline.Rule{r}
}

// onRule guards the entry of Deploy with a rule of a provider, after f has had its way with it.
func onRule(provider string, f func(*pipeline.Rule)) func(*pipeline.Definition, *pipeline.World) {
	return onDeployStage(func(s *pipeline.Stage) {
		rules := check(provider)
		f(&rules[0])
		s.BeforeEntry = &pipeline.Conditions{Conditions: []pipeline.Condition{{Result: "FAIL", Rules: rules}}}
	})
}

func onStage(index int, f func(*pipeline.Stage)) func(*pipeline.Definition, *pipeline.World) {
	return func(d *pipeline.Definition, _ *pipeline.World) { f(&d.Stages[index]) }
}

func branches(names ...string) *pipeline.GlobFilter { return &pipeline.GlobFilter{Includes: names} }

const (
	structure = pipeline.InvalidStructure
	stage     = pipeline.InvalidStageDeclaration
	act       = pipeline.InvalidActionDeclaration
)

var breaches = []breach{
	{
		"1", "name taken", onWorld(func(w *pipeline.World) { w.NameTaken = true }),
		pipeline.PipelineNameInUse, "A pipeline with the name 'site' already exists in account '000000000000'",
	},
	{
		"2", "role not assumable", onWorld(func(w *pipeline.World) { w.RoleProblem = func(string) string { return "no such role" } }),
		structure, "CodePipeline is not authorized to perform AssumeRole on role arn:aws:iam::000000000000:role/pipeline",
	},
	{
		"3", "one stage", onDefinition(func(d *pipeline.Definition) { d.Stages = d.Stages[:1] }),
		structure, "Pipeline has only 1 stage(s). There should be a minimum of 2 stages in a pipeline",
	},
	{
		"4", "51 stages", onDefinition(func(d *pipeline.Definition) { addStages(d, 48, 1) }),
		structure, "Pipeline has 51 stages",
	},
	{
		"4", "1001 actions", onDefinition(func(d *pipeline.Definition) { addStages(d, 40, 25) }),
		structure, "Pipeline has 1005 actions",
	},
	{"5", "no store", onDefinition(func(d *pipeline.Definition) { d.ArtifactStore = nil }), structure, "neither an artifactStore"},
	{"5", "two stores", onDefinition(func(d *pipeline.Definition) {
		d.ArtifactStores = map[string]pipeline.ArtifactStore{"us-east-1": *d.ArtifactStore}
	}), structure, "both an artifactStore and artifactStores"},
	{"5", "region missing from the map", onDefinition(func(d *pipeline.Definition) {
		d.ArtifactStores, d.ArtifactStore = map[string]pipeline.ArtifactStore{"eu-west-1": *d.ArtifactStore}, nil
	}), structure, "artifactStores has no store for region us-east-1"},
	{
		"5", "one store, two regions", onDeploy(func(a *pipeline.Action) { a.Region = "eu-west-1" }),
		structure, "an action in region eu-west-1",
	},
	{"6", "stage name twice", onDeployStage(func(s *pipeline.Stage) { s.Name = "Build" }), structure, "The name 'Build' is used more than once"},
	{
		"7", "first stage builds", onSource(func(a *pipeline.Action) { a.ActionTypeID = awsType("Build", "CodeBuild") }),
		structure, "Action 'Code' in stage 'Source' is a Build action",
	},
	{
		"8", "source in a later stage", onDeploy(func(a *pipeline.Action) { a.ActionTypeID = awsType("Source", "S3") }),
		structure, "Action 'Publish' in stage 'Deploy' is a source action",
	},
	{"10", "stage without actions", onDeployStage(func(s *pipeline.Stage) { s.Actions = nil }), stage, "Stage 'Deploy' has no actions"},
	{"10", "stage with 101 actions", onDeployStage(func(s *pipeline.Stage) {
		for i := range 100 {
			a := s.Actions[0]
			a.Name = fmt.Sprintf("Publish%d", i)
			s.Actions = append(s.Actions, a)
		}
	}), stage, "Stage 'Deploy' has 101 actions"},
	{
		"10", "action name twice in a stage", onDefinition(func(d *pipeline.Definition) { d.Stages[1].Actions[1].Name = "Build" }),
		stage, "The name 'Build' is used more than once in stage 'Build'",
	},
	{
		"11", "blockers", onDeployStage(func(s *pipeline.Stage) { s.Blockers = []pipeline.Blocker{{Name: "b", Type: "Schedule"}} }),
		pipeline.InvalidBlockerDeclaration, "Stage 'Deploy' declares blockers",
	},
	{
		"12", "unknown provider", onBuild(func(a *pipeline.Action) { a.ActionTypeID.Provider = "Bazel" }), act,
		"ActionType (Category: 'Build', Provider: 'Bazel', Owner: 'AWS', Version: '1') in action 'Build' is not available in region us-east-1",
	},
	{
		"13", "configuration missing", onBuild(func(a *pipeline.Action) { delete(a.Configuration, "ProjectName") }), act,
		"Action configuration for action 'Build' is missing required configuration 'ProjectName'",
	},
	{
		"14", "configuration unknown", onBuild(func(a *pipeline.Action) { a.Configuration["Speed"] = "fast" }), act,
		"Action configuration for action 'Build' contains unknown configuration 'Speed'",
	},
	{
		"14a", "not one of the values", onDeploy(func(a *pipeline.Action) { a.Configuration["Extract"] = "perhaps" }), act,
		"has the value 'perhaps' for configuration 'Extract', which must be one of true, false",
	},
	{
		"14b", "contradictory configuration", onBuild(func(a *pipeline.Action) { a.Configuration["PrimarySource"] = a.Configuration["ProjectName"] }), act,
		"Action configuration for action 'Build' is not valid: PrimarySource and ProjectName are the same",
	},
	{"14a", "not a boolean", onSource(func(a *pipeline.Action) { a.Configuration["PollForSourceChanges"] = "no" }), act, "must be true or false"},
	{"14a", "not a number", onBuild(func(a *pipeline.Action) { a.Configuration["Attempts"] = "many" }), act, "must be a number"},
	{"15", "no commands", onCommands(func(a *pipeline.Action) { a.Commands = nil }), act, "Action Build must have a non-empty commands field"},
	{
		"15", "a command of two lines", onCommands(func(a *pipeline.Action) { a.Commands = []string{"make", "make\ninstall"} }), act,
		`Action 'Build' has a command of several lines: "make\ninstall"`,
	},
	{"15", "a command that ends a line", onCommands(func(a *pipeline.Action) { a.Commands = []string{"make\r"} }), act, "several lines"},
	{
		"15", "an output variable that is none", onCommands(func(a *pipeline.Action) { a.OutputVariables = []string{"A", "B;rm -rf /"} }), act,
		"Action 'Build' has the output variable 'B;rm -rf /', which cannot be the name of an environment variable",
	},
	{"15", "an output variable that begins with a digit", onCommands(func(a *pipeline.Action) { a.OutputVariables = []string{"1A"} }), act, "'1A'"},
	{"15", "an output variable that only a pipeline could name", onCommands(func(a *pipeline.Action) { a.OutputVariables = []string{"A-B"} }), act, "'A-B'"},
	{"15", "output variables where no commands run", onBuild(func(a *pipeline.Action) { a.OutputVariables = []string{"A"} }), act, "has the field outputVariables"},
	{"15", "an environment where no commands run", onBuild(func(a *pipeline.Action) {
		a.EnvironmentVariables = []pipeline.EnvironmentVariable{{Name: "A", Value: "1"}}
	}), act, "has the field environmentVariables"},
	{"15", "files where no commands run", onBuild(func(a *pipeline.Action) { a.OutputArtifacts[0].Files = []string{"*"} }), act, "has the field outputArtifacts.files"},
	{"15", "commands where none run", onBuild(func(a *pipeline.Action) { a.Commands = []string{"make"} }), act, "has the field commands"},
	{
		"16", "too many inputs", onDeploy(func(a *pipeline.Action) { a.InputArtifacts = inputs("Site", "Assets") }), act,
		"Action 'Publish' has 2 input artifact(s); S3 actions need exactly 1",
	},
	{"16", "too few outputs", onSource(func(a *pipeline.Action) { a.OutputArtifacts = nil }), act, "Action 'Code' has 0 output artifact(s)"},
	{
		"17", "never produced", onDeploy(func(a *pipeline.Action) { a.InputArtifacts = inputs("Nothing") }), act,
		"the input artifact 'Nothing', which no action of the pipeline produces",
	},
	{
		"17", "produced beside", onBuild(func(a *pipeline.Action) { a.RunOrder, a.InputArtifacts = 2, inputs("Site") }), act,
		"action 'Build' in stage 'Build' that produces it does not run earlier",
	},
	{"17", "cyclic order", onDefinition(func(d *pipeline.Definition) {
		first, second := d.Stages[1].Actions[0], d.Stages[2].Actions[0]
		first.InputArtifacts, second.InputArtifacts = inputs("Later"), inputs("Site")
		second.ActionTypeID, second.Configuration = first.ActionTypeID, config("ProjectName", "site")
		second.OutputArtifacts = outputs("Later")
		d.Stages[1].Actions[0], d.Stages[2].Actions[0] = first, second
	}), act, "action 'Publish' in stage 'Deploy' that produces it does not run earlier"},
	{"17", "input twice", onBuild(func(a *pipeline.Action) { a.InputArtifacts = inputs("Code", "Code") }), act, "'Code' more than once"},
	{
		"18", "output twice", onBuild(func(a *pipeline.Action) { a.OutputArtifacts = outputs("Code") }), act,
		"The artifact 'Code' is produced by action 'Code' in stage 'Source' and by action 'Build' in stage 'Build'",
	},
	{
		"19", "namespace twice", onBuild(func(a *pipeline.Action) { a.Namespace = "CodeVars" }), act,
		"Namespaces must be unique across the pipeline definition. The following occur more than once in the pipeline. StageName=[Source], ActionName=[Code], Namespace=[CodeVars]",
	},
	{"20", "namespace reserved", onDeploy(func(a *pipeline.Action) { a.Namespace = "variables" }), act, "'variables', which is reserved"},
	{"20", "namespace is an artifact", onDeploy(func(a *pipeline.Action) { a.Namespace = "Site" }), act, "also the name of an artifact"},
	{
		"21", "unknown namespace", onDeploy(func(a *pipeline.Action) { a.Configuration["BucketName"] = "x-#{Nobody.Name}" }), act,
		"Valid format for a pipeline execution variable reference is a namespace and a key separated by a period (.). The following pipeline " +
			"execution variables are referencing a namespace that does not exist. StageName=[Deploy], ActionName=[Publish], " +
			"ActionConfigurationKey=[BucketName], VariableReferenceText=[#{Nobody.Name}]",
	},
	{"21", "malformed reference", onDeploy(func(a *pipeline.Action) { a.Configuration["BucketName"] = "#{Build}" }), act, "VariableReferenceText=[#{Build}]"},
	{
		"21", "producer not earlier", onBuild(func(a *pipeline.Action) { a.Configuration["ProjectName"] = "#{BuildVars.Tag}" }), act,
		"a namespace of an action that does not run earlier",
	},
	{
		"21", "undeclared pipeline variable", onDeploy(func(a *pipeline.Action) { a.Configuration["BucketName"] = "#{variables.Env}" }), act,
		"a pipeline variable that does not exist",
	},
	{
		"21", "unknown key of the execution", onDeploy(func(a *pipeline.Action) { a.Configuration["BucketName"] = "#{codepipeline.Id}" }), act,
		"a key that does not exist",
	},
	{"22", "pipeline variable in a source", onDefinition(func(d *pipeline.Definition) {
		d.Variables = []pipeline.VariableDeclaration{{Name: "Branch"}}
		d.Stages[0].Actions[0].Configuration["BranchName"] = "#{variables.Branch}"
	}), act, "Source action 'Code' refers to the pipeline variable #{variables.Branch}"},
	{"23", "source elsewhere", onDefinition(func(d *pipeline.Definition) {
		d.ArtifactStores = map[string]pipeline.ArtifactStore{"us-east-1": *d.ArtifactStore, "eu-west-1": *d.ArtifactStore}
		d.ArtifactStore, d.Stages[0].Actions[0].Region = nil, "eu-west-1"
	}), act, "Action 'Code' is in region eu-west-1"},
	{
		"24", "trigger of nobody", withTrigger(pipeline.GitConfiguration{SourceActionName: "Assets", Push: []pipeline.GitPushFilter{{Branches: branches("main")}}}),
		structure, "does not name a source action of provider CodeStarSourceConnection",
	},
	{
		"24", "two triggers of one source", withTrigger(
			pipeline.GitConfiguration{SourceActionName: "Code", Push: []pipeline.GitPushFilter{{Branches: branches("main")}}},
			pipeline.GitConfiguration{SourceActionName: "Code", Push: []pipeline.GitPushFilter{{Branches: branches("dev")}}}),
		structure, "has more than one trigger",
	},
	{"24", "trigger without filter", withTrigger(pipeline.GitConfiguration{SourceActionName: "Code"}), structure, "neither a push nor"},
	{"24", "trigger without configuration", onDefinition(func(d *pipeline.Definition) {
		d.Triggers = []pipeline.Trigger{{ProviderType: "CodeStarSourceConnection"}}
	}), structure, "has no gitConfiguration"},
	{"24", "tags and branches", withTrigger(pipeline.GitConfiguration{
		SourceActionName: "Code",
		Push:             []pipeline.GitPushFilter{{Branches: branches("main"), Tags: branches("v*")}},
	}), structure, "combines tags"},
	{"24", "same filter twice", withTrigger(pipeline.GitConfiguration{
		SourceActionName: "Code",
		Push:             []pipeline.GitPushFilter{{Branches: branches("main")}, {Branches: branches("main")}},
	}), structure, "the same push filter twice"},
	{"25", "rollback in PARALLEL", onDefinition(func(d *pipeline.Definition) {
		d.ExecutionMode = pipeline.Parallel
		d.Stages[2].OnFailure = &pipeline.FailureConditions{Result: "ROLLBACK"}
	}), structure, "Stage 'Deploy' has the result ROLLBACK"},
	{"26", "result of the wrong slot", onDeployStage(func(s *pipeline.Stage) {
		s.BeforeEntry = &pipeline.Conditions{Conditions: []pipeline.Condition{{Result: "ROLLBACK", Rules: check("VariableCheck")}}}
	}), stage, "a condition with the result 'ROLLBACK' in beforeEntry"},
	{"26", "SKIP with a slow rule", onDeployStage(func(s *pipeline.Stage) {
		s.BeforeEntry = &pipeline.Conditions{Conditions: []pipeline.Condition{{Result: "SKIP", Rules: check("CloudWatchAlarm")}}}
	}), stage, "only LambdaInvoke, VariableCheck, DeploymentWindow rules can skip"},
	{"26", "RETRY and conditions", onDeployStage(func(s *pipeline.Stage) {
		s.OnFailure = &pipeline.FailureConditions{Result: "RETRY", Conditions: []pipeline.Condition{{Result: "ROLLBACK", Rules: check("VariableCheck")}}}
	}), stage, "both the result RETRY and conditions"},
	{"26", "retryConfiguration alone", onDeployStage(func(s *pipeline.Stage) {
		s.OnFailure = &pipeline.FailureConditions{RetryConfiguration: &pipeline.RetryConfiguration{}}
	}), stage, "without the result RETRY"},
	{"26", "six rules", onDeployStage(func(s *pipeline.Stage) {
		r := check("VariableCheck")[0]
		s.OnSuccess = &pipeline.Conditions{Conditions: []pipeline.Condition{{Result: "FAIL", Rules: []pipeline.Rule{r, r, r, r, r, r}}}}
	}), stage, "a condition with 6 rules"},
	{"26", "two rules of one name", onDeployStage(func(s *pipeline.Stage) {
		s.OnSuccess = &pipeline.Conditions{Conditions: []pipeline.Condition{{Result: "FAIL", Rules: append(check("VariableCheck"), check("Commands")...)}}}
	}), stage, "two rules with the name 'Check' in onSuccess"},
	{
		"26-12", "unknown rule type", onRule("Tarot", func(*pipeline.Rule) {}), stage,
		"RuleType (Category: 'Rule', Provider: 'Tarot', Owner: 'AWS', Version: '1') in rule 'Check' of the beforeEntry condition of stage 'Deploy' is not available",
	},
	{
		"26-13", "missing rule configuration", onRule("VariableCheck", func(r *pipeline.Rule) { r.Configuration = config("Value", "x", "Operator", "EQ") }), stage,
		"Rule configuration for rule 'Check' of the beforeEntry condition of stage 'Deploy' is missing required configuration 'Variable'",
	},
	{"26-14", "unknown rule configuration", onRule("VariableCheck", func(r *pipeline.Rule) { r.Configuration["Color"] = "red" }), stage, "unknown configuration 'Color'"},
	{"26-14a", "wrong rule configuration", onRule("VariableCheck", func(r *pipeline.Rule) { r.Configuration["Operator"] = "GT" }), stage, "must be one of EQ, NE"},
	{
		"26-14b", "contradictory rule configuration", onRule("VariableCheck", func(r *pipeline.Rule) { r.Configuration["Value"] = r.Configuration["Operator"] }), stage,
		"Rule configuration for rule 'Check' of the beforeEntry condition of stage 'Deploy' is not valid: Operator and Value are the same",
	},
	{
		"26-14a", "checked rule configuration", onRule("DeploymentWindow", func(r *pipeline.Rule) { r.Configuration = config("Cron", "never") }), stage,
		"has the value 'never' for configuration 'Cron', which must be six fields",
	},
	{"26-15", "Commands rule without commands", onRule("Commands", func(r *pipeline.Rule) { r.Commands = nil }), stage, "must have a non-empty commands field"},
	{"26-15", "commands of another rule", onRule("VariableCheck", func(r *pipeline.Rule) { r.Commands = []string{"true"} }), stage, "only Commands rules can have"},
	{"26-15", "command of two lines", onRule("Commands", func(r *pipeline.Rule) { r.Commands = []string{"a\nb"} }), stage, "a command of several lines"},
	{"26-16", "rule with too many inputs", onRule("VariableCheck", func(r *pipeline.Rule) { r.InputArtifacts = inputs("Site") }), stage, "has 1 input artifact(s); VariableCheck rules need exactly 0"},
	{"26-17", "rule's input never produced", onRule("Commands", func(r *pipeline.Rule) { r.InputArtifacts = inputs("Nothing") }), stage, "which no action of the pipeline produces"},
	{"26-17", "rule before its input", onStage(1, func(s *pipeline.Stage) {
		s.BeforeEntry = &pipeline.Conditions{Conditions: []pipeline.Condition{{Result: "FAIL", Rules: check("Commands")}}}
		s.BeforeEntry.Conditions[0].Rules[0].InputArtifacts = inputs("Site")
	}), stage, "does not run earlier"},
	{
		"26-21", "rule refers to nothing", onRule("VariableCheck", func(r *pipeline.Rule) { r.Configuration["Variable"] = "#{Nobody.Knows}" }), stage,
		"a namespace that does not exist. StageName=[Deploy], RuleName=[Check], RuleConfigurationKey=[Variable]",
	},
	{"26-21", "rule refers to its own stage", onStage(1, func(s *pipeline.Stage) {
		s.BeforeEntry = &pipeline.Conditions{Conditions: []pipeline.Condition{{Result: "FAIL", Rules: check("VariableCheck")}}}
		s.BeforeEntry.Conditions[0].Rules[0].Configuration["Variable"] = "#{BuildVars.X}"
	}), stage, "an action that does not run earlier"},
	{"27", "queryable value too long", onDefinition(func(d *pipeline.Definition) {
		d.Stages[2].Actions[0] = pipeline.Action{
			Name: "Test", Configuration: config("ProjectName", strings.Repeat("x", 21)),
			ActionTypeID: pipeline.ActionTypeID{Category: "Test", Owner: "Custom", Provider: "Jenkins", Version: "1"},
		}
	}), act, "queryable configuration 'ProjectName'"},
	{"28", "quota", onWorld(func(w *pipeline.World) { w.Pipelines, w.MaxPipelines = 1000, 1000 }), pipeline.LimitExceeded, "limit of 1000 pipelines"},
	{"29", "too many tags", onWorld(func(w *pipeline.World) {
		w.Tags = map[string]string{}
		for i := range 51 {
			w.Tags[fmt.Sprint("k", i)] = "v"
		}
	}), pipeline.TooManyTags, "at most 50"},
	{"29", "reserved tag", onWorld(func(w *pipeline.World) { w.Tags = config("aws:name", "x") }), pipeline.InvalidTags, "reserved"},
	{"29", "bad character", onWorld(func(w *pipeline.World) { w.Tags = config("name", "<b>") }), pipeline.InvalidTags, "not allowed"},
	{
		"V1", "queued needs V2", onDefinition(func(d *pipeline.Definition) { d.PipelineType, d.ExecutionMode = pipeline.V1, pipeline.Queued }),
		structure, "execution mode QUEUED, which needs a pipeline of type V2",
	},
	{"V1", "provider needs V2", onDefinition(func(d *pipeline.Definition) {
		d.PipelineType = pipeline.V1
		d.Stages[2].Actions[0].ActionTypeID = awsType("Deploy", "EKS")
	}), structure, "the action provider EKS"},
	{"timeout", "not an approval", onBuild(func(a *pipeline.Action) { a.TimeoutInMinutes = 10 }), act, "sets timeoutInMinutes"},
	{"variables", "declared twice", onDefinition(func(d *pipeline.Definition) {
		d.Variables = []pipeline.VariableDeclaration{{Name: "Env"}, {Name: "Env"}}
	}), structure, "The name 'Env' is used more than once"},
}

// Rule 9 cannot be broken alone (the first stage holds sources only, a later one none, and there are two stages), so it
// has no case; the rule stands for the day rules 7 and 8 change.
var unbreakable = []string{"9"}

func addStages(d *pipeline.Definition, stages, actions int) {
	for i := range stages {
		s := pipeline.Stage{Name: fmt.Sprint("Gate", i)}
		for j := range actions {
			s.Actions = append(s.Actions, pipeline.Action{Name: fmt.Sprint("A", j), ActionTypeID: awsType("Approval", "Manual")})
		}
		d.Stages = append(d.Stages, s)
	}
}

// A rule may read what its slot is sure to find: onSuccess what its own stage made, beforeEntry what earlier ones made.
func TestRulesSeeWhatRanBefore(t *testing.T) {
	d := sound()
	success, entry := check("Commands"), check("VariableCheck")
	success[0].InputArtifacts, success[0].Commands = inputs("Site"), []string{"test #{BuildVars.Version} = 1"}
	entry[0].Configuration["Variable"] = "#{BuildVars.Version}"
	d.Stages[1].OnSuccess = &pipeline.Conditions{Conditions: []pipeline.Condition{{Result: "FAIL", Rules: success}}}
	d.Stages[2].BeforeEntry = &pipeline.Conditions{Conditions: []pipeline.Condition{{Result: "SKIP", Rules: entry}}}
	if err := pipeline.Validate(d, world()); err != nil {
		t.Error(err)
	}
}

func TestEachRuleIsEnforced(t *testing.T) {
	for _, b := range breaches {
		t.Run(b.row+" "+b.name, func(t *testing.T) {
			d, w := sound(), world()
			b.change(&d, &w)
			err := pipeline.Validate(d, w)
			if normalised := pipeline.Validate(pipeline.Normalise(d), w); pipeline.KindOf(normalised) != pipeline.KindOf(err) {
				t.Errorf("once normalised it is refused with %v, else with %v", normalised, err)
			}
			e, ok := errors.AsType[*pipeline.Error](err)
			if !ok {
				t.Fatalf("accepted (%v), want %s", err, b.kind)
			}
			if e.Kind != b.kind || !strings.Contains(e.Message, b.message) {
				t.Errorf("refused with\n  %s: %s\nwant\n  %s: ...%s...", e.Kind, e.Message, b.kind, b.message)
			}
		})
	}
}

// Every row of the table in the code has a case here, so that no rule can rot unnoticed.
func TestEachRowHasACase(t *testing.T) {
	source, err := os.ReadFile("validate.go")
	if err != nil {
		t.Fatal(err)
	}
	covered := slices.Clone(unbreakable)
	for _, b := range breaches {
		covered = append(covered, b.row)
	}
	rows := regexp.MustCompile(`(?m)^\t\{"([^"]+)", `).FindAllStringSubmatch(string(source), -1)
	if len(rows) < 29 {
		t.Fatalf("found only %d rules in validate.go", len(rows))
	}
	for _, r := range rows {
		if !slices.Contains(covered, r[1]) {
			t.Errorf("rule %s has no case", r[1])
		}
	}
}

func TestNormaliseFillsInWhatTheServiceEchoes(t *testing.T) {
	given := sound()
	before, _ := json.Marshal(given)
	got := pipeline.Normalise(given)
	if after, _ := json.Marshal(given); string(after) != string(before) {
		t.Error("Normalise changed its argument")
	}
	if got.ExecutionMode != pipeline.Superseded || got.PipelineType != pipeline.V1 {
		t.Errorf("mode %q type %q", got.ExecutionMode, got.PipelineType)
	}
	if a := got.Stages[0].Actions[0]; a.RunOrder != 1 || a.Configuration == nil {
		t.Errorf("runOrder %d, configuration %v", a.RunOrder, a.Configuration)
	}
	given.Variables = []pipeline.VariableDeclaration{{Name: "Env"}}
	if got := pipeline.Normalise(given); got.PipelineType != pipeline.V2 {
		t.Errorf("with variables the type is %q, want V2", got.PipelineType)
	}
}

func TestSecretsAreMaskedAndRestored(t *testing.T) {
	jenkins := pipeline.ActionTypeID{Category: "Test", Owner: "Custom", Provider: "Jenkins", Version: "1"}
	stored := sound()
	stored.Stages[2].Actions[0] = pipeline.Action{Name: "Test", ActionTypeID: jenkins, Configuration: config("Token", "s3cret")}

	masked := pipeline.MaskSecrets(stored, lookUp)
	if got := masked.Stages[2].Actions[0].Configuration["Token"]; got != "****" {
		t.Errorf("masked as %q", got)
	}
	if got := stored.Stages[2].Actions[0].Configuration["Token"]; got != "s3cret" {
		t.Errorf("masking changed the stored definition: %q", got)
	}
	for name, c := range map[string]struct {
		change func(*pipeline.Definition)
		want   string
	}{
		"sent back as read":  {func(*pipeline.Definition) {}, "s3cret"},
		"more stars":         {func(d *pipeline.Definition) { d.Stages[2].Actions[0].Configuration["Token"] = "******" }, "s3cret"},
		"a new secret":       {func(d *pipeline.Definition) { d.Stages[2].Actions[0].Configuration["Token"] = "new" }, "new"},
		"the stage renamed":  {func(d *pipeline.Definition) { d.Stages[2].Name = "Other" }, "****"},
		"the action renamed": {func(d *pipeline.Definition) { d.Stages[2].Actions[0].Name = "Other" }, "****"},
	} {
		t.Run(name, func(t *testing.T) {
			sent := pipeline.MaskSecrets(stored, lookUp)
			c.change(&sent)
			if got := pipeline.RestoreSecrets(sent, stored, lookUp).Stages[2].Actions[0].Configuration["Token"]; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if got := pipeline.MaskConfiguration(jenkins, config("Token", "x", "ProjectName", "p"), lookUp); !maps.Equal(got, config("Token", "****", "ProjectName", "p")) {
		t.Errorf("MaskConfiguration: %v", got)
	}
}

func TestReferences(t *testing.T) {
	for text, want := range map[string][]string{
		"":                         nil,
		"plain":                    nil,
		"#{a.b}":                   {"a b"},
		"x #{a.b}y#{c-1.d_2} #{":   {"a b", "c-1 d_2"},
		"#{a}":                     {"malformed #{a}"},
		"#{a.b.c}":                 {"malformed #{a.b.c}"},
		"#{.b} ${a.b}":             {"malformed #{.b}"},
		"#{a. b}":                  {"malformed #{a. b}"},
		`[{"value":"#{Code.Id}"}]`: {"Code Id"},
	} {
		var got []string
		for _, r := range pipeline.References(text) {
			if text[r.Start:r.Start+len(r.Text)] != r.Text {
				t.Errorf("%q: Start %d is not where %q stands", text, r.Start, r.Text)
			}
			if r.Malformed() {
				got = append(got, "malformed "+r.Text)
				continue
			}
			got = append(got, r.Namespace+" "+r.Key)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzReferences(f *testing.F) {
	f.Add("#{a.b}")
	f.Add("#{#{a.b}}")
	f.Add("}#{")
	f.Fuzz(func(t *testing.T, text string) {
		end := 0
		for _, r := range pipeline.References(text) {
			if r.Start < end || text[r.Start:r.Start+len(r.Text)] != r.Text {
				t.Fatalf("%q: %+v", text, r)
			}
			end = r.Start + len(r.Text)
		}
	})
}

// Whatever a client declares, validation answers; it never falls over, and never changes what it was given.
func TestValidateAnswersForAnyDefinition(t *testing.T) {
	types := slices.Collect(maps.Keys(catalog))
	rapid.Check(t, func(t *rapid.T) {
		d := sound()
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			s := &d.Stages[rapid.IntRange(0, len(d.Stages)-1).Draw(t, "stage")]
			a := &s.Actions[rapid.IntRange(0, len(s.Actions)-1).Draw(t, "action")]
			word := rapid.SampledFrom([]string{"", "Code", "Site", "Build", "variables", "#{Code.X}", "#{x}"}).Draw(t, "word")
			switch rapid.IntRange(0, 7).Draw(t, "kind") {
			case 0:
				a.ActionTypeID = rapid.SampledFrom(types).Draw(t, "type")
			case 1:
				a.Name = word
			case 2:
				a.Namespace = word
			case 3:
				a.InputArtifacts = append(a.InputArtifacts, pipeline.InputArtifact{Name: word})
			case 4:
				a.OutputArtifacts = append(a.OutputArtifacts, pipeline.OutputArtifact{Name: word})
			case 5:
				a.RunOrder = rapid.IntRange(0, 3).Draw(t, "order")
			case 6:
				a.Configuration = map[string]string{word: word}
			case 7:
				s.Actions = append(s.Actions, *a)
			}
		}
		before, _ := json.Marshal(d)
		err := pipeline.Validate(d, world())
		if after, _ := json.Marshal(d); string(after) != string(before) {
			t.Fatal("Validate changed the definition")
		}
		if err != nil && pipeline.KindOf(err) == "" {
			t.Fatalf("an error without a kind: %v", err)
		}
	})
}
