// Package enginetest stands in for a Docker engine where the tests have none: it answers what package container asks of
// the Docker Engine API as Docker does, its mistakes and its errors inside a successful answer included. Nothing runs in its
// containers: what a command in one does is for the test to say.
package enginetest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/common"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/system"
)

// Engine is a Docker engine behind a Unix socket. Its fields are set before it is asked for the first time.
type Engine struct {
	Socket string
	// Speaks is the newest version of the API that it speaks, and Least the oldest.
	Speaks, Least string
	// Registries have these images, by their full names; who is asked for a login must give that one.
	Registries map[string]registry.AuthConfig
	// Command is what a command in a container does: what it prints, and its exit status. nil: nothing, 0.
	Command func(cmd []string) (out string, status int)

	mu         sync.Mutex
	images     []string
	containers map[string]container.CreateRequest
	execs      map[string]*execution
	faults     map[string]http.HandlerFunc
	asked      []string
}

type execution struct {
	cmd    []string
	status int
	ran    bool
}

// New starts an engine that has no images and speaks a version of 2024; it ends with the test.
func New(t testing.TB) *Engine {
	t.Helper()
	e := &Engine{
		Socket: filepath.Join(t.TempDir(), "docker.sock"), Speaks: "1.47", Least: "1.24",
		containers: map[string]container.CreateRequest{}, execs: map[string]*execution{}, faults: map[string]http.HandlerFunc{},
	}
	listener, err := net.Listen("unix", e.Socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: e.handler()} //nolint:gosec // for a test's own client
	go server.Serve(listener)                    //nolint:errcheck // until it is closed
	t.Cleanup(func() { _ = server.Close() })
	return e
}

// Fail has requests of a route ("POST /images/create") answered by h instead; nil: as usual again.
func (e *Engine) Fail(route string, h http.HandlerFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults[route] = h
}

// Asked lists the requests so far, with the version of the API they were made in: "GET /v1.47/info".
func (e *Engine) Asked() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.asked)
}

// Containers are what is there now, as it was asked for.
func (e *Engine) Containers() []container.CreateRequest {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []container.CreateRequest
	for _, c := range e.containers {
		all = append(all, c)
	}
	return all
}

// Add gives the engine an image.
func (e *Engine) Add(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.images = append(e.images, name)
}

var versioned = regexp.MustCompile(`^/v([0-9]+\.[0-9]+)(/.*)$`)

func (e *Engine) handler() http.Handler {
	routes := map[string]http.HandlerFunc{
		"/_ping":                      func(http.ResponseWriter, *http.Request) {},
		"GET /info":                   e.info,
		"GET /version":                e.version,
		"GET /images/{name...}":       e.inspectImage, // a name has slashes; "/json" ends it
		"POST /images/create":         e.pull,
		"GET /containers/json":        e.list,
		"POST /containers/create":     e.create,
		"POST /containers/{id}/start": e.start,
		"POST /containers/{id}/wait":  e.wait,
		"GET /containers/{id}/json":   e.inspect,
		"DELETE /containers/{id}":     e.remove,
		"POST /containers/{id}/exec":  e.createExec,
		"POST /exec/{id}/start":       e.startExec,
		"GET /exec/{id}/json":         e.inspectExec,
		"GET /containers/{id}/archive": func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, http.StatusNotFound, "Could not find the file")
		},
	}
	mux := http.NewServeMux()
	for route, h := range routes {
		mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
			e.mu.Lock()
			fault := e.faults[route]
			e.mu.Unlock()
			if fault != nil {
				fault(w, r)
				return
			}
			h(w, r)
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", e.Speaks)
		w.Header().Set("Ostype", "linux")
		e.mu.Lock()
		e.asked = append(e.asked, r.Method+" "+r.URL.Path)
		e.mu.Unlock()
		if m := versioned.FindStringSubmatch(r.URL.Path); m != nil {
			if newer(m[1], e.Speaks) {
				refuse(w, http.StatusBadRequest, fmt.Sprintf("client version %s is too new. Maximum supported API version is %s", m[1], e.Speaks))
				return
			}
			if newer(e.Least, m[1]) {
				refuse(w, http.StatusBadRequest, fmt.Sprintf("client version %s is too old. Minimum supported API version is %s, please upgrade your client to a newer version", m[1], e.Least))
				return
			}
			r.URL.Path = m[2]
		}
		mux.ServeHTTP(w, r)
	})
}

// newer reports whether a is a newer version than b.
func newer(a, b string) bool {
	number := func(v string) int {
		major, minor, _ := strings.Cut(v, ".")
		x, _ := strconv.Atoi(major)
		y, _ := strconv.Atoi(minor)
		return x*1000 + y
	}
	return number(a) > number(b)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that went away is the test's affair
}

func refuse(w http.ResponseWriter, status int, message string) {
	answer(w, status, common.ErrorResponse{Message: message})
}

func (e *Engine) info(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, system.Info{NCPU: 4, CgroupVersion: "2", SecurityOptions: []string{"name=seccomp,profile=builtin"}})
}

func (e *Engine) version(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, system.VersionResponse{Version: "27.5.1", APIVersion: e.Speaks, MinAPIVersion: e.Least, Components: []system.ComponentVersion{{Name: "Engine", Version: "27.5.1"}}})
}

func (e *Engine) inspectImage(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSuffix(r.PathValue("name"), "/json")
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Contains(e.images, name) {
		refuse(w, http.StatusNotFound, "No such image: "+name)
		return
	}
	answer(w, http.StatusOK, image.InspectResponse{ID: "sha256:" + strings.Repeat("0", 64)})
}

