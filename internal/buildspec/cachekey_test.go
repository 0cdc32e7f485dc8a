package buildspec

import (
	"errors"
	"strings"
	"testing"
)

func TestCacheKey(t *testing.T) {
	hash := func(patterns []string) (string, error) {
		if patterns[0] == "missing" {
			return "", errors.New("no such file")
		}
		return "<" + strings.Join(patterns, "|") + ">", nil
	}
	for _, tc := range []struct{ key, want, err string }{
		{"plain", "plain", ""},
		{"$OS-${ARCH}-$NONE", "linux-arm-", ""},
		{"npm-$(codebuild-hash-files package-lock.json)", "npm-<package-lock.json>", ""},
		{`a$(codebuild-hash-files "$OS/**/*.lock" 'go.sum' )b$(codebuild-hash-files x)`, "a<linux/**/*.lock|go.sum>b<x>", ""},
		{"$(date)", "$(date)", ""},
		{"$(codebuild-hash-files)", "", "write $(codebuild-hash-files PATTERN)"},
		{"$(codebuild-hash-files x", "", "write $(codebuild-hash-files PATTERN)"},
		{"$(codebuild-hash-filesx y)", "", "write $(codebuild-hash-files PATTERN)"},
		{"$(codebuild-hash-files missing)", "", "no such file"},
	} {
		got, err := CacheKey(tc.key, map[string]string{"OS": "linux", "ARCH": "arm"}, hash)
		if got != tc.want || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %q, %v; want %q, %q", tc.key, got, err, tc.want, tc.err)
		}
	}
}

func FuzzCacheKey(f *testing.F) {
	for _, key := range []string{"npm-$(codebuild-hash-files package-lock.json)", "$OS-${ARCH}", "$(codebuild-hash-files )", "$(codebuild-hash-files 'a b' \"$X\")x"} {
		f.Add(key, "value")
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		asked := 0
		got, err := CacheKey(key, map[string]string{"OS": value, "X": value}, func(patterns []string) (string, error) {
			if asked++; len(patterns) == 0 {
				t.Error("asked for the hash of no patterns")
			}
			return "HASH", nil
		})
		if err == nil && strings.Count(got, "HASH") < asked {
			t.Errorf("%q: %d hashes, and %q", key, asked, got)
		}
	})
}
