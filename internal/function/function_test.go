package function_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/host"
	"github.com/conveyor-cd/conveyor/internal/function"
	"github.com/conveyor-cd/conveyor/internal/logstore"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// hosts runs functions in the workspaces of builds, as the server does.
type hosts struct{ runner *host.Runner }

func (h hosts) Prepare(ctx context.Context, id string) (function.Host, error) {
	ws, err := h.runner.Prepare(ctx, build.Needs{ID: id})
	return &place{Workspace: ws}, err
}

type place struct{ build.Workspace }

func (p *place) Run(ctx context.Context, dir string, env []string, output io.Writer, command string) (int, error) {
	session, err := p.Start(ctx, build.SessionOptions{Dir: p.Path(dir), Env: env, Output: output, Grace: time.Millisecond})
	if err != nil {
		return 0, err
	}
	status, err := session.Run(ctx, command)
	return status, errors.Join(err, session.Kill())
}

func (*place) Drain()                              {}
func (*place) Resident() int64                     { return 0 }
func (p *place) Discard(ctx context.Context) error { return p.Cleanup(ctx) }

func open(t *testing.T, db store.Store, change func(*function.Options)) *function.Service {
	t.Helper()
	runner, err := host.New(filepath.Join(t.TempDir(), "builds"), nil)
	if err != nil {
		t.Fatal(err)
	}
	logs, err := logstore.New(db, logstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	q := queue.New(db, queue.Config{})
	o := function.Options{
		Store: db, Jobs: q, Logs: logs, Hosts: hosts{runner}, Dir: filepath.Join(t.TempDir(), "code"),
		Region: "us-east-1", Account: "000000000000", Retries: []time.Duration{time.Millisecond, time.Millisecond},
	}
	if change != nil {
		change(&o)
	}
	s, err := function.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		if err := errors.Join(q.Stop(ctx), s.Close(), logs.Close(ctx)); err != nil {
			t.Error(err)
		}
		runner.Wait()
	})
	return s
}

// bootstrap is a zip with a program that answers each event with what a shell script makes of it.
func bootstrap(t *testing.T, script string) []byte {
	t.Helper()
	for _, program := range []string{"curl", "sed"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	text := `#!/bin/sh
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
while event=$(curl -sf -D headers "$api/invocation/next"); do
id=$(sed -n 's/\r$//; s/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p' headers)
answer() { curl -s -o status -d "$1" "$api/invocation/$id/response"; }
fail() { curl -s -o status -d "{\"errorType\":\"Told\",\"errorMessage\":\"$1\"}" "$api/invocation/$id/error"; }
` + script + `
done
`
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	h.SetMode(0o755)
	f, err := w.CreateHeader(h)
	if err == nil {
		_, err = io.WriteString(f, text)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func program(name string) function.Function {
	return function.Function{Name: name, Runtime: "provided.al2023", Handler: "x", Timeout: 20, Memory: 128}
}

func create(t *testing.T, s *function.Service, f function.Function, code []byte) {
	t.Helper()
	if _, err := s.Create(t.Context(), f, code); err != nil {
		t.Fatal(err)
	}
}

func invoke(t *testing.T, s *function.Service, name, payload string) *function.Answer {
	t.Helper()
	a, err := s.Invoke(t.Context(), name, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAProgramAnswersAgainAndAgain(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		s := open(t, db, nil)
		create(t, s, program("echo"), bootstrap(t, `n=$((n+1)); answer "{\"n\":$n,\"event\":$event}"`))
		for _, want := range []string{`{"n":1,"event":{"a":1}}`, `{"n":2,"event":{"a":1}}`} {
			if a := invoke(t, s, "echo", `{"a":1}`); string(a.Payload) != want || a.Failed != "" {
				t.Errorf("answered %s (%s), not %s", a.Payload, a.Failed, want)
			}
		}
		// Whoever changes it gets another program.
		if _, err := s.ChangeCode(t.Context(), "echo", "", bootstrap(t, `answer '"new"'`), func(*function.Function) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if a := invoke(t, s, "echo", `{}`); string(a.Payload) != `"new"` {
			t.Errorf("answered %s", a.Payload)
		}
	})
}

func TestHowAProgramFails(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		s := open(t, db, nil)
		for name, c := range map[string]struct{ script, want string }{
			"tells":  {`fail "no flour"`, "Told: no flour"},
			"ends":   {`exit 3`, "Runtime.ExitError: RequestId: "},
			"hangs":  {`sleep 600`, "Task timed out after 1.00 seconds"},
			"starts": {`answer 1`, ""},
		} {
			f := program(name)
			if name == "hangs" {
				f.Timeout = 1
			}
			create(t, s, f, bootstrap(t, c.script))
			if a := invoke(t, s, name, `{}`); c.want == "" && a.Failed != "" || !strings.Contains(a.Problem(), c.want) {
				t.Errorf("%s: %q", name, a.Problem())
			}
		}
		if _, err := s.Invoke(t.Context(), "nobody", nil); !errors.Is(err, function.ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestOneInvocationAtATime(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		s := open(t, db, func(o *function.Options) { o.Concurrency, o.Patience = 2, time.Minute })
		create(t, s, program("slow"), bootstrap(t, `sleep 0.1; answer $$`))
		var mu sync.Mutex
		programs := map[string]int{}
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				a, err := s.Invoke(t.Context(), "slow", nil)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				programs[string(a.Payload)]++
			})
		}
		wg.Wait()
		if len(programs) != 2 {
			t.Errorf("%d programs ran: %v", len(programs), programs)
		}
	})
}

func TestThrottled(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		entered, leave := make(chan struct{}), make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { entered <- struct{}{}; <-leave }))
		defer server.Close()
		s := open(t, db, func(o *function.Options) { o.Concurrency, o.Patience = 1, time.Millisecond })
		create(t, s, atURL("held", server.URL), nil)
		done := make(chan error)
		go func() { _, err := s.Invoke(t.Context(), "held", nil); done <- err }()
		<-entered
		if _, err := s.Invoke(t.Context(), "held", nil); !errors.Is(err, function.ErrThrottled) {
			t.Error(err)
		}
		close(leave)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func atURL(name, url string) function.Function {
	f := program(name)
	f.Environment = map[string]string{function.URLVariable: url}
	return f
}

