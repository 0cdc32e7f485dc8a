package build

import (
	"context"
	"time"
)

// SetMinute shortens the minutes of timeouts.
func (s *Service) SetMinute(d time.Duration) { s.minute = d }

// WatchOnce does what Watch does every few seconds.
func (s *Service) WatchOnce(ctx context.Context) error { return s.watch(ctx) }

// SetDiskEvery has the disks of builds watched more often.
func (s *Service) SetDiskEvery(d time.Duration) { s.diskEvery = d }

// SetLease changes how long a worker may be out of reach.
func (s *Service) SetLease(d time.Duration) { s.lease = d }
