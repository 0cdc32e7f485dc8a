package build

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// Failed is a build that has failed, for whoever wants to look around in what it left. Nothing of it runs any more.
type Failed struct {
	ID  string   // project:uuid
	Dir string   // its source directory
	Env []string // NAME=value, without what its log hides
}

// showFailed lets whoever is told of failed builds look at this one. Where a build sees its files by other names than this
// machine does, as in a container, there is nothing to look at.
func (r *run) showFailed(ctx context.Context) {
	if r.s.cfg.OnFailed == nil || r.failed != types.StatusTypeFailed || !strings.HasPrefix(r.ws.Path(srcDir), r.ws.Root()) {
		return
	}
	r.s.cfg.OnFailed(ctx, r.left())
}
