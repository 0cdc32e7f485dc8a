package report

import (
	"strconv"
	"strings"
	"time"
)

// junit reads JUnit's XML: testsuites, testsuite, testcase with failure, error or skipped in it.
type junit struct {
	each   func(Case)
	suites []string
	at     *Case
}

func (h *junit) root(name string) bool { return name == "testsuites" || name == "testsuite" }

func (h *junit) start(e element) {
	switch e.name {
	case "testsuite":
		h.suites = append(h.suites, e.attr("name"))
	case "testcase":
		h.at = &Case{Prefix: e.attr("classname"), Name: e.attr("name"), Status: Succeeded, Duration: seconds(e.attr("time"))}
		if len(h.suites) > 0 {
			h.at.Suite = h.suites[len(h.suites)-1]
		}
	case "failure", "error", "skipped":
		if h.at == nil || h.at.Status == Failed || h.at.Status == Errored {
			return
		}
		h.at.Status = map[string]Status{"failure": Failed, "error": Errored, "skipped": Skipped}[e.name]
		if h.at.Message = e.attr("message"); h.at.Message == "" {
			e.keep()
		}
	}
}

func (h *junit) end(name, text string) {
	switch name {
	case "testsuite":
		h.suites = h.suites[:len(h.suites)-1]
	case "testcase":
		if h.at != nil {
			h.each(*h.at)
		}
		h.at = nil
	case "failure", "error", "skipped":
		if h.at != nil && h.at.Message == "" {
			h.at.Message = text
		}
	}
}

// nunit reads the XML of NUnit 2 (test-results) and of NUnit 3 (test-run).
type nunit struct {
	each   func(Case)
	suites []string
	at     *Case
}

func (h *nunit) root(name string) bool {
	return name == "test-results" || name == "test-run" || name == "test-suite"
}

func (h *nunit) start(e element) {
	switch e.name {
	case "test-suite":
		h.suites = append(h.suites, e.attr("name"))
	case "test-case":
		h.at = &Case{Prefix: e.attr("classname"), Name: e.attr("name"), Status: nunitStatus(e), Duration: seconds(e.attr("time") + e.attr("duration"))}
		if h.at.Prefix == "" {
			h.at.Prefix, h.at.Name = splitName(h.at.Name)
		}
		if len(h.suites) > 0 {
			h.at.Suite = h.suites[len(h.suites)-1]
		}
	case "message":
		if h.at != nil && (e.parent == "failure" || e.parent == "reason") {
			e.keep()
		}
	}
}

func (h *nunit) end(name, text string) {
	switch name {
	case "test-suite":
		h.suites = h.suites[:len(h.suites)-1]
	case "test-case":
		if h.at != nil {
			h.each(*h.at)
		}
		h.at = nil
	case "message":
		if h.at != nil && h.at.Message == "" {
			h.at.Message = text
		}
	}
}

func nunitStatus(e element) Status {
	switch e.attr("result") {
	case "Passed", "Success":
		return Succeeded
	case "Failed", "Failure":
		if e.attr("label") == "Error" {
			return Errored
		}
		return Failed
	case "Error", "NotRunnable":
		return Errored
	case "Skipped", "Ignored":
		return Skipped
	case "":
		if e.attr("executed") == "False" {
			return Skipped
		}
	}
	return Unknown
}

// splitName divides a full name at the last dot before its arguments.
func splitName(full string) (prefix, name string) {
	head := full
	if i := strings.IndexByte(full, '('); i >= 0 {
		head = full[:i]
	}
	if i := strings.LastIndexByte(head, '.'); i > 0 {
		return full[:i], full[i+1:]
	}
	return "", full
}

// testng reads testng-results: suite, test, class and test-method.
type testng struct {
	each  func(Case)
	suite string
	class string
	at    *Case
}

func (h *testng) root(name string) bool { return name == "testng-results" }

func (h *testng) start(e element) {
	switch e.name {
	case "suite":
		h.suite = e.attr("name")
	case "class":
		h.class = e.attr("name")
	case "test-method":
		if e.attr("is-config") == "true" {
			return
		}
		status, ok := map[string]Status{"PASS": Succeeded, "FAIL": Failed, "SKIP": Skipped}[e.attr("status")]
		if !ok {
			status = Unknown
		}
		h.at = &Case{
			Suite: h.suite, Prefix: h.class, Name: e.attr("name"), Status: status,
			Duration: duration(e.attr("duration-ms"), time.Millisecond),
		}
	case "message":
		if h.at != nil && e.parent == "exception" {
			e.keep()
		}
	}
}

func (h *testng) end(name, text string) {
	switch name {
	case "test-method":
		if h.at != nil {
			h.each(*h.at)
		}
		h.at = nil
	case "message":
		if h.at != nil && h.at.Message == "" {
			h.at.Message = text
		}
	}
}

// trx reads the results of Visual Studio's tests. Classes are named behind the results, so that cases wait for the end.
type trx struct {
	each    func(Case)
	cases   []Case
	ids     []string
	classes map[string]string
	test    string
	inside  bool // a result
}

func (h *trx) root(name string) bool { return name == "TestRun" }

func (h *trx) start(e element) {
	switch e.name {
	case "UnitTestResult":
		h.inside = true
		h.ids = append(h.ids, e.attr("testId"))
		h.cases = append(h.cases, Case{
			Name: e.attr("testName"), Status: trxStatus(e.attr("outcome")), Duration: clock(e.attr("duration")),
		})
	case "UnitTest":
		h.test = e.attr("id")
	case "TestMethod":
		if h.classes == nil {
			h.classes = map[string]string{}
		}
		class, _, _ := strings.Cut(e.attr("className"), ",") // the name of its assembly may follow
		h.classes[h.test] = class
	case "Message":
		if h.inside && e.parent == "ErrorInfo" {
			e.keep()
		}
	}
}

func (h *trx) end(name, text string) {
	switch name {
	case "UnitTestResult":
		h.inside = false
	case "Message":
		if h.inside && text != "" {
			h.cases[len(h.cases)-1].Message = clip(text, maxMessage)
		}
	case "TestRun":
		for i, c := range h.cases {
			if c.Prefix = h.classes[h.ids[i]]; c.Prefix == "" {
				c.Prefix, c.Name = splitName(c.Name)
			}
			c.Name = strings.TrimPrefix(c.Name, c.Prefix+".")
			h.each(c)
		}
	}
}

func trxStatus(outcome string) Status {
	switch outcome {
	case "Passed", "PassedButRunAborted", "Warning", "Completed":
		return Succeeded
	case "Failed", "Timeout", "Aborted":
		return Failed
	case "Error":
		return Errored
	case "NotExecuted", "NotRunnable", "Disconnected":
		return Skipped
	}
	return Unknown
}

// clock reads a duration like 00:01:02.5.
func clock(text string) time.Duration {
	total := 0.0
	for part := range strings.SplitSeq(text, ":") {
		n, err := strconv.ParseFloat(part, 64)
		if err != nil || !(n >= 0) {
			return 0
		}
		total = total*60 + n
	}
	return bounds(total * float64(time.Second))
}
