package jsonpath

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// condition is what stands in a filter.
type condition interface {
	holds(w *walk, v any) bool
}

type (
	anyOf []condition
	allOf []condition
	not   struct{ condition condition }
	// exists holds when a path finds something.
	exists struct{ operand path }
	// comparison compares two operands.
	comparison struct {
		left, right operand
		operator    operator
	}
)

func (c anyOf) holds(w *walk, v any) bool {
	for _, one := range c {
		if one.holds(w, v) {
			return true
		}
	}
	return false
}

func (c allOf) holds(w *walk, v any) bool {
	for _, one := range c {
		if !one.holds(w, v) {
			return false
		}
	}
	return true
}

func (c not) holds(w *walk, v any) bool { return !c.condition.holds(w, v) }

func (c exists) holds(w *walk, v any) (found bool) {
	w.follow(c.operand.steps, c.operand.origin(w, v), func(any) bool { found = true; return false })
	return found
}

func (c comparison) holds(w *walk, v any) bool {
	left, ok := c.left.value(w, v)
	if !ok {
		left = missing{}
	}
	right, ok := c.right.value(w, v)
	if !ok {
		right = missing{}
	}
	return c.operator(w, left, right)
}

// operand is a literal, or what a path finds.
type operand interface {
	value(w *walk, v any) (any, bool)
}

// missing is the value of a path that finds nothing: it equals nothing.
type missing struct{}

// literal is a constant; a regular expression is a *regexp.Regexp.
type literal struct{ constant any }

func (l literal) value(*walk, any) (any, bool) { return l.constant, true }

// path is a path inside a filter, from the item at hand (@) or from the root ($).
type path struct {
	fromRoot bool
	steps    []step
}

func (p path) origin(w *walk, v any) any {
	if p.fromRoot {
		return w.root
	}
	return v
}

// value is what a definite path finds; the values of another are a list.
func (p path) value(w *walk, v any) (found any, ok bool) {
	v = p.origin(w, v)
	if definite(p.steps) {
		w.follow(p.steps, v, func(one any) bool { found, ok = one, true; return false })
		return found, ok
	}
	list := []any{}
	w.follow(p.steps, v, func(one any) bool { list = append(list, one); return true })
	return list, len(list) > 0
}

func definite(steps []step) bool {
	for _, s := range steps {
		if !s.definite() {
			return false
		}
	}
	return true
}

type operator func(w *walk, left, right any) bool

var operators = map[string]operator{
	"==":       equal,
	"===":      equal,
	"!=":       func(w *walk, l, r any) bool { return !equal(w, l, r) },
	"!==":      func(w *walk, l, r any) bool { return !equal(w, l, r) },
	"<":        ordered(func(c int) bool { return c < 0 }),
	"<=":       ordered(func(c int) bool { return c <= 0 }),
	">":        ordered(func(c int) bool { return c > 0 }),
	">=":       ordered(func(c int) bool { return c >= 0 }),
	"=~":       matches,
	"in":       isIn,
	"nin":      func(w *walk, l, r any) bool { return !isIn(w, l, r) },
	"contains": contains,
	"size":     hasSize,
	"empty":    isEmpty,
}

// equal compares scalars, a number with the text of a number too, as Jayway does. Lists and objects equal nothing.
func equal(w *walk, left, right any) bool {
	if a, ok := number(left); ok {
		if b, ok := number(right); ok && (!isString(left) || !isString(right)) {
			return a == b
		}
	}
	switch l := left.(type) {
	case string:
		r, ok := right.(string)
		return ok && w.spend(len(r)/bytesPerStep) && l == r
	case bool:
		return left == right
	case nil:
		return right == nil
	}
	return false
}

// ordered compares numbers, or texts.
func ordered(want func(int) bool) operator {
	return func(w *walk, left, right any) bool {
		if a, ok := number(left); ok {
			if b, ok := number(right); ok {
				switch {
				case a < b:
					return want(-1)
				case a > b:
					return want(1)
				}
				return want(0)
			}
		}
		l, isText := left.(string)
		r, ok := right.(string)
		return isText && ok && w.spend(len(r)/bytesPerStep) && want(strings.Compare(l, r))
	}
}

// bytesPerStep is how many bytes of a text cost as much as one value.
const bytesPerStep = 16

// matches compares a whole text with a regular expression.
func matches(w *walk, left, right any) bool {
	expression, ok := right.(*regexp.Regexp)
	text, isText := Text(left)
	return ok && isText && w.spend(len(text)) && expression.MatchString(text)
}

func isIn(w *walk, left, right any) bool {
	list, _ := right.([]any)
	for _, item := range list {
		if !w.spend(1) {
			return false
		}
		if equal(w, left, item) {
			return true
		}
	}
	return false
}

// contains looks for an item of a list, or a part of a text.
func contains(w *walk, left, right any) bool {
	if text, ok := left.(string); ok {
		part, ok := right.(string)
		return ok && w.spend(len(text)/bytesPerStep) && strings.Contains(text, part)
	}
	return isIn(w, right, left)
}

func hasSize(w *walk, left, right any) bool {
	n, ok := size(w, left)
	return ok && equal(w, float64(n), right)
}

// isEmpty tells whether a list, an object or a text is empty, or with `false` on the right that it is not.
func isEmpty(w *walk, left, right any) bool {
	n, ok := size(w, left)
	want, isBool := right.(bool)
	return ok && isBool && (n == 0) == want
}

// size is how many items, members or characters a value has.
func size(w *walk, v any) (int, bool) {
	switch v := v.(type) {
	case []any:
		return len(v), true
	case map[string]any:
		return len(v), true
	case string:
		return utf8.RuneCountInString(v), w.spend(len(v) / bytesPerStep)
	default:
		return 0, false
	}
}

// number is the value of a number, or of a text that is one.
func number(v any) (float64, bool) {
	text := ""
	switch v := v.(type) {
	case float64:
		return v, true
	case json.Number:
		text = v.String()
	case string:
		text = v
	}
	if text == "" || len(text) > longestNumber {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

// longestNumber bounds what reading a number costs; nobody compares longer ones.
const longestNumber = 64

func isString(v any) bool {
	_, ok := v.(string)
	return ok
}
