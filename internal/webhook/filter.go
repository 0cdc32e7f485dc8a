package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/url"

	"github.com/conveyor-cd/conveyor/internal/jsonpath"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// maxWork bounds what one filter may cost on one body, in values looked at: more than the largest push of GitHub's has,
// and less than a second.
const maxWork = 10_000_000

// ErrContentType says that a body is in a form that is not understood.
var ErrContentType = errors.New("the content type is neither application/json nor application/x-www-form-urlencoded")

// Match tells whether every filter of a webhook lets a body through. When one does not, why names it.
func Match(w pipeline.Webhook, t Target, body any) (ok bool, why string) {
	for i, f := range w.Filters {
		matched, err := matches(f, t, body)
		switch {
		case err != nil:
			return false, fmt.Sprintf("filter %d (%s) was given up: %v", i+1, f.JSONPath, err)
		case !matched:
			return false, fmt.Sprintf("filter %d (%s) does not match", i+1, f.JSONPath)
		}
	}
	return true, ""
}

func matches(f pipeline.WebhookFilter, t Target, body any) (bool, error) {
	path, err := jsonpath.Parse(f.JSONPath)
	if err != nil {
		return false, err
	}
	if problem := filterProblem(f, t); problem != "" { // the pipeline has changed since
		return false, errors.New(problem)
	}
	want := placeholder.ReplaceAllStringFunc(f.MatchEquals, func(p string) string { return t.Configuration[p[1:len(p)-1]] })
	matched := false
	err = path.Walk(body, maxWork, func(v any) bool {
		text, ok := jsonpath.Text(v)
		matched = f.MatchEquals == "" || ok && text == want
		return !matched
	})
	return matched && err == nil, err
}

// Document reads the JSON document of a request: its body, or as GitHub's webhooks may be set to send it, the field
// "payload" of a form.
func Document(contentType string, body []byte) (any, error) {
	text, err := payload(contentType, body)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // filters compare numbers as they are written
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("the body is not JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the body is not JSON: something follows the document")
	}
	return v, nil
}

func payload(contentType string, body []byte) ([]byte, error) {
	if contentType == "" {
		return body, nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, ErrContentType
	}
	switch media {
	case "application/json":
		return body, nil
	case "application/x-www-form-urlencoded":
		if begin := bytes.TrimLeft(body, " \t\r\n"); len(begin) > 0 && begin[0] == '{' {
			return body, nil // what `curl -d` sends without being told what it is
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, fmt.Errorf("the form is not readable: %w", err)
		}
		if !form.Has("payload") {
			return nil, errors.New("the form has no field named payload")
		}
		return []byte(form.Get("payload")), nil
	}
	return nil, ErrContentType
}
