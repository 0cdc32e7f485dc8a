// Package connection keeps how this server reaches forges (AWS: connections and hosts) and other version control: where
// they are, and the credentials, which nobody can read back.
//
// A connection is made PENDING and becomes AVAILABLE when somebody gives it credentials that its forge accepts.
package connection

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Status is how far a connection is.
type Status string

// The statuses, as AWS calls them.
const (
	Pending   Status = "PENDING"
	Available Status = "AVAILABLE"
	// Errored: the forge takes its credentials no more. It is used all the same, and AVAILABLE again once it works.
	Errored Status = "ERROR"
)

// Errors of Store; test with errors.Is.
var (
	ErrNotFound = errors.New("there is no such connection, host or login")
	ErrLimit    = errors.New("there are as many as there may be")
	ErrInUse    = errors.New("it is in use")
	// ErrPending: the connection has no credentials yet.
	ErrPending = errors.New("the connection is pending: nobody has given it credentials")
)

// Connection is a connection as it is stored, without its credentials.
type Connection struct {
	ID       string `json:"id"`
	Service  string `json:"service"` // in its ARN
	Name     string `json:"name"`
	Provider string `json:"provider"` // AWS: ProviderType
	HostID   string `json:"hostId,omitempty"`
	Status   Status `json:"status"`
	// Software and Endpoint are known once there are credentials, and Login, as whom they are known there.
	Software forge.Kind `json:"software,omitempty"`
	Endpoint string     `json:"endpoint,omitempty"`
	Login    string     `json:"login,omitempty"`
	Problem  string     `json:"problem,omitempty"` // why it is ERROR
	Created  time.Time  `json:"created"`
}

// Host is a forge of one's own.
type Host struct {
	ID, Service, Name, Provider, Endpoint string
	Created                               time.Time
}

// SoftwareTag is the tag of a connection or host that says which software answers there, for those that cannot be told
// apart by asking.
const SoftwareTag = "ConveyorForge"

// Options tune a Store. The zero value is ready to use.
type Options struct {
	Forge forge.Options
	// MaxConnections and MaxHosts are how many there may be; default 50, AWS's quota is that, too.
	MaxConnections, MaxHosts int
}

// Store keeps connections, hosts and logins. Its methods may be called from many goroutines.
type Store struct {
	db   store.Store
	box  secret.Sealer
	opts Options

	mu    sync.Mutex
	known map[string]opened // forges by connection
}

// opened is a forge that was opened with certain credentials. It is kept because tokens of apps are worth keeping.
type opened struct {
	sealed string
	forge  forge.Forge
}

// New makes a Store.
func New(db store.Store, box secret.Sealer, o Options) *Store {
	if o.MaxConnections == 0 {
		o.MaxConnections = 50
	}
	if o.MaxHosts == 0 {
		o.MaxHosts = 50
	}
	return &Store{db: db, box: box, opts: o, known: map[string]opened{}}
}

// row is a connection with its sealed credentials.
type row struct {
	Connection
	sealed string
}

const selectConnection = `SELECT id, service, name, provider, host_id, status, software, endpoint, login, problem, credentials, created FROM connections `

func scan(r interface{ Scan(...any) error }) (row, error) {
	var c row
	var created int64
	err := r.Scan(&c.ID, &c.Service, &c.Name, &c.Provider, &c.HostID, &c.Status, &c.Software, &c.Endpoint, &c.Login, &c.Problem, &c.sealed, &created)
	c.Created = store.FromMicros(created)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return c, err
}

func (s *Store) read(ctx context.Context, id string) (c row, err error) {
	err = s.db.Read(ctx, func(r store.Reader) error {
		c, err = scan(r.QueryRow(ctx, selectConnection+`WHERE id = $1`, id))
		return err
	})
	return c, err
}

// Get reads a connection. ErrNotFound.
func (s *Store) Get(ctx context.Context, id string) (Connection, error) {
	c, err := s.read(ctx, id)
	return c.Connection, err
}

