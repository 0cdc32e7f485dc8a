package awsapi

import (
	"embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

//go:generate go run ./gen

// factFiles are what gen distilled from the service models, one file per service.
//
//go:embed facts/*.json
var factFiles embed.FS

// fact is what is known about a shape: everything a value of it can violate.
type fact struct {
	kind     string
	min, max *float64
	pattern  string // as AWS prints it
	re       *regexp.Regexp
	enum     []string
	secret   bool
	required map[string]bool
	members  []memberFact
	item     *fact // of a list
	key      *fact // of a map
	value    *fact // of a map
}

type memberFact struct {
	name string
	fact *fact
}

// rawFact is a line of a fact file.
type rawFact struct {
	Kind     string      `json:"t"`
	Required []string    `json:"req"`
	Min      *float64    `json:"min"`
	Max      *float64    `json:"max"`
	Pattern  string      `json:"re"`
	Enum     []string    `json:"enum"`
	Secret   bool        `json:"secret"`
	Item     string      `json:"item"`
	Key      string      `json:"key"`
	Value    string      `json:"value"`
	Members  [][2]string `json:"of"`
}

type rawFacts struct {
	Operations map[string]string  `json:"operations"`
	Shapes     map[string]rawFact `json:"shapes"`
}

// readFacts reads the fact file of a service; a service without one has no facts.
func readFacts(service string) (rawFacts, error) {
	data, err := factFiles.ReadFile("facts/" + service + ".json")
	if err != nil {
		return rawFacts{}, nil // absent means unconstrained
	}
	var raw rawFacts
	if err := json.Unmarshal(data, &raw); err != nil {
		return rawFacts{}, fmt.Errorf("facts of %s: %w", service, err)
	}
	return raw, nil
}

// factBook links the facts of one service.
type factBook struct {
	raw  rawFacts
	made map[string]*fact
}

func openFacts(service string) (*factBook, error) {
	raw, err := readFacts(service)
	if err != nil {
		return nil, err
	}
	return &factBook{raw: raw, made: map[string]*fact{}}, nil
}

// operation is what the input of an operation must obey; nil when anything goes.
func (b *factBook) operation(name string) (*fact, error) {
	return b.shape(b.raw.Operations[name])
}

func (b *factBook) shape(name string) (*fact, error) {
	if f, ok := b.made[name]; ok {
		return f, nil
	}
	raw, ok := b.raw.Shapes[name]
	if !ok {
		return nil, nil
	}
	f := &fact{kind: raw.Kind, min: raw.Min, max: raw.Max, pattern: raw.Pattern, enum: raw.Enum, secret: raw.Secret}
	b.made[name] = f // before its members: a shape may hold itself
	if raw.Pattern != "" {
		re, err := regexp.Compile(re2(raw.Pattern))
		if err != nil {
			return nil, fmt.Errorf("pattern of %s: %w", name, err)
		}
		f.re = re
	}
	f.required = make(map[string]bool, len(raw.Required))
	for _, r := range raw.Required {
		f.required[r] = true
	}
	for _, m := range raw.Members {
		mf, err := b.shape(m[1])
		if err != nil {
			return nil, err
		}
		f.members = append(f.members, memberFact{m[0], mf})
	}
	var err error
	for _, l := range []struct {
		to   **fact
		name string
	}{{&f.item, raw.Item}, {&f.key, raw.Key}, {&f.value, raw.Value}} {
		if *l.to, err = b.shape(l.name); err != nil {
			return nil, err
		}
	}
	return f, nil
}

var javaEscape = regexp.MustCompile(`\\u(10FFFF|10000|[0-9A-Fa-f]{4})`)

// re2 turns a model's pattern, written for Java and meant to match the whole text, into one for Go.
func re2(pattern string) string {
	p := javaEscape.ReplaceAllString(pattern, `\x{$1}`)
	// A dash after a class such as \w is a dash, which Go wants escaped.
	p = strings.ReplaceAll(p, `\w-_`, `\w\-_`)
	// Looking ahead is not for Go; this means that not everything is space.
	p = strings.ReplaceAll(p, `(?!\s*$).+`, `.*\S.*`)
	// Go cannot look back: whoever takes the value must find that it ends in a dot.
	p = strings.ReplaceAll(p, `(?<!\.)`, ``)
	return `^(?:` + p + `)$`
}
