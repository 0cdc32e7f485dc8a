package githost

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
)

// protocolPattern is what a Git-Protocol header may hold: version=2 and the like.
var protocolPattern = regexp.MustCompile(`^[a-z0-9=:._-]{1,64}$`)

// command prepares git to serve a request.
func (h *Host) command(req *request, args ...string) (*exec.Cmd, *gitrepo.Tail) {
	cmd := h.repos.Command(req.Context(), req.repo, args...)
	if p := req.Header.Get("Git-Protocol"); protocolPattern.MatchString(p) {
		cmd.Env = append(cmd.Env, "GIT_PROTOCOL="+p)
	}
	errs := &gitrepo.Tail{Max: 4 << 10}
	cmd.Stderr = errs
	return cmd, errs
}

// advertise answers info/refs: which refs and capabilities there are.
func (h *Host) advertise(w http.ResponseWriter, req *request, service string) {
	cmd, errs := h.command(req, service, "--stateless-rpc", "--advertise-refs", ".")
	var out bytes.Buffer
	if service == "receive-pack" || !strings.Contains(req.Header.Get("Git-Protocol"), "version=2") {
		out.Write(pkt("# service=git-" + service + "\n"))
		out.WriteString("0000")
	}
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		if req.Context().Err() == nil {
			h.broken(w, req.Request, fmt.Errorf("git %s: %w: %s", service, err, errs))
		}
		return
	}
	plain(w, "application/x-git-"+service+"-advertisement")
	_, _ = w.Write(out.Bytes())
}

// plain sets the headers of a git answer.
func plain(w http.ResponseWriter, contentType string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
	w.Header().Set("Expires", "Fri, 01 Jan 1980 00:00:00 GMT")
	w.Header().Set("Pragma", "no-cache")
}

// upload serves a fetch or clone. The answer is streamed; git ends when the client goes away.
func (h *Host) upload(w http.ResponseWriter, req *request) {
	body, err := h.body(w, req)
	if err != nil {
		say(w, http.StatusBadRequest, err.Error())
		return
	}
	cmd, errs := h.command(req, "upload-pack", "--stateless-rpc", ".")
	// A request for what to fetch is small, and git reads all of it before it answers.
	ask, err := io.ReadAll(io.LimitReader(body, h.opts.MaxRequest+1))
	if err != nil || int64(len(ask)) > h.opts.MaxRequest {
		say(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the request could not be read, or is longer than %d bytes", h.opts.MaxRequest))
		return
	}
	cmd.Stdin = bytes.NewReader(ask)
	cmd.WaitDelay = 10 * time.Second
	plain(w, "application/x-git-upload-pack-result")
	out := &flusher{w: w, rc: http.NewResponseController(w), idle: h.opts.Idle}
	cmd.Stdout = out
	if err := cmd.Run(); err != nil && req.Context().Err() == nil {
		req.log.Warn("fetch failed", "error", err, "git", errs.String())
		if !out.begun {
			h.broken(w, req.Request, fmt.Errorf("git upload-pack: %w: %s", err, errs))
		}
	}
}

// body is a request's body, unpacked, with a deadline that moves along as long as data comes.
func (h *Host) body(w http.ResponseWriter, req *request) (io.Reader, error) {
	moving := &movingReader{r: req.Body, rc: http.NewResponseController(w), idle: h.opts.Idle}
	switch enc := req.Header.Get("Content-Encoding"); enc {
	case "", "identity":
		return moving, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(moving)
		if err != nil {
			return nil, fmt.Errorf("the body is not gzip: %w", err)
		}
		return z, nil
	default:
		return nil, fmt.Errorf("content encoding %q is not supported", enc)
	}
}

// movingReader gives a slow client as much time as it needs, but not one that has stopped.
type movingReader struct {
	r     io.Reader
	rc    *http.ResponseController
	idle  time.Duration
	moved time.Time
}

func (m *movingReader) Read(p []byte) (int, error) {
	if now := time.Now(); now.Sub(m.moved) > time.Second {
		m.moved = now
		if err := m.rc.SetReadDeadline(now.Add(m.idle)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return 0, err
		}
	}
	return m.r.Read(p)
}

// flusher sends everything at once: progress is of no use later.
type flusher struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	idle  time.Duration
	begun bool
}

func (f *flusher) Write(p []byte) (int, error) {
	f.begun = true
	if err := f.rc.SetWriteDeadline(time.Now().Add(f.idle)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := f.w.Write(p)
	if err == nil {
		if err = f.rc.Flush(); errors.Is(err, http.ErrNotSupported) {
			err = nil
		}
	}
	return n, err
}
