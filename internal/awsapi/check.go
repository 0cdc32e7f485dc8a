package awsapi

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// violations lists, in AWS's words, what in a request's tree breaks the facts of its shape.
func violations(f *fact, tree map[string]any) []string {
	if f == nil {
		return nil
	}
	c := checker{}
	c.structure(f, tree)
	return c.found
}

// mostViolations bounds an answer, whatever was sent.
const mostViolations = 100

// violationText is the message of AWS's ValidationException.
func violationText(found []string) string {
	noun := "error"
	if len(found) > 1 {
		noun = "errors"
	}
	return fmt.Sprintf("%d validation %s detected: %s", len(found), noun, strings.Join(found, "; "))
}

type checker struct {
	path  []byte
	found []string
}

// enter appends a step to the path and returns how to step back.
func (c *checker) enter(steps ...string) int {
	n := len(c.path)
	for _, s := range steps {
		if len(c.path) > 0 {
			c.path = append(c.path, '.')
		}
		c.path = append(c.path, s...)
	}
	return n
}

func (c *checker) leave(n int) { c.path = c.path[:n] }

// fail notes a violation by v of f; the value is told unless it is secret or has no readable form.
func (c *checker) fail(f *fact, v any, what string) {
	if len(c.found) >= mostViolations {
		return
	}
	value := "Value"
	switch text, ok := display(v); {
	case v == nil:
		value = "Value null"
	case ok && !f.hidden():
		value = "Value '" + text + "'"
	}
	c.found = append(c.found, value+" at '"+string(c.path)+"' failed to satisfy constraint: "+what)
}

// hidden tells shapes whose values are not repeated: secrets, and maps, such as an action's configuration, which may hold
// one.
func (f *fact) hidden() bool {
	return f.secret || f.kind == "map" || (f.item != nil && f.item.secret)
}

func (c *checker) structure(f *fact, object map[string]any) {
	for _, m := range f.members {
		v := object[m.name]
		// The query services' names begin with a capital on the wire, but not in messages.
		at := c.enter(lowerFirst(m.name))
		switch {
		case v == nil && f.required[m.name]:
			c.fail(nil, nil, "Member must not be null")
		case v != nil && m.fact != nil:
			c.value(m.fact, v)
		}
		c.leave(at)
	}
}

func (c *checker) value(f *fact, v any) {
	for _, what := range f.broken(v) {
		c.fail(f, v, what)
	}
	switch v := v.(type) {
	case map[string]any:
		if f.kind == "map" {
			c.mapping(f, v)
		} else {
			c.structure(f, v)
		}
	case []any:
		c.list(f, v)
	}
}

// list checks the items: structures by themselves, scalars as one violation of the whole list, as AWS does.
func (c *checker) list(f *fact, items []any) {
	for i, item := range items {
		if item == nil {
			c.fail(f, items, "Member must satisfy constraint: [Member must not be null]")
			return
		}
		if f.item == nil {
			continue
		}
		if f.item.composite() {
			at := c.enter(strconv.Itoa(i+1), "member")
			c.value(f.item, item)
			c.leave(at)
			continue
		}
		if len(f.item.broken(item)) > 0 {
			c.fail(f, items, "Member must satisfy constraint: ["+strings.Join(f.item.rules(), ", ")+"]")
			return
		}
	}
}

