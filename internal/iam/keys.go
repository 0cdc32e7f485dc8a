package iam

import (
	"context"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// MaxAccessKeys is how many access keys a user can have, so that one can be replaced while the other is in use.
const MaxAccessKeys = 2

// KeyInfo is an access key without its secret.
type KeyInfo struct {
	ID      string
	User    string
	Active  bool
	Created time.Time
}

// CreateAccessKey makes an access key for a user. Its secret cannot be asked for again.
func (d *Directory) CreateAccessKey(ctx context.Context, user string) (AccessKey, KeyInfo, error) {
	key := AccessKey{ID: newID(keyPrefix, keyIDLength), Secret: newSecret()}
	info := KeyInfo{ID: key.ID, Active: true, Created: d.now().UTC().Truncate(time.Second)}
	err := d.write(ctx, func(tx store.Tx) error {
		e, err := d.get(ctx, tx, User, user)
		if err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM iam_access_keys WHERE principal_id = $1`, e.ID).Scan(&n); err != nil {
			return err
		}
		if n >= MaxAccessKeys {
			return mistake(ErrLimitExceeded, "Cannot exceed quota for AccessKeysPerUser: %d", MaxAccessKeys)
		}
		info.User = e.Name
		key.Principal = Principal{Arn: e.Arn, Name: e.Name, UserID: e.ID}
		_, err = tx.Exec(ctx, `INSERT INTO iam_access_keys (id, principal_id, secret, active, created) VALUES ($1, $2, $3, 1, $4)`,
			key.ID, e.ID, key.Secret, store.Micros(info.Created))
		return err
	})
	if err != nil {
		return AccessKey{}, KeyInfo{}, wrap(err, "create an access key for %s", user)
	}
	return key, info, nil
}

// AccessKeys lists the access keys of a user, the oldest first.
func (d *Directory) AccessKeys(ctx context.Context, user string) ([]KeyInfo, error) {
	var list []KeyInfo
	err := d.st.Read(ctx, func(r store.Reader) error {
		e, err := d.get(ctx, r, User, user)
		if err != nil {
			return err
		}
		rows, err := r.Query(ctx, `SELECT id, active, created FROM iam_access_keys WHERE principal_id = $1 ORDER BY created, id`, e.ID)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			k := KeyInfo{User: e.Name}
			var active, created int64
			if err := rows.Scan(&k.ID, &active, &created); err != nil {
				return err
			}
			k.Active, k.Created = active == 1, store.FromMicros(created)
			list = append(list, k)
		}
		return rows.Err()
	})
	return list, wrap(err, "list the access keys of %s", user)
}

// SetAccessKeyActive lets a key sign, or not. An inactive key is unknown to AccessKey.
func (d *Directory) SetAccessKeyActive(ctx context.Context, user, id string, active bool) error {
	n := 0
	if active {
		n = 1
	}
	return d.changeKey(ctx, user, id, `UPDATE iam_access_keys SET active = $3 WHERE principal_id = $1 AND id = $2`, n)
}

// DeleteAccessKey removes a key for good.
func (d *Directory) DeleteAccessKey(ctx context.Context, user, id string) error {
	return d.changeKey(ctx, user, id, `DELETE FROM iam_access_keys WHERE principal_id = $1 AND id = $2`)
}

func (d *Directory) changeKey(ctx context.Context, user, id, statement string, more ...any) error {
	err := d.write(ctx, func(tx store.Tx) error {
		e, err := d.get(ctx, tx, User, user)
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, statement, append([]any{e.ID, id}, more...)...)
		if err == nil && n == 0 {
			return mistake(ErrNoSuchEntity, "The Access Key with id %s cannot be found.", id)
		}
		return err
	})
	return wrap(err, "change access key %s", id)
}
