// Package parameter keeps parameters: named values with versions, in hierarchies. Values of the kind SecureString are sealed
// before they are stored.
package parameter

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Secure is the kind of parameters whose values are sealed. Others are String and StringList.
const Secure = "SecureString"

// Limits, as on AWS.
const (
	MaxParameters = 10000
	MaxVersions   = 100
	MaxLabels     = 10 // of one version
)

// What a Store reports.
var (
	ErrNotFound  = errors.New("there is no such parameter")
	ErrNoVersion = errors.New("the parameter has no such version or label")
	ErrNoKind    = errors.New("a new parameter needs a kind")
	ErrExists    = errors.New("the parameter exists already")
	ErrLimit     = fmt.Errorf("there are as many parameters as there may be: %d", MaxParameters)
	ErrVersions  = fmt.Errorf("the parameter has %d versions, and its oldest has a label, so that it cannot make room: move the label", MaxVersions)
	ErrLabels    = fmt.Errorf("a version has at most %d labels", MaxLabels)
)

// About is what is kept beside the value of a version.
type About struct {
	Description    string `json:"description,omitempty"`
	DataType       string `json:"dataType,omitempty"`
	Tier           string `json:"tier,omitempty"`
	AllowedPattern string `json:"allowedPattern,omitempty"`
	KeyID          string `json:"keyId,omitempty"`
	User           string `json:"user,omitempty"` // who put it
}

// Version is one version of a parameter.
type Version struct {
	Name     string
	Number   int64
	Kind     string
	Stored   string // the value as it is stored: sealed when the kind is Secure. See Store.Value.
	About    About
	Labels   []string
	Modified time.Time
	Tags     map[string]string // of the parameter
}

// Store keeps parameters. Its methods may be called from many goroutines.
type Store struct {
	db  store.Store
	box secret.Sealer
}

// New makes a Store.
func New(db store.Store, box secret.Sealer) *Store { return &Store{db: db, box: box} }

func purpose(name string, number int64) string {
	return "parameter " + name + ":" + strconv.FormatInt(number, 10)
}

// Value is the value of a version as it was put.
func (s *Store) Value(v Version) (string, error) {
	if v.Kind != Secure {
		return v.Stored, nil
	}
	plain, err := s.box.Open(v.Stored, purpose(v.Name, v.Number))
	if err != nil {
		return "", fmt.Errorf("parameter %s: %w", v.Name, err)
	}
	return string(plain), nil
}

// Put makes a parameter, or, when overwrite is set, another version of one. Of v, Name, Kind, Stored (the plain value) and
// About count; an empty Kind is that of the version before. tags count for a new parameter. It returns the version's number.
func (s *Store) Put(ctx context.Context, v Version, overwrite bool, tags map[string]string) (number int64, err error) {
	text, err := json.Marshal(tags)
	if err != nil {
		return 0, err
	}
	err = s.db.InTx(ctx, func(tx store.Tx) error {
		number = 1
		fresh, err := s.insert(ctx, tx, v.Name, string(text))
		if err != nil {
			return err
		}
		if !fresh {
			if !overwrite {
				return ErrExists
			}
			if number, err = s.next(ctx, tx, v.Name); err != nil {
				return err
			}
		}
		return s.store(ctx, tx, v, number)
	})
	return number, err
}

func (s *Store) insert(ctx context.Context, tx store.Tx, name, tags string) (bool, error) {
	n, err := tx.Exec(ctx, `INSERT INTO parameters (name, version, tags) VALUES ($1, 1, $2) ON CONFLICT (name) DO NOTHING`, name, tags)
	if err != nil || n == 0 {
		return false, err
	}
	var all int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM parameters`).Scan(&all); err != nil {
		return false, err
	}
	if all > MaxParameters {
		return false, ErrLimit
	}
	return true, nil
}

// next counts the versions of a parameter up, and makes room for one: the oldest goes, unless it has a label.
func (s *Store) next(ctx context.Context, tx store.Tx, name string) (int64, error) {
	var number int64
	if err := tx.QueryRow(ctx, `UPDATE parameters SET version = version + 1 WHERE name = $1 RETURNING version`, name).Scan(&number); err != nil {
		return 0, err
	}
	var labels string
	oldest := number - MaxVersions
	err := tx.QueryRow(ctx, `SELECT labels FROM parameter_versions WHERE name = $1 AND version = $2`, name, oldest).Scan(&labels)
	if errors.Is(err, sql.ErrNoRows) {
		return number, nil
	}
	if err == nil && labels != "[]" {
		err = ErrVersions
	}
	if err == nil {
		_, err = tx.Exec(ctx, `DELETE FROM parameter_versions WHERE name = $1 AND version = $2`, name, oldest)
	}
	return number, err
}

// inherit gives a version what was left out and the version before has: its kind and its description.
func (s *Store) inherit(ctx context.Context, tx store.Tx, v *Version, before int64) error {
	var kind, text string
	err := tx.QueryRow(ctx, `SELECT kind, about FROM parameter_versions WHERE name = $1 AND version = $2`, v.Name, before).Scan(&kind, &text)
	if errors.Is(err, sql.ErrNoRows) {
		if v.Kind == "" {
			return ErrNoKind
		}
		return nil
	}
	var about About
	if err == nil {
		err = json.Unmarshal([]byte(text), &about)
	}
	v.Kind, v.About.Description = cmp.Or(v.Kind, kind), cmp.Or(v.About.Description, about.Description)
	return err
}

func (s *Store) store(ctx context.Context, tx store.Tx, v Version, number int64) error {
	if err := s.inherit(ctx, tx, &v, number-1); err != nil {
		return err
	}
	if v.Kind == Secure {
		sealed, err := s.box.Seal([]byte(v.Stored), purpose(v.Name, number))
		if err != nil {
			return err
		}
		v.Stored = sealed
	}
	about, err := json.Marshal(v.About)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO parameter_versions (name, version, kind, value, about, labels, modified) VALUES ($1, $2, $3, $4, $5, '[]', $6)`,
		v.Name, number, v.Kind, v.Stored, string(about), store.Micros(tx.Now()))
	return err
}

