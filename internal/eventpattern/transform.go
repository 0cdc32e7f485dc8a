package eventpattern

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/jsonpath"
)

// Transformer makes a target's input of an event: a template whose <names> stand for parts of it.
type Transformer struct {
	paths    map[string]*jsonpath.Path
	template string
}

// reserved is what names begin with that EventBridge gives itself.
const reserved = "aws.events."

// Predefined are the names that stand for something without a path.
type Predefined struct {
	RuleARN, RuleName string
	IngestionTime     string
}

func (p Predefined) values(event any) map[string]any {
	return map[string]any{
		reserved + "rule-arn": p.RuleARN, reserved + "rule-name": p.RuleName,
		reserved + "event.ingestion-time": p.IngestionTime, reserved + "event": event, reserved + "event.json": event,
	}
}

// NewTransformer compiles an InputTransformer. Every name in the template must have a path or be predefined.
func NewTransformer(paths map[string]string, template string) (*Transformer, error) {
	t := &Transformer{paths: map[string]*jsonpath.Path{}, template: template}
	for name, text := range paths {
		if strings.HasPrefix(strings.ToLower(name), "aws") {
			return nil, fmt.Errorf("the name %q begins with AWS, which is reserved", name)
		}
		p, err := jsonpath.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("the path of %q: %w", name, err)
		}
		t.paths[name] = p
	}
	known := Predefined{}.values(nil)
	for _, part := range split(template) {
		_, mapped := t.paths[part.name]
		_, given := known[part.name]
		if part.name != "" && !mapped && !given {
			return nil, fmt.Errorf("the template contains the undefined placeholder <%s>", part.name)
		}
	}
	return t, nil
}

// Apply makes the input. In a JSON text a name inside quotes becomes the value's text, outside of them its JSON; what the
// event does not have is nothing, or null. What is no JSON in the end is sent as one text.
func (t *Transformer) Apply(event []byte, given Predefined) (json.RawMessage, error) {
	v, err := decode(event)
	if err != nil {
		return nil, err
	}
	values := given.values(v)
	for name, path := range t.paths {
		if values[name], err = first(path, v); err != nil {
			return nil, fmt.Errorf("the path of %q: %w", name, err)
		}
	}
	var asJSON, asText strings.Builder
	for _, part := range split(t.template) {
		if part.name == "" {
			asJSON.WriteString(part.text)
			asText.WriteString(part.text)
			continue
		}
		plain := text(values[part.name])
		asText.WriteString(plain)
		if part.quoted {
			quoted := marshal(plain)
			asJSON.WriteString(quoted[1 : len(quoted)-1])
		} else {
			asJSON.WriteString(marshal(values[part.name]))
		}
	}
	if out := asJSON.String(); json.Valid([]byte(out)) {
		return json.RawMessage(out), nil
	}
	return json.RawMessage(marshal(asText.String())), nil
}

// Select is InputPath: the part of an event that a path names.
func Select(path string, event []byte) (json.RawMessage, error) {
	p, err := jsonpath.Parse(path)
	if err != nil {
		return nil, err
	}
	v, err := decode(event)
	if err != nil {
		return nil, err
	}
	found, err := first(p, v)
	if err != nil {
		return nil, err
	}
	return json.RawMessage(marshal(found)), nil
}

// CheckPath tells what is wrong with an InputPath.
func CheckPath(path string) error {
	if !strings.HasPrefix(path, "$") {
		return errors.New("a path begins with $")
	}
	_, err := jsonpath.Parse(path)
	return err
}

// budget bounds the work of one path.
const budget = 100_000

// first is the first value that a path selects, nil when there is none.
func first(p *jsonpath.Path, doc any) (found any, err error) {
	err = p.Walk(doc, budget, func(v any) bool {
		found = v
		return false
	})
	return found, err
}

func marshal(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // what was decoded can be encoded
	return strings.TrimSuffix(b.String(), "\n")
}

// text is a value inside quotes.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	return marshal(v)
}

// part is a piece of a template: text, or a name, which may stand between quotes.
type part struct {
	text, name string
	quoted     bool
}

func split(template string) []part {
	var parts []part
	quoted, from := false, 0
	for i := 0; i < len(template); i++ {
		switch template[i] {
		case '\\':
			if quoted {
				i++
			}
		case '"':
			quoted = !quoted
		case '<':
			name, ok := nameAt(template[i+1:])
			if !ok {
				continue
			}
			parts = append(parts, part{text: template[from:i]}, part{name: name, quoted: quoted})
			i += len(name) + 1
			from = i + 1
		}
	}
	return append(parts, part{text: template[from:]})
}

// nameAt is the name that ends with the next >; a < that begins no name is text.
func nameAt(s string) (string, bool) {
	name, _, ok := strings.Cut(s, ">")
	if !ok || name == "" {
		return "", false
	}
	for _, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_-.", c)) {
			return "", false
		}
	}
	return name, true
}
