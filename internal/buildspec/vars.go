package buildspec

import (
	"fmt"
	"regexp"
	"strings"
)

// ReservedPrefix starts the names only the build service sets.
const ReservedPrefix = "CODEBUILD_"

// ExportProblem says why a build cannot hand the variable of that name on, or "".
func ExportProblem(name string) string {
	switch {
	case !identifier.MatchString(name):
		return fmt.Sprintf("%q is not a variable name", name)
	case strings.HasPrefix(name, "AWS_"):
		return fmt.Sprintf("%q cannot be exported: names that start with AWS_ are never handed on", name)
	}
	return ""
}

// Merge lays environments over one another: of two variables with the same name the one in the later layer wins
// (buildspec, then project, then StartBuild, then the service's own). The result is ordered by first appearance.
func Merge(layers ...[]Variable) []Variable {
	at := map[string]int{}
	var out []Variable
	for _, layer := range layers {
		for _, v := range layer {
			if i, ok := at[v.Name]; ok {
				out[i].Value = v.Value
				continue
			}
			at[v.Name] = len(out)
			out = append(out, v)
		}
	}
	return out
}

var reference = regexp.MustCompile(`\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))`)

// References lists the variables ($NAME and ${NAME}) that texts refer to, each once.
func References(texts ...string) []string {
	var names []string
	seen := map[string]bool{}
	for _, t := range texts {
		for _, m := range reference.FindAllStringSubmatch(t, -1) {
			if name := m[1] + m[2]; !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// Expand replaces $NAME and ${NAME}; a variable that is not set becomes nothing, as in a shell.
func Expand(text string, values map[string]string) string {
	if !strings.Contains(text, "$") {
		return text
	}
	return reference.ReplaceAllStringFunc(text, func(ref string) string {
		m := reference.FindStringSubmatch(ref)
		return values[m[1]+m[2]]
	})
}
