package iam_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

var ctx = context.Background()

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestRootCredentials(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first := must[iam.AccessKey](t)(iam.Root(ctx, dir))
	if !regexp.MustCompile(`^AKIA[A-Z2-7]{16}$`).MatchString(first.ID) || !regexp.MustCompile(`^[A-Za-z0-9/+]{40}$`).MatchString(first.Secret) {
		t.Errorf("made %q %q", first.ID, first.Secret)
	}
	path := filepath.Join(dir, iam.CredentialsFile)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if again := must[iam.AccessKey](t)(iam.Root(ctx, dir)); again != first {
		t.Errorf("read back %v", again)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v %v", entries, err)
	}

	for _, tc := range []struct{ text, id, problem string }{
		{"[default]\naws_access_key_id=test\naws_secret_access_key=a=b\n", "test", ""},
		{"; mine\n\n[other]\naws_access_key_id=x\n[ default ]\nregion=r\nAWS_ACCESS_KEY_ID = test\naws_secret_access_key = s", "test", ""},
		{"", "", "has no aws_access_key_id"},
		{"[default]\naws_access_key_id=a\n", "", "has no aws_secret_access_key"},
		{"[default]\naws_access_key_id=a/b\naws_secret_access_key=s", "", "may not contain"},
		{"[default\n", "", "line 1: a section must end with ]"},
		{"[default]\nnonsense\n", "", "line 2: expected NAME = VALUE"},
	} {
		ok(t, os.WriteFile(path, []byte(tc.text), 0o600))
		key, err := iam.Root(ctx, dir)
		if tc.problem == "" && (err != nil || key.ID != tc.id) {
			t.Errorf("%q: %v %v", tc.text, key, err)
		}
		if tc.problem != "" && (err == nil || !strings.Contains(err.Error(), tc.problem) || !strings.Contains(err.Error(), path)) {
			t.Errorf("%q: %v", tc.text, err)
		}
		if kept, _ := os.ReadFile(path); string(kept) != tc.text {
			t.Errorf("%q was overwritten", tc.text)
		}
	}
}

func TestRootMadeOnceByServersStartedAtOnce(t *testing.T) {
	dir := t.TempDir()
	keys := make([]iam.AccessKey, 8)
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			key, err := iam.Root(ctx, dir)
			if err != nil {
				t.Error(err)
			}
			keys[i] = key
		})
	}
	all.Wait()
	for _, k := range keys {
		if k != keys[0] {
			t.Fatalf("different keys: %v", keys)
		}
	}
}

func TestAccessKeyOfRoot(t *testing.T) {
	d := iam.New(sqltest.SQLite(t), iam.WithRoot(iam.AccessKey{ID: "any-id", Secret: "s"}), iam.WithAccount("123456789012"))
	key := must[iam.AccessKey](t)(d.AccessKey(ctx, "any-id"))
	if want := (iam.Principal{Arn: "arn:aws:iam::123456789012:root", UserID: "123456789012", Root: true}); key.Principal != want || key.Secret != "s" {
		t.Errorf("%+v", key)
	}
	for _, id := range []string{"", "other", "AKIAAAAAAAAAAAAAAAAA", "' OR 1=1 --"} {
		_, err := d.AccessKey(ctx, id)
		is(t, err, iam.ErrNoAccessKey)
	}
	if got := must[iam.Decision](t)(d.Decide(ctx, key.Principal, "anything:AtAll", "*")); got != iam.Allowed {
		t.Errorf("root: %v", got)
	}
}

// What one server changes, another on the same database notices, at once or a little later.
func TestChangesAreNoticed(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		now := time.Now()
		clock := func() time.Time { return now }
		here, there := iam.New(st, iam.WithClock(clock)), iam.New(st, iam.WithClock(clock))
		must[iam.Entity](t)(here.Create(ctx, iam.Entity{Kind: iam.User, Name: "u"}))
		key, _, err := here.CreateAccessKey(ctx, "u")
		ok(t, err)
		for _, d := range []*iam.Directory{here, there} {
			if got := must[iam.AccessKey](t)(d.AccessKey(ctx, key.ID)); got != key {
				t.Errorf("%+v, want %+v", got, key)
			}
		}
		ok(t, here.SetAccessKeyActive(ctx, "u", key.ID, false))
		_, err = here.AccessKey(ctx, key.ID)
		is(t, err, iam.ErrNoAccessKey)
		now = now.Add(6 * time.Second)
		_, err = there.AccessKey(ctx, key.ID)
		is(t, err, iam.ErrNoAccessKey)
		ok(t, here.SetAccessKeyActive(ctx, "u", key.ID, true))
		must[iam.AccessKey](t)(there.AccessKey(ctx, key.ID))
		ok(t, there.DeleteAccessKey(ctx, "u", key.ID))
		is(t, there.DeleteAccessKey(ctx, "u", key.ID), iam.ErrNoSuchEntity)
	})
}

