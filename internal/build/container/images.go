package container

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// Codes of phase contexts, as CodeBuild writes them.
const (
	codeProvision = "BUILD_CONTAINER_UNABLE_TO_START"
	codePull      = "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE"
)

// Images say which images of the engine the names in projects stand for. The first that matches counts; a name that none
// matches stands for itself, unless it is one of AWS's own, which no registry has under that name.
type Images []Mapping

// Mapping is one of them. Name may be a pattern, as path.Match reads it, of which * also stops at a slash.
type Mapping struct{ Name, Image string }

// ParseImages reads NAME=IMAGE,NAME=IMAGE.
func ParseImages(text string) (Images, error) {
	var all Images
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, image, ok := strings.Cut(part, "=")
		if !ok || name == "" || image == "" {
			return nil, fmt.Errorf("%q is not NAME=IMAGE, such as aws/codebuild/*=example/builder:1", part)
		}
		if _, err := path.Match(name, ""); err != nil {
			return nil, fmt.Errorf("%q is not a pattern: %w", name, err)
		}
		all = append(all, Mapping{Name: name, Image: image})
	}
	return all, nil
}

// curated begins the names of AWS's own images.
const curated = "aws/codebuild/"

// Named reports whether an image's name stands for an image of the engine.
func (m Images) Named(name string) bool {
	_, err := m.Resolve(name)
	return err == nil
}

// Resolve finds the image that a name stands for. A *build.Failure says what to do when there is none.
func (m Images) Resolve(name string) (string, error) {
	for _, one := range m {
		if ok, _ := path.Match(one.Name, name); ok {
			return one.Image, nil
		}
	}
	switch {
	case name == "":
		return "", &build.Failure{Code: codePull, Message: "the project names no image to run the build in"}
	case strings.HasPrefix(name, curated):
		return "", &build.Failure{Code: codePull, Message: fmt.Sprintf(
			"this server has no image for %s; start it with --build-images %s=IMAGE to name one that it can run, or name another image in the project", name, name)}
	}
	return name, nil
}

// fetch makes sure that the engine has an image. One that needs a login is asked of its registry each time, so that an
// image in reach of one project is not there for all.
func (r *Runner) fetch(ctx context.Context, image string, n build.Needs) (config client.ImageInspectResult, err error) {
	config, err = r.Engine.client.ImageInspect(ctx, image)
	if err == nil && n.Login == nil {
		return config, nil
	}
	if err != nil && !errdefs.IsNotFound(err) {
		return config, fmt.Errorf("look for the image %s: %w", image, err)
	}
	var login *build.Login
	if n.Login != nil {
		if login, err = n.Login(ctx); err != nil {
			return config, err
		}
	}
	n.Say("Pulling the image %s", image)
	if err := r.pull(ctx, image, login); err != nil {
		if ctx.Err() != nil {
			return config, context.Cause(ctx)
		}
		return config, &build.Failure{Code: codePull, Message: fmt.Sprintf(
			"Unable to pull the image %s: %v; see whether \"%s pull %s\" can on the server, or load it there", image, err, r.Engine.cli(), image)}
	}
	return r.Engine.client.ImageInspect(ctx, image)
}

func (r *Runner) pull(ctx context.Context, image string, login *build.Login) error {
	var o client.ImagePullOptions
	if login != nil {
		auth, err := authconfig.Encode(registry.AuthConfig{Username: login.User, Password: login.Password})
		if err != nil {
			return err
		}
		o.RegistryAuth = auth
	}
	progress, err := r.Engine.client.ImagePull(ctx, image, o)
	if err != nil {
		return err
	}
	defer progress.Close()
	if err := progress.Wait(ctx); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, progress)
	return err
}
