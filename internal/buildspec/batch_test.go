package buildspec_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
)

// batch reads a batch section, indented by nothing.
func batch(t *testing.T, section string) (*buildspec.Batch, error) {
	t.Helper()
	spec, err := buildspec.Parse([]byte("version: 0.2\nbatch:\n  " + strings.ReplaceAll(strings.TrimSpace(section), "\n", "\n  ")))
	if err != nil {
		return nil, err
	}
	return spec.Batch, nil
}

func plan(t *testing.T, section string) []buildspec.Group {
	t.Helper()
	b, err := batch(t, section)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := b.Plan()
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

func TestBatchGraph(t *testing.T) {
	privileged := true
	got := plan(t, `
build-graph:
  - identifier: compile
    env: {compute-type: BUILD_GENERAL1_LARGE, image: i, type: ARM_CONTAINER, privileged-mode: true, variables: {A: 1}}
    debug-session: no
  - {identifier: test, buildspec: test.yml, depend-on: [compile, lint], ignore-failure: true}
  - identifier: lint`)
	want := []buildspec.Group{
		{Identifier: "compile", ComputeType: "BUILD_GENERAL1_LARGE", Image: "i", Type: "ARM_CONTAINER", Privileged: &privileged, Variables: []buildspec.Variable{{Name: "A", Value: "1"}}},
		{Identifier: "test", Buildspec: "test.yml", DependsOn: []string{"compile", "lint"}, IgnoreFailure: true},
		{Identifier: "lint"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestBatchMatrix(t *testing.T) {
	var got []string
	for _, g := range plan(t, `
build-matrix:
  static: {ignore-failure: yes, env: {type: LINUX_CONTAINER, privileged-mode: false}}
  dynamic:
    buildspec: [a.yml, b.yml]
    env:
      image: [x]
      variables: {buildspec: [1, 2], OS: [l]}`) {
		if !g.IgnoreFailure || g.Type != "LINUX_CONTAINER" || *g.Privileged {
			t.Errorf("%+v lacks what is static", g)
		}
		got = append(got, fmt.Sprint(g.Identifier, " ", g.Buildspec, " ", g.Image, " ", g.Variables))
	}
	want := []string{
		"build_1 a.yml x [{buildspec 1} {OS l}]", "build_2 a.yml x [{buildspec 2} {OS l}]",
		"build_3 b.yml x [{buildspec 1} {OS l}]", "build_4 b.yml x [{buildspec 2} {OS l}]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestBatchMistakes(t *testing.T) {
	many := strings.Repeat("1, ", 20) + "1"
	for want, section := range map[string]string{
		"line 3: batch: has 0 of build-graph":                          "fast-fail: true",
		"has 2 of build-graph":                                         "build-list: [{identifier: a}]\nbuild-fanout: {parallelism: 2}",
		"line 4: batch.build-list[0]: has no identifier":               "build-list:\n- buildspec: x",
		`batch.build-list[0].identifier: "a b" is not an identifier`:   "build-list: [{identifier: a b}]",
		"batch.build-list[0].depend-on: is not a key":                  "build-list: [{identifier: a, depend-on: [b]}]",
		"batch.build-list[0].env.fleet: a build has a fleet or a":      "build-list: [{identifier: a, env: {fleet: f, compute-type: BUILD_GENERAL1_SMALL}}]",
		"debug-session: debug sessions are not supported":              "build-list: [{identifier: a, debug-session: yes}]",
		"batch.build-list: must be a list of builds":                   "build-list: {}",
		"parallelism: must be a number from 1 to 100, not \"x\"":       "build-fanout: {parallelism: x}",
		"parallelism: must be a number from 1 to 100, not \"101\"":     "build-fanout: {parallelism: 101}",
		"batch.build-matrix: has 441 combinations":                     "build-matrix: {dynamic: {env: {variables: {A: [" + many + "], B: [" + many + "]}}}}",
		"batch.build-matrix: has a list without values":                "build-matrix: {dynamic: {buildspec: []}}",
		`batch.build-matrix.dynamic.env.variables.A-B: "A-B" is not a`: "build-matrix: {dynamic: {env: {variables: {A-B: [x]}}}}",
	} {
		if _, err := batch(t, section); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", section, err, want)
		}
	}
	for want, section := range map[string]string{
		"the identifier a is there twice":                        "build-list: [{identifier: a}, {identifier: a}]",
		"a depends on b, which is not in the graph":              "build-graph: [{identifier: a, depend-on: [b]}]",
		"line 5: batch.build-graph: builds depend on each other": "build-graph:\n- identifier: x\n- {identifier: a, depend-on: [c]}\n- {identifier: b, depend-on: [a]}\n- {identifier: c, depend-on: [b]}",
		"in a circle: [a a]":                                     "build-graph: [{identifier: a, depend-on: [a]}]",
	} {
		b, err := batch(t, section)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Plan(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", section, err, want)
		} else if _, ok := errors.AsType[*buildspec.Error](err); !ok {
			t.Errorf("not an *Error: %v", err)
		}
	}
}

func TestNextStep(t *testing.T) {
	w, r, p, f := buildspec.Waiting, buildspec.Running, buildspec.Passed, buildspec.Failed
	graph := []buildspec.Group{{Identifier: "a"}, {Identifier: "b"}, {Identifier: "c", DependsOn: []string{"a", "b"}}, {Identifier: "d", DependsOn: []string{"c"}}}
	forgiving := slices.Clone(graph)
	forgiving[0].IgnoreFailure = true
	for _, c := range []struct {
		name             string
		groups           []buildspec.Group
		states           []buildspec.GroupState
		fastFail, ending bool
		want             buildspec.Step
	}{
		{"at first", graph, []buildspec.GroupState{w, w, w, w}, false, false, buildspec.Step{Start: []int{0, 1}}},
		{"one runs", graph, []buildspec.GroupState{p, r, w, w}, false, false, buildspec.Step{}},
		{"both passed", graph, []buildspec.GroupState{p, p, w, w}, false, false, buildspec.Step{Start: []int{2}}},
		{"all passed", graph, []buildspec.GroupState{p, p, p, p}, false, false, buildspec.Step{Over: true}},
		{"a failure lets others finish", graph, []buildspec.GroupState{f, r, w, w}, false, false, buildspec.Step{Failed: true}},
		{"and blocks what depends on it", graph, []buildspec.GroupState{f, p, w, w}, false, false, buildspec.Step{Over: true, Failed: true}},
		{"fast-fail stops them", graph, []buildspec.GroupState{f, r, w, w}, true, false, buildspec.Step{Stop: []int{1}, Failed: true}},
		{"a failure that is ignored", forgiving, []buildspec.GroupState{f, p, w, w}, true, false, buildspec.Step{Start: []int{2}}},
		{"ends well", forgiving, []buildspec.GroupState{f, p, p, p}, true, false, buildspec.Step{Over: true}},
		{"stopped", graph, []buildspec.GroupState{r, p, w, w}, false, true, buildspec.Step{Stop: []int{0}}},
		{"stopped before it began", graph, []buildspec.GroupState{w, w, w, w}, false, true, buildspec.Step{Over: true}},
	} {
		if got := buildspec.NextStep(c.groups, c.states, c.fastFail, c.ending); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// Whatever the graph and whatever its builds do, every batch comes to an end, and nothing starts before its time.
func TestBatchesEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "builds")
		groups, states := make([]buildspec.Group, n), make([]buildspec.GroupState, n)
		for i := range groups {
			groups[i] = buildspec.Group{Identifier: fmt.Sprint(i), IgnoreFailure: rapid.Bool().Draw(t, "ignore")}
			for d := range i {
				if rapid.IntRange(0, 3).Draw(t, "edge") == 0 {
					groups[i].DependsOn = append(groups[i].DependsOn, fmt.Sprint(d))
				}
			}
		}
		fastFail, ending := rapid.Bool().Draw(t, "fast-fail"), false
		for range 4 * n {
			ending = ending || rapid.IntRange(0, 20).Draw(t, "end") == 0
			step := buildspec.NextStep(groups, states, fastFail, ending)
			if step.Over {
				if slices.Contains(states, buildspec.Running) {
					t.Fatal("over while a build runs")
				}
				return
			}
			for _, i := range step.Start {
				for d, g := range groups {
					if slices.Contains(groups[i].DependsOn, g.Identifier) && states[d] != buildspec.Passed && !(states[d] == buildspec.Failed && g.IgnoreFailure) {
						t.Fatalf("%d started before %d had passed", i, d)
					}
				}
				states[i] = buildspec.Running
			}
			for _, i := range step.Stop {
				states[i] = buildspec.Failed
			}
			if i := slices.Index(states, buildspec.Running); i >= 0 {
				states[i] = rapid.SampledFrom([]buildspec.GroupState{buildspec.Passed, buildspec.Failed}).Draw(t, "result")
			}
		}
		t.Fatal("it does not end")
	})
}
