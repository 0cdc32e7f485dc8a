package build

import (
	"context"
	"time"
)

// The size of a workspace is looked at now and then, and at most for a small part of the time: a large one takes long to
// measure.
const (
	diskEvery = 5 * time.Second
	diskShare = 20 // rest at least so many times as long as the last look took
)

// watchDisk ends the build, or the shell in what it left, when its workspace outgrows the limit, until ctx ends.
func (s *Service) watchDisk(ctx context.Context, id string, ws Workspace, end func(cause error)) {
	for pause := s.diskEvery; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		began := time.Now()
		if err := s.checkDisk(ctx, id, ws); err != nil {
			end(err)
			return
		}
		pause = max(s.diskEvery, diskShare*time.Since(began))
	}
}

// checkDisk is a *Failure when the build occupies more than it may. A size that cannot be had is no fault of the build.
func (s *Service) checkDisk(ctx context.Context, id string, ws Workspace) error {
	most := s.cfg.Disk
	if most <= 0 {
		return nil
	}
	size, err := ws.Size(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.cfg.Log.Warn("the size of a build's workspace cannot be measured", "build", id, "error", err)
		}
		return nil
	}
	if size > most {
		return clientFailure("the build occupies %.1f MB of disk, and this server allows %.1f MB (setting build-disk); have it remove what it no longer needs, or raise the limit",
			float64(size)/1e6, float64(most)/1e6)
	}
	return nil
}
