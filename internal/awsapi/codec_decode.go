package awsapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Unmarshal reads wire JSON into an SDK value. Names are matched exactly, unknown members are ignored, null is the same
// as absent. A value of the wrong JSON type is an *Error with the code SerializationException that names the member.
func Unmarshal(data []byte, v any) error {
	tree, err := parseJSON(data)
	if err != nil {
		return err
	}
	return bind(tree, v, false)
}

// parseJSON reads exactly one JSON object; an empty body counts as an empty object, as it does for AWS.
func parseJSON(data []byte) (map[string]any, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return map[string]any{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return nil, serialization("The request body is not JSON: %s", jsonProblem(err, len(data)))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, serialization("The request body has something after its JSON object")
	}
	object, ok := tree.(map[string]any)
	if !ok {
		return nil, serialization("The request body must be a JSON object, not %s", kindOf(tree))
	}
	return object, nil
}

func jsonProblem(err error, size int) string {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("%s (at byte %d)", syntax, syntax.Offset)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Sprintf("it ends in the middle (after %d bytes)", size)
	default:
		return err.Error()
	}
}

func serialization(format string, args ...any) *Error {
	return &Error{Code: "SerializationException", Message: fmt.Sprintf(format, args...)}
}

// bind fills the struct v points to from a tree of JSON values. With text, scalars come as strings (the query
// protocol).
func bind(tree map[string]any, v any, text bool) error {
	b := binder{text: text}
	if problem := b.structure(tree, reflect.ValueOf(v).Elem()); problem != nil {
		return serialization("%s", problem)
	}
	return nil
}

type binder struct{ text bool }

// mismatch is a value that does not fit; path grows from the inside out.
type mismatch struct {
	path []string
	text string
}

func (m *mismatch) String() string {
	var p strings.Builder
	for i := len(m.path) - 1; i >= 0; i-- {
		if p.Len() > 0 {
			p.WriteByte('.')
		}
		p.WriteString(m.path[i])
	}
	return "The member " + p.String() + " " + m.text
}

func (m *mismatch) in(name string) *mismatch {
	m.path = append(m.path, name)
	return m
}

func wants(what string, got any) *mismatch {
	return &mismatch{text: "must be " + what + ", not " + kindOf(got)}
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case []any:
		return "a list"
	default:
		return "a structure"
	}
}

func (b binder) value(in any, v reflect.Value) *mismatch {
	if in == nil {
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		e := reflect.New(v.Type().Elem())
		if m := b.value(in, e.Elem()); m != nil {
			return m
		}
		v.Set(e)
		return nil
	case reflect.String:
		s, ok := in.(string)
		if !ok {
			return wants("a string", in)
		}
		v.SetString(s)
		return nil
	case reflect.Bool:
		return b.boolean(in, v)
	case reflect.Int32, reflect.Int64, reflect.Int:
		return b.integer(in, v)
	case reflect.Float32, reflect.Float64:
		return b.float(in, v)
	case reflect.Struct:
		if v.Type() == timeType {
			return b.time(in, v)
		}
		return b.structure(in, v)
	case reflect.Slice:
		if v.Type() == bytesType {
			return b.blob(in, v)
		}
		return b.list(in, v)
	case reflect.Map:
		return b.mapping(in, v)
	case reflect.Interface:
		return b.union(in, v)
	default:
		return &mismatch{text: "has a type this server cannot read"}
	}
}

func (b binder) structure(in any, v reflect.Value) *mismatch {
	object, ok := in.(map[string]any)
	if !ok {
		return wants("a structure", in)
	}
	for _, m := range members(v.Type()) {
		value, ok := object[m.name]
		if !ok {
			continue
		}
		if problem := b.value(value, v.Field(m.index)); problem != nil {
			return problem.in(m.name)
		}
	}
	return nil
}

func (b binder) list(in any, v reflect.Value) *mismatch {
	items, ok := in.([]any)
	if !ok && (!b.text || in != "") { // a form has an empty list as an empty parameter
		return wants("a list", in)
	}
	list := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		if m := b.value(item, list.Index(i)); m != nil {
			return m.in("member").in(strconv.Itoa(i + 1))
		}
	}
	v.Set(list)
	return nil
}

