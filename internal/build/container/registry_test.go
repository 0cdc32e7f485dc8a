package container_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/container"
)

// imageRegistry is a registry, as the OCI distribution specification describes those that are only read, with one image,
// team/builder:1, for those with a password.
type imageRegistry struct {
	user, password string
	server         *httptest.Server

	mu       sync.Mutex
	dir      string // an image layout
	manifest string // digest of the image's
	fault    http.HandlerFunc
	served   int // blobs
}

func newImageRegistry() *imageRegistry {
	r := &imageRegistry{user: "ada", password: "t0ken"}
	r.server = httptest.NewServer(r)
	return r
}

// host is what the names of its images begin with.
func (r *imageRegistry) host() string { return strings.TrimPrefix(r.server.URL, "http://") }

func (r *imageRegistry) image() string { return r.host() + "/team/builder:1" }

// fill takes an image layout over.
func (r *imageRegistry) fill(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		return err
	}
	var index struct{ Manifests []struct{ Digest string } }
	if err := json.Unmarshal(text, &index); err != nil || len(index.Manifests) != 1 {
		return fmt.Errorf("the image layout holds %s: %w", text, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dir, r.manifest = dir, index.Manifests[0].Digest
	return nil
}

// fail has blobs answered by h; nil: as usual again.
func (r *imageRegistry) fail(h http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = h
}

func (r *imageRegistry) blobs() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.served
}

var registryPath = regexp.MustCompile(`^/v2/team/builder/(manifests|blobs)/([a-zA-Z0-9:._-]+)$`)

func (r *imageRegistry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	problem := func(status int, code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, strings.ToLower(code))
	}
	w.Header().Set("Docker-Distribution-API-Version", "registry/2.0")
	if user, password, ok := q.BasicAuth(); !ok || user != r.user || password != r.password {
		w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		problem(http.StatusUnauthorized, "UNAUTHORIZED")
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m := registryPath.FindStringSubmatch(q.URL.Path)
	switch {
	case q.URL.Path == "/v2/":
		return
	case m == nil:
		problem(http.StatusNotFound, "NAME_UNKNOWN")
		return
	case m[1] == "manifests" && m[2] == "1":
		m[2] = r.manifest
	case m[1] == "blobs" && r.fault != nil:
		r.fault(w, q)
		return
	}
	body, err := os.ReadFile(filepath.Join(r.dir, "blobs", "sha256", strings.TrimPrefix(m[2], "sha256:")))
	sum := sha256.Sum256(body)
	if err != nil || m[2] != "sha256:"+hex.EncodeToString(sum[:]) {
		problem(http.StatusNotFound, map[string]string{"manifests": "MANIFEST_UNKNOWN", "blobs": "BLOB_UNKNOWN"}[m[1]])
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if m[1] == "manifests" {
		var doc struct{ MediaType string }
		_ = json.Unmarshal(body, &doc) // without one it is an image's
		if w.Header().Set("Content-Type", doc.MediaType); doc.MediaType == "" {
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		}
	} else {
		r.served++
	}
	w.Header().Set("Docker-Content-Digest", m[2])
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	if q.Method == http.MethodGet {
		_, _ = w.Write(body) // a client that went away is the test's affair
	}
}

// An image comes from a registry that asks for a password, through an engine that really pulls, and a build runs in it.
func TestAnImageFromARegistry(t *testing.T) {
	needEngine(t)
	reg := engine.registry
	r := newRunner(t, t.TempDir(), func(c *container.Config) { c.Images = nil })
	remove := func() {
		t.Helper()
		if out, err := engine.podman.command("rmi", "--force", "--ignore", reg.image()).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	t.Cleanup(remove)
	expectFailure(t, prepare(t, r, build.Needs{Image: reg.image()}), "Unable to pull the image "+reg.image(), "name it in registryCredential")
	expectFailure(t, prepare(t, r, build.Needs{Image: reg.image(), Login: login("ada", "guess")}), "correct the secret")
	expectFailure(t, prepare(t, r, build.Needs{Image: reg.host() + "/team/builder:2", Login: login("ada", "t0ken")}), "manifest unknown", "podman pull")
	reg.fail(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write([]byte("not all"))
	})
	expectFailure(t, prepare(t, r, build.Needs{Image: reg.image(), Login: login("ada", "t0ken")}), "Unable to pull", "podman pull")
	reg.fail(nil)

	in := enter(t, r, build.Needs{Image: reg.image(), Login: login("ada", "t0ken")})
	if got := in.says("echo here"); got != "here" || reg.blobs() == 0 {
		t.Errorf("it says %q; %d blobs were fetched", got, reg.blobs())
	}
	// The image is here now, and still for nobody whose password the registry does not take.
	expectFailure(t, prepare(t, r, build.Needs{Image: reg.image(), Login: login("eve", "guess")}), "correct the secret")
}
