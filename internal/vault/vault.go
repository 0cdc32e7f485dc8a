// Package vault keeps secrets: named values with versions, of which stages such as AWSCURRENT tell which one counts. Every
// value is sealed before it is stored.
package vault

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// The stages that move by themselves: what is current, and what was before it.
const (
	Current  = "AWSCURRENT"
	Previous = "AWSPREVIOUS"
)

// Limits, as on AWS but for the number of secrets.
const (
	MaxSecrets  = 10000
	MaxVersions = 100 // older ones without a stage go
	MaxStages   = 20  // of one version
)

// What a Store reports.
var (
	ErrNotFound  = errors.New("there is no such secret")
	ErrNoVersion = errors.New("the secret has no such version")
	ErrExists    = errors.New("a secret of this name exists already")
	ErrOther     = errors.New("the secret has a version of this id with another value")
	ErrDeleted   = errors.New("the secret is scheduled for deletion")
	ErrLimit     = fmt.Errorf("there are as many secrets as there may be: %d", MaxSecrets)
	ErrStages    = fmt.Errorf("a version has at most %d stages", MaxStages)
)

// About is what is kept beside a secret's values.
type About struct {
	Description string            `json:"description,omitempty"`
	KeyID       string            `json:"keyId,omitempty"`
	Created     time.Time         `json:"created"`
	Changed     time.Time         `json:"changed"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// Secret is a secret without its values.
type Secret struct {
	Name string
	About
	Deleted  time.Time // when it will be gone; zero when it stays
	Versions []Version // without their values, oldest first
}

// Version is one version of a secret.
type Version struct {
	ID      string
	Stages  []string
	Created time.Time
	Value   []byte
	Binary  bool
}

// Store keeps secrets. Its methods may be called from many goroutines.
type Store struct {
	db  store.Store
	box secret.Sealer
}

// New makes a Store.
func New(db store.Store, box secret.Sealer) *Store { return &Store{db: db, box: box} }

// suffixSize is how many letters follow a secret's name in its ARN.
const suffixSize = 6

// ResourceName is the end of a secret's ARN: its name and a suffix of six letters. On AWS the suffix is random; here it
// follows from the name, so that policies about a secret mean the same however a request names it.
func ResourceName(name string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv" // 48
	sum := sha256.Sum256([]byte("secret " + name))
	b := []byte(name + "-")
	for _, c := range sum[:suffixSize] {
		b = append(b, letters[int(c)%len(letters)])
	}
	return string(b)
}

// Name is the name of the secret that a name, an ARN, or an ARN without its suffix stands for.
func Name(id string) string {
	if !strings.HasPrefix(id, "arn:") {
		return id
	}
	_, rest, ok := strings.Cut(id, ":secret:")
	if !ok {
		return id
	}
	if n := len(rest) - suffixSize - 1; n > 0 && ResourceName(rest[:n]) == rest {
		return rest[:n]
	}
	return rest
}

func purpose(name, id string) string { return "secret " + name + ":" + id }

// read reads a secret inside a transaction. One whose time is over does not exist.
func read(ctx context.Context, r store.Reader, name string) (Secret, error) {
	s := Secret{Name: name}
	var about string
	var deleted int64
	err := r.QueryRow(ctx, `SELECT about, deleted FROM secrets WHERE name = $1`, name).Scan(&about, &deleted)
	if errors.Is(err, sql.ErrNoRows) || err == nil && deleted != 0 && deleted <= store.Micros(r.Now()) {
		return s, ErrNotFound
	}
	if err == nil {
		err = json.Unmarshal([]byte(about), &s.About)
	}
	if err != nil {
		return s, err
	}
	if deleted != 0 {
		s.Deleted = store.FromMicros(deleted)
	}
	s.Versions, err = versions(ctx, r, name)
	return s, err
}

func versions(ctx context.Context, r store.Reader, name string) ([]Version, error) {
	rows, err := r.Query(ctx, `SELECT id, stages, created, bytes FROM secret_versions WHERE secret = $1 ORDER BY created, id`, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Version
	for rows.Next() {
		var v Version
		var stages string
		var created, binary int64
		if err := rows.Scan(&v.ID, &stages, &created, &binary); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(stages), &v.Stages); err != nil {
			return nil, err
		}
		v.Created, v.Binary = store.FromMicros(created), binary == 1
		list = append(list, v)
	}
	return list, rows.Err()
}

func (s Secret) find(match func(Version) bool) (Version, error) {
	if i := slices.IndexFunc(s.Versions, match); i >= 0 {
		return s.Versions[i], nil
	}
	return Version{}, ErrNoVersion
}

// Get reads a secret, also one that is scheduled for deletion.
func (s *Store) Get(ctx context.Context, name string) (out Secret, err error) {
	err = s.db.Read(ctx, func(r store.Reader) error {
		out, err = read(ctx, r, name)
		return err
	})
	return out, err
}

// Value reads a value: of the version id, of the one with a stage, or of the one that has both; of the current one when
// neither is given.
func (s *Store) Value(ctx context.Context, name, id, stage string) (v Version, err error) {
	if id == "" && stage == "" {
		stage = Current
	}
	var sealed string
	err = s.db.Read(ctx, func(r store.Reader) error {
		sec, err := read(ctx, r, name)
		if err != nil {
			return err
		}
		if !sec.Deleted.IsZero() {
			return ErrDeleted
		}
		v, err = sec.find(func(v Version) bool {
			return (id == "" || v.ID == id) && (stage == "" || slices.Contains(v.Stages, stage))
		})
		if err != nil {
			return err
		}
		return r.QueryRow(ctx, `SELECT value FROM secret_versions WHERE secret = $1 AND id = $2`, name, v.ID).Scan(&sealed)
	})
	if err != nil {
		return Version{}, err
	}
	if v.Value, err = s.box.Open(sealed, purpose(name, v.ID)); err != nil {
		return Version{}, fmt.Errorf("secret %s: %w", name, err)
	}
	return v, nil
}

// List lists all secrets, in the order of their names.
func (s *Store) List(ctx context.Context) ([]Secret, error) {
	var list []Secret
	err := s.db.Read(ctx, func(r store.Reader) error {
		list = nil
		names, err := store.Strings(ctx, r, `SELECT name FROM secrets ORDER BY name`)
		if err != nil {
			return err
		}
		for _, name := range names {
			sec, err := read(ctx, r, name)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			list = append(list, sec)
		}
		return nil
	})
	return list, err
}

// same reports whether a stored value is v's.
func (s *Store) same(ctx context.Context, tx store.Tx, name string, v Version) (bool, error) {
	var sealed string
	if err := tx.QueryRow(ctx, `SELECT value FROM secret_versions WHERE secret = $1 AND id = $2`, name, v.ID).Scan(&sealed); err != nil {
		return false, err
	}
	plain, err := s.box.Open(sealed, purpose(name, v.ID))
	return subtle.ConstantTimeCompare(plain, v.Value) == 1, err
}
