package awsapi

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"sort"
	"strings"
	"testing"
)

// model is a service model of botocore, the library below the aws CLI and boto3: the same facts the SDKs are made of.
type model struct {
	Operations map[string]struct {
		Input, Output *modelRef
	}
	Shapes map[string]modelShape
}

type modelRef struct {
	Shape        string
	LocationName string
}

type modelShape struct {
	Type       string
	Members    map[string]modelRef
	Member     *modelRef
	Key, Value *modelRef
	Pattern    string
	Union      bool
}

// readModel loads the newest model of a service, or skips the test where botocore is not installed.
func readModel(t *testing.T, service string) *model {
	t.Helper()
	out, err := exec.Command("python3", "-c", "import botocore,os;print(os.path.dirname(botocore.__file__))").Output()
	if err != nil {
		t.Skip("botocore is not installed for python3: not compared with its service models")
	}
	files, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "data", service, "*", "service-2.json.gz"))
	if len(files) == 0 {
		t.Skipf("botocore has no model of %s: not compared with it", service)
	}
	sort.Strings(files)
	f, err := os.Open(files[len(files)-1])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var m model
	if err := json.NewDecoder(z).Decode(&m); err != nil {
		t.Fatal(err)
	}
	return &m
}

// oddlyNamed are members of operations that are not served and whose wire name the table of names does not hold.
var oddlyNamed = map[string]bool{"ListDelegationRequestsResponse.isTruncated": true}

// check compares a JSON value with a shape: it must have every member the model has, each of its type. Members the model
// does not know are newer than it, unless they differ from a known one in nothing but case.
func (m *model) check(path, shape string, v any) (problems []string) {
	s := m.Shapes[shape]
	fail := func(format string, args ...any) {
		problems = append(problems, path+": "+fmt.Sprintf(format, args...))
	}
	switch s.Type {
	case "structure":
		object, ok := v.(map[string]any)
		if !ok {
			fail("%T instead of a structure", v)
		}
		for name, item := range object {
			if ref, ok := s.Members[name]; ok {
				problems = append(problems, m.check(path+"."+name, ref.Shape, item)...)
			}
		}
		for name := range s.Members {
			if _, ok := object[name]; !ok && len(object) > 0 && !s.Union && !oddlyNamed[shape+"."+name] {
				fail("the model's %s has a member %s, which is missing", shape, name)
			}
		}
	case "list":
		list, ok := v.([]any)
		if !ok {
			fail("%T instead of a list", v)
		}
		for _, item := range list {
			problems = append(problems, m.check(path+"[]", s.Member.Shape, item)...)
		}
	case "map":
		object, ok := v.(map[string]any)
		if !ok {
			fail("%T instead of a map", v)
		}
		for _, item := range object {
			problems = append(problems, m.check(path+"{}", s.Value.Shape, item)...)
		}
	case "string":
		if _, ok := v.(string); !ok {
			fail("%T instead of text", v)
		}
	case "blob":
		text, _ := v.(string)
		if _, err := base64.StdEncoding.DecodeString(text); err != nil || text == "" {
			fail("%v instead of base64", v)
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			fail("%T instead of a boolean", v)
		}
	case "integer", "long":
		if f, ok := v.(float64); !ok || f != float64(int64(f)) {
			fail("%v instead of a whole number", v)
		}
	case "double", "float", "timestamp":
		if _, ok := v.(float64); !ok {
			fail("%v instead of a number", v)
		}
	default:
		fail("unknown type %s of shape %s", s.Type, shape)
	}
	return problems
}

// example makes a value of a shape with every member set.
func (m *model) example(shape string, inside map[string]int) any {
	s := m.Shapes[shape]
	switch s.Type {
	case "structure":
		if inside[shape] > 1 {
			return map[string]any{}
		}
		inside[shape]++
		defer func() { inside[shape]-- }()
		object := map[string]any{}
		for name, ref := range s.Members {
			object[name] = m.example(ref.Shape, inside)
		}
		return object
	case "list":
		return []any{m.example(s.Member.Shape, inside), m.example(s.Member.Shape, inside)}
	case "map":
		return map[string]any{"k1": m.example(s.Value.Shape, inside), "k2": m.example(s.Value.Shape, inside)}
	case "string":
		return shape
	case "blob":
		return "AAH/"
	case "boolean":
		return true
	case "integer", "long":
		return 7.0
	case "double", "float":
		return 7.25
	case "timestamp":
		return 1700000000.123
	default:
		return nil
	}
}

