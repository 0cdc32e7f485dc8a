package buildspec

import (
	"fmt"
	"regexp"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// MaxSize is how long a buildspec may be, in bytes.
const MaxSize = 1 << 20

// maxScalars bounds what aliases can blow a small file up to.
const maxScalars = 100_000

const (
	maxReports      = 5
	maxFallbackKeys = 5
)

// Error refuses a buildspec. Line counts from 1; 0 means the whole file. Key is the path of the offending key, for
// example phases.build.commands[2].
type Error struct {
	Line    int
	Key     string
	Message string
}

func (e *Error) Error() string {
	switch {
	case e.Line == 0:
		return e.Message
	case e.Key == "":
		return fmt.Sprintf("line %d: %s", e.Line, e.Message)
	default:
		return fmt.Sprintf("line %d: %s: %s", e.Line, e.Key, e.Message)
	}
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Parse reads a buildspec. It is strict: an unknown key, a repeated key or a value of the wrong kind is an *Error that
// names line and key, because a typing mistake that is skipped silently costs its author an afternoon.
func Parse(data []byte) (*Spec, error) {
	if len(data) > MaxSize {
		return nil, &Error{Message: fmt.Sprintf("the buildspec is %d bytes long; at most %d are read", len(data), MaxSize)}
	}
	root, err := document(data)
	if err != nil {
		return nil, err
	}
	p := &parser{spec: &Spec{Phases: map[Phase]Commands{}}}
	if err := p.root(root); err != nil {
		return nil, err
	}
	return p.spec, nil
}

func document(data []byte) (root *yaml.Node, err error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, &Error{Message: "the buildspec is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, &Error{Message: "the buildspec is empty"}
	}
	return doc.Content[0], nil
}

type parser struct {
	spec    *Spec
	scalars int
}

// field reads one key of a mapping.
type field func(key string, n *yaml.Node) error

func (p *parser) root(n *yaml.Node) error {
	seen, err := p.mapping(n, "", map[string]field{
		"version":   p.version,
		"run-as":    p.textInto(&p.spec.RunAs),
		"env":       p.env,
		"proxy":     p.proxy,
		"batch":     p.batch,
		"phases":    p.phases,
		"reports":   p.reports,
		"artifacts": p.artifacts,
		"cache":     p.cache,
		// Version 0.1 spells the variables this way.
		"environment_variables": p.oldVariables,
	})
	if err != nil {
		return err
	}
	if !seen["version"] {
		return fail(n, "version", "is missing; write \"version: 0.2\"")
	}
	if !seen["phases"] && !seen["batch"] {
		return fail(n, "phases", "is missing; a buildspec has at least one phase with commands")
	}
	if seen["environment_variables"] && p.spec.Version != V01 {
		return fail(n, "environment_variables", "belongs to version 0.1; write env and variables instead")
	}
	return nil
}

func (p *parser) version(key string, n *yaml.Node) error {
	v, err := p.text(key, n)
	if err != nil {
		return err
	}
	if v != V01 && v != V02 {
		return fail(n, key, "%q is not a buildspec version; use 0.2", v)
	}
	p.spec.Version = v
	return nil
}

func (p *parser) env(key string, n *yaml.Node) error {
	e := &p.spec.Env
	_, err := p.mapping(n, key, map[string]field{
		"shell":                 p.textInto(&e.Shell),
		"variables":             p.variablesInto(&e.Variables),
		"parameter-store":       p.variablesInto(&e.ParameterStore),
		"secrets-manager":       p.variablesInto(&e.SecretsManager),
		"git-credential-helper": p.boolInto(&e.GitCredentialHelper),
		"exported-variables": func(key string, n *yaml.Node) error {
			if err := p.listInto(&e.ExportedVariables)(key, n); err != nil {
				return err
			}
			return exportable(key, n, e.ExportedVariables)
		},
	})
	if err != nil {
		return err
	}
	switch e.Shell {
	case "", "bash", "sh", "/bin/sh", "/bin/bash":
		return nil
	case "powershell.exe", "cmd.exe", "pwsh":
		return fail(n, key+".shell", "%q is a shell of Windows builds; use bash or /bin/sh", e.Shell)
	}
	return fail(n, key+".shell", "%q is not a known shell; use bash or /bin/sh", e.Shell)
}

func exportable(key string, n *yaml.Node, names []string) error {
	for i, name := range names {
		if problem := ExportProblem(name); problem != "" {
			return fail(n, fmt.Sprintf("%s[%d]", key, i), "%s", problem)
		}
	}
	return nil
}

func (p *parser) oldVariables(key string, n *yaml.Node) error {
	_, err := p.mapping(n, key, map[string]field{"plaintext": p.variablesInto(&p.spec.Env.Variables)})
	return err
}

func (p *parser) proxy(key string, n *yaml.Node) error {
	_, err := p.mapping(n, key, map[string]field{
		"upload-artifacts": p.boolInto(&p.spec.Proxy.UploadArtifacts),
		"logs":             p.boolInto(&p.spec.Proxy.Logs),
	})
	return err
}

func (p *parser) phases(key string, n *yaml.Node) error {
	fields := map[string]field{}
	for name, phase := range map[string]Phase{"install": Install, "pre_build": PreBuild, "build": Build, "post_build": PostBuild} {
		fields[name] = func(key string, n *yaml.Node) error { return p.phase(phase, key, n) }
	}
	seen, err := p.mapping(n, key, fields)
	if err == nil && len(seen) == 0 {
		return fail(n, key, "names no phase; write at least one of install, pre_build, build, post_build")
	}
	return err
}

func (p *parser) phase(phase Phase, key string, n *yaml.Node) error {
	var c Commands
	fields := map[string]field{
		"commands": p.listInto(&c.Commands),
		"finally":  p.listInto(&c.Finally),
		"run-as":   p.textInto(&c.RunAs),
		"on-failure": func(key string, n *yaml.Node) error {
			s, err := p.text(key, n)
			if err != nil {
				return err
			}
			if c.OnFailure, err = ParseOnFailure(s); err != nil {
				return fail(n, key, "%v", err)
			}
			return nil
		},
	}
	if phase == Install {
		fields["runtime-versions"] = p.variablesInto(&c.RuntimeVersions)
	}
	seen, err := p.mapping(n, key, fields)
	if err != nil {
		return err
	}
	if !seen["commands"] && phase != Install {
		return fail(n, key, "has no commands; every phase but install needs them")
	}
	p.spec.Phases[phase] = c
	return nil
}

func (p *parser) reports(key string, n *yaml.Node) error {
	return p.each(n, key, func(name, key string, n *yaml.Node) error {
		r := Report{Name: name, FileFormat: "JUNITXML"}
		seen, err := p.mapping(n, key, map[string]field{
			"files":          p.listInto(&r.Files),
			"base-directory": p.textInto(&r.BaseDirectory),
			"discard-paths":  p.boolInto(&r.DiscardPaths),
			"file-format":    p.textInto(&r.FileFormat),
		})
		if err != nil {
			return err
		}
		if !seen["files"] {
			return fail(n, key, "has no files")
		}
		r.FileFormat = strings.ToUpper(r.FileFormat)
		if !reportFormats[r.FileFormat] {
			return fail(n, key+".file-format", "%q is not a report format", r.FileFormat)
		}
		if p.spec.Reports = append(p.spec.Reports, r); len(p.spec.Reports) > maxReports {
			return fail(n, key, "is one too many: a buildspec has at most %d report groups", maxReports)
		}
		return nil
	})
}

var reportFormats = map[string]bool{
	"CUCUMBERJSON": true, "JUNITXML": true, "NUNITXML": true, "NUNIT3XML": true, "TESTNGXML": true, "VISUALSTUDIOTRX": true,
	"CLOVERXML": true, "COBERTURAXML": true, "JACOCOXML": true, "SIMPLECOV": true,
}

func (p *parser) artifacts(key string, n *yaml.Node) error {
	var a Artifacts
	fields := p.artifactFields(&a)
	fields["secondary-artifacts"] = func(key string, n *yaml.Node) error {
		return p.each(n, key, func(id, key string, n *yaml.Node) error {
			s := Artifacts{ID: id}
			seen, err := p.mapping(n, key, p.artifactFields(&s))
			if err != nil {
				return err
			}
			if !seen["files"] {
				return fail(n, key, "has no files")
			}
			a.Secondary = append(a.Secondary, s)
			return nil
		})
	}
	seen, err := p.mapping(n, key, fields)
	if err != nil {
		return err
	}
	if !seen["files"] && len(a.Secondary) == 0 {
		return fail(n, key, "has no files")
	}
	p.spec.Artifacts = &a
	return nil
}

func (p *parser) artifactFields(a *Artifacts) map[string]field {
	return map[string]field{
		"files":           p.listInto(&a.Files),
		"name":            p.textInto(&a.Name),
		"base-directory":  p.textInto(&a.BaseDirectory),
		"exclude-paths":   p.listInto(&a.ExcludePaths),
		"discard-paths":   p.boolInto(&a.DiscardPaths),
		"enable-symlinks": p.boolInto(&a.EnableSymlinks),
		"s3-prefix":       p.textInto(&a.S3Prefix),
	}
}

func (p *parser) cache(key string, n *yaml.Node) error {
	var c Cache
	seen, err := p.mapping(n, key, map[string]field{
		"paths":         p.listInto(&c.Paths),
		"key":           p.textInto(&c.Key),
		"fallback-keys": p.listInto(&c.FallbackKeys),
		"action":        p.textInto(&c.Action),
	})
	if err != nil {
		return err
	}
	if !seen["paths"] {
		return fail(n, key, "has no paths")
	}
	if len(c.FallbackKeys) > maxFallbackKeys {
		return fail(n, key+".fallback-keys", "lists %d keys; at most %d are allowed", len(c.FallbackKeys), maxFallbackKeys)
	}
	if c.Action != "" && c.Action != "restore" && c.Action != "save" {
		return fail(n, key+".action", "%q is neither restore nor save", c.Action)
	}
	p.spec.Cache = &c
	return nil
}
