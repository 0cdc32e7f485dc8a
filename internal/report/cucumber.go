package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// feature is what a Cucumber report says of one feature.
type feature struct {
	Name     string `json:"name"`
	URI      string `json:"uri"`
	Elements []struct {
		Name   string `json:"name"`
		Type   string `json:"type"`
		Before []step `json:"before"`
		Steps  []step `json:"steps"`
		After  []step `json:"after"`
	} `json:"elements"`
}

type step struct {
	Result struct {
		Status   string  `json:"status"`
		Duration float64 `json:"duration"` // nanoseconds
		Message  string  `json:"error_message"`
	} `json:"result"`
}

// readCucumber reads a list of features, one feature at a time. A case is a scenario.
func readCucumber(r io.Reader, each func(Case)) error {
	d := json.NewDecoder(r)
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return jsonError(err, "it is not a list of features")
	}
	for d.More() {
		var f feature
		if err := d.Decode(&f); err != nil {
			return jsonError(err, "")
		}
		if f.Name == "" {
			f.Name = f.URI
		}
		for _, e := range f.Elements {
			if e.Type == "background" {
				continue
			}
			c := Case{Suite: f.Name, Prefix: f.Name, Name: e.Name, Status: Unknown}
			for _, steps := range [][]step{e.Before, e.Steps, e.After} {
				for _, s := range steps {
					c.step(s)
				}
			}
			each(c)
		}
	}
	if _, err := d.Token(); err != nil {
		return jsonError(err, "")
	}
	return nil
}

// step adds a step to its scenario: the worst of them decides.
func (c *Case) step(s step) {
	if s.Result.Duration > 0 {
		c.Duration += bounds(s.Result.Duration)
	}
	status, rank := Unknown, map[Status]int{Unknown: 0, Succeeded: 1, Skipped: 2, Failed: 3}
	switch s.Result.Status {
	case "passed":
		status = Succeeded
	case "failed", "ambiguous":
		status = Failed
	case "skipped", "pending", "undefined":
		status = Skipped
	}
	if rank[status] > rank[c.Status] {
		c.Status, c.Message = status, clip(s.Result.Message, maxMessage)
	}
}

// jsonError is what is wrong with a document: what the decoder says, else what was expected.
func jsonError(err error, otherwise string) error {
	switch {
	case errors.Is(err, ErrSize):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the document ends in the middle", ErrFormat)
	case err == nil:
		return fmt.Errorf("%w: %s", ErrFormat, otherwise)
	}
	return fmt.Errorf("%w: %w", ErrFormat, err)
}
