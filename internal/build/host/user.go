package host

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// identity is a user of this machine. Without a credential it is the server's own.
type identity struct {
	name       string
	credential *syscall.Credential
}

// identities looks users up; "" is nobody in particular. Only root can act for others.
func identities(names []string) (map[string]identity, error) {
	found := map[string]identity{}
	for _, name := range names {
		if name == "" {
			continue
		}
		id, err := lookUp(name)
		if err != nil {
			return nil, &build.Failure{Code: "CLIENT_ERROR", Message: fmt.Sprintf("run-as: %s: %v", name, err)}
		}
		found[name] = id
	}
	return found, nil
}

func lookUp(name string) (identity, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return identity{}, fmt.Errorf("this build runs on the server's host, which has no user of that name; add it with useradd, leave run-as out, or build in a container whose image has it")
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32) // numbers wherever there are process credentials
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	if os.Geteuid() == int(uid) {
		return identity{name: name}, nil
	}
	if os.Geteuid() != 0 {
		return identity{}, fmt.Errorf("this build runs on the server's host, where only root can run commands as another user; run the server as root, leave run-as out, or build in containers")
	}
	c := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	groups, err := u.GroupIds()
	if err != nil {
		return identity{}, err
	}
	for _, g := range groups {
		n, err := strconv.ParseUint(g, 10, 32)
		if err != nil {
			return identity{}, err
		}
		c.Groups = append(c.Groups, uint32(n))
	}
	return identity{name: name, credential: c}, nil
}

// homeOf is a user's home in the workspace. Nobody's own home is given to builds.
func (p *place) homeOf(user string) string {
	if user == "" {
		return p.ws.dir(homeDir)
	}
	return p.ws.dir(homeDir + "-" + user)
}

// Identity implements shell.Place.
func (p *place) Identity(user string) []string {
	env := []string{"HOME=" + p.homeOf(user)}
	if user != "" {
		env = append(env, "USER="+user, "LOGNAME="+user)
	}
	return env
}

// Share implements shell.Place.
func (p *place) Share(f *os.File, user string) error {
	if c := p.users[user].credential; c != nil {
		return f.Chown(int(c.Uid), int(c.Gid))
	}
	if len(p.users) > 0 {
		return f.Chown(os.Geteuid(), os.Getegid())
	}
	return nil
}

// admit opens the workspace to the users the build names: each has a home, all share the directory for temporary files,
// and the sources are the main one's.
func (p *place) admit(main string) error {
	for name, id := range p.users {
		if err := os.MkdirAll(p.homeOf(name), 0o700); err != nil {
			return fmt.Errorf("prepare workspace: %w", err)
		}
		if err := give(p.homeOf(name), id.credential); err != nil {
			return err
		}
	}
	if len(p.users) == 0 {
		return nil
	}
	for _, dir := range []string{p.ws.runner.disk.All, p.ws.runner.disk.Root} {
		if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // to be passed through, not to be looked into
			return fmt.Errorf("prepare workspace: %w", err)
		}
	}
	if err := p.openRoot(main); err != nil {
		return fmt.Errorf("prepare workspace: %w", err)
	}
	if err := os.Chmod(p.ws.dir(tempDir), 0o777|os.ModeSticky); err != nil {
		return fmt.Errorf("prepare workspace: %w", err)
	}
	for _, id := range p.users {
		if err := id.reaches(p.ws.root); err != nil {
			return err
		}
	}
	for _, dir := range p.ws.caches {
		if err := give(dir, p.users[main].credential); err != nil {
			return err
		}
	}
	return p.giveSources(p.users[main].credential)
}

// openRoot lets the build's users into the workspace, and nobody else when there is only one of them.
func (p *place) openRoot(main string) error {
	c := p.users[main].credential
	if len(p.users) > 1 || c == nil {
		return os.Chmod(p.ws.root, 0o711) //nolint:gosec // as above
	}
	return os.Chown(p.ws.root, int(c.Uid), int(c.Gid))
}

// giveSources makes everything in the workspace that is not the runner's own the user's.
func (p *place) giveSources(to *syscall.Credential) error {
	entries, err := os.ReadDir(p.ws.root)
	if err != nil {
		return fmt.Errorf("prepare workspace: %w", err)
	}
	for _, e := range entries {
		if name := e.Name(); name == notesDir || name == tempDir || strings.HasPrefix(name, homeDir) {
			continue
		}
		if err := give(p.ws.dir(e.Name()), to); err != nil {
			return err
		}
	}
	return nil
}

// reaches tells whether the user may pass through all directories that lead to dir.
func (id identity) reaches(dir string) error {
	c := id.credential
	if c == nil {
		return nil
	}
	for dir != "/" {
		dir = filepath.Dir(dir)
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return nil
		}
		needed := fs.FileMode(0o001)
		switch {
		case st.Uid == c.Uid:
			needed = 0o100
		case st.Gid == c.Gid || slices.Contains(c.Groups, st.Gid):
			needed = 0o010
		}
		if info.Mode()&needed == 0 {
			return &build.Failure{Code: "CLIENT_ERROR", Message: fmt.Sprintf(
				"the user %s cannot reach the build's workspace, because the directory %s is closed to that user; give builds a directory elsewhere with the server's setting build-directory", id.name, dir)}
		}
	}
	return nil
}

// give makes a tree a user's own. Nothing of the build runs yet.
func give(dir string, c *syscall.Credential) error {
	if c == nil {
		return nil
	}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(c.Uid), int(c.Gid))
	})
	if err != nil {
		return fmt.Errorf("give the workspace to its user: %w", err)
	}
	return nil
}
