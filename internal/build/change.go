package build

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Change is what is new about a build.
type Change struct {
	Build types.Build
	State bool // the build's status is new
	Ended []types.BuildPhase
	Group string // the build's identifier in its batch; "" outside one
}

// tell hands on what is new: the phases after the first told ones that have ended, and whether the status changed.
func (s *Service) tell(ctx context.Context, tx store.Tx, st settings, b *types.Build, told int, state bool) error {
	if s.cfg.OnChange == nil || st.Commands != nil {
		return nil
	}
	n := ended(b)
	c := Change{Build: *b, State: state, Ended: b.Phases[min(told, n):n]}
	if st.Batch != nil {
		c.Group = st.Batch.Identifier
	}
	if !c.State && len(c.Ended) == 0 {
		return nil
	}
	return s.cfg.OnChange(ctx, tx, c)
}

// ended counts the phases that have ended, which are the first ones.
func ended(b *types.Build) int {
	n := 0
	for n < len(b.Phases) && b.Phases[n].EndTime != nil {
		n++
	}
	return n
}

// submitted is how many phases have ended once a build is stored.
const submitted = 1
