package pipeline

import "strings"

// Namespaces every pipeline has; no action may take one of them.
const (
	NamespaceExecution = "codepipeline" // holds PipelineExecutionId
	NamespaceVariables = "variables"    // holds the pipeline-level variables
	VarExecutionID     = "PipelineExecutionId"
)

// Reference is one #{namespace.key} found in a text.
type Reference struct {
	Text      string // as written, with #{ and }
	Start     int    // byte offset of Text
	Namespace string // empty when the reference is malformed
	Key       string
}

// Malformed reports whether what stands between the braces is not "namespace.key".
func (r Reference) Malformed() bool { return r.Namespace == "" }

// References finds the variable references of a text, malformed ones included. A "#{" that is never closed is text.
func References(text string) []Reference {
	var found []Reference
	for at := 0; ; {
		open := strings.Index(text[at:], "#{")
		if open < 0 {
			return found
		}
		open += at
		length := strings.IndexByte(text[open:], '}')
		if length < 0 {
			return found
		}
		end := open + length + 1
		found = append(found, parseReference(text[open:end], open))
		at = end
	}
}

func parseReference(text string, start int) Reference {
	r := Reference{Text: text, Start: start}
	namespace, key, ok := strings.Cut(text[len("#{"):len(text)-1], ".")
	if ok && isVariableName(namespace) && isVariableName(key) {
		r.Namespace, r.Key = namespace, key
	}
	return r
}

// isVariableName tells whether s matches [A-Za-z0-9@\-_]+.
func isVariableName(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '@', c == '-', c == '_':
		default:
			return false
		}
	}
	return s != ""
}

// ConfigurationText is one text of an action in which references are resolved, and where it stands.
type ConfigurationText struct {
	Key  string // the configuration key, "commands" or the environment variable's name
	Text string
}

// ResolvableTexts lists the texts of an action that may hold references, in a stable order.
func (a *Action) ResolvableTexts() []ConfigurationText {
	var texts []ConfigurationText
	for _, k := range sortedKeys(a.Configuration) {
		texts = append(texts, ConfigurationText{Key: k, Text: a.Configuration[k]})
	}
	for _, c := range a.Commands {
		texts = append(texts, ConfigurationText{Key: "commands", Text: c})
	}
	for _, e := range a.EnvironmentVariables {
		texts = append(texts, ConfigurationText{Key: e.Name, Text: e.Value})
	}
	return texts
}
