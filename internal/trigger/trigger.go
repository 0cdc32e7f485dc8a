// Package trigger decides whether an event of a Git repository starts a pipeline. It is pure: what was pushed, and which
// files it changed, comes from the caller.
package trigger

import "github.com/conveyor-cd/conveyor/internal/pipeline"

// Kind is what happened.
type Kind string

// The kinds of events. The pull-request kinds have the names of AWS's event types.
const (
	BranchPushed       Kind = "PUSH"
	TagPushed          Kind = "TAG"
	PullRequestOpened  Kind = "OPEN"
	PullRequestUpdated Kind = "UPDATED"
	PullRequestClosed  Kind = "CLOSED" // merged, or closed without
)

// Event is something that happened in the repository of a source action.
type Event struct {
	Kind Kind
	// Name is the branch or the tag that was pushed, without refs/...; for pull requests the branch they are to go into.
	Name string
	// Files are the paths that changed, in any order; only the first MaxFiles of them count. A branch that is new has
	// none: there is nothing it could differ from.
	Files []string
}

// MaxFiles is how many changed files of an event are looked at (pipeline.md section 8.1).
const MaxFiles = 100

// Matches reports whether the event starts the pipeline that declares g: any of its filters is enough.
func Matches(g *pipeline.GitConfiguration, e Event) bool {
	for i := range g.Push {
		if push(&g.Push[i], e) {
			return true
		}
	}
	for i := range g.PullRequest {
		if pullRequest(&g.PullRequest[i], e) {
			return true
		}
	}
	return false
}

// push: every criterion that is there must pass.
func push(f *pipeline.GitPushFilter, e Event) bool {
	switch e.Kind {
	case TagPushed:
		return f.Tags != nil && names(f.Tags, e.Name)
	case BranchPushed:
		return f.Tags == nil && names(f.Branches, e.Name) && files(f.FilePaths, e.Files)
	}
	return false
}

func pullRequest(f *pipeline.PullRequestFilter, e Event) bool {
	if e.Kind == BranchPushed || e.Kind == TagPushed {
		return false
	}
	wanted := len(f.Events) == 0
	for _, kind := range f.Events {
		wanted = wanted || kind == string(e.Kind)
	}
	return wanted && names(f.Branches, e.Name) && files(f.FilePaths, e.Files)
}

// names passes when some include matches (or there is none) and no exclude does.
func names(f *pipeline.GlobFilter, name string) bool {
	return f == nil || (len(f.Includes) == 0 || anyGlob(f.Includes, name)) && !anyGlob(f.Excludes, name)
}

// files passes when one changed file does: it need not be all of them.
func files(f *pipeline.GlobFilter, changed []string) bool {
	if f == nil {
		return true
	}
	for _, path := range changed[:min(len(changed), MaxFiles)] {
		if names(f, path) {
			return true
		}
	}
	return false
}

func anyGlob(patterns []string, name string) bool {
	for _, p := range patterns {
		if Glob(p, name) {
			return true
		}
	}
	return false
}
