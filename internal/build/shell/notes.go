package shell

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// dir is the directory of the notes. The build can do in it what it likes: nothing that lies there leads the server out of
// it, makes it wait or fills its memory.
type dir struct{ *os.Root }

// maxNote is how long a file may be that the build has written for the session: its variables, mostly.
const maxNote = 16 << 20

func openDir(path string) (*dir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("the notes of the build's shell: %w", err)
	}
	return &dir{root}, nil
}

// put makes a file anew, for a shell in the background may still read the one before, and has it shared.
func (d *dir) put(name, text string, share func(*os.File) error) error {
	d.drop(name)
	f, err := d.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, share(f), f.Close())
}

// share has the directory itself shared.
func (d *dir) share(how func(*os.File) error) error {
	f, err := d.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(how(f), f.Close())
}

func (d *dir) drop(name string) {
	_ = d.Remove(name) // what cannot be removed is noticed by whoever makes it anew
}

// read reads a file that the shell wrote.
func (d *dir) read(name string) (string, error) {
	f, err := d.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !st.Mode().IsRegular() || st.Size() > maxNote {
		return "", fmt.Errorf("the build's commands have made something else of the file %s of its session", name)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxNote))
	return string(text), err
}
