package action

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Fail is a Failed with a formatted message: what happened, to what, and what to do about it.
func Fail(code, format string, args ...any) Failed {
	return Failed{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Flag reads a boolean configuration key; absent when the key is.
func (j Job) Flag(key string, absent bool) bool {
	switch j.Configuration[key] {
	case "true":
		return true
	case "false":
		return false
	default:
		return absent
	}
}

// KMSKeyID is the key that output artifacts are to be recorded with, "" for the default one.
func (j Job) KMSKeyID() string {
	if j.EncryptionKey == nil {
		return ""
	}
	return j.EncryptionKey.ID
}

// Overrides gives the values that this execution pins a source action's revision to, by revision type; one of a type
// that the provider does not know is an error for the user.
func (j Job) Overrides(known ...string) (map[string]string, error) {
	values := map[string]string{}
	for _, r := range j.Revision {
		if r.ActionName != "" && r.ActionName != j.Action {
			continue
		}
		if !slices.Contains(known, r.RevisionType) {
			return nil, fmt.Errorf("the source action %s takes revisions of the type %s, not %s", j.Action, strings.Join(known, " or "), r.RevisionType)
		}
		values[r.RevisionType] = r.RevisionValue
	}
	return values, nil
}

// Artifact finds an input artifact by name.
func (j Job) Artifact(name string) (pipeline.Artifact, bool) {
	i := slices.IndexFunc(j.Inputs, func(a pipeline.Artifact) bool { return a.Name == name })
	if i < 0 {
		return pipeline.Artifact{}, false
	}
	return j.Inputs[i], true
}

// Cut is at most n bytes of s, without a broken character at the end.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
