package event

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// The ways operations on connections and API destinations fail.
var (
	ErrNoConnection  = errors.New("there is no such connection")
	ErrNoDestination = errors.New("there is no such API destination")
	ErrExists        = errors.New("it exists already")
	ErrInUse         = errors.New("it is used")
)

// Connection is how the server proves itself to an HTTP endpoint.
type Connection struct {
	Name string
	ARN  string
	// Definition is what may be shown; Secret is what was put, and is only given to those who send.
	Definition        json.RawMessage
	Secret            json.RawMessage
	Created, Modified time.Time

	id, sealed string
}

// Destination is an HTTP endpoint that is sent to over a connection.
type Destination struct {
	Name              string
	ARN               string
	Connection        string // name
	Definition        json.RawMessage
	Created, Modified time.Time

	id string
}

// purpose binds a sealed secret to its connection.
func (c Connection) purpose() string { return "event connection " + c.id }

func (s *Service) seal(c *Connection) (err error) {
	c.sealed, err = s.sealer.Seal(c.Secret, c.purpose())
	return err
}

// ConnectionARN and DestinationARN are the names of a connection and an API destination; the ids change when one is made
// anew.
func (s *Service) connectionARN(name, id string) string {
	return s.arn("connection/" + name + "/" + id)
}

func (s *Service) destinationARN(name, id string) string {
	return s.arn("api-destination/" + name + "/" + id)
}

// ConnectionName is the name in the ARN of a connection.
func (s *Service) ConnectionName(arn string) (string, bool) { return s.nameIn(arn, "connection/") }

func (s *Service) nameIn(arn, kind string) (string, bool) {
	rest, ok := strings.CutPrefix(arn, s.arn(kind))
	name, _, _ := strings.Cut(rest, "/")
	return name, ok && name != ""
}

// CreateConnection makes a connection, or reports ErrExists.
func (s *Service) CreateConnection(ctx context.Context, c Connection) (Connection, error) {
	c.id = uuid.NewString()
	if err := s.seal(&c); err != nil {
		return c, err
	}
	err := s.changeRules(ctx, func(tx store.Tx) error {
		if _, err := s.connection(ctx, tx, c.Name); !errors.Is(err, ErrNoConnection) {
			return orExists(err)
		}
		c.Created, c.Modified = tx.Now(), tx.Now()
		_, err := tx.Exec(ctx, `INSERT INTO event_connections (name, id, definition, sealed, created, modified) VALUES ($1, $2, $3, $4, $5, $5)`,
			c.Name, c.id, string(c.Definition), c.sealed, store.Micros(c.Created))
		return err
	})
	c.ARN = s.connectionARN(c.Name, c.id)
	return c, err
}

func orExists(err error) error {
	if err == nil {
		return ErrExists
	}
	return err
}

// UpdateConnection replaces a connection by what change makes of it.
func (s *Service) UpdateConnection(ctx context.Context, name string, change func(*Connection) error) (c Connection, err error) {
	err = s.changeRules(ctx, func(tx store.Tx) error {
		if c, err = s.connection(ctx, tx, name); err != nil {
			return err
		}
		if err := s.open(&c); err != nil {
			return err
		}
		if err := change(&c); err != nil {
			return err
		}
		if err := s.seal(&c); err != nil {
			return err
		}
		c.Modified = tx.Now()
		_, err := tx.Exec(ctx, `UPDATE event_connections SET definition = $2, sealed = $3, modified = $4 WHERE name = $1`,
			name, string(c.Definition), c.sealed, store.Micros(c.Modified))
		return err
	})
	return c, err
}

func (s *Service) open(c *Connection) error {
	plain, err := s.sealer.Open(c.sealed, c.purpose())
	c.Secret = plain
	return err
}

const selectConnection = `SELECT name, id, definition, sealed, created, modified FROM event_connections `

func (s *Service) scanConnection(row interface{ Scan(...any) error }) (c Connection, err error) {
	var definition string
	var created, modified int64
	err = row.Scan(&c.Name, &c.id, &definition, &c.sealed, &created, &modified)
	c.ARN, c.Definition = s.connectionARN(c.Name, c.id), json.RawMessage(definition)
	c.Created, c.Modified = store.FromMicros(created), store.FromMicros(modified)
	return c, err
}

func (s *Service) connection(ctx context.Context, r store.Reader, name string) (Connection, error) {
	c, err := s.scanConnection(r.QueryRow(ctx, selectConnection+`WHERE name = $1`, name))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNoConnection
	}
	return c, err
}

