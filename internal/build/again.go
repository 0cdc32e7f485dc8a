package build

import (
	"context"
	"errors"
	"time"

	"github.com/conveyor-cd/conveyor/internal/queue"
)

const (
	againPause    = 100 * time.Millisecond // before the second try; doubling
	againPatience = 20 * time.Second       // from the first try to the last
)

// again tries f until it succeeds. A lost connection to the database, or a disk that is full for a moment, is no fault of
// the build, whose commands cannot be run a second time without being noticed. What the user has to mend (*Failure) and
// what cannot get better is not tried again.
func (r *run) again(ctx context.Context, f func() error) error {
	began := time.Now()
	for pause := againPause; ; pause *= 2 {
		err := f()
		_, failure := errors.AsType[*Failure](err)
		if err == nil || failure || ctx.Err() != nil || errors.Is(err, queue.ErrLeaseLost) || time.Since(began)+pause > againPatience {
			return err
		}
		r.log.Printf("Trying again: %v", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}
