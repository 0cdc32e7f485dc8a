package queue

import (
	"errors"
	"fmt"
)

// Why a handler's context ended; see context.Cause.
var (
	ErrCancelled = errors.New("the job was cancelled")
	ErrStopping  = errors.New("the server is stopping")
	ErrLeaseLost = errors.New("the job's lease was lost: another server may be running it")
)

// errTaken ends the transaction of a process that no longer owns the job.
var errTaken = fmt.Errorf("%w (its row has changed hands or is gone)", ErrLeaseLost)

var errPanicked = errors.New("panicked")

// Permanent marks an error that another attempt cannot mend: the job is given up at once.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

func isPermanent(err error) bool {
	var p permanent
	return errors.As(err, &p)
}
