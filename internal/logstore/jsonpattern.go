package logstore

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// condition is a part of a JSON pattern, asked of a message that is a JSON object.
type condition func(message any) bool

// jsonParser reads { $.level = "ERROR" && ($.code >= 500 || $.user.name = a*) }.
type jsonParser struct{ tokens []string }

// jsonToken is a string, a regular expression, a selector, an operator or a word.
var jsonToken = regexp.MustCompile(`^(?:"(?:[^"\\]|\\.)*"|%[^%]*%|\$(?:\.[\w\-]+|\[\d+\]|\["[^"\]]*"\])*|&&|\|\||[!<>]=|[=<>()]|[^\s()=!<>&|"$%{}]+)`)

// parseJSON parses what stands between the braces.
func parseJSON(text string) (condition, error) {
	inside, closed := strings.CutSuffix(strings.TrimPrefix(text, "{"), "}")
	if !closed {
		return nil, fmt.Errorf("%w: a brace is not closed", ErrPattern)
	}
	var p jsonParser
	for rest := strings.TrimSpace(inside); rest != ""; rest = strings.TrimSpace(rest) {
		token := jsonToken.FindString(rest)
		if token == "" {
			return nil, fmt.Errorf("%w: %q", ErrPattern, rest)
		}
		p.tokens, rest = append(p.tokens, token), rest[len(token):]
	}
	c, err := p.either()
	if err == nil && len(p.tokens) > 0 {
		err = fmt.Errorf("%w: %q is not expected", ErrPattern, p.tokens[0])
	}
	return c, err
}

// next takes the next token, "" at the end.
func (p *jsonParser) next() string {
	if len(p.tokens) == 0 {
		return ""
	}
	token := p.tokens[0]
	p.tokens = p.tokens[1:]
	return token
}

func (p *jsonParser) accept(token string) bool {
	if len(p.tokens) == 0 || !strings.EqualFold(p.tokens[0], token) {
		return false
	}
	p.next()
	return true
}

func (p *jsonParser) either() (condition, error) {
	return p.chain("||", p.both, func(a, b condition) condition { return func(m any) bool { return a(m) || b(m) } })
}

func (p *jsonParser) both() (condition, error) {
	return p.chain("&&", p.one, func(a, b condition) condition { return func(m any) bool { return a(m) && b(m) } })
}

func (p *jsonParser) chain(operator string, part func() (condition, error), join func(a, b condition) condition) (condition, error) {
	c, err := part()
	for err == nil && p.accept(operator) {
		var more condition
		if more, err = part(); err == nil {
			c = join(c, more)
		}
	}
	return c, err
}

// one is a comparison, or an expression in parentheses.
func (p *jsonParser) one() (condition, error) {
	if p.accept("(") {
		c, err := p.either()
		if err == nil && !p.accept(")") {
			err = fmt.Errorf("%w: a parenthesis is not closed", ErrPattern)
		}
		return c, err
	}
	path, err := selector(p.next())
	if err != nil {
		return nil, err
	}
	switch operator := p.next(); strings.ToUpper(operator) {
	case "=", "!=", "<", "<=", ">", ">=":
		return compare(path, operator, p.next())
	case "IS":
		wanted, ok := map[string]any{"NULL": nil, "TRUE": true, "FALSE": false}[strings.ToUpper(p.next())]
		if ok {
			return path.value(func(v any) bool { return v == wanted }), nil
		}
	case "NOT":
		if p.accept("EXISTS") {
			return func(m any) bool { _, there := path.in(m); return !there }, nil
		}
	case "EXISTS":
		return path.value(func(any) bool { return true }), nil
	}
	return nil, fmt.Errorf("%w: after a selector comes =, !=, <, <=, >, >=, IS NULL, IS TRUE, IS FALSE, EXISTS or NOT EXISTS", ErrPattern)
}

// jsonPath leads to a value: names of members and numbers of elements.
type jsonPath []any

var pathStep = regexp.MustCompile(`\.([\w\-]+)|\[(\d+)\]|\["([^"\]]*)"\]`)

func selector(text string) (jsonPath, error) {
	if !strings.HasPrefix(text, "$") {
		return nil, fmt.Errorf("%w: %q is not a selector such as $.level", ErrPattern, text)
	}
	var path jsonPath
	for _, step := range pathStep.FindAllStringSubmatch(text, -1) {
		if n, err := strconv.Atoi(step[2]); err == nil {
			path = append(path, n)
		} else {
			path = append(path, step[1]+step[3])
		}
	}
	return path, nil
}

// in finds the value in a message.
func (p jsonPath) in(v any) (value any, there bool) {
	for _, step := range p {
		switch at := v.(type) {
		case map[string]any:
			name, _ := step.(string)
			if v, there = at[name]; !there {
				return nil, false
			}
		case []any:
			n, number := step.(int)
			if !number || n >= len(at) {
				return nil, false
			}
			v = at[n]
		default:
			return nil, false
		}
	}
	return v, true
}

// value is a condition of the value, which must be there.
func (p jsonPath) value(is func(any) bool) condition {
	return func(m any) bool {
		v, there := p.in(m)
		return there && is(v)
	}
}

// compare compares numbers by value and everything else as text, in which a * stands for anything.
func compare(path jsonPath, operator, wanted string) (condition, error) {
	if number, err := strconv.ParseFloat(wanted, 64); err == nil {
		return path.value(func(v any) bool {
			n, ok := v.(float64)
			return ok && map[string]bool{"=": n == number, "!=": n != number, "<": n < number, "<=": n <= number, ">": n > number, ">=": n >= number}[operator]
		}), nil
	}
	if wanted == "" || operator != "=" && operator != "!=" {
		return nil, fmt.Errorf("%w: %s is followed by a number", ErrPattern, operator)
	}
	re, err := wantedText(wanted)
	if err != nil {
		return nil, err
	}
	return path.value(func(v any) bool {
		text, ok := v.(string)
		return ok && re.MatchString(text) == (operator == "=")
	}), nil
}

// wantedText is a word, a string or a %regular expression% as an expression of whole texts, or of parts of them.
func wantedText(token string) (*regexp.Regexp, error) {
	text := token
	switch {
	case strings.HasPrefix(token, "%"):
		re, err := regexp.Compile(strings.Trim(token, "%"))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPattern, err)
		}
		return re, nil
	case strings.HasPrefix(token, `"`):
		if err := json.Unmarshal([]byte(token), &text); err != nil {
			return nil, fmt.Errorf("%w: %s is not a string", ErrPattern, token)
		}
	}
	return regexp.Compile(`(?s)^` + strings.ReplaceAll(regexp.QuoteMeta(text), `\*`, `.*`) + `$`)
}
