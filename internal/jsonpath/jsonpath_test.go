package jsonpath

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

const push = `{
	"ref": "refs/heads/main", "deleted": false, "base_ref": null, "size": 2, "ratio": 1.50, "id": 12345678901234567890,
	"head-commit": {"id": "b2", "author": {"name": "Ann"}},
	"x y": "blank", "it's": "quoted", "a.b": "dotted", "": "empty",
	"commits": [
		{"id": "a1", "author": {"name": "Bob"}, "modified": ["README.md", "src/main.go"], "n": 3},
		{"id": "b2", "author": {"name": "Ann"}, "modified": [], "n": "7"},
		{"id": "c3", "message": "no author"}
	],
	"labels": ["bug", "p1"], "wanted": ["b2", "c3"]
}`

func document(t testing.TB, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// selected are the texts a path selects; values without a text show as their JSON.
func selected(t testing.TB, path string, doc any) []string {
	t.Helper()
	p, err := Parse(path)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	list := []string{}
	err = p.Walk(doc, 1000, func(v any) bool {
		text, ok := Text(v)
		if !ok {
			j, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			text = string(j)
		}
		list = append(list, text)
		return true
	})
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return list
}

func TestPaths(t *testing.T) {
	doc := document(t, push)
	for _, c := range []struct {
		path string
		want string // separated by spaces
	}{
		{"$.ref", "refs/heads/main"},
		{"ref", "refs/heads/main"},
		{" $.ref ", "refs/heads/main"},
		{"$['ref']", "refs/heads/main"},
		{`$["ref"]`, "refs/heads/main"},
		{"['ref']", "refs/heads/main"},
		{"$[ 'ref' , 'size' ]", "refs/heads/main 2"},
		{"$.deleted", "false"},
		{"$.base_ref", "null"},
		{"$.ratio", "1.50"},
		{"$.id", "12345678901234567890"},
		{"$.nothing", ""},
		{"$.ref.deeper", ""},
		{"$.head-commit.id", "b2"},
		{"head-commit.author.name", "Ann"},
		{"$['x y']", "blank"},
		{`$['it\'s']`, "quoted"},
		{`$["it's"]`, "quoted"},
		{`$['\u0061.b']`, "dotted"},
		{"$['']", "empty"},

		{"$.commits[0].id", "a1"},
		{"$.commits[-1].id", "c3"},
		{"$.commits[7].id", ""},
		{"$.commits[0,2,9].id", "a1 c3"},
		{"$.commits[1:].id", "b2 c3"},
		{"$.commits[:2].id", "a1 b2"},
		{"$.commits[-2:-1].id", "b2"},
		{"$.commits[:-9].id", ""},
		{"$.commits[2:1].id", ""},
		{"$.commits[*].id", "a1 b2 c3"},
		{"$.commits.*.id", "a1 b2 c3"},
		{"$.labels[*]", "bug p1"},
		{"$.ref[0]", ""},

		{"$..name", "Bob Ann Ann"},
		{"$..author['name']", "Bob Ann Ann"},
		{"$..modified[0]", "README.md"},
		{"$.commits..[?(@.name == 'Ann')].name", "Ann"},

		{"$.commits[?(@.id == 'b2')].n", "7"},
		{"$.commits[?('b2' == @['id'])].n", "7"},
		{"$.commits[?(@.id=='b2'&&@.n)].n", "7"},
		{"$.commits[?(@.id === 'b2')].id", "b2"},
		{"$.commits[?(@.id !== 'b2')].id", "a1 c3"},
		{"$.commits[?(@.author)].id", "a1 b2"},
		{"$.commits[?(!@.author)].id", "c3"},
		{"$.commits[?(@.author.name != 'Ann')].id", "a1 c3"},
		{"$.commits[?(@.n > 3)].id", "b2"},
		{"$.commits[?(@.n >= 3)].id", "a1 b2"},
		{"$.commits[?(@.n < 7)].id", "a1"},
		{"$.commits[?(@.n <= 3.0)].id", "a1"},
		{"$.commits[?(@.n == '3')].id", "a1"},
		{"$.commits[?(@.id > 'a1')].id", "b2 c3"},
		{"$.commits[?(@.id == 'a1' || @.message)].id", "a1 c3"},
		{"$.commits[?((@.n == 3 || @.n == 7) && !(@.id == 'a1'))].id", "b2"},
		{"$.commits[?(@.id in ['a1', 'c3'])].id", "a1 c3"},
		{"$.commits[?(@.id in $.wanted)].id", "b2 c3"},
		{"$.commits[?(@.id nin $.wanted)].id", "a1"},
		{"$.commits[?(@.modified contains 'README.md')].id", "a1"},
		{"$.commits[?(@.message contains 'auth')].id", "c3"},
		{"$.commits[?(@.modified[*] contains 'src/main.go')].id", "a1"},
		{"$.commits[?(@.modified size 2)].id", "a1"},
		{"$.commits[?(@.modified empty true)].id", "b2"},
		{"$.commits[?(@.modified empty false)].id", "a1"},
		{"$.commits[?(@.id =~ /[AB]\\d/i)].id", "a1 b2"},
		{"$.commits[?(@.id=~/a/)].id", ""}, // the whole text, as in Java
		{"$.commits[?(@.modified[1] =~ /src\\/.*/)].id", "a1"},
		{"$.commits[?(@.id == $.head-commit.id)].id", "b2"},
		{"$.commits[?(@.nothing == @.nothing)].id", ""},
		{"$.commits[?(@.author == null)].id", ""},
		{"$[?(@.size == 2)].ref", "refs/heads/main"},
		{"$[?(@.deleted == false && @.base_ref == null)].size", "2"},
		{"$.labels[?(@ == 'bug')]", "bug"},

		{"$.commits.length()", "3"},
		{"$.ref.length()", "15"},
		{"$.size.length()", ""},
		{"$.labels.first()", "bug"},
		{"$.commits.last().id", "c3"},
		{"$.commits[?(@.modified.length() > 0)].id", "a1"},
	} {
		if got := strings.Join(selected(t, c.path, doc), " "); got != c.want {
			t.Errorf("%s selects %q, want %q", c.path, got, c.want)
		}
	}
	if got := selected(t, "$", doc); len(got) != 1 || !strings.HasPrefix(got[0], "{") {
		t.Errorf("$ selects %q", got)
	}
}

func TestMistakesAreRefusedAndSaidWhere(t *testing.T) {
	for path, want := range map[string]string{
		"":                             "empty",
		"@.ref":                        "begin the path with $",
		"$.":                           "at character 3: a name is missing",
		"$..":                          "a name is missing",
		"$x":                           "unexpected",
		"$.x y":                        "at character 4: unexpected \" y\"",
		"$[":                           "expected a position",
		"$[0":                          "] is missing",
		"$['x":                         "does not end",
		"$['x'":                        "] is missing",
		"$['x',]":                      "quotes is missing",
		`$['\q']`:                      "escape",
		"$[1,]":                        "expected a position",
		"$[-]":                         "no position",
		"$[99999999999999999999]":      "no position",
		"$[1:2:3]":                     "] is missing",
		"$[?@.a]":                      "?(...)",
		"$[?(]":                        "expected a path",
		"$[?('a')]":                    "constant alone",
		"$[?(@.a == )]":                "expected a path",
		"$[?(@.a = 1)]":                "operator that is not supported",
		"$[?(@.a subsetof ['b'])]":     "operator that is not supported",
		"$[?(@.a == 1]":                ") is missing",
		"$[?(@.a =~ 'b')]":             "regular expression",
		"$[?(@.a == /b/)]":             "regular expression",
		"$[?(@.a =~ /b)]":              "does not end",
		"$[?(@.a =~ /(/)]":             "not understood",
		`$[?(@.a =~ /(a)\1/)]`:         "not understood",
		"$[?(@.a in ['b', @.c])]":      "list holds",
		"$[?(@.a in ['b'":              "] is missing",
		"$.a.sum()":                    "sum is not supported",
		"$.a.length(1)":                "length is not supported",
		"$.a[*].length()":              "several values",
		"$.\xff":                       "UTF-8",
		strings.Repeat("a", longest+1): "longer than",
	} {
		_, err := Parse(path)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", path, err, want)
		}
	}
}

