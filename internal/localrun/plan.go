package localrun

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	buildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	yaml "go.yaml.in/yaml/v4"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
)

// Plan is what a file asks to run: a pipeline, or a single build of a project.
type Plan struct {
	Pipeline *types.PipelineDeclaration
	Build    string // the project to build, when there is no pipeline
	Projects map[string]*Project
	Spec     *buildspec.Spec // of a batch, or of a build whose buildspec is the file itself
	buckets  map[string]string
}

// Project is what of a build project counts here: not where it builds and for whom, but what.
type Project struct {
	Name                   string
	Source                 struct{ Buildspec string }
	Environment            environment
	TimeoutInMinutes       *int32
	QueuedTimeoutInMinutes *int32
	BuildBatchConfig       *buildtypes.ProjectBuildBatchConfig
}

type environment struct {
	Type                 buildtypes.EnvironmentType
	ComputeType          buildtypes.ComputeType
	Image                string
	EnvironmentVariables []buildtypes.EnvironmentVariable
	PrivilegedMode       *bool
}

// candidate is what a template or plan holds before one pipeline of it is chosen.
type candidate struct {
	pipelines map[string]map[string]any
	projects  map[string]map[string]any
}

// read tells by its content what a file is.
func (o *Options) read(name string, text []byte) (*Plan, error) {
	var doc map[string]any
	switch problem := json.Unmarshal(text, &doc); {
	case problem == nil && doc["planned_values"] != nil:
		c, err := terraform(text)
		if err != nil {
			return nil, err
		}
		return o.choose(c)
	case problem == nil && doc["stages"] != nil:
		return o.declared(doc)
	case problem == nil && doc["pipeline"] != nil:
		inner, ok := doc["pipeline"].(map[string]any)
		if !ok {
			return nil, errors.New(`"pipeline" is not an object, as aws codepipeline get-pipeline prints it`)
		}
		return o.declared(inner)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, fmt.Errorf("neither JSON nor YAML: %w", err)
	}
	if hasKey(&root, "Resources") {
		c, err := cloudformation(&root, o.Parameters)
		if err != nil {
			return nil, err
		}
		return o.choose(c)
	}
	return o.single(text)
}

// declared is a pipeline as aws codepipeline get-pipeline prints it.
func (o *Options) declared(doc map[string]any) (*Plan, error) {
	return o.choose(candidate{pipelines: map[string]map[string]any{fmt.Sprint(doc["name"]): doc}})
}

// single is a buildspec.
func (o *Options) single(text []byte) (*Plan, error) {
	spec, err := buildspec.Parse(text)
	if err != nil {
		return nil, err
	}
	p := &Project{Name: buildName}
	p.Source.Buildspec = string(text)
	return &Plan{Build: buildName, Projects: map[string]*Project{buildName: p}, Spec: spec}, nil
}

// buildName is the project of a build that no project names.
const buildName = "working-tree"

// choose picks the pipeline to run, or the only project when there is none.
func (o *Options) choose(c candidate) (*Plan, error) {
	plan := &Plan{Projects: map[string]*Project{}}
	for name, values := range c.projects {
		p := &Project{}
		if err := decode(values, p); err != nil {
			return nil, fmt.Errorf("build project %s: %w", name, err)
		}
		plan.Projects[p.Name] = p
	}
	names := slices.Sorted(maps.Keys(c.pipelines))
	name := o.Pipeline
	switch {
	case name != "" && !slices.Contains(names, name):
		return nil, fmt.Errorf("there is no pipeline %s; there are: %s", name, strings.Join(names, ", "))
	case name == "" && len(names) > 1:
		return nil, fmt.Errorf("there are several pipelines; choose one with --pipeline: %s", strings.Join(names, ", "))
	case len(names) == 0 && len(plan.Projects) != 1:
		return nil, fmt.Errorf("there is no pipeline, and not exactly one build project (%d) either", len(plan.Projects))
	case len(names) == 0:
		plan.Build = slices.Collect(maps.Keys(plan.Projects))[0]
		return plan, nil
	case name == "":
		name = names[0]
	}
	plan.Pipeline = &types.PipelineDeclaration{}
	if err := decode(c.pipelines[name], plan.Pipeline); err != nil {
		return nil, fmt.Errorf("pipeline %s: %w", name, err)
	}
	if len(plan.Pipeline.Stages) == 0 {
		return nil, fmt.Errorf("pipeline %s has no stages", name)
	}
	return plan, nil
}

// readProjects adds the projects of the files that --project names.
func (o *Options) readProjects(plan *Plan) error {
	for _, name := range o.Projects {
		text, err := readLimited(name)
		if err != nil {
			return err
		}
		var doc struct {
			Projects []map[string]any
			Project  map[string]any
			Name     string
		}
		if err := json.Unmarshal(text, &doc); err != nil {
			return fmt.Errorf("%s is not JSON as aws codebuild batch-get-projects prints it: %w", name, err)
		}
		list := doc.Projects
		if doc.Project != nil {
			list = append(list, doc.Project)
		}
		if doc.Name != "" {
			var whole map[string]any
			if err := json.Unmarshal(text, &whole); err != nil {
				return err
			}
			list = append(list, whole)
		}
		if len(list) == 0 {
			return fmt.Errorf("%s holds no build project; it is to be JSON as aws codebuild batch-get-projects prints it", name)
		}
		for _, values := range list {
			p := &Project{}
			if err := decode(values, p); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			plan.Projects[p.Name] = p
		}
	}
	return nil
}