// With news from the other servers a key that was deleted there stops working here although no time passes.
func TestChangesOnOtherServersAreHeardOf(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		now := time.Now()
		stands := iam.WithClock(func() time.Time { return now })
		here, there := iam.New(st, stands), iam.New(st, stands)
		there.Watch(t.Context())
		must[iam.Entity](t)(here.Create(ctx, iam.Entity{Kind: iam.User, Name: "u"}))
		key, _, err := here.CreateAccessKey(ctx, "u")
		ok(t, err)
		must[iam.AccessKey](t)(there.AccessKey(ctx, key.ID))
		ok(t, here.DeleteAccessKey(ctx, "u", key.ID))
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			if _, err := there.AccessKey(ctx, key.ID); errors.Is(err, iam.ErrNoAccessKey) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("the deleted key still works")
			}
		}
	})
}

func TestNamesDifferByMoreThanCase(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		d := iam.New(st)
		made := must[iam.Entity](t)(d.Create(ctx, iam.Entity{Kind: iam.User, Name: "Ada"}))
		_, err := d.Create(ctx, iam.Entity{Kind: iam.User, Name: "aDA"})
		is(t, err, iam.ErrAlreadyExists)
		if got := must[iam.Entity](t)(d.Get(ctx, iam.User, "ada")); got.ID != made.ID || got.Name != "Ada" || !got.Created.Equal(made.Created) {
			t.Errorf("%+v", got)
		}
		must[iam.Entity](t)(d.Create(ctx, iam.Entity{Kind: iam.User, Name: "Bob"}))
		rename := func(to string) error {
			_, err := d.Update(ctx, iam.User, "Ada", func(e *iam.Entity) error { e.Name = to; return nil })
			return err
		}
		is(t, rename("BOB"), iam.ErrAlreadyExists)
		ok(t, rename("ADA"))
		ok(t, rename("Eve"))
		_, err = d.Get(ctx, iam.User, "Ada")
		is(t, err, iam.ErrNoSuchEntity)
		if got := must[iam.Entity](t)(d.ByID(ctx, made.ID)); got.Arn != "arn:aws:iam::000000000000:user/Eve" {
			t.Error(got.Arn)
		}
	})
}

func TestTags(t *testing.T) {
	d := iam.New(sqltest.SQLite(t))
	must[iam.Entity](t)(d.Create(ctx, iam.Entity{Kind: iam.User, Name: "u", Tags: []iam.Tag{{"b", "1"}}}))
	ok(t, d.Tag(ctx, iam.User, "u", []iam.Tag{{"a", ""}, {"B", "2"}}))
	got := must[iam.Entity](t)(d.Get(ctx, iam.User, "u")).Tags
	if len(got) != 2 || got[0] != (iam.Tag{"B", "2"}) || got[1] != (iam.Tag{"a", ""}) {
		t.Errorf("%v", got)
	}
	is(t, d.Tag(ctx, iam.User, "u", []iam.Tag{{"x", "1"}, {"X", "2"}}), iam.ErrInvalidInput)
	is(t, d.Tag(ctx, iam.User, "u", []iam.Tag{{"aws:x", "1"}}), iam.ErrInvalidInput)
	many := make([]iam.Tag, iam.MaxTags)
	for i := range many {
		many[i] = iam.Tag{Key: strings.Repeat("k", i+1)}
	}
	is(t, d.Tag(ctx, iam.User, "u", many), iam.ErrLimitExceeded)
}

