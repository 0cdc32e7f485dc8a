// Package jsonpath reads values out of JSON documents by paths in the dialect of Jayway, which is what the filters of
// webhooks are written in.
//
// Documents come from strangers, so the work of a path is bounded (Path.Walk): a recursive path over a hostile document
// would otherwise take time that grows with a power of its size. That, and the dialect, is why this is not a library.
//
// Understood are .name, ['name'], lists of names and positions, slices, *, .., filters ([?(...)] with ==, !=, <, <=, >,
// >=, =~, in, nin, contains, size, empty, &&, ||, ! and parentheses), and the functions length(), first() and last() of
// a path that selects one value.
package jsonpath

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Path is a parsed path. It may be used from many goroutines.
type Path struct {
	text  string
	steps []step
}

// Parse reads a path. A path that does not begin with $ begins at the root all the same, as in Jayway's: ref is $.ref.
// The error says what is wrong, and where.
func Parse(text string) (*Path, error) {
	p := &parser{text: text}
	steps, err := p.path()
	if err != nil {
		return nil, err
	}
	return &Path{text: text, steps: steps}, nil
}

// String is the path as it was written.
func (p *Path) String() string { return p.text }

// ErrTooMuch says that a path asks for more work than allowed.
var ErrTooMuch = errors.New("the path asks for too much work on this document")

// Walk calls yield with every value that the path selects in doc, in the document's order where it has one, until yield
// returns false. doc is what encoding/json makes of a document; numbers may be json.Number. A path that finds nothing
// selects nothing. budget bounds the work: about the number of values that are looked at. When it is used up, Walk ends
// with ErrTooMuch.
func (p *Path) Walk(doc any, budget int, yield func(any) bool) error {
	w := &walk{root: doc, budget: budget}
	w.follow(p.steps, doc, yield)
	if w.budget < 0 {
		return ErrTooMuch
	}
	return nil
}

// Text is a string, a number, a truth value or null as text. Objects and lists have none.
func Text(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "null", true
	case string:
		return v, true
	case bool, json.Number, float64:
		return fmt.Sprint(v), true
	default:
		return "", false
	}
}
