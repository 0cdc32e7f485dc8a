package build_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// A build that fills the disk is ended while it does.
func TestDiskLimit(t *testing.T) {
	t.Parallel()
	s := serve(t, options{disk: 4 << 20})
	beat := filepath.Join(s.dir, "beat")
	b := s.expect(s.run(spec("head -c 6000000 /dev/zero >big; "+beating(beat))), types.StatusTypeFailed)
	expectFailure(t, b, "BUILD", "MB of disk, and this server allows 4.2 MB (setting build-disk)")
	expectStill(t, beat)
	if got := phases(b); got[len(got)-2] != "FINALIZING SUCCEEDED" || strings.Contains(strings.Join(got, " "), "POST_BUILD") {
		t.Errorf("phases %q", got)
	}
	s.expect(s.run(spec("head -c 3000000 /dev/zero >small; rm small; head -c 3000000 /dev/zero >small")), types.StatusTypeSucceeded)
}
