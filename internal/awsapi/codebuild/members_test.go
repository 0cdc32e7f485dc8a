package codebuild_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// given is what a request has beside what it must have: members that come back (as the members of shows, where they have
// other names there), or that are refused with a message that has all of the words.
type given struct {
	Kept    map[string]any `json:"kept"`
	Shows   map[string]any `json:"shows"`
	Proof   string         `json:"proof"` // the test that shows what cannot be read back at once
	Refused map[string]any `json:"refused"`
	Words   []string       `json:"words"`
}

func (g given) members() map[string]any {
	if g.Kept != nil {
		return g.Kept
	}
	return g.Refused
}

// TestMembers proves of every member of the requests that describe builds that none is dropped without a word: it is kept
// and comes back, or is refused by name. What the kept ones do has tests of its own.
func TestMembers(t *testing.T) {
	text, err := os.ReadFile("testdata/members.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string][]given
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	config, _ := lay(t, sqltest.SQLite(t)) // nothing is built: what is given is read back
	c := sdk.NewFromConfig(config)
	site := project("site")
	site.BuildBatchConfig = &types.ProjectBuildBatchConfig{ServiceRole: site.ServiceRole}
	if _, err := c.CreateProject(t.Context(), site); err != nil {
		t.Fatal(err)
	}
	build := map[string]any{"projectName": "site"}
	n := 0
	for name, o := range map[string]struct {
		input reflect.Type
		cases string         // in the file
		base  map[string]any // what the request must have
		send  func(t *testing.T, g given) (any, error)
	}{
		"CreateProject": {reflect.TypeFor[sdk.CreateProjectInput](), "project", plain(t, project("p")), func(t *testing.T, g given) (any, error) {
			n++
			in := laid[sdk.CreateProjectInput](t, over(plain(t, project(fmt.Sprint("p", n))), g.members()))
			if _, err := c.CreateProject(t.Context(), &in); err != nil {
				return nil, err
			}
			return readProject(t, c, *in.Name), nil
		}},
		"UpdateProject": {reflect.TypeFor[sdk.UpdateProjectInput](), "project", plain(t, project("p")), func(t *testing.T, g given) (any, error) {
			n++
			before := project(fmt.Sprint("p", n))
			if _, err := c.CreateProject(t.Context(), before); err != nil {
				t.Fatal(err)
			}
			in := laid[sdk.UpdateProjectInput](t, over(plain(t, before), g.members()))
			if _, err := c.UpdateProject(t.Context(), &in); err != nil {
				return nil, err
			}
			return readProject(t, c, *in.Name), nil
		}},
		"StartBuild": {reflect.TypeFor[sdk.StartBuildInput](), "build", build, func(t *testing.T, g given) (any, error) {
			in := laid[sdk.StartBuildInput](t, over(build, g.members()))
			out, err := c.StartBuild(t.Context(), &in)
			if err != nil {
				return nil, err
			}
			return out.Build, nil
		}},
		"StartBuildBatch": {reflect.TypeFor[sdk.StartBuildBatchInput](), "batch", build, func(t *testing.T, g given) (any, error) {
			in := laid[sdk.StartBuildBatchInput](t, over(build, g.members()))
			out, err := c.StartBuildBatch(t.Context(), &in)
			if err != nil {
				return nil, err
			}
			return out.BuildBatch, nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			told := map[string]bool{}
			leaves("", o.base, func(path string, _ any) { told[path] = true })
			for _, g := range all[o.cases] {
				leaves("", g.members(), func(path string, _ any) { told[path] = true })
				got, err := o.send(t, g)
				switch {
				case g.Refused != nil:
					is(t, fmt.Sprint(g.Refused), err, "InvalidInputException", g.Words[0])
					for _, word := range g.Words[1:] {
						is(t, fmt.Sprint(g.Refused), err, "InvalidInputException", word)
					}
				case err != nil:
					t.Errorf("%v: %v", g.Kept, err)
				default:
					shows := g.Shows
					if shows == nil {
						shows = g.Kept
					}
					if len(shows) == 0 && g.Proof == "" {
						t.Errorf("nothing shows that %v is kept", g.Kept)
					}
					has(t, plain(t, got), shows)
				}
			}
			for _, path := range membersOf(o.input) {
				if !told[path] {
					t.Errorf("nothing is said of %s", path)
				}
				delete(told, path)
			}
			for path := range told {
				t.Errorf("%s is no member", path)
			}
		})
	}
}

func readProject(t *testing.T, c *sdk.Client, name string) any {
	t.Helper()
	out, err := c.BatchGetProjects(t.Context(), &sdk.BatchGetProjectsInput{Names: []string{name}})
	if err != nil || len(out.Projects) != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	return out.Projects[0]
}

// membersOf are the paths of the members of a request that hold values: "source.auth.type", and "tags.key" for each tag's.
func membersOf(t reflect.Type) (paths []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return []string{""}
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue // what the SDK needs for itself
		}
		for _, below := range membersOf(f.Type) {
			paths = append(paths, strings.TrimSuffix(member(f.Name)+"."+below, "."))
		}
	}
	return paths
}

// member is the name that AWS gives what the SDK calls by name.
func member(name string) string { return strings.ToLower(name[:1]) + name[1:] }

// leaves calls f with the path of each value; those of a list's elements have one path.
func leaves(path string, value any, f func(path string, value any)) {
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			leaves(strings.TrimPrefix(path+"."+name, "."), v[name], f)
		}
	case []any:
		for _, element := range v {
			leaves(path, element, f)
		}
	default:
		f(path, value)
	}
}

// plain is an SDK's structure as AWS writes it in JSON, without what is not set.
func plain(t *testing.T, structure any) map[string]any {
	t.Helper()
	text, err := json.Marshal(structure)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return renamed(v).(map[string]any)
}

func renamed(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, below := range v {
			if below != nil && below != "" {
				out[member(name)] = renamed(below)
			}
		}
		return out
	case []any:
		for i := range v {
			v[i] = renamed(v[i])
		}
	}
	return value
}

// over lays members over others: structures member by member, everything else whole.
func over(under, members map[string]any) map[string]any {
	out := maps.Clone(under)
	for name, v := range members {
		below, isStructure := v.(map[string]any)
		was, wasStructure := out[name].(map[string]any)
		if isStructure && wasStructure {
			v = over(was, below)
		}
		out[name] = v
	}
	return out
}

func laid[T any](t *testing.T, members map[string]any) (in T) {
	t.Helper()
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &in); err != nil {
		t.Fatal(err)
	}
	return in
}

// has checks that got has everything that want has.
func has(t *testing.T, got, want map[string]any) {
	t.Helper()
	leaves("", want, func(path string, value any) {
		found := false
		leaves("", got, func(at string, v any) { found = found || at == path && reflect.DeepEqual(v, value) })
		if !found {
			t.Errorf("%s is not %v in %v", path, value, text(got))
		}
	})
}

func text(v any) string {
	b, err := json.Marshal(v)
	return fmt.Sprint(string(b), err)
}
