package build

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/variables"
)

// Commands is what a build runs that belongs to a pipeline itself, without a project and a buildspec: the commands of a
// Commands action or rule. Such builds share everything with those of projects but their listing: they are found by key,
// and by the id that Start returned, and never listed.
type Commands struct {
	// Lines run one after the other, exactly as written, in one shell: what one leaves behind is there for the next. The
	// first that fails ends the build.
	Lines []string `json:"lines"`
	// Export names the environment variables that are read after the last command.
	Export []string `json:"export,omitempty"`
	// Files are the patterns of the output artifact, as in a buildspec; none stands for all files.
	Files []string `json:"files,omitempty"`
}

// pipelineProject begins the id of every build that belongs to a pipeline. No project can be called so.
const pipelineProject = "codepipeline/"

// OfPipeline reports whether an id, or ARN, is that of a build that belongs to a pipeline itself.
func OfPipeline(idOrARN string) bool {
	project, _, ok := ParseID(idOrARN)
	return ok && strings.HasPrefix(project, pipelineProject)
}

// Defaults of builds that belong to a pipeline (actions.md section 2).
const (
	commandsImage   = "aws/codebuild/amazonlinux2-x86_64-standard:5.0"
	commandsTimeout = 55
)

// commandsProject is the project that a pipeline's commands run in. It is made for each build and stored nowhere.
func commandsProject(name string) types.Project {
	return types.Project{
		Name: aws.String(pipelineProject + name),
		Environment: &types.ProjectEnvironment{
			Type: types.EnvironmentTypeLinuxContainer, Image: aws.String(commandsImage), ComputeType: types.ComputeTypeBuildGeneral1Small,
		},
		TimeoutInMinutes: aws.Int32(commandsTimeout),
		LogsConfig: &types.LogsConfig{CloudWatchLogs: &types.CloudWatchLogsConfig{
			Status: types.LogsConfigStatusTypeEnabled, GroupName: aws.String(commandsLogGroup(name)),
		}},
	}
}

// commandsLogGroup names the log group of a pipeline. Its name may hold one character that a log group's may not.
func commandsLogGroup(name string) string {
	return "/aws/codepipeline/" + strings.ReplaceAll(name, "@", "_")
}

// check refuses commands that could not be run as written, and what would lead out of the build: names that are not names
// and patterns that climb.
func (c *Commands) check() error {
	if len(c.Lines) == 0 {
		return Invalidf("There are no commands to run")
	}
	for _, line := range c.Lines {
		if strings.ContainsRune(line, 0) {
			return Invalidf("The command %q contains a NUL character", line)
		}
	}
	for _, name := range c.Export {
		if problem := buildspec.ExportProblem(name); problem != "" {
			return Invalidf("outputVariables: %s", problem)
		}
	}
	if _, err := buildspec.NewSelector(c.Files, nil); err != nil {
		return Invalidf("outputArtifacts.files: %v", err)
	}
	return nil
}

// checkExported refuses what a pipeline would not take over.
func (c *Commands) checkExported(vars []types.ExportedEnvironmentVariable) error {
	size := 0
	for _, v := range vars {
		size += len(*v.Name) + len(*v.Value)
	}
	if size > variables.MaxOutput {
		return clientFailure("The output variables have %d bytes; at most %d are allowed", size, variables.MaxOutput)
	}
	return nil
}

// spec is the buildspec these commands stand for. After a failure nothing more runs and nothing is handed over.
func (c *Commands) spec() *buildspec.Spec {
	files := c.Files
	if len(files) == 0 {
		files = []string{"**/*"}
	}
	abort := buildspec.OnFailure{Policy: buildspec.Abort}
	return &buildspec.Spec{
		Version:   buildspec.V02,
		Env:       buildspec.Env{ExportedVariables: c.Export},
		Artifacts: &buildspec.Artifacts{Files: files},
		Phases: map[buildspec.Phase]buildspec.Commands{
			buildspec.Build:     {Commands: c.Lines, OnFailure: abort},
			buildspec.PostBuild: {OnFailure: abort}, // reads the variables
		},
	}
}

// pruneBatch is how many builds one transaction of Prune removes, so that it never keeps the others waiting.
const pruneBatch = 500

// Prune forgets the builds that belong to pipelines and were started before. Nothing else would: no list shows them, and
// what is worth knowing of them is in the pipeline's history. Their logs stay.
func (s *Service) Prune(ctx context.Context, before time.Time) error {
	for {
		var n int64
		err := s.cfg.Store.InTx(ctx, func(tx store.Tx) (err error) {
			n, err = tx.Exec(ctx, `DELETE FROM builds WHERE id IN (SELECT id FROM builds
				WHERE of_pipeline = 1 AND created_at < $1 AND status <> 'IN_PROGRESS' ORDER BY created_at LIMIT $2)`,
				store.Micros(before), pruneBatch)
			return err
		})
		if err != nil || n < pruneBatch {
			return err
		}
	}
}
