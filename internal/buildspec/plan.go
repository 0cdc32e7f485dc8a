package buildspec

import (
	"fmt"
	"slices"
)

// Group is one build of a batch, ready to be started once those it depends on have ended well.
type Group struct {
	Identifier    string     `json:"identifier"`
	DependsOn     []string   `json:"dependsOn,omitempty"`
	IgnoreFailure bool       `json:"ignoreFailure,omitempty"`
	Buildspec     string     `json:"buildspec,omitempty"`
	ComputeType   string     `json:"computeType,omitempty"`
	Fleet         string     `json:"fleet,omitempty"` // its name or ARN
	Image         string     `json:"image,omitempty"`
	Type          string     `json:"type,omitempty"`
	Privileged    *bool      `json:"privileged,omitempty"`
	Variables     []Variable `json:"variables,omitempty"`
	// Shard, from 0, and Shards say which part of the tests the build has; Shards is 0 outside a fan-out.
	Shard  int `json:"shard,omitempty"`
	Shards int `json:"shards,omitempty"`
}

// Plan lists the builds of a batch in the order of the buildspec. The error is an *Error.
func (b *Batch) Plan() ([]Group, error) {
	switch {
	case b.Matrix != nil:
		return b.Matrix.plan(), nil
	case b.Fanout != nil:
		return b.Fanout.plan(), nil
	}
	tasks := append(slices.Clone(b.Graph), b.List...)
	groups := make([]Group, len(tasks))
	at := map[string]int{}
	for i, t := range tasks {
		if _, twice := at[t.Identifier]; twice {
			return nil, &Error{Line: t.line, Key: "batch", Message: fmt.Sprintf("the identifier %s is there twice", t.Identifier)}
		}
		at[t.Identifier] = i
		groups[i] = Group{
			Identifier: t.Identifier, DependsOn: t.DependsOn, IgnoreFailure: t.IgnoreFailure, Buildspec: t.Buildspec,
			ComputeType: t.Env.ComputeType, Fleet: t.Env.Fleet, Image: t.Env.Image, Type: t.Env.Type, Privileged: t.Env.Privileged, Variables: t.Env.Variables,
		}
	}
	for _, t := range tasks {
		for _, d := range t.DependsOn {
			if _, known := at[d]; !known {
				return nil, &Error{Line: t.line, Key: "batch.build-graph", Message: fmt.Sprintf("%s depends on %s, which is not in the graph", t.Identifier, d)}
			}
		}
	}
	return groups, acyclic(tasks, at)
}

// acyclic refuses a graph in which a build waits for itself.
func acyclic(tasks []Task, at map[string]int) error {
	const visiting, done = 1, 2
	state := make([]int, len(tasks))
	var path []string
	var visit func(i int) error
	visit = func(i int) error {
		t := tasks[i]
		path = append(path, t.Identifier)
		defer func() { path = path[:len(path)-1] }()
		if state[i] == visiting {
			from := slices.Index(path, t.Identifier)
			return &Error{Line: t.line, Key: "batch.build-graph", Message: fmt.Sprintf("builds depend on each other in a circle: %v", path[from:])}
		}
		if state[i] == done {
			return nil
		}
		state[i] = visiting
		for _, d := range t.DependsOn {
			if err := visit(at[d]); err != nil {
				return err
			}
		}
		state[i] = done
		return nil
	}
	for i := range tasks {
		if err := visit(i); err != nil {
			return err
		}
	}
	return nil
}

// What of a build an axis of a matrix is about, beside variables, whose names are no such words.
const (
	axisBuildspec = "dynamic.buildspec"
	axisCompute   = "env.compute-type"
	axisImage     = "env.image"
)

// axes are all choices of a matrix; the last one varies fastest.
func (m *Matrix) axes() []Choice {
	var list []Choice
	for _, c := range append([]Choice{{axisBuildspec, m.Buildspecs}, {axisCompute, m.ComputeTypes}, {axisImage, m.Images}}, m.Variables...) {
		if c.Values != nil {
			list = append(list, c)
		}
	}
	return list
}

func (m *Matrix) plan() []Group {
	axes := m.axes()
	groups := make([]Group, m.size())
	for i := range groups {
		g := Group{Identifier: fmt.Sprintf("build_%d", i+1), IgnoreFailure: m.IgnoreFailure, Type: m.Type, Privileged: m.Privileged}
		rest := i
		chosen := make([]string, len(axes))
		for a := len(axes) - 1; a >= 0; a-- {
			chosen[a] = axes[a].Values[rest%len(axes[a].Values)]
			rest /= len(axes[a].Values)
		}
		for a, value := range chosen {
			g.choose(axes[a].Name, value)
		}
		groups[i] = g
	}
	return groups
}

func (g *Group) choose(axis, value string) {
	switch axis {
	case axisBuildspec:
		g.Buildspec = value
	case axisCompute:
		g.ComputeType = value
	case axisImage:
		g.Image = value
	default:
		g.Variables = append(g.Variables, Variable{Name: axis, Value: value})
	}
}

func (f *Fanout) plan() []Group {
	groups := make([]Group, f.Parallelism)
	for i := range groups {
		groups[i] = Group{Identifier: fmt.Sprintf("build_%d", i+1), IgnoreFailure: f.IgnoreFailure, Shard: i, Shards: f.Parallelism}
	}
	return groups
}

// GroupState is how far a build of a batch is.
type GroupState int

// The states.
const (
	Waiting GroupState = iota // not started
	Running
	Passed
	Failed // or stopped, or timed out
)

// Step is what is to be done next with a batch: builds to start and to stop, by their place in the plan. Once Over nothing
// runs and nothing will; Failed tells how it ended.
type Step struct {
	Start, Stop  []int
	Over, Failed bool
}

// NextStep decides what is to be done with a batch whose builds have these states. With fastFail the first failure ends the
// others; with ending nothing new starts and everything that runs is stopped.
func NextStep(groups []Group, states []GroupState, fastFail, ending bool) Step {
	var s Step
	state := map[string]GroupState{}
	running := 0
	for i, g := range groups {
		state[g.Identifier] = states[i]
		if states[i] == Failed && g.IgnoreFailure {
			state[g.Identifier] = Passed
		}
		if state[g.Identifier] == Failed {
			s.Failed = true
		}
		if states[i] == Running {
			running++
		}
	}
	ending = ending || fastFail && s.Failed
	for i, g := range groups {
		switch {
		case ending && states[i] == Running:
			s.Stop = append(s.Stop, i)
		case !ending && states[i] == Waiting && ready(g, state):
			s.Start = append(s.Start, i)
		}
	}
	s.Over = running == 0 && len(s.Start) == 0
	return s
}

// ready tells whether everything a build depends on has ended well.
func ready(g Group, state map[string]GroupState) bool {
	return !slices.ContainsFunc(g.DependsOn, func(d string) bool { return state[d] != Passed })
}
