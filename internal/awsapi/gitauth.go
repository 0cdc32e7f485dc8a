package awsapi

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"time"
)

// ErrGitCredentials says that a user name and password do not belong to anyone here. It does not say which was wrong.
var ErrGitCredentials = errors.New("the user name or password is not valid here")

// gitDate is the timestamp inside a Git password: unlike everywhere else it is signed without its Z.
const gitDate = "20060102T150405"

// VerifyGit proves who sent a Git request with HTTP basic authentication. Two forms are accepted: what
// `aws codecommit credential-helper` makes (an access key id, followed by % and the session token for temporary
// credentials, and a password that is a signature of path and host, good for 15 minutes), and a plain access key id and
// secret. path is the repository's path as the client has it in its URL ("/v1/repos/NAME", nothing after the name);
// host may carry a port, which is not signed. A refusal is ErrGitCredentials; any other error is a failure of the
// server.
func (v *Verifier) VerifyGit(ctx context.Context, username, password, path, host string) (Identity, error) {
	id, token, _ := strings.Cut(username, "%")
	key, err := v.lookup(ctx, id, token)
	if err != nil {
		var refused *AuthError
		if errors.As(err, &refused) {
			return Identity{}, ErrGitCredentials
		}
		return Identity{}, err
	}
	if subtle.ConstantTimeCompare([]byte(password), []byte(key.Secret)) == 1 || v.gitSignature(key.Secret, password, path, host) {
		return v.identity(key), nil
	}
	return Identity{}, ErrGitCredentials
}

func (v *Verifier) gitSignature(secret, password, path, host string) bool {
	date, sum, ok := strings.Cut(password, "Z")
	if !ok {
		return false
	}
	at, err := time.Parse(gitDate, date)
	if err != nil {
		return false
	}
	if age := v.now().Sub(at); age > skew || age < -skew {
		return false
	}
	got, err := hex.DecodeString(sum)
	if err != nil {
		return false
	}
	scope := Scope{Day: date[:len(amzDay)], Region: v.place.Region, Service: "codecommit"}
	return equalMAC(got, sign(secret, scope, date, gitCanonical(path, host)))
}

// gitCanonical is what the credential helper signs. The helper cuts the host at its first colon.
func gitCanonical(path, host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil && !strings.Contains(h, ":") {
		host = h
	}
	return "GIT\n" + path + "\n\nhost:" + host + "\n\nhost\n"
}
