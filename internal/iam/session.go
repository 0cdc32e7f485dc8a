package iam

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// sessionRemembered is how long a session that has expired is still known, so that its user is told that it has.
const sessionRemembered = 24 * time.Hour

// NewSession makes temporary credentials that stand for arn, may do what document (a policy) allows and nothing else, and
// end after life. They work on every server, also after a restart.
func (d *Directory) NewSession(ctx context.Context, arn, document string, life time.Duration) (AccessKey, error) {
	return d.StartSession(ctx, Session{Principal: Principal{Arn: arn}, Limits: []string{document}, Life: life})
}

// Session is what temporary credentials are made of.
type Session struct {
	// Principal is who they stand for. Its policies are those of the user or role Owner; without one they have none, and
	// Limits alone says what they may do. An empty UserID becomes the access key id.
	Principal Principal
	// Limits are policies (documents) all but one of which may be silent, but which no action may do without.
	Limits []string
	Life   time.Duration
	// Issuer is the id of the access key the session was asked for with, when it is to end with that key.
	Issuer string
}

// StartSession makes temporary credentials. They work on every server, also after a restart, until their time is over, or
// their user, role or issuer is gone.
func (d *Directory) StartSession(ctx context.Context, s Session) (AccessKey, error) {
	for _, document := range s.Limits {
		if err := parse(document); err != nil {
			return AccessKey{}, err
		}
	}
	now := d.now().UTC().Truncate(time.Microsecond)
	key := AccessKey{
		ID: newID(tempPrefix, keyIDLength), Secret: newSecret(), SessionToken: rand.Text() + rand.Text(), Expires: now.Add(s.Life),
		Principal: s.Principal,
	}
	if len(s.Limits) > 0 || !s.Principal.Root && s.Principal.Owner == "" {
		key.Principal.Grant = grantOf(s.Limits)
	}
	if key.Principal.UserID == "" {
		key.Principal.UserID = key.ID
	}
	p := key.Principal
	err := d.st.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM iam_sessions WHERE expires < $1`, store.Micros(now.Add(-sessionRemembered))); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO iam_sessions (id, secret, token, arn, policy, expires, owner, user_id, role_arn, issuer, root)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			key.ID, key.Secret, key.SessionToken, p.Arn, p.Grant, store.Micros(key.Expires), p.Owner, p.UserID, p.RoleArn, s.Issuer, flag(p.Root))
		return err
	})
	return key, wrap(err, "make temporary credentials for %s", p.Arn)
}

// EndSession ends temporary credentials before their time.
func (d *Directory) EndSession(ctx context.Context, id string) error {
	err := d.write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM iam_sessions WHERE id = $1`, id)
		return err
	})
	return wrap(err, "end the temporary credentials %s", id)
}

// session finds temporary credentials, also some that have expired, but none whose user, role or issuer is gone.
func (d *Directory) session(ctx context.Context, id string) (AccessKey, error) {
	key := AccessKey{ID: id}
	p := &key.Principal
	var expires, root int64
	var issuer string
	err := d.st.Read(ctx, func(r store.Reader) error {
		err := r.QueryRow(ctx, `SELECT secret, token, arn, policy, expires, owner, user_id, role_arn, issuer, root FROM iam_sessions WHERE id = $1`, id).
			Scan(&key.Secret, &key.SessionToken, &p.Arn, &p.Grant, &expires, &p.Owner, &p.UserID, &p.RoleArn, &issuer, &root)
		if err != nil {
			return err
		}
		if p.Owner != "" {
			if err := r.QueryRow(ctx, `SELECT name FROM iam_principals WHERE id = $1`, p.Owner).Scan(&p.Name); err != nil {
				return err
			}
		}
		if issuer != "" && issuer != d.root.ID {
			var active int
			return r.QueryRow(ctx, `SELECT active FROM iam_access_keys WHERE id = $1 AND active = 1`, issuer).Scan(&active)
		}
		return nil
	})
	if errors.Is(err, sql.ErrNoRows) {
		return AccessKey{}, ErrNoAccessKey
	}
	if err != nil {
		return AccessKey{}, fmt.Errorf("look up temporary credentials %s: %w", id, err)
	}
	p.Root = root == 1
	if p.UserID == "" {
		p.UserID = id
	}
	key.Expires = store.FromMicros(expires)
	return key, nil
}

// grantOf is how a principal carries the policies that limit its session: one as it is, several as a list.
func grantOf(documents []string) string {
	if len(documents) == 1 {
		return documents[0]
	}
	if len(documents) == 0 {
		return "[]"
	}
	b, err := json.Marshal(documents)
	if err != nil {
		panic(err) // texts always have a JSON form
	}
	return string(b)
}

// grants undoes grantOf.
func grants(grant string) []string {
	if grant == "" {
		return nil
	}
	var list []string
	if grant[0] == '[' && json.Unmarshal([]byte(grant), &list) == nil {
		return list
	}
	return []string{grant}
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
