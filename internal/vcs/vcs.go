// Package vcs runs the system's clients of version control (git, svn, hg, and ssh below them) against servers of other
// people, with nothing of this machine in reach of what those servers say: no shell, no user's configuration, no prompts,
// no hooks, only the protocols of a network, and secrets neither on command lines nor in addresses.
package vcs

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// System is a kind of version control; its value is the client's program.
type System string

// The systems.
const (
	Git        System = "git"
	Subversion System = "svn"
	Mercurial  System = "hg"
)

// packages are what Debian calls the clients.
var packages = map[string]string{"git": "git", "svn": "subversion", "hg": "mercurial", "ssh": "openssh-client"}

// schemes are the protocols each system may speak. None of them reads files of this machine or starts a program of
// somebody else's choice.
var schemes = map[System][]string{
	Git:        {"http", "https", "ssh", "git"},
	Subversion: {"http", "https", "svn", "svn+ssh"},
	Mercurial:  {"http", "https", "ssh"},
}

// Login is how to sign in: with a password, or with an SSH key.
type Login struct {
	User       string `json:"user,omitempty"`
	Password   string `json:"password,omitempty"`
	PrivateKey string `json:"privateKey,omitempty"` // as ssh-keygen writes it
	// For is the beginning of the URLs it is for: nobody can have it sent anywhere else.
	For string `json:"for,omitempty"`
}

// Fits tells whether a login is for a URL: its scheme and host, and its path or one below it.
func (l Login) Fits(text string) bool {
	want, got := strings.TrimRight(l.For, "/"), text
	rest, ok := strings.CutPrefix(got, want)
	return ok && want != "" && (rest == "" || rest[0] == '/') && !strings.Contains(rest, "..")
}

// Remote is a repository somewhere.
type Remote struct {
	URL   string // checked with CheckURL
	Login Login
	// Insecure takes whatever certificate the server shows (git over HTTPS alone).
	Insecure bool
}

// Origin is a repository somewhere else, as one owner of credentials sees it. Copies are kept apart by owner: nobody reads
// with another one's credentials.
type Origin struct {
	Remote
	Owner string // a connection or a login; "" for everybody
}

var (
	// scpLike is git's short form USER@HOST:PATH.
	scpLike  = regexp.MustCompile(`^[A-Za-z0-9._][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^-:/][^:]*$`)
	hostname = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	userName = regexp.MustCompile(`^[A-Za-z0-9._][A-Za-z0-9._+@-]*$`)
)

// CheckURL says what the URL of a repository should have been, or "".
func CheckURL(system System, text string) string {
	form := "a URL like " + strings.Join(schemes[system], "://..., ") + "://..."
	for _, r := range text {
		if r <= ' ' || r == 0x7f {
			return form + " without blanks"
		}
	}
	if system == Git && scpLike.MatchString(text) {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case strings.HasPrefix(text, "-") || err != nil || !slices.Contains(schemes[system], u.Scheme):
		return form
	case !hostname.MatchString(u.Hostname()) && net.ParseIP(u.Hostname()) == nil:
		return form + " with the name of a host"
	case u.User != nil && passwordIn(u):
		return form + " without a password: store it as a login and name that in ConveyorCredentials"
	case u.User != nil && !userName.MatchString(u.User.Username()):
		return form + " with a user of letters, digits and ._+@-"
	case u.RawQuery != "" || u.Fragment != "":
		return form + " without ? and #"
	}
	return ""
}

func passwordIn(u *url.URL) bool {
	_, has := u.User.Password()
	return has
}

// usesSSH tells whether a URL is reached through ssh.
func usesSSH(text string) bool {
	return strings.HasPrefix(text, "ssh://") || strings.HasPrefix(text, "svn+ssh://") || scpLike.MatchString(text)
}

// MissingError says that a client is not installed.
type MissingError struct{ Program string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("the program %s is not installed on this server; install the package %s, or add its directory to the server's PATH", e.Program, packages[e.Program])
}

// ClientError is a client that failed, with what it said.
type ClientError struct{ Program, Said string }

func (e *ClientError) Error() string { return e.Program + " says: " + e.Said }

// transient is what clients say, in the C locale, when a server was not there, was too busy, or cut them off. A name that is
// not known is not among it: most often it is misspelt.
var transient = regexp.MustCompile(`(?i)connection (refused|reset|timed out)|operation timed out|network is unreachable|no route to host|` +
	`couldn't connect to server|empty reply from server|early eof|unexpected disconnect|transfer closed|recv failure|` +
	`returned error: (429|5\d\d)|http error (429|5\d\d)|\b(e000111|e120108|e175012)\b|http/2 stream .* was not closed cleanly`)

// Transient tells whether trying again later may help.
func (e *ClientError) Transient() bool { return transient.MatchString(e.Said) }

// ErrTooLarge says that a repository is larger than it may be.
var ErrTooLarge = errors.New("it is larger than this server takes")

// ErrNoRevision says that a repository has no such branch, tag or revision.
var ErrNoRevision = errors.New("there is no such branch, tag or revision")
