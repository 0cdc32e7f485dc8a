package iam

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Kind tells users, roles and groups apart.
type Kind string

// The kinds of principals.
const (
	User Kind = "user"
	Role Kind = "role"
	// Group is no principal, nothing can sign as one; but it has a name, a path and policies as they do.
	Group Kind = "group"
)

// Entity is a user, a role or a group.
type Entity struct {
	Kind    Kind
	ID      string // AIDA..., AROA... or AGPA..., never used again
	Name    string
	Path    string // begins and ends with a slash
	Arn     string
	Tags    []Tag // by key
	Created time.Time
	// Boundary is the ARN of the policy that is the permissions boundary; empty: none.
	Boundary string

	// Of roles only.
	Trust       string // the trust policy as it was written
	Description string
	MaxSession  time.Duration
}

// Tag is a label.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// MaxTags is how many tags a user or role can have.
const MaxTags = 50

const defaultMaxSession = time.Hour

// Create adds a user or role; Kind and Name must be set. ID, Arn and Created are filled in.
func (d *Directory) Create(ctx context.Context, e Entity) (Entity, error) {
	if e.Path == "" {
		e.Path = "/"
	}
	prefix := map[Kind]string{User: userPrefix, Role: rolePrefix, Group: groupPrefix}[e.Kind]
	if e.Kind == Role {
		if err := validateTrust(e.Trust); err != nil {
			return Entity{}, err
		}
	}
	if e.MaxSession == 0 {
		e.MaxSession = defaultMaxSession
	}
	var err error
	if e.Tags, err = mergeTags(nil, e.Tags); err != nil {
		return Entity{}, err
	}
	e.ID = newID(prefix, principalIDLength)
	e.Arn = d.arn(e.Kind, e.Path, e.Name)
	e.Created = d.now().UTC().Truncate(time.Second)
	err = d.write(ctx, func(tx store.Tx) error {
		if err := d.boundaryExists(ctx, tx, e.Boundary); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `INSERT INTO iam_principals
			(id, kind, name, name_key, path, description, trust, max_session, boundary, tags, created)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`,
			e.ID, string(e.Kind), e.Name, nameKey(e.Name), e.Path, e.Description, e.Trust,
			int64(e.MaxSession/time.Second), e.Boundary, tagsJSON(e.Tags), store.Micros(e.Created))
		if err == nil && n == 0 {
			return mistake(ErrAlreadyExists, "%s with name %s already exists.", e.Kind.title(), e.Name)
		}
		return err
	})
	if err != nil {
		return Entity{}, wrap(err, "create %s %s", e.Kind, e.Name)
	}
	return e, nil
}

// Get finds a user or role by name, in any case.
func (d *Directory) Get(ctx context.Context, kind Kind, name string) (Entity, error) {
	var e Entity
	err := d.st.Read(ctx, func(r store.Reader) (err error) {
		e, err = d.get(ctx, r, kind, name)
		return err
	})
	return e, wrap(err, "get %s %s", kind, name)
}

// FindUser finds a user by name or ARN.
func (d *Directory) FindUser(ctx context.Context, nameOrArn string) (Entity, error) {
	if !strings.HasPrefix(nameOrArn, "arn:") {
		return d.Get(ctx, User, nameOrArn)
	}
	e, err := d.Get(ctx, User, nameOrArn[strings.LastIndexByte(nameOrArn, '/')+1:])
	if err == nil && e.Arn != nameOrArn {
		return Entity{}, mistake(ErrNoSuchEntity, "The user %s cannot be found.", nameOrArn)
	}
	return e, err
}

