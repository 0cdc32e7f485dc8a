package iam

import (
	"context"
	"database/sql"
	"errors"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Standing is who a principal is to lists of people, such as those who may approve something.
type Standing struct {
	// Self tells one from another: user/NAME or role/NAME. All sessions of a role are one, and so are a user and the
	// temporary credentials made with its keys, whatever name they were given. Empty for one who is not known.
	Self string
	// Names are what a list may call it by: its ARN and name, and those of its groups.
	Names []string
}

// Standing finds out who p is. Of one who is neither root nor a user or role of this directory only the ARN is known.
func (d *Directory) Standing(ctx context.Context, p Principal) (Standing, error) {
	id := p.Owner
	if id == "" {
		id = p.UserID
	}
	if p.Root || id == d.account {
		root := d.root.Principal.Arn
		return Standing{Self: root, Names: []string{root}}, nil
	}
	standing := Standing{Names: []string{p.Arn}}
	err := d.st.Read(ctx, func(r store.Reader) error {
		e, err := d.scan(r.QueryRow(ctx, selectEntity+` WHERE id = $1`, id))
		if err != nil {
			return err
		}
		groups, err := d.groupsOf(ctx, r, e.ID)
		if err != nil {
			return err
		}
		standing = Standing{Self: string(e.Kind) + "/" + e.Name}
		for _, known := range append([]Entity{e}, groups...) {
			standing.Names = append(standing.Names, known.Arn, known.Name)
		}
		return nil
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return standing, wrap(err, "find out who %s is", p.Arn)
}
