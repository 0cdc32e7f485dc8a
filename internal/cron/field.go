package cron

import (
	"fmt"
	"strconv"
	"strings"
)

// set is a set of the small numbers a field can hold.
type set [4]uint64

func (s *set) add(n int)     { s[n/64] |= 1 << (n % 64) }
func (s set) has(n int) bool { return n >= 0 && n < 256 && s[n/64]&(1<<(n%64)) != 0 }

// field is what one field of an expression may hold.
type field struct {
	name      string
	low, high int
	names     string // three letters each, from low on
	base      int    // what is taken off values before they go into a set
}

var (
	secondField  = field{name: "seconds", high: 59}
	minuteField  = field{name: "minutes", high: 59}
	hourField    = field{name: "hours", high: 23}
	dayField     = field{name: "day of month", low: 1, high: 31}
	monthField   = field{name: "month", low: 1, high: 12, names: "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"}
	weekdayField = field{name: "day of week", low: 1, high: 7, names: "SUNMONTUEWEDTHUFRISAT"}
	yearField    = field{name: "year", low: firstYear, high: lastYear, base: firstYear}
)

func (f field) bad(text, why string) error {
	return fmt.Errorf("the field %s is %q: %s", f.name, text, why)
}

// parse reads a list of values, ranges and steps.
func (f field) parse(text string) (set, error) {
	var s set
	for _, item := range strings.Split(text, ",") {
		if err := f.addItem(&s, item); err != nil {
			return set{}, err
		}
	}
	return s, nil
}

// addItem adds N, A-B, *, and each with a step: N/5 runs from N to the end.
func (f field) addItem(s *set, item string) error {
	span, stepText, stepped := strings.Cut(item, "/")
	step := 1
	if stepped {
		var err error
		if step, err = strconv.Atoi(stepText); err != nil || step < 1 || step > f.high-f.low+1 {
			return f.bad(item, "what follows / must be a number of steps that fits the field")
		}
	}
	first, last, err := f.span(span, stepped)
	if err != nil {
		return err
	}
	size := f.high - f.low + 1
	length := last - first
	if length < 0 { // over the end and round again
		length += size
	}
	for i := 0; i <= length; i += step {
		s.add((first-f.low+i)%size + f.low - f.base)
	}
	return nil
}

func (f field) span(text string, stepped bool) (first, last int, err error) {
	if text == "*" {
		return f.low, f.high, nil
	}
	from, to, isRange := strings.Cut(text, "-")
	if first, err = f.value(from); err != nil {
		return 0, 0, err
	}
	switch {
	case isRange:
		last, err = f.value(to)
		if err == nil && last < first && f == yearField {
			err = f.bad(text, "the range ends before it begins")
		}
		return first, last, err
	case stepped:
		return first, f.high, nil
	}
	return first, first, nil
}

// value reads a number or a name.
func (f field) value(text string) (int, error) {
	if len(text) == 3 && f.names != "" {
		if i := strings.Index(f.names, strings.ToUpper(text)); i >= 0 && i%3 == 0 {
			return f.low + i/3, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || text[0] == '+' {
		return 0, f.bad(text, "that is not a value this field knows")
	}
	if n < f.low || n > f.high {
		return 0, f.bad(text, fmt.Sprintf("values go from %d to %d", f.low, f.high))
	}
	return n, nil
}
