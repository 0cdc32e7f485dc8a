package build

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
)

// srcDir is where the primary source lies in a workspace; secondaryDir is where the one with that identifier does.
const srcDir = "src"

func secondaryDir(id string) string { return "sources/" + id }

// environment is a build's variables, last word first in this order: the build service's own, StartBuild's and the
// project's (already one list), the buildspec's, the server's, among which are access.
func (r *run) environment(ctx context.Context, spec *buildspec.Spec, access []buildspec.Variable) ([]buildspec.Variable, error) {
	base := []buildspec.Variable{
		{Name: "CI", Value: "true"},
		{Name: "AWS_DEFAULT_REGION", Value: r.s.cfg.Place.Region},
		{Name: "AWS_REGION", Value: r.s.cfg.Place.Region},
	}
	base = append(base, access...)
	project, err := r.projectVariables(ctx)
	if err != nil {
		return nil, err
	}
	own, err := r.specVariables(ctx, spec.Env, project)
	if err != nil {
		return nil, err
	}
	for _, v := range slices.Concat(project, own) {
		if strings.HasPrefix(v.Name, buildspec.ReservedPrefix) {
			r.log.Printf("Warning: the variable %s is ignored if CodeBuild sets one of that name: names that start with %s are reserved", v.Name, buildspec.ReservedPrefix)
		}
	}
	return buildspec.Merge(r.s.cfg.Env, base, own, project, r.ownVariables()), nil
}

// ownVariables are the CODEBUILD_ variables (codebuild.md section 6). Those without a value are not set.
func (r *run) ownVariables() []buildspec.Variable {
	b := r.progress.snapshot()
	place := r.s.cfg.Place
	var out []buildspec.Variable
	set := func(name, value string) {
		if value != "" {
			out = append(out, buildspec.Variable{Name: name, Value: value})
		}
	}
	set("CODEBUILD_BUILD_ID", *b.Id)
	set("CODEBUILD_BUILD_ARN", *b.Arn)
	if !OfPipeline(*b.Id) {
		set("CODEBUILD_BUILD_NUMBER", strconv.FormatInt(*b.BuildNumber, 10))
		set("CODEBUILD_PROJECT_ARN", place.ProjectARN(*b.ProjectName))
	}
	set("CODEBUILD_BUILD_IMAGE", aws.ToString(b.Environment.Image))
	set("CODEBUILD_BUILD_SUCCEEDING", "1")
	set("CODEBUILD_INITIATOR", aws.ToString(b.Initiator))
	set("CODEBUILD_KMS_KEY_ID", aws.ToString(b.EncryptionKey))
	set("CODEBUILD_RESOLVED_SOURCE_VERSION", aws.ToString(b.ResolvedSourceVersion))
	set("CODEBUILD_START_TIME", strconv.FormatInt(startTime(&b).UnixMilli(), 10))
	set("CODEBUILD_SRC_DIR", r.ws.Path(srcDir))
	set("CODEBUILD_SOURCE_REPO_URL", sourceURL(b.Source))
	set("CODEBUILD_SOURCE_VERSION", aws.ToString(b.SourceVersion))
	if part := r.rec.Settings.Batch; part != nil {
		set("CODEBUILD_BATCH_BUILD_IDENTIFIER", part.Identifier)
		if part.Shards > 0 {
			set("CODEBUILD_SHARD_INDEX", strconv.Itoa(part.Shard))
			set("CODEBUILD_SHARD_COUNT", strconv.Itoa(part.Shards))
		}
	}
	out = append(out, r.rec.Settings.Variables...)
	set("CODEBUILD_LOG_PATH", aws.ToString(b.Logs.StreamName))
	if r.s.cfg.BuildURL != nil {
		set("CODEBUILD_BUILD_URL", r.s.cfg.BuildURL(*b.Id))
	}
	for _, src := range b.SecondarySources {
		id := aws.ToString(src.SourceIdentifier)
		set("CODEBUILD_SRC_DIR_"+id, r.ws.Path(secondaryDir(id)))
		set("CODEBUILD_SOURCE_REPO_URL_"+id, sourceURL(&src))
		set("CODEBUILD_SOURCE_VERSION_"+id, secondaryVersion(&b, id))
	}
	return out
}

func sourceURL(s *types.ProjectSource) string {
	location := aws.ToString(s.Location)
	if s.Type == types.SourceTypeS3 && location != "" {
		return "s3://" + strings.TrimPrefix(location, "arn:aws:s3:::")
	}
	return location
}

func secondaryVersion(b *types.Build, id string) string {
	for _, v := range b.SecondarySourceVersions {
		if aws.ToString(v.SourceIdentifier) == id {
			return aws.ToString(v.SourceVersion)
		}
	}
	return ""
}
