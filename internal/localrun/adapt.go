package localrun

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	buildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/conveyor-cd/conveyor/internal/action/directory"
)

// Names of what a run makes, and the role it works under, which nothing limits.
const (
	artifactBucket = "conveyor-run-artifacts"
	role           = "arn:aws:iam::000000000000:role/conveyor-run"
)

// adapt makes of a declared pipeline one that runs here: its sources are directories, it has one region and one artifact
// store, and what belongs to an account is gone.
func (o *Options) adapt(plan *Plan) error {
	p := plan.Pipeline
	p.RoleArn, p.Triggers, p.ArtifactStores = aws.String(role), nil, nil
	p.ArtifactStore = &types.ArtifactStore{Type: types.ArtifactStoreTypeS3, Location: aws.String(artifactBucket)}
	if err := o.setVariables(p); err != nil {
		return err
	}
	if err := o.keepOnly(p); err != nil {
		return err
	}
	o.setOutputs(p)
	used := map[string]bool{}
	for i := range p.Stages {
		for j := range p.Stages[i].Actions {
			a := &p.Stages[i].Actions[j]
			a.Region, a.RoleArn = nil, nil
			switch {
			case a.ActionTypeId == nil:
				return fmt.Errorf("the action %s has no actionTypeId", aws.ToString(a.Name))
			case a.ActionTypeId.Category == types.ActionCategorySource:
				if err := o.takeDirectory(a, used); err != nil {
					return err
				}
			case aws.ToString(a.ActionTypeId.Provider) == "Commands":
				a.EnvironmentVariables = o.withEnv(a.EnvironmentVariables)
			}
		}
	}
	for name := range o.Sources {
		if !used[name] {
			return fmt.Errorf("--source %s: the pipeline has no source action and no source artifact of that name", name)
		}
	}
	plan.nameProjects()
	return plan.findBuckets()
}

// takeDirectory makes a source action one that hands over a directory. Its variables keep the meaning they had.
func (o *Options) takeDirectory(a *types.ActionDeclaration, used map[string]bool) error {
	dir := o.Dir
	names := []string{aws.ToString(a.Name)}
	for _, out := range a.OutputArtifacts {
		names = append(names, aws.ToString(out.Name))
	}
	for _, name := range names {
		if given, ok := o.Sources[name]; ok {
			dir, used[name] = given, true
		}
	}
	full, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	old := a.Configuration
	a.Configuration = map[string]string{directory.KeyDirectory: full}
	set := func(key string, values ...string) {
		for _, value := range values {
			if value != "" {
				a.Configuration[key] = value
				return
			}
		}
	}
	set(directory.KeyRepository, old["RepositoryName"], old["FullRepositoryId"], old["Repo"])
	set(directory.KeyBranch, old["BranchName"], old["Branch"])
	set(directory.KeyLeaveOut, strings.Join(o.leaveOut(dir), "\n"))
	if o.History || old["OutputArtifactFormat"] == "CODEBUILD_CLONE_REF" {
		a.Configuration[directory.KeyHistory] = "true"
	}
	a.ActionTypeId = &types.ActionTypeId{
		Category: types.ActionCategorySource, Owner: types.ActionOwnerAws, Provider: aws.String(directory.Name), Version: aws.String("1"),
	}
	return nil
}

// setVariables makes the values of this run the defaults, since the pipeline is started by being made.
func (o *Options) setVariables(p *types.PipelineDeclaration) error {
	missing := maps.Clone(o.Variables)
	maps.DeleteFunc(missing, func(name, _ string) bool { return strings.Contains(name, ".") }) // another action's output
	for i := range p.Variables {
		v := &p.Variables[i]
		if value, ok := o.Variables[aws.ToString(v.Name)]; ok {
			v.DefaultValue = aws.String(value)
			delete(missing, *v.Name)
		}
		if aws.ToString(v.DefaultValue) == "" {
			return fmt.Errorf("the variable %s has no default; give it with --variable %s=VALUE", aws.ToString(v.Name), aws.ToString(v.Name))
		}
	}
	for name := range missing {
		return fmt.Errorf("--variable %s: the pipeline has no variable of that name", name)
	}
	return nil
}

// setOutputs writes output variables of actions that are given (NAMESPACE.NAME) into the actions that refer to them.
func (o *Options) setOutputs(p *types.PipelineDeclaration) {
	var pairs []string
	for name, value := range o.Variables {
		if strings.Contains(name, ".") {
			pairs = append(pairs, "#{"+name+"}", value)
		}
	}
	set := strings.NewReplacer(pairs...).Replace
	for _, s := range p.Stages {
		for i := range s.Actions {
			a := &s.Actions[i]
			for key, value := range a.Configuration {
				a.Configuration[key] = set(value)
			}
			for j := range a.Commands {
				a.Commands[j] = set(a.Commands[j])
			}
			for j := range a.EnvironmentVariables {
				a.EnvironmentVariables[j].Value = aws.String(set(aws.ToString(a.EnvironmentVariables[j].Value)))
			}
		}
	}
}

