package app

import (
	"context"
	"errors"
	"time"
)

// lookInterval is how often servers that share a data directory look whether all of them still run.
const lookInterval = time.Second

// clearUp takes over from servers that have ended without a word: their builds' processes on this machine are ended, the
// pushes they owe an event get it, and their jobs run again, here or elsewhere, without waiting for the leases.
func (r *rooms) clearUp(ctx context.Context) error {
	return r.seat.deserted(ctx, func(name, owner string) error {
		r.log.Info("clearing up after a server that has ended", "server", name, "owner", owner)
		// In this order: a build must not begin again before its processes are gone, and all this is done again unless
		// everything succeeds.
		if err := errors.Join(r.builds.Recover(ctx), r.repositories.Settle(ctx)); err != nil {
			return err
		}
		if owner == "" {
			return nil
		}
		return r.queue.TakeOver(ctx, owner)
	})
}

// look clears up after neighbours until ctx ends.
func (r *rooms) look(ctx context.Context) {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := r.clearUp(ctx); err != nil && ctx.Err() == nil {
			r.log.Error("clearing up after another server failed; it is tried again", "error", err)
		}
	}
}
