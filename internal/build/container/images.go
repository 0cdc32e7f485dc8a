package container

import (
	"context"
	"fmt"
	"path"
	"slices"
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
	err = r.pull(ctx, image, login)
	if err == nil {
		config, err = r.Engine.client.ImageInspect(ctx, image)
	}
	if err != nil && ctx.Err() != nil {
		return config, context.Cause(ctx)
	}
	if err != nil {
		return config, &build.Failure{Code: codePull, Message: fmt.Sprintf("Unable to pull the image %s: %v; %s", image, err, r.remedy(ctx, err, image, login != nil))}
	}
	return config, nil
}

// refusals are what engines and registries say to somebody who may not have an image. Engines hand them on under any status.
var refusals = []string{"unauthorized", "authentication required", "denied", "401", "403", "invalid username/password"}

// remedy is what may help against a pull that failed.
func (r *Runner) remedy(ctx context.Context, err error, image string, login bool) string {
	said := strings.ToLower(err.Error())
	refused := errdefs.IsUnauthorized(err) || errdefs.IsPermissionDenied(err) || slices.ContainsFunc(refusals, func(s string) bool { return strings.Contains(said, s) })
	switch _, away := r.Engine.client.Ping(ctx, client.PingOptions{}); {
	case away != nil:
		return "the container engine went away meanwhile: see what ended it, and run the build again"
	case refused && login:
		return "the registry does not take the user name and password in the secret that the project's registryCredential names: correct the secret, or allow that user to pull the image"
	case refused:
		return "if the image is not for everybody, put a user name and a password for its registry into a secret, as JSON with username and password, " +
			"and name it in registryCredential of the project's environment"
	}
	return fmt.Sprintf("see whether \"%s pull %s\" can on the server, or load it there", r.Engine.cli(), image)
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
	return progress.Wait(ctx)
}
