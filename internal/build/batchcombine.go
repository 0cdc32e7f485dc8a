package build

import (
	"archive/zip"
	"context"
	"crypto/md5" //nolint:gosec // reported beside sha256, as AWS does
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// combined is an artifact that is put together from those of a batch's builds.
type combined struct {
	identifier *string
	location   string   // ARN
	parts      []string // ARNs, in the order of the builds
}

// partsOf lists what is to be put together from what the builds of a batch have made.
func partsOf(b *types.BuildBatch) []combined {
	var list []combined
	for _, g := range b.BuildGroups {
		if g.CurrentBuildSummary == nil {
			continue
		}
		made := slices.Clone(g.CurrentBuildSummary.SecondaryArtifacts)
		if p := g.CurrentBuildSummary.PrimaryArtifact; p != nil {
			made = append([]types.ResolvedArtifact{*p}, made...)
		}
		for _, a := range made {
			location, isPart := strings.CutSuffix(aws.ToString(a.Location), partsSuffix+aws.ToString(g.Identifier))
			if !isPart {
				continue
			}
			i := slices.IndexFunc(list, func(c combined) bool { return c.location == location })
			if i < 0 {
				i, list = len(list), append(list, combined{identifier: a.Identifier, location: location})
			}
			list[i].parts = append(list[i].parts, *a.Location)
		}
	}
	return list
}

// combineBatch puts the artifacts of a batch's builds together. Of two files with one name the one of the later build stays.
func (s *Service) combineBatch(ctx context.Context, rec batchRecord, done *batchWork) error {
	r := s.batchRun(ctx, rec)
	ctx = iam.ActingFor(ctx, r.role())
	parts := partsOf(&rec.Batch)
	for _, o := range rec.combinedOutputs() {
		if !slices.ContainsFunc(parts, func(c combined) bool { return c.location == s3ARN(o.Bucket, o.Key) }) {
			return clientFailure("no build of the batch has made a part of the output artifact %s", o.Name)
		}
	}
	for _, c := range parts {
		report, err := r.combine(ctx, c)
		if err != nil {
			return err
		}
		done.combined = append(done.combined, report)
	}
	return nil
}

// combinedOutputs are the artifacts that a pipeline expects to be put together.
func (rec *batchRecord) combinedOutputs() []pipeline.Artifact {
	if rec.Settings.Pipeline == nil || !aws.ToBool(rec.Batch.BuildBatchConfig.CombineArtifacts) {
		return nil
	}
	return rec.Settings.Pipeline.Outputs
}

// takeCombined notes what was put together: the first is the primary artifact, unless it bears an identifier.
func (rec *batchRecord) takeCombined(list []types.BuildArtifacts) {
	for _, a := range list {
		if rec.Batch.Artifacts == nil && a.ArtifactIdentifier == nil {
			rec.Batch.Artifacts = &a
		} else {
			rec.Batch.SecondaryArtifacts = append(rec.Batch.SecondaryArtifacts, a)
		}
	}
}

func (r *run) combine(ctx context.Context, c combined) (types.BuildArtifacts, error) {
	report := types.BuildArtifacts{Location: aws.String(c.location), ArtifactIdentifier: c.identifier, EncryptionDisabled: aws.Bool(false)}
	bucket, key, err := bucketAndKey(c.location)
	if err != nil {
		return report, clientFailure("%v", err)
	}
	f, err := os.CreateTemp(r.s.cfg.Objects.StageDir(), "artifact-*.zip")
	if err != nil {
		return report, err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // after a success it has moved away
	defer f.Close()
	sha, md := sha256.New(), md5.New() //nolint:gosec // as above
	w := zip.NewWriter(io.MultiWriter(f, sha, md))
	seen := map[string]bool{}
	for _, part := range slices.Backward(c.parts) {
		if err := r.addPart(ctx, w, part, seen); err != nil {
			return report, err
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		return report, err
	}
	report.Sha256sum, report.Md5sum = aws.String(hex.EncodeToString(sha.Sum(nil))), aws.String(hex.EncodeToString(md.Sum(nil)))
	attrs := r.attributes()
	attrs.ContentType = "application/zip"
	return report, noBucket(bucket, r.s.cfg.Objects.PutFile(ctx, bucket, key, f.Name(), attrs))
}

// addPart copies the files of one build's artifact, as they are packed, but those that are there already.
func (r *run) addPart(ctx context.Context, w *zip.Writer, location string, seen map[string]bool) error {
	bucket, key, err := bucketAndKey(location)
	if err != nil {
		return clientFailure("%v", err)
	}
	o, err := r.open(ctx, bucket, key, "")
	if err != nil {
		return err
	}
	defer o.Body.Close()
	z, err := zip.NewReader(o.Body, o.Size)
	if err != nil {
		return clientFailure("%s is not a zip file: %v", location, err)
	}
	for _, f := range z.File {
		if seen[f.Name] {
			continue
		}
		seen[f.Name] = true
		if err := errors.Join(context.Cause(ctx), w.Copy(f)); err != nil {
			return err
		}
	}
	return nil
}
