// Package report reads what test runners and coverage tools write: it is pure, streams, and trusts nothing. Whatever a file
// holds, reading it takes memory in proportion to MaxSize at most, and time in proportion to the file.
package report

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Format is the format of a report's files, in the buildspec's spelling.
type Format string

// The formats.
const (
	JUnit     Format = "JUNITXML"
	Cucumber  Format = "CUCUMBERJSON"
	NUnit     Format = "NUNITXML"
	NUnit3    Format = "NUNIT3XML"
	TestNG    Format = "TESTNGXML"
	TRX       Format = "VISUALSTUDIOTRX"
	Clover    Format = "CLOVERXML"
	Cobertura Format = "COBERTURAXML"
	JaCoCo    Format = "JACOCOXML"
	SimpleCov Format = "SIMPLECOV"
)

// IsCoverage tells a format of code coverage from one of tests.
func (f Format) IsCoverage() bool {
	switch f {
	case Clover, Cobertura, JaCoCo, SimpleCov:
		return true
	}
	return false
}

// Status is what became of a test case.
type Status string

// The statuses.
const (
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	Errored   Status = "ERROR"
	Skipped   Status = "SKIPPED"
	Unknown   Status = "UNKNOWN"
)

// Case is one test case.
type Case struct {
	Suite    string
	Prefix   string // what related cases have in common: a class, a feature
	Name     string
	Status   Status
	Duration time.Duration
	Message  string // why it failed, or was skipped
	File     string // where it was read; for the caller to set
}

// File is the coverage of one source file.
type File struct {
	Path                            string
	LinesCovered, LinesMissed       int
	BranchesCovered, BranchesMissed int
}

// Bounds of what is read and of what is kept of it.
const (
	MaxSize    = 64 << 20 // of a file, in bytes
	maxDepth   = 100      // of elements within one another
	maxName    = 1 << 10  // of a case, its prefix and its suite, and of a path
	maxMessage = 4 << 10
)

// ErrSize reports a file that is longer than MaxSize.
var ErrSize = fmt.Errorf("the file has more than %d MiB", MaxSize>>20)

// ErrFormat reports a file that is not in the format it is read as.
var ErrFormat = errors.New("not a report of this format")

// ReadTests reads the test cases of one file in a format that is about tests, in their order. Those before an error have
// been passed on.
func ReadTests(f Format, r io.Reader, each func(Case)) error {
	kept := func(c Case) {
		c.Suite, c.Prefix, c.Name = clip(c.Suite, maxName), clip(c.Prefix, maxName), clip(c.Name, maxName)
		c.Message = clip(strings.TrimSpace(c.Message), maxMessage)
		each(c)
	}
	r = bounded(r)
	switch f {
	case JUnit:
		return readXML(r, &junit{each: kept})
	case Cucumber:
		return readCucumber(r, kept)
	case NUnit, NUnit3:
		return readXML(r, &nunit{each: kept})
	case TestNG:
		return readXML(r, &testng{each: kept})
	case TRX:
		return readXML(r, &trx{each: kept})
	}
	return fmt.Errorf("%w: %s is no format of test reports", ErrFormat, f)
}

// ReadCoverage reads the source files of one file in a format that is about coverage. A source file may come several times,
// a part each time.
func ReadCoverage(f Format, r io.Reader, each func(File)) error {
	kept := func(f File) {
		f.Path = clip(f.Path, maxName)
		each(f)
	}
	r = bounded(r)
	switch f {
	case Clover:
		return readXML(r, &clover{each: kept})
	case Cobertura:
		return readXML(r, &cobertura{each: kept})
	case JaCoCo:
		return readXML(r, &jacoco{each: kept})
	case SimpleCov:
		return readSimpleCov(r, kept)
	}
	return fmt.Errorf("%w: %s is no format of coverage reports", ErrFormat, f)
}

// bounded is r, which fails with ErrSize where it gets too long.
func bounded(r io.Reader) io.Reader { return &bound{r: r, left: MaxSize} }

type bound struct {
	r    io.Reader
	left int
}

func (b *bound) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, ErrSize
	}
	n, err := b.r.Read(p[:min(len(p), b.left+1)])
	b.left -= n
	if b.left < 0 {
		return n, ErrSize
	}
	return n, err
}

// clip is the beginning of a text, of at most so many bytes, as valid UTF-8.
func clip(s string, most int) string {
	if len(s) > most {
		for most > 0 && !utf8.RuneStart(s[most]) {
			most--
		}
		s = s[:most]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
