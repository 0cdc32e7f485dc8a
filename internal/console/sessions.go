package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"time"

	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/store"
)

const (
	sessionLife = 12 * time.Hour
	linkLife    = 10 * time.Minute
)

// errSignedOut says that a request has no session, or one that has ended.
var errSignedOut = errors.New("not signed in")

// Keys finds access keys by id. Implemented by *iam.Directory.
type Keys interface {
	AccessKey(ctx context.Context, id string) (iam.AccessKey, error)
}

// sessions remembers who is signed in, for all servers on the database. A session is a reference to an access key: when
// the key goes, so does the session, and what the key may do the session may do.
type sessions struct {
	db   store.Store
	keys Keys
}

// tables of tokens: both work alike, a link's token just works once.
const (
	sessionTable = "console_sessions"
	linkTable    = "console_links"
)

// issue makes a token that stands for an access key.
func (s *sessions) issue(ctx context.Context, table, keyID string, life time.Duration) (string, error) {
	token := rand.Text() + rand.Text()
	err := s.db.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE expires < $1`, store.Micros(tx.Now())); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO `+table+` (hash, key_id, expires) VALUES ($1, $2, $3)`,
			hashOf(token), keyID, store.Micros(tx.Now().Add(life)))
		return err
	})
	return token, err
}

// redeem ends a link's token and returns the access key it stood for.
func (s *sessions) redeem(ctx context.Context, token string) (iam.AccessKey, error) {
	var id string
	err := s.db.InTx(ctx, func(tx store.Tx) error {
		return tx.QueryRow(ctx, `DELETE FROM console_links WHERE hash = $1 AND expires > $2 RETURNING key_id`,
			hashOf(token), store.Micros(tx.Now())).Scan(&id)
	})
	return s.key(ctx, id, err)
}

// find returns the access key of a session.
func (s *sessions) find(ctx context.Context, token string) (iam.AccessKey, error) {
	var id string
	err := s.db.Read(ctx, func(r store.Reader) error {
		return r.QueryRow(ctx, `SELECT key_id FROM console_sessions WHERE hash = $1 AND expires > $2`,
			hashOf(token), store.Micros(r.Now())).Scan(&id)
	})
	return s.key(ctx, id, err)
}

func (s *sessions) key(ctx context.Context, id string, err error) (iam.AccessKey, error) {
	if err == nil {
		var key iam.AccessKey
		if key, err = s.keys.AccessKey(ctx, id); err == nil {
			return key, nil
		}
	}
	if errors.Is(err, sql.ErrNoRows) || errors.Is(err, iam.ErrNoAccessKey) {
		err = errSignedOut
	}
	return iam.AccessKey{}, err
}

func (s *sessions) end(ctx context.Context, token string) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM console_sessions WHERE hash = $1`, hashOf(token))
		return err
	})
}

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
