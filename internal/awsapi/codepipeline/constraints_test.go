package codepipeline_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
)

// raw is a client that sends any JSON at all, which AWS's own clients do not.
type raw struct {
	t   *testing.T
	url string
}

// answer is what a request got: Code and Message of the error, if it is one.
type answer struct {
	Status  int
	Body    string
	Code    string `json:"__type"`
	Message string
}

func (c raw) call(operation string, input any) answer {
	c.t.Helper()
	body, err := json.Marshal(input)
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.url, strings.NewReader(string(body)))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "CodePipeline_20150709."+operation)
	keys := aws.Credentials{AccessKeyID: "AKIAROOT", SecretAccessKey: "secret"}
	if err := v4.NewSigner().SignHTTP(c.t.Context(), keys, r, awsapi.HashPayload(body), "codepipeline", region, time.Now()); err != nil {
		c.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	a := answer{Status: response.StatusCode, Body: string(text)}
	if response.StatusCode != http.StatusOK {
		if err := json.Unmarshal(text, &a); err != nil {
			c.t.Errorf("%s: status %d with %q", operation, a.Status, text)
		}
	}
	return a
}

// prober breaks every rule of an operation's input, one at a time.
type prober struct {
	*model
	client    raw
	operation string
	input     any
	tried     int
}

// refused sends the input as it stands now.
func (p *prober) refused(path, code string, says ...string) {
	p.client.t.Helper()
	p.tried++
	a := p.client.call(p.operation, p.input)
	if a.Status != http.StatusBadRequest || a.Code != code {
		p.client.t.Errorf("%s with %s broken: %d %s: %s, want %s", p.operation, path, a.Status, a.Code, a.Message, code)
	}
	for _, s := range says {
		if !strings.Contains(a.Message, s) {
			p.client.t.Errorf("%s with %s broken: %s, want %q", p.operation, path, a.Message, s)
		}
	}
}

func (p *prober) violates(path string, rule ...string) {
	p.client.t.Helper()
	p.refused(path, "ValidationException", append(rule, " at '"+path+"' failed to satisfy constraint: ")...)
}

func (p *prober) structure(s *modelShape, path string, object map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(s.Members)) {
		at := strings.TrimPrefix(path+"."+strings.ToLower(name[:1])+name[1:], ".")
		valid := object[name]
		if slices.Contains(s.Required, name) {
			delete(object, name)
			p.violates(at, "Value null", "Member must not be null")
			object[name] = nil
			p.violates(at, "Value null", "Member must not be null")
		}
		p.value(p.Shapes[s.Members[name].Shape], at, valid, func(v any) { object[name] = v })
	}
}

// value breaks the rules of a value, and those of what is in it; put puts it where it belongs.
func (p *prober) value(s *modelShape, path string, valid any, put func(any)) {
	for _, b := range p.breaches(s, valid) {
		put(b.value)
		p.violates(path, b.rule)
	}
	put(s.otherType())
	p.refused(path, "SerializationException")
	put(valid)
	switch s.Type {
	case "structure":
		p.structure(s, path, valid.(map[string]any))
	case "list":
		list := valid.([]any)
		p.inside(p.Shapes[s.Member.Shape], path, ".1.member", "Member", list[0], func(v any) { list[0] = v })
	case "map":
		object := valid.(map[string]any)
		key := slices.Collect(maps.Keys(object))[0]
		p.inside(p.Shapes[s.Value.Shape], path, "."+key+".member", "Map value", object[key], func(v any) { object[key] = v })
		for _, b := range p.breaches(p.Shapes[s.Key.Shape], key) {
			put(map[string]any{b.value.(string): object[key]})
			p.violates(path, "Map keys must satisfy constraint: [", b.rule)
		}
		put(valid)
	}
}