// ByID finds a user or role by its unique id.
func (d *Directory) ByID(ctx context.Context, id string) (Entity, error) {
	var e Entity
	err := d.st.Read(ctx, func(r store.Reader) (err error) {
		e, err = d.scan(r.QueryRow(ctx, selectEntity+` WHERE id = $1`, id))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return Entity{}, mistake(ErrNoSuchEntity, "The user with id %s cannot be found.", id)
	}
	return e, wrap(err, "get principal %s", id)
}

// Update changes a user or role. f may change Name, Path, Tags, Boundary, Trust, Description and MaxSession; the error
// it returns is passed on.
func (d *Directory) Update(ctx context.Context, kind Kind, name string, f func(*Entity) error) (Entity, error) {
	var e Entity
	err := d.write(ctx, func(tx store.Tx) (err error) {
		if e, err = d.get(ctx, tx, kind, name); err != nil {
			return err
		}
		trust, boundary := e.Trust, e.Boundary
		if err := f(&e); err != nil {
			return err
		}
		if e.Boundary != boundary {
			if err := d.boundaryExists(ctx, tx, e.Boundary); err != nil {
				return err
			}
		}
		if e.Trust != trust {
			if err := validateTrust(e.Trust); err != nil {
				return err
			}
		}
		if nameKey(e.Name) != nameKey(name) {
			if _, err := d.get(ctx, tx, kind, e.Name); err == nil {
				return mistake(ErrAlreadyExists, "%s with name %s already exists.", kind.title(), e.Name)
			}
		}
		e.Arn = d.arn(kind, e.Path, e.Name)
		_, err = tx.Exec(ctx, `UPDATE iam_principals SET name = $2, name_key = $3, path = $4, description = $5,
			trust = $6, max_session = $7, boundary = $8, tags = $9 WHERE id = $1`,
			e.ID, e.Name, nameKey(e.Name), e.Path, e.Description, e.Trust, int64(e.MaxSession/time.Second), e.Boundary, tagsJSON(e.Tags))
		return err
	})
	return e, wrap(err, "update %s %s", kind, name)
}

// Tag adds tags, replacing those with the same keys.
func (d *Directory) Tag(ctx context.Context, kind Kind, name string, tags []Tag) error {
	_, err := d.Update(ctx, kind, name, func(e *Entity) (err error) {
		e.Tags, err = mergeTags(e.Tags, tags)
		return err
	})
	return err
}

// Untag removes tags; keys that are not there are ignored.
func (d *Directory) Untag(ctx context.Context, kind Kind, name string, keys []string) error {
	_, err := d.Update(ctx, kind, name, func(e *Entity) error {
		e.Tags = slices.DeleteFunc(e.Tags, func(t Tag) bool { return slices.Contains(keys, t.Key) })
		return nil
	})
	return err
}

// Delete removes a user, role or group to which nothing belongs any more, and ends the sessions of a user or role.
func (d *Directory) Delete(ctx context.Context, kind Kind, name string) error {
	err := d.write(ctx, func(tx store.Tx) error {
		e, err := d.get(ctx, tx, kind, name)
		if err != nil {
			return err
		}
		for _, holds := range holdings {
			var n int
			if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM `+holds.what+` = $1`, e.ID).Scan(&n); err != nil {
				return err
			}
			if n > 0 {
				return mistake(ErrDeleteConflict, "Cannot delete entity, must %s first.", holds.must)
			}
		}
		if _, err := tx.Exec(ctx, `DELETE FROM iam_sessions WHERE owner = $1`, e.ID); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM iam_principals WHERE id = $1`, e.ID)
		return err
	})
	return wrap(err, "delete %s %s", kind, name)
}

// holdings are what keeps an entity from being deleted.
var holdings = []struct{ what, must string }{
	{"iam_access_keys WHERE principal_id", "delete access keys"},
	{"iam_inline_policies WHERE principal_id", "delete policies"},
	{"iam_attachments WHERE principal_id", "detach all policies"},
	{"iam_members WHERE group_id", "remove users from group"},
	{"iam_members WHERE user_id", "remove user from all groups"},
}

// Page asks for a part of a list.
type Page struct {
	PathPrefix string
	Marker     string // where the page before ended; empty for the first
	Limit      int    // 0 means 100
}

// List lists users or roles by name. next is the marker of the next page, empty at the end.
func (d *Directory) List(ctx context.Context, kind Kind, p Page) (list []Entity, next string, err error) {
	limit := cmp.Or(p.Limit, 100)
	err = d.st.Read(ctx, func(r store.Reader) error {
		rows, err := r.Query(ctx, selectEntity+` WHERE kind = $1 AND name_key > $2 AND substr(path, 1, $3) = $4
			ORDER BY name_key LIMIT $5`, string(kind), p.Marker, len([]rune(p.PathPrefix)), p.PathPrefix, limit+1)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			e, err := d.scan(rows)
			if err != nil {
				return err
			}
			list = append(list, e)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, "", wrap(err, "list %ss", kind)
	}
	if len(list) > limit {
		list = list[:limit]
		next = nameKey(list[limit-1].Name)
	}
	return list, next, nil
}

const selectEntity = `SELECT id, kind, name, path, description, trust, max_session, boundary, tags, created FROM iam_principals`

func (d *Directory) get(ctx context.Context, r store.Reader, kind Kind, name string) (Entity, error) {
	e, err := d.scan(r.QueryRow(ctx, selectEntity+` WHERE kind = $1 AND name_key = $2`, string(kind), nameKey(name)))
	if errors.Is(err, sql.ErrNoRows) {
		return Entity{}, mistake(ErrNoSuchEntity, "The %s with name %s cannot be found.", kind, name)
	}
	return e, err
}

func (d *Directory) scan(row interface{ Scan(...any) error }) (Entity, error) {
	var e Entity
	var seconds, created int64
	var tags string
	if err := row.Scan(&e.ID, &e.Kind, &e.Name, &e.Path, &e.Description, &e.Trust, &seconds, &e.Boundary, &tags, &created); err != nil {
		return Entity{}, err
	}
	e.MaxSession = time.Duration(seconds) * time.Second
	e.Created = store.FromMicros(created)
	e.Arn = d.arn(e.Kind, e.Path, e.Name)
	if err := json.Unmarshal([]byte(tags), &e.Tags); err != nil {
		return Entity{}, fmt.Errorf("tags of %s: %w", e.Arn, err)
	}
	return e, nil
}

func (k Kind) title() string { return strings.ToUpper(string(k[:1])) + string(k[1:]) }

func nameKey(name string) string { return strings.ToLower(name) }

func tagsJSON(tags []Tag) string {
	if len(tags) == 0 {
		return "[]"
	}
	b, err := json.Marshal(tags)
	if err != nil {
		panic(err) // two strings always have a JSON form
	}
	return string(b)
}

// mergeTags lays tags over old. Keys are compared without case, as IAM does.
func mergeTags(old, tags []Tag) ([]Tag, error) {
	merged := slices.Clone(old)
	given := map[string]bool{}
	for _, t := range tags {
		key := strings.ToLower(t.Key)
		if given[key] {
			return nil, mistake(ErrInvalidInput, "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		given[key] = true
		if strings.HasPrefix(key, "aws:") {
			return nil, mistake(ErrInvalidInput, "The tag key %s is reserved: keys may not begin with aws:.", t.Key)
		}
		if i := slices.IndexFunc(merged, func(o Tag) bool { return strings.EqualFold(o.Key, t.Key) }); i >= 0 {
			merged[i] = t
		} else {
			merged = append(merged, t)
		}
	}
	if len(merged) > MaxTags {
		return nil, mistake(ErrLimitExceeded, "The number of tags would be %d, the most is %d.", len(merged), MaxTags)
	}
	slices.SortFunc(merged, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	return merged, nil
}

// wrap says what failed, except for mistakes, whose text is for the one who made them.
func wrap(err error, format string, args ...any) error {
	var m *Error
	if err == nil || errors.As(err, &m) {
		return err
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
