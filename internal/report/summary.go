package report

import (
	"cmp"
	"slices"
	"time"
)

// Most of what is kept of one report.
const (
	MaxCases = 500
	MaxFiles = 10_000
)

// Tests gathers the test cases of a report. All are counted; of more than MaxCases those that failed are kept rather than
// the others. The zero value is empty.
type Tests struct {
	Total    int
	Counts   map[Status]int
	Duration time.Duration

	failing, others []numbered
}

type numbered struct {
	at int
	Case
}

// Add adds a case.
func (t *Tests) Add(c Case) {
	if t.Counts == nil {
		t.Counts = map[Status]int{}
	}
	t.Counts[c.Status]++
	t.Duration = min(t.Duration+c.Duration, longest)
	list := &t.others
	if c.Status == Failed || c.Status == Errored {
		list = &t.failing
	}
	if len(*list) < MaxCases {
		*list = append(*list, numbered{t.Total, c})
	}
	t.Total++
}

// Truncated reports whether Cases are not all.
func (t *Tests) Truncated() bool { return t.Total > MaxCases }

// Cases are the cases that were kept, in the order they came.
func (t *Tests) Cases() []Case {
	kept := slices.Concat(t.failing, t.others[:min(len(t.others), MaxCases-len(t.failing))])
	slices.SortFunc(kept, func(a, b numbered) int { return cmp.Compare(a.at, b.at) })
	out := make([]Case, len(kept))
	for i, k := range kept {
		out[i] = k.Case
	}
	return out
}

// Coverage gathers the source files of a report; parts of the same file add up. The zero value is empty.
type Coverage struct {
	Lines, Branches Parts
	Truncated       bool // some files are not in Files; Lines and Branches count them

	byPath map[string]*File
}

// Parts are what is covered and what is not.
type Parts struct{ Covered, Missed int }

// Percentage is what is covered of all, 0 to 100. Where there is nothing to cover it is all covered.
func (p Parts) Percentage() float64 {
	if p.Covered+p.Missed == 0 {
		return 100
	}
	return 100 * float64(p.Covered) / float64(p.Covered+p.Missed)
}

// Add adds a file, or a part of one.
func (c *Coverage) Add(f File) {
	c.Lines.Covered += f.LinesCovered
	c.Lines.Missed += f.LinesMissed
	c.Branches.Covered += f.BranchesCovered
	c.Branches.Missed += f.BranchesMissed
	if c.byPath == nil {
		c.byPath = map[string]*File{}
	}
	known := c.byPath[f.Path]
	switch {
	case known != nil:
		known.LinesCovered += f.LinesCovered
		known.LinesMissed += f.LinesMissed
		known.BranchesCovered += f.BranchesCovered
		known.BranchesMissed += f.BranchesMissed
	case len(c.byPath) < MaxFiles:
		c.byPath[f.Path] = &f
	default:
		c.Truncated = true
	}
}

// Files are the files by path.
func (c *Coverage) Files() []File {
	out := make([]File, 0, len(c.byPath))
	for _, f := range c.byPath {
		out = append(out, *f)
	}
	slices.SortFunc(out, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return out
}
