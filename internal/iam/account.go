package iam

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Counts is how many there are of what an account has.
type Counts struct{ Users, Groups, Roles, Policies, Versions int }

// Count counts what the account has.
func (d *Directory) Count(ctx context.Context) (n Counts, err error) {
	err = d.st.Read(ctx, func(r store.Reader) error {
		return r.QueryRow(ctx, `SELECT
			(SELECT COUNT(*) FROM iam_principals WHERE kind = 'user'), (SELECT COUNT(*) FROM iam_principals WHERE kind = 'group'),
			(SELECT COUNT(*) FROM iam_principals WHERE kind = 'role'), (SELECT COUNT(*) FROM iam_policies),
			(SELECT COUNT(*) FROM iam_policy_versions)`).Scan(&n.Users, &n.Groups, &n.Roles, &n.Policies, &n.Versions)
	})
	return n, wrap(err, "count what the account has")
}

// SetAlias gives the account a name; it has one at most.
func (d *Directory) SetAlias(ctx context.Context, alias string) error {
	err := d.st.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM iam_aliases`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO iam_aliases (alias) VALUES ($1)`, alias)
		return err
	})
	return wrap(err, "set the account's alias")
}

// DeleteAlias takes the account's name away.
func (d *Directory) DeleteAlias(ctx context.Context, alias string) error {
	err := d.st.InTx(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM iam_aliases WHERE alias = $1`, alias)
		if err == nil && n == 0 {
			return mistake(ErrNoSuchEntity, "The account alias %s cannot be found.", alias)
		}
		return err
	})
	return wrap(err, "delete the account's alias")
}

// Aliases lists the account's name, if it has one.
func (d *Directory) Aliases(ctx context.Context) (names []string, err error) {
	err = d.st.Read(ctx, func(r store.Reader) error {
		names, err = store.Strings(ctx, r, `SELECT alias FROM iam_aliases`)
		return err
	})
	return names, wrap(err, "read the account's alias")
}

// Use is when an access key signed last.
type Use struct {
	User    string
	At      time.Time // zero: never
	Service string
}

// LastUse tells when an access key signed last, to the hour.
func (d *Directory) LastUse(ctx context.Context, id string) (Use, error) {
	var u Use
	var at int64
	err := d.st.Read(ctx, func(r store.Reader) error {
		return r.QueryRow(ctx, `SELECT p.name, k.used, k.used_service FROM iam_access_keys k JOIN iam_principals p ON p.id = k.principal_id
			WHERE k.id = $1`, id).Scan(&u.User, &at, &u.Service)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return Use{}, mistake(ErrNoSuchEntity, "The Access Key with id %s cannot be found.", id)
	}
	if at > 0 {
		u.At = store.FromMicros(at)
	}
	return u, wrap(err, "read the last use of access key %s", id)
}

// usedEvery is how exactly the last use of access keys is known.
const usedEvery = time.Hour

// NoteUse remembers that the access key of a user has signed a request for a service, once an hour.
func (d *Directory) NoteUse(ctx context.Context, id, service string) error {
	if id == d.root.ID || strings.HasPrefix(id, tempPrefix) {
		return nil
	}
	_, err := d.used.get(id, func() (struct{}, error) {
		now := d.now()
		return struct{}{}, d.st.InTx(ctx, func(tx store.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE iam_access_keys SET used = $2, used_service = $3 WHERE id = $1 AND used < $4`,
				id, store.Micros(now.Truncate(time.Second)), service, store.Micros(now.Add(-usedEvery)))
			return err
		})
	})
	return wrap(err, "note the use of access key %s", id)
}
