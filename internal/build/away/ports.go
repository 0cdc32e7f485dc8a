package away

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/iam"
)

func hash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// Objects is the server's object store as the build may use it.
func (l *Lease) Objects() build.Objects { return objects{l} }

type objects struct{ l *Lease }

// Open fetches the object into a file that goes when it is closed.
func (o objects) Open(ctx context.Context, bucket, key, version string) (build.Object, error) {
	f, err := os.CreateTemp(o.l.dir, "object-*")
	if err != nil {
		return build.Object{}, err
	}
	query := url.Values{"bucket": {bucket}, "key": {key}, "version": {version}}
	size, _, err := o.l.fetch(ctx, request{method: http.MethodGet, what: "object", query: query}, f)
	if err = errors.Join(err, os.Remove(f.Name())); err != nil { // the open file stays
		return build.Object{}, errors.Join(err, f.Close())
	}
	return build.Object{Size: size, Body: f}, nil
}

// fetch writes the answer of a request to a file, from its beginning at every try, and leaves the file there.
func (l *Lease) fetch(ctx context.Context, q request, f *os.File) (size int64, header http.Header, err error) {
	q.read = func(resp *http.Response) error {
		header = resp.Header
		if err := f.Truncate(0); err != nil {
			return err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if size, err = io.Copy(f, resp.Body); err == nil && size != resp.ContentLength {
			err = fmt.Errorf("the answer broke off after %d of %d bytes", size, resp.ContentLength)
		}
		return err
	}
	if err := l.send(ctx, q); err != nil {
		return 0, nil, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return size, header, err
}

// Page is a page of a listing.
type Page struct {
	Objects []build.Listed `json:"objects"`
	Next    string         `json:"next"`
}

func (o objects) List(ctx context.Context, bucket, prefix, after string) ([]build.Listed, string, error) {
	var p Page
	err := o.l.send(ctx, request{
		method: http.MethodGet, what: "objects", query: url.Values{"bucket": {bucket}, "prefix": {prefix}, "after": {after}}, limit: documentLimit,
		read: func(resp *http.Response) error { return json.NewDecoder(resp.Body).Decode(&p) },
	})
	return p.Objects, p.Next, err
}

func (o objects) StageDir() string { return o.l.dir }

func (o objects) PutFile(ctx context.Context, bucket, key, path string, a build.Attributes) error {
	attributes, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return o.l.send(ctx, request{
		method: http.MethodPut, what: "object", query: url.Values{"bucket": {bucket}, "key": {key}},
		header: http.Header{Attributes: {string(attributes)}}, body: func() (io.ReadCloser, error) { return os.Open(path) },
	})
}

// File goes before the content of each file that is published.
type File struct {
	Key        string           `json:"key"`
	Attributes build.Attributes `json:"attributes"`
}

// Publish sends all files in one request: a line of JSON, then the content in chunks, each after a line with its length, the
// last of length 0.
func (o objects) Publish(ctx context.Context, bucket string, files []build.Upload) error {
	return o.l.send(ctx, request{method: http.MethodPost, what: "publish", query: url.Values{"bucket": {bucket}}, body: func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() { w.CloseWithError(writeFiles(w, files)) }()
		return r, nil
	}})
}

func writeFiles(w io.Writer, files []build.Upload) error {
	for _, f := range files {
		if err := json.NewEncoder(w).Encode(File{Key: f.Key, Attributes: f.Attributes}); err != nil {
			return err
		}
		if err := writeChunks(w, f.Open); err != nil {
			return err
		}
	}
	return nil
}

const chunkSize = 256 << 10

func writeChunks(w io.Writer, open func() (io.ReadCloser, error)) error {
	in, err := open()
	if err != nil {
		return err
	}
	defer in.Close()
	chunk := make([]byte, chunkSize)
	for {
		n, err := io.ReadFull(in, chunk)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		if _, werr := fmt.Fprintf(w, "%d\n%s", n, chunk[:n]); werr != nil || n == 0 {
			return werr
		}
		if err != nil { // that was the rest
			_, werr := io.WriteString(w, "0\n")
			return werr
		}
	}
}

// Repositories are the server's hosted repositories as the build may clone them.
func (l *Lease) Repositories() build.Repositories { return repositories{l} }

type repositories struct{ l *Lease }

// Path fetches the whole repository.
func (r repositories) Path(ctx context.Context, name string) (string, error) {
	dir := filepath.Join(r.l.dir, "repository-"+hash([]byte(name)))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	_, err := r.l.bundle(ctx, request{method: http.MethodGet, what: "repository", query: url.Values{"name": {name}}}, name, dir)
	return dir, err
}

// bundle fetches a repository and unpacks it to a directory.
func (l *Lease) bundle(ctx context.Context, q request, name, dir string) (http.Header, error) {
	f, err := os.Create(dir + ".bundle")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it goes with the build
	_, header, err := l.fetch(ctx, q, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "git", "clone", "--quiet", "--mirror", f.Name(), dir)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + l.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "LC_ALL=C"}
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("the repository %s cannot be unpacked: %w: %s", name, err, bytes.TrimSpace(out)), os.RemoveAll(dir))
	}
	return header, nil
}

func (repositories) CloneRef(artifact []byte) (build.CloneRef, bool, error) {
	ref, ok, err := gitrepo.ParseCloneRef(artifact)
	return build.CloneRef{Repository: ref.Name(), Branch: ref.Branch, Commit: ref.Commit, URL: ref.CloneURL}, ok, err
}

