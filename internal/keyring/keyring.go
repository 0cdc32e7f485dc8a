// Package keyring keeps the secrets that all servers on one database share, such as the keys of signatures. A secret is
// made when it is first asked for, lies sealed in the database, and never changes.
package keyring

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Ring finds secrets by name. Its methods may be called from many goroutines, but not inside a transaction.
type Ring struct {
	db  store.Store
	box secret.Sealer

	mu   sync.Mutex
	seen map[string]string
}

// New makes a Ring.
func New(db store.Store, box secret.Sealer) *Ring {
	return &Ring{db: db, box: box, seen: map[string]string{}}
}

// Get returns a secret. fresh makes it when no server has yet; of several that are made at once, one is kept and
// returned to all.
func (r *Ring) Get(ctx context.Context, name string, fresh func() (string, error)) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if secret, ok := r.seen[name]; ok {
		return secret, nil
	}
	sealed, err := r.read(ctx, name)
	if err == nil && sealed == "" {
		sealed, err = r.make(ctx, name, fresh)
	}
	var plain []byte
	if err == nil {
		plain, err = r.box.Open(sealed, purpose+name)
	}
	if err != nil {
		return "", fmt.Errorf("the secret %s: %w", name, err)
	}
	r.seen[name] = string(plain)
	return string(plain), nil
}

// purpose begins what the ring's secrets are sealed for.
const purpose = "server key "

func (r *Ring) read(ctx context.Context, name string) (sealed string, err error) {
	err = r.db.Read(ctx, func(tx store.Reader) error {
		return tx.QueryRow(ctx, `SELECT COALESCE(MAX(material), '') FROM server_keys WHERE name = $1`, name).Scan(&sealed)
	})
	return sealed, err
}

func (r *Ring) make(ctx context.Context, name string, fresh func() (string, error)) (sealed string, err error) {
	made, err := fresh()
	if err != nil {
		return "", err
	}
	if made, err = r.box.Seal([]byte(made), purpose+name); err != nil {
		return "", err
	}
	err = r.db.InTx(ctx, func(tx store.Tx) error {
		return tx.QueryRow(ctx, `INSERT INTO server_keys (name, material) VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET material = server_keys.material RETURNING material`, name, made).Scan(&sealed)
	})
	return sealed, err
}

// MAC authenticates texts with the key of that name: HMAC-SHA256, over the texts with their lengths, so that no two lists
// of texts have the same. Compare it with hmac.Equal.
func (r *Ring) MAC(ctx context.Context, name string, texts ...string) ([]byte, error) {
	key, err := r.Get(ctx, name, func() (string, error) { return rand.Text() + rand.Text(), nil })
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, []byte(key))
	for _, t := range texts {
		mac.Write(binary.AppendUvarint(nil, uint64(len(t))))
		mac.Write([]byte(t))
	}
	return mac.Sum(nil), nil
}
