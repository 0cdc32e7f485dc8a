package build

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/iam"
)

// planBatch reads the buildspec of a batch and decides which builds it has. Only the one file is looked at: there is no
// workspace yet. A *Failure is the user's to mend.
func (s *Service) planBatch(ctx context.Context, rec batchRecord, done *batchWork) error {
	r := s.batchRun(ctx, rec)
	ctx = iam.ActingFor(ctx, r.role())
	text, resolved, err := r.batchSpec(ctx)
	if err != nil {
		return err
	}
	done.resolved = resolved
	if done.pinned, err = r.pinned(ctx); err != nil {
		return err
	}
	spec, err := buildspec.Parse(text)
	if err == nil && spec.Batch == nil {
		err = errors.New("the buildspec has no batch section")
	}
	if err == nil {
		done.spec = spec.Batch
		done.groups, err = spec.Batch.Plan()
	}
	if err != nil {
		return &Failure{Code: codeYAML, Message: err.Error()}
	}
	return s.checkPlan(&rec, done.groups)
}

// batchRun is a run that reads and writes for a batch what builds read and write. It has neither workspace nor log.
func (s *Service) batchRun(ctx context.Context, rec batchRecord) *run {
	b := &rec.Batch
	return s.withoutWorkspace(ctx, record{Build: types.Build{
		Arn: b.Arn, ProjectName: b.ProjectName, Source: b.Source, SourceVersion: b.SourceVersion, ResolvedSourceVersion: b.ResolvedSourceVersion,
		SecondarySources: b.SecondarySources, SecondarySourceVersions: b.SecondarySourceVersions,
		ServiceRole: b.ServiceRole, EncryptionKey: b.EncryptionKey,
	}})
}

// withoutWorkspace is a run that looks into sources and objects as builds do. It has neither workspace nor log.
func (s *Service) withoutWorkspace(ctx context.Context, rec record) *run {
	return &run{s: s, rec: rec, job: context.WithoutCancel(ctx), log: openLog(ctx, nil, "", "", time.Now, s.cfg.Log)}
}

// pinned are the commits that the versions of the secondary Git sources mean now.
func (r *run) pinned(ctx context.Context) (all []types.ProjectSourceVersion, err error) {
	b := &r.rec.Build
	for _, src := range b.SecondarySources {
		if !isGit(src.Type) {
			continue
		}
		id := aws.ToString(src.SourceIdentifier)
		from, err := r.bare(ctx, &src, secondaryVersion(b, id))
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", id, err)
		}
		all = append(all, types.ProjectSourceVersion{SourceIdentifier: aws.String(id), SourceVersion: aws.String(from.Commit)})
	}
	return all, nil
}

// checkPlan refuses builds that the project does not allow, and outputs that no build would make.
func (s *Service) checkPlan(rec *batchRecord, groups []buildspec.Group) error {
	limits := orPtr(rec.Batch.BuildBatchConfig.Restrictions, &types.BatchRestrictions{})
	if most := aws.ToInt32(orPtr(limits.MaximumBuildsAllowed, aws.Int32(buildspec.MaxBatch))); len(groups) > int(most) {
		return clientFailure("the batch has %d builds; the project's restrictions allow %d", len(groups), most)
	}
	for _, g := range groups {
		if err := s.checkMachine(rec.Batch.Environment, g, limits); err != nil {
			return err
		}
	}
	if p := rec.Settings.Pipeline; p != nil && !aws.ToBool(rec.Batch.BuildBatchConfig.CombineArtifacts) {
		for _, o := range p.Outputs {
			if !slices.ContainsFunc(groups, func(g buildspec.Group) bool { return bears(o.Name, g.Identifier) }) {
				return clientFailure("no build of the batch makes the output artifact %s: name it after the identifier of a build, or set CombineArtifacts", o.Name)
			}
		}
	}
	return nil
}

// checkMachine refuses a build of a batch whose compute type or fleet is none, or is not allowed.
func (s *Service) checkMachine(e *types.ProjectEnvironment, g buildspec.Group, limits *types.BatchRestrictions) error {
	if g.ComputeType == "" {
		g.ComputeType = string(e.ComputeType)
	} else if !slices.Contains(types.ComputeType("").Values(), types.ComputeType(g.ComputeType)) {
		return clientFailure("build %s: %q is not a compute type", g.Identifier, g.ComputeType)
	}
	if allowed := limits.ComputeTypesAllowed; len(allowed) > 0 && !slices.Contains(allowed, g.ComputeType) {
		return clientFailure("build %s: the project's restrictions do not allow the compute type %s, only %s", g.Identifier, g.ComputeType, strings.Join(allowed, ", "))
	}
	fleet := e.Fleet
	if g.Fleet != "" {
		fleet = &types.ProjectFleet{FleetArn: aws.String(s.cfg.Place.FleetARN(g.Fleet))}
		if err := CheckFleet("fleet", fleet); err != nil {
			return clientFailure("build %s: %v", g.Identifier, err)
		}
	}
	if fleet == nil || len(limits.FleetsAllowed) == 0 {
		return nil
	}
	name, _ := fleetName(aws.ToString(fleet.FleetArn))
	for _, one := range limits.FleetsAllowed {
		if allowed, ok := fleetName(s.cfg.Place.FleetARN(one)); ok && allowed == name {
			return nil
		}
	}
	return clientFailure("build %s: the project's restrictions do not allow the fleet %s, only %s", g.Identifier, name, strings.Join(limits.FleetsAllowed, ", "))
}

