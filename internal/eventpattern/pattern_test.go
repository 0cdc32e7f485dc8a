package eventpattern_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/conveyor-cd/conveyor/internal/eventpattern"
)

const event = `{
	"version": "0", "source": "aws.codepipeline", "detail-type": "CodePipeline Pipeline Execution State Change",
	"resources": ["arn:aws:codepipeline:us-east-1:1:site", "arn:x"],
	"detail": {"pipeline": "site", "state": "FAILED", "version": 3.0, "ip": "10.0.0.7", "none": null, "empty": "", "yes": true,
		"list": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], "file": "dir/Image.PNG", "star": "a*b", "ids": []}}`

func TestMatch(t *testing.T) {
	for pattern, want := range map[string]bool{
		`{"source": ["aws.codepipeline"]}`:                                              true,
		`{"source": ["aws.codebuild", "aws.codepipeline"]}`:                             true,
		`{"source": ["aws.codebuild"]}`:                                                 false,
		`{"source": ["aws.codepipeline"], "detail": {"state": ["SUCCEEDED"]}}`:          false,
		`{"resources": ["arn:x"]}`:                                                      true,
		`{"resources": [{"suffix": ":site"}]}`:                                          true,
		`{"detail": {"state": [{"prefix": "FA"}]}}`:                                     true,
		`{"detail": {"state": [{"prefix": "fa"}]}}`:                                     false,
		`{"detail": {"state": [{"prefix": {"equals-ignore-case": "fa"}}]}}`:             true,
		`{"detail": {"file": [{"suffix": ".png"}]}}`:                                    false,
		`{"detail": {"file": [{"suffix": {"equals-ignore-case": ".png"}}]}}`:            true,
		`{"detail": {"state": [{"equals-ignore-case": "failed"}]}}`:                     true,
		`{"detail": {"state": [{"anything-but": "FAILED"}]}}`:                           false,
		`{"detail": {"state": [{"anything-but": ["SUCCEEDED", "STARTED"]}]}}`:           true,
		`{"detail": {"state": [{"anything-but": {"prefix": "FA"}}]}}`:                   false,
		`{"detail": {"state": [{"anything-but": {"suffix": ["x", "ED"]}}]}}`:            false,
		`{"detail": {"state": [{"anything-but": {"equals-ignore-case": ["failed"]}}]}}`: false,
		`{"detail": {"file": [{"anything-but": {"wildcard": "dir/*.gif"}}]}}`:           true,
		`{"detail": {"gone": [{"anything-but": "x"}]}}`:                                 false,
		`{"detail": {"version": [3]}}`:                                                  true,
		`{"detail": {"version": [0.3e1]}}`:                                              true,
		`{"detail": {"version": ["3"]}}`:                                                false,
		`{"detail": {"version": [{"numeric": ["=", 3]}]}}`:                              true,
		`{"detail": {"version": [{"numeric": [">", 0, "<=", 3]}]}}`:                     true,
		`{"detail": {"version": [{"numeric": [">=", 3.01]}]}}`:                          false,
		`{"detail": {"state": [{"numeric": ["<", 4]}]}}`:                                false,
		`{"detail": {"version": [{"anything-but": [3, 4]}]}}`:                           false,
		`{"detail": {"none": [null]}}`:                                                  true,
		`{"detail": {"empty": [""]}}`:                                                   true,
		`{"detail": {"empty": [null]}}`:                                                 false,
		`{"detail": {"yes": [true]}}`:                                                   true,
		`{"detail": {"yes": [false]}}`:                                                  false,
		`{"detail": {"none": [{"exists": true}]}}`:                                      true,
		`{"detail": {"gone": [{"exists": true}]}}`:                                      false,
		`{"detail": {"gone": [{"exists": false}]}}`:                                     true,
		`{"gone": {"deeper": [{"exists": false}]}}`:                                     true,
		`{"gone": {"deeper": ["x"]}}`:                                                   false,
		`{"detail": {"state": ["OTHER", {"exists": true}]}}`:                            true,
		`{"detail": {"ip": [{"cidr": "10.0.0.0/24"}]}}`:                                 true,
		`{"detail": {"ip": [{"cidr": "10.0.1.0/24"}]}}`:                                 false,
		`{"detail": {"file": [{"wildcard": "dir/*.PNG"}]}}`:                             true,
		`{"detail": {"file": [{"wildcard": "*Image*"}]}}`:                               true,
		`{"detail": {"file": [{"wildcard": "*image*"}]}}`:                               false,
		`{"detail": {"file": [{"wildcard": "dir/Image.PNG"}]}}`:                         true,
		`{"detail": {"file": [{"wildcard": "dir"}]}}`:                                   false,
		`{"detail": {"star": [{"wildcard": "a\\*b"}]}}`:                                 true,
		`{"detail": {"ip": [{"wildcard": "a\\*b"}]}}`:                                   false,
		`{"detail": {"list": {"a": [1], "b": ["x"]}}}`:                                  true,
		`{"detail": {"list": {"a": [1], "b": ["y"]}}}`:                                  false, // not in one element
		`{"detail": {"ids": ["x"]}}`:                                                    false,
		`{"$or": [{"source": ["no"]}, {"detail": {"state": ["FAILED"]}}]}`:              true,
		`{"$or": [{"source": ["no"]}, {"source": ["neither"]}]}`:                        false,
		`{"source": ["no"], "$or": [{"version": ["0"]}, {"id": ["x"]}]}`:                false,
		`{"detail": {"$or": [{"state": ["FAILED"]}, {"yes": [false]}], "ip": ["x"]}}`:   false,
		`{"detail": {"$or": [{"gone": [{"exists": false}]}, {"yes": [false]}]}}`:        true,
	} {
		p, err := eventpattern.Parse(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		if got, err := p.Match([]byte(event)); err != nil || got != want {
			t.Errorf("%s: %v, %v", pattern, got, err)
		}
		if want && !p.Could("aws.codepipeline") {
			t.Errorf("%s could match, and Could denies it", pattern)
		}
	}
}

func TestRefusedPatterns(t *testing.T) {
	for pattern, why := range map[string]string{
		``:                                    "not valid JSON",
		`{} {}`:                               "not valid JSON",
		`[]`:                                  "filter is not an object",
		`{}`:                                  "empty objects",
		`{"source": "x"}`:                     `"source" must be an object or an array`,
		`{"source": []}`:                      "empty arrays",
		`{"detail": {}}`:                      "empty objects",
		`{"source": [["x"]]}`:                 "may not hold lists",
		`{"source": [{"prefex": "x"}]}`:       "Unrecognized match type prefex",
		`{"source": [{}]}`:                    "one member",
		`{"a": [{"prefix": 1}]}`:              "must be a text",
		`{"a": [{"numeric": [">"]}]}`:         "pairs",
		`{"a": [{"numeric": [">", "1"]}]}`:    "not a number",
		`{"a": [{"numeric": ["=>", 1]}]}`:     "Unrecognized numeric range operator",
		`{"a": [{"numeric": [">", 1e9999]}]}`: "too large",
		`{"a": [{"exists": "yes"}]}`:          "true or false",
		`{"a": [{"cidr": "10.0.0.0"}]}`:       "Malformed CIDR",
		`{"a": [{"wildcard": "a**"}]}`:        "consecutive wildcard",
		`{"a": [{"wildcard": "a\\b"}]}`:       "invalid escape",
		`{"a": [{"anything-but": []}]}`:       "empty",
		`{"a": [{"anything-but": [null]}]}`:   "texts or numbers",
		`{"a": [{"anything-but": {"cidr": "10.0.0.0/8"}}]}`:             "does not go with",
		`{"a": [{"anything-but": {"prefix": []}}]}`:                     "empty",
		strings.Repeat(`{"a":`, 40) + `["x"]` + strings.Repeat(`}`, 40): "levels deep",
		`{"a": ["` + strings.Repeat("x", 5000) + `"]}`:                  "longer than",
	} {
		if _, err := eventpattern.Parse(pattern); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %q", pattern, err, why)
		}
	}
}

