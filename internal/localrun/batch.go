package localrun

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/buildspec"
)

// checkBatch tells before anything runs that the file asks for no batch.
func (o *Options) checkBatch(plan *Plan) error {
	if plan.Pipeline != nil {
		return errors.New("--batch is for a single project; the actions of a pipeline say themselves whether they run batches (BatchEnabled)")
	}
	p := plan.Projects[plan.Build]
	if plan.Spec == nil {
		spec, err := readSpec(o.Dir, p.Source.Buildspec)
		if err != nil {
			return fmt.Errorf("the buildspec of %s: %w", p.Name, err)
		}
		plan.Spec = spec
	}
	if plan.Spec.Batch == nil {
		return errors.New("the buildspec has no batch section; run it without --batch")
	}
	if p.BuildBatchConfig == nil {
		p.BuildBatchConfig = &types.ProjectBuildBatchConfig{}
	}
	_, err := plan.Spec.Batch.Plan()
	return err
}

// batch runs the builds of the buildspec's batch section.
func (r *run) batch(ctx context.Context, p *Project) error {
	started, err := r.api.builds.StartBuildBatch(ctx, &codebuild.StartBuildBatchInput{ProjectName: aws.String(p.Name)})
	if err != nil {
		return plain(err)
	}
	r.View.Begin(p.Name, []string{buildStage})
	f := &followedBatch{run: r, id: aws.ToString(started.BuildBatch.Id), stage: buildStage}
	end, err := f.follow(ctx, true)
	if err != nil {
		return err
	}
	if err := r.fetchBatchOutputs(ctx); err != nil {
		return err
	}
	return r.conclude(string(end.BuildBatchStatus), f.reason(end))
}

// followedBatch is a batch that is watched.
type followedBatch struct {
	*run
	id, stage string
	prefix    string                 // of what its builds are called
	seen      map[string]*shownBuild // by ARN
	told      map[string]bool        // builds that wait, by identifier
	why       string                 // the first build that failed, and why
}

// shownBuild is what was shown of a build.
type shownBuild struct {
	status string
	log    *tail
}

// follow shows the batch, until it ends when wait is set.
func (f *followedBatch) follow(ctx context.Context, wait bool) (*types.BuildBatch, error) {
	began := time.Now()
	for {
		b, err := f.update(ctx)
		if err != nil {
			return nil, interrupted(ctx, err)
		}
		if b.Complete || !wait {
			return b, nil
		}
		if err := f.pause(ctx, refresh(began)); err != nil {
			return nil, err
		}
	}
}

// update shows what is new of the batch's builds. The batch is read first: what happened before its end is then complete.
func (f *followedBatch) update(ctx context.Context) (*types.BuildBatch, error) {
	out, err := f.api.builds.BatchGetBuildBatches(ctx, &codebuild.BatchGetBuildBatchesInput{Ids: []string{f.id}})
	if err != nil {
		return nil, err
	}
	if len(out.BuildBatches) != 1 {
		return nil, fmt.Errorf("there is no build and no batch of builds %s", f.id)
	}
	b := &out.BuildBatches[0]
	f.announce(b.BuildGroups)
	builds, err := f.running(ctx, b.BuildGroups)
	if err != nil {
		return nil, err
	}
	for i := range b.BuildGroups {
		g := &b.BuildGroups[i]
		if g.CurrentBuildSummary == nil {
			continue
		}
		if child := builds[aws.ToString(g.CurrentBuildSummary.Arn)]; child != nil {
			if err := f.show(ctx, g, child); err != nil {
				return nil, err
			}
		}
	}
	return b, nil
}

// announce tells, once, which builds there are.
func (f *followedBatch) announce(groups []types.BuildGroup) {
	if f.told == nil {
		f.seen, f.told = map[string]*shownBuild{}, map[string]bool{}
	}
	for _, g := range groups {
		if id := aws.ToString(g.Identifier); !f.told[id] {
			f.told[id] = true
			f.View.Action(f.stage, f.prefix+id, waiting, "")
		}
	}
}

// running reads the builds that have begun and whose end was not shown yet.
func (f *followedBatch) running(ctx context.Context, groups []types.BuildGroup) (map[string]*types.Build, error) {
	var ids []string
	for _, g := range groups {
		if g.CurrentBuildSummary == nil {
			continue
		}
		arn := aws.ToString(g.CurrentBuildSummary.Arn)
		if w := f.seen[arn]; w == nil || w.status == "" || w.status == inProgress {
			ids = append(ids, arn)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	out, err := f.api.builds.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: ids})
	if err != nil {
		return nil, err
	}
	builds := map[string]*types.Build{}
	for i := range out.Builds {
		builds[aws.ToString(out.Builds[i].Arn)] = &out.Builds[i]
	}
	return builds, nil
}

func (f *followedBatch) show(ctx context.Context, g *types.BuildGroup, b *types.Build) error {
	w := f.seen[*b.Arn]
	if w == nil {
		w = &shownBuild{}
		f.seen[*b.Arn] = w
	}
	end := status(b.BuildStatus)
	if end == failed && g.IgnoreFailure {
		end = failureIgnored
	}
	if end == failed && f.why == "" && b.BuildStatus != types.StatusTypeStopped {
		f.why = aws.ToString(g.Identifier) + ": " + build.FailureReason(b)
	}
	return f.showBuild(ctx, f.stage, f.prefix+aws.ToString(g.Identifier), end, b, w)
}

// reason is why the batch did not succeed: the first build whose failure counts, or what the batch itself says.
func (f *followedBatch) reason(b *types.BuildBatch) string {
	if f.why != "" {
		return f.why
	}
	return build.BatchFailureReason(b)
}

// batchSpecs are the buildspec of the batch and those that its builds have of their own, as far as they can be read here: a
// build whose buildspec cannot be read tells so itself.
func (r *run) batchSpecs() []*buildspec.Spec {
	specs := []*buildspec.Spec{r.plan.Spec}
	groups, err := r.plan.Spec.Batch.Plan()
	if err != nil {
		return specs
	}
	read := map[string]bool{"": true}
	for _, g := range groups {
		if read[g.Buildspec] {
			continue
		}
		read[g.Buildspec] = true
		if spec, err := readSpec(r.Dir, g.Buildspec); err == nil {
			specs = append(specs, spec)
		}
	}
	return specs
}

// fetchBatchOutputs unpacks what the builds of a batch made, each in a directory of its own, or what was combined of it.
func (r *run) fetchBatchOutputs(ctx context.Context) error {
	keys, err := r.keys(ctx, artifactBucket, outputPrefix)
	if err != nil {
		return err
	}
	for _, key := range keys {
		to := strings.Split(strings.TrimPrefix(key, outputPrefix), "/")
		if strings.HasSuffix(to[0], partsSuffix) { // of what is, or could not be, combined
			continue
		}
		if err := r.fetchArtifact(ctx, key, append([]string{buildStage}, to...)); err != nil {
			return err
		}
	}
	return nil
}

// partsSuffix ends the folder of what is put together into a combined artifact.
const partsSuffix = ".parts"