// Login reads what signs in to a registry from a request.
func Login(r *http.Request) (registry.AuthConfig, error) {
	var login registry.AuthConfig
	text, err := base64.URLEncoding.DecodeString(r.Header.Get(registry.AuthHeader))
	if err == nil && len(text) > 0 {
		err = json.Unmarshal(text, &login)
	}
	return login, err
}

func (e *Engine) pull(w http.ResponseWriter, r *http.Request) {
	name, tag := strings.TrimPrefix(r.URL.Query().Get("fromImage"), "docker.io/library/"), r.URL.Query().Get("tag")
	full := name + ":" + tag
	login, err := Login(r)
	wanted, there := e.Registries[full]
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, "invalid X-Registry-Auth header: "+err.Error())
	case !there:
		refuse(w, http.StatusNotFound, fmt.Sprintf("manifest for %s not found: manifest unknown: manifest unknown", full))
	case wanted.Username != "" && login.Username == "":
		refuse(w, http.StatusNotFound, fmt.Sprintf("pull access denied for %s, repository does not exist or may require 'docker login': denied: requested access to the resource is denied", name))
	case login.Username != wanted.Username || login.Password != wanted.Password:
		refuse(w, http.StatusInternalServerError, "Head \"https://registry.example.com/v2/\": unauthorized: incorrect username or password")
	default:
		Progress(w, map[string]any{"status": "Pulling from " + name, "id": tag}, map[string]any{"status": "Downloading", "progressDetail": map[string]int{"current": 1, "total": 2}, "id": "4f4fb700ef54"},
			map[string]any{"status": "Status: Downloaded newer image for " + full})
		e.Add(full)
	}
}

// Progress writes messages of a pull, as they come, into a successful answer.
func Progress(w http.ResponseWriter, messages ...any) {
	w.Header().Set("Content-Type", "application/json")
	for _, m := range messages {
		_ = json.NewEncoder(w).Encode(m) // as above
		w.(http.Flusher).Flush()
	}
}

func (e *Engine) list(w http.ResponseWriter, r *http.Request) {
	var filters map[string]map[string]bool
	if text := r.URL.Query().Get("filters"); text != "" {
		if err := json.Unmarshal([]byte(text), &filters); err != nil {
			refuse(w, http.StatusBadRequest, "invalid filter: "+err.Error())
			return
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	found := []container.Summary{}
	for id, c := range e.containers {
		matches := true
		for label := range filters["label"] {
			key, value, _ := strings.Cut(label, "=")
			matches = matches && c.Labels[key] == value
		}
		if matches {
			found = append(found, container.Summary{ID: id, Image: c.Image, Labels: c.Labels})
		}
	}
	answer(w, http.StatusOK, found)
}

func (e *Engine) create(w http.ResponseWriter, r *http.Request) {
	var c container.CreateRequest
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Contains(e.images, c.Image) {
		refuse(w, http.StatusNotFound, "No such image: "+c.Image)
		return
	}
	id := strings.ReplaceAll(uuid.NewString()+uuid.NewString(), "-", "")
	e.containers[id] = c
	answer(w, http.StatusCreated, container.CreateResponse{ID: id})
}

// known answers for a container that is not there.
func (e *Engine) known(w http.ResponseWriter, r *http.Request) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, ok := e.containers[r.PathValue("id")]
	if !ok {
		refuse(w, http.StatusNotFound, "No such container: "+r.PathValue("id"))
	}
	return ok
}

func (e *Engine) start(w http.ResponseWriter, r *http.Request) {
	if e.known(w, r) {
		w.WriteHeader(http.StatusNoContent)
	}
}

func (e *Engine) wait(w http.ResponseWriter, r *http.Request) {
	if e.known(w, r) {
		answer(w, http.StatusOK, container.WaitResponse{})
	}
}

func (e *Engine) inspect(w http.ResponseWriter, r *http.Request) {
	if e.known(w, r) {
		answer(w, http.StatusOK, container.InspectResponse{ID: r.PathValue("id")})
	}
}

func (e *Engine) remove(w http.ResponseWriter, r *http.Request) {
	if e.known(w, r) {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.containers, r.PathValue("id"))
		w.WriteHeader(http.StatusNoContent)
	}
}

func (e *Engine) createExec(w http.ResponseWriter, r *http.Request) {
	var asked container.ExecCreateRequest
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if !e.known(w, r) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	id := uuid.NewString()
	e.execs[id] = &execution{cmd: asked.Cmd}
	answer(w, http.StatusCreated, container.ExecCreateResponse{ID: id})
}

// startExec runs a command and sends what it prints over the connection, which is no longer one of HTTP then.
func (e *Engine) startExec(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	x := e.execs[r.PathValue("id")]
	e.mu.Unlock()
	if x == nil {
		refuse(w, http.StatusNotFound, "No such exec instance: "+r.PathValue("id"))
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	defer conn.Close() //nolint:errcheck // the other end may have closed it
	fmt.Fprint(conn, "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	out, status := "", 0
	if e.Command != nil {
		out, status = e.Command(x.cmd)
	}
	header := [8]byte{byte(stdcopy.Stdout)}
	header[6], header[7] = byte(len(out)>>8), byte(len(out))
	if out != "" {
		_, _ = conn.Write(append(header[:], out...)) // as above
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	x.ran, x.status = true, status
}

func (e *Engine) inspectExec(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := e.execs[r.PathValue("id")]
	if x == nil {
		refuse(w, http.StatusNotFound, "No such exec instance: "+r.PathValue("id"))
		return
	}
	answer(w, http.StatusOK, container.ExecInspectResponse{ID: r.PathValue("id"), Running: !x.ran, ExitCode: &x.status})
}

// Cut breaks the connection off, as an engine does that ends.
func Cut(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}