const selectVersion = `SELECT p.name, v.version, v.kind, v.value, v.about, v.labels, v.modified, p.tags
	FROM parameters p JOIN parameter_versions v ON v.name = p.name `

func scan(row interface{ Scan(...any) error }) (Version, error) {
	var v Version
	var about, labels, tags string
	var modified int64
	if err := row.Scan(&v.Name, &v.Number, &v.Kind, &v.Stored, &about, &labels, &modified, &tags); err != nil {
		return v, err
	}
	v.Modified = store.FromMicros(modified)
	return v, errors.Join(json.Unmarshal([]byte(about), &v.About), json.Unmarshal([]byte(labels), &v.Labels), json.Unmarshal([]byte(tags), &v.Tags))
}

// Split takes the selector, a version's number or a label, from the end of a parameter's name.
func Split(name string) (bare, selector string) {
	bare, selector, _ = strings.Cut(name, ":")
	return bare, selector
}

// Find reads the version that a name or an ARN, with or without a selector, stands for. The ARNs of /a and a are the same;
// it is that of a when both exist.
func (s *Store) Find(ctx context.Context, id string) (Version, error) {
	_, rest, isARN := strings.Cut(id, ":parameter/")
	if !isARN {
		name, selector := Split(id)
		return s.Get(ctx, name, selector)
	}
	name, selector := Split(rest)
	v, err := Version{}, ErrNotFound
	if !strings.Contains(name, "/") {
		v, err = s.Get(ctx, name, selector)
	}
	if errors.Is(err, ErrNotFound) {
		v, err = s.Get(ctx, "/"+name, selector)
	}
	return v, err
}

// Get reads a version of a parameter: the one with the number or label that selector is, or the newest.
func (s *Store) Get(ctx context.Context, name, selector string) (Version, error) {
	versions, err := s.History(ctx, name)
	if err != nil {
		return Version{}, err
	}
	if selector == "" {
		return versions[len(versions)-1], nil
	}
	for _, v := range versions {
		if strconv.FormatInt(v.Number, 10) == selector || slices.Contains(v.Labels, selector) {
			return v, nil
		}
	}
	return Version{}, ErrNoVersion
}

// History lists the versions of a parameter, oldest first.
func (s *Store) History(ctx context.Context, name string) ([]Version, error) {
	list, err := s.read(ctx, selectVersion+`WHERE p.name = $1 ORDER BY v.version`, name)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	return list, err
}

// Query chooses parameters, in the order of their names.
type Query struct {
	After string // only names after this one
	Path  string // "": all; else only what is below it
	Match func(Version) bool
	Limit int
}

// List lists the newest versions of parameters.
func (s *Store) List(ctx context.Context, q Query) ([]Version, error) {
	all, err := s.read(ctx, selectVersion+`AND v.version = p.version WHERE p.name > $1 AND substr(p.name, 1, length($2)) = $2 ORDER BY p.name`, q.After, q.Path)
	var list []Version
	for _, v := range all {
		if len(list) < q.Limit && (q.Match == nil || q.Match(v)) {
			list = append(list, v)
		}
	}
	return list, err
}

func (s *Store) read(ctx context.Context, query string, args ...any) ([]Version, error) {
	var list []Version
	err := s.db.Read(ctx, func(r store.Reader) error {
		list = nil
		rows, err := r.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			v, err := scan(rows)
			if err != nil {
				return err
			}
			list = append(list, v)
		}
		return rows.Err()
	})
	return list, err
}

// Delete deletes parameters with all their versions and returns the names of those there were.
func (s *Store) Delete(ctx context.Context, names ...string) (deleted []string, err error) {
	err = s.db.InTx(ctx, func(tx store.Tx) error {
		deleted = nil
		for _, name := range names {
			n, err := tx.Exec(ctx, `DELETE FROM parameters WHERE name = $1`, name)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `DELETE FROM parameter_versions WHERE name = $1`, name); err != nil {
				return err
			}
			if n > 0 {
				deleted = append(deleted, name)
			}
		}
		return nil
	})
	return deleted, err
}

// Tag changes the tags of a parameter with f, which may refuse.
func (s *Store) Tag(ctx context.Context, name string, f func(map[string]string) error) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		var text string
		err := tx.QueryRow(ctx, `UPDATE parameters SET tags = tags WHERE name = $1 RETURNING tags`, name).Scan(&text)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		tags := map[string]string{}
		if err == nil {
			err = json.Unmarshal([]byte(text), &tags)
		}
		if err != nil {
			return err
		}
		if tags == nil {
			tags = map[string]string{}
		}
		if err := f(tags); err != nil {
			return err
		}
		out, err := json.Marshal(tags)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE parameters SET tags = $2 WHERE name = $1`, name, string(out))
		return err
	})
}
