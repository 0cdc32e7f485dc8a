package build

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Errors the ports report, whatever is behind them.
var (
	ErrNoBucket     = errors.New("no such bucket")
	ErrNoObject     = errors.New("no such object")
	ErrNoRepository = errors.New("no such repository")
	ErrNoSecret     = errors.New("no such parameter or secret")
)

// Objects is what builds need of the object store: they read sources from it and put artifacts there.
type Objects interface {
	// Open opens an object; version "" is the newest. ErrNoBucket, ErrNoObject.
	Open(ctx context.Context, bucket, key, version string) (Object, error)
	// List is a page of the objects whose keys begin with a prefix, in the order of their keys, from the one that follows
	// after. next is what the page that follows it comes after; "" when it is the last. ErrNoBucket.
	List(ctx context.Context, bucket, prefix, after string) (page []Listed, next string, err error)
	// StageDir is where files for PutFile are made.
	StageDir() string
	// PutFile stores a finished file of StageDir durably, by moving it. ErrNoBucket.
	PutFile(ctx context.Context, bucket, key, path string, a Attributes) error
	// Publish stores files and then shows all of them at once. ErrNoBucket.
	Publish(ctx context.Context, bucket string, files []Upload) error
}

// Object is an open object. The caller closes Body.
type Object struct {
	Size    int64
	Version string
	Body    interface {
		io.ReadSeekCloser
		io.ReaderAt
	}
}

// Listed is an object that List has found.
type Listed struct {
	Key    string    `json:"key"`
	Size   int64     `json:"size"`
	Stored time.Time `json:"stored"`
}

// Attributes are stored with an object.
type Attributes struct {
	ContentType string
	KMSKeyID    string
	Metadata    map[string]string
}

// Upload is one file to publish.
type Upload struct {
	Key  string
	Open func() (io.ReadCloser, error)
	Attributes
}

// Repositories is what builds need of hosted Git repositories.
type Repositories interface {
	// Path is the directory of the bare repository, on this machine. ErrNoRepository.
	Path(ctx context.Context, repository string) (string, error)
	// CloneRef reads an artifact that stands for a clone; ok is false for any other artifact, such as a zip.
	CloneRef(artifact []byte) (ref CloneRef, ok bool, err error)
}

// CloneRef says what to clone instead of unpacking an artifact.
type CloneRef struct{ Repository, Branch, Commit, URL string }

// CloneRefLimit is how long an artifact that holds a CloneRef is at most.
const CloneRefLimit = 16 << 10

// Remotes is what builds need of Git repositories that lie elsewhere.
type Remotes interface {
	// Fetch brings a version of a source here: a branch, a tag, a commit, pr/NUMBER, REF^{COMMIT}, or, when it is empty, the
	// tip of the default branch. A source whose Auth has no type is fetched without credentials. What the user has to mend
	// is a *Failure.
	Fetch(ctx context.Context, src types.ProjectSource, version string) (RemoteCommit, error)
}

// RemoteCommit is a commit in a bare repository on this machine, which must not be written to.
type RemoteCommit struct{ Path, Commit string }

// Secrets is what builds need of parameters and secrets. What is missing or unfit is ErrNoSecret, whose text says what and
// never holds a value.
type Secrets interface {
	// Parameter is the value of a parameter; name may be an ARN and may end with a version or a label.
	Parameter(ctx context.Context, name string) (string, error)
	// Secret is the whole value that ref is about.
	Secret(ctx context.Context, ref buildspec.SecretRef) (string, error)
}

// Reports keeps what the tests of builds say. A *Service does.
type Reports interface {
	// ReportGroup reads a report group. ErrNoReportGroup.
	ReportGroup(ctx context.Context, name string) (types.ReportGroup, error)
	// AddReport stores a report under an id in a group, which is made unless it exists. A report that is there is replaced.
	AddReport(ctx context.Context, g types.ReportGroup, id string, r *types.Report, d Details) error
}

// Logs opens the log streams builds write to.
type Logs interface {
	// Stream makes group and stream when they are missing.
	Stream(ctx context.Context, group, stream string) (LogStream, error)
}

// WorkerLogs keeps the lines that workers on other machines hand in. Implemented by *logstore.Store.
type WorkerLogs interface {
	// AppendLines adds lines, each with its newline, as a part of tx. Group and stream are made when they are missing.
	AppendLines(ctx context.Context, tx store.Tx, group, stream string, text []byte) error
}

// LogStream takes the lines of one build, in order, from one goroutine at a time.
type LogStream interface {
	// Append takes whole lines of valid UTF-8, each with its newline. It may gather lines in memory for a moment, but not
	// keep the text; it blocks while the store cannot keep up.
	Append(ctx context.Context, text []byte) error
	// Close makes everything appended durable.
	Close(ctx context.Context) error
}
