package engine

import (
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Bounds of what events may put into the state, so that it stays small whatever providers report. The first ones are the
// wire's own; text beyond them could not be shown anyway.
const (
	maxSummary         = 2048
	maxMessage         = 5000
	maxExternalID      = 1500
	maxURL             = 2048
	maxCode            = 100
	maxApprovalSummary = 512
	maxStopReason      = 200
	maxReason          = 1000
	maxAuthors         = 100
	maxVariables       = 122880 // output variables of one action (P3)
)

// clip shortens s to at most n bytes without cutting a character in two. Invalid UTF-8 is replaced: JSON could not keep
// it.
func clip(s string, n int) string {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func clipRevision(r *pipeline.Revision) *pipeline.Revision {
	if r == nil {
		return nil
	}
	c := *r
	c.ID, c.Change = clip(c.ID, maxExternalID), clip(c.Change, maxExternalID)
	c.Summary, c.URL, c.Created = clip(c.Summary, maxSummary), clip(c.URL, maxURL), clean(c.Created)
	return &c
}

func variablesSize(vars map[string]string) int {
	n := 0
	for k, v := range vars {
		n += len(k) + len(v)
	}
	return n
}

// list copies what arrived in an event; an empty list is nil, as it is after a trip through JSON.
func list[T any](from []T) []T {
	if len(from) == 0 {
		return nil
	}
	return slices.Clone(from)
}

// table does the same for a map.
func table(from map[string]string) map[string]string {
	if len(from) == 0 {
		return nil
	}
	return maps.Clone(from)
}
