package build

import (
	"bufio"
	"context"
	"errors"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/klauspost/compress/gzip"

	"github.com/conveyor-cd/conveyor/internal/iam"
)

// s3LogOf is where a build's log is stored in a bucket: LOCATION/ID.gz. ok is false when it is not.
func s3LogOf(config *types.S3LogsConfig, id string) (bucket, key string, ok bool) {
	if config == nil || config.Status != types.LogsConfigStatusTypeEnabled {
		return "", "", false
	}
	bucket, folder, _ := strings.Cut(strings.TrimPrefix(aws.ToString(config.Location), "arn:aws:s3:::"), "/")
	return bucket, strings.TrimPrefix(strings.Trim(folder, "/")+"/"+id+".gz", "/"), bucket != ""
}

// logs are where the build's log goes; nil: nowhere.
func (r *run) logs() Logs {
	l := r.rec.Build.Logs
	to := &runLogs{r: r, streamed: r.s.cfg.Logs != nil && l.GroupName != nil}
	if to.bucket, to.key, to.stored = s3LogOf(l.S3Logs, r.rec.ID); !to.streamed && !to.stored {
		return nil
	}
	return to
}

// runLogs opens the log of one build in the log store, in a bucket, or in both.
type runLogs struct {
	r                *run
	streamed, stored bool
	bucket, key      string
}

func (l *runLogs) Stream(ctx context.Context, group, stream string) (LogStream, error) {
	var to LogStream
	if l.streamed {
		var err error
		if to, err = l.r.s.cfg.Logs.Stream(ctx, group, stream); err != nil || !l.stored {
			return to, err
		}
	}
	return openStoredLog(l, to), nil
}

// storedLog gathers a log, packed, in a file beside the objects, and stores that when the log ends. What goes wrong there is
// told to the other log, which goes on.
type storedLog struct {
	*runLogs
	other LogStream // may be nil
	file  *os.File
	zip   *gzip.Writer
	out   *bufio.Writer
	err   error
}

func openStoredLog(l *runLogs, other LogStream) *storedLog {
	s := &storedLog{runLogs: l, other: other}
	if s.file, s.err = os.CreateTemp(l.r.s.cfg.Objects.StageDir(), "log-*.gz"); s.err != nil {
		return s
	}
	s.zip, s.err = gzip.NewWriterLevel(s.file, gzip.BestSpeed)
	s.out = bufio.NewWriterSize(s.zip, outputBuffer)
	return s
}

// outputBuffer is how much of a log waits to be packed.
const outputBuffer = 64 << 10

func (s *storedLog) Append(ctx context.Context, text []byte) error {
	if s.err == nil {
		_, s.err = s.out.Write(text)
	}
	if s.other == nil {
		return s.err
	}
	return s.other.Append(ctx, text)
}

func (s *storedLog) Close(ctx context.Context) error {
	err := s.store(ctx)
	if s.other == nil {
		return err
	}
	if err != nil {
		text := "Warning: the log cannot be stored as s3://" + s.bucket + "/" + s.key + ": " + reason(err) + "\n"
		err = errors.Join(err, s.other.Append(ctx, []byte(text)))
	}
	return errors.Join(err, s.other.Close(ctx))
}

// store hands the file over.
func (s *storedLog) store(ctx context.Context) error {
	if s.file == nil {
		return s.err
	}
	defer os.Remove(s.file.Name()) //nolint:errcheck // after a success it has moved away
	defer s.file.Close()
	if s.err == nil {
		s.err = errors.Join(s.out.Flush(), s.zip.Close(), s.file.Close())
	}
	if s.err != nil {
		return s.err
	}
	r := s.r
	attrs := r.attributes()
	attrs.ContentType = "application/gzip"
	ctx = iam.ActingFor(ctx, r.role())
	err := r.s.cfg.Objects.PutFile(ctx, s.bucket, s.key, s.file.Name(), attrs)
	if errors.Is(err, ErrNoBucket) {
		err = clientFailure("the bucket does not exist")
	}
	return err
}
