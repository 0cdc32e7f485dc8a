package parameter_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/parameter"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func TestAParametersLife(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		box, err := secret.New(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		s := parameter.New(st, box)
		ctx := t.Context()
		put := func(value string, overwrite bool) (int64, error) {
			return s.Put(ctx, parameter.Version{Name: "/a/b", Kind: parameter.Secure, Stored: value}, overwrite, map[string]string{"team": "web"})
		}
		if n, err := put("one", false); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		if _, err := put("two", false); !errors.Is(err, parameter.ErrExists) {
			t.Errorf("put twice: %v", err)
		}
		if n, err := put("two", true); err != nil || n != 2 {
			t.Fatal(n, err)
		}
		if n, err := s.Label(ctx, "/a/b", 1, []string{"good"}); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		for id, want := range map[string]string{"/a/b": "two", "/a/b:1": "one", "/a/b:good": "one", "arn:aws:ssm:r:a:parameter/a/b:2": "two"} {
			v, err := s.Find(ctx, id)
			if err != nil {
				t.Fatal(id, err)
			}
			if strings.Contains(v.Stored, want) {
				t.Errorf("%s is stored as it is", id)
			}
			if got, err := s.Value(v); err != nil || got != want || v.Tags["team"] != "web" {
				t.Errorf("%s is %q, %v", id, got, err)
			}
		}
		if _, err := s.Find(ctx, "/a/b:9"); !errors.Is(err, parameter.ErrNoVersion) {
			t.Errorf("%v", err)
		}
		if list, err := s.List(ctx, parameter.Query{Path: "/a/", Limit: 5}); err != nil || len(list) != 1 || list[0].Number != 2 {
			t.Errorf("%+v, %v", list, err)
		}
		for range parameter.MaxVersions - 2 {
			if _, err := put("more", true); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := put("too many", true); !errors.Is(err, parameter.ErrVersions) {
			t.Errorf("the oldest has a label: %v", err)
		}
		if removed, err := s.Unlabel(ctx, "/a/b", 1, []string{"good", "none"}); err != nil || !slices.Equal(removed, []string{"good"}) {
			t.Errorf("%v, %v", removed, err)
		}
		if n, err := put("room", true); err != nil || n != parameter.MaxVersions+1 {
			t.Errorf("%d, %v", n, err)
		}
		if deleted, err := s.Delete(ctx, "/a/b", "/none"); err != nil || !slices.Equal(deleted, []string{"/a/b"}) {
			t.Errorf("%v, %v", deleted, err)
		}
		if _, err := s.Find(ctx, "/a/b"); !errors.Is(err, parameter.ErrNotFound) {
			t.Errorf("%v", err)
		}
	})
}
