package buildspec

import (
	"fmt"
	"regexp"
	"strconv"

	yaml "go.yaml.in/yaml/v4"
)

// Batch is the batch section: which builds a batch consists of. Exactly one of Graph, List, Matrix and Fanout is set.
type Batch struct {
	FastFail bool
	Graph    []Task
	List     []Task
	Matrix   *Matrix
	Fanout   *Fanout
}

// Task is one build of a graph or a list.
type Task struct {
	Identifier    string
	Buildspec     string // "": the one that holds the batch
	DependsOn     []string
	IgnoreFailure bool
	Env           TaskEnv
	line          int
}

// TaskEnv is what a build of a batch has of its own. What is empty is the project's.
type TaskEnv struct {
	ComputeType string
	Fleet       string // its name or ARN
	Image       string
	Type        string
	Privileged  *bool
	Variables   []Variable
}

// Matrix is a build for every combination of some values.
type Matrix struct {
	IgnoreFailure bool
	Type          string
	Privileged    *bool

	Buildspecs   []string
	ComputeTypes []string
	Images       []string
	Variables    []Choice
}

// Choice is a variable and the values it takes.
type Choice struct {
	Name   string
	Values []string
}

// Fanout is a number of equal builds that share the tests among them.
type Fanout struct {
	Parallelism   int
	IgnoreFailure bool
}

// MaxBatch is how many builds a batch may have.
const MaxBatch = 100

var taskIdentifier = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)

func (p *parser) batch(key string, n *yaml.Node) error {
	b := &Batch{}
	seen, err := p.mapping(n, key, map[string]field{
		"fast-fail":    p.boolInto(&b.FastFail),
		"build-graph":  p.tasksInto(&b.Graph, true),
		"build-list":   p.tasksInto(&b.List, false),
		"build-matrix": func(key string, n *yaml.Node) error { return p.matrix(b, key, n) },
		"build-fanout": func(key string, n *yaml.Node) error { return p.fanout(b, key, n) },
	})
	if err != nil {
		return err
	}
	delete(seen, "fast-fail")
	if len(seen) != 1 {
		return fail(n, key, "has %d of build-graph, build-list, build-matrix and build-fanout; write exactly one", len(seen))
	}
	p.spec.Batch = b
	return nil
}

func (p *parser) tasksInto(to *[]Task, graph bool) field {
	return func(key string, n *yaml.Node) error {
		n = resolve(n)
		if n.Kind != yaml.SequenceNode {
			return fail(n, key, "must be a list of builds, not %s", kindName(n))
		}
		if len(n.Content) == 0 || len(n.Content) > MaxBatch {
			return fail(n, key, "lists %d builds; there must be from 1 to %d", len(n.Content), MaxBatch)
		}
		for i, item := range n.Content {
			t, err := p.task(fmt.Sprintf("%s[%d]", key, i), item, graph)
			if err != nil {
				return err
			}
			*to = append(*to, t)
		}
		return nil
	}
}

func (p *parser) task(key string, n *yaml.Node, graph bool) (Task, error) {
	t := Task{line: resolve(n).Line}
	fields := map[string]field{
		"identifier":     p.identifierInto(&t.Identifier),
		"buildspec":      p.textInto(&t.Buildspec),
		"debug-session":  p.noDebugSession,
		"ignore-failure": p.boolInto(&t.IgnoreFailure),
		"env":            p.taskEnvInto(&t.Env),
	}
	if graph {
		fields["depend-on"] = p.listInto(&t.DependsOn)
	}
	seen, err := p.mapping(n, key, fields)
	if err == nil && !seen["identifier"] {
		err = fail(n, key, "has no identifier")
	}
	return t, err
}

func (p *parser) identifierInto(to *string) field {
	return func(key string, n *yaml.Node) error {
		if err := p.textInto(to)(key, n); err != nil {
			return err
		}
		if !taskIdentifier.MatchString(*to) {
			return fail(n, key, "%q is not an identifier; use up to 128 letters, digits, dashes and underscores", *to)
		}
		return nil
	}
}

