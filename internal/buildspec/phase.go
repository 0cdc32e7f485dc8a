package buildspec

import (
	"fmt"
	"regexp"
	"strconv"
)

// Phase is a phase of a build, in the API's spelling.
type Phase string

// The phases of a build in their order.
const (
	Submitted       Phase = "SUBMITTED"
	Queued          Phase = "QUEUED"
	Provisioning    Phase = "PROVISIONING"
	DownloadSource  Phase = "DOWNLOAD_SOURCE"
	Install         Phase = "INSTALL"
	PreBuild        Phase = "PRE_BUILD"
	Build           Phase = "BUILD"
	PostBuild       Phase = "POST_BUILD"
	UploadArtifacts Phase = "UPLOAD_ARTIFACTS"
	Finalizing      Phase = "FINALIZING"
	Completed       Phase = "COMPLETED"
)

var order = []Phase{
	Submitted, Queued, Provisioning, DownloadSource, Install, PreBuild, Build, PostBuild, UploadArtifacts, Finalizing, Completed,
}

// Policy is what a phase does when one of its commands fails.
type Policy string

// The policies; Default is AWS's own choice for the phase.
const (
	Default  Policy = ""
	Abort    Policy = "ABORT"
	Continue Policy = "CONTINUE"
	Retry    Policy = "RETRY"
)

// OnFailure is a phase's on-failure setting. Count and Pattern belong to Retry.
type OnFailure struct {
	Policy  Policy
	Count   int
	Pattern string
}

var retryForm = regexp.MustCompile(`(?s)^RETRY(?:-(\d+))?(?:-(.+))?$`)

const maxRetries = 100

// ParseOnFailure reads ABORT, CONTINUE, RETRY, RETRY-<count>, RETRY-<regex> and RETRY-<count>-<regex>.
func ParseOnFailure(s string) (OnFailure, error) {
	switch Policy(s) {
	case Abort, Continue:
		return OnFailure{Policy: Policy(s)}, nil
	}
	m := retryForm.FindStringSubmatch(s)
	if m == nil {
		return OnFailure{}, fmt.Errorf("%q is not one of ABORT, CONTINUE, RETRY, RETRY-<count>, RETRY-<regex>, RETRY-<count>-<regex>", s)
	}
	o := OnFailure{Policy: Retry, Count: 3, Pattern: ".*"}
	if m[1] != "" {
		n, err := strconv.Atoi(m[1])
		if err != nil || n > maxRetries {
			return OnFailure{}, fmt.Errorf("a phase is retried at most %d times, not %s", maxRetries, m[1])
		}
		o.Count = n
	}
	if m[2] != "" {
		if _, err := regexp.Compile(m[2]); err != nil {
			return OnFailure{}, fmt.Errorf("the pattern of %q is not a regular expression: %w", s, err)
		}
		o.Pattern = m[2]
	}
	return o, nil
}

// Next is the phase that follows p. A build whose commands failed still tells its end: BUILD is followed by POST_BUILD
// and the upload, INSTALL and PRE_BUILD by nothing but the end, unless on-failure says otherwise (codebuild.md section
// 3). RETRY is taken as the default here: whoever retries does so before asking.
func Next(p Phase, failed bool, on OnFailure) Phase {
	if failed {
		switch p {
		case Submitted, Queued:
			return Completed
		case Provisioning, DownloadSource:
			return Finalizing
		case Install, PreBuild:
			if on.Policy != Continue {
				return Finalizing
			}
		case Build, PostBuild:
			if on.Policy == Abort {
				return Finalizing
			}
		}
	}
	for i, q := range order[:len(order)-1] {
		if q == p {
			return order[i+1]
		}
	}
	return Completed
}

// Aborts reports whether a failure of p, a phase with commands, ends the build's commands; the log calls that
// FAILED_WITH_ABORT.
func Aborts(p Phase, on OnFailure) bool {
	switch p {
	case Install, PreBuild, Build, PostBuild:
		return Next(p, true, on) == Finalizing
	}
	return false
}
