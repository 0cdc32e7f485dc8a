package jsonpath

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// longest bounds a path in bytes, and with it how deep the parser recurses.
const longest = 4096

// parser reads a path from left to right. Errors carry the position that was reached.
type parser struct {
	text string
	at   int
}

func (p *parser) errorf(format string, args ...any) error {
	return fmt.Errorf("at character %d: %s", utf8.RuneCountInString(p.text[:min(p.at, len(p.text))])+1, fmt.Sprintf(format, args...))
}

// peek is the next byte, 0 at the end.
func (p *parser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// take consumes s if it comes next.
func (p *parser) take(s string) bool {
	if !strings.HasPrefix(p.text[p.at:], s) {
		return false
	}
	p.at += len(s)
	return true
}

func (p *parser) spaces() {
	for p.peek() == ' ' || p.peek() == '\t' {
		p.at++
	}
}

// path reads a whole path.
func (p *parser) path() ([]step, error) {
	if len(p.text) > longest {
		return nil, fmt.Errorf("the path is longer than %d bytes", longest)
	}
	if !utf8.ValidString(p.text) {
		return nil, fmt.Errorf("the path is not valid UTF-8")
	}
	p.text = strings.TrimSpace(p.text)
	if p.text == "" {
		return nil, p.errorf("the path is empty")
	}
	var first []step
	if !p.take("$") {
		if p.peek() == '@' {
			return nil, p.errorf("@ is known inside filters only; begin the path with $")
		}
		if p.peek() != '[' {
			s, err := p.name()
			if err != nil {
				return nil, err
			}
			first = []step{s}
		}
	}
	steps, err := p.steps(first, "")
	if err != nil {
		return nil, err
	}
	if p.at < len(p.text) {
		return nil, p.errorf("unexpected %q; names with such characters are written ['name']", p.text[p.at:])
	}
	return steps, nil
}

// steps reads the steps after the root. Characters of stop, and those that no name can have, end it.
func (p *parser) steps(steps []step, stop string) ([]step, error) {
	for {
		var s step
		var err error
		switch {
		case p.take(".."):
			steps = append(steps, descent{})
			if p.peek() == '[' {
				continue
			}
			s, err = p.nameOrFunction(steps, stop)
		case p.take("."):
			s, err = p.nameOrFunction(steps, stop)
		case p.take("["):
			s, err = p.bracket()
		default:
			return steps, nil
		}
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
}

// endsName are the characters that a name without quotes cannot have.
const endsName = ".[]() \t'\","

func (p *parser) word(stop string) string {
	end := strings.IndexAny(p.text[p.at:], endsName+stop)
	if end < 0 {
		end = len(p.text) - p.at
	}
	word := p.text[p.at : p.at+end]
	p.at += end
	return word
}

// name reads a name without quotes at the beginning of a path.
func (p *parser) name() (step, error) { return p.nameOrFunction(nil, "") }

// nameOrFunction reads what follows a dot.
func (p *parser) nameOrFunction(before []step, stop string) (step, error) {
	begin := p.at
	word := p.word(stop)
	switch {
	case word == "":
		return nil, p.errorf("a name is missing; names with special characters are written ['name']")
	case word == "*":
		return wildcard{}, nil
	case p.peek() != '(':
		return names{word}, nil
	}
	p.at++
	p.spaces()
	if f := function(word); f != functionLength && f != functionFirst && f != functionLast || !p.take(")") {
		p.at = begin
		return nil, p.errorf("the function %s is not supported; length(), first() and last() are, without arguments", word)
	}
	if !definite(before) {
		p.at = begin
		return nil, p.errorf("%s() follows a path that can select several values; it works on one", word)
	}
	return function(word), nil
}

// bracket reads what follows a [.
func (p *parser) bracket() (step, error) {
	p.spaces()
	var s step
	var err error
	switch p.peek() {
	case '*':
		p.at++
		s = wildcard{}
	case '?':
		p.at++
		s, err = p.filter()
	case '\'', '"':
		s, err = p.quotedNames()
	default:
		s, err = p.positions()
	}
	if err != nil {
		return nil, err
	}
	p.spaces()
	if !p.take("]") {
		return nil, p.errorf("a ] is missing")
	}
	return s, nil
}

func (p *parser) quotedNames() (step, error) {
	var list names
	for {
		p.spaces()
		name, err := p.quoted()
		if err != nil {
			return nil, err
		}
		list = append(list, name)
		p.spaces()
		if !p.take(",") {
			return list, nil
		}
	}
}

// quoted reads a text in single or double quotes, with the escapes of JSON and \'.
func (p *parser) quoted() (string, error) {
	quote := p.peek()
	if quote != '\'' && quote != '"' {
		return "", p.errorf("a text in quotes is missing")
	}
	begin := p.at
	var inside strings.Builder // as JSON has it
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == quote:
			p.at++
			var text string
			if json.Unmarshal([]byte(`"`+inside.String()+`"`), &text) != nil {
				p.at = begin
				return "", p.errorf("the text in quotes has an escape that is none, or a control character")
			}
			return text, nil
		case c == '\\' && p.at+1 < len(p.text):
			p.at++
			if escaped := p.text[p.at]; escaped == '\'' || escaped == '/' {
				inside.WriteByte(escaped)
			} else {
				inside.WriteString(p.text[p.at-1 : p.at+1])
			}
		case c == '"':
			inside.WriteString(`\"`)
		default:
			inside.WriteByte(c)
		}
	}
	p.at = begin
	return "", p.errorf("the text in quotes does not end")
}

// positions reads 1, -1, 0,2 or 1:3.
func (p *parser) positions() (step, error) {
	var list indexes
	for {
		p.spaces()
		first, given, err := p.integer()
		if err != nil {
			return nil, err
		}
		p.spaces()
		if len(list) == 0 && p.take(":") {
			return p.span(first, given)
		}
		if !given {
			return nil, p.errorf("expected a position, a 'name', * or a filter ?(...)")
		}
		list = append(list, first)
		if !p.take(",") {
			return list, nil
		}
	}
}

// span reads the rest of a slice.
func (p *parser) span(from int, given bool) (step, error) {
	var s span
	if given {
		s.from = &from
	}
	p.spaces()
	to, given, err := p.integer()
	if err != nil {
		return nil, err
	}
	if given {
		s.to = &to
	}
	return s, nil
}

func (p *parser) integer() (n int, given bool, err error) {
	begin := p.at
	if p.peek() == '-' {
		p.at++
	}
	for c := p.peek(); '0' <= c && c <= '9'; c = p.peek() {
		p.at++
	}
	if p.at == begin {
		return 0, false, nil
	}
	n, err = strconv.Atoi(p.text[begin:p.at])
	if err != nil {
		p.at = begin
		return 0, false, p.errorf("%q is no position", p.text[begin:])
	}
	return n, true, nil
}