// Create makes a pending connection of c's service, name and provider, or host; with a host the provider is the host's.
// ErrLimit, ErrNotFound for the host.
func (s *Store) Create(ctx context.Context, c Connection, tags map[string]string) (Connection, error) {
	c.ID, c.Status = uuid.NewString(), Pending
	err := s.db.InTx(ctx, func(tx store.Tx) error {
		if err := room(ctx, tx, `connections`, s.opts.MaxConnections); err != nil {
			return err
		}
		if c.HostID != "" {
			h, err := host(ctx, tx, c.HostID)
			if err != nil {
				return err
			}
			c.Provider = h.Provider
		}
		c.Created = tx.Now()
		_, err := tx.Exec(ctx, `
			INSERT INTO connections (id, service, name, provider, host_id, status, software, endpoint, login, credentials, created)
			VALUES ($1, $2, $3, $4, $5, $6, '', '', '', '', $7)`,
			c.ID, c.Service, c.Name, c.Provider, c.HostID, string(c.Status), store.Micros(c.Created))
		if err != nil {
			return err
		}
		return setTags(ctx, tx, connectionTags(c.ID), tags)
	})
	return c, err
}

func room(ctx context.Context, r store.Reader, table string, most int) error {
	var n int
	if err := r.QueryRow(ctx, `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil {
		return err
	}
	if n >= most {
		return fmt.Errorf("%w: %d", ErrLimit, n)
	}
	return nil
}

// Query chooses connections, in the order of their ids.
type Query struct {
	Provider, HostID string // "": any
	After            string // only ids after this one
	Limit            int
}

// List lists connections.
func (s *Store) List(ctx context.Context, q Query) ([]Connection, error) {
	var list []Connection
	err := s.db.Read(ctx, func(r store.Reader) error {
		list = nil
		rows, err := r.Query(ctx, selectConnection+`
			WHERE id > $1 AND ($2 = '' OR provider = $2) AND ($3 = '' OR host_id = $3) ORDER BY id LIMIT $4`, q.After, q.Provider, q.HostID, q.Limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			c, err := scan(rows)
			if err != nil {
				return err
			}
			list = append(list, c.Connection)
		}
		return rows.Err()
	})
	return list, err
}

// Delete removes a connection with its credentials. ErrNotFound.
func (s *Store) Delete(ctx context.Context, id string) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM connections WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNotFound
		}
		return dropTags(ctx, tx, connectionTags(id))
	})
}

// Authorization is what makes a connection available.
type Authorization struct {
	forge.Credentials
	// Endpoint is where the forge is; "" is the connection's host or, without one, the cloud's.
	Endpoint string `json:"endpoint,omitempty"`
	// Software is what answers there; "" is found out.
	Software forge.Kind `json:"software,omitempty"`
}

// RefusedError says why an authorization was not accepted; nothing has changed then.
type RefusedError struct{ Why string }

func (e *RefusedError) Error() string { return e.Why }

// Authorize gives a connection credentials, after the forge has accepted them. What was there before is replaced.
// ErrNotFound; a *RefusedError otherwise.
func (s *Store) Authorize(ctx context.Context, id string, a Authorization) (Connection, error) {
	c, err := s.read(ctx, id)
	if err != nil {
		return Connection{}, err
	}
	if err := s.locate(ctx, c.Connection, &a); err != nil {
		return Connection{}, err
	}
	f, err := forge.Open(a.Software, a.Endpoint, a.Credentials, s.opts.Forge)
	if err != nil {
		return Connection{}, &RefusedError{err.Error()}
	}
	login, err := f.Whoami(ctx)
	if err != nil {
		return Connection{}, &RefusedError{"The forge does not accept the credentials: " + err.Error()}
	}
	text, err := json.Marshal(a.Credentials)
	if err != nil {
		return Connection{}, err
	}
	if c.sealed, err = s.box.Seal(text, connectionTags(id)); err != nil {
		return Connection{}, err
	}
	c.Status, c.Software, c.Endpoint, c.Login, c.Problem = Available, a.Software, a.Endpoint, login, ""
	err = s.db.InTx(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE connections SET status = $2, software = $3, endpoint = $4, login = $5, credentials = $6, problem = '' WHERE id = $1`,
			id, string(c.Status), string(c.Software), c.Endpoint, c.Login, c.sealed)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		return err
	})
	return c.Connection, err
}

