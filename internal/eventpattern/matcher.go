package eventpattern

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
)

// matcher is one item of a list of values: a test of a value, or whether there is one.
type matcher struct {
	exists *bool
	test   func(v any) bool
}

func (m matcher) leaf(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return m.test(v)
}

func newMatcher(item any) (matcher, error) {
	switch item := item.(type) {
	case map[string]any:
		return operator(item)
	case []any:
		return matcher{}, errors.New("a list of values may not hold lists")
	}
	return matcher{test: equals(item)}, nil
}

// equals compares scalars: numbers by value, everything else as it is.
func equals(want any) func(any) bool {
	if n, ok := want.(json.Number); ok {
		number, ok := parseNumber(n)
		return func(v any) bool {
			got, isNumber := v.(json.Number)
			if !isNumber {
				return false
			}
			if got == n {
				return true
			}
			value, known := parseNumber(got)
			return ok && known && value.Cmp(number) == 0
		}
	}
	return func(v any) bool { return v == want }
}

// parseNumber reads a number exactly. One with a huge exponent is not read: it would take as many digits.
func parseNumber(n json.Number) (*big.Rat, bool) {
	text := string(n)
	if i := strings.IndexAny(text, "eE"); len(text) > 64 || i >= 0 && len(text)-i > 4 {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// filter builds the filters, by name; nil for one that does not exist.
func filter(name string) func(argument any) (matcher, error) {
	switch name {
	case "prefix":
		return textOperator(strings.HasPrefix)
	case "suffix":
		return textOperator(strings.HasSuffix)
	case "equals-ignore-case":
		return ignoreCase
	case "wildcard":
		return wildcard
	case "anything-but":
		return anythingBut
	case "numeric":
		return numeric
	case "exists":
		return exists
	case "cidr":
		return cidr
	}
	return nil
}

func operator(o map[string]any) (matcher, error) {
	if len(o) != 1 {
		return matcher{}, errors.New("a filter is an object with one member, for example {\"prefix\": \"a\"}")
	}
	for name, argument := range o {
		build := filter(name)
		if build == nil {
			return matcher{}, fmt.Errorf("Unrecognized match type %s", name) //nolint:staticcheck // AWS's words
		}
		m, err := build(argument)
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
		return m, err
	}
	panic("unreachable: a map of one member")
}

func onText(test func(string) bool) matcher {
	return matcher{test: func(v any) bool {
		s, ok := v.(string)
		return ok && test(s)
	}}
}

var errText = errors.New("its value must be a text")

// textOperator is prefix or suffix, of a text or of {"equals-ignore-case": text}.
func textOperator(has func(s, part string) bool) func(any) (matcher, error) {
	return func(argument any) (matcher, error) {
		switch a := argument.(type) {
		case string:
			return onText(func(s string) bool { return has(s, a) }), nil
		case map[string]any:
			if part, ok := a["equals-ignore-case"].(string); ok && len(a) == 1 {
				part = fold(part)
				return onText(func(s string) bool { return has(fold(s), part) }), nil
			}
		}
		return matcher{}, errText
	}
}

func fold(s string) string { return strings.ToLower(s) }

func ignoreCase(argument any) (matcher, error) {
	want, ok := argument.(string)
	if !ok {
		return matcher{}, errText
	}
	return onText(func(s string) bool { return strings.EqualFold(s, want) }), nil
}

// wildcard: * stands for any number of characters, \* for itself and \\ for a backslash.
func wildcard(argument any) (matcher, error) {
	text, ok := argument.(string)
	if !ok {
		return matcher{}, errText
	}
	parts, err := splitWildcard(text)
	if err != nil {
		return matcher{}, err
	}
	return onText(func(s string) bool { return matchParts(parts, s) }), nil
}

func splitWildcard(text string) ([]string, error) {
	parts := []string{""}
	last := &parts[0]
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '*':
			if i > 0 && *last == "" && len(parts) > 1 {
				return nil, fmt.Errorf("consecutive wildcard characters at pos %d", i-1)
			}
			parts = append(parts, "")
			last = &parts[len(parts)-1]
		case '\\':
			if i+1 == len(text) || text[i+1] != '*' && text[i+1] != '\\' {
				return nil, fmt.Errorf("invalid escape character at pos %d", i)
			}
			i++
			*last += text[i : i+1]
		default:
			*last += text[i : i+1]
		}
	}
	return parts, nil
}

