package trigger

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A glob is matched as java.nio does, whose dialect AWS's filters have:
//
//	*      any characters but /, also none
//	**     any characters, also none
//	?      one character but /
//	[a-z]  one of the characters, not /; [!a-z] one of the others
//	{a,b}  one of the patterns; they do not nest
//	\      the next character as it is

// CheckGlob says what is wrong with a pattern, or returns nil.
func CheckGlob(pattern string) error {
	_, err := parseGlob(pattern)
	return err
}

// Glob reports whether the whole of name matches the pattern. A malformed pattern matches nothing.
func Glob(pattern, name string) bool {
	alternatives, err := parseGlob(pattern)
	if err != nil {
		return false
	}
	for _, tokens := range alternatives {
		if matchTokens(tokens, name) {
			return true
		}
	}
	return false
}

// token is one step of a pattern.
type token struct {
	kind   tokenKind
	char   rune   // literal
	ranges []span // class
	not    bool   // class: none of the ranges
}

type tokenKind uint8

const (
	literal tokenKind = iota
	anyChar           // ?
	anyName           // *
	anyPath           // **
	class             // [...]
)

type span struct{ low, high rune }

// maxAlternatives bounds what {a,b}{c,d}... multiplies to; a pattern has at most 255 characters.
const maxAlternatives = 1024

// parseGlob expands the braces of a pattern and reads each alternative.
func parseGlob(pattern string) ([][]token, error) {
	p := &parser{text: pattern, out: [][]token{{}}}
	for p.text != "" {
		if err := p.next(); err != nil {
			return nil, fmt.Errorf("the pattern %q %w", pattern, err)
		}
	}
	if p.inBraces {
		return nil, fmt.Errorf("the pattern %q has a { without its }", pattern)
	}
	return p.out, nil
}

// parser reads a pattern from left to right. out are the alternatives so far; inside braces, before are those in front
// of the brace and group those that ended with a comma.
type parser struct {
	text          string
	out           [][]token
	inBraces      bool
	before, group [][]token
}

func (p *parser) take() rune {
	r, size := utf8.DecodeRuneInString(p.text)
	p.text = p.text[size:]
	return r
}

func (p *parser) add(t token) {
	for i := range p.out {
		p.out[i] = append(p.out[i : i+1 : i+1][0], t)
	}
}

func (p *parser) next() error {
	switch r := p.take(); {
	case r == '*':
		stars := anyName
		for strings.HasPrefix(p.text, "*") {
			p.text, stars = p.text[1:], anyPath
		}
		p.add(token{kind: stars})
	case r == '?':
		p.add(token{kind: anyChar})
	case r == '\\':
		if p.text == "" {
			return fmt.Errorf("ends with a \\")
		}
		p.add(token{char: p.take()})
	case r == '[':
		return p.class()
	case r == '{':
		if p.inBraces {
			return fmt.Errorf("has a { inside {}")
		}
		p.inBraces, p.before, p.group = true, p.out, nil
		p.restart()
	case r == ',' && p.inBraces:
		p.group = append(p.group, p.out...)
		p.restart()
	case r == '}' && p.inBraces:
		p.out, p.inBraces = append(p.group, p.out...), false
	default:
		p.add(token{char: r})
	}
	if len(p.out)+len(p.group) > maxAlternatives {
		return fmt.Errorf("has more than %d alternatives", maxAlternatives)
	}
	return nil
}

// restart begins another alternative of the braces.
func (p *parser) restart() {
	p.out = make([][]token, len(p.before))
	for i, b := range p.before {
		p.out[i] = append([]token(nil), b...)
	}
}

func (p *parser) class() error {
	t := token{kind: class}
	if strings.HasPrefix(p.text, "!") {
		p.text, t.not = p.text[1:], true
	}
	for first := true; ; first = false {
		if p.text == "" {
			return fmt.Errorf("has a [ without its ]")
		}
		low := p.take()
		if low == ']' && !first {
			p.add(t)
			return nil
		}
		high := low
		if strings.HasPrefix(p.text, "-") && !strings.HasPrefix(p.text, "-]") && len(p.text) > 1 {
			p.text = p.text[1:]
			if high = p.take(); high < low {
				return fmt.Errorf("has the range %c-%c, which ends before it begins", low, high)
			}
		}
		if low == '/' || high == '/' {
			return fmt.Errorf("has a / inside []")
		}
		t.ranges = append(t.ranges, span{low, high})
	}
}

func (t *token) matches(r rune) bool {
	switch t.kind {
	case literal:
		return r == t.char
	case anyChar, anyName:
		return r != '/'
	case class:
		if r == '/' {
			return false
		}
		for _, s := range t.ranges {
			if s.low <= r && r <= s.high {
				return !t.not
			}
		}
		return t.not
	}
	return true // anyPath
}

// matchTokens follows all ways through the pattern at once, so that no name takes long however many stars there are.
func matchTokens(tokens []token, name string) bool {
	at := make([]bool, len(tokens)+1)
	at[0] = true
	skipStars(tokens, at)
	for _, r := range name {
		next := make([]bool, len(at))
		for i := range tokens {
			if !at[i] || !tokens[i].matches(r) {
				continue
			}
			if isStar(tokens[i].kind) {
				next[i] = true
			} else {
				next[i+1] = true
			}
		}
		skipStars(tokens, next)
		at = next
	}
	return at[len(tokens)]
}

func isStar(k tokenKind) bool { return k == anyName || k == anyPath }

// skipStars goes on behind stars that stand for nothing.
func skipStars(tokens []token, at []bool) {
	for i := range tokens {
		if at[i] && isStar(tokens[i].kind) {
			at[i+1] = true
		}
	}
}