// batchSpec finds and reads the buildspec, and what the version of a Git source means.
func (r *run) batchSpec(ctx context.Context) (text []byte, resolved string, err error) {
	tree, err := r.sourceTree(ctx)
	if err != nil {
		return nil, "", err
	}
	defer tree.close()
	kind, value := buildspec.Locate(aws.ToString(r.rec.Build.Source.Buildspec))
	switch kind {
	case buildspec.Inline:
		text = []byte(value)
	case buildspec.S3:
		text, err = r.readSpecObject(ctx, value)
	default:
		text, err = tree.read(ctx, path.Clean(value))
		if errors.Is(err, fs.ErrNotExist) {
			err = &Failure{Code: codeYAML, Message: fmt.Sprintf("YAML file does not exist: there is no %s in the source", value)}
		}
	}
	return text, tree.commit, err
}

// sourceTree is the primary source of a batch, unpacked nowhere.
type sourceTree struct {
	commit string // of a Git source
	read   func(ctx context.Context, name string) ([]byte, error)
	close  func()
}

func (r *run) sourceTree(ctx context.Context) (sourceTree, error) {
	b := &r.rec.Build
	version := aws.ToString(b.SourceVersion)
	switch {
	case b.Source.Type == types.SourceTypeCodepipeline:
		return r.artifactTree(ctx, version)
	case b.Source.Type == types.SourceTypeS3:
		bucket, key, err := bucketAndKey(aws.ToString(b.Source.Location))
		if err != nil {
			return sourceTree{}, clientFailure("%v", err)
		}
		if isFolder(key) {
			return r.folderTree(bucket, key), nil
		}
		o, err := r.open(ctx, bucket, key, version)
		if err != nil {
			return sourceTree{}, err
		}
		return zipTree(o, s3ARN(bucket, key))
	case isGit(b.Source.Type):
		if known := aws.ToString(b.ResolvedSourceVersion); known != "" {
			version = known
		}
		from, err := r.bare(ctx, b.Source, version)
		return r.gitTree(from, from.Commit), err
	}
	return sourceTree{read: func(context.Context, string) ([]byte, error) { return nil, fs.ErrNotExist }, close: func() {}}, nil
}

// artifactTree is a pipeline's artifact, or what it refers to.
func (r *run) artifactTree(ctx context.Context, location string) (sourceTree, error) {
	bucket, key, err := bucketAndKey(location)
	if err != nil {
		return sourceTree{}, clientFailure("the input artifact has no location: %v", err)
	}
	o, err := r.open(ctx, bucket, key, "")
	if err != nil {
		return sourceTree{}, err
	}
	ref, ok, err := r.cloneRef(o)
	if err != nil || !ok {
		if err != nil {
			o.Body.Close()
			return sourceTree{}, err
		}
		return zipTree(o, s3ARN(bucket, key))
	}
	o.Body.Close()
	from, err := r.hosted(ctx, ref.Repository)
	return r.gitTree(RemoteCommit{Path: from, Commit: ref.Commit}, ""), err
}

func (r *run) gitTree(from RemoteCommit, resolved string) sourceTree {
	return sourceTree{commit: resolved, close: func() {}, read: func(ctx context.Context, name string) ([]byte, error) {
		object := from.Commit + ":" + name
		size, err := r.git(ctx, from.Path, "cat-file", "-s", object)
		if err != nil {
			return nil, errors.Join(context.Cause(ctx), fs.ErrNotExist)
		}
		if n, err := strconv.Atoi(size); err != nil || n > buildspec.MaxSize {
			return nil, &Failure{Code: codeYAML, Message: fmt.Sprintf("the buildspec %s is larger than %d bytes", name, buildspec.MaxSize)}
		}
		return r.gitOutput(ctx, from.Path, "cat-file", "blob", object)
	}}
}

// folderTree is the objects below a key.
func (r *run) folderTree(bucket, folder string) sourceTree {
	return sourceTree{close: func() {}, read: func(ctx context.Context, name string) ([]byte, error) {
		o, err := r.open(ctx, bucket, folder+name, "")
		if err != nil {
			return nil, err
		}
		defer o.Body.Close()
		return io.ReadAll(io.LimitReader(o.Body, buildspec.MaxSize+1))
	}}
}

func zipTree(o Object, name string) (sourceTree, error) {
	z, err := zip.NewReader(o.Body, o.Size)
	if err != nil {
		o.Body.Close()
		return sourceTree{}, clientFailure("%s is not a zip file: %v", name, err)
	}
	return sourceTree{close: func() { o.Body.Close() }, read: func(_ context.Context, name string) ([]byte, error) {
		f, err := z.Open(name)
		if err != nil {
			return nil, fs.ErrNotExist
		}
		defer f.Close() //nolint:errcheck // read only
		return io.ReadAll(io.LimitReader(f, buildspec.MaxSize+1))
	}}, nil
}