// Each of these took a library more than a minute on some document.
func TestHostileDocumentsEndSoon(t *testing.T) {
	deep := document(t, strings.Repeat("[", 5000)+strings.Repeat("]", 5000))
	wide := document(t, `{"list": [`+strings.TrimSuffix(strings.Repeat("1,", 50_000), ",")+`], "big": "`+strings.Repeat("x", 1_000_000)+`"}`)
	same := document(t, strings.Repeat("[", 40)+strings.Repeat("]", 40))
	for _, c := range []struct {
		path string
		doc  any
	}{
		{"$..*..*..*..x", deep},
		{"$..[?(@..x)]", deep},
		{"$.list[?($.list[?(@ == 2)])]", wide},
		{"$.list[?($.big =~ /(x+x+)+y/)]", wide},
		{"$.list[?($.big size 3)]", wide},
		{"$.list[?($.big == $.big && 1 == 2)]", wide},
		{"$" + strings.Repeat("[0,0]", 40), same},
	} {
		p, err := Parse(c.path)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err = p.Walk(c.doc, 1_000_000, func(any) bool { return true })
		if !errors.Is(err, ErrTooMuch) {
			t.Errorf("%s: %v, want it to give up", c.path, err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s took %s", c.path, took)
		}
	}
}

func TestWalkStopsWhenItIsTold(t *testing.T) {
	p, err := Parse("$..id")
	if err != nil {
		t.Fatal(err)
	}
	var seen []any
	if err := p.Walk(document(t, push), 1000, func(v any) bool { seen = append(seen, v); return len(seen) < 2 }); err != nil {
		t.Fatal(err)
	}
	if want := []any{json.Number("12345678901234567890"), "a1"}; !reflect.DeepEqual(seen, want) {
		t.Errorf("saw %v, want %v", seen, want)
	}
}

// FuzzPath reads any path and walks any document: nothing panics, and no walk does more than its budget.
func FuzzPath(f *testing.F) {
	for _, path := range []string{"$.ref", "$..a[?(@.b == 'c' && !@.d[0])]", "['a'].length()", "$[?(@.a =~ /b/i)]", "$[1:][-1,2]", "$[?(@ in ['x',1,null])]"} {
		f.Add(path, push)
	}
	f.Fuzz(func(t *testing.T, path, text string) {
		p, err := Parse(path)
		if err != nil {
			return
		}
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var doc any
		if d.Decode(&doc) != nil {
			doc = nil
		}
		n := 0
		err = p.Walk(doc, 10_000, func(any) bool { n++; return true })
		if n > 10_000 || (err != nil && !errors.Is(err, ErrTooMuch)) {
			t.Errorf("%d values, %v", n, err)
		}
	})
}
