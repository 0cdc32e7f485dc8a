package build

import (
	"context"
	"crypto/md5" //nolint:gosec // reported beside sha256, as AWS does
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/archive"
	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// output is one artifact the build has to hand over: what the buildspec says it holds and where it goes.
type output struct {
	id     string // "" for the primary one
	what   buildspec.Artifacts
	to     *pipeline.Artifact      // in a pipeline
	config *types.ProjectArtifacts // outside one
	files  []archive.Entry
}

// outputs decides which artifacts the build hands over.
func (r *run) outputs() ([]output, error) {
	all := r.spec.Artifacts
	if p := r.rec.Settings.Pipeline; p != nil {
		return pipelineOutputs(all, p, r.optional())
	}
	var outs []output
	for i := range r.rec.Settings.Artifacts {
		cfg := &r.rec.Settings.Artifacts[i]
		if cfg.Type != types.ArtifactsTypeS3 {
			continue
		}
		id := ""
		if i > 0 || aws.ToString(cfg.ArtifactIdentifier) != "" {
			id = aws.ToString(cfg.ArtifactIdentifier)
		}
		what, err := definition(all, id)
		if i == 0 && id != "" && err != nil {
			what, err = definition(all, "") // a primary artifact may have an identifier, too
		}
		if err != nil && r.optional() {
			continue
		}
		if err != nil {
			return nil, err
		}
		outs = append(outs, output{id: id, what: what, config: cfg})
	}
	return outs, nil
}

// optional tells whether the build need not make every artifact: it is one of a batch, and others may make them.
func (r *run) optional() bool {
	part := r.rec.Settings.Batch
	return part != nil && (part.Combine || r.rec.Settings.Pipeline == nil)
}

// pipelineOutputs matches a pipeline's output artifacts with those of the buildspec. A single one is the secondary
// artifact of that name if there is one, else the primary; of several every one is a secondary artifact. Those of a build of
// a batch say in their names which one they are.
func pipelineOutputs(all *buildspec.Artifacts, p *Pipeline, optional bool) ([]output, error) {
	var outs []output
	for i := range p.Outputs {
		to := &p.Outputs[i]
		name := to.Name
		if p.Group != "" {
			name = strings.TrimPrefix(strings.TrimPrefix(name, p.Group), "_")
		}
		what, found := all.Find(name)
		if !found {
			var err error
			if len(p.Outputs) == 1 && p.Group == "" {
				name = ""
			}
			what, err = definition(all, name)
			if err != nil && optional {
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		outs = append(outs, output{id: what.ID, what: what, to: to})
	}
	return outs, nil
}

func definition(all *buildspec.Artifacts, id string) (buildspec.Artifacts, error) {
	if id != "" {
		if a, ok := all.Find(id); ok {
			return a, nil
		}
		return buildspec.Artifacts{}, clientFailure("no definition for %s in the buildspec: artifacts has no entry of that name under secondary-artifacts", id)
	}
	if all == nil || len(all.Files) == 0 {
		return buildspec.Artifacts{}, clientFailure("no definition for the build's artifact in the buildspec: it has no artifacts section with files")
	}
	return *all, nil
}

// expand replaces variables in what the buildspec says about an artifact, and asks the shell for a name that uses it.
func (r *run) expand(ctx context.Context, outs []output) error {
	var texts []string
	for _, o := range outs {
		texts = append(append(append(texts, o.what.BaseDirectory, o.what.S3Prefix), o.what.Files...), o.what.ExcludePaths...)
	}
	values, err := r.session.Getenv(ctx, buildspec.References(texts...))
	if err != nil {
		return err
	}
	each := func(in []string) []string {
		out := make([]string, len(in))
		for i, s := range in {
			out[i] = buildspec.Expand(s, values)
		}
		return out
	}
	for i := range outs {
		a := &outs[i].what
		a.BaseDirectory, a.S3Prefix = buildspec.Expand(a.BaseDirectory, values), buildspec.Expand(a.S3Prefix, values)
		a.Files, a.ExcludePaths = each(a.Files), each(a.ExcludePaths)
		if c := outs[i].config; c == nil || !aws.ToBool(c.OverrideArtifactName) || a.Name == "" {
			continue
		}
		if a.Name, err = r.session.Eval(ctx, a.Name); err != nil {
			return clientFailure("the artifact's name cannot be evaluated: %v", err)
		}
	}
	return nil
}

// upload collects and stores all artifacts. All are collected before the first is stored.
func (r *run) upload(ctx context.Context) error {
	outs, err := r.outputs()
	if err == nil {
		err = r.expand(ctx, outs)
	}
	if err != nil || len(outs) == 0 && r.cache == nil {
		return err
	}
	// Nothing of the build runs any more from here on, so that what is packed stands still.
	if err := r.session.Close(); err != nil {
		return err
	}
	if err := r.s.checkDisk(ctx, r.rec.ID, r.ws); err != nil {
		return err
	}
	r.saveCache(ctx)
	c := &collector{root: r.ws.Root(), source: srcDir, see: r.ws.Path, warn: r.log.Printf}
	for i := range outs {
		o := &outs[i]
		r.log.Printf("Expanding base directory path: %s", orDot(o.what.BaseDirectory))
		r.log.Printf("Expanding %s", strings.Join(o.what.Files, ", "))
		if o.files, err = c.collect(o.what); err != nil {
			return named(o, err)
		}
		r.log.Printf("Found %d file(s)", len(o.files))
	}
	for i := range outs {
		if err := r.again(ctx, func() error { return r.put(ctx, &outs[i]) }); err != nil {
			return named(&outs[i], err)
		}
	}
	return nil
}

func orDot(s string) string {
	if s == "" {
		return "."
	}
	return s
}

func named(o *output, err error) error {
	f, ok := errors.AsType[*Failure](err)
	if !ok || o.id == "" {
		return err
	}
	return &Failure{Code: f.Code, Message: o.id + ": " + f.Message}
}

func (r *run) put(ctx context.Context, o *output) error {
	report := types.BuildArtifacts{EncryptionDisabled: aws.Bool(false)}
	if o.id != "" {
		report.ArtifactIdentifier = aws.String(o.id)
	}
	var err error
	switch {
	case o.to != nil:
		report.Location = aws.String(s3ARN(o.to.Bucket, o.to.Key))
		err = r.putZip(ctx, o, o.to.Bucket, o.to.Key, &report)
	default:
		err = r.putS3(ctx, o, &report)
	}
	if err != nil {
		return err
	}
	r.progress.set(func(b *types.Build) {
		if o.id == "" || (o.to != nil && len(r.rec.Settings.Pipeline.Outputs) == 1) {
			b.Artifacts = &report
			return
		}
		kept := make([]types.BuildArtifacts, 0, len(b.SecondaryArtifacts)+1)
		for _, a := range b.SecondaryArtifacts {
			if aws.ToString(a.ArtifactIdentifier) != o.id {
				kept = append(kept, a)
			}
		}
		b.SecondaryArtifacts = append(kept, report)
	})
	return nil
}

// putS3 stores an artifact where a project's artifact settings say.
func (r *run) putS3(ctx context.Context, o *output, report *types.BuildArtifacts) error {
	c := o.config
	bucket := strings.TrimPrefix(aws.ToString(c.Location), "arn:aws:s3:::")
	report.OverrideArtifactName = c.OverrideArtifactName
	report.EncryptionDisabled = c.EncryptionDisabled
	key, err := r.artifactKey(o)
	if err != nil {
		return err
	}
	report.Location = aws.String(strings.TrimSuffix(s3ARN(bucket, key), "/"))
	if c.Packaging == types.ArtifactPackagingZip {
		if key == "" {
			return clientFailure("a zip artifact needs a name; \"/\" only suits packaging NONE")
		}
		return r.putZip(ctx, o, bucket, key, report)
	}
	return r.storeFiles(ctx, o.files, bucket, key, r.attributes())
}

// artifactKey is [path/][build-id/]name, or with s3-prefix prefix/build-id/name (codebuild.md section 5).
func (r *run) artifactKey(o *output) (string, error) {
	c := o.config
	name := aws.ToString(c.Name)
	if aws.ToBool(c.OverrideArtifactName) && o.what.Name != "" {
		name = o.what.Name
	}
	if name == "" {
		name = *r.rec.Build.ProjectName
	}
	parts := []string{aws.ToString(c.Path)}
	batch := r.rec.Settings.Batch
	switch {
	case c.NamespaceType == types.ArtifactNamespaceBuildId:
		if o.what.S3Prefix != "" {
			parts[0] = o.what.S3Prefix
		}
		parts = append(parts, r.rec.space())
	case batch != nil && !batch.Combine: // builds of one batch would overwrite each other
		parts = append(parts, batch.Identifier)
	}
	if batch != nil && batch.Combine && c.Packaging == types.ArtifactPackagingZip {
		name += partsSuffix + batch.Identifier
	}
	key := strings.Trim(strings.Join(append(parts, name), "/"), "/")
	for p := range strings.SplitSeq(key, "/") {
		if p == ".." || p == "." {
			return "", clientFailure("the artifact's name %q contains %q", key, p)
		}
	}
	for strings.Contains(key, "//") {
		key = strings.ReplaceAll(key, "//", "/")
	}
	return key, nil
}

func (r *run) attributes() Attributes {
	b := r.rec.Build
	return Attributes{
		KMSKeyID: r.kmsKey(),
		Metadata: map[string]string{"codebuild-buildarn": *b.Arn},
	}
}

// kmsKey is the key the artifact is said to be encrypted with; the default alias is not worth saying.
func (r *run) kmsKey() string {
	key := aws.ToString(r.rec.Build.EncryptionKey)
	if strings.HasSuffix(key, ":alias/aws/s3") {
		return ""
	}
	return key
}

// putZip stores an artifact as a zip.
func (r *run) putZip(ctx context.Context, o *output, bucket, key string, report *types.BuildArtifacts) error {
	opts := archive.Options{Links: archive.FollowLinks}
	if o.what.EnableSymlinks {
		opts.Links = archive.KeepLinks
	}
	if o.config == nil {
		return r.storeZip(ctx, o.files, opts, bucket, key, r.attributes(), nil)
	}
	sha, md := sha256.New(), md5.New() //nolint:gosec // as above
	err := r.storeZip(ctx, o.files, opts, bucket, key, r.attributes(), io.MultiWriter(sha, md))
	report.Sha256sum = aws.String(hex.EncodeToString(sha.Sum(nil)))
	report.Md5sum = aws.String(hex.EncodeToString(md.Sum(nil)))
	return err
}

// storeZip packs files of the workspace in the object store's staging directory and hands the zip over. also, when set, is
// written what the zip holds.
func (r *run) storeZip(ctx context.Context, files []archive.Entry, o archive.Options, bucket, key string, attrs Attributes, also io.Writer) error {
	f, err := os.CreateTemp(r.s.cfg.Objects.StageDir(), "artifact-*.zip")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // after a success it has moved away
	defer f.Close()
	var to io.Writer = f
	if also != nil {
		to = io.MultiWriter(f, also)
	}
	if err := archive.Zip(ctx, to, r.ws.Root(), files, o); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return clientFailure("the artifact cannot be packed: %v", err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	attrs.ContentType = "application/zip"
	return noBucket(bucket, r.s.cfg.Objects.PutFile(ctx, bucket, key, f.Name(), attrs))
}

// storeFiles stores files of the workspace as a folder of objects, all at once.
func (r *run) storeFiles(ctx context.Context, files []archive.Entry, bucket, folder string, attrs Attributes) error {
	root, err := os.OpenRoot(r.ws.Root())
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // read only
	var uploads []Upload
	for _, e := range files {
		attrs.ContentType = mime.TypeByExtension(path.Ext(e.Name))
		uploads = append(uploads, Upload{
			Key: strings.TrimPrefix(folder+"/"+e.Name, "/"), Attributes: attrs,
			Open: func() (io.ReadCloser, error) { return root.Open(filepath.FromSlash(e.Path)) },
		})
	}
	return noBucket(bucket, r.s.cfg.Objects.Publish(ctx, bucket, uploads))
}

func noBucket(bucket string, err error) error {
	if errors.Is(err, ErrNoBucket) {
		return clientFailure("the bucket %s for the artifact does not exist", bucket)
	}
	if err != nil {
		return fmt.Errorf("store artifact in %s: %w", bucket, err)
	}
	return nil
}