// matchParts takes the first fit of each part, which leaves the most for the next: no backtracking.
func matchParts(parts []string, s string) bool {
	first, rest := parts[0], parts[1:]
	if len(rest) == 0 {
		return s == first
	}
	s, ok := strings.CutPrefix(s, first)
	if !ok {
		return false
	}
	end := len(rest) - 1
	for _, part := range rest[:end] {
		if _, s, ok = strings.Cut(s, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(s, rest[end])
}

// anythingBut is true of every value that none of its argument's tests is true of.
func anythingBut(argument any) (matcher, error) {
	tests, err := excluded(argument)
	if err != nil {
		return matcher{}, err
	}
	return matcher{test: func(v any) bool {
		for _, test := range tests {
			if test(v) {
				return false
			}
		}
		return true
	}}, nil
}

func excluded(argument any) ([]func(any) bool, error) {
	switch a := argument.(type) {
	case string, json.Number:
		return []func(any) bool{equals(a)}, nil
	case []any:
		return eachExcluded(a, func(item any) (func(any) bool, error) {
			switch item.(type) {
			case string, json.Number:
				return equals(item), nil
			}
			return nil, errors.New("its list must hold texts or numbers")
		})
	case map[string]any:
		return excludedBy(a)
	}
	return nil, errors.New("its value must be a text, a number, a list of those, or one of the filters prefix, suffix, equals-ignore-case and wildcard")
}

func eachExcluded(list []any, one func(any) (func(any) bool, error)) ([]func(any) bool, error) {
	if len(list) == 0 {
		return nil, errors.New("its list is empty")
	}
	var tests []func(any) bool
	for _, item := range list {
		test, err := one(item)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	return tests, nil
}

func excludedBy(a map[string]any) ([]func(any) bool, error) {
	for name, argument := range a {
		switch name {
		case "prefix", "suffix", "equals-ignore-case", "wildcard":
		default:
			return nil, fmt.Errorf("it does not go with %q", name)
		}
		if len(a) != 1 {
			break
		}
		list, ok := argument.([]any)
		if !ok {
			list = []any{argument}
		}
		return eachExcluded(list, func(item any) (func(any) bool, error) {
			m, err := filter(name)(item)
			return m.test, err
		})
	}
	return nil, errors.New("its filter must be an object with one member")
}

// numeric is a list like [">", 0, "<=", 5].
func numeric(argument any) (matcher, error) {
	list, ok := argument.([]any)
	if !ok || len(list) == 0 || len(list)%2 != 0 || len(list) > 4 {
		return matcher{}, errors.New("its value must be one or two pairs of a comparison and a number, for example [\">\", 0, \"<=\", 5]")
	}
	var tests []func(*big.Rat) bool
	for i := 0; i < len(list); i += 2 {
		test, err := comparison(list[i], list[i+1])
		if err != nil {
			return matcher{}, err
		}
		tests = append(tests, test)
	}
	return matcher{test: func(v any) bool {
		n, ok := v.(json.Number)
		if !ok {
			return false
		}
		value, ok := parseNumber(n)
		for _, test := range tests {
			ok = ok && test(value)
		}
		return ok
	}}, nil
}

func comparison(sign, number any) (func(*big.Rat) bool, error) {
	n, ok := number.(json.Number)
	if !ok {
		return nil, fmt.Errorf("%v is not a number", number)
	}
	limit, ok := parseNumber(n)
	if !ok {
		return nil, fmt.Errorf("%s is too large a number", n)
	}
	switch sign {
	case "=":
		return func(v *big.Rat) bool { return v.Cmp(limit) == 0 }, nil
	case "<":
		return func(v *big.Rat) bool { return v.Cmp(limit) < 0 }, nil
	case "<=":
		return func(v *big.Rat) bool { return v.Cmp(limit) <= 0 }, nil
	case ">":
		return func(v *big.Rat) bool { return v.Cmp(limit) > 0 }, nil
	case ">=":
		return func(v *big.Rat) bool { return v.Cmp(limit) >= 0 }, nil
	}
	return nil, fmt.Errorf("Unrecognized numeric range operator: %v", sign) //nolint:staticcheck // AWS's words
}

func exists(argument any) (matcher, error) {
	want, ok := argument.(bool)
	if !ok {
		return matcher{}, errors.New("its value must be true or false")
	}
	return matcher{exists: &want}, nil
}

func cidr(argument any) (matcher, error) {
	text, ok := argument.(string)
	if !ok {
		return matcher{}, errText
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return matcher{}, fmt.Errorf("Malformed CIDR, one '/' required and an address before it: %q", text) //nolint:staticcheck // AWS's words
	}
	return onText(func(s string) bool {
		address, err := netip.ParseAddr(s)
		return err == nil && prefix.Contains(address)
	}), nil
}
