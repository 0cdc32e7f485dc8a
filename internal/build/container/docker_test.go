package container_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/moby/moby/api/types/registry"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/buildtest"
	"github.com/conveyor-cd/conveyor/internal/build/container"
	"github.com/conveyor-cd/conveyor/internal/build/container/enginetest"
)

const (
	openImage   = "registry.example.com/open:1"
	closedImage = "registry.example.com/closed:1"
)

// docker is a runner on a double of Docker, which can have two images, one of them for those with a password.
func docker(t *testing.T, change ...func(*enginetest.Engine)) (*container.Runner, *enginetest.Engine) {
	t.Helper()
	double := enginetest.New(t)
	double.Registries = map[string]registry.AuthConfig{openImage: {}, closedImage: {Username: "ada", Password: "t0ken"}}
	for _, f := range change {
		f(double)
	}
	e, err := container.NewEngine(double.Socket)
	if err != nil {
		t.Fatal(err)
	}
	return newRunner(t, t.TempDir(), func(c *container.Config) { c.Engine, c.Images, c.Network = e, nil, "" }), double
}

func login(user, password string) func(context.Context) (*build.Login, error) {
	return func(context.Context) (*build.Login, error) { return &build.Login{User: user, Password: password}, nil }
}

// prepare prepares a build and cleans up after it.
func prepare(t *testing.T, r *container.Runner, n build.Needs) error {
	t.Helper()
	n.ID = uuid.NewString()
	ws, err := r.Prepare(t.Context(), n)
	if err == nil {
		err = ws.Cleanup(context.Background())
	}
	return err
}

