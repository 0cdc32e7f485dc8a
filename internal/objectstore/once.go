package objectstore

import (
	"context"
	"errors"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// keepTokens is how long it is remembered what was published under a token: longer than any job is delivered again.
const keepTokens = 7 * 24 * time.Hour

// errPublished undoes a transaction whose token another one has redeemed.
var errPublished = errors.New("published before")

func ignorePublished(err error) error {
	if errors.Is(err, errPublished) {
		return nil
	}
	return err
}

// published spares the work that redeem would throw away.
func (s *Store) published(ctx context.Context, token string) (bool, error) {
	n := 0
	err := s.db.Read(ctx, func(r store.Reader) error {
		return r.QueryRow(ctx, `SELECT count(*) FROM publications WHERE token = $1`, token).Scan(&n)
	})
	return n > 0, err
}

// redeem lets one transaction for ever publish under a token; all others get errPublished. "" is no token.
func (s *Store) redeem(ctx context.Context, tx store.Tx, token string) error {
	if token == "" {
		return nil
	}
	n, err := tx.Exec(ctx, `INSERT INTO publications (token, published_at) VALUES ($1, $2) ON CONFLICT (token) DO NOTHING`,
		token, store.Micros(s.now()))
	if err == nil && n == 0 {
		err = errPublished
	}
	return err
}

func (s *Store) sweepTokens(ctx context.Context) error {
	return s.inTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM publications WHERE published_at < $1`, store.Micros(s.now().Add(-keepTokens)))
		return err
	})
}
