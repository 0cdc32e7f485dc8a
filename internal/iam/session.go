package iam

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"

	"github.com/versity/versitygw/iamapi/policy"
)

// sessionRemembered is how long a session that has expired is still known, so that its user is told that it has.
const sessionRemembered = 24 * time.Hour

// NewSession makes temporary credentials that stand for arn, may do what document (a policy) allows and nothing else, and
// end after life. They work on every server, also after a restart.
func (d *Directory) NewSession(ctx context.Context, arn, document string, life time.Duration) (AccessKey, error) {
	if err := policy.Parse(document); err != nil {
		return AccessKey{}, malformed(err)
	}
	now := d.now().UTC().Truncate(time.Microsecond)
	key := AccessKey{
		ID: newID(tempPrefix, keyIDLength), Secret: newSecret(), SessionToken: rand.Text() + rand.Text(), Expires: now.Add(life),
		Principal: Principal{Arn: arn, Grant: document},
	}
	key.Principal.UserID = key.ID
	err := d.st.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM iam_sessions WHERE expires < $1`, store.Micros(now.Add(-sessionRemembered))); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO iam_sessions (id, secret, token, arn, policy, expires) VALUES ($1, $2, $3, $4, $5, $6)`,
			key.ID, key.Secret, key.SessionToken, arn, document, store.Micros(key.Expires))
		return err
	})
	return key, wrap(err, "make temporary credentials for %s", arn)
}

// session finds temporary credentials, also some that have expired.
func (d *Directory) session(ctx context.Context, id string) (AccessKey, error) {
	key := AccessKey{ID: id, Principal: Principal{UserID: id}}
	var expires int64
	err := d.st.Read(ctx, func(r store.Reader) error {
		return r.QueryRow(ctx, `SELECT secret, token, arn, policy, expires FROM iam_sessions WHERE id = $1`, id).
			Scan(&key.Secret, &key.SessionToken, &key.Principal.Arn, &key.Principal.Grant, &expires)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return AccessKey{}, ErrNoAccessKey
	}
	if err != nil {
		return AccessKey{}, fmt.Errorf("look up temporary credentials %s: %w", id, err)
	}
	key.Expires = store.FromMicros(expires)
	return key, nil
}
