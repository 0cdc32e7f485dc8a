package localrun

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// decode reads a document into a struct of AWS's shapes, whatever the case of its keys. Templates write "1" for a number
// and true for a text that says true; both become what the field is.
func decode(from any, to any) error {
	text, err := json.Marshal(fit(from, reflect.TypeOf(to)))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, to)
}

// fit makes the scalars in v what t wants, where that loses nothing.
func fit(v any, t reflect.Type) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			if field, ok := fieldOf(t, key); ok {
				out[key] = fit(value, field)
			} else {
				out[key] = value
			}
		}
		return out
	case []any:
		if t.Kind() != reflect.Slice {
			return v
		}
		out := make([]any, len(v))
		for i := range v {
			out[i] = fit(v[i], t.Elem())
		}
		return out
	case nil:
		return nil
	}
	return fitScalar(v, t.Kind())
}

func fieldOf(t reflect.Type, key string) (reflect.Type, bool) {
	switch t.Kind() {
	case reflect.Map:
		return t.Elem(), true
	case reflect.Struct:
		f, ok := t.FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, key) })
		return f.Type, ok
	}
	return nil, false
}

func fitScalar(v any, kind reflect.Kind) any {
	text, isText := v.(string)
	switch kind {
	case reflect.String:
		if number, ok := v.(float64); ok {
			return strconv.FormatFloat(number, 'f', -1, 64)
		}
		return fmt.Sprint(v)
	case reflect.Int32, reflect.Int64, reflect.Int:
		if n, err := strconv.ParseInt(text, 10, 64); isText && err == nil {
			return n
		}
	case reflect.Bool:
		if b, err := strconv.ParseBool(text); isText && err == nil {
			return b
		}
	}
	return v
}
