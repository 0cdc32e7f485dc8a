package container

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// notes is the directory in which the server and the shells of a build meet. It was opened before anything of the build ran,
// whose commands can put there, and in its place, what they like: nothing leads the server out of it.
type notes struct{ *os.Root }

// makePipe makes a pipe with a name and opens both its ends in one, so that neither ever waits for the other.
func (n notes) makePipe(name string) (*os.File, error) {
	dir, err := n.Open(".")
	if err != nil {
		return nil, err
	}
	err = unix.Mkfifoat(int(dir.Fd()), name, 0o600)
	if err := errors.Join(err, dir.Close()); err != nil {
		return nil, &os.PathError{Op: "mkfifo", Path: name, Err: err}
	}
	f, err := n.OpenFile(name, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := share(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// share lets all users in the container write to a file. The directory it lies in is closed to others.
func share(f *os.File) error { return f.Chmod(0o666) }
