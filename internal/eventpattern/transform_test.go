package eventpattern_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/eventpattern"
)

func TestTransform(t *testing.T) {
	paths := map[string]string{"state": "$.detail.state", "list": "$.detail.list", "gone": "$.detail.gone", "second": "$.detail.list[1].b", "v": "$.detail.version"}
	given := eventpattern.Predefined{RuleARN: "arn:rule", RuleName: "r", IngestionTime: "now"}
	for template, want := range map[string]string{
		`{"state": <state>, "v": <v>}`:                      `{"state": "FAILED", "v": 3.0}`,
		`{"text": "it is <state>, \"<second>\""}`:           `{"text": "it is FAILED, \"y\""}`,
		`"<state> of <aws.events.rule-name>"`:               `"FAILED of r"`,
		`{"l": <list>, "m": "<list>"}`:                      `{"l": [{"a":1,"b":"x"},{"a":2,"b":"y"}], "m": "[{\"a\":1,\"b\":\"x\"},{\"a\":2,\"b\":\"y\"}]"}`,
		`{"gone": <gone>, "g": "<gone>"}`:                   `{"gone": null, "g": ""}`,
		`<state> at <aws.events.event.ingestion-time>`:      `"FAILED at now"`,
		`{"a < b": "1 > 0", "rule": <aws.events.rule-arn>}`: `{"a < b": "1 > 0", "rule": "arn:rule"}`,
		`<state>`: `"FAILED"`,
	} {
		tr, err := eventpattern.NewTransformer(paths, template)
		if err != nil {
			t.Errorf("%s: %v", template, err)
			continue
		}
		if got, err := tr.Apply([]byte(event), given); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v; want %s", template, got, err, want)
		}
	}
	tr, err := eventpattern.NewTransformer(nil, `{"e": <aws.events.event.json>}`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tr.Apply([]byte(event), given)
	var out struct{ E struct{ Source string } }
	if err != nil || json.Unmarshal(got, &out) != nil || out.E.Source != "aws.codepipeline" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestRefusedTransformers(t *testing.T) {
	for why, c := range map[string]struct{ name, path, template string }{
		"undefined placeholder <b>": {"a", "$.x", "<b>"},
		"reserved":                  {"AwsThing", "$.x", "<a>"},
		"the path of":               {"a", "$.[", "<a>"},
	} {
		if _, err := eventpattern.NewTransformer(map[string]string{c.name: c.path}, c.template); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v, want %q", err, why)
		}
	}
}

func TestSelect(t *testing.T) {
	for path, want := range map[string]string{"$.detail.state": `"FAILED"`, "$.detail.list[0]": `{"a":1,"b":"x"}`, "$.nothing": "null"} {
		if got, err := eventpattern.Select(path, []byte(event)); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", path, got, err)
		}
	}
}

// Whatever the template, what a target gets is JSON.
func FuzzTransform(f *testing.F) {
	f.Add("$.detail.state", `{"a": "<a>", "b": <a>}`, event)
	f.Add("$.detail", "plain <a>\n<aws.events.event>", event)
	f.Fuzz(func(t *testing.T, path, template, doc string) {
		tr, err := eventpattern.NewTransformer(map[string]string{"a": path}, template)
		if err != nil {
			return
		}
		if out, err := tr.Apply([]byte(doc), eventpattern.Predefined{}); err == nil && !json.Valid(out) {
			t.Errorf("%s", out)
		}
	})
}
