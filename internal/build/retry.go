package build

import (
	"context"
	"errors"
	"regexp"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
)

// attempts runs a phase of the buildspec, again when it fails and its on-failure says so: in the same build and shell, from the
// directory in which the phase began.
func (r *run) attempts(ctx context.Context, phase buildspec.Phase, on buildspec.OnFailure) error {
	if on.Policy != buildspec.Retry {
		return r.commands(ctx, phase)
	}
	succeeding := r.succeeding
	began, err := r.session.Getenv(ctx, []string{"PWD"})
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		err := r.commands(ctx, phase)
		if ctx.Err() != nil || n > on.Count || !retried(on, err) {
			return err
		}
		r.log.Printf("The phase %s has failed and is retried (%d of %d)", phase, n, on.Count)
		if _, err := r.session.Run(ctx, "cd "+quoted(began["PWD"])); err != nil {
			return err
		}
		if succeeding && !r.succeeding {
			r.succeeding = true
			if err := r.session.Setenv(ctx, "CODEBUILD_BUILD_SUCCEEDING", "1"); err != nil {
				return err
			}
		}
	}
}

// retried reports whether a phase that failed like this is run again.
func retried(on buildspec.OnFailure, err error) bool {
	f, failed := errors.AsType[*Failure](err)
	pattern, perr := regexp.Compile(on.Pattern) // the buildspec was refused if it is none
	return failed && perr == nil && pattern.MatchString(f.Message)
}