// inside is value for an item of a list or a map. AWS reports scalars by what holds them.
func (p *prober) inside(s *modelShape, path, step, noun string, valid any, put func(any)) {
	put(nil)
	p.violates(path, noun+" must satisfy constraint: [Member must not be null]")
	put(valid)
	if s.Type == "structure" {
		p.value(s, path+step, valid, put)
		return
	}
	for _, b := range p.breaches(s, valid) {
		put(b.value)
		p.violates(path, noun+" must satisfy constraint: [", b.rule)
	}
	put(valid)
}

// Every rule of every shape in every operation's input is kept: what is missing, too short, too long, too small, too large,
// too many, not of the pattern, none of the choices, or not of the type, wherever it is.
func TestEveryConstraint(t *testing.T) {
	m := awsModel(t)
	url, _ := serve(t)
	tried := 0
	for _, operation := range slices.Sorted(maps.Keys(m.Operations)) {
		shape := m.Operations[operation].Input.Shape
		p := prober{model: m, client: raw{t, url}, operation: operation, input: m.value(shape, true)}
		if a := p.client.call(operation, p.input); strings.Contains(a.Message, "validation error") || a.Code == "SerializationException" {
			t.Errorf("%s: a valid input is refused: %s", operation, a.Message)
		}
		p.structure(m.Shapes[shape], "", p.input.(map[string]any))
		tried += p.tried
	}
	if tried < 1000 {
		t.Errorf("only %d inputs were tried", tried)
	}
}

// Several violations are told at once, in the order of the members.
func TestSeveralViolations(t *testing.T) {
	url, _ := serve(t)
	got := raw{t, url}.call("PutApprovalResult", map[string]any{"pipelineName": "a b", "stageName": "", "result": map[string]any{"status": "Perhaps"}})
	const want = "7 validation errors detected: " +
		"Value 'a b' at 'pipelineName' failed to satisfy constraint: Member must satisfy regular expression pattern: [A-Za-z0-9.@\\-_]+; " +
		"Value '' at 'stageName' failed to satisfy constraint: Member must have length greater than or equal to 1; " +
		"Value '' at 'stageName' failed to satisfy constraint: Member must satisfy regular expression pattern: [A-Za-z0-9.@\\-_]+; " +
		"Value null at 'actionName' failed to satisfy constraint: Member must not be null; " +
		"Value null at 'result.summary' failed to satisfy constraint: Member must not be null; " +
		"Value 'Perhaps' at 'result.status' failed to satisfy constraint: Member must satisfy enum value set: [Approved, Rejected]; " +
		"Value null at 'token' failed to satisfy constraint: Member must not be null"
	if got.Code != "ValidationException" || got.Message != want {
		t.Errorf("%s: %s\nwant %s", got.Code, got.Message, want)
	}
}

// The least that is valid, and everything at once with members that no shape has, get an answer of the model from every
// operation.
func TestMinimalAndUnknownMembers(t *testing.T) {
	m := awsModel(t)
	url, _ := serve(t)
	for _, operation := range slices.Sorted(maps.Keys(m.Operations)) {
		for what, input := range map[string]any{
			"nothing":         map[string]any{},
			"the least":       m.value(m.Operations[operation].Input.Shape, false),
			"unknown members": decorated(m.value(m.Operations[operation].Input.Shape, true)),
		} {
			a := raw{t, url}.call(operation, input)
			declared := a.Status == http.StatusOK || a.Status == http.StatusBadRequest && a.Message != "" && isDeclared(operation, a.Code)
			if !declared || what != "nothing" && strings.Contains(a.Message, "validation error") {
				t.Errorf("%s with %s: %d %s", operation, what, a.Status, a.Body)
			}
		}
	}
}

// decorated adds a member to every structure in v. (Maps get it as an entry, which is as good.)
func decorated(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			decorated(inner)
		}
		if len(v) != 1 { // the maps of the examples have one entry each
			v["unknown"] = map[string]any{"x": []int{1}}
		}
	case []any:
		for _, inner := range v {
			decorated(inner)
		}
	}
	return v
}