// Whatever keeps an image from being there fails the build with what would help.
func TestPulls(t *testing.T) {
	t.Parallel()
	answers := func(messages ...any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { enginetest.Progress(w, messages...) }
	}
	message := func(text string) any {
		return map[string]any{"errorDetail": map[string]string{"message": text}, "error": text}
	}
	begun := map[string]string{"status": "Pulling from closed", "id": "1"}
	const credential, correct, try = "name it in registryCredential", "correct the secret", `"docker pull `
	for what, c := range map[string]struct {
		image string
		login func(context.Context) (*build.Login, error)
		pull  http.HandlerFunc // instead of the registries'
		words []string         // of the failure; none: it works
	}{
		"for everybody":                  {image: openImage},
		"with the password":              {image: closedImage, login: login("ada", "t0ken")},
		"without a password":             {image: closedImage, words: []string{"Unable to pull the image " + closedImage, "pull access denied", credential}},
		"with another password":          {image: closedImage, login: login("ada", "guess"), words: []string{"incorrect username or password", correct}},
		"no such image":                  {image: "registry.example.com/none:2", words: []string{"manifest unknown", try + "registry.example.com/none:2"}},
		"no such image, with a password": {image: "registry.example.com/none:2", login: login("ada", "t0ken"), words: []string{"manifest unknown", try}},
		"refused within the answer":      {image: closedImage, login: login("ada", "x"), pull: answers(begun, message("unauthorized: authentication required")), words: []string{correct}},
		"failed within the answer":       {image: openImage, pull: answers(begun, message("write /var/lib/docker/tmp/x: no space left on device")), words: []string{"no space left on device", try}},
		"an answer without an end":       {image: openImage, pull: answers(begun), words: []string{"No such image", try}},
		"an answer that is none":         {image: openImage, pull: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, words: []string{"Unable to pull", try}},
		"a connection that breaks off":   {image: openImage, pull: func(w http.ResponseWriter, _ *http.Request) { enginetest.Progress(w, begun); enginetest.Cut(w) }, words: []string{"EOF", try}},
		"a registry that does not answer": {image: openImage, pull: func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"message":"Get \"https://registry.example.com/v2/\": dial tcp: i/o timeout"}`, http.StatusInternalServerError)
		}, words: []string{"i/o timeout", try}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r, double := docker(t)
			if c.pull != nil {
				double.Fail("POST /images/create", c.pull)
			}
			err := prepare(t, r, build.Needs{Image: c.image, Login: c.login})
			if len(c.words) == 0 && err != nil {
				t.Error(err)
			}
			if len(c.words) > 0 {
				expectFailure(t, err, c.words...)
			}
			if left := double.Containers(); len(left) > 0 {
				t.Errorf("left are %v", left)
			}
		})
	}
}

// An image that one project's password has brought here is not there for a project with another one, nor does a registry hear
// the password of a project that gives none.
func TestPasswordsAreAskedForEachBuild(t *testing.T) {
	t.Parallel()
	r, double := docker(t)
	if err := prepare(t, r, build.Needs{Image: closedImage, Login: login("ada", "t0ken")}); err != nil {
		t.Fatal(err)
	}
	expectFailure(t, prepare(t, r, build.Needs{Image: closedImage, Login: login("eve", "guess")}), "correct the secret")
	var sent []string
	double.Fail("POST /images/create", func(w http.ResponseWriter, r *http.Request) {
		given, err := enginetest.Login(r)
		if err != nil {
			t.Error(err)
		}
		sent = append(sent, given.Username+":"+given.Password)
		enginetest.Progress(w)
	})
	expectFailure(t, prepare(t, r, build.Needs{Image: openImage}), "No such image")
	expectFailure(t, prepare(t, r, build.Needs{Image: openImage, Login: login("ada", "pass:wörd")}), "No such image")
	if !slices.Equal(sent, []string{":", "ada:pass:wörd"}) {
		t.Errorf("sent was %q", sent)
	}
	told := &build.Failure{Code: "CLIENT_ERROR", Message: "the secret is gone"}
	err := prepare(t, r, build.Needs{Image: openImage, Login: func(context.Context) (*build.Login, error) { return nil, told }})
	expectFailure(t, err, "the secret is gone")
}

// A build is stopped, or its time is over, while the engine pulls for ever: it ends at once, and so does the pull.
func TestAPullThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	r, double := docker(t)
	begun, given := make(chan struct{}), make(chan struct{})
	double.Fail("POST /images/create", func(w http.ResponseWriter, r *http.Request) {
		enginetest.Progress(w, map[string]string{"status": "Waiting"})
		close(begun)
		<-r.Context().Done()
		close(given)
	})
	stopped := errors.New("stopped")
	ctx, stop := context.WithCancelCause(t.Context())
	go func() {
		<-begun
		stop(stopped)
	}()
	if _, err := r.Prepare(ctx, build.Needs{ID: uuid.NewString(), Image: openImage}); !errors.Is(err, stopped) {
		t.Errorf("it ended with %v", err)
	}
	<-given
}

// The versions of the API that an engine speaks.
func TestVersionsOfTheAPI(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		speaks, least string
		asked         string   // the version that it is asked in
		words         []string // of the failure
	}{
		"as old as podman's":     {speaks: "1.41", least: "1.24", asked: "/v1.41/"},
		"newer than is known":    {speaks: "9.1", least: "1.44", asked: "/v1."},
		"too old":                {speaks: "1.30", least: "1.12", words: []string{"speaks version 1.30 of its API", "update it"}},
		"too new to be asked so": {speaks: "9.1", least: "9.0", words: []string{"client version", "too old"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r, double := docker(t, func(e *enginetest.Engine) { e.Speaks, e.Least = c.speaks, c.least })
			err := prepare(t, r, build.Needs{Image: openImage})
			if len(c.words) > 0 {
				expectFailure(t, err, c.words...)
				if err != nil && strings.Contains(err.Error(), "systemctl start") {
					t.Errorf("an engine that runs is to be started: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, asked := range double.Asked() {
				if !strings.HasSuffix(asked, "/_ping") && !strings.Contains(asked, c.asked) {
					t.Errorf("it was asked %s", asked)
				}
			}
		})
	}
}

// What a container is asked for, in Docker's words.
func TestDockersContainer(t *testing.T) {
	t.Parallel()
	r, double := docker(t)
	ws, err := r.Prepare(t.Context(), build.Needs{ID: uuid.NewString(), Image: openImage, CPUs: 8, Memory: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	made := double.Containers()
	if len(made) != 1 {
		t.Fatalf("made were %v", made)
	}
	h := made[0].HostConfig
	if !slices.Equal(h.ExtraHosts, []string{"host.docker.internal:host-gateway"}) || h.NanoCPUs != 4e9 || h.Memory != 1<<30 || !slices.Equal(h.CapDrop, []string{"ALL"}) || !h.AutoRemove {
		t.Errorf("it was asked for %+v", h)
	}
	if got := ws.Reach("http://127.0.0.1:4566"); got != "http://host.docker.internal:4566" {
		t.Errorf("the server is reached as %s", got)
	}
	double.Command = func([]string) (string, int) { return "sh: bash: not found\n", 127 }
	_, err = ws.Start(t.Context(), build.SessionOptions{Shell: "bash", Output: &buildtest.Log{}})
	expectFailure(t, err, "asks for bash, which the image "+openImage+" does not have")
	if err := ws.Cleanup(context.Background()); err != nil || len(double.Containers()) != 0 {
		t.Errorf("left are %v, %v", double.Containers(), err)
	}
}

// An engine that goes away while a container is made says so, and one that is back is used again.
func TestDockerRestarts(t *testing.T) {
	t.Parallel()
	r, double := docker(t)
	cut := func(w http.ResponseWriter, _ *http.Request) { enginetest.Cut(w) }
	for _, route := range []string{"GET /info", "POST /images/create", "POST /containers/create", "POST /containers/{id}/start"} {
		double.Fail(route, cut)
		expectFailure(t, prepare(t, r, build.Needs{Image: openImage}), "EOF")
		double.Fail(route, nil)
		if left := double.Containers(); len(left) > 0 {
			t.Errorf("%s: left are %v", route, left)
		}
	}
	if err := prepare(t, r, build.Needs{Image: openImage}); err != nil {
		t.Error(err)
	}
}