// clouds are the providers of AWS that need no host.
var clouds = map[string]forge.Kind{"GitHub": forge.GitHub, "GitLab": forge.GitLab, "Bitbucket": forge.Bitbucket}

// locate completes where the forge is and what it is.
func (s *Store) locate(ctx context.Context, c Connection, a *Authorization) error {
	tags, err := s.softwareTags(ctx, c)
	if err != nil {
		return err
	}
	if a.Software == "" {
		a.Software = forge.Kind(tags)
	}
	if a.Endpoint == "" && c.HostID != "" {
		err := s.db.Read(ctx, func(r store.Reader) error {
			h, err := host(ctx, r, c.HostID)
			a.Endpoint = h.Endpoint
			return err
		})
		if err != nil {
			return err
		}
	}
	if kind, ok := clouds[c.Provider]; ok && a.Endpoint == "" {
		a.Endpoint = forge.Endpoint(kind)
		if a.Software == "" || a.Software == kind {
			a.Software = kind
			return nil
		}
	}
	if a.Software != "" {
		return nil
	}
	a.Software, err = forge.Probe(ctx, a.Endpoint, s.opts.Forge)
	if err != nil {
		return &RefusedError{fmt.Sprintf("What answers at %s could not be found out: %v. Say which software it is: one of %v.", a.Endpoint, err, forge.Kinds())}
	}
	return nil
}

// softwareTags is what the tags of a connection, or else of its host, say about the software.
func (s *Store) softwareTags(ctx context.Context, c Connection) (string, error) {
	resources := []string{connectionTags(c.ID)}
	if c.HostID != "" {
		resources = append(resources, hostTags(c.HostID))
	}
	for _, resource := range resources {
		tags, err := s.tags(ctx, resource)
		if err != nil || tags[SoftwareTag] != "" {
			return tags[SoftwareTag], err
		}
	}
	return "", nil
}

// Forge opens the forge of a connection. Its methods report ErrRefused, and the connection is ERROR then, when it does not take
// the credentials. ErrNotFound, ErrPending.
func (s *Store) Forge(ctx context.Context, id string) (forge.Forge, error) {
	c, err := s.read(ctx, id)
	if err != nil {
		return nil, err
	}
	if c.sealed == "" {
		return nil, ErrPending
	}
	f, err := s.open(c)
	if err != nil {
		return nil, err
	}
	return watched{f, s, c}, nil
}

// open opens the forge of a connection, or finds it open.
func (s *Store) open(c row) (forge.Forge, error) {
	id := c.ID
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.known[id]; o.sealed == c.sealed {
		return o.forge, nil
	}
	text, err := s.box.Open(c.sealed, connectionTags(id))
	if err != nil {
		return nil, err
	}
	var creds forge.Credentials
	if err := json.Unmarshal(text, &creds); err != nil {
		return nil, fmt.Errorf("the credentials of connection %s are unreadable: %w", id, err)
	}
	f, err := forge.Open(c.Software, c.Endpoint, creds, s.opts.Forge)
	if err == nil {
		s.known[id] = opened{c.sealed, f}
	}
	return f, err
}

// IDOf is the end of the ARN of a connection, which has two spellings; "" when it is none.
func IDOf(arn string) string {
	m := arnPattern.FindStringSubmatch(arn)
	if m == nil {
		return ""
	}
	return m[1]
}

var arnPattern = regexp.MustCompile(`^arn:aws[a-z-]*:(?:codeconnections|codestar-connections):[a-z0-9-]+:[0-9]{12}:connection/([A-Za-z0-9-]+)$`)
