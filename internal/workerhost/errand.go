package workerhost

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/away"
)

// errand does what a worker asks for its build.
func (h *Handler) errand(w http.ResponseWriter, r *http.Request) error {
	id, what, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, away.Builds), "/")
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	ctx := r.Context()
	e, err := h.Builds.Errand(ctx, id, token)
	if err != nil {
		return err
	}
	switch r.Method + " " + what {
	case "POST renew":
		return h.renew(w, r, id, token)
	case "POST finish":
		var s away.State
		if err := read(r, &s); err != nil {
			return err
		}
		if s.Build == nil {
			return awsapi.Errorf("ValidationException", "There is no build in the request.")
		}
		return h.Builds.FinishRemote(ctx, id, token, s.Build)
	case "POST give-back":
		return h.Builds.GiveBack(ctx, id, token)
	case "POST log":
		var l away.Lines
		if err := read(r, &l); err != nil {
			return err
		}
		return e.AppendLog(ctx, l.First, l.Lines)
	case "POST secret":
		return secret(w, r, e)
	case "POST credentials":
		return credentials(w, r, e)
	case "POST permitted":
		var p away.Permitted
		if err := read(r, &p); err != nil {
			return err
		}
		return e.Permit(r.Context(), p.Action, p.Resource)
	case "GET report-group":
		return reportGroup(w, r, e)
	case "POST report":
		var add away.Report
		if err := readAtMost(r, maxReport, &add); err != nil {
			return err
		}
		return e.AddReport(ctx, add.Group, add.Report, add.Details)
	case "GET object":
		return open(w, r, e)
	case "GET objects":
		return list(w, r, e)
	case "PUT object":
		return put(r, e)
	case "POST publish":
		return publish(r, e)
	case "GET repository":
		return repository(w, r, e)
	case "POST remote":
		return fetched(w, r, e)
	}
	return &awsapi.Error{Code: "UnknownOperationException", Message: "There is no " + r.Method + " of " + r.URL.Path + ".", Status: http.StatusNotFound}
}

func read(r *http.Request, to any) error { return readAtMost(r, maxDocument, to) }

func readAtMost(r *http.Request, bytes int64, to any) error {
	if err := json.NewDecoder(io.LimitReader(r.Body, bytes)).Decode(to); err != nil {
		return awsapi.Errorf("ValidationException", "The body is not the JSON that is expected: %v", err)
	}
	return nil
}

func (h *Handler) renew(w http.ResponseWriter, r *http.Request, id, token string) error {
	var s away.State
	if err := read(r, &s); err != nil {
		return err
	}
	stop, err := h.Builds.Renew(r.Context(), id, token, s.Build)
	if err != nil {
		return err
	}
	return answer(w, away.Stop{Stop: stop})
}

func secret(w http.ResponseWriter, r *http.Request, e *build.Errand) error {
	var wanted away.Wanted
	if err := read(r, &wanted); err != nil {
		return err
	}
	var v away.Value
	var err error
	if wanted.Secret != nil {
		v.Value, err = e.Secret(r.Context(), *wanted.Secret)
	} else {
		v.Value, err = e.Parameter(r.Context(), wanted.Parameter)
	}
	if err != nil {
		return err
	}
	return answer(w, v)
}

func credentials(w http.ResponseWriter, r *http.Request, e *build.Errand) error {
	var a away.Access
	if err := read(r, &a); err != nil {
		return err
	}
	if a.End != "" {
		return e.EndCredentials(r.Context(), a.End)
	}
	key, err := e.Credentials(r.Context(), a.Name, time.Duration(a.Seconds)*time.Second)
	if err != nil {
		return err
	}
	return answer(w, key)
}

func open(w http.ResponseWriter, r *http.Request, e *build.Errand) error {
	q := r.URL.Query()
	o, err := e.Open(r.Context(), q.Get("bucket"), q.Get("key"), q.Get("version"))
	if err != nil {
		return err
	}
	defer o.Body.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(o.Size, 10))
	_, _ = io.Copy(w, o.Body) // what breaks off is noticed by its length, and asked for again
	return nil
}

func list(w http.ResponseWriter, r *http.Request, e *build.Errand) error {
	q := r.URL.Query()
	page, next, err := e.List(r.Context(), q.Get("bucket"), q.Get("prefix"), q.Get("after"))
	if err != nil {
		return err
	}
	return answer(w, away.Page{Objects: page, Next: next})
}

func reportGroup(w http.ResponseWriter, r *http.Request, e *build.Errand) error {
	g, err := e.ReportGroup(r.Context(), r.URL.Query().Get("name"))
	if err != nil {
		return err
	}
	return answer(w, g)
}

