package connection

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"

	"github.com/conveyor-cd/conveyor/internal/store"
)

const selectHost = `SELECT id, service, name, provider, endpoint, created FROM connection_hosts `

func scanHost(r interface{ Scan(...any) error }) (Host, error) {
	var h Host
	var created int64
	err := r.Scan(&h.ID, &h.Service, &h.Name, &h.Provider, &h.Endpoint, &created)
	h.Created = store.FromMicros(created)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return h, err
}

func host(ctx context.Context, r store.Reader, id string) (Host, error) {
	return scanHost(r.QueryRow(ctx, selectHost+`WHERE id = $1`, id))
}

// CreateHost makes a host of h's service, name, provider and endpoint. ErrLimit.
func (s *Store) CreateHost(ctx context.Context, h Host, tags map[string]string) (Host, error) {
	end := make([]byte, 4)
	_, _ = rand.Read(end) // never fails
	h.ID = h.Name + "-" + hex.EncodeToString(end)
	err := s.db.InTx(ctx, func(tx store.Tx) error {
		if err := room(ctx, tx, `connection_hosts`, s.opts.MaxHosts); err != nil {
			return err
		}
		h.Created = tx.Now()
		_, err := tx.Exec(ctx, `INSERT INTO connection_hosts (id, service, name, provider, endpoint, created) VALUES ($1, $2, $3, $4, $5, $6)`,
			h.ID, h.Service, h.Name, h.Provider, h.Endpoint, store.Micros(h.Created))
		if err != nil {
			return err
		}
		return setTags(ctx, tx, hostTags(h.ID), tags)
	})
	return h, err
}

// GetHost reads a host. ErrNotFound.
func (s *Store) GetHost(ctx context.Context, id string) (h Host, err error) {
	err = s.db.Read(ctx, func(r store.Reader) error {
		h, err = host(ctx, r, id)
		return err
	})
	return h, err
}

// MoveHost gives a host another endpoint. Its connections have to be authorized again to be found there. ErrNotFound.
func (s *Store) MoveHost(ctx context.Context, id, endpoint string) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE connection_hosts SET endpoint = $2 WHERE id = $1`, id, endpoint)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNotFound
		}
		// Credentials go where they were meant to go, never to another host.
		_, err = tx.Exec(ctx, `UPDATE connections SET status = $2, credentials = '', software = '', endpoint = '', login = '', problem = '' WHERE host_id = $1 AND endpoint <> $3`,
			id, string(Pending), endpoint)
		return err
	})
}

// DeleteHost removes a host. ErrNotFound, ErrInUse while a connection needs it.
func (s *Store) DeleteHost(ctx context.Context, id string) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		var users int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM connections WHERE host_id = $1`, id).Scan(&users); err != nil {
			return err
		}
		if users > 0 {
			return ErrInUse
		}
		n, err := tx.Exec(ctx, `DELETE FROM connection_hosts WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNotFound
		}
		return dropTags(ctx, tx, hostTags(id))
	})
}

// ListHosts lists hosts in the order of their ids, after one.
func (s *Store) ListHosts(ctx context.Context, after string, limit int) ([]Host, error) {
	var list []Host
	err := s.db.Read(ctx, func(r store.Reader) error {
		list = nil
		rows, err := r.Query(ctx, selectHost+`WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			h, err := scanHost(rows)
			if err != nil {
				return err
			}
			list = append(list, h)
		}
		return rows.Err()
	})
	return list, err
}
