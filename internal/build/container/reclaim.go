package container

import (
	"context"
	"fmt"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
)

// reclaim makes files that a build's container has made this server's own, so that they can be read and removed. A server
// that runs as root needs no such thing. It takes another container, of the same image, in which nothing of the
// build runs.
func (r *Runner) reclaim(ctx context.Context, image string, dirs ...string) error {
	if r.owner.uid == 0 || len(dirs) == 0 {
		return nil
	}
	to := fmt.Sprintf("%d:%d", r.owner.uid, r.owner.gid)
	if r.Engine.rootless {
		to = "0:0" // who is this user outside
	}
	h := &container.HostConfig{NetworkMode: "none", CapDrop: []string{"ALL"}, CapAdd: []string{"CHOWN", "DAC_OVERRIDE", "FOWNER"}}
	if r.Engine.remapped {
		h.UsernsMode = "host"
	}
	args := []string{"/bin/sh", "-c", `chown -R "$0" "$@" && chmod -R u+rwX "$@"`, to}
	for i, dir := range dirs {
		target := fmt.Sprintf("/conveyor/%d", i)
		args = append(args, target)
		h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeBind, Source: dir, Target: target})
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reclaimPatience)
	defer cancel()
	made, err := r.Engine.client.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config:     &container.Config{Image: image, User: "0", Entrypoint: args, Env: []string{usualPath}, Labels: map[string]string{labelDirectory: r.Disk.All, labelServer: r.Disk.Name}},
		HostConfig: h,
	})
	if err != nil {
		return fmt.Errorf("take the build's files back: %w", err)
	}
	defer r.Engine.remove(ctx, made.ID) //nolint:errcheck // a sweep finds it
	waiting := r.Engine.client.ContainerWait(ctx, made.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if _, err := r.Engine.client.ContainerStart(ctx, made.ID, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("take the build's files back: %w", err)
	}
	select {
	case end := <-waiting.Result:
		if end.StatusCode != 0 {
			return fmt.Errorf("take the build's files back: chown in the image %s ends with status %d", image, end.StatusCode)
		}
		return nil
	case err := <-waiting.Error:
		return fmt.Errorf("take the build's files back: %w", err)
	}
}
