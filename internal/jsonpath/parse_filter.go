package jsonpath

import (
	"regexp"
	"strings"
)

// filter reads what follows [?.
func (p *parser) filter() (step, error) {
	p.spaces()
	if p.peek() != '(' {
		return nil, p.errorf("a filter is written ?(...)")
	}
	c, err := p.group()
	if err != nil {
		return nil, err
	}
	return filter{c}, nil
}

// group reads a condition in parentheses.
func (p *parser) group() (condition, error) {
	p.at++
	c, err := p.or()
	if err != nil {
		return nil, err
	}
	p.spaces()
	if !p.take(")") {
		return nil, p.errorf("a ) is missing, or an operator that is not supported stands here")
	}
	return c, nil
}

func (p *parser) or() (condition, error) {
	list, err := p.joined("||", p.and)
	if len(list) == 1 {
		return list[0], err
	}
	return anyOf(list), err
}

func (p *parser) and() (condition, error) {
	list, err := p.joined("&&", p.one)
	if len(list) == 1 {
		return list[0], err
	}
	return allOf(list), err
}

func (p *parser) joined(by string, next func() (condition, error)) ([]condition, error) {
	var list []condition
	for {
		c, err := next()
		if err != nil {
			return nil, err
		}
		list = append(list, c)
		p.spaces()
		if !p.take(by) {
			return list, nil
		}
	}
}

// one reads a negation, a group, a comparison, or a path that is to exist.
func (p *parser) one() (condition, error) {
	p.spaces()
	if p.take("!") {
		c, err := p.one()
		return not{c}, err
	}
	if p.peek() == '(' {
		return p.group()
	}
	begin := p.at
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	p.spaces()
	name := p.operator()
	if name == "" {
		tested, ok := left.(path)
		if !ok {
			p.at = begin
			return nil, p.errorf("a constant alone is no condition")
		}
		return exists{tested}, nil
	}
	p.spaces()
	right, err := p.operand()
	if err != nil {
		return nil, err
	}
	if expression := isExpression(right); expression != (name == "=~") || isExpression(left) {
		p.at = begin
		return nil, p.errorf("a regular expression stands on the right of =~, and nothing else does")
	}
	return comparison{left: left, operator: operators[name], right: right}, nil
}

func isExpression(o operand) bool {
	l, ok := o.(literal)
	if !ok {
		return false
	}
	_, ok = l.constant.(*regexp.Regexp)
	return ok
}

// operator reads an operator; longer ones first, and words only whole.
func (p *parser) operator() string {
	for _, name := range []string{"===", "!==", "==", "!=", "<=", ">=", "=~", "<", ">"} {
		if p.take(name) {
			return name
		}
	}
	for _, name := range []string{"in", "nin", "contains", "size", "empty"} {
		rest, ok := strings.CutPrefix(p.text[p.at:], name)
		if ok && rest != "" && strings.ContainsRune(" \t['\"@$", rune(rest[0])) {
			p.at += len(name)
			return name
		}
	}
	return ""
}

// endsOperand are the characters that end the names of a path inside a filter, beside those that always do.
const endsOperand = "<>=!~&|"

func (p *parser) operand() (operand, error) {
	switch c := p.peek(); c {
	case '@', '$':
		p.at++
		steps, err := p.steps(nil, endsOperand)
		return path{fromRoot: c == '$', steps: steps}, err
	case '\'', '"':
		text, err := p.quoted()
		return literal{text}, err
	case '/':
		return p.expression()
	case '[':
		return p.list()
	}
	return p.constant()
}

// constant reads a number, true, false or null.
func (p *parser) constant() (operand, error) {
	begin := p.at
	end := strings.IndexAny(p.text[p.at:], " \t,)]"+endsOperand)
	if end < 0 {
		end = len(p.text) - p.at
	}
	word := p.text[p.at : p.at+end]
	p.at += end
	switch word {
	case "true", "false":
		return literal{word == "true"}, nil
	case "null":
		return literal{nil}, nil
	}
	if n, ok := number(word); ok {
		return literal{n}, nil
	}
	p.at = begin
	return nil, p.errorf("expected a path (@.name), a 'text', a number, a list, true, false or null")
}

// list reads constants in brackets.
func (p *parser) list() (operand, error) {
	p.at++
	items := []any{}
	for {
		p.spaces()
		if len(items) == 0 && p.take("]") {
			return literal{items}, nil
		}
		begin := p.at
		o, err := p.operand()
		if err != nil {
			return nil, err
		}
		l, ok := o.(literal)
		if !ok || isExpression(l) {
			p.at = begin
			return nil, p.errorf("a list holds texts, numbers, true, false and null")
		}
		items = append(items, l.constant)
		p.spaces()
		switch {
		case p.take(","):
		case p.take("]"):
			return literal{items}, nil
		default:
			return nil, p.errorf("a ] is missing")
		}
	}
}

// expression reads /.../ with the flags i, m and s. It is compared with the whole text, as in Java; back references and
// look-around are not supported, because their time is not bounded.
func (p *parser) expression() (operand, error) {
	begin := p.at
	var inside strings.Builder
	for p.at++; p.at < len(p.text) && p.text[p.at] != '/'; p.at++ {
		if p.text[p.at] == '\\' && p.at+1 < len(p.text) {
			p.at++
			if p.text[p.at] != '/' {
				inside.WriteByte('\\')
			}
		}
		inside.WriteByte(p.text[p.at])
	}
	if !p.take("/") {
		p.at = begin
		return nil, p.errorf("the regular expression does not end")
	}
	flags := p.at
	for strings.IndexByte("ims", p.peek()) >= 0 && p.peek() != 0 {
		p.at++
	}
	prefix := ""
	if p.at > flags {
		prefix = "(?" + p.text[flags:p.at] + ")"
	}
	compiled, err := regexp.Compile(prefix + "^(?:" + inside.String() + ")$")
	if err != nil {
		p.at = begin
		return nil, p.errorf("the regular expression is not understood: %v", err)
	}
	return literal{compiled}, nil
}
