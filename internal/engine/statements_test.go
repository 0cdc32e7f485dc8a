package engine

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var statementPattern = regexp.MustCompile(`\b[EP]\d+\.\d+\b`)

// TestStatements compares the table of testdata/statements.md with the comments of the scripts: each names what the other
// does, and every section about executions has statements.
func TestStatements(t *testing.T) {
	table, err := os.ReadFile("testdata/statements.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string // "E3.1 superseding"
	for _, line := range strings.Split(string(table), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || !statementPattern.MatchString(cells[1]) {
			continue
		}
		for _, script := range strings.Split(cells[3], ",") {
			listed = append(listed, strings.TrimSpace(cells[1])+" "+strings.TrimSpace(script))
		}
	}
	var named []string
	for _, file := range scriptFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(line, "#") {
				for _, id := range statementPattern.FindAllString(line, -1) {
					named = append(named, id+" "+strings.TrimSuffix(filepath.Base(file), ".txt"))
				}
			}
		}
	}
	slices.Sort(named)
	for _, n := range slices.Compact(named) {
		if !slices.Contains(listed, n) {
			t.Errorf("a script names %s; the table does not", n)
		}
	}
	for _, l := range listed {
		if !slices.Contains(named, l) {
			t.Errorf("the table names %s; no comment of that script does", l)
		}
	}
	for _, section := range []string{"E2", "E3", "E4", "E5", "E6", "E7", "E8", "E9", "P5"} {
		if !slices.ContainsFunc(named, func(n string) bool { return strings.HasPrefix(n, section+".") }) {
			t.Errorf("no script names a statement of section %s", section)
		}
	}
}

func scriptFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	return files
}