// Connection reads a connection, without its secret.
func (s *Service) Connection(ctx context.Context, name string) (c Connection, err error) {
	err = s.store.Read(ctx, func(r store.Reader) error {
		c, err = s.connection(ctx, r, name)
		return err
	})
	return c, err
}

// Connections lists connections by name.
func (s *Service) Connections(ctx context.Context, prefix, after string, limit int) (list []Connection, err error) {
	err = s.store.Read(ctx, func(r store.Reader) error {
		list = nil
		rows, err := r.Query(ctx, selectConnection+`WHERE name > $1 AND substr(name, 1, length($2)) = $2 ORDER BY name LIMIT $3`, after, prefix, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			c, err := s.scanConnection(rows)
			if err != nil {
				return err
			}
			list = append(list, c)
		}
		return rows.Err()
	})
	return list, err
}

// DeleteConnection deletes a connection that no API destination uses.
func (s *Service) DeleteConnection(ctx context.Context, name string) (c Connection, err error) {
	err = s.changeRules(ctx, func(tx store.Tx) error {
		if c, err = s.connection(ctx, tx, name); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM event_destinations WHERE connection = $1`, name).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("%w by %d API destinations", ErrInUse, n)
		}
		_, err := tx.Exec(ctx, `DELETE FROM event_connections WHERE name = $1`, name)
		return err
	})
	return c, err
}

// PutDestination makes an API destination, or changes the one of that name when again is set.
func (s *Service) PutDestination(ctx context.Context, d Destination, again bool) (Destination, error) {
	err := s.changeRules(ctx, func(tx store.Tx) error {
		if _, err := s.connection(ctx, tx, d.Connection); err != nil {
			return err
		}
		before, err := s.destination(ctx, tx, d.Name)
		if again && err != nil {
			return err
		}
		if !again && !errors.Is(err, ErrNoDestination) {
			return orExists(err)
		}
		d.Created, d.Modified, d.id = before.Created, tx.Now(), before.id
		if !again {
			d.Created, d.id = tx.Now(), uuid.NewString()
		}
		_, err = tx.Exec(ctx, `INSERT INTO event_destinations (name, id, connection, definition, created, modified) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (name) DO UPDATE SET connection = excluded.connection, definition = excluded.definition, modified = excluded.modified`,
			d.Name, d.id, d.Connection, string(d.Definition), store.Micros(d.Created), store.Micros(d.Modified))
		return err
	})
	d.ARN = s.destinationARN(d.Name, d.id)
	return d, err
}

const selectDestination = `SELECT name, id, connection, definition, created, modified FROM event_destinations `

func (s *Service) scanDestination(row interface{ Scan(...any) error }) (d Destination, err error) {
	var definition string
	var created, modified int64
	err = row.Scan(&d.Name, &d.id, &d.Connection, &definition, &created, &modified)
	d.ARN, d.Definition = s.destinationARN(d.Name, d.id), json.RawMessage(definition)
	d.Created, d.Modified = store.FromMicros(created), store.FromMicros(modified)
	return d, err
}

func (s *Service) destination(ctx context.Context, r store.Reader, name string) (Destination, error) {
	d, err := s.scanDestination(r.QueryRow(ctx, selectDestination+`WHERE name = $1`, name))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNoDestination
	}
	return d, err
}

// Destination reads an API destination.
func (s *Service) Destination(ctx context.Context, name string) (d Destination, err error) {
	err = s.store.Read(ctx, func(r store.Reader) error {
		d, err = s.destination(ctx, r, name)
		return err
	})
	return d, err
}

// Destinations lists API destinations by name; those of a connection, when that is given.
func (s *Service) Destinations(ctx context.Context, prefix, connection, after string, limit int) (list []Destination, err error) {
	err = s.store.Read(ctx, func(r store.Reader) error {
		list = nil
		rows, err := r.Query(ctx, selectDestination+`WHERE name > $1 AND substr(name, 1, length($2)) = $2 AND ($3 = '' OR connection = $3)
			ORDER BY name LIMIT $4`, after, prefix, connection, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			d, err := s.scanDestination(rows)
			if err != nil {
				return err
			}
			list = append(list, d)
		}
		return rows.Err()
	})
	return list, err
}

// DeleteDestination deletes an API destination. What is yet to be sent to it becomes dead letters.
func (s *Service) DeleteDestination(ctx context.Context, name string) error {
	return s.changeRules(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM event_destinations WHERE name = $1`, name)
		if err == nil && n == 0 {
			err = ErrNoDestination
		}
		return err
	})
}
