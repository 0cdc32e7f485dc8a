// Package shellhost opens shells in the kept workspaces of failed builds, for `conveyor build shell`. A signed request is
// upgraded to a connection of frames (see Kind); AWS has nothing like it.
package shellhost

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/build"
)

const (
	// Prefix is where shells are: Prefix + PROJECT:ID.
	Prefix = "/conveyor/shells/"
	// Protocol is what a connection is upgraded to.
	Protocol = "conveyor-shell"
	// TerminalHeader, when it is "true", asks for a terminal.
	TerminalHeader = "Conveyor-Terminal"
	// Service is the name requests are signed for.
	Service = "codebuild"
	// Action is what a caller must be allowed on the build's project.
	Action = "codebuild:ConveyorOpenShell"
)

// lastWord is how long a caller may take to read how its shell ended.
const lastWord = 10 * time.Second

// Builds opens shells; *build.Service does.
type Builds interface {
	OpenShell(ctx context.Context, project, id string, s build.Shell, say io.Writer) (status int, err error)
}

// Handler answers below Prefix.
type Handler struct {
	Builds     Builds
	Verifier   *awsapi.Verifier
	Authorizer awsapi.Authorizer
	Place      awsapi.Place
	Log        *slog.Logger

	patience time.Duration // for tests; 0: lastWord
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	project, id, err := h.admit(r)
	if err == nil {
		err = h.upgrade(w, r, project, id)
	}
	if err != nil {
		h.refuse(w, r, err)
	}
}

// admit finds out whose shell is asked for, and whether the caller may have it.
func (h *Handler) admit(r *http.Request) (project, id string, err error) {
	caller, err := h.Verifier.Verify(r, Service, awsapi.HashPayload(nil))
	if err != nil {
		return "", "", err
	}
	project, id, ok := build.ParseID(strings.TrimPrefix(r.URL.Path, Prefix))
	if !ok {
		return "", "", awsapi.Errorf("InvalidInputException", "The path must be %sPROJECT:ID, with the id of a build.", Prefix)
	}
	ctx := awsapi.WithConditions(awsapi.WithCaller(r.Context(), caller), r)
	if err := h.Authorizer.Authorize(ctx, caller, Action, []string{h.Place.ARN(Service, "project/"+project)}); err != nil {
		return "", "", err
	}
	if r.Method != http.MethodPost || !strings.EqualFold(r.Header.Get("Upgrade"), Protocol) {
		return "", "", &awsapi.Error{Code: "UpgradeRequired", Message: "A shell is opened by a POST that asks to be upgraded to " + Protocol + ", as conveyor build shell does.", Status: http.StatusUpgradeRequired}
	}
	h.Log.Info("a shell is opened in the workspace of a build", "build", id, "project", project, "by", caller.Arn)
	return project, id, nil
}

// upgrade takes the connection over and runs the shell on it.
func (h *Handler) upgrade(w http.ResponseWriter, r *http.Request, project, id string) error {
	conn, both, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()                   // all that matters was written
	if err := conn.SetDeadline(time.Time{}); err != nil { // those of a request must not outlive it
		return nil //nolint:nilerr // the caller is gone
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+Protocol+"\r\n\r\n"); err != nil {
		return nil //nolint:nilerr // as above
	}
	h.serve(r, project, id, both.Reader, conn)
	return nil
}

// serve is one shell, from the first frame to the last.
func (h *Handler) serve(r *http.Request, project, id string, from *bufio.Reader, to net.Conn) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context())) // the server no longer watches the connection
	defer cancel()
	in, typed := io.Pipe()
	defer func() { _ = in.Close() }() // never fails
	turn := new(sync.Mutex)
	s := build.Shell{In: in, Out: Frames{to, Output, turn}}
	sizes := make(chan build.Size)
	if r.Header.Get(TerminalHeader) == "true" {
		s.Sizes, s.Env = sizes, []string{"TERM=xterm-256color"}
	}
	go func() {
		err := receive(ctx, from, typed, sizes)
		_ = typed.CloseWithError(err)
		if !errors.Is(err, errEnd) {
			cancel() // the caller is gone, and the shell with it
			return
		}
		if _, _, err := ReadFrame(from); err != nil {
			cancel()
		}
	}()
	status, err := h.Builds.OpenShell(ctx, project, id, s, Frames{to, Notice, turn})
	if to.SetWriteDeadline(time.Now().Add(cmp.Or(h.patience, lastWord))) != nil { // output that nobody reads may be on its way still
		return // the caller is gone
	}
	if err != nil {
		_, _ = Frames{to, Fault, turn}.Write([]byte(err.Error())) // a caller that is gone needs no reason
		return
	}
	_, _ = Frames{to, Exit, turn}.Write([]byte{byte(status)})
}

// errEnd is the End frame.
var errEnd = io.EOF

// receive hands on what the caller sends, until it ends.
func receive(ctx context.Context, from io.Reader, typed io.Writer, sizes chan<- build.Size) error {
	for {
		kind, content, err := ReadFrame(from)
		if err != nil {
			return io.ErrUnexpectedEOF
		}
		switch kind {
		case Input:
			if _, err := typed.Write(content); err != nil {
				return err
			}
		case End:
			return errEnd
		case Resize:
			size, err := decodeSize(content)
			if err != nil {
				return err
			}
			select {
			case sizes <- size:
			case <-ctx.Done():
				return ctx.Err()
			}
		default:
			return ErrFrame
		}
	}
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, problem, known := awsapi.ProblemOf(err)
	if !known {
		h.Log.ErrorContext(r.Context(), "a shell could not be opened", "error", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem) // a client that went away is its own affair
}
