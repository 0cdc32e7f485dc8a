package buildspec

import (
	"fmt"
	"strings"
)

// hashFiles begins the one command that keys of caches may hold: $(codebuild-hash-files PATTERN...).
const hashFiles = "$(codebuild-hash-files"

// CacheKey replaces every $(codebuild-hash-files PATTERN...) of a key by what hash makes of its patterns, and every $NAME and
// ${NAME} by its value. Patterns may stand in quotes. Nothing else is a command.
func CacheKey(key string, values map[string]string, hash func(patterns []string) (string, error)) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(key, hashFiles)
		out.WriteString(Expand(before, values))
		if !found {
			return out.String(), nil
		}
		inside, after, closed := strings.Cut(rest, ")")
		patterns := strings.Fields(Expand(inside, values))
		if !closed || len(patterns) == 0 || inside[0] != ' ' && inside[0] != '\t' {
			return "", fmt.Errorf("%q: write $(codebuild-hash-files PATTERN)", hashFiles+rest)
		}
		for i, p := range patterns {
			patterns[i] = strings.Trim(p, `"'`)
		}
		sum, err := hash(patterns)
		if err != nil {
			return "", err
		}
		out.WriteString(sum)
		key = after
	}
}