func (b binder) mapping(in any, v reflect.Value) *mismatch {
	object, ok := in.(map[string]any)
	if !ok {
		return wants("a map", in)
	}
	t := v.Type()
	m := reflect.MakeMapWithSize(t, len(object))
	for key, item := range object {
		e := reflect.New(t.Elem()).Elem()
		if problem := b.value(item, e); problem != nil {
			return problem.in("member").in(key)
		}
		m.SetMapIndex(reflect.ValueOf(key).Convert(t.Key()), e)
	}
	v.Set(m)
	return nil
}

func (b binder) union(in any, v reflect.Value) *mismatch {
	object, ok := in.(map[string]any)
	if !ok {
		return wants("a structure", in)
	}
	for _, variant := range unions[v.Type()] {
		name := variantName(v.Type(), variant)
		item, ok := object[name]
		if !ok || item == nil {
			continue
		}
		e := reflect.New(variant)
		if m := b.value(item, e.Elem().FieldByName("Value")); m != nil {
			return m.in(name)
		}
		v.Set(e)
		return nil
	}
	return nil
}

func (b binder) boolean(in any, v reflect.Value) *mismatch {
	if s, ok := in.(string); ok && b.text {
		on, err := strconv.ParseBool(s)
		if err != nil {
			return &mismatch{text: "must be true or false"}
		}
		v.SetBool(on)
		return nil
	}
	on, ok := in.(bool)
	if !ok {
		return wants("a boolean", in)
	}
	v.SetBool(on)
	return nil
}

// number is the text of a number: of a JSON number, or in the query protocol of a string.
func (b binder) number(in any) (string, *mismatch) {
	switch n := in.(type) {
	case json.Number:
		return n.String(), nil
	case string:
		if b.text {
			return n, nil
		}
	}
	return "", wants("a number", in)
}

func (b binder) integer(in any, v reflect.Value) *mismatch {
	text, m := b.number(in)
	if m != nil {
		return m
	}
	n, err := strconv.ParseInt(text, 10, v.Type().Bits())
	if err != nil {
		// 1.0 and 1e3 are whole numbers too.
		f, ferr := strconv.ParseFloat(text, 64)
		if ferr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return &mismatch{text: fmt.Sprintf("must be a whole number of at most %d bits", v.Type().Bits())}
		}
		n = int64(f)
	}
	if v.OverflowInt(n) {
		return &mismatch{text: fmt.Sprintf("must be a whole number of at most %d bits", v.Type().Bits())}
	}
	v.SetInt(n)
	return nil
}

func (b binder) float(in any, v reflect.Value) *mismatch {
	switch in {
	case "NaN", "Infinity", "-Infinity":
		f, _ := strconv.ParseFloat(in.(string), 64)
		v.SetFloat(f)
		return nil
	}
	text, m := b.number(in)
	if m != nil {
		return m
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return &mismatch{text: "must be a number"}
	}
	v.SetFloat(f)
	return nil
}

func (b binder) blob(in any, v reflect.Value) *mismatch {
	s, ok := in.(string)
	if !ok {
		return wants("base64 text", in)
	}
	data, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return &mismatch{text: "must be base64 text"}
	}
	v.SetBytes(data)
	return nil
}

// Seconds outside these bounds cannot be written as a date with a four-digit year.
const (
	minSeconds = -62135596800 // year 1
	maxSeconds = 253402300799 // year 9999
)

func (b binder) time(in any, v reflect.Value) *mismatch {
	if s, ok := in.(string); ok {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return &mismatch{text: "must be a time: seconds since 1970, or like 2026-01-31T12:00:00Z"}
		}
		v.Set(reflect.ValueOf(t.UTC()))
		return nil
	}
	text, m := b.number(in)
	if m != nil {
		return m
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f >= minSeconds && f <= maxSeconds) {
		return &mismatch{text: "must be a time between the years 1 and 9999, in seconds since 1970"}
	}
	seconds, fraction := math.Modf(f)
	t := time.Unix(int64(seconds), int64(math.Round(fraction*1e6))*1000)
	v.Set(reflect.ValueOf(t.UTC()))
	return nil
}
