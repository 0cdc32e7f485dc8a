package logstore

import (
	"errors"
	"fmt"
	"strings"
)

// ErrPattern reports a filter pattern that is malformed or of a kind that is not supported.
var ErrPattern = errors.New("invalid filter pattern")

// Pattern is a parsed filter pattern. The zero value matches everything.
type Pattern struct {
	all  []string // every one must occur
	none []string // none may occur
	any  []string // when nothing is in all: at least one must occur
}

// ParsePattern parses the unstructured filter patterns of CloudWatch Logs: words and "quoted phrases", all of which must
// occur; -word must not occur; of several ?words one suffices. Matching is case-sensitive. As in CloudWatch Logs, ?words
// beside plain words have no effect. Patterns for JSON, for space-delimited fields and regular expressions are not
// supported and reported as ErrPattern.
func ParsePattern(text string) (Pattern, error) {
	var p Pattern
	rest := strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(rest, "{"):
		return p, fmt.Errorf("%w: JSON patterns ({ $.field = value }) are not supported; use words or \"quoted phrases\"", ErrPattern)
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
	var word string
	var err error
	switch {
	case strings.HasPrefix(text, `"`):
		word, text, err = phrase(text)
	case strings.HasPrefix(text, "%"):
		return "", fmt.Errorf("%w: regular expressions (%%...%%) are not supported; use words or \"quoted phrases\"", ErrPattern)
	default:
		end := strings.IndexAny(text, " \t\r\n")
		if end < 0 {
			end = len(text)
		}
		word, text = text[:end], text[end:]
	}
	if err == nil && word == "" {
		err = fmt.Errorf("%w: an empty term", ErrPattern)
	}
	*list = append(*list, word)
	return text, err
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
	for _, word := range p.none {
		if strings.Contains(message, word) {
			return false
		}
	}
	for _, word := range p.all {
		if !strings.Contains(message, word) {
			return false
		}
	}
	if len(p.all) > 0 || len(p.any) == 0 {
		return true
	}
	for _, word := range p.any {
		if strings.Contains(message, word) {
			return true
		}
	}
	return false
}
