package keyring_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/keyring"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func box(t *testing.T) *secret.Box {
	t.Helper()
	b, err := secret.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Servers that ask at the same time, and after a restart, have the same secret.
func TestServersShareASecret(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		const servers = 8
		macs := make([][]byte, servers)
		var all sync.WaitGroup
		for i := range macs {
			all.Go(func() {
				mac, err := keyring.New(st, box(t)).MAC(t.Context(), "links", "a", "b")
				if err != nil {
					t.Error(err)
				}
				macs[i] = mac
			})
		}
		all.Wait()
		for _, mac := range macs {
			if len(mac) != 32 || !bytes.Equal(mac, macs[0]) {
				t.Errorf("%x is not %x", mac, macs[0])
			}
		}
	})
}

func TestAMACIsOfAListOfTextsAndAKey(t *testing.T) {
	ring := keyring.New(sqltest.SQLite(t), box(t))
	seen := map[string][]string{}
	for _, list := range [][]string{{"k", "ab", "c"}, {"k", "a", "bc"}, {"k", "abc"}, {"k", "abc", ""}, {"k"}, {"other", "abc"}} {
		mac, err := ring.MAC(t.Context(), list[0], list[1:]...)
		if err != nil {
			t.Fatal(err)
		}
		if before, twice := seen[string(mac)]; twice {
			t.Errorf("%q and %q have the same MAC", before, list)
		}
		seen[string(mac)] = list
	}
}