func TestAFunctionAtAURL(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			switch {
			case r.Header.Get("Lambda-Runtime-Aws-Request-Id") == "":
				http.Error(w, "no id", http.StatusBadRequest)
			case string(body) == `"fail"`:
				http.Error(w, "on purpose", http.StatusTeapot)
			case string(body) == `"away"`:
				http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
			default:
				_, _ = w.Write(body)
			}
		}))
		s := open(t, db, nil)
		create(t, s, atURL("there", strings.Replace(server.URL, "http://", "http://user:hidden@", 1)), nil)
		for payload, want := range map[string]string{`{"a":1}`: "", `"fail"`: "status 418", `"away"`: "status 302"} {
			if a := invoke(t, s, "there", payload); want == "" && a.Failed != "" || !strings.Contains(a.Problem(), want) {
				t.Errorf("%s: %q", payload, a.Problem())
			}
		}
		server.Close()
		if a := invoke(t, s, "there", `{}`); a.Failed != "Function.Unreachable" || strings.Contains(string(a.Payload), "hidden") {
			t.Errorf("answered %s", a.Payload)
		}
	})
}

// An event is delivered for certain, and again while its function fails, but not for ever.
func TestAnEventIsTriedThreeTimes(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		calls := make(chan string, 10)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls <- r.Header.Get("Lambda-Runtime-Aws-Request-Id")
			w.WriteHeader(http.StatusInternalServerError)
		}))
		defer server.Close()
		s := open(t, db, nil)
		create(t, s, atURL("failing", server.URL), nil)
		id, err := s.SendEvent(t.Context(), "failing", []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if got := <-calls; got != id {
				t.Errorf("called with the id %s, not %s", got, id)
			}
		}
		deadline := time.Now().Add(30 * time.Second)
		for left := 1; left > 0; {
			if err := db.Read(t.Context(), func(r store.Reader) error {
				return r.QueryRow(t.Context(), `SELECT COUNT(*) FROM jobs WHERE state <> 'done'`).Scan(&left)
			}); err != nil {
				t.Fatal(err)
			}
			if time.Now().After(deadline) {
				t.Fatal("the event is not given up")
			}
		}
		if len(calls) != 0 {
			t.Error("called a fourth time")
		}
		if _, err := s.SendEvent(t.Context(), "nobody", nil); !errors.Is(err, function.ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestCodeThatIsNone(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		s := open(t, db, nil)
		if _, err := s.Create(t.Context(), program("x"), []byte("no zip")); !errors.Is(err, function.ErrCode) {
			t.Error(err)
		}
		code := bootstrap(t, `answer 1`)
		create(t, s, program("x"), code)
		if _, err := s.Create(t.Context(), program("x"), code); !errors.Is(err, function.ErrExists) {
			t.Error(err)
		}
		f, err := s.Get(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Code(f); err != nil || !bytes.Equal(got, code) {
			t.Error("the code is not what it was", err)
		}
		if err := s.Prune(t.Context(), time.Now().Add(time.Hour)); err != nil {
			t.Error(err)
		}
		if a := invoke(t, s, "x", ""); !json.Valid(a.Payload) || a.Failed != "" {
			t.Errorf("after the clearing away: %s", a.Payload)
		}
		if _, err := s.Change(t.Context(), "x", "another revision", nil); !errors.Is(err, function.ErrStale) {
			t.Error(err)
		}
	})
}
