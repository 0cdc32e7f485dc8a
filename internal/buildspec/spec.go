// Package buildspec is the pure half of builds: it reads a buildspec, says which phase follows which, which value a
// variable has and which files an artifact holds. It does no I/O; package build asks it and acts.
package buildspec

import "strings"

// The two buildspec versions. In V01 every command runs in a shell of its own.
const (
	V01 = "0.1"
	V02 = "0.2"
)

// DefaultName is the file looked for in the root of the primary source when a project names none.
const DefaultName = "buildspec.yml"

// Spec is a buildspec, complete: every key AWS documents is here, also those a server does not act on yet.
type Spec struct {
	Version   string
	RunAs     string
	Env       Env
	Proxy     Proxy
	Batch     *Batch // nil when there is no such section
	Phases    map[Phase]Commands
	Reports   []Report // in file order
	Artifacts *Artifacts
	Cache     *Cache
}

// Env is the env section.
type Env struct {
	Shell               string // "", "bash", "/bin/sh", ...
	Variables           []Variable
	ParameterStore      []Variable
	SecretsManager      []Variable
	ExportedVariables   []string
	GitCredentialHelper bool
}

// Variable is a name and its text: a value, a parameter's name or a secret's reference.
type Variable struct{ Name, Value string }

// Proxy is the proxy section.
type Proxy struct{ UploadArtifacts, Logs bool }

// Commands is one phase of the phases section.
type Commands struct {
	RunAs           string
	OnFailure       OnFailure
	RuntimeVersions []Variable
	Commands        []string
	Finally         []string
}

// Report is one test report group.
type Report struct {
	Name          string
	Files         []string
	BaseDirectory string
	DiscardPaths  bool
	FileFormat    string
}

// Artifacts says which files a build hands on.
type Artifacts struct {
	ID             string // of a secondary artifact
	Name           string
	Files          []string
	BaseDirectory  string
	ExcludePaths   []string
	DiscardPaths   bool
	EnableSymlinks bool
	S3Prefix       string
	Secondary      []Artifacts // in file order; empty in a secondary artifact
}

// Find returns the secondary artifact with that identifier.
func (a *Artifacts) Find(id string) (Artifacts, bool) {
	if a != nil {
		for _, s := range a.Secondary {
			if s.ID == id {
				return s, true
			}
		}
	}
	return Artifacts{}, false
}

// Cache is the cache section.
type Cache struct {
	Paths        []string
	Key          string
	FallbackKeys []string
	Action       string
}

// Kind tells where a project's buildspec setting points.
type Kind int

// The kinds of a buildspec setting.
const (
	File   Kind = iota // a path in the primary source
	Inline             // the document itself
	S3                 // arn:aws:s3:::bucket/key
)

// Locate classifies a project's buildspec setting; an empty one is the default file.
func Locate(setting string) (kind Kind, value string) {
	trimmed := strings.TrimSpace(setting)
	switch {
	case trimmed == "":
		return File, DefaultName
	case strings.ContainsAny(trimmed, "\n{") || strings.Contains(trimmed, ": "):
		return Inline, setting
	case strings.HasPrefix(trimmed, "arn:"):
		return S3, trimmed
	default:
		return File, trimmed
	}
}
