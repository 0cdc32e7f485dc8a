package vault_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
	"github.com/conveyor-cd/conveyor/internal/vault"
)

func TestASecretsLife(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		box, err := secret.New(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		s := vault.New(st, box)
		ctx := t.Context()
		v1, v2 := vault.Version{ID: "v1", Value: []byte("one")}, vault.Version{ID: "v2", Value: []byte("two")}
		for range 2 { // the same again is the same secret
			if err := s.Create(ctx, "db", vault.About{}, &v1); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Create(ctx, "db", vault.About{}, &v2); !errors.Is(err, vault.ErrExists) {
			t.Errorf("made twice: %v", err)
		}
		if stages, err := s.PutValue(ctx, "db", v2); err != nil || !slices.Equal(stages, []string{vault.Current}) {
			t.Errorf("%v, %v", stages, err)
		}
		if _, err := s.PutValue(ctx, "db", vault.Version{ID: "v2", Value: []byte("other")}); !errors.Is(err, vault.ErrOther) {
			t.Errorf("another value under the same id: %v", err)
		}
		value := func(stage, want string) {
			t.Helper()
			if v, err := s.Value(ctx, "db", "", stage); err != nil || !bytes.Equal(v.Value, []byte(want)) {
				t.Errorf("%s is %q, %v", stage, v.Value, err)
			}
		}
		value("", "two")
		value(vault.Previous, "one")
		if err := s.MoveStage(ctx, "db", vault.Current, "", "v1"); !errors.Is(err, vault.ErrStageElsewhere) {
			t.Errorf("moved without saying from where: %v", err)
		}
		if err := s.MoveStage(ctx, "db", vault.Current, "v2", "v1"); err != nil {
			t.Error(err)
		}
		value("", "one")
		value(vault.Previous, "two")

		if _, err := s.Delete(ctx, "db", time.Hour); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Value(ctx, "db", "", ""); !errors.Is(err, vault.ErrDeleted) {
			t.Errorf("deleted: %v", err)
		}
		if err := s.Restore(ctx, "db"); err != nil {
			t.Fatal(err)
		}
		value("", "one")
		if _, err := s.Delete(ctx, "db", 0); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(ctx, "db"); !errors.Is(err, vault.ErrNotFound) {
			t.Errorf("gone: %v", err)
		}
	})
}

func TestNamesOfSecrets(t *testing.T) {
	full := vault.ResourceName("prod/db")
	for _, id := range []string{"prod/db", "arn:aws:secretsmanager:r:a:secret:prod/db", "arn:aws:secretsmanager:r:a:secret:" + full} {
		if got := vault.Name(id); got != "prod/db" {
			t.Errorf("%s is %q", id, got)
		}
	}
}