// keepOnly drops the stages that were not asked for. What they would have made is taken from an earlier run.
func (o *Options) keepOnly(p *types.PipelineDeclaration) error {
	if len(o.Only) == 0 {
		return nil
	}
	made := map[string]string{} // artifact: the stage that makes it
	var kept []types.StageDeclaration
	names := map[string]bool{}
	for i, s := range p.Stages {
		names[aws.ToString(s.Name)] = true
		if i == 0 || slices.Contains(o.Only, aws.ToString(s.Name)) {
			kept = append(kept, s)
			continue
		}
		for _, a := range s.Actions {
			for _, out := range a.OutputArtifacts {
				made[aws.ToString(out.Name)] = aws.ToString(s.Name)
			}
		}
	}
	for _, name := range o.Only {
		if !names[name] {
			return fmt.Errorf("--only %s: the pipeline has no stage of that name; it has: %s", name, strings.Join(slices.Sorted(maps.Keys(names)), ", "))
		}
	}
	if len(kept) < 2 {
		return errors.New("--only names the source stage alone; name a stage that does something")
	}
	p.Stages = kept
	return o.takeEarlier(p, made)
}

// takeEarlier gives the first stage a source for every artifact that a dropped stage would have made.
func (o *Options) takeEarlier(p *types.PipelineDeclaration, made map[string]string) error {
	done := map[string]bool{}
	for _, s := range p.Stages[1:] {
		for _, a := range s.Actions {
			for _, in := range a.InputArtifacts {
				name := aws.ToString(in.Name)
				stage, missing := made[name]
				if !missing || done[name] {
					continue
				}
				done[name] = true
				if _, given := o.Sources[name]; !given {
					dir := filepath.Join(o.Out, stage, name)
					if !isDir(dir) {
						return fmt.Errorf("the artifact %s of the stage %s is not in %s; run that stage first, or give the artifact with --source %s=DIRECTORY", name, stage, dir, name)
					}
					if o.Sources == nil {
						o.Sources = map[string]string{}
					}
					o.Sources[name] = dir
				}
				p.Stages[0].Actions = append(p.Stages[0].Actions, types.ActionDeclaration{
					Name: aws.String("Earlier-" + name), OutputArtifacts: []types.OutputArtifact{{Name: aws.String(name)}},
					ActionTypeId: &types.ActionTypeId{Category: types.ActionCategorySource},
				})
			}
		}
	}
	return nil
}

func (o *Options) withEnv(list []types.EnvironmentVariable) []types.EnvironmentVariable {
	for _, v := range o.Env {
		list = slices.DeleteFunc(list, func(e types.EnvironmentVariable) bool { return aws.ToString(e.Name) == v.Name })
		list = append(list, types.EnvironmentVariable{Name: aws.String(v.Name), Value: aws.String(v.Value)})
	}
	return list
}

// nameProjects adds the projects that the pipeline names and nobody defined: they run buildspec.yml, and batches when the
// action says so.
func (plan *Plan) nameProjects() {
	for _, s := range plan.Pipeline.Stages {
		for _, a := range s.Actions {
			name := a.Configuration["ProjectName"]
			if name != "" && aws.ToString(a.ActionTypeId.Provider) == "CodeBuild" && plan.Projects[name] == nil {
				plan.Projects[name] = &Project{Name: name, BuildBatchConfig: &buildtypes.ProjectBuildBatchConfig{}}
			}
		}
	}
}

var pipelineVariable = regexp.MustCompile(`#\{variables\.([A-Za-z0-9@_-]+)\}`)

// findBuckets notes the buckets that S3 deploy actions write to, by the stage that does.
func (plan *Plan) findBuckets() error {
	plan.buckets = map[string]string{}
	for _, s := range plan.Pipeline.Stages {
		for i := range s.Actions {
			a := &s.Actions[i]
			if a.ActionTypeId.Category != types.ActionCategoryDeploy || aws.ToString(a.ActionTypeId.Provider) != "S3" {
				continue
			}
			bucket := pipelineVariable.ReplaceAllStringFunc(a.Configuration["BucketName"], plan.variable)
			if strings.Contains(bucket, "#{") || bucket == "" {
				return fmt.Errorf("the bucket %q of the action %s is only known while the pipeline runs; conveyor run makes buckets before: write its name into the action", bucket, aws.ToString(a.Name))
			}
			plan.buckets[bucket] = aws.ToString(s.Name)
			delete(a.Configuration, "KMSEncryptionKeyARN")
		}
	}
	return nil
}

func (plan *Plan) variable(match string) string {
	name := pipelineVariable.FindStringSubmatch(match)[1]
	for _, v := range plan.Pipeline.Variables {
		if aws.ToString(v.Name) == name {
			return aws.ToString(v.DefaultValue)
		}
	}
	return match
}