func (c *checker) mapping(f *fact, object map[string]any) {
	keys := make([]string, 0, len(object))
	for k := range object {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	if f.key != nil {
		for _, k := range keys {
			if len(f.key.broken(k)) > 0 {
				c.fail(f, object, "Map keys must satisfy constraint: ["+strings.Join(f.key.rules(), ", ")+"]")
				break
			}
		}
	}
	for _, k := range keys {
		if object[k] == nil {
			c.fail(f, object, "Map value must satisfy constraint: [Member must not be null]")
			return
		}
		if f.value == nil {
			continue
		}
		if f.value.composite() {
			at := c.enter(k, "member")
			c.value(f.value, object[k])
			c.leave(at)
			continue
		}
		if len(f.value.broken(object[k])) > 0 {
			c.fail(f, object, "Map value must satisfy constraint: ["+strings.Join(f.value.rules(), ", ")+"]")
			return
		}
	}
}

func (f *fact) composite() bool {
	return f.kind == "structure" || f.kind == "list" || f.kind == "map"
}

// broken lists which of a shape's own rules v breaks. A value of another JSON type breaks none: that is for the decoder
// to refuse.
func (f *fact) broken(v any) []string {
	size, ok := f.measure(v)
	if !ok {
		return nil
	}
	var out []string
	noun := f.measureNoun()
	if f.max != nil && size > *f.max {
		out = append(out, noun+" less than or equal to "+number(*f.max))
	}
	if f.min != nil && size < *f.min {
		out = append(out, noun+" greater than or equal to "+number(*f.min))
	}
	text, isText := v.(string)
	if !isText {
		return out
	}
	if f.re != nil && !f.re.MatchString(text) {
		out = append(out, f.patternRule())
	}
	if len(f.enum) > 0 && !has(f.enum, text) {
		out = append(out, f.enumRule())
	}
	return out
}

// rules lists all rules of a shape, which is how AWS reports a scalar inside a list or map.
func (f *fact) rules() []string {
	var out []string
	noun := f.measureNoun()
	if f.max != nil {
		out = append(out, noun+" less than or equal to "+number(*f.max))
	}
	if f.min != nil {
		out = append(out, noun+" greater than or equal to "+number(*f.min))
	}
	if f.pattern != "" {
		out = append(out, f.patternRule())
	}
	if len(f.enum) > 0 {
		out = append(out, f.enumRule())
	}
	return out
}

func (f *fact) patternRule() string {
	return "Member must satisfy regular expression pattern: " + f.pattern
}

func (f *fact) enumRule() string {
	return "Member must satisfy enum value set: [" + strings.Join(f.enum, ", ") + "]"
}

func (f *fact) measureNoun() string {
	switch f.kind {
	case "integer", "long", "double", "float":
		return "Member must have value"
	default:
		return "Member must have length"
	}
}

// measure is what min and max bound: a text's characters, a blob's bytes, a list's items, a number itself.
func (f *fact) measure(v any) (float64, bool) {
	switch v := v.(type) {
	case string:
		switch f.kind {
		case "blob":
			return float64(base64.RawStdEncoding.DecodedLen(len(strings.TrimRight(v, "=")))), true
		case "integer", "long", "double", "float": // the query protocol has only text
			n, err := strconv.ParseFloat(v, 64)
			return n, err == nil
		}
		return float64(utf8.RuneCountInString(v)), true
	case json.Number:
		n, err := v.Float64()
		return n, err == nil
	case []any:
		return float64(len(v)), true
	case map[string]any:
		return float64(len(v)), f.kind == "map"
	default:
		return 0, false
	}
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func has(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// longestDisplay bounds how much of a value is repeated to its sender.
const longestDisplay = 1024

// display prints a value the way Java's toString does, which is what AWS's messages hold. Structures and maps have no
// form that is fit to be shown.
func display(v any) (string, bool) {
	var b strings.Builder
	ok := write(&b, v)
	s := b.String()
	if len(s) > longestDisplay {
		cut := longestDisplay
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "..."
	}
	return s, ok
}

func write(b *strings.Builder, v any) bool {
	switch v := v.(type) {
	case string:
		b.WriteString(v)
	case json.Number:
		b.WriteString(v.String())
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case []any:
		b.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			if !scalar(item) || !write(b, item) {
				return false
			}
		}
		b.WriteByte(']')
	default:
		return false
	}
	return true
}

func scalar(v any) bool {
	switch v.(type) {
	case string, json.Number, bool:
		return true
	default:
		return false
	}
}
