package host

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// Users are who builds run as when their buildspec does not say: one user of this machine, or one number out of a range
// for each build. Then no build can read what another has, and whatever runs under its number is its own.
type Users struct {
	one         identity
	first, last uint32 // a range; last is 0 when there is none
}

// ParseUsers reads the name of a user or FIRST-LAST. Only root can run builds as others.
func ParseUsers(text string) (*Users, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("only a server that runs as root can run builds as another user")
	}
	from, to, ranged := strings.Cut(text, "-")
	first, ferr := strconv.ParseUint(from, 10, 32)
	last, lerr := strconv.ParseUint(to, 10, 32)
	if ranged && ferr == nil && lerr == nil {
		if first == 0 || last < first {
			return nil, fmt.Errorf("%q is not a range of users, such as 200000-200063", text)
		}
		return &Users{first: uint32(first), last: uint32(last)}, nil
	}
	if u, err := user.Lookup(text); err != nil || u.Uid == "0" {
		return nil, fmt.Errorf("%q is neither a user of this machine other than root nor a range of numbers such as 200000-200063", text)
	}
	one, err := lookUp(text)
	return &Users{one: one}, err
}

// Reach tells whether builds could reach workspaces in a directory. An error says what to do.
func (u *Users) Reach(dir string) error {
	id := u.one
	if u.last > 0 {
		id = identity{name: strconv.FormatUint(uint64(u.first), 10), credential: &syscall.Credential{Uid: u.first, Gid: u.first}}
	}
	return id.reaches(dir)
}

// taken is the user of one build.
type taken struct {
	identity
	alone bool     // no other build has it
	lock  *os.File // holds the number, also against other servers of this machine, as long as it is open
}

// take gives a build a user. Locks of numbers lie in dir.
func (u *Users) take(dir string) (*taken, error) {
	if u == nil {
		return &taken{}, nil
	}
	if u.last == 0 {
		return &taken{identity: u.one}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("users of builds: %w", err)
	}
	for uid := u.first; uid <= u.last; uid++ {
		name := strconv.FormatUint(uint64(uid), 10)
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("users of builds: %w", err)
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			c := &syscall.Credential{Uid: uid, Gid: uid}
			return &taken{identity: identity{name: name, credential: c}, alone: true, lock: f}, nil
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	return nil, &build.Failure{Crowded: true, Code: "CLIENT_ERROR", Message: fmt.Sprintf(
		"all users of builds are taken (%d-%d); give the server's setting build-user a range as large as its build-slots", u.first, u.last)}
}

// release gives the number to the next build. Nothing runs under it and no file of it is in reach.
func (t *taken) release() error {
	if t == nil || t.lock == nil {
		return nil
	}
	return t.lock.Close()
}
