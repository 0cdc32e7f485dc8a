package logstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ErrPattern reports a filter pattern that is malformed or of a kind that is not supported.
var ErrPattern = errors.New("invalid filter pattern")

// Pattern is a parsed filter pattern. The zero value matches everything.
type Pattern struct {
	all  []term    // every one must occur
	none []term    // none may occur
	any  []term    // when nothing is in all: at least one must occur
	json condition // nil: the pattern is not about JSON
}

// term is a word or phrase, or a regular expression.
type term struct {
	text string
	re   *regexp.Regexp // nil: text
}

func (t term) in(message string) bool {
	if t.re != nil {
		return t.re.MatchString(message)
	}
	return strings.Contains(message, t.text)
}

// ParsePattern parses the filter patterns of CloudWatch Logs: words and "quoted phrases", all of which must
// occur; -word must not occur; of several ?words one suffices. A word may be a %regular expression%. Matching is
// case-sensitive. As in CloudWatch Logs, ?words beside plain words have no effect. A pattern in braces is about messages that
// are JSON objects: { $.level = "ERR*" && $.code >= 500 }. Patterns for space-delimited fields are not supported and reported
// as ErrPattern.
func ParsePattern(text string) (Pattern, error) {
	var p Pattern
	rest := strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(rest, "{"):
		var err error
		p.json, err = parseJSON(rest)
		return p, err
	case strings.HasPrefix(rest, "["):
		return p, fmt.Errorf("%w: space-delimited patterns ([a, b]) are not supported; use words or \"quoted phrases\"", ErrPattern)
	}
	for rest != "" {
		var err error
		if rest, err = p.term(rest); err != nil {
			return Pattern{}, err
		}
		rest = strings.TrimLeft(rest, " \t\r\n")
	}
	return p, nil
}

// term parses one term and returns what follows.
func (p *Pattern) term(text string) (string, error) {
	list := &p.all
	switch text[0] {
	case '-':
		list, text = &p.none, text[1:]
	case '?':
		list, text = &p.any, text[1:]
	}
	var t term
	var err error
	switch {
	case strings.HasPrefix(text, `"`):
		t.text, text, err = phrase(text)
	case strings.HasPrefix(text, "%"):
		t, text, err = expression(text[1:])
	default:
		end := strings.IndexAny(text, " \t\r\n")
		if end < 0 {
			end = len(text)
		}
		t.text, text = text[:end], text[end:]
	}
	if err == nil && t.text == "" {
		err = fmt.Errorf("%w: an empty term", ErrPattern)
	}
	*list = append(*list, t)
	return text, err
}

// expression reads a regular expression up to the next percent sign.
func expression(text string) (t term, rest string, err error) {
	var closed bool
	if t.text, rest, closed = strings.Cut(text, "%"); !closed {
		return t, "", fmt.Errorf("%w: a %%regular expression%% is not closed", ErrPattern)
	}
	if t.re, err = regexp.Compile(t.text); err != nil {
		return t, "", fmt.Errorf("%w: %w", ErrPattern, err)
	}
	return t, rest, nil
}

// phrase reads a quoted phrase, in which a backslash protects the next byte.
func phrase(text string) (word, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), text[i+1:], nil
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", fmt.Errorf("%w: a quote is not closed", ErrPattern)
}

// Match reports whether a message matches.
func (p Pattern) Match(message string) bool {
	if p.json != nil {
		var object map[string]any
		return json.Unmarshal([]byte(message), &object) == nil && p.json(object)
	}
	in := func(t term) bool { return t.in(message) }
	out := func(t term) bool { return !t.in(message) }
	if slices.ContainsFunc(p.none, in) || slices.ContainsFunc(p.all, out) {
		return false
	}
	return len(p.all) > 0 || len(p.any) == 0 || slices.ContainsFunc(p.any, in)
}
