package build

import (
	"context"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/archive"
)

// exportReport stores the files of a report as they are, where its group says: below [path/]GROUP/REPORT, or as one zip of
// that name.
func (r *run) exportReport(ctx context.Context, g types.ReportGroup, id string, files []archive.Entry) error {
	if g.ExportConfig == nil || g.ExportConfig.ExportConfigType != types.ReportExportConfigTypeS3 {
		return nil
	}
	to := g.ExportConfig.S3Destination
	bucket, key := *to.Bucket, path.Join(strings.Trim(aws.ToString(to.Path), "/"), *g.Name, id)
	attrs := Attributes{Metadata: map[string]string{"codebuild-buildarn": *r.rec.Build.Arn}}
	if !aws.ToBool(to.EncryptionDisabled) {
		attrs.KMSKeyID = aws.ToString(to.EncryptionKey)
	}
	return r.again(ctx, func() error {
		if to.Packaging == types.ReportPackagingTypeZip {
			return r.storeZip(ctx, files, archive.Options{}, bucket, key+".zip", attrs, nil)
		}
		return r.storeFiles(ctx, files, bucket, key, attrs)
	})
}
