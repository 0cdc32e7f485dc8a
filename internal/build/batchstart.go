package build

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// startGroup starts one build of a batch. *LimitError: too many wait.
func (s *Service) startGroup(ctx context.Context, tx store.Tx, rec *batchRecord, i int) error {
	g, bb := rec.Settings.Groups[i], &rec.Batch
	combine := aws.ToBool(bb.BuildBatchConfig.CombineArtifacts)
	b, st, err := effective(rec.Settings.Project, Request{
		Input: s.groupInput(rec, g), Initiator: aws.ToString(bb.Initiator), Pipeline: groupPipeline(rec.Settings.Pipeline, g.Identifier, combine),
		Variables: rec.Settings.Variables,
	})
	if err != nil {
		return err
	}
	if combine { // until they are made: not every build makes a part of every artifact
		b.Artifacts, b.SecondaryArtifacts = nil, nil
	}
	p, number, err := s.nextNumber(ctx, tx, *bb.ProjectName)
	if err != nil {
		return err
	}
	b.BuildBatchArn = bb.Arn
	st.Batch = &BatchPart{ID: rec.ID, Identifier: g.Identifier, Shard: g.Shard, Shards: g.Shards, Combine: combine}
	b, err = s.store(ctx, tx, p, b, st, number, "", "")
	if err != nil {
		return err
	}
	bb.BuildGroups[i].CurrentBuildSummary = &types.BuildSummary{Arn: b.Arn, BuildStatus: b.BuildStatus, RequestedOn: b.StartTime}
	return nil
}

// groupInput is what overrides the project's settings in one build of a batch: what holds for all of them, and over that what
// the buildspec says. All builds are of the same commits.
func (s *Service) groupInput(rec *batchRecord, g buildspec.Group) codebuild.StartBuildInput {
	in := rec.Settings.Input
	if isGit(rec.Batch.Source.Type) && rec.Batch.ResolvedSourceVersion != nil {
		in.SourceVersion = rec.Batch.ResolvedSourceVersion
	}
	in.SecondarySourcesVersionOverride = pin(rec.Batch.SecondarySourceVersions, rec.Settings.Pinned)
	if g.Buildspec != "" {
		in.BuildspecOverride = aws.String(g.Buildspec)
	}
	if g.ComputeType != "" {
		in.ComputeTypeOverride = types.ComputeType(g.ComputeType)
	}
	if g.Fleet != "" {
		in.FleetOverride = &types.ProjectFleet{FleetArn: aws.String(s.cfg.Place.FleetARN(g.Fleet))}
	}
	if g.Type != "" {
		in.EnvironmentTypeOverride = types.EnvironmentType(g.Type)
	}
	if g.Image != "" {
		in.ImageOverride = aws.String(g.Image)
	}
	in.PrivilegedModeOverride = orPtr(g.Privileged, in.PrivilegedModeOverride)
	var own []types.EnvironmentVariable
	for _, v := range g.Variables {
		own = append(own, types.EnvironmentVariable{Name: aws.String(v.Name), Value: aws.String(v.Value)})
	}
	in.EnvironmentVariablesOverride = mergeVariables(in.EnvironmentVariablesOverride, own)
	return in
}

// pin replaces versions of sources by the commits that they mean.
func pin(versions, commits []types.ProjectSourceVersion) []types.ProjectSourceVersion {
	all := slices.Clone(commits)
	for _, v := range versions {
		if !slices.ContainsFunc(commits, func(c types.ProjectSourceVersion) bool { return *c.SourceIdentifier == *v.SourceIdentifier }) {
			all = append(all, v)
		}
	}
	return all
}

// partsSuffix ends the name of what holds the parts of a combined artifact, one for each build.
const partsSuffix = ".parts/"

// groupPipeline is what a pipeline adds to one build of a batch: the outputs that bear its name, or a part of every one.
func groupPipeline(p *Pipeline, identifier string, combine bool) *Pipeline {
	if p == nil {
		return nil
	}
	mine := *p
	mine.Outputs = nil
	for _, o := range p.Outputs {
		switch {
		case combine:
			o.Key += partsSuffix + identifier
		case !bears(o.Name, identifier):
			continue
		default:
			mine.Group = identifier
		}
		mine.Outputs = append(mine.Outputs, o)
	}
	return &mine
}

// bears tells whether an output artifact is of the build with that identifier: its primary one, or one of its secondary ones.
func bears(output, identifier string) bool {
	return output == identifier || strings.HasPrefix(output, identifier+"_")
}
