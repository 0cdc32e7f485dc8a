package report

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// clover reads Clover's XML: files with their metrics.
type clover struct {
	each func(File)
	file *File
}

func (h *clover) root(name string) bool { return name == "coverage" }

func (h *clover) start(e element) {
	switch {
	case e.name == "file":
		h.file = &File{Path: e.attr("path")}
		if h.file.Path == "" {
			h.file.Path = e.attr("name")
		}
	case e.name == "metrics" && e.parent == "file" && h.file != nil:
		h.file.LinesCovered, h.file.LinesMissed = parts(e.number("coveredstatements"), e.number("statements"))
		h.file.BranchesCovered, h.file.BranchesMissed = parts(e.number("coveredconditionals"), e.number("conditionals"))
	}
}

func (h *clover) end(name, _ string) {
	if name == "file" && h.file != nil {
		h.each(*h.file)
		h.file = nil
	}
}

// parts are what is covered of all, and what is not.
func parts(covered, all int) (hit, rest int) {
	hit = min(covered, all)
	return hit, all - hit
}

// cobertura reads Cobertura's XML: the lines of classes. Those of methods are the same lines once more.
type cobertura struct {
	each     func(File)
	file     *File
	inMethod bool
}

func (h *cobertura) root(name string) bool { return name == "coverage" }

func (h *cobertura) start(e element) {
	switch e.name {
	case "class":
		h.file = &File{Path: e.attr("filename")}
		if h.file.Path == "" {
			h.file.Path = e.attr("name")
		}
	case "methods":
		h.inMethod = true
	case "line":
		if h.file == nil || h.inMethod {
			return
		}
		if e.number("hits") > 0 {
			h.file.LinesCovered++
		} else {
			h.file.LinesMissed++
		}
		if of := conditions.FindStringSubmatch(e.attr("condition-coverage")); of != nil {
			hit, _ := strconv.Atoi(of[1]) // a few digits
			all, _ := strconv.Atoi(of[2])
			hit, rest := parts(hit, all)
			h.file.BranchesCovered += hit
			h.file.BranchesMissed += rest
		}
	}
}

// conditions is the end of "50% (1/2)".
var conditions = regexp.MustCompile(`\((\d{1,6})/(\d{1,6})\)`)

func (h *cobertura) end(name, _ string) {
	switch name {
	case "methods":
		h.inMethod = false
	case "class":
		if h.file != nil {
			h.each(*h.file)
		}
		h.file = nil
	}
}

// jacoco reads JaCoCo's XML: the counters of source files.
type jacoco struct {
	each func(File)
	pkg  string
	file *File
}

func (h *jacoco) root(name string) bool { return name == "report" }

func (h *jacoco) start(e element) {
	switch {
	case e.name == "package":
		h.pkg = e.attr("name")
	case e.name == "sourcefile":
		h.file = &File{Path: e.attr("name")}
		if h.pkg != "" {
			h.file.Path = h.pkg + "/" + h.file.Path
		}
	case e.name == "counter" && e.parent == "sourcefile" && h.file != nil:
		switch e.attr("type") {
		case "LINE":
			h.file.LinesCovered, h.file.LinesMissed = e.number("covered"), e.number("missed")
		case "BRANCH":
			h.file.BranchesCovered, h.file.BranchesMissed = e.number("covered"), e.number("missed")
		}
	}
}

func (h *jacoco) end(name, _ string) {
	if name == "sourcefile" && h.file != nil {
		h.each(*h.file)
		h.file = nil
	}
}

// readSimpleCov reads SimpleCov's .resultset.json, in which every command has its coverage, and the coverage.json of its
// JSON formatter, which has one.
func readSimpleCov(r io.Reader, each func(File)) error {
	d := json.NewDecoder(r)
	found := false
	coverage := func() error {
		found = true
		return object(d, func(path string) error { return sourceFile(d, path, each) })
	}
	err := object(d, func(key string) error {
		if key == "coverage" {
			return coverage()
		}
		if t, err := d.Token(); err != nil || t != json.Delim('{') {
			return skipRest(d, t, err)
		}
		return members(d, func(key string) error {
			if key == "coverage" {
				return coverage()
			}
			return skip(d)
		})
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: it has no coverage", ErrFormat)
	}
	return err
}

// sourceFile reads the coverage of one file: a list of hits by line, or an object that has one.
func sourceFile(d *json.Decoder, path string, each func(File)) error {
	var body json.RawMessage
	if err := d.Decode(&body); err != nil {
		return jsonError(err, "")
	}
	var full struct {
		Lines    []hits          `json:"lines"`
		Branches json.RawMessage `json:"branches"`
	}
	if json.Unmarshal(body, &full.Lines) != nil {
		if err := json.Unmarshal(body, &full); err != nil {
			return jsonError(err, "")
		}
	}
	f := File{Path: path}
	for _, h := range full.Lines {
		switch h {
		case covered:
			f.LinesCovered++
		case missed:
			f.LinesMissed++
		}
	}
	f.branches(full.Branches)
	each(f)
	return nil
}

// hits tells whether a line, or a branch, was run.
type hits int8

const (
	noCode hits = iota // also what one was told to ignore
	covered
	missed
)

// UnmarshalJSON reads a number; null and words are no code.
func (h *hits) UnmarshalJSON(text []byte) error {
	n, err := strconv.ParseFloat(string(text), 64)
	switch {
	case err != nil:
		*h = noCode
	case n > 0:
		*h = covered
	default:
		*h = missed
	}
	return nil
}

// branches adds up branches: by condition, or as a list.
func (f *File) branches(body json.RawMessage) {
	var byCondition map[string]map[string]hits
	var list []struct{ Coverage hits }
	if json.Unmarshal(body, &byCondition) == nil {
		for _, branches := range byCondition {
			for _, h := range branches {
				f.branch(h)
			}
		}
	} else if json.Unmarshal(body, &list) == nil {
		for _, b := range list {
			f.branch(b.Coverage)
		}
	}
}

func (f *File) branch(h hits) {
	switch h {
	case covered:
		f.BranchesCovered++
	case missed:
		f.BranchesMissed++
	}
}

// object reads an object; each reads the value of a member.
func object(d *json.Decoder, each func(key string) error) error {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return jsonError(err, "it is not an object where one is expected")
	}
	return members(d, each)
}

// members reads the members of an object that has been entered, and leaves it.
func members(d *json.Decoder, each func(key string) error) error {
	for d.More() {
		t, err := d.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			return jsonError(err, "a member without a name")
		}
		if err := each(key); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return jsonError(err, "")
	}
	return nil
}

// skip reads over a value.
func skip(d *json.Decoder) error {
	var value json.RawMessage
	if err := d.Decode(&value); err != nil {
		return jsonError(err, "")
	}
	return nil
}

// skipRest reads over what is left of a value whose first token was t.
func skipRest(d *json.Decoder, t json.Token, err error) error {
	for err == nil && t == json.Delim('[') && d.More() {
		err = skip(d)
	}
	if err == nil && t == json.Delim('[') {
		_, err = d.Token()
	}
	if err != nil {
		return jsonError(err, "")
	}
	return nil
}
