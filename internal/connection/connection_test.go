package connection_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/forge/forgetest"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
	"github.com/conveyor-cd/conveyor/internal/vcs"
)

func newStore(t *testing.T, st store.Store, dir string) *connection.Store {
	t.Helper()
	box, err := secret.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return connection.New(st, box, connection.Options{})
}

func TestCredentialsAreSealedAndOpenedByServersWithTheKey(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		d := forgetest.New(forge.Gitea, "t0ken")
		defer d.Server.Close()
		dir, ctx := t.TempDir(), t.Context()
		s := newStore(t, st, dir)
		c, err := s.Create(ctx, connection.Connection{Service: "codeconnections", Name: "x", Provider: "GitHub"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Forge(ctx, c.ID); !errors.Is(err, connection.ErrPending) {
			t.Errorf("pending: %v", err)
		}
		a := connection.Authorization{Endpoint: d.Server.URL, Credentials: forge.Credentials{Token: "t0ken"}}
		if c, err = s.Authorize(ctx, c.ID, a); err != nil || c.Status != connection.Available || c.Software != forge.Gitea || c.Login != "robot" {
			t.Fatalf("%+v, %v", c, err)
		}
		if err := s.PutLogin(ctx, "svn", vcs.Login{User: "u", Password: "s3cret", For: "https://svn.example.com"}); err != nil {
			t.Fatal(err)
		}
		err = st.Read(ctx, func(r store.Reader) error {
			texts, err := store.Strings(ctx, r, `SELECT credentials FROM connections UNION ALL SELECT sealed FROM vcs_logins`)
			for _, text := range texts {
				if text == "" || strings.Contains(text, "t0ken") || strings.Contains(text, "s3cret") {
					t.Errorf("the database holds %q", text)
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		other := newStore(t, st, dir)
		if f, err := other.Forge(ctx, c.ID); err != nil || f.Kind() != forge.Gitea {
			t.Errorf("another server: %v, %v", f, err)
		}
		if l, err := other.Login(ctx, "svn", "https://svn.example.com/site"); err != nil || l.Password != "s3cret" {
			t.Errorf("%+v, %v", l, err)
		}
		if _, err := other.Login(ctx, "svn", "https://svn.example.com.evil.org"); !errors.Is(err, connection.ErrNotFor) {
			t.Errorf("elsewhere: %v", err)
		}
		stranger := newStore(t, st, t.TempDir())
		if _, err := stranger.Forge(ctx, c.ID); !errors.Is(err, secret.ErrCannotOpen) {
			t.Errorf("a server with another key: %v", err)
		}
		if err := s.Delete(ctx, c.ID); err != nil {
			t.Error(err)
		}
		if _, err := s.Forge(ctx, c.ID); !errors.Is(err, connection.ErrNotFound) {
			t.Errorf("deleted: %v", err)
		}
	})
}

func TestIDOf(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:codeconnections:us-east-1:000000000000:connection/a-1":         "a-1",
		"arn:aws-cn:codestar-connections:eu-west-1:000000000000:connection/a-1": "a-1",
		"arn:aws:codeconnections:us-east-1:000000000000:host/a-1":               "",
		"arn:aws:codecommit:us-east-1:000000000000:connection/a":                "",
		"x arn:aws:codeconnections:us-east-1:000000000000:connection/a\nb":      "",
		"": "",
		"arn:aws:codeconnections:us-east-1:000000000000:connection/a/../b%2fc d": "",
	} {
		if got := connection.IDOf(arn); got != want {
			t.Errorf("%q: %q", arn, got)
		}
	}
}

// TestCredentialsThatEnd: a connection whose token was revoked is ERROR and says why, and AVAILABLE again when the token is
// taken again, or another one is given.
func TestCredentialsThatEnd(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		for _, kind := range forge.Kinds() {
			d := forgetest.New(kind, "t0ken")
			defer d.Server.Close()
			d.Add("acme/site", d.Server.URL+"/acme/site.git", map[string]string{"main": strings.Repeat("a", 40)})
			ctx, s := t.Context(), newStore(t, st, t.TempDir())
			c, err := s.Create(ctx, connection.Connection{Service: "codeconnections", Name: "x", Provider: "GitHub"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			authorize := func(token string) {
				t.Helper()
				a := connection.Authorization{Endpoint: d.Server.URL, Software: kind, Credentials: forge.Credentials{Token: token}}
				if _, err := s.Authorize(ctx, c.ID, a); err != nil {
					t.Fatal(err)
				}
			}
			takes := func(token string) {
				d.Lock()
				defer d.Unlock()
				d.Token = token
			}
			uses := func(repository string) error {
				t.Helper()
				f, err := s.Forge(ctx, c.ID)
				if err != nil {
					t.Fatal(err)
				}
				_, err = f.Head(ctx, repository, "main")
				return err
			}
			is := func(status connection.Status) {
				t.Helper()
				if got, err := s.Get(ctx, c.ID); err != nil || got.Status != status || (got.Problem != "") != (status == connection.Errored) {
					t.Errorf("%s: %+v, %v, want %s", kind, got, err, status)
				}
			}
			authorize("t0ken")
			if err := uses("acme/other"); !errors.Is(err, forge.ErrNotFound) || errors.Is(err, connection.ErrRefused) {
				t.Errorf("%s: %v", kind, err)
			}
			is(connection.Available)
			takes("another")
			if err := uses("acme/site"); !errors.Is(err, connection.ErrRefused) || !errors.Is(err, forge.ErrDenied) {
				t.Errorf("%s: %v", kind, err)
			}
			is(connection.Errored)
			takes("t0ken")
			if err := uses("acme/site"); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
			is(connection.Available)
			takes("another")
			_ = uses("acme/site")
			is(connection.Errored)
			authorize("another")
			is(connection.Available)
		}
	})
}