// A pattern of an event's own values matches it, and stops to when one of them becomes another.
func TestAnEventMatchesItself(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		leaf := rapid.OneOf(rapid.String().AsAny(), rapid.Int32().AsAny(), rapid.Bool().AsAny())
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z-]{1,6}`), 1, 5, rapid.ID[string]).Draw(r, "names")
		event, pattern := map[string]any{}, map[string]any{}
		for _, name := range names {
			v := leaf.Draw(r, name)
			event[name], pattern[name] = v, []any{"something else", v}
		}
		text, _ := json.Marshal(pattern)
		if len(text) > 4000 {
			return
		}
		p, err := eventpattern.Parse(string(text))
		if err != nil {
			r.Fatal(err)
		}
		doc, _ := json.Marshal(map[string]any{"detail": event})
		inside, err := eventpattern.Parse(`{"detail":` + string(text) + `}`)
		if err != nil {
			r.Fatal(err)
		}
		plain, _ := json.Marshal(event)
		if ok, err := p.Match(plain); !ok || err != nil {
			r.Fatalf("%s does not match %s: %v", text, plain, err)
		}
		if ok, _ := inside.Match(doc); !ok {
			r.Fatal("it does not match one level deeper")
		}
		event[names[0]] = "nobody asked for this\x00"
		plain, _ = json.Marshal(event)
		if ok, _ := p.Match(plain); ok {
			r.Fatalf("%s matches %s", text, plain)
		}
	})
}

// A wildcard says what a regular walk over all splits says.
func TestWildcardsAgainstTheirMeaning(t *testing.T) {
	var means func(p, s string) bool
	means = func(p, s string) bool {
		switch {
		case p == "":
			return s == ""
		case p[0] == '*':
			return means(p[1:], s) || s != "" && means(p, s[1:])
		}
		return s != "" && s[0] == p[0] && means(p[1:], s[1:])
	}
	rapid.Check(t, func(r *rapid.T) {
		p := rapid.StringMatching(`(\*?[ab]){0,5}\*?`).Draw(r, "pattern")
		s := rapid.StringMatching(`[ab]{0,8}`).Draw(r, "text")
		pattern, err := eventpattern.Parse(`{"k":[{"wildcard":"` + p + `"}]}`)
		if err != nil {
			r.Fatal(err)
		}
		if got, _ := pattern.Match([]byte(`{"k":"` + s + `"}`)); got != means(p, s) {
			r.Fatalf("%q on %q: %v", p, s, got)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(`{"source":["a",{"prefix":"b"}],"$or":[{"a":[1]},{"b":{"c":[{"exists":false}]}}]}`, event)
	f.Add(`{"a":[{"anything-but":{"wildcard":["a*","*b"]}},{"numeric":[">",0,"<",1e3]},{"cidr":"::/0"}]}`, `{"a":[1,"x",null,{}]}`)
	f.Fuzz(func(t *testing.T, pattern, doc string) {
		p, err := eventpattern.Parse(pattern)
		if err != nil {
			return
		}
		if ok, err := p.Match([]byte(doc)); ok && err != nil {
			t.Error("it matched what it could not read")
		}
	})
}
