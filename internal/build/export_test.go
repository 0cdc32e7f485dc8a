package build

import "time"

// SetMinute shortens the minutes of timeouts.
func (s *Service) SetMinute(d time.Duration) { s.minute = d }