// staged copies a body to a file that the object store can take over.
func staged(e *build.Errand, body io.Reader) (string, error) {
	f, err := os.CreateTemp(e.Objects().StageDir(), "worker-*")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, body)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

func put(r *http.Request, e *build.Errand) error {
	bucket, key := r.URL.Query().Get("bucket"), r.URL.Query().Get("key")
	if err := e.MayWrite(r.Context(), bucket, key); err != nil {
		return err
	}
	var a build.Attributes
	if err := json.Unmarshal([]byte(r.Header.Get(away.Attributes)), &a); err != nil {
		return awsapi.Errorf("ValidationException", "The header %s is not JSON: %v", away.Attributes, err)
	}
	name, err := staged(e, r.Body)
	if err != nil {
		return err
	}
	defer os.Remove(name) //nolint:errcheck // after a success it has moved away
	return e.Objects().PutFile(e.Acting(r.Context()), bucket, key, name, a)
}

// publish receives all files before it shows the first.
func publish(r *http.Request, e *build.Errand) (err error) {
	bucket := r.URL.Query().Get("bucket")
	var files []build.Upload
	var names []string
	defer func() {
		for _, name := range names {
			err = errors.Join(err, os.Remove(name))
		}
	}()
	in := bufio.NewReader(r.Body)
	for {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return e.Objects().Publish(e.Acting(r.Context()), bucket, files)
		}
		if err != nil {
			return err
		}
		var f away.File
		if err := json.Unmarshal(line, &f); err != nil {
			return awsapi.Errorf("ValidationException", "A file is announced by %q.", line)
		}
		if err := e.MayWrite(r.Context(), bucket, f.Key); err != nil {
			return err
		}
		name, err := staged(e, &chunks{in: in})
		if err != nil {
			return err
		}
		names = append(names, name)
		files = append(files, build.Upload{Key: f.Key, Attributes: f.Attributes, Open: func() (io.ReadCloser, error) { return os.Open(name) }})
	}
}

// chunks reads one file of a published stream: chunks that each follow their length, the last one of length 0.
type chunks struct {
	in   *bufio.Reader
	left int
	over bool
}

func (c *chunks) Read(p []byte) (int, error) {
	if c.left == 0 && !c.over {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, io.ErrUnexpectedEOF
		}
		c.left, err = strconv.Atoi(strings.TrimSuffix(string(line), "\n"))
		if err != nil || c.left < 0 {
			return 0, awsapi.Errorf("ValidationException", "%q is not the length of a chunk.", line)
		}
		c.over = c.left == 0
	}
	if c.over {
		return 0, io.EOF
	}
	n, err := c.in.Read(p[:min(len(p), c.left)])
	c.left -= n
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// repository sends a whole hosted repository.
func repository(w http.ResponseWriter, r *http.Request, e *build.Errand) error {
	dir, err := e.Repository(r.Context(), r.URL.Query().Get("name"))
	if err != nil {
		return err
	}
	return bundle(w, r, e, build.RemoteCommit{Path: dir})
}

// fetched sends a repository that lies elsewhere, after a version of it was brought here.
func fetched(w http.ResponseWriter, r *http.Request, e *build.Errand) error {
	var wanted away.Remote
	if err := read(r, &wanted); err != nil {
		return err
	}
	c, err := e.Fetch(r.Context(), wanted.Identifier, wanted.Location, wanted.Version)
	if err != nil {
		return err
	}
	w.Header().Set(away.Commit, c.Commit)
	return bundle(w, r, e, c)
}

// bundle sends a repository as git bundles it: all its refs, and a commit that need not be on one of them.
func bundle(w http.ResponseWriter, r *http.Request, e *build.Errand, c build.RemoteCommit) error {
	f, err := os.CreateTemp(e.Objects().StageDir(), "bundle-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // cleared away with the rest of the directory
	defer f.Close()
	revs := []string{"--all"}
	if c.Commit != "" {
		revs = append(revs, c.Commit)
	}
	if git(r.Context(), c.Path, io.Discard, "rev-parse", "--verify", "--quiet", "HEAD^{commit}") == nil { // a copy has none
		revs = append(revs, "HEAD")
	}
	if err := git(r.Context(), c.Path, f, append([]string{"bundle", "create", "--quiet", "-"}, revs...)...); err != nil {
		return fmt.Errorf("bundling the repository: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	w.Header().Set("Content-Length", strconv.FormatInt(info.Size(), 10))
	_, _ = io.Copy(w, f) // what breaks off is noticed by its length, and asked for again
	return nil
}

func git(ctx context.Context, dir string, to io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "safe.directory=*", "-C", dir}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "LC_ALL=C"}
	var problem strings.Builder
	cmd.Stdout, cmd.Stderr = to, &problem
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(problem.String()))
	}
	return nil
}
