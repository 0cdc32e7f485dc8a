package objectstore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/conveyor-cd/conveyor/internal/objectstore"
)

// entry is a line of a listing: a key, a key and version, or a common prefix.
type entry string

// model lists sorted keys the slow and obvious way.
func model(keys []string, prefix, delimiter string) []entry {
	var out []entry
	for _, k := range keys {
		rest, ok := strings.CutPrefix(k, prefix)
		if !ok {
			continue
		}
		e := entry("key " + k)
		if before, _, found := strings.Cut(rest, delimiter); delimiter != "" && found {
			e = entry("prefix " + prefix + before + delimiter)
		}
		if len(out) == 0 || out[len(out)-1] != e {
			out = append(out, e)
		}
	}
	return out
}

// merge puts the two lists of a page into the order of the listing.
func merge(p objectstore.Page) []entry {
	var out []entry
	objects, prefixes := p.Objects, p.Prefixes
	for len(objects)+len(prefixes) > 0 {
		if len(prefixes) == 0 || len(objects) > 0 && objects[0].Key < prefixes[0] {
			out = append(out, entry("key "+objects[0].Key))
			objects = objects[1:]
			continue
		}
		out = append(out, entry("prefix "+prefixes[0]))
		prefixes = prefixes[1:]
	}
	return out
}

func TestListingsMatchTheModel(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		letters := rapid.SampledFrom([]string{"a", "b", "/", "//", "é", "\xef\xbf\xbf", "-", "\x00"})
		text := func(n int) *rapid.Generator[string] {
			return rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(letters, 0, n).Draw(t, "letters"), "") })
		}
		// A few hundred keys once; what varies is how they are listed.
		set := map[string]bool{}
		gen := text(6)
		for i := range 300 {
			if k := gen.Example(i); k != "" {
				set[k] = true
			}
		}
		var keys []string
		release := map[string]string{}
		for k := range set {
			keys = append(keys, k)
			release[k] = "x"
		}
		slices.Sort(keys)
		must(t, w.Publish(t.Context(), "bucket", files(release)))

		rapid.Check(t, func(rt *rapid.T) {
			in := objectstore.ListInput{
				Bucket: "bucket", Prefix: text(3).Draw(rt, "prefix"), Max: rapid.IntRange(1, 40).Draw(rt, "max"),
				Delimiter: rapid.SampledFrom([]string{"", "/", "a", "//", "b/"}).Draw(rt, "delimiter"),
			}
			list := w.List
			if rapid.Bool().Draw(rt, "versions") {
				list = w.ListVersions
			}
			var got []entry
			for page := 0; ; page++ {
				p, err := list(t.Context(), in)
				if err != nil {
					rt.Fatal(err)
				}
				lines := merge(p)
				if len(lines) > in.Max || p.Truncated && len(lines) != in.Max || page > 400 {
					rt.Fatalf("page %d has %d lines of at most %d, truncated: %v", page, len(lines), in.Max, p.Truncated)
				}
				got = append(got, lines...)
				if !p.Truncated {
					break
				}
				in.After, in.AfterVersion = p.Next, p.NextVersion
			}
			if want := model(keys, in.Prefix, in.Delimiter); !slices.Equal(got, want) {
				rt.Fatalf("got  %q\nwant %q", got, want)
			}
		})
	})
}

func TestListingsBeginAfterAnyKey(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, k := range []string{"a", "a/1", "a/2", "b", "c/1"} {
			w.put(k, "")
		}
		for after, want := range map[string]string{
			"": "a,a/,b,c/", "a": "a/,b,c/", "a/": "b,c/", "a/1": "a/,b,c/", "a/2": "b,c/", "bb": "c/", "c/": "", "z": "",
		} {
			p, err := w.List(t.Context(), objectstore.ListInput{Bucket: "bucket", Delimiter: "/", After: after, Max: 100})
			must(t, err)
			var got []string
			for _, e := range merge(p) {
				_, name, _ := strings.Cut(string(e), " ")
				got = append(got, name)
			}
			if strings.Join(got, ",") != want {
				t.Errorf("after %q: %v, want %s", after, got, want)
			}
		}
	})
}

func TestVersionsAreListedNewestFirst(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		must(t, w.SetVersioning(t.Context(), "bucket", objectstore.VersioningEnabled))
		var want []string
		for _, k := range []string{"a", "b", "c"} {
			var versions []string
			for i := range 5 {
				versions = append(versions, k+" "+w.put(k, fmt.Sprint(i)).VersionID)
			}
			d, err := w.Delete(t.Context(), "bucket", objectstore.DeleteInput{Key: k})
			must(t, err)
			versions = append(versions, k+" "+d.VersionID)
			slices.Reverse(versions)
			want = append(want, versions...)
		}
		for size := 1; size < 20; size++ {
			var got []string
			in := objectstore.ListInput{Bucket: "bucket", Max: size}
			for {
				p, err := w.ListVersions(t.Context(), in)
				must(t, err)
				for _, o := range p.Objects {
					got = append(got, o.Key+" "+o.VersionID)
				}
				if !p.Truncated {
					break
				}
				in.After, in.AfterVersion = p.Next, p.NextVersion
			}
			if !slices.Equal(got, want) {
				t.Fatalf("pages of %d: %v, want %v", size, got, want)
			}
		}
	})
}
