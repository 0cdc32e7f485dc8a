// Command gen writes the facts that requests are checked against: for every operation of the services Conveyor serves,
// which members are required and how long, large and shaped they may be. It reads the service models installed with the
// aws CLI (botocore) and keeps nothing but those facts. Run it with `go generate ./internal/awsapi` after adding a
// service; the result is committed, so that building needs no botocore.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

// services maps the name of a service in ARNs to the operations to keep; nil keeps all. CodeCommit is missing on
// purpose: it has an exception of its own for nearly every member, and its methods give them.
var services = map[string]func(op string) bool{
	"codepipeline":         nil,
	"codebuild":            nil,
	"logs":                 nil,
	"codeconnections":      connections,
	"codestar-connections": connections,
	"cloudwatch": func(op string) bool {
		return strings.Contains(op, "Alarm") && !strings.Contains(op, "Mute") || strings.Contains(op, "Tag")
	},
	"events": func(op string) bool {
		for _, other := range []string{"Archive", "Replay", "Endpoint", "Partner", "Permission", "EventSource", "Deauthorize"} {
			if strings.Contains(op, other) {
				return false
			}
		}
		return true
	},
	"iam": func(op string) bool {
		if op == "ListServiceSpecificCredentials" {
			return true
		}
		for _, noun := range []string{"User", "Role", "AccessKey", "InstanceProfilesForRole", "Policy", "Policies", "Group", "AccountSummary", "SSHPublicKeys", "MFADevices", "SigningCertificates", "DeleteLoginProfile"} {
			if strings.Contains(op, noun) && !strings.Contains(op, "Service") && !strings.Contains(op, "SAML") {
				return true
			}
		}
		return false
	},
	"sns": func(op string) bool {
		return !strings.Contains(op, "SMS") && !strings.Contains(op, "Platform") && !strings.Contains(op, "Phone")
	},
	"sts":            nil,
	"secretsmanager": nil,
	"ssm": func(op string) bool {
		return strings.Contains(op, "Parameter") || strings.HasSuffix(op, "Resource") && strings.Contains(op, "Tags")
	},
	"lambda": func(op string) bool {
		for _, noun := range []string{"Function", "Permission", "Policy", "Invoke", "Tag"} {
			if strings.Contains(op, noun) && !strings.Contains(op, "Durable") && !strings.Contains(op, "Capacity") {
				return true
			}
		}
		return false
	},
}