func TestDecisions(t *testing.T) {
	const arn = "arn:aws:codepipeline:us-east-1:000000000000:"
	statement := func(s string) string { return `{"Version":"2012-10-17","Statement":` + s + `}` }
	allowAll := statement(`{"Effect":"Allow","Action":"codepipeline:*","Resource":"*"}`)
	for _, tc := range []struct {
		name     string
		policies []string
		action   string
		resource string
		want     iam.Decision
	}{
		{"no policy", nil, "codepipeline:GetPipeline", arn + "p", iam.NotAllowed},
		{"wildcard", []string{allowAll}, "codepipeline:GetPipeline", arn + "p", iam.Allowed},
		{"actions in any case", []string{allowAll}, "CodePipeline:getpipeline", arn + "p", iam.Allowed},
		{"another service", []string{allowAll}, "codebuild:StartBuild", "*", iam.NotAllowed},
		{"one resource", []string{statement(`[{"Effect":"Allow","Action":["codepipeline:Get*"],"Resource":["` + arn + `p*"]}]`)}, "codepipeline:GetPipeline", arn + "prod", iam.Allowed},
		{"another resource", []string{statement(`[{"Effect":"Allow","Action":["codepipeline:Get*"],"Resource":["` + arn + `p*"]}]`)}, "codepipeline:GetPipeline", arn + "dev", iam.NotAllowed},
		{"deny wins", []string{allowAll, statement(`{"Effect":"Deny","Action":"*","Resource":"` + arn + `prod"}`)}, "codepipeline:GetPipeline", arn + "prod", iam.Denied},
		{"deny elsewhere", []string{allowAll, statement(`{"Effect":"Deny","Action":"*","Resource":"` + arn + `prod"}`)}, "codepipeline:GetPipeline", arn + "dev", iam.Allowed},
		{"deny anywhere counts when the resource is unknown", []string{allowAll, statement(`{"Effect":"Deny","Action":"*","Resource":"` + arn + `prod"}`)}, "codepipeline:PollForJobs", iam.AnyResource, iam.Denied},
		{"all but", []string{allowAll, statement(`{"Effect":"Deny","Action":"*","NotResource":"` + arn + `dev"}`)}, "codepipeline:PollForJobs", iam.AnyResource, iam.Denied},
		{"unknown resource needs a star", []string{statement(`{"Effect":"Allow","Action":"*","Resource":"` + arn + `p"}`)}, "codepipeline:PollForJobs", iam.AnyResource, iam.NotAllowed},
		{"own name", []string{statement(`{"Effect":"Allow","Action":"*","Resource":"` + arn + `${aws:username}-*"}`)}, "codepipeline:GetPipeline", arn + "ada-1", iam.Allowed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := iam.New(sqltest.SQLite(t))
			e := must[iam.Entity](t)(d.Create(ctx, iam.Entity{Kind: iam.User, Name: "ada"}))
			p := iam.Principal{Arn: e.Arn, Name: e.Name, UserID: e.ID}
			if got := must[iam.Decision](t)(d.Decide(ctx, p, tc.action, tc.resource)); got != iam.NotAllowed {
				t.Errorf("before: %v", got)
			}
			for i, document := range tc.policies {
				ok(t, d.PutPolicy(ctx, iam.User, "ada", strings.Repeat("p", i+1), document))
			}
			if got := must[iam.Decision](t)(d.Decide(ctx, p, tc.action, tc.resource)); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// Conditions are about the request, as far as the context tells.
func TestConditions(t *testing.T) {
	d := iam.New(sqltest.SQLite(t))
	e := must[iam.Entity](t)(d.Create(ctx, iam.Entity{Kind: iam.User, Name: "ada"}))
	ok(t, d.PutPolicy(ctx, iam.User, "ada", "p", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"*","Resource":"*"},
		{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}},
		{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.6.6.6"}}},
		{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:username":"ada"}}}]}`))
	for address, want := range map[string]iam.Decision{"10.1.1.1": iam.Allowed, "192.0.2.1": iam.Denied, "10.6.6.6": iam.Denied} {
		from := iam.WithConditions(ctx, map[string][]string{"aws:SourceIp": {address}, "aws:username": {"eve"}})
		if got := must[iam.Decision](t)(d.Decide(from, iam.Principal{Arn: e.Arn, UserID: e.ID}, "codepipeline:GetPipeline", "*")); got != want {
			t.Errorf("from %s: %v, want %v", address, got, want)
		}
	}
}

// A page after the other gives every name once, in order, whatever the size of the pages.
func TestPages(t *testing.T) {
	d := iam.New(sqltest.SQLite(t))
	for _, n := range []string{"b", "A", "c_", "c", "C-1", "z9", "Z"} {
		must[iam.Entity](t)(d.Create(ctx, iam.Entity{Kind: iam.User, Name: n}))
	}
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 9).Draw(t, "limit")
		var names []string
		for marker := ""; ; {
			list, next, err := d.List(ctx, iam.User, iam.Page{Marker: marker, Limit: limit})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				names = append(names, e.Name)
			}
			if marker = next; next == "" {
				break
			}
		}
		if got := strings.Join(names, " "); got != "A b c C-1 c_ Z z9" {
			t.Fatal(got)
		}
	})
}

func FuzzTrustPolicy(f *testing.F) {
	f.Add(`{"Statement":{"Effect":"Allow","Principal":{"Service":["a","b"]},"Action":["sts:AssumeRole"]}}`)
	f.Add(`{"Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:*"}]}`)
	f.Add(`{"Statement":null}`)
	f.Fuzz(func(t *testing.T, document string) {
		if err := iam.ValidateTrustForTest(document); err != nil {
			var m *iam.Error
			if !errors.As(err, &m) || m.Message == "" {
				t.Fatalf("%v", err)
			}
		}
	})
}
