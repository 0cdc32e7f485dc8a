package build

import (
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
)

// progress keeps a build's phases as BatchGetBuilds shows them. Readers take snapshots while the build runs; values
// behind pointers are replaced, never changed.
type progress struct {
	mu      sync.Mutex
	build   *types.Build
	now     func() time.Time
	changed func() // told after every change, outside the lock; may be nil
}

func newProgress(b *types.Build, now func() time.Time) *progress {
	return &progress{build: b, now: now}
}

// set changes the build under the lock.
func (p *progress) set(change func(*types.Build)) {
	p.mu.Lock()
	change(p.build)
	p.mu.Unlock()
	if p.changed != nil {
		p.changed()
	}
}

// enter begins a phase.
func (p *progress) enter(phase buildspec.Phase) {
	p.set(func(b *types.Build) {
		b.CurrentPhase = aws.String(string(phase))
		b.Phases = append(b.Phases, types.BuildPhase{PhaseType: types.BuildPhaseType(phase), StartTime: aws.Time(p.now())})
	})
}

// leave ends the running phase; why may be nil.
func (p *progress) leave(status types.StatusType, why *Failure) {
	p.set(func(b *types.Build) {
		last := &b.Phases[len(b.Phases)-1]
		end := p.now()
		if start := aws.ToTime(last.StartTime); end.Before(start) {
			end = start // the clock of the database, which began the phase, is a little ahead
		}
		last.PhaseStatus, last.EndTime = status, aws.Time(end)
		last.DurationInSeconds = aws.Int64(int64(end.Sub(aws.ToTime(last.StartTime)).Round(time.Second) / time.Second))
		last.Contexts = []types.PhaseContext{{StatusCode: aws.String(""), Message: aws.String("")}}
		if why != nil {
			last.Contexts[0] = types.PhaseContext{StatusCode: aws.String(why.Code), Message: aws.String(why.text())}
		}
	})
}

// text is the message with the failed command's last lines below it.
func (f *Failure) text() string {
	if f.LastWords == "" {
		return f.Message
	}
	return f.Message + "\nThe last lines of its output:\n" + f.LastWords
}

// complete ends the build.
func (p *progress) complete(status types.StatusType) {
	p.enter(buildspec.Completed)
	p.set(func(b *types.Build) {
		b.BuildStatus, b.BuildComplete, b.EndTime = status, true, aws.Time(p.now())
	})
}

// snapshot is a copy nobody changes any more.
func (p *progress) snapshot() types.Build {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := *p.build
	b.Phases = slices.Clone(b.Phases)
	b.ExportedEnvironmentVariables = slices.Clone(b.ExportedEnvironmentVariables)
	b.SecondaryArtifacts = slices.Clone(b.SecondaryArtifacts)
	b.ReportArns = slices.Clone(b.ReportArns)
	return b
}

// FailureReason is why a build did not succeed, for people: the first phase that went wrong and its message.
func FailureReason(b *types.Build) string {
	for _, p := range b.Phases {
		switch p.PhaseStatus {
		case types.StatusTypeFailed, types.StatusTypeFault, types.StatusTypeTimedOut, types.StatusTypeStopped:
			reason := "phase " + string(p.PhaseType)
			for _, c := range p.Contexts {
				if code, msg := aws.ToString(c.StatusCode), aws.ToString(c.Message); code != "" || msg != "" {
					reason += ": " + code + ": " + msg
				}
			}
			return reason
		}
	}
	return ""
}
