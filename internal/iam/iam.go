// Package iam keeps who may use the server: the root credentials, users and their access keys, groups, roles and their
// sessions, and the policies written inside them or attached to them.
//
// It is storage with rules; the IAM and STS protocols are internal/awsapi/iam and internal/awsapi/sts. Everything but
// the root credentials (see Root) lives in the database. The secrets of access keys lie there as they are, because a
// signature can only be verified with the secret itself: whoever reads the database or its backups can sign.
package iam

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// AccessKey is a pair a request can be signed with, and who it stands for.
type AccessKey struct {
	ID     string
	Secret string
	// SessionToken must accompany requests signed with temporary credentials; empty for lasting ones.
	SessionToken string
	// Expires is when temporary credentials end; zero for lasting ones.
	Expires   time.Time
	Principal Principal
}

// Principal is a user, a role's session, or root.
type Principal struct {
	Arn    string
	Name   string // the user's or role's name; empty for root
	UserID string
	Root   bool
	// Owner is the id of the user or role whose policies bind a session. Empty for a user's lasting keys, and for sessions
	// that have nothing but their Grant.
	Owner string
	// RoleArn is the role a session is one of.
	RoleArn string
	// Grant is the policies that a session was made with: it may do no more than they allow. Empty for others.
	Grant string
}

// ErrNoAccessKey is returned when no active access key has the given id.
var ErrNoAccessKey = errors.New("no such access key")

// Directory is the store of identities. Its methods may be called from many goroutines.
type Directory struct {
	st      store.Store
	account string
	root    AccessKey
	now     func() time.Time
	tagsOf  func(ctx context.Context, arn string) (map[string]string, error)
	keys    *cache[AccessKey]  // by access key id
	inline  *cache[*policySet] // by principal id
	roles   *cache[Entity]     // by ARN; the zero Entity where there is none
	used    *cache[struct{}]   // access keys whose use was noted lately
}

// Option configures a Directory.
type Option func(*Directory)

// WithRoot makes key the root account's access key.
func WithRoot(key AccessKey) Option { return func(d *Directory) { d.root = key } }

// WithAccount sets the account number in ARNs; the default is 000000000000.
func WithAccount(account string) Option { return func(d *Directory) { d.account = account } }

// WithClock replaces time.Now.
func WithClock(now func() time.Time) Option { return func(d *Directory) { d.now = now } }

// New opens the directory kept in st.
func New(st store.Store, opts ...Option) *Directory {
	d := &Directory{st: st, account: "000000000000", now: time.Now}
	for _, o := range opts {
		o(d)
	}
	d.root.Principal = Principal{Arn: "arn:aws:iam::" + d.account + ":root", UserID: d.account, Root: true}
	d.keys = newCache[AccessKey](d.now)
	d.inline = newCache[*policySet](d.now)
	d.roles = newCache[Entity](d.now)
	d.used = newCache[struct{}](d.now)
	d.used.keep = usedEvery
	return d
}

// AccessKey finds the active access key with this id, or ErrNoAccessKey.
func (d *Directory) AccessKey(ctx context.Context, id string) (AccessKey, error) {
	if id != "" && id == d.root.ID {
		return d.root, nil
	}
	if !validKeyID(id) {
		return AccessKey{}, ErrNoAccessKey // not worth a query
	}
	if strings.HasPrefix(id, tempPrefix) {
		return d.keys.get(id, func() (AccessKey, error) { return d.session(ctx, id) })
	}
	return d.keys.get(id, func() (AccessKey, error) {
		key := AccessKey{ID: id}
		var kind Kind
		var path string
		err := d.st.Read(ctx, func(r store.Reader) error {
			return r.QueryRow(ctx, `SELECT k.secret, p.id, p.kind, p.name, p.path FROM iam_access_keys k
				JOIN iam_principals p ON p.id = k.principal_id WHERE k.id = $1 AND k.active = 1`, id).
				Scan(&key.Secret, &key.Principal.UserID, &kind, &key.Principal.Name, &path)
		})
		if errors.Is(err, sql.ErrNoRows) {
			return AccessKey{}, ErrNoAccessKey
		}
		if err != nil {
			return AccessKey{}, fmt.Errorf("look up access key %s: %w", id, err)
		}
		key.Principal.Arn = d.arn(kind, path, key.Principal.Name)
		return key, nil
	})
}

func (d *Directory) arn(kind Kind, path, name string) string {
	return "arn:aws:iam::" + d.account + ":" + string(kind) + path + name
}

// changedChannel is where servers hear that something of IAM has changed.
const changedChannel = "iam"

// Watch makes this process forget what it has cached as soon as another server on the same database has changed
// something, until ctx ends. Without it, or while the news does not come through, it notices within cacheFor.
func (d *Directory) Watch(ctx context.Context) { d.st.Listen(ctx, changedChannel, d.forget) }

func (d *Directory) forget() {
	d.keys.forget()
	d.inline.forget()
	d.roles.forget()
}

// write runs f in a transaction and makes this process forget what it had cached once that is durable, and tells the
// other servers.
func (d *Directory) write(ctx context.Context, f func(tx store.Tx) error) error {
	return d.st.InTx(ctx, func(tx store.Tx) error {
		tx.AfterCommit(d.forget)
		if err := d.st.Notify(ctx, tx, changedChannel); err != nil {
			return err
		}
		return f(tx)
	})
}
