package iam

import (
	"context"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// MaxGroups is how many groups a user can be in.
const MaxGroups = 10

// AddToGroup puts a user into a group. One that is in it already stays.
func (d *Directory) AddToGroup(ctx context.Context, group, user string) error {
	err := d.member(ctx, group, user, func(tx store.Tx, g, u Entity) error {
		if _, err := tx.Exec(ctx, `INSERT INTO iam_members (group_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, g.ID, u.ID); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM iam_members WHERE user_id = $1`, u.ID).Scan(&n); err != nil {
			return err
		}
		if n > MaxGroups {
			return mistake(ErrLimitExceeded, "Cannot exceed quota for GroupsPerUser: %d", MaxGroups)
		}
		return nil
	})
	return wrap(err, "add %s to the group %s", user, group)
}

// RemoveFromGroup takes a user out of a group.
func (d *Directory) RemoveFromGroup(ctx context.Context, group, user string) error {
	err := d.member(ctx, group, user, func(tx store.Tx, g, u Entity) error {
		_, err := tx.Exec(ctx, `DELETE FROM iam_members WHERE group_id = $1 AND user_id = $2`, g.ID, u.ID)
		return err
	})
	return wrap(err, "remove %s from the group %s", user, group)
}

func (d *Directory) member(ctx context.Context, group, user string, f func(tx store.Tx, g, u Entity) error) error {
	return d.write(ctx, func(tx store.Tx) error {
		g, err := d.get(ctx, tx, Group, group)
		if err != nil {
			return err
		}
		u, err := d.get(ctx, tx, User, user)
		if err != nil {
			return err
		}
		return f(tx, g, u)
	})
}

// GroupsOf lists the groups a user is in, by name.
func (d *Directory) GroupsOf(ctx context.Context, user string) (list []Entity, err error) {
	err = d.st.Read(ctx, func(r store.Reader) error {
		e, err := d.get(ctx, r, User, user)
		if err == nil {
			list, err = d.groupsOf(ctx, r, e.ID)
		}
		return err
	})
	return list, wrap(err, "list the groups of %s", user)
}

func (d *Directory) groupsOf(ctx context.Context, r store.Reader, user string) ([]Entity, error) {
	return d.entities(ctx, r, selectEntity+` WHERE id IN (SELECT group_id FROM iam_members WHERE user_id = $1) ORDER BY name_key`, user)
}

// Members lists the users in a group, by name.
func (d *Directory) Members(ctx context.Context, group string) (list []Entity, err error) {
	err = d.st.Read(ctx, func(r store.Reader) error {
		e, err := d.get(ctx, r, Group, group)
		if err == nil {
			list, err = d.entities(ctx, r, selectEntity+` WHERE id IN (SELECT user_id FROM iam_members WHERE group_id = $1) ORDER BY name_key`, e.ID)
		}
		return err
	})
	return list, wrap(err, "list the users in the group %s", group)
}

func (d *Directory) entities(ctx context.Context, r store.Reader, query string, args ...any) ([]Entity, error) {
	rows, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Entity
	for rows.Next() {
		e, err := d.scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, rows.Err()
}
