package report_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/conveyor-cd/conveyor/internal/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

// samples are files as tools write them, and the format each is in.
var samples = map[string]report.Format{
	"junit.xml": report.JUnit, "cucumber.json": report.Cucumber, "nunit.xml": report.NUnit, "nunit3.xml": report.NUnit3,
	"testng.xml": report.TestNG, "trx.xml": report.TRX, "clover.xml": report.Clover, "cobertura.xml": report.Cobertura,
	"jacoco.xml": report.JaCoCo, "simplecov.json": report.SimpleCov, "simplecov_formatter.json": report.SimpleCov,
}

func TestEveryFormatReadsAsItsGoldenFile(t *testing.T) {
	for name, format := range samples {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			got := render(t, format, text)
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// render is what a file says, as text.
func render(t *testing.T, format report.Format, text []byte) string {
	t.Helper()
	var out strings.Builder
	if format.IsCoverage() {
		var c report.Coverage
		if err := report.ReadCoverage(format, bytes.NewReader(text), c.Add); err != nil {
			t.Fatal(err)
		}
		for _, f := range c.Files() {
			fmt.Fprintf(&out, "%s: lines %d/%d, branches %d/%d\n", f.Path, f.LinesCovered, f.LinesMissed, f.BranchesCovered, f.BranchesMissed)
		}
		fmt.Fprintf(&out, "lines %.1f%%, branches %.1f%%\n", c.Lines.Percentage(), c.Branches.Percentage())
		return out.String()
	}
	var tests report.Tests
	if err := report.ReadTests(format, bytes.NewReader(text), tests.Add); err != nil {
		t.Fatal(err)
	}
	for _, c := range tests.Cases() {
		fmt.Fprintf(&out, "%s: %s | %s | %s | %s | %q\n", c.Status, c.Suite, c.Prefix, c.Name, c.Duration, c.Message)
	}
	fmt.Fprintf(&out, "%d cases in %s\n", tests.Total, tests.Duration)
	return out.String()
}

func TestHostileFilesAreRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		format report.Format
		text   string
		want   error
	}{
		{"an entity bomb", report.JUnit, `<!DOCTYPE t [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>`, report.ErrFormat},
		{"a file from elsewhere", report.JUnit, `<!DOCTYPE t [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite><testcase name="x"><failure>&a;</failure></testcase></testsuite>`, report.ErrFormat},
		{"depth", report.JUnit, strings.Repeat("<testsuite>", 1000), report.ErrFormat},
		{"a text in its middle", report.JUnit, `<testsuite><testcase name="x">`, report.ErrFormat},
		{"nothing", report.JUnit, ``, report.ErrFormat},
		{"another format", report.JUnit, `<html/>`, report.ErrFormat},
		{"two documents", report.JUnit, `<testsuite/><testsuite/>`, report.ErrFormat},
		{"crossed tags", report.JUnit, `<testsuite><testcase></testsuite></testcase>`, report.ErrFormat},
		{"an unknown encoding", report.JUnit, `<?xml version="1.0" encoding="klingon"?><testsuite/>`, report.ErrFormat},
		{"no list", report.Cucumber, `{}`, report.ErrFormat},
		{"half a list", report.Cucumber, `[{"name": "x"}`, report.ErrFormat},
		{"deep JSON", report.Cucumber, strings.Repeat("[", 100_000), report.ErrFormat},
		{"no coverage", report.SimpleCov, `{"meta": 1}`, report.ErrFormat},
		{"coverage of another format", report.SimpleCov, `{"RSpec": {"coverage": {"a.rb": "all of it"}}}`, report.ErrFormat},
	} {
		t.Run(test.name, func(t *testing.T) {
			var err error
			if test.format.IsCoverage() {
				err = report.ReadCoverage(test.format, strings.NewReader(test.text), func(report.File) {})
			} else {
				err = report.ReadTests(test.format, strings.NewReader(test.text), func(report.Case) {})
			}
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestUTF16IsRead(t *testing.T) {
	text := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(`<?xml version="1.0" encoding="utf-16"?><testsuite><testcase name="größer"/></testsuite>`)) {
		text = append(text, byte(u), byte(u>>8))
	}
	if got := render(t, report.JUnit, text); !strings.Contains(got, "größer") {
		t.Errorf("got %s", got)
	}
}

func TestOfTooManyCasesThoseThatFailedAreKept(t *testing.T) {
	var tests report.Tests
	for i := range 3 * report.MaxCases {
		c := report.Case{Name: fmt.Sprint(i), Status: report.Succeeded, Duration: time.Second}
		if i%100 == 99 {
			c.Status = report.Failed
		}
		tests.Add(c)
	}
	cases := tests.Cases()
	if len(cases) != report.MaxCases || !tests.Truncated() || tests.Total != 3*report.MaxCases {
		t.Fatalf("%d of %d kept, truncated %v", len(cases), tests.Total, tests.Truncated())
	}
	failed := 0
	for _, c := range cases {
		if c.Status == report.Failed {
			failed++
		}
	}
	if failed != 15 || cases[0].Name != "0" || cases[99].Name != "99" {
		t.Errorf("%d failed cases were kept, the first is %s, the 100th %s", failed, cases[0].Name, cases[99].Name)
	}
}

func FuzzTests(f *testing.F) {
	seed(f, false)
	f.Fuzz(func(t *testing.T, format string, text []byte) {
		var tests report.Tests
		_ = report.ReadTests(report.Format(format), bytes.NewReader(text), func(c report.Case) {
			for _, s := range []string{c.Suite, c.Prefix, c.Name, c.Message} {
				if len(s) > 4<<10+100 || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
					t.Fatalf("a text of %d bytes: %.100q", len(s), s)
				}
			}
			if c.Duration < 0 || c.Status == "" {
				t.Fatalf("%+v", c)
			}
			tests.Add(c)
		})
		if n := len(tests.Cases()); n > report.MaxCases || n > tests.Total || tests.Duration < 0 {
			t.Fatalf("%d cases of %d in %s", n, tests.Total, tests.Duration)
		}
	})
}

func FuzzCoverage(f *testing.F) {
	seed(f, true)
	f.Fuzz(func(t *testing.T, format string, text []byte) {
		var c report.Coverage
		_ = report.ReadCoverage(report.Format(format), bytes.NewReader(text), func(f report.File) {
			if min(f.LinesCovered, f.LinesMissed, f.BranchesCovered, f.BranchesMissed) < 0 {
				t.Fatalf("%+v", f)
			}
			c.Add(f)
		})
		if p := c.Lines.Percentage(); !(p >= 0 && p <= 100) || len(c.Files()) > report.MaxFiles {
			t.Fatalf("%v%%, %d files", p, len(c.Files()))
		}
	})
}

// seed gives the fuzzer the samples, each as itself.
func seed(f *testing.F, coverage bool) {
	for name, format := range samples {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		if format.IsCoverage() == coverage {
			f.Add(string(format), text)
		}
	}
}
