package jsonpath

import (
	"maps"
	"slices"
)

// step leads from a value to those it selects: its children, its descendants, or itself.
type step interface {
	// each calls yield with the values that the step selects in v, until yield returns false; then it returns false.
	each(w *walk, v any, yield func(any) bool) bool
	// definite reports whether the step selects at most one value.
	definite() bool
}

// walk is one evaluation of a path, or of a whole filter.
type walk struct {
	root   any
	budget int
}

// spend takes n from the budget; without any left the walk ends.
func (w *walk) spend(n int) bool {
	w.budget -= n
	return w.budget >= 0
}

// follow goes all the steps from v, depth first: no list of values is ever made.
func (w *walk) follow(steps []step, v any, yield func(any) bool) bool {
	if !w.spend(1) {
		return false
	}
	if len(steps) == 0 {
		return yield(v)
	}
	return steps[0].each(w, v, func(next any) bool { return w.follow(steps[1:], next, yield) })
}

// names selects members of an object: one, or several in the order in which they are written.
type names []string

func (n names) definite() bool { return len(n) == 1 }

func (n names) each(_ *walk, v any, yield func(any) bool) bool {
	object, ok := v.(map[string]any)
	if !ok {
		return true
	}
	for _, name := range n {
		if member, ok := object[name]; ok && !yield(member) {
			return false
		}
	}
	return true
}

// indexes selects items of a list; negative ones count from its end.
type indexes []int

func (x indexes) definite() bool { return len(x) == 1 }

func (x indexes) each(_ *walk, v any, yield func(any) bool) bool {
	list, ok := v.([]any)
	if !ok {
		return true
	}
	for _, i := range x {
		if i < 0 {
			i += len(list)
		}
		if i >= 0 && i < len(list) && !yield(list[i]) {
			return false
		}
	}
	return true
}

// span selects the items from one position to before another; nil is the beginning and the end.
type span struct{ from, to *int }

func (span) definite() bool { return false }

func (s span) each(_ *walk, v any, yield func(any) bool) bool {
	list, ok := v.([]any)
	if !ok {
		return true
	}
	position := func(p *int, otherwise int) int {
		if p == nil {
			return otherwise
		}
		if *p < 0 {
			return max(*p+len(list), 0)
		}
		return min(*p, len(list))
	}
	from, to := position(s.from, 0), position(s.to, len(list))
	for i := from; i < to; i++ {
		if !yield(list[i]) {
			return false
		}
	}
	return true
}

// wildcard selects all children.
type wildcard struct{}

func (wildcard) definite() bool { return false }

func (wildcard) each(w *walk, v any, yield func(any) bool) bool {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if !yield(item) {
				return false
			}
		}
	case map[string]any:
		if !w.spend(len(v)) { // for the sorting
			return false
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if !yield(v[name]) {
				return false
			}
		}
	}
	return true
}

// descent selects a value and everything in it.
type descent struct{}

func (descent) definite() bool { return false }

func (d descent) each(w *walk, v any, yield func(any) bool) bool {
	if !w.spend(1) || !yield(v) {
		return false
	}
	return wildcard{}.each(w, v, func(child any) bool { return d.each(w, child, yield) })
}

// filter selects the items of a list that satisfy a condition, or an object that does.
type filter struct{ condition condition }

func (filter) definite() bool { return false }

func (f filter) each(w *walk, v any, yield func(any) bool) bool {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if !w.spend(1) {
				return false
			}
			if f.condition.holds(w, item) && !yield(item) {
				return false
			}
		}
	case map[string]any:
		return !f.condition.holds(w, v) || yield(v)
	}
	return true
}

// function computes one value of another.
type function string

// The functions; Jayway's others are refused by name.
const (
	functionLength function = "length"
	functionFirst  function = "first"
	functionLast   function = "last"
)

func (function) definite() bool { return true }

func (f function) each(w *walk, v any, yield func(any) bool) bool {
	switch f {
	case functionFirst:
		return indexes{0}.each(w, v, yield)
	case functionLast:
		return indexes{-1}.each(w, v, yield)
	}
	if n, ok := size(w, v); ok {
		return yield(float64(n))
	}
	return true
}