// connections leaves out what keeps CloudFormation in step with repositories.
func connections(op string) bool {
	return !strings.Contains(op, "Sync") && !strings.Contains(op, "RepositoryLink")
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := dataDir()
	if err != nil {
		return err
	}
	for name, keep := range services {
		m, err := load(dir, name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join("facts", name+".json"), distil(m, keep), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func dataDir() (string, error) {
	if dir := os.Getenv("BOTOCORE_DATA"); dir != "" {
		return dir, nil
	}
	out, err := exec.Command("python3", "-c", "import botocore,os;print(os.path.join(os.path.dirname(botocore.__file__),'data'))").Output()
	if err != nil {
		return "", fmt.Errorf("botocore is not installed for python3 (set BOTOCORE_DATA to its data directory): %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// model is the part of a botocore service model that matters here.
type model struct {
	Operations map[string]struct {
		Input *ref `json:"input"`
	} `json:"operations"`
	Shapes map[string]*shape `json:"shapes"`
}

type ref struct {
	Shape string `json:"shape"`
}

type shape struct {
	Type      string       `json:"type"`
	Required  []string     `json:"required"`
	Members   orderedRefs  `json:"members"`
	Member    *ref         `json:"member"`
	Key       *ref         `json:"key"`
	Value     *ref         `json:"value"`
	Min       *json.Number `json:"min"`
	Max       *json.Number `json:"max"`
	Pattern   string       `json:"pattern"`
	Enum      []string     `json:"enum"`
	Sensitive bool         `json:"sensitive"`
}

// orderedRefs keeps a structure's members in the order of the model: violations are reported in that order.
type orderedRefs []namedRef

type namedRef struct{ name, shape string }

func (o *orderedRefs) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var r ref
		if err := d.Decode(&r); err != nil {
			return err
		}
		*o = append(*o, namedRef{name.(string), r.Shape})
	}
	return nil
}

func load(dir, service string) (*model, error) {
	versions, err := filepath.Glob(filepath.Join(dir, service, "*", "service-2.json*"))
	if err != nil {
		return nil, err
	}
	if len(versions) == 0 {
		return nil, fmt.Errorf("no model of %s in %s", service, dir)
	}
	sort.Strings(versions)
	path := versions[len(versions)-1]
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			return nil, err
		}
	}
	var m model
	if err := json.NewDecoder(in).Decode(&m); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is not a service model", path), err)
	}
	return &m, nil
}

// distiller keeps the shapes that say something, one line each.
type distiller struct {
	m     *model
	facts map[string]bool // memo of says
	lines map[string]string
}

func distil(m *model, keep func(string) bool) []byte {
	d := &distiller{m: m, facts: map[string]bool{}, lines: map[string]string{}}
	var ops []string
	for name, op := range m.Operations {
		if op.Input == nil || (keep != nil && !keep(name)) || !d.says(op.Input.Shape) {
			continue
		}
		ops = append(ops, fmt.Sprintf("%s:%s", quote(name), quote(op.Input.Shape)))
		d.write(op.Input.Shape)
	}
	sort.Strings(ops)
	var shapes []string
	for name, line := range d.lines {
		shapes = append(shapes, quote(name)+":"+line)
	}
	sort.Strings(shapes)
	return []byte("{\"operations\":{\n" + strings.Join(ops, ",\n") + "},\n\"shapes\":{\n" + strings.Join(shapes, ",\n") + "}}\n")
}

// says reports whether anything can be violated in a shape or below it.
func (d *distiller) says(name string) bool {
	if known, ok := d.facts[name]; ok {
		return known
	}
	d.facts[name] = false // a shape inside itself adds nothing
	s := d.m.Shapes[name]
	found := len(s.Required) > 0 || s.Min != nil || s.Max != nil || s.Pattern != "" || len(s.Enum) > 0
	for _, r := range []*ref{s.Member, s.Key, s.Value} {
		found = found || (r != nil && d.says(r.Shape))
	}
	for _, r := range s.Members {
		found = d.says(r.shape) || found
	}
	d.facts[name] = found
	return found
}

func (d *distiller) write(name string) {
	if _, done := d.lines[name]; done {
		return
	}
	d.lines[name] = ""
	s := d.m.Shapes[name]
	out := []string{`"t":` + quote(s.Type)}
	add := func(key, value string) { out = append(out, quote(key)+":"+value) }
	if len(s.Required) > 0 {
		add("req", quoteAll(s.Required))
	}
	for key, n := range map[string]*json.Number{"min": s.Min, "max": s.Max} {
		if n != nil {
			add(key, n.String())
		}
	}
	if s.Pattern != "" {
		add("re", quote(s.Pattern))
	}
	if len(s.Enum) > 0 {
		add("enum", quoteAll(s.Enum))
	}
	if s.Sensitive {
		add("secret", "true")
	}
	for key, r := range map[string]*ref{"item": s.Member, "key": s.Key, "value": s.Value} {
		if r != nil && d.says(r.Shape) {
			add(key, quote(r.Shape))
			d.write(r.Shape)
		}
	}
	sort.Strings(out[1:])
	var members []string
	for _, r := range s.Members {
		if d.says(r.shape) || contains(s.Required, r.name) {
			members = append(members, "["+quote(r.name)+","+quote(r.shape)+"]")
			d.write(r.shape)
		}
	}
	if len(members) > 0 {
		add("of", "["+strings.Join(members, ",")+"]")
	}
	d.lines[name] = "{" + strings.Join(out, ",") + "}"
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always has a JSON form
	return strings.TrimSpace(b.String())
}

func quoteAll(list []string) string {
	q := make([]string, len(list))
	for i, s := range list {
		q[i] = quote(s)
	}
	return "[" + strings.Join(q, ",") + "]"
}