// Remotes are the build's sources that lie elsewhere, by way of the server's copies of them.
func (l *Lease) Remotes() build.Remotes { return remotes{l} }

type remotes struct{ l *Lease }

// Remote names a version of a source that lies elsewhere, or of a submodule.
type Remote struct {
	Identifier string `json:"identifier,omitempty"` // of the source
	Location   string `json:"location"`
	Version    string `json:"version"`
}

// Fetch implements build.Remotes.
func (r remotes) Fetch(ctx context.Context, src types.ProjectSource, version string) (build.RemoteCommit, error) {
	location := aws.ToString(src.Location)
	q, err := document("remote", Remote{Identifier: aws.ToString(src.SourceIdentifier), Location: location, Version: version}, nil, 0)
	if err != nil {
		return build.RemoteCommit{}, err
	}
	parent, err := os.MkdirTemp(r.l.dir, "remote-*")
	if err != nil {
		return build.RemoteCommit{}, err
	}
	dir := filepath.Join(parent, "repository")
	header, err := r.l.bundle(ctx, q, location, dir)
	if err != nil {
		return build.RemoteCommit{}, err
	}
	c := build.RemoteCommit{Path: dir, Commit: header.Get(Commit)}
	if !gitrepo.ValidID(c.Commit) {
		return c, fmt.Errorf("the server does not say which commit of %s it sent", location)
	}
	return c, nil
}

// Secrets are the parameters and secrets that the build's role allows.
func (l *Lease) Secrets() build.Secrets { return secrets{l} }

type secrets struct{ l *Lease }

// Wanted names a parameter or a secret; Value is the answer.
type (
	Wanted struct {
		Parameter string               `json:"parameter,omitempty"`
		Secret    *buildspec.SecretRef `json:"secret,omitempty"`
	}
	Value struct {
		Value string `json:"value"`
	}
)

func (s secrets) Parameter(ctx context.Context, name string) (string, error) {
	return s.get(ctx, Wanted{Parameter: name})
}

func (s secrets) Secret(ctx context.Context, ref buildspec.SecretRef) (string, error) {
	return s.get(ctx, Wanted{Secret: &ref})
}

func (s secrets) get(ctx context.Context, w Wanted) (string, error) {
	var v Value
	err := s.l.call(ctx, "secret", w, &v)
	return v.Value, err
}

// Roles gives the build's commands credentials for the server.
func (l *Lease) Roles() build.Roles { return roles{l} }

type roles struct{ l *Lease }

// Access asks for credentials, or ends those with the id End.
type Access struct {
	Name    string `json:"name,omitempty"`
	Seconds int64  `json:"seconds,omitempty"`
	End     string `json:"end,omitempty"`
}

func (r roles) ServiceCredentials(ctx context.Context, _ iam.Service, name string, life time.Duration) (iam.AccessKey, error) {
	var key iam.AccessKey
	err := r.l.call(ctx, "credentials", Access{Name: name, Seconds: int64(life / time.Second)}, &key)
	return key, err
}

func (r roles) EndSession(ctx context.Context, id string) error {
	return r.l.call(ctx, "credentials", Access{End: id}, nil)
}

// Permitted asks whether the build's role allows something.
type Permitted struct {
	Action   string `json:"action"`
	Resource string `json:"resource"`
}

func (r roles) Permit(ctx context.Context, action, resource string) error {
	return r.l.call(ctx, "permitted", Permitted{Action: action, Resource: resource}, nil)
}

// Reports keeps the build's reports.
func (l *Lease) Reports() build.Reports { return reports{l} }

type reports struct{ l *Lease }

func (r reports) ReportGroup(ctx context.Context, name string) (g types.ReportGroup, err error) {
	err = r.l.send(ctx, request{
		method: http.MethodGet, what: "report-group", query: url.Values{"name": {name}}, limit: documentLimit,
		read: func(resp *http.Response) error { return json.NewDecoder(resp.Body).Decode(&g) },
	})
	return g, err
}

// Report is a report for a group. What the server knows of it better is replaced there.
type Report struct {
	Group   string        `json:"group"`
	Report  *types.Report `json:"report"`
	Details build.Details `json:"details"`
}

func (r reports) AddReport(ctx context.Context, g types.ReportGroup, _ string, rep *types.Report, d build.Details) error {
	return r.l.call(ctx, "report", Report{Group: *g.Name, Report: rep, Details: d}, nil)
}

// Logs takes the build's log.
func (l *Lease) Logs() build.Logs { return logs{l} }

type logs struct{ l *Lease }

func (l logs) Stream(context.Context, string, string) (build.LogStream, error) {
	return &logStream{l: l.l}, nil
}

type logStream struct {
	l    *Lease
	sent int64
}

// Lines are lines of a log. First is how many came before them.
type Lines struct {
	First int64    `json:"first"`
	Lines []string `json:"lines"`
}

// Append returns when the server has the lines. What the build writes meanwhile gathers in its log, and when that is full
// the build waits.
func (s *logStream) Append(ctx context.Context, text []byte) error {
	m := Lines{First: s.sent, Lines: strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")}
	if err := s.l.call(ctx, "log", m, nil); err != nil {
		return err
	}
	s.sent += int64(len(m.Lines))
	return nil
}

func (*logStream) Close(context.Context) error { return nil }
