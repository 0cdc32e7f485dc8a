package connection

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/vcs"
)

// Login is a stored login, without its secrets.
type Login struct {
	Name    string    `json:"name"`
	User    string    `json:"user"`
	For     string    `json:"for"` // the beginning of the URLs it is for
	Updated time.Time `json:"updated"`
}

var loginName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// PutLogin stores, or replaces, how to sign in somewhere. The error is a *RefusedError.
func (s *Store) PutLogin(ctx context.Context, name string, l vcs.Login) error {
	switch {
	case !loginName.MatchString(name):
		return &RefusedError{fmt.Sprintf("%q cannot be the name of a login: use 1 to 64 letters, digits, periods, underscores and dashes.", name)}
	case l.Password == "" && l.PrivateKey == "":
		return &RefusedError{"A login needs a password or an SSH key."}
	case checkFor(l.For) != "":
		return &RefusedError{"A login is for certain URLs: give their beginning, " + checkFor(l.For) + "."}
	case strings.ContainsAny(l.User+l.Password, "\r\n\x00") || strings.Contains(l.User, ":"):
		return &RefusedError{"The user or the password has a character that cannot be sent."}
	}
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	sealed, err := s.box.Seal(text, "login/"+name)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO vcs_logins (name, account, url, sealed, updated) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (name) DO UPDATE SET account = excluded.account, url = excluded.url, sealed = excluded.sealed, updated = excluded.updated`,
			name, l.User, l.For, sealed, store.Micros(tx.Now()))
		return err
	})
}

// checkFor says what the beginning of URLs should have been, or "".
func checkFor(url string) (why string) {
	for _, system := range []vcs.System{vcs.Git, vcs.Subversion, vcs.Mercurial} {
		if why = vcs.CheckURL(system, url); why == "" {
			return ""
		}
	}
	return "such as https://svn.example.com/team"
}

// ErrNotFor says that a login is not for the URL it was to be used for.
var ErrNotFor = errors.New("the login is not for this URL")

// Login opens a stored login for a URL. ErrNotFound, ErrNotFor.
func (s *Store) Login(ctx context.Context, name, url string) (vcs.Login, error) {
	var sealed string
	err := s.db.Read(ctx, func(r store.Reader) error {
		return r.QueryRow(ctx, `SELECT sealed FROM vcs_logins WHERE name = $1`, name).Scan(&sealed)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return vcs.Login{}, ErrNotFound
	}
	if err != nil {
		return vcs.Login{}, err
	}
	text, err := s.box.Open(sealed, "login/"+name)
	if err != nil {
		return vcs.Login{}, err
	}
	var l vcs.Login
	if err := json.Unmarshal(text, &l); err != nil {
		return vcs.Login{}, fmt.Errorf("the login %s is unreadable: %w", name, err)
	}
	if !l.Fits(url) {
		return vcs.Login{}, fmt.Errorf("%w: it is for %s", ErrNotFor, l.For)
	}
	return l, nil
}

// Logins lists the stored logins by name.
func (s *Store) Logins(ctx context.Context) ([]Login, error) {
	var list []Login
	err := s.db.Read(ctx, func(r store.Reader) error {
		list = nil
		rows, err := r.Query(ctx, `SELECT name, account, url, updated FROM vcs_logins ORDER BY name`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var l Login
			var updated int64
			if err := rows.Scan(&l.Name, &l.User, &l.For, &updated); err != nil {
				return err
			}
			l.Updated = store.FromMicros(updated)
			list = append(list, l)
		}
		return rows.Err()
	})
	return list, err
}

// DeleteLogin removes a login. ErrNotFound.
func (s *Store) DeleteLogin(ctx context.Context, name string) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM vcs_logins WHERE name = $1`, name)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		return err
	})
}