func (p *parser) noDebugSession(key string, n *yaml.Node) error {
	var wanted bool
	if err := p.boolInto(&wanted)(key, n); err != nil {
		return err
	}
	if wanted {
		return fail(n, key, "debug sessions are not supported by this server; leave it out")
	}
	return nil
}

func (p *parser) taskEnvInto(e *TaskEnv) field {
	return func(key string, n *yaml.Node) error {
		seen, err := p.mapping(n, key, map[string]field{
			"compute-type":    p.textInto(&e.ComputeType),
			"fleet":           p.textInto(&e.Fleet),
			"image":           p.textInto(&e.Image),
			"type":            p.textInto(&e.Type),
			"privileged-mode": p.boolPointerInto(&e.Privileged),
			"variables":       p.variablesInto(&e.Variables),
		})
		if err == nil && seen["fleet"] && seen["compute-type"] {
			err = fail(n, key+".fleet", "a build has a fleet or a compute-type, not both")
		}
		return err
	}
}

func (p *parser) boolPointerInto(to **bool) field {
	return func(key string, n *yaml.Node) error {
		*to = new(bool)
		return p.boolInto(*to)(key, n)
	}
}

func (p *parser) matrix(b *Batch, key string, n *yaml.Node) error {
	m := &Matrix{}
	b.Matrix = m
	_, err := p.mapping(n, key, map[string]field{
		"static": func(key string, n *yaml.Node) error {
			_, err := p.mapping(n, key, map[string]field{
				"ignore-failure": p.boolInto(&m.IgnoreFailure),
				"env": func(key string, n *yaml.Node) error {
					_, err := p.mapping(n, key, map[string]field{
						"type": p.textInto(&m.Type), "privileged-mode": p.boolPointerInto(&m.Privileged),
					})
					return err
				},
			})
			return err
		},
		"dynamic": func(key string, n *yaml.Node) error { return p.dynamic(m, key, n) },
	})
	if err == nil && m.size() == 0 {
		err = fail(n, key, "has a list without values in dynamic")
	}
	if err == nil && m.size() > MaxBatch {
		err = fail(n, key, "has %d combinations; a batch has at most %d builds", m.size(), MaxBatch)
	}
	return err
}

func (p *parser) dynamic(m *Matrix, key string, n *yaml.Node) error {
	_, err := p.mapping(n, key, map[string]field{
		"buildspec": p.listInto(&m.Buildspecs),
		"env": func(key string, n *yaml.Node) error {
			_, err := p.mapping(n, key, map[string]field{
				"compute-type": p.listInto(&m.ComputeTypes),
				"image":        p.listInto(&m.Images),
				"variables":    func(key string, n *yaml.Node) error { return p.choices(m, key, n) },
			})
			return err
		},
	})
	return err
}

func (p *parser) choices(m *Matrix, key string, n *yaml.Node) error {
	return p.each(n, key, func(name, key string, n *yaml.Node) error {
		c := Choice{Name: name}
		if !identifier.MatchString(name) {
			return fail(n, key, "%q is not a variable name", name)
		}
		err := p.listInto(&c.Values)(key, n)
		m.Variables = append(m.Variables, c)
		return err
	})
}

// size is how many combinations there are, or something beyond MaxBatch.
func (m *Matrix) size() int {
	n := 1
	for _, c := range m.axes() {
		if n *= len(c.Values); n > MaxBatch {
			return n
		}
	}
	return n
}

func (p *parser) fanout(b *Batch, key string, n *yaml.Node) error {
	f := &Fanout{}
	b.Fanout = f
	var count string
	_, err := p.mapping(n, key, map[string]field{
		"parallelism": p.textInto(&count), "ignore-failure": p.boolInto(&f.IgnoreFailure),
	})
	if err != nil {
		return err
	}
	if f.Parallelism, err = strconv.Atoi(count); err != nil || f.Parallelism < 1 || f.Parallelism > MaxBatch {
		return fail(n, key+".parallelism", "must be a number from 1 to %d, not %q", MaxBatch, count)
	}
	return nil
}
