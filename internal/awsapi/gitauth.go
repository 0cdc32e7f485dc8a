package awsapi

import (
	"context"
	"errors"

	"github.com/conveyor-cd/conveyor/internal/iam"
)

// Keys finds access keys by id; *iam.Directory is one. An unknown or inactive id is iam.ErrNoAccessKey.
type Keys interface {
	AccessKey(ctx context.Context, id string) (iam.AccessKey, error)
}

// Verifier proves who sent a request from its signature.
type Verifier struct {
	keys  Keys
	place Place
}

// NewVerifier makes a Verifier that knows the access keys of keys.
func NewVerifier(keys Keys, place Place) *Verifier {
	return &Verifier{keys: keys, place: place.WithDefaults()}
}

// ErrGitCredentials says that a user name and password do not belong to anyone here. It does not say which was wrong.
var ErrGitCredentials = errors.New("the user name or password is not valid here")

// VerifyGit proves who sent a Git request with HTTP basic authentication. Two forms are accepted: those of
// `aws codecommit credential-helper` (an access key id, and a password signed for path and host) and a plain access
// key id and secret. path is the request's path as the client sees it ("/v1/repos/NAME", without /info/refs and the
// like); host may carry a port, which is not signed. Any error but ErrGitCredentials is a failure of the server.
func (v *Verifier) VerifyGit(ctx context.Context, username, password, path, host string) (Identity, error) {
	return Identity{}, ErrGitCredentials
}
