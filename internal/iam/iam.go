// Package iam keeps who may use the server: the root credentials, users and their access keys, roles, and the policies
// written inside users and roles.
//
// It is plain storage with rules; the IAM and STS protocols are internal/awsapi/iam and internal/awsapi/sts.
package iam

import (
	"context"
	"errors"
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
}

// ErrNoAccessKey is returned when no active access key has the given id.
var ErrNoAccessKey = errors.New("no such access key")

// Directory is the store of identities. Its methods may be called from many goroutines.
type Directory struct {
	st      store.Store
	account string
	root    AccessKey
	now     func() time.Time
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
	return d
}

// AccessKey finds the active access key with this id, or ErrNoAccessKey.
func (d *Directory) AccessKey(ctx context.Context, id string) (AccessKey, error) {
	if id != "" && id == d.root.ID {
		return d.root, nil
	}
	return AccessKey{}, ErrNoAccessKey
}