// holds reports where b lacks something that a has.
func holds(path string, a, b any) string {
	switch x := a.(type) {
	case map[string]any:
		y, _ := b.(map[string]any)
		for k, v := range x {
			if problem := holds(path+"."+k, v, y[k]); problem != "" {
				return problem
			}
		}
		return ""
	case []any:
		y, _ := b.([]any)
		if len(x) != len(y) {
			return fmt.Sprintf("%s: %d items became %d", path, len(x), len(y))
		}
		for i := range x {
			if problem := holds(path, x[i], y[i]); problem != "" {
				return problem
			}
		}
		return ""
	default:
		if a != b {
			return fmt.Sprintf("%s: %v became %v", path, a, b)
		}
		return ""
	}
}

// comesBack decodes a value made from the model into the SDK's type, encodes it again and looks for losses.
func (m *model) comesBack(t *testing.T, name, shape string, typ reflect.Type) {
	t.Helper()
	example := m.example(shape, map[string]int{})
	text, err := json.Marshal(example)
	if err != nil {
		t.Fatal(err)
	}
	v := reflect.New(typ)
	if err := Unmarshal(text, v.Interface()); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	var back any
	if err := json.Unmarshal(marshal(t, v.Interface()), &back); err != nil {
		t.Fatal(err)
	}
	if problem := holds(name, example, back); problem != "" {
		t.Error(problem)
	}
}

func TestEveryShapeIsTheModels(t *testing.T) {
	for _, s := range everySDK() {
		t.Run(s.name, func(t *testing.T) {
			m := readModel(t, s.name)
			seen := 0
			for _, op := range operationsOf(s.client(nil)) {
				spec, ok := m.Operations[op.name]
				if !ok {
					t.Logf("%s is newer than the installed model", op.name)
					continue
				}
				seen++
				for _, side := range []struct {
					ref *modelRef
					typ reflect.Type
				}{{spec.Input, op.in}, {spec.Output, op.out}} {
					if side.ref == nil {
						continue
					}
					var encoded any
					if err := json.Unmarshal(marshal(t, filled(side.typ).Interface()), &encoded); err != nil {
						t.Fatal(err)
					}
					for _, problem := range m.check(op.name, side.ref.Shape, encoded) {
						t.Error(problem)
					}
					if s.query == nil {
						m.comesBack(t, op.name, side.ref.Shape, side.typ)
					}
				}
			}
			if seen < 9 {
				t.Errorf("only %d operations compared", seen)
			}
		})
	}
}

// notRE2 are patterns of the models that Go cannot hold. None is of an operation that is served; a new one must be
// noticed.
var notRE2 = map[string]bool{
	`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`: true, // an account's alias

	// Systems Manager's, beside Parameter Store
	`^.{1,100000}$`: true,
	`^([\-]?\d{4}(?!\d{2}\b))((-?)((0[1-9]|1[0-2])(\3([12]\d|0[1-9]|3[01]))?|W([0-4]\d|5[0-2])(-?[1-7])?|(00[1-9]|0[1-9]\d|[12]\d{2}|3([0-5]\d|6[1-6])))([T\s]((([01]\d|2[0-3])((:?)[0-5]\d)?|24\:?00)([\.,]\d(?!:))?)?(\17[0-5]\d([\.,]\d)?)?([zZ]|([\-])([01]\d|2[0-3]):?([0-5]\d)?)?)?)?$`: true,
	`^https:\/\/[-a-zA-Z0-9@:%._\+~#=]{1,253}\.s3(\.[a-z\d-]{9,16})?\.amazonaws\.com\/.{1,2000}`: true,
}

func TestEveryPatternOfTheModelsCompiles(t *testing.T) {
	for _, s := range everySDK() {
		t.Run(s.name, func(t *testing.T) {
			for name, shape := range readModel(t, s.name).Shapes {
				if shape.Pattern == "" {
					continue
				}
				if _, err := regexp.Compile(re2(shape.Pattern)); (err != nil) != notRE2[shape.Pattern] {
					t.Errorf("pattern of %s: %v", name, err)
				}
			}
		})
	}
}

// The committed facts must be those of the model they were made of.
func TestFactsCoverEveryOperation(t *testing.T) {
	for _, s := range everySDK() {
		if s.name == "codecommit" {
			continue // has exceptions of its own
		}
		t.Run(s.name, func(t *testing.T) {
			book, err := openFacts(s.name)
			if err != nil {
				t.Fatal(err)
			}
			for _, op := range operationsOf(s.client(nil)) {
				if _, err := book.operation(op.name); err != nil {
					t.Error(err)
				}
			}
			if len(book.raw.Operations) == 0 {
				t.Error("no facts")
			}
			for op, shape := range book.raw.Operations {
				if _, ok := book.raw.Shapes[shape]; !ok {
					t.Errorf("%s: facts of %s are missing", op, shape)
				}
			}
		})
	}
}
