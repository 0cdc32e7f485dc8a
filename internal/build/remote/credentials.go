package remote

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Credential is how builds sign in at forges of one kind when their project does not say, without what is secret.
type Credential struct {
	Server   types.ServerType
	Auth     types.AuthType
	Resource string // the ARN of a connection or a secret
}

// Given is what is to be imported. Token is a token or password, or the ARN of a connection or secret.
type Given struct {
	Server      types.ServerType
	Auth        types.AuthType
	User, Token string
}

// Errors of credentials; test with errors.Is.
var (
	ErrNoCredential     = errors.New("there are no source credentials for this kind of server")
	ErrCredentialExists = errors.New("there are source credentials for this kind of server already")
)

// check refuses what could not be used. *build.InvalidError.
func (g Given) check() error {
	switch {
	case g.Auth == types.AuthTypeOauth:
		return build.Invalidf("authType OAUTH cannot be imported: use PERSONAL_ACCESS_TOKEN, or CODECONNECTIONS with the ARN of a connection")
	case g.Auth == types.AuthTypeBasicAuth && g.Server != types.ServerTypeBitbucket:
		return build.Invalidf("authType BASIC_AUTH is for BITBUCKET; use PERSONAL_ACCESS_TOKEN for %s", g.Server)
	case g.Auth == types.AuthTypeBasicAuth && g.User == "":
		return build.Invalidf("username is missing for authType BASIC_AUTH")
	case g.Auth != types.AuthTypeBasicAuth && g.User != "":
		return build.Invalidf("username is only for authType BASIC_AUTH")
	case strings.ContainsAny(g.Token+g.User, "\r\n\x00") || strings.Contains(g.User, ":"):
		return build.Invalidf("the token or the username has a character that cannot be sent")
	case g.Auth == types.AuthTypeCodeconnections && connection.IDOf(g.Token) == "":
		return build.Invalidf("token must be the ARN of a connection for authType CODECONNECTIONS")
	case g.Auth == types.AuthTypeSecretsManager && !strings.HasPrefix(g.Token, "arn:"):
		return build.Invalidf("token must be the ARN of a secret for authType SECRETS_MANAGER")
	}
	return nil
}

func purpose(server types.ServerType) string { return "source credentials " + string(server) }

// Import stores credentials. Without overwrite those that are there stay: ErrCredentialExists. *build.InvalidError.
func (s *Service) Import(ctx context.Context, g Given, overwrite bool) error {
	if err := g.check(); err != nil {
		return err
	}
	if g.Auth == types.AuthTypeCodeconnections {
		if _, err := s.o.Connections.Get(ctx, connection.IDOf(g.Token)); errors.Is(err, connection.ErrNotFound) {
			return build.Invalidf("the connection %s does not exist", g.Token)
		} else if err != nil {
			return err
		}
	}
	resource, sealed := g.Token, ""
	if !byResource(g.Auth) {
		var err error
		if sealed, err = s.o.Box.Seal([]byte(g.Token), purpose(g.Server)); err != nil {
			return err
		}
		resource = ""
	}
	return s.o.Store.InTx(ctx, func(tx store.Tx) error {
		then := `DO NOTHING`
		if overwrite {
			then = `DO UPDATE SET auth = excluded.auth, account = excluded.account, resource = excluded.resource, sealed = excluded.sealed, updated = excluded.updated`
		}
		n, err := tx.Exec(ctx, `INSERT INTO source_credentials (server, auth, account, resource, sealed, updated)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (server) `+then,
			string(g.Server), string(g.Auth), g.User, resource, sealed, store.Micros(tx.Now()))
		if err == nil && n == 0 {
			err = fmt.Errorf("%w: %s", ErrCredentialExists, g.Server)
		}
		return err
	})
}

// byResource tells whether the secret lies with somebody else.
func byResource(a types.AuthType) bool {
	return a == types.AuthTypeCodeconnections || a == types.AuthTypeSecretsManager
}

// List lists the credentials by kind of server.
func (s *Service) List(ctx context.Context) (list []Credential, err error) {
	err = s.o.Store.Read(ctx, func(r store.Reader) error {
		list = nil
		rows, err := r.Query(ctx, `SELECT server, auth, resource FROM source_credentials ORDER BY server`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var c Credential
			if err := rows.Scan(&c.Server, &c.Auth, &c.Resource); err != nil {
				return err
			}
			list = append(list, c)
		}
		return rows.Err()
	})
	return list, err
}

// Delete forgets the credentials for a kind of server. ErrNoCredential.
func (s *Service) Delete(ctx context.Context, server types.ServerType) error {
	return s.o.Store.InTx(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM source_credentials WHERE server = $1`, string(server))
		if err == nil && n == 0 {
			err = fmt.Errorf("%w: %s", ErrNoCredential, server)
		}
		return err
	})
}

// imported opens the credentials for a kind of server; ok is false when there are none.
func (s *Service) imported(ctx context.Context, server types.ServerType) (g Given, ok bool, err error) {
	var resource, sealed string
	g.Server = server
	err = s.o.Store.Read(ctx, func(r store.Reader) error {
		return r.QueryRow(ctx, `SELECT auth, account, resource, sealed FROM source_credentials WHERE server = $1`, string(server)).
			Scan(&g.Auth, &g.User, &resource, &sealed)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return g, false, nil
	}
	if err != nil || sealed == "" {
		g.Token = resource
		return g, true, err
	}
	token, err := s.o.Box.Open(sealed, purpose(server))
	g.Token = string(token)
	return g, true, err
}
